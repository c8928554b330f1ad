import numpy as np

from pipeline.splits import cut_in_order
from pipeline.splits import split_groups as split_indices
from pose_smoother.store.names import SPLITS


def split_groups(groups: list[str], weights: list[int], strata: list[str], seed: int) -> list[str]:
    return [SPLITS[i] for i in split_indices(groups, weights, strata, seed)]


def shares(splits: list[str], weights: list[int]) -> dict[str, float]:
    total = sum(weights)
    return {
        name: sum(w for s, w in zip(splits, weights, strict=True) if s == name) / total
        for name in ("train", "val", "test")
    }


def test_shares_are_met_and_groups_stay_whole() -> None:
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 300, 500).tolist()
    groups = [f"video{i // 3}" for i in range(500)]
    splits = split_groups(groups, weights, ["a"] * 500, seed=4)
    found = shares(splits, weights)
    assert abs(found["train"] - 0.6) < 0.01
    assert abs(found["val"] - 0.2) < 0.01
    for group in set(groups):
        assert len({s for s, g in zip(splits, groups, strict=True) if g == group}) == 1


def test_every_dataset_is_split_by_itself() -> None:
    strata = ["penn-action"] * 100 + ["brace"] * 20
    weights = [10] * 100 + [1000] * 20
    splits = split_groups([str(i) for i in range(120)], weights, strata, seed=0)
    assert [splits[100:].count(s) for s in ("train", "val", "test")] == [12, 4, 4]
    assert [splits[:100].count(s) for s in ("train", "val", "test")] == [60, 20, 20]


def test_the_seed_decides_and_the_order_of_clips_does_not() -> None:
    groups = [f"v{i}" for i in range(40)]
    weights = [7 + i for i in range(40)]
    first = split_groups(groups, weights, ["a"] * 40, seed=1)
    turned = split_groups(groups[::-1], weights[::-1], ["a"] * 40, seed=1)
    assert first == turned[::-1]
    assert first != split_groups(groups, weights, ["a"] * 40, seed=2)


def test_the_thesis_s_cut_covers_every_window_once() -> None:
    counts = [10, 0, 35, 5, 50]
    pieces = cut_in_order(counts)
    covered = [(clip, w) for clip, first, end, _ in pieces for w in range(first, end)]
    assert covered == [(c, w) for c, n in enumerate(counts) for w in range(n)]
    by_split = {
        s: sum(e - f for _, f, e, name in pieces if name == s) for s in ("train", "val", "test")
    }
    assert by_split == {"train": 60, "val": 20, "test": 20}
