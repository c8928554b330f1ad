"""``smooth``: the library's one verb, for poses, arrays and xarray's arrays."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.assumed import log_assumed
from pose_smoother.poses.missing import missing_as
from pose_smoother.poses.tracks import Poses
from pose_smoother.smoothing.arrays import from_any
from pose_smoother.smoothing.chain import make_chain, track_filters
from pose_smoother.smoothing.methods import smooth_by, with_keypoints
from pose_smoother.smoothing.runs import is_run, load_run
from pose_smoother.smoothing.summary import summarize
from pose_smoother.smoothing.swaps import Outcome
from pose_smoother.smoothing.tracks import Rules

_X = TypeVar("_X")

_log = logging.getLogger(__name__)


def smooth(
    x: _X,
    method: Any = "auto",
    *,
    scores: Any = None,
    fps: float | None = None,
    names: Sequence[str] | None = None,
    min_score: float | None = None,
    fill_gaps: int = 0,
    fill_method: str = "linear",
    missing: str = "auto",
    fix_swaps: bool = False,
    run: Any = None,
    **params: float,
) -> _X:
    """Smooth keypoints over time.

    Every keypoint is smoothed along its own track, in its own unit. What is missing (NaN) stays
    missing unless ``fill_gaps`` is given. A gap in the frame numbers of fewer than four missing
    frames is bridged inside the filter; a longer one begins a new run.

    Parameters
    ----------
    x : ``Poses``; or numbers (frames, keypoints, 2 or 3) or (frames, people, keypoints, 2 or 3);
        or an xarray ``DataArray`` with movement's dimensions (time, space, keypoints,
        individuals).
    method : ``"auto"``, the pretrained network that ships, which measures the noise itself (and the
        Kalman filter for what it cannot read: fewer than 20 frames, three axes); a filter's name;
        several in a row (``"hampel,kalman"``); or a trained run: what ``load_run`` returned, or its
        folder.
    scores : the detector's confidence, (frames, keypoints) or (frames, people, keypoints);
        ``Poses`` have their own.
    fps : frames a second, for parameters in Hz or seconds; NaN is unknown. ``Poses`` have it where
        their file says so, a ``DataArray`` may have it in its ``attrs``.
    names : of the keypoints. A run needs them; a filter does not.
    min_score : points with a lower score are not read by the filter. They stay as they are, unless
        ``fill_gaps`` covers them. By default these are points of a low score (below 0.3, of animal
        trackers' files below 0.6) that also are far from the confident points around them; 0 reads
        all.
    fill_gaps : fill missing points in gaps of at most so many frames.
    fill_method : ``"linear"``, along a line; or ``"pchip"``, along a cubic curve that does not
        overshoot.
    missing : which positions mark a missing keypoint: ``"zero"`` (0, 0), ``"minus-one"`` (-1, -1),
        both separated by a comma, ``"none"``, or ``"auto"`` (by evidence in the data). ``Poses``
        were read with a rule of their own.
    fix_swaps : put keypoints that are exchanged between left and right, or between individuals,
        where they belong. Without it they stay there: ``auto``, ``hampel``, ``median`` and chains
        with them take them for outliers, the other methods smooth on both sides of a swap alone.
    run : a trained run, instead of ``method``.
    **params : the filter's parameters, such as ``sigma_frames=2`` or ``cutoff_hz=6``.

    Returns
    -------
    The same type, shape and dtype (whole numbers become float64).

    Raises
    ------
    InvalidInputError : an argument does not fit; it is a ``ValueError``.
    RunError : the run cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> import pose_smoother as ps
    >>> xy = np.random.default_rng(0).normal(size=(100, 17, 2))
    >>> ps.smooth(xy, "gaussian", sigma_frames=2).shape
    (100, 17, 2)
    >>> ps.smooth(xy).shape
    (100, 17, 2)
    >>> ps.smooth(xy, "butterworth", cutoff_hz=6, fps=30).dtype
    dtype('float64')
    """
    with missing_as(missing):
        arrays = None if isinstance(x, Poses) else from_any(x, scores, names)
    if arrays is None and (scores is not None or names is not None):
        raise InvalidInputError("scores and names go with an array; Poses have their own")
    rate = fps
    if rate is None:
        rate = getattr(x, "fps", None) if arrays is None else arrays.fps
    chosen = _chosen(method, run, params, rate)
    if arrays is not None and is_run(chosen) and not arrays.names_given:
        raise InvalidInputError(
            f"a run needs the names of the {len(arrays.poses.names)} keypoints: give names=[...]"
        )
    poses: Any = x if arrays is None else arrays.poses
    rules = Rules(min_score, fill_gaps, fill_method)
    outcome = Outcome([])
    if poses.tracks:
        log_assumed(_log, poses.warnings if arrays else ())
        outcome = smooth_by(chosen, poses, rules, fix_swaps)
        if _log.isEnabledFor(logging.INFO):
            summary = summarize(poses, outcome, None if is_run(chosen) else rules)
            _log.info("%s", summary.line())
    results = outcome.results
    smoothed: Any = (
        with_keypoints(poses, results)
        if arrays is None
        else arrays.restore([result.keypoints for result in results])
    )
    return smoothed


def _chosen(method: Any, run: Any, params: dict[str, float], fps: float | None) -> Any:
    """A chain of filters or a loaded run."""
    if method is None or (run is not None and method != "auto"):
        known = ", ".join(track_filters())
        problem = "smooth needs a method" if run is None else "give a method or a run, not both"
        raise InvalidInputError(
            f"{problem}: a filter ({known}), several in a row such as 'hampel,kalman', or a "
            "trained run (load_run)"
        )
    if run is None and isinstance(method, str) and not (method and Path(method).is_dir()):
        return make_chain(method, params, fps)
    if params:
        raise InvalidInputError(f"{next(iter(params))} goes with a filter, not with a run")
    given = method if run is None else run
    if isinstance(given, str | os.PathLike):
        return load_run(given)
    if is_run(given):
        return given
    raise InvalidInputError(
        f"expected a filter's name, a run or its folder, got {type(given).__name__}"
    )
