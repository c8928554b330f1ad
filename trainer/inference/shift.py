"""The mean shift of each keypoint by smoothing, and its removal.

A filter leaves a keypoint's mean position where it is. A run moves it steadily where its training
labels another point of the body than the detector does: Penn Action's "head" is no nose.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.keypoint_names import KeypointMapping
from pose_smoother.poses.tracks import Poses
from pose_smoother.skeleton import TORSO_SIDES

Floats = NDArray[np.float64]

_STEADY = 0.02  # of the body's size
_STANDARD_ERRORS = 3.0  # a mean of noise alone stays within these

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shift:
    """The mean movement of one keypoint by smoothing, over all tracks.

    Attributes
    ----------
    name : the keypoint's, as in the file.
    mean : (x, y) in the file's unit.
    share : length of ``mean`` over the body's size: the median torso or, without one, the median
        diagonal of the box around a pose.
    is_steady : whether ``share`` is over 2 %, and the mean is beyond three standard errors.
    """

    name: str
    mean: tuple[float, float]
    share: float
    is_steady: bool


def mean_shifts(
    poses: Poses, mapping: KeypointMapping, smoothed: Sequence[Floats]
) -> tuple[Shift, ...]:
    """The mean shift of every keypoint that was moved, in the file's order.

    Parameters
    ----------
    smoothed : for each track float64 (n, J, 2), as ``smooth_poses`` returns them.
    """
    if not poses.tracks:
        return ()
    raw = np.concatenate([track.keypoints for track in poses.tracks])
    moved = _moved(raw, np.concatenate(smoothed))
    size = _body_size(raw, mapping)
    found = []
    for column, name in enumerate(poses.names):
        offset = moved[:, column][np.isfinite(moved[:, column, 0])]
        if not len(offset):
            continue
        mean = offset.mean(axis=0)
        length = float(np.linalg.norm(mean))
        error = float(np.linalg.norm(offset.std(axis=0))) / np.sqrt(len(offset))
        share = length / size
        is_steady = share > _STEADY and length > _STANDARD_ERRORS * error
        found.append(Shift(name, (float(mean[0]), float(mean[1])), share, is_steady))
    return tuple(found)


def without_mean_shift(poses: Poses, smoothed: Sequence[Floats]) -> list[Floats]:
    """The smoothed tracks, each keypoint's mean in each track where it was before smoothing.

    Positions that smoothing did not move stay as they are.
    """
    found = []
    for track, after in zip(poses.tracks, smoothed, strict=True):
        moved = _moved(track.keypoints, after)
        known = np.isfinite(moved[..., 0])
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known[..., None], moved, 0.0).sum(axis=0) / count[:, None]
        found.append(np.where(known[..., None], after - mean, after))
    return found


def report_shifts(shifts: Sequence[Shift], name: str, *, kept_mean: bool) -> None:
    """Log every keypoint's mean shift, and warn of those that the run moves steadily.

    Parameters
    ----------
    name : of the smoother.
    kept_mean : whether the shifts are taken out of the output.
    """
    if shifts:
        _log.info("mean shift by %s, of the torso: %s", name, _listed(shifts))
    steady = [shift for shift in shifts if shift.is_steady]
    if steady and not kept_mean:
        _log.warning(
            "%s moves these keypoints steadily by more than %.0f %% of the torso (its training may "
            "label other points of the body): %s; --keep-mean (keep_mean=True) takes the mean "
            "shift out",
            name,
            100 * _STEADY,
            _listed(steady),
        )


def _listed(shifts: Sequence[Shift]) -> str:
    return ", ".join(
        f"{s.name} {100 * s.share:.1f} % ({s.mean[0]:+.3g}, {s.mean[1]:+.3g})" for s in shifts
    )


def _moved(raw: Floats, smoothed: Floats) -> Floats:
    """Smoothed minus raw, float64 (n, J, 2); NaN where missing and where nothing was changed."""
    moved = smoothed - raw
    moved[~(moved != 0).any(axis=-1)] = np.nan
    moved[~np.isfinite(moved).all(axis=-1)] = np.nan
    return moved


def _body_size(raw: Floats, mapping: KeypointMapping) -> float:
    """The median torso in the file's unit; without one, the median diagonal of a pose's box."""
    lengths = [
        np.linalg.norm(raw[:, mapping.index[a]] - raw[:, mapping.index[b]], axis=-1)
        for a, b in TORSO_SIDES
        if mapping.index[a] >= 0 and mapping.index[b] >= 0
    ]
    torso = np.concatenate(lengths) if lengths else np.empty(0)
    torso = torso[np.isfinite(torso)]
    if not len(torso):
        seen = raw[np.isfinite(raw).any(axis=(1, 2))]
        torso = np.linalg.norm(np.nanmax(seen, axis=1) - np.nanmin(seen, axis=1), axis=-1)
    size = float(np.median(torso)) if len(torso) else 0.0
    return size or float("inf")
