"""Block-shuffled orders: how well they mix and how much they hold."""

import numpy as np
import pytest

from pose_smoother.seeds import rng
from trainer.data.stored.shuffle import ReadPlan, plan_ascending, plan_shuffled
from trainer.data.stream import BLOCK_FRAMES, POOL_FRAMES

BLOCK = 128


def near_pairs(plan, windows, batch_size=16):
    """Mean number of window pairs less than 5 frames apart in a batch."""
    firsts = windows[plan.order]
    batches = firsts[: len(firsts) // batch_size * batch_size].reshape(-1, batch_size)
    apart = np.abs(batches[:, :, None] - batches[:, None, :]) < 5
    return (apart.sum(axis=(1, 2)) - batch_size) / 2


def held_blocks(plan):
    """Blocks held at each position, as the reader holds them: from first to last use."""
    first_use = np.full(len(plan.first_frame), len(plan.order))
    np.minimum.at(first_use, plan.read, np.arange(len(plan.order)))
    change = np.zeros(len(plan.order) + 1, dtype=int)
    np.add.at(change, first_use, 1)
    np.add.at(change, plan.last_use + 1, -1)
    return np.cumsum(change)[:-1]


def test_mixing_depends_on_the_pool_and_is_even_over_the_epoch():
    windows = np.arange(30_000)
    plan = plan_shuffled(windows, BLOCK, 2_048, seed=0, epoch=0)
    pairs = near_pairs(plan, windows)
    by_chance = 120 * 8 / 2_048
    for part in (pairs, pairs[:150], pairs[-150:]):
        assert part.mean() == pytest.approx(by_chance, rel=0.35)
    small = near_pairs(plan_shuffled(windows, BLOCK, 256, seed=0, epoch=0), windows)
    assert small.mean() > 5 * pairs.mean()


def full_size_index():
    """First frames of 207,072 windows, as many as the thesis trains on, in clips of 20 to 200."""
    lengths = np.random.default_rng(0).integers(20, 200, 2_200)
    ends = np.cumsum(lengths)
    clips = [np.arange(end - n, end - 4) for n, end in zip(lengths, ends, strict=True)]
    return np.concatenate(clips)[:207_072]


#: How many pairs of windows of a batch of 16 (of its 120) may be less than 5 frames apart beyond
#: what chance has: one batch in fifteen has one. (Uniform: 0.0045, one batch in 220.)
MARGIN_PAIRS = 0.065


def test_neighbours_meet_no_more_often_than_by_chance_and_the_margin():
    windows = full_size_index()
    uniform = near_pairs(ReadPlan(rng(0, 5).permutation(len(windows)), *3 * [None]), windows)
    assert uniform.mean() == pytest.approx(120 * 8 / len(windows), rel=0.5)
    for seed in (0, 1):
        pairs = near_pairs(plan_shuffled(windows, BLOCK_FRAMES, POOL_FRAMES, seed, 0), windows)
        assert pairs.mean() < uniform.mean() + MARGIN_PAIRS
        assert pairs[:1_000].mean() < uniform.mean() + 1.5 * MARGIN_PAIRS  # at its start as well
    short = near_pairs(plan_shuffled(windows, BLOCK_FRAMES, 8_192, 0, 0), windows)
    assert short.mean() > uniform.mean() + MARGIN_PAIRS


def test_a_pool_that_holds_everything_is_a_uniform_shuffle_read_once():
    windows = np.arange(3_000)
    plan = plan_shuffled(windows, BLOCK, 10_000, seed=0, epoch=0)
    assert len(plan.first_frame) == len(np.unique(windows // BLOCK))
    thirds = plan.order.reshape(3, 1_000)
    assert np.allclose(thirds.mean(axis=1), 1_500, atol=120)
    assert abs(np.corrcoef(np.arange(3_000), plan.order)[0, 1]) < 0.08


def test_an_epoch_that_can_be_held_is_read_once_in_the_same_order():
    windows = np.arange(4_000)
    twice, once, too_long = (
        plan_shuffled(windows, BLOCK, 2_048, seed=0, epoch=0, hold_frames=held)
        for held in (0, 4_096, 3_900)
    )
    assert len(once.first_frame) == len(np.unique(windows // BLOCK)) < len(twice.first_frame)
    assert once.order.tolist() == twice.order.tolist()
    assert len(too_long.first_frame) == len(twice.first_frame)


def test_only_one_pool_is_read_twice():
    plan = plan_shuffled(np.arange(30_000), BLOCK, 2_048, seed=0, epoch=0)
    _, times = np.unique(plan.first_frame, return_counts=True)
    assert times.max() == 2
    assert (times == 2).sum() <= 2_048 / BLOCK + 1


def test_blocks_come_in_another_order_in_every_epoch_and_seed():
    windows = np.arange(5_000)
    orders = [
        plan_shuffled(windows, BLOCK, 512, seed, epoch).order.tolist()
        for seed, epoch in [(0, 0), (0, 1), (1, 0)]
    ]
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_ascending_reads_each_block_once_and_holds_one():
    windows = np.random.default_rng(0).permutation(1_000)
    plan = plan_ascending(windows, BLOCK)
    assert windows[plan.order].tolist() == list(range(1_000))
    assert plan.first_frame.tolist() == list(range(0, 1_000, BLOCK))
    assert held_blocks(plan).max() == 1


@pytest.mark.parametrize("pool_frames", [0, 256, 2_048, 100_000])
def test_the_pool_is_bounded(pool_frames):
    plan = plan_shuffled(np.arange(20_000), BLOCK, pool_frames, seed=3, epoch=1)
    n_blocks = -(-20_000 // BLOCK)
    assert held_blocks(plan).max() <= min(pool_frames // BLOCK + 2, n_blocks)
