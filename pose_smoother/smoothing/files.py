"""A file of keypoints smoothed: the same file with other coordinates."""

import logging
from collections.abc import Callable
from pathlib import Path

from pose_smoother.files.outputs import check_output
from pose_smoother.poses.assumed import log_assumed
from pose_smoother.poses.formats import is_misnamed, read_poses, write_keypoints
from pose_smoother.poses.tracks import Poses
from pose_smoother.smoothing.summary import Summary, summarize
from pose_smoother.smoothing.swaps import Outcome
from pose_smoother.smoothing.tracks import Rules
from pose_smoother.stages import stage

_log = logging.getLogger(__name__)


def smooth_file(
    source: Path,
    out: Path,
    smooth: Callable[[Poses], Outcome],
    *,
    format: str | None = None,
    skeleton: str | None = None,
    layout: str | None = None,
    missing: str = "auto",
    rules: Rules | None = None,
) -> Summary:
    """Write a file of keypoints again, smoothed; what was assumed is logged.

    Parameters
    ----------
    smooth : smooths every track.
    format : of both files; None finds it out.
    skeleton : names the keypoints of a file that does not.
    layout : the axes of a file of arrays; None finds them out.
    missing : which positions mark a missing keypoint (``poses.missing.missing_as``).
    rules : by which ``smooth`` reads points, for the summary; None if scores reject none.

    Raises
    ------
    InvalidInputError : a file cannot be used, or ``out`` is the input, by any link.
    """
    out = check_output(out, (source,), overwrite=True)
    poses = read_poses(source, format=format, skeleton=skeleton, layout=layout, missing=missing)
    log_assumed(_log, poses.warnings, source)
    if is_misnamed(poses, out):
        what = f"{poses.format}, the format of the input, though its ending is another's"
        _log.warning("%s: written as %s", out, what)
    outcome = smooth(poses)
    with stage(_log, f"write {out}"):
        write_keypoints(poses, [result.keypoints for result in outcome.results], out)
    with stage(_log, "summarize"):
        return summarize(poses, outcome, rules)
