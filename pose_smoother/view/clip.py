"""The clip behind the skeletons: the file itself where browsers play it, else still pictures."""

import base64
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pose_smoother.errors import InvalidInputError
from pose_smoother.video.mp4 import mp4_info

#: Codecs that every current browser plays.
_PLAYED = ("avc1", "avc3", "av01", "vp09", "vp08")
_MP4 = (".mp4", ".m4v", ".mov")
_EMBEDDED_BYTES = 24 << 20
_MOST_STILLS = 600
_STILL_PX = 640


def load_clip(path: Path, page: Path, fps: float | None, first: int | None) -> dict[str, Any]:
    """What the page needs to show a clip.

    Parameters
    ----------
    page : where the page is to be written; a large clip is named relative to it.
    fps : frames a second; None takes the clip's own.
    first : the frame number of the clip's first picture; None takes 0.

    Raises
    ------
    InvalidInputError : the clip cannot be used.
    """
    if not path.is_file():
        raise InvalidInputError(f"{path}: no such file")
    if path.suffix.lower() in _MP4:
        info = mp4_info(path)
        if info is not None and info.codec in _PLAYED:
            size = {"width": info.width, "height": info.height}
            return _played(path, page, fps or info.fps, first or 0) | size
    if path.suffix.lower() == ".webm":
        if fps is None:
            raise InvalidInputError(f"{path}: a .webm file says no frame rate: give --fps")
        return _played(path, page, fps, first or 0) | {"width": 0, "height": 0}
    return _stills(path, fps, first or 0)


def _played(path: Path, page: Path, fps: float, first: int) -> dict[str, Any]:
    """The file itself: in the page, or next to it where it is large."""
    kind = "video/webm" if path.suffix.lower() == ".webm" else "video/mp4"
    clip = {"kind": "video", "name": path.name, "type": kind, "fps": fps, "first": first}
    if path.stat().st_size <= _EMBEDDED_BYTES:
        return clip | {"data": base64.b64encode(path.read_bytes()).decode()}
    relative = os.path.relpath(path.resolve(), page.resolve().parent)
    return clip | {"path": quote(Path(relative).as_posix())}


def _stills(path: Path, fps: float | None, first: int) -> dict[str, Any]:
    """Pictures of every few frames: of all where they are not over 600."""
    from pose_smoother.video.ffmpeg import jpegs, video_info

    info = video_info(path)
    every = -(-(info.n_frames or 1) // _MOST_STILLS)
    pictures = jpegs(path, every, _STILL_PX, 2 * _MOST_STILLS)
    return {
        "kind": "stills",
        "name": path.name,
        "fps": fps or info.fps,
        "first": first,
        "every": every,
        "width": info.width,
        "height": info.height,
        "pictures": [base64.b64encode(picture).decode() for picture in pictures],
    }
