"""Addresses are told from paths, and are never mangled."""

from pathlib import Path

import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.path import RemotePath, as_path_or_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data/store", Path("data/store")),
        ("s3:/data", Path("s3:/data")),
        ("C:/data", Path("C:/data")),
        ("file:///tmp/a b", Path("/tmp/a b")),
        ("local:///tmp/x", Path("/tmp/x")),
        ("s3://bucket/store.zarr/", RemotePath("s3://bucket/store.zarr")),
        ("S3://Bucket/x", RemotePath("s3://Bucket/x")),
        ("memory://x", RemotePath("memory://x")),
    ],
)
def test_paths_and_addresses(text: str, expected: object) -> None:
    assert as_path_or_url(text) == expected
    assert as_path_or_url(as_path_or_url(text)) == expected


@pytest.mark.parametrize(
    "text", ["s3://", "memory:///", "simplecache::s3://bucket/x", "zip://a::s3://b/c.zip"]
)
def test_addresses_of_nothing_and_chains_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        as_path_or_url(text)


def test_an_address_works_like_a_path() -> None:
    place = RemotePath("s3://bucket/folder/store")
    assert str(place / "a/b") == "s3://bucket/folder/store/a/b"
    assert (place.name, place.parent, place.protocol) == (
        "store",
        RemotePath("s3://bucket/folder"),
        "s3",
    )
    assert place.with_name("x") == RemotePath("s3://bucket/folder/x")
    top = RemotePath("s3://bucket")
    assert top.parent == top
    assert place.resolve() == place
