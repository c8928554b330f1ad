"""From files to a page: read, smooth where asked, write."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.assumed import log_assumed
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.tracks import Poses
from pose_smoother.smoothing.tracks import Rules
from pose_smoother.stages import stage
from pose_smoother.view.clip import load_clip
from pose_smoother.view.page import view_page
from pose_smoother.view.versions import Version, choose_recording, from_file, from_smoother

_log = logging.getLogger(__name__)


def write_view(
    source: Path,
    smoothed: Sequence[Path],
    out: Path,
    *,
    smoothers: Sequence[str] = (),
    clip: Path | None = None,
    first_frame: int | None = None,
    fps: float | None = None,
    min_score: float | None = None,
    recording: str | None = None,
    reports: bool = True,
    **reading: Any,
) -> str:
    """Write the page of ``pose-smoother view``.

    Parameters
    ----------
    reports : log what was assumed while reading.
    reading : how all files are read, as for ``read_poses``.

    Returns
    -------
    What is on the page and how large it is, as a part of a sentence.

    Raises
    ------
    InvalidInputError : a file, the clip or an option cannot be used.
    """
    check_page(out)
    if min_score is not None and not smoothers:
        raise InvalidInputError("--min-score goes with --smoother: a smoothed file is as it is")
    everything = read_poses(source, **reading)
    check_axes(everything, source)
    log_assumed(_log, everything.warnings if reports else (), source)
    poses, others = choose_recording(everything, recording)
    if others and recording is None:
        _log.warning(
            "%s: shown is the video %s; %d others with --recording NAME",
            source, poses.tracks[0].video, len(others),
        )  # fmt: skip
    media = None if clip is None else load_clip(clip, out, fps, first_frame)
    rate = fps if fps is not None else poses.fps
    rate = rate if rate is not None or media is None else float(media["fps"])
    versions = _versions(poses, smoothed, smoothers, Rules(min_score), rate, reading)
    with stage(_log, f"page {out}"):
        page = view_page(poses, versions, title=source.name, fps=rate, media=media)
        write_atomic(out, page)
    if media is not None and "path" in media:
        _log.warning("%s is large, so it is not in the page: keep both where they are", clip)
    labels = ", ".join(version.label for version in versions)
    return f"{source.name} and {labels}; {len(page) / 1e6:.1f} MB"


def check_page(out: Path) -> None:
    """Raise InvalidInputError where a page's name does not end as a page's."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise InvalidInputError(f"{out}: expected a page that ends in .html")


def check_axes(poses: Poses, source: Path) -> None:
    """Raise InvalidInputError where keypoints have other than the two axes that a page shows."""
    if any(track.keypoints.shape[-1] != 2 for track in poses.tracks):
        raise InvalidInputError(
            f"{source}: expected keypoints with 2 coordinates (x, y), which a page shows, found 3"
        )


def _versions(
    poses: Poses,
    smoothed: Sequence[Path],
    smoothers: Sequence[str],
    rules: Rules,
    fps: float | None,
    reading: dict[str, Any],
) -> list[Version]:
    """Smoothed files first, then smoothers; the default smoother where none is named."""
    found = [from_file(poses, path, **reading) for path in smoothed]
    names = smoothers or (() if smoothed else ("auto",))
    return found + [from_smoother(poses, name, fps, rules) for name in names]
