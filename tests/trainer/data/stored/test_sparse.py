"""Sparse frames: every bit comes back, and a kept buffer holds nothing of the batch before."""

import numpy as np
import torch

from trainer.data.stored.sparse import WindowBuffer, joined, sparse


def maps(n_frames, seed, share=0.02):
    """Heatmaps of K = 3, mostly zero, with a -0.0 and a denormal number."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n_frames, 3, 56, 56)).astype(np.float32)
    values[random.random(values.shape) > share] = 0
    if n_frames:
        values[0, 0, 0, 1] = -0.0
        values[-1, -1, -1, -1] = np.float32(1e-42)
    return values


def bits(values):
    return np.asarray(values).view(np.int32)


def test_windows_come_back_bit_for_bit_whatever_was_there_before():
    first, second, full = maps(16, 0), maps(7, 1), maps(8, 2, share=1.0)
    block = joined([sparse(first), sparse(second)])
    whole = np.concatenate([first, second])
    filled = torch.from_numpy(full)
    assert sparse(full) is None
    buffer = WindowBuffer(torch.full((4, 5, 3, 56, 56), np.nan))
    batches = [
        [(block, range(5)), (block, range(14, 23, 2)), (filled, range(3, 8))],
        [(block, range(18, 23)), (filled, range(5)), (block, range(2, 7)), (block, range(5, 10))],
        [(block, range(9, 14))],
    ]
    for windows in batches:
        found = buffer.fill(windows)
        assert len(found) == len(windows)
        for row, (source, frames) in zip(found.numpy(), windows, strict=True):
            expected = (whole if source is block else full)[list(frames)]
            assert np.array_equal(bits(row), bits(expected))
    assert not buffer.fill([]).numel()
    assert not np.any(buffer._maps.numpy())  # all is cleared


def test_an_empty_frame_is_a_frame():
    block = sparse(np.zeros((3, 3, 56, 56), np.float32))
    assert block.first.tolist() == [0, 0, 0, 0]
    assert not WindowBuffer(torch.ones(1, 3, 3, 56, 56)).fill([(block, range(3))]).any()


def test_filled_frames_can_be_held_sparsely_where_they_must():
    full = maps(4, 3, share=1.0)
    found = WindowBuffer(torch.empty(1, 4, 3, 56, 56)).fill([(sparse(full, most=1.0), range(4))])
    assert np.array_equal(bits(found[0].numpy()), bits(full))
