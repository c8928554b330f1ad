"""Flushing: everything of a finished folder, and no error lost."""

import errno
import os

import pytest

from pose_smoother.files import atomic
from pose_smoother.files.atomic import add_checksum, fsync_tree, verify_checksum


@pytest.fixture
def tree(tmp_path):
    """Files in folders, some of them empty."""
    for name in ("a/b/c/0", "a/b/c/1", "a/zarr.json", "d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_every_file_and_folder_is_flushed_once(tree, monkeypatch):
    flushed = []

    def note(handle):
        flushed.append(os.fstat(handle).st_ino)

    monkeypatch.setattr(atomic.os, "fsync", note)
    fsync_tree(tree)
    assert sorted(flushed) == sorted(path.stat().st_ino for path in [tree, *tree.rglob("*")])


@pytest.mark.parametrize("name", ["a/b/c/1", "empty"])
def test_a_flush_that_fails_is_an_error(tree, monkeypatch, name):
    def fail(path):
        if path == tree / name:
            raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(atomic, "fsync_folder", fail)
    with pytest.raises(OSError, match="Input/output error"):
        fsync_tree(tree)


@pytest.mark.parametrize("value", [{}, {"a": 1}, {"z": ["seal", {"seal": 2}]}, {"a": 1, "z": "s"}])
def test_a_checksum_fits_wherever_its_key_comes(value):
    assert verify_checksum(add_checksum(value)) == value


def test_a_checksum_does_not_fit_after_any_change():
    raw = add_checksum({"a": [1, 2], "z": "text"})
    for place in range(len(raw)):
        for new in (b"", b"0", raw[place : place + 1] * 2):
            changed = raw[:place] + new + raw[place + 1 :]
            if changed != raw:
                with pytest.raises(ValueError):  # noqa: PT011 (JSON's own error among them)
                    verify_checksum(changed)
