"""How tracks are smoothed: by a chain of filters, or by a trained run."""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.tracks import Poses
from pose_smoother.smoothing.chain import Chain
from pose_smoother.smoothing.runs import smooth_with_run
from pose_smoother.smoothing.swaps import Outcome, smooth_without_swaps
from pose_smoother.smoothing.tracks import Rules, SmoothedTrack, smooth_tracks
from pose_smoother.stages import stage

_log = logging.getLogger(__name__)


def smooth_by(
    method: Any,
    poses: Poses,
    rules: Rules,
    fix_swaps: bool = False,
    names_map: Path | None = None,
) -> Outcome:
    """Every track through a chain of filters or a loaded run.

    Parameters
    ----------
    fix_swaps : put exchanged points where they belong. Swaps are found and counted in any case,
        except for a stream, of which no later frame may be looked at.
    names_map : for a run, a file that maps the input's keypoint names to those that it knows.

    Raises
    ------
    InvalidInputError : the input cannot be smoothed so, or a run is asked for what only filters do.
    """
    with stage(_log, "smooth"):
        outcome = _smooth_by(method, poses, rules, fix_swaps, names_map)
    for one in (finding for result in outcome.results for finding in result.findings):
        _log.debug(
            "taken: %s for %d points%s; noise %.2g of the body, strength %.2f, %d outliers",
            *(one.method, one.n_points, f" ({one.reason})" if one.reason else ""),
            *(one.noise, one.strength, one.n_outliers),
        )
    return outcome


def _smooth_by(
    method: Any, poses: Poses, rules: Rules, fix_swaps: bool, names_map: Path | None
) -> Outcome:
    if isinstance(method, Chain):
        for step in method.steps:
            _log.debug("filter %s: %s, %s frames/s", step.module.NAME, step.params, step.fps)
        _log.debug("%s", rules)
        smooth = partial(smooth_tracks, chain=method, rules=rules)
        if method.as_stream and not fix_swaps:
            return Outcome(smooth(poses))
        return smooth_without_swaps(poses, smooth, fix_swaps, method.reaches_across_swaps)
    if rules != Rules():
        raise InvalidInputError("min_score and fill_gaps go with a filter, not with a run")

    def by_run(given: Poses) -> list[SmoothedTrack]:
        return [SmoothedTrack.all_read(x) for x in smooth_with_run(given, method, names_map)]

    return smooth_without_swaps(poses, by_run, fix_swaps)


def with_keypoints(poses: Poses, results: list[SmoothedTrack]) -> Poses:
    """The poses with other keypoints."""
    tracks = tuple(
        replace(track, keypoints=result.keypoints)
        for track, result in zip(poses.tracks, results, strict=True)
    )
    return replace(poses, tracks=tracks)
