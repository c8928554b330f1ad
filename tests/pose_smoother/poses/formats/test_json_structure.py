"""JSON is looked through before it is parsed: how deep it is, and the memory it would take."""

import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import json_utils
from pose_smoother.poses.formats.json_utils import MAX_DEPTH, load


@pytest.fixture(params=[7, 1 << 20])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks shorter than the text, and longer."""
    monkeypatch.setattr(json_utils, "_BLOCK_BYTES", request.param)


def nested(depth: int) -> bytes:
    """Lists and objects in one another."""
    pairs = [(b"[", b"]"), (b'{"a":', b"}")] * depth
    opened, closed = zip(*pairs[:depth], strict=True)
    return b"".join(opened) + b"1" + b"".join(reversed(closed))


@pytest.mark.usefixtures("block")
def test_text_may_be_so_deep() -> None:
    load(nested(MAX_DEPTH))
    after = b"[" + b"[]," * 70 + nested(MAX_DEPTH) + b"]"
    for raw, found in ((nested(MAX_DEPTH + 1), 65), (after, 65), (nested(80), 80)):
        with pytest.raises(InvalidInputError, match=f"nested {found} levels deep; .* at most 64"):
            load(raw)


@pytest.mark.usefixtures("block")
def test_brackets_in_strings_do_not_count() -> None:
    text = b'["' + b"[" * 99 + rb"\"" + b"{" * 99 + rb"\\" + b'", "~~~~~~~~~~"]'
    assert load(text)[0] == "[" * 99 + '"' + "{" * 99 + "\\"


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    ("raw", "n", "needed"),
    [
        (b"[" + b",".join([b"[]"] * 70) + b"]", 71, 71 * 64 + 69 * 32),
        (b"[" + b",".join([b"{}"] * 70) + b"]", 71, 64 + 70 * 232 + 69 * 32),
        (b"[" + b",".join([b"[{}]"] * 70) + b"]", 141, 71 * 64 + 70 * 232 + 69 * 32),
    ],
)
def test_memory_is_that_of_lists_objects_and_values(
    raw: bytes, n: int, needed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_utils, "_MEMORY_RATIO", 0)
    monkeypatch.setattr(json_utils, "_MEMORY_FLOOR", needed)
    load(raw)
    monkeypatch.setattr(json_utils, "_MEMORY_FLOOR", needed - 1)
    told = f"found {n} lists and objects in {len(raw):,} bytes, which would take {needed:,} bytes"
    with pytest.raises(InvalidInputError, match=told):
        load(raw)
    monkeypatch.setattr(json_utils, "_MEMORY_RATIO", needed // len(raw) + 1)
    load(raw)
