"""One array with every individual in every frame, in HDF5: what such formats share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.hdf5_utils import array, opened, rewritten
from pose_smoother.poses.formats.tracks_io import Detections, to_file_order, to_tracks
from pose_smoother.poses.tracks import Floats, Poses

#: The axes in the order in which detections are listed.
AXES = ("frame", "individual", "keypoint", "space")


@dataclass(frozen=True)
class DenseArray:
    """Where an array is, and in which order its axes are.

    Attributes
    ----------
    path : of the dataset.
    axes : all of `AXES`, as stored.
    """

    path: str
    axes: tuple[str, ...]

    def ordered(self, values: NDArray[Any]) -> NDArray[Any]:
        """A view (T, P, K, 2 or 3) of the stored values; without the last axis for scores.

        Raises
        ------
        InvalidInputError : it has other axes, another number of them, or no numbers.
        """
        axes = [axis for axis in self.axes if axis != "space" or values.ndim == len(AXES)]
        wanted = [axis for axis in AXES if axis in axes]
        if values.dtype.kind not in "iuf" or values.ndim != len(axes) or set(axes) - set(AXES):
            raise InvalidInputError(
                f"{self.path}: expected numbers along {', '.join(axes)}, found {values.dtype} of "
                f"shape {values.shape}"
            )
        return values.transpose([axes.index(axis) for axis in wanted])


def to_poses(
    raw: bytes,
    where: DenseArray,
    scores: Floats | None,
    names: Sequence[str],
    people: Sequence[str],
    frame: NDArray[np.int64],
    fps: float | None = None,
) -> Poses:
    """Tracks of a dense array, one for each individual.

    Parameters
    ----------
    raw : the file's bytes.
    scores : float64 (T, P, K), None where there are none.
    names, people, frame : (K,), (P,) and (T,).

    Raises
    ------
    InvalidInputError : the shapes differ, or positions have neither two nor three axes.
    """
    with opened(raw) as file:
        values = where.ordered(array(file, where.path)).astype(np.float64)
    expected = (len(frame), len(people), len(names))
    if values.shape[:-1] != expected or values.shape[-1] not in (2, 3):
        raise InvalidInputError(
            f"{where.path}: expected {expected} frames, individuals and keypoints, and 2 or 3 "
            f"coordinates, found shape {values.shape}"
        )
    if scores is None:
        scores = np.full(expected, np.nan)
    elif scores.shape != expected:
        raise InvalidInputError(f"expected {expected} scores, found shape {scores.shape}")
    n = len(frame) * len(people)
    seen = Detections(
        [""] * n,
        list(people) * len(frame),
        np.repeat(frame, len(people)),
        values.reshape(n, len(names), values.shape[-1]),
        scores.astype(np.float64).reshape(n, len(names)),
    )
    return to_tracks(names, seen, raw, where, fps=fps)


def write_dense(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same file with other coordinates, in their own type; whole numbers have no room."""
    where: DenseArray = poses.origin.place
    raw = poses.origin.raw
    new, changed = to_file_order(poses, keypoints)
    if not changed.any():
        write_atomic(out, raw)
        return
    with opened(raw) as file:
        stored = array(file, where.path)
    if stored.dtype.kind != "f":
        raise InvalidInputError(
            f"{where.path}: holds whole numbers: coordinates between them have no room"
        )
    view = where.ordered(stored)
    at = changed.reshape(view.shape)
    view[at] = new.reshape(view.shape)[at]
    write_atomic(out, rewritten(raw, {where.path: stored}))
