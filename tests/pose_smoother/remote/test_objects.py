"""Objects are read whole or asked for again; of two writers one wins."""

from typing import Any

import pytest

from pose_smoother.remote import objects
from pose_smoother.remote.path import RemotePath
from pose_smoother.remote.retry import N_TRIES, ContentMismatchError


@pytest.fixture
def short(bucket: RemotePath, memory: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """``x`` of ten bytes; as many answers as the list says are cut to three."""
    memory.pipe_file((bucket / "x").url, b"0123456789")
    left = [0]
    real = memory.cat_file

    def cut(path: str, **limits: int) -> bytes:
        data: bytes = real(path, **limits)
        left[0] -= 1
        return data[:3] if left[0] >= 0 else data

    monkeypatch.setattr(memory, "cat_file", cut)
    return left


def test_an_answer_that_is_cut_short_is_asked_for_again(
    bucket: RemotePath, short: list[int]
) -> None:
    short[0] = N_TRIES - 1
    assert objects.read(bucket / "x", 10) == b"0123456789"
    short[0] = N_TRIES - 1
    assert objects.read_range(bucket / "x", 2, 9) == b"2345678"


def test_one_that_is_always_cut_short_is_reported(bucket: RemotePath, short: list[int]) -> None:
    short[0] = 99
    with pytest.raises(ContentMismatchError, match="3 bytes arrived, expected 10"):
        objects.read(bucket / "x", 10)


def test_pieces_make_the_whole(
    bucket: RemotePath, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PIECE_BYTES", 7)
    memory.pipe_file((bucket / "x").url, bytes(range(50)))
    assert [len(piece) for piece in objects.iter_chunks(bucket / "x", 50)] == [7] * 7 + [1]
    assert b"".join(objects.iter_chunks(bucket / "x", 50)) == bytes(range(50))


def test_create_never_replaces(bucket: RemotePath) -> None:
    assert objects.create(bucket / "x", b"first")
    assert not objects.create(bucket / "x", b"second")
    assert objects.create(bucket / "x", b"first"), "a try whose answer was lost has worked"
    assert objects.read(bucket / "x") == b"first"


def test_results_come_in_order_and_an_error_ends_it() -> None:
    assert list(objects.thread_map(lambda n: n * n, range(100))) == [n * n for n in range(100)]
    with pytest.raises(ZeroDivisionError):
        list(objects.thread_map(lambda n: 1 // (n - 30), range(100)))


def test_a_listing_names_what_is_below(bucket: RemotePath, memory: Any) -> None:
    for name in ("a/b", "a/c", "d"):
        memory.pipe_file((bucket / name).url, b"xy")
    assert list(objects.listing(bucket)) == ["a/b", "a/c", "d"]
    assert {entry.n_bytes for entry in objects.listing(bucket).values()} == {2}
    assert objects.listing(bucket / "none") == {}
    assert objects.is_folder(bucket / "a")
    assert objects.entry(bucket / "a") is None
