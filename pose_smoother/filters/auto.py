"""The network that ships, averaged with a little of Kalman's answer; Kalman alone where it must."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters import kalman
from pose_smoother.filters.base import Finding, Floats, Params, Run
from pose_smoother.filters.parameters import Parameter
from pose_smoother.points import lengths

NAME = "auto"
LABEL = "Pretrained network, else Kalman"
PARAMETERS = {
    "gate": Parameter(
        None,
        "a probability, such as 0.9: points inside the interval that holds the keypoint with it "
        "stay as they are, points outside are replaced",
        most=0.999,
    ),
    "delay_frames": Parameter(
        None,
        "frames after each one that may be used, as in a live stream (``Live``); all if not given",
        zero=True,
        whole=True,
    ),
}
READS_THE_BODY = True
#: Exchanged points are outliers to it.
REACHES_ACROSS_SWAPS = True
#: The network reads over gaps, for it was trained with missing frames.
BRIDGED_FRAMES = 30
#: It was trained to put outliers back to their place.
REPLACES_OUTLIERS = True
#: On pieces of recordings (half of them, 17), the network's error was below the Kalman filter's for
#: people at any length, for animals from 40 frames on (docs/experiments.md).
FEWEST_FRAMES = 20
#: How much of the Kalman filter's answer is averaged in where the network smooths at full strength.
#: Their errors differ, so the mean of both has less; chosen on half of the recordings
#: (docs/experiments.md). None in a clean file, which stays as it is.
KALMAN_SHARE = 0.15
#: It does not see outliers that are farther from the network's answer, in body sizes.
FAR_BODIES = 0.5


def check(params: Params) -> None:
    """Refuse parameters that do not fit each other."""
    if params["gate"] is not None and params["delay_frames"] is not None:
        raise InvalidInputError("gate needs the whole file: leave out delay_frames")


def fit_track(runs: Sequence[Run], params: Params) -> dict[str, Any]:
    """The parameters with the Kalman filter's noise ratio, if it is needed."""
    live = params["delay_frames"] is not None
    if live and all(run.positions.shape[-1] == 2 for run in runs):
        return {**params, "noise_ratio": None}
    seen = [run.without_doubtful() for run in runs]
    return {**params, **kalman.fit_track(seen, {"noise_ratio": None})}


def smooth_run(
    run: Run, *, gate: float | None = None, delay_frames: int | None = None, noise_ratio: Any = None
) -> Floats:
    """The network's positions with a share of the Kalman filter's, or the latter alone."""
    if delay_frames is not None and run.positions.shape[-1] == 2:
        from pose_smoother.pretrained.live import smooth_live

        return smooth_live(run.positions, run.scores, delay_frames)
    n_points = int(run.present.sum())
    reason = reason_for_kalman(run)
    if reason:
        run.findings.append(Finding(kalman.NAME, n_points, reason=reason))
        return kalman.smooth_run(run.without_doubtful(), noise_ratio=noise_ratio)
    from pose_smoother.pretrained.smooth import smooth_pretrained

    found, info = smooth_pretrained(run.positions, run.scores, doubtful=run.doubtful, fps=run.fps)
    if info.strength > 0.0:
        share = KALMAN_SHARE * info.strength
        # The filter is linear: a far outlier, which the network put back, would pull all around it.
        moved = lengths(found - run.positions)[..., None]
        far = info.outliers[..., None] & (moved > FAR_BODIES * info.size)
        seen = run.without_doubtful()
        clean = replace(seen, positions=np.where(far, np.nan, seen.positions), scores=None)
        other = kalman.smooth_run(clean, noise_ratio=noise_ratio)
        found = np.where(np.isfinite(other), found + share * (other - found), found)
    if gate is not None:
        outside = lengths(found - run.positions) > info.radius(gate)
        found = np.where(outside[..., None], found, run.positions)
    noise = float(np.median(info.noise[np.isfinite(info.noise)]) / info.size)
    n_outliers = int(info.outliers.sum())
    run.findings.append(Finding("pretrained", n_points, noise, info.strength, n_outliers))
    return found


def reason_for_kalman(run: Run) -> str:
    """Why the network cannot smooth a run; empty if it can."""
    axes = run.positions.shape[-1]
    if axes != 2:
        return f"{axes} axes"
    if run.present.any(axis=1).sum() < FEWEST_FRAMES:
        return f"fewer than {FEWEST_FRAMES} frames without a long gap"
    seen = run.present
    if not (seen[2:] & seen[1:-1] & seen[:-2]).any():
        return "no keypoint in three frames in a row, of which noise is measured"
    return ""
