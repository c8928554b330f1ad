from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config import BuildConfig
from pipeline.ingest import _spool_clip, jittered
from pipeline.sources import Clip


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_jitter_moves_and_scales_by_no_more_than_its_share(share: float) -> None:
    boxes = np.tile([10.0, 20.0, 110.0, 220.0], (5000, 1))
    moved = jittered(boxes, share, np.random.default_rng(3))
    side = (moved[:, 2:] - moved[:, :2]) / [100, 200]
    centre = ((moved[:, 2:] + moved[:, :2]) / 2 - [60, 120]) / [100, 200]
    for values in (side - 1, centre):
        assert np.abs(values).max() <= share
        assert values.std() == pytest.approx(share / np.sqrt(3), rel=0.05)
    assert jittered(boxes, 0, np.random.default_rng(3)) is boxes


def test_jitter_draws_moves_and_scales_of_both_axes_apart() -> None:
    boxes = np.tile([10.0, 20.0, 110.0, 220.0], (5000, 1))
    moved = jittered(boxes, 0.1, np.random.default_rng(3))
    side = (moved[:, 2:] - moved[:, :2]) / [100, 200]
    centre = ((moved[:, 2:] + moved[:, :2]) / 2 - [60, 120]) / [100, 200]
    correlation = np.corrcoef(np.concatenate([side, centre], axis=1).T)
    assert np.abs(correlation - np.eye(4)).max() < 0.06  # four standard errors


class Kept:
    """A writer that keeps what it is given."""

    n_clips = n_frames = 0

    def append(self, record: list[Any], **arrays: NDArray[Any]) -> None:
        self.record, self.arrays = record, arrays


def spooled(frames: list[int], share: float) -> tuple[Kept, Counter[str]]:
    """One clip of random keypoints through ``_spool_clip``; a tenth is not annotated."""
    rng = np.random.default_rng(1)
    keypoints = rng.uniform(0, 200, (len(frames), 25, 2))
    keypoints[rng.random((len(frames), 25)) < 0.1] = np.nan
    clip = Clip("a", "brace", "v", "x", "", 25.0, np.array(frames, np.int32), keypoints)
    writer, left_out = Kept(), Counter[str]()
    _spool_clip(clip, BuildConfig(box_jitter=share), writer, left_out)  # type: ignore[arg-type]
    writer.given = np.isfinite(keypoints[..., 0])  # type: ignore[attr-defined]
    return writer, left_out


def test_keypoints_outside_a_jittered_box_have_no_exact_position_either() -> None:
    writer, left_out = spooled(list(range(40)), 0.2)
    exact = writer.arrays["keypoints_exact"]
    known = np.isfinite(exact).all(axis=-1)
    assert ((exact[known] >= -0.5) & (exact[known] < 55.5)).all()
    assert (np.isnan(exact[~known])).all()
    lost = int((writer.given & ~known).sum())  # type: ignore[attr-defined]
    assert lost == left_out["keypoints: outside the jittered box"] > 20


@pytest.mark.parametrize(
    ("frames", "runs"),
    [
        ([1, 2, 3, 4, 5, 7, 8, 9], [5, 3]),  # one frame is absent
        ([1, 2, 3, 10], [3, 1]),
        ([5, 6, 7, 8], [4]),
    ],
)
def test_a_gap_of_one_frame_ends_a_run(frames: list[int], runs: list[int]) -> None:
    writer, left_out = spooled(frames, 0.0)
    n_windows = sum(max(0, run - 4) for run in runs)
    assert writer.record[-2:] == [n_windows, len(runs) == 1]
    absent = frames[-1] - frames[0] + 1 - len(frames)
    assert left_out["frames: absent from the source, inside a clip"] == absent
