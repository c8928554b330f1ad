"""The page of ``pose-smoother view``: its data, put together with its template and scripts."""

from collections.abc import Sequence
from typing import Any

from pose_smoother.poses.tracks import Poses
from pose_smoother.view.payload import payload
from pose_smoother.view.versions import Version
from pose_smoother.web.page import asset, base_style, build_page

#: Parts of the page's script, in order: later ones use names of earlier ones.
SCRIPTS = (
    "data.js",
    "state.js",
    "camera.js",
    "media.js",
    "stage.js",
    "timeline.js",
    "plots.js",
    "panel.js",
    "player.js",
    "controls.js",
)


def view_page(
    poses: Poses,
    versions: Sequence[Version],
    *,
    title: str,
    fps: float | None = None,
    media: dict[str, Any] | None = None,
) -> bytes:
    """One HTML file that shows keypoints before and after smoothing.

    Parameters
    ----------
    poses : the tracks of one video, as detected.
    versions : the same tracks, smoothed in one or more ways.
    title : shown at the top, as plain text.
    fps : frames a second; None where not known.
    media : the clip behind the skeletons, from ``clip.load_clip``.
    """
    here = "pose_smoother.view"
    data = payload(poses, versions, title, fps)
    data["media"] = media
    return build_page(
        asset(here, "view.html"),
        title=f"{title}: before and after smoothing",
        styles=[base_style(), asset(here, "view.css")],
        scripts=[asset(here, name) for name in SCRIPTS],
        data=data,
    )
