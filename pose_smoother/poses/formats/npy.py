"""One NumPy array of keypoints, ``.npy``, along the axes of `array_layout`; never unpickled."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.npz import DAMAGED
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.json_utils import head
from pose_smoother.poses.formats.npz import npy_bytes, poses_of, with_coordinates
from pose_smoother.poses.formats.tracks_io import read_bytes
from pose_smoother.poses.tracks import Floats, Poses

NAME = "npy"
EXTENSIONS = (".npy",)
HAS = frozenset({"scores", "3-D", "layout"})


def claims(path: Path) -> Evidence:
    """Whether the first bytes are NumPy's."""
    return Evidence.MARK if head(path).startswith(b"\x93NUMPY") else Evidence.ENDING


def _array(raw: bytes) -> NDArray[Any]:
    try:
        found = np.asarray(np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False))
    except DAMAGED as error:
        raise InvalidInputError(f"damaged, or not an array of numbers ({error})") from None
    if found.dtype.kind not in "iuf":
        raise InvalidInputError(f"expected numbers, found {found.dtype}")
    return found


def read(path: Path, skeleton: str | None, layout: str | None = None) -> Poses:
    """Tracks of the array; frames count from 0, and ``skeleton`` names the keypoints.

    Raises
    ------
    InvalidInputError : it is no such array.
    """
    raw = read_bytes(path)
    others = dict.fromkeys(("frame", "names", "person", "scores", "fps"))
    return poses_of(_array(raw), others, raw, skeleton, layout)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same array with other coordinates, in its own type; whole numbers become float64."""
    raw = poses.origin.raw
    stored = _array(raw)
    written = with_coordinates(stored, poses, keypoints)
    write_atomic(out, raw if written is stored else npy_bytes(written))
