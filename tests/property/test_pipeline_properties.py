"""Properties of boxes, windows, splits and the clips table, whatever the input."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.splits import cut_in_order, split_groups, window_starts
from pose_smoother.boxes import boxes_around, nearest_pixel, to_heatmap, to_source
from pose_smoother.store.layout import clip_arrays, decode_text, text_column
from pose_smoother.store.names import CLIP_COLUMNS

COORDINATES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.just(25), st.just(2)),
    elements=st.floats(-2000, 2000, width=32),
)


@given(COORDINATES, hnp.arrays(np.bool_, (6, 25)))
def test_annotated_keypoints_land_inside_and_come_back(
    keypoints: np.ndarray, hidden: np.ndarray
) -> None:
    keypoints[hidden[: len(keypoints)]] = np.nan
    boxes, missing = boxes_around(keypoints)
    boxed = ~np.isnan(boxes[:, 0])
    assert (boxed ^ np.logical_or.reduce(list(missing.values()))).all()
    side = (boxes[:, 2:] - boxes[:, :2])[boxed]
    usable = boxed.copy()
    usable[boxed] = (side > 1e-3).all(axis=1)
    exact = to_heatmap(keypoints[usable], boxes[usable])
    there = ~np.isnan(keypoints[usable][..., 0])
    pixels = nearest_pixel(exact)
    assert ((pixels[..., 0] >= 0) == there).all()
    assert (pixels[there] >= 2).all()
    assert (pixels[there] <= 53).all()
    back = to_source(exact, boxes[usable])
    np.testing.assert_allclose(back[there], keypoints[usable][there], atol=2e-3, rtol=1e-5)


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 3)), min_size=1, max_size=6),
    st.sampled_from([1, 2]),
)
def test_every_window_is_an_unbroken_run_of_one_clip(
    clips: list[tuple[int, int]], step: int
) -> None:
    clip = np.concatenate([np.full(n, i) for i, (n, _) in enumerate(clips)])
    frame = np.concatenate([np.cumsum(np.where(np.arange(n) % 7 == 6, gap, 1)) for n, gap in clips])
    starts = window_starts(clip, frame, step)
    assert (np.diff(starts) > 0).all()
    for w in starts:
        inside = np.arange(w, w + 4 * step + 1)
        assert len(set(clip[inside])) == 1
        assert (np.diff(frame[inside]) == 1).all()


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 200)), min_size=1, max_size=60),
    st.integers(0, 2**31),
)
def test_a_group_is_never_torn(clips: list[tuple[int, int]], seed: int) -> None:
    groups = [f"g{g}" for g, _ in clips]
    splits = split_groups(groups, [n for _, n in clips], ["d"] * len(clips), seed).tolist()
    assert len(set(zip(groups, splits, strict=True))) == len(set(groups))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_the_cut_in_order_loses_nothing(counts: list[int]) -> None:
    pieces = cut_in_order(counts)
    assert sum(end - first for _, first, end, _ in pieces) == sum(counts)
    order = [("train", "val", "test").index(split) for _, _, _, split in pieces]
    assert order == sorted(order)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=50)
@given(st.lists(TEXT, min_size=1, max_size=8))
def test_text_of_the_clips_table_comes_back(ids: list[str]) -> None:
    n = len(ids)
    columns = {
        name: text_column(["x"] * n) if kind == "text" else np.ones(n, kind)
        for name, kind in CLIP_COLUMNS.items()
    }
    columns["id"] = text_column(ids)
    assert decode_text(clip_arrays(columns)["id"]).tolist() == ids
