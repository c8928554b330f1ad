"""``inspect``: what is in a file of keypoints, what is wrong with it, what would smooth it."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.inspection import problems
from pose_smoother.inspection.advice import advise
from pose_smoother.inspection.noise import body_size, jitter_lengths, keypoint_noise, present
from pose_smoother.inspection.report import Inspection, KeypointReport
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.skeletons import pairs_of
from pose_smoother.poses.tracks import Floats, Poses
from pose_smoother.smoothing.arrays import from_any
from pose_smoother.smoothing.swap_detection import exchanged


def inspect(
    x: Any,
    *,
    scores: Any = None,
    fps: float | None = None,
    names: Sequence[str] | None = None,
    format: str | None = None,
    skeleton: str | None = None,
    layout: str | None = None,
    missing: str = "auto",
) -> Inspection:
    """Report what keypoints are there, what is wrong with them, and what would smooth them.

    Parameters
    ----------
    x : a file's path; ``Poses``; or an array or ``DataArray`` as in ``smooth``, with two axes.
    scores, names : of an array, as in ``smooth``.
    fps : frames a second, for the report; NaN is unknown.
    format, skeleton, layout, missing : of a file, as in ``read_poses``.

    Raises
    ------
    InvalidInputError : the file or array cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> import pose_smoother as ps
    >>> xy = np.random.default_rng(0).normal(size=(100, 17, 2))
    >>> ps.inspect(xy).n_frames
    100
    """
    source = ""
    if isinstance(x, str | os.PathLike):
        source = os.path.basename(os.fspath(x))  # noqa: PTH119
        poses = read_poses(x, format=format, skeleton=skeleton, layout=layout, missing=missing)
        known = poses.fps
    elif isinstance(x, Poses):
        poses, known = x, x.fps
    else:
        arrays = from_any(x, scores, names)
        poses, known = arrays.poses, arrays.fps
    fps = known if fps is None or np.isnan(fps) else fps
    if any(track.keypoints.shape[-1] != 2 for track in poses.tracks):
        where = f"{os.fspath(x)}: " if source else ""
        raise InvalidInputError(f"{where}expected keypoints with 2 coordinates (x, y), found 3")
    return inspect_poses(poses, source, fps)


def inspect_poses(poses: Poses, source: str = "", fps: float | None = None) -> Inspection:
    """The report of tracks in memory; see ``inspect``."""
    found = [track for track in poses.tracks if len(track.frame)]
    sizes = [size for track in found if np.isfinite(size := body_size(track.keypoints)) and size]
    size = float(np.median(sizes)) if sizes else float("nan")
    frames = np.concatenate([track.frame for track in found] or [np.zeros(0, np.int64)])
    score = np.concatenate([track.score.reshape(-1) for track in found] or [np.zeros(0)])
    score = score[np.isfinite(score)]
    return Inspection(
        source=source,
        format=poses.format or "array",
        individuals=tuple(track.id for track in found),
        n_videos=len({track.video for track in found}),
        n_frames=len(frames),
        n_keypoints=len(poses.names),
        first_frame=int(frames.min()) if len(frames) else None,
        last_frame=int(frames.max()) if len(frames) else None,
        fps=fps,
        scores=tuple(np.quantile(score, [0, 0.5, 1]).tolist()) if len(score) else None,
        body_size=_number(size),
        repeated_frames=sum(int(problems.repeated_frames(track).sum()) for track in found),
        doubled_individuals=problems.doubled_individuals(tuple(found)),
        keypoints=_by_keypoint(poses, size),
        advice=advise(poses),
        warnings=poses.warnings,
    )


def _by_keypoint(poses: Poses, size: float) -> tuple[KeypointReport, ...]:
    """A report for every keypoint, over all tracks."""
    tracks = [track for track in poses.tracks if len(track.frame)]
    if not tracks:
        return ()
    pairs = pairs_of(poses.names)
    noise = keypoint_noise(tracks)
    counts: dict[str, list[NDArray[np.bool_]]] = {"present": [], "outliers": [], "jumps": []}
    counts |= {"frozen": [], "swaps": []}
    for track in tracks:
        far = problems.outliers(track, noise, size)
        switched = exchanged(track, pairs)
        counts["present"].append(present(track))
        counts["outliers"].append(far & ~switched)
        counts["jumps"].append(problems.jumps(track, size, far | switched))
        counts["frozen"].append(problems.frozen(track))
        counts["swaps"].append(switched)
    number = {key: np.concatenate(parts).sum(axis=0) for key, parts in counts.items()}
    n_frames = sum(len(track.frame) for track in tracks)
    jitter = _column_mean(np.concatenate([jitter_lengths(track) for track in tracks]))
    score = _column_median(np.concatenate([track.score for track in tracks]))
    return tuple(
        KeypointReport(
            name=name,
            n_points=int(number["present"][k]),
            missing=1 - int(number["present"][k]) / n_frames,
            outliers=int(number["outliers"][k]),
            jumps=int(number["jumps"][k]),
            frozen=int(number["frozen"][k]),
            swaps=int(number["swaps"][k]),
            jitter=_number(jitter[k] / size),
            noise=_number(noise[k] / size),
            score=_number(score[k]),
        )
        for k, name in enumerate(poses.names)
    )


def _column_mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return np.asarray(np.where(known, values, 0.0).sum(axis=0) / count)


def _column_median(values: Floats) -> Floats:
    return np.array(
        [np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else np.nan for c in values.T]
    )


def _number(value: float) -> float | None:
    """A finite number, or None: JSON has no NaN."""
    return float(value) if np.isfinite(value) else None
