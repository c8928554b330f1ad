"""The reading thread: what it reads, how its errors surface, and that it always ends."""

import threading
import time

import numpy as np
import pytest
import torch

from pose_smoother.errors import DamagedShardError
from tests.trainer.fake_store import make_store
from trainer.data.stored.reader import BlockReader
from trainer.data.stored.sparse import SparseFrames, WindowBuffer


def reading_threads():
    return [thread for thread in threading.enumerate() if thread.name == "heatmap reader"]


def dense(block):
    """A block's heatmaps, float32 (n, 25, 56, 56)."""
    if not isinstance(block, SparseFrames):
        return block.numpy()
    n = len(block.first) - 1
    return WindowBuffer(torch.empty(1, n, 25, 56, 56)).fill([(block, range(n))])[0].numpy()


@pytest.mark.parametrize("filled", [False, True])
def test_blocks_come_in_the_given_order(filled, monkeypatch):
    store = make_store()
    if filled:  # as a detector's own heatmaps are: no pixel is zero
        read = store.read
        monkeypatch.setattr(store, "read", lambda *where: read(*where) + np.float32(1))
    ranges = [(16, 40), (0, 24), (16, 40)]
    with BlockReader(store, "train", ranges) as reader:
        for start, stop in ranges:
            expected = store.read("train", "heatmaps", start, stop)
            block = reader.next_block()
            assert isinstance(block, SparseFrames) != filled
            assert np.array_equal(dense(block), expected)
        with pytest.raises(EOFError):
            reader.next_block()
    assert not reading_threads()


def test_a_damaged_shard_surfaces_with_its_name_after_the_good_blocks():
    store = make_store()
    store.damaged = ("train", "heatmaps", 30)
    with BlockReader(store, "train", [(0, 16), (16, 32)]) as reader:
        reader.next_block()
        with pytest.raises(DamagedShardError, match="train/heatmaps shard 0: bad checksum"):
            reader.next_block()
    assert not reading_threads()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda maps: np.where(maps == maps.max(), np.float32(np.nan), maps), "is not finite"),
        (lambda maps: np.where(maps == maps.max(), np.float32(np.inf), maps), "is not finite"),
        (lambda maps: maps[:-1], r"expected float32 \(8, 25, 56, 56\), found float32 \(7, 25"),
        (lambda maps: maps.astype(np.float64), "found float64"),
    ],
)
def test_heatmaps_that_break_the_contract_are_refused(monkeypatch, spoil, message):
    store = make_store()
    read = store.read
    monkeypatch.setattr(store, "read", lambda *where: spoil(read(*where)))
    with (
        BlockReader(store, "train", [(8, 16)]) as reader,
        pytest.raises(
            DamagedShardError, match=rf"fake: train/heatmaps, frames 8 \.\.\. 15: .*{message}"
        ),
    ):
        reader.next_block()


def test_reading_keeps_one_block_ahead_and_ends_with_an_early_stop():
    store = make_store(n_frames=40)
    with BlockReader(store, "train", [(0, 8)] * 50) as reader:
        reader.next_block()
        give_up = time.monotonic() + 60
        while store.n_reads["train", "heatmaps"] < 3 and time.monotonic() < give_up:
            time.sleep(0.01)
        time.sleep(0.3)  # and no further
    assert not reading_threads()
    assert store.n_reads["train", "heatmaps"] == 3  # one taken, one waiting, one in hand


def test_leaving_without_reading_anything_ends_the_thread():
    with BlockReader(make_store(), "train", [(0, 8)] * 5):
        pass
    assert not reading_threads()
