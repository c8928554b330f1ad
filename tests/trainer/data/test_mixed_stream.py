"""Two streams in turn: half and half, resumable, the second going on through its own epochs."""

import pytest
import torch

from tests.trainer.fake_store import make_store
from trainer.data.mixed_stream import MixedStream
from trainer.data.stream import WindowStream
from trainer.noise.gaussian import NoiseConfig


def opened(n_clips, batch_size=4):
    noise = NoiseConfig(1.0, (1.0,))
    store = make_store(n_clips, 12)
    return WindowStream(store, "train", 1, noise, batch_size, consumes="coordinates")


@pytest.mark.parametrize(("first", "second"), [(5, 20), (20, 5)])
def test_batches_come_in_turn_and_the_second_goes_on(first, second):
    mine, theirs = opened(first), opened(second)
    both = MixedStream(mine, theirs)
    n_whole = theirs.n_windows // 4
    assert both.n_batches == 2 * mine.n_batches
    for epoch in (1, 2):
        batches = list(both.epoch(epoch))
        assert sum(len(batch.window) for batch in batches) == both.n_windows
        assert len(batches) == both.n_batches
        for i, (ours, expected) in enumerate(zip(batches[::2], mine.epoch(epoch), strict=True)):
            assert torch.equal(ours.window, expected.window)
            assert ours.clip.max() < mine.clip_count
            done, at = divmod((epoch - 1) * mine.n_batches + i, n_whole)
            beside = next(theirs.epoch(done + 1, at))
            assert torch.equal(batches[2 * i + 1].noisy, beside.noisy)
            assert torch.equal(batches[2 * i + 1].clip - mine.clip_count, beside.clip)


@pytest.mark.parametrize("start", [0, 1, 4, 7])
def test_an_epoch_goes_on_from_any_batch(start):
    both = MixedStream(opened(10), opened(15))
    whole = list(both.epoch(2))[start:]
    for part, expected in zip(both.epoch(2, start), whole, strict=True):
        assert torch.equal(part.noisy, expected.noisy)
        assert torch.equal(part.clip, expected.clip)


def test_clips_of_both_are_named():
    both = MixedStream(opened(5), opened(15))
    assert both.clip_ids(torch.tensor([0, 2, 5, 5, 19])) == ["0000", "0002", "0000", "0014"]
