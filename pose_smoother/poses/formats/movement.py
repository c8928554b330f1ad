"""movement's NetCDF: ``position`` along time, space, keypoints, individuals; and ``confidence``.

A NetCDF 4 file is HDF5 and is read with h5py; NetCDF 3 is refused.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

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
from pose_smoother.poses.formats.json_utils import head
from pose_smoother.poses.formats.tracks_io import read_bytes
from pose_smoother.poses.tracks import Floats, Poses

NAME = "movement"
EXTENSIONS = (".nc", ".netcdf", ".nc4")
HAS = frozenset({"scores", "fps", "3-D"})

#: movement's names of the axes, plural and (from 0.16 on) singular.
_AXES = {
    "time": "frame",
    "space": "space",
    "keypoints": "keypoint",
    "individuals": "individual",
    "keypoint": "keypoint",
    "individual": "individual",
}
_CLASSIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05")


def claims(path: Path) -> Evidence:
    """Whether it is NetCDF 3, or HDF5 with ``position`` and the coordinate ``time``."""
    if head(path)[:4] in _CLASSIC:
        return Evidence.NAMES
    return file_evidence(path, lambda file: "position" in file and "time" in file)


def _axes(variable: h5py.Dataset) -> list[str]:
    """The names of a variable's dimensions, "" where one has none.

    The list is read as it is stored: ``variable.dims`` crashes where it is damaged.
    """
    listed = attribute(variable, "DIMENSION_LIST", ())
    scales = [variable.file[refs[0]] if len(refs) else None for refs in listed]
    return ["" if scale is None else text(scale.name).strip("/") for scale in scales]


def _frames(file: h5py.File, n: int) -> tuple[NDArray[np.int64], float | None]:
    """Frame numbers (n,), and the frame rate where the file has one."""
    given: Any = np.ravel(attribute(file, "fps", 0))
    rate = float(given[0]) if len(given) and given.dtype.kind in "iuf" else 0.0
    fps = rate if np.isfinite(rate) and rate > 0 else None
    time = array(file, "time") if "time" in file else np.arange(n)
    if time.shape != (n,) or time.dtype.kind not in "iuf" or not np.isfinite(time).all():
        raise InvalidInputError(f"time: expected {n} numbers")
    in_seconds = text(attribute(file, "time_unit", "seconds")).startswith("sec")
    frame = np.rint(time * fps if fps is not None and in_seconds else time)
    if (np.diff(frame) <= 0).any() or (np.abs(frame) > 2**53).any():
        frame = np.arange(n)
    return frame.astype(np.int64), fps


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; it names its keypoints, so no skeleton is asked for.

    Raises
    ------
    InvalidInputError : the file is no such dataset, or is NetCDF 3.
    """
    raw = read_bytes(path)
    if raw[:4] in _CLASSIC:
        raise InvalidInputError(
            "NetCDF 3 is not read: save it as NetCDF 4, ds.to_netcdf(path, engine='h5netcdf')"
        )
    with opened(raw) as file:
        dims = _axes(dataset(file, "position"))
        if sorted(_AXES.get(dim, dim) for dim in dims) != sorted(set(_AXES.values())):
            raise InvalidInputError(
                "position: expected the dimensions time, space, keypoints and individuals, found "
                f"{', '.join(dims) or 'none'} (bounding boxes have no keypoints)"
            )
        where = DenseArray("position", tuple(_AXES[dim] for dim in dims))
        n_frames = where.ordered(array(file, "position")).shape[0]
        labels = {_AXES[dim]: [text(v) for v in array(file, dim).tolist()] for dim in dims}
        frame, fps = _frames(file, n_frames)
        scores: Floats | None = None
        if "confidence" in file:
            inner = tuple(_AXES.get(dim, dim) for dim in _axes(dataset(file, "confidence")))
            scores = DenseArray("confidence", inner).ordered(array(file, "confidence"))
    return to_poses(raw, where, scores, labels["keypoint"], labels["individual"], frame, fps)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same file with other coordinates."""
    write_dense(poses, keypoints, out)
