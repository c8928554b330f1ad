"""SLEAP's analysis export ``.h5``: every track in every frame, in one array ``tracks``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats.dense_array import DenseArray, to_poses, write_dense
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.hdf5_utils import (
    array,
    attribute,
    dataset,
    file_evidence,
    opened,
    text,
)
from pose_smoother.poses.formats.json_utils import load
from pose_smoother.poses.formats.tracks_io import read_bytes
from pose_smoother.poses.tracks import Floats, Poses

NAME = "sleap-analysis"
EXTENSIONS = (".h5", ".hdf5")
HAS = frozenset({"scores"})

#: SLEAP's names of the axes.
_AXES = {"frame": "frame", "track": "individual", "node": "keypoint", "xy": "space"}
_ORDER = ("track", "xy", "node", "frame")  # where the file does not say, as SLEAP exports
_UNTRANSPOSED = ("frame", "node", "xy", "track")


def claims(path: Path) -> Evidence:
    """Whether an HDF5 file has the arrays ``tracks`` and ``track_occupancy``."""
    return file_evidence(path, lambda file: "tracks" in file and "track_occupancy" in file)


def _where(file: h5py.File) -> DenseArray:
    """The array of positions, with its axes as an attribute names them (sleap-io), or as usual."""
    given: Any = attribute(dataset(file, "tracks"), "dims")
    order = load(text(given).encode()) if given is not None else None
    if order is None:
        order = _ORDER if bool(attribute(file, "transpose", True)) else _UNTRANSPOSED
    if not isinstance(order, list | tuple) or sorted(map(str, order)) != sorted(_AXES):
        raise InvalidInputError(f"tracks: expected the dims {', '.join(_ORDER)}, found {order}")
    return DenseArray("tracks", tuple(_AXES[axis] for axis in order))


def _names(file: h5py.File, path: str, n: int, one: str) -> list[str]:
    """The names of n things; of numbers where the file has none."""
    given = array(file, path).ravel().tolist() if path in file else []
    return [text(value) for value in given] or [f"{one}{i}" for i in range(n)]


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; it names its keypoints, so no skeleton is asked for.

    Raises
    ------
    InvalidInputError : the file is no such export.
    """
    raw = read_bytes(path)
    with opened(raw) as file:
        where = _where(file)
        n_frames, n_tracks, n_nodes, _ = where.ordered(array(file, "tracks")).shape
        names = _names(file, "node_names", n_nodes, "node_")
        people = _names(file, "track_names", n_tracks, "track_")
        scores: Floats | None = None
        if "point_scores" in file:
            scores = where.ordered(array(file, "point_scores"))
    return to_poses(raw, where, scores, names, people, np.arange(n_frames))


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same file with other coordinates; scores and occupancy stay."""
    write_dense(poses, keypoints, out)
