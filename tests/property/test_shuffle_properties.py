"""Every read plan is a permutation, is deterministic, and can be entered anywhere."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.stored.shuffle import plan_ascending, plan_shuffled

windows_of_a_split = st.lists(st.integers(0, 5_000), max_size=300, unique=True).map(
    lambda firsts: np.array(firsts, dtype=np.int64)
)


def check_reads(plan, windows, block_frames):
    """Each window's read holds it; reads are numbered by first use, and end with their last."""
    start = plan.first_frame[plan.read]
    firsts = windows[plan.order]
    assert ((start <= firsts) & (firsts < start + block_frames)).all()
    _, first_use = np.unique(plan.read, return_index=True)
    assert (np.diff(first_use) > 0).all()
    assert len(first_use) == len(plan.first_frame) == len(plan.last_use)
    for read, last in enumerate(plan.last_use):
        assert np.flatnonzero(plan.read == read)[-1] == last


@settings(max_examples=60, deadline=None)
@given(
    windows=windows_of_a_split,
    block_frames=st.sampled_from([1, 16, 128]),
    pool_frames=st.integers(0, 6_000),
    seed=st.integers(0, 2**32),
    epoch=st.integers(0, 50),
    skip=st.integers(0, 320),
)
def test_shuffled(windows, block_frames, pool_frames, seed, epoch, skip):
    plan = plan_shuffled(windows, block_frames, pool_frames, seed, epoch)
    assert sorted(plan.order.tolist()) == list(range(len(windows)))
    check_reads(plan, windows, block_frames)
    again = plan_shuffled(windows, block_frames, pool_frames, seed, epoch)
    assert np.array_equal(plan.order, again.order)
    rest = plan_shuffled(windows, block_frames, pool_frames, seed, epoch, skip)
    assert np.array_equal(rest.order, plan.order[skip:])
    check_reads(rest, windows, block_frames)


@settings(max_examples=30, deadline=None)
@given(
    windows=windows_of_a_split, block_frames=st.sampled_from([1, 16, 128]), skip=st.integers(0, 320)
)
def test_ascending(windows, block_frames, skip):
    plan = plan_ascending(windows, block_frames, skip)
    assert np.array_equal(windows[plan.order], np.sort(windows)[skip:])
    check_reads(plan, windows, block_frames)
