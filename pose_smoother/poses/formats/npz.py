"""NumPy archives: an array ``keypoints``, and scores, names, frame, person, fps where there are.

The axes are those of `array_layout`. Nothing is ever unpickled, and members that are not the
keypoints are copied as bytes.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.npz import open_archive, read_array
from pose_smoother.files.plain import Budget
from pose_smoother.poses.formats.array_layout import ArrayLayout, find_layout
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.tracks_io import (
    MAX_BYTES,
    Detections,
    frame_number,
    frame_rate,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import known_skeleton
from pose_smoother.poses.tracks import Floats, Poses

NAME = "npz"
EXTENSIONS = (".npz",)
HAS = frozenset({"scores", "fps", "3-D", "layout"})

#: Names of the array of keypoints; the first that there is, or the only array of all.
_KEYPOINTS = (
    *("keypoints", "kpts", "keypoints_2d", "keypoints_3d", "poses", "pose", "positions", "points"),
    *("coords", "landmarks", "joints", "xy", "xyz", "arr_0"),
)
#: The other arrays that are read, and what each may be called, too.
_OTHERS = {
    "frame": ("frames",),
    "names": ("keypoint_names", "keypoints_names", "node_names", "bodyparts"),
    "person": ("people", "individuals"),
    "scores": ("score", "keypoint_scores", "confidence", "confidences", "conf"),
    "fps": (),
}


def claims(path: Path) -> Evidence:
    """Whether it is a zip archive at all: no other format is one."""
    return Evidence.MARK if zipfile.is_zipfile(path) else Evidence.ENDING


def _words(value: NDArray[Any], name: str, n: int) -> list[str]:
    """Text of an array that names n things."""
    if value.shape != (n,) or value.dtype.kind not in "USiu":
        raise InvalidInputError(
            f"{name}: expected ({n},) names, found {value.dtype} of shape {value.shape}"
        )
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in value]


def _keypoints(archive: zipfile.ZipFile, budget: Budget) -> tuple[str, NDArray[Any]]:
    """The name of the array of keypoints, and the array."""
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    videopose = sorted({"positions_2d", "positions_3d"} & set(names))
    listed = [name for name in _KEYPOINTS if name in names]
    if len(names) == 1 and not videopose:
        listed = listed or names
    found = read_array(archive, listed[0], budget) if listed else None
    if found is None:
        if videopose:
            name = videopose[0]
            raise InvalidInputError(
                f"{name}: VideoPose3D's dictionary is a pickle, which may run any program when it "
                "is loaded, so it is never loaded: save one of its arrays, as in "
                f"np.savez(path, keypoints=data[{name!r}].item()[subject][action][camera])"
            )
        here = ", ".join(names[:10]) or "nothing"
        more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
        raise InvalidInputError(f"expected an array called keypoints, found {here:.300}{more}")
    if found.dtype.kind not in "iuf":
        raise InvalidInputError(f"{listed[0]}: expected numbers, found {found.dtype}")
    return listed[0], found


def _length(array: NDArray[Any] | None) -> int | None:
    return len(array) if array is not None and array.ndim else None


def read(path: Path, skeleton: str | None, layout: str | None = None) -> Poses:
    """Tracks of the archive; without ``frame``, frames count from 0.

    Parameters
    ----------
    layout : the axes of the keypoints (`array_layout`); None finds them out.

    Raises
    ------
    InvalidInputError : an array is absent, damaged, or of another shape or type.
    """
    raw = read_bytes(path)
    archive, budget = open_archive(raw, MAX_BYTES), Budget(len(raw), MAX_BYTES)
    name, stored = _keypoints(archive, budget)
    arrays = {one: _other(archive, one, budget) for one in _OTHERS}
    taken = [f"the array {name} was taken for the keypoints"] if name != "keypoints" else []
    return poses_of(stored, arrays, raw, skeleton, layout, taken)


def _other(archive: zipfile.ZipFile, name: str, budget: Budget) -> NDArray[Any] | None:
    """One of `_OTHERS`, by the first of its names; None where the archive has none."""
    found = (read_array(archive, called, budget) for called in (name, *_OTHERS[name]))
    return next((array for array in found if array is not None), None)


def poses_of(
    stored: NDArray[Any],
    arrays: Mapping[str, NDArray[Any] | None],
    raw: bytes,
    skeleton: str | None,
    layout: str | None,
    assumed: Sequence[str] = (),
) -> Poses:
    """Tracks of an array of keypoints.

    Parameters
    ----------
    stored : the keypoints, numbers.
    arrays : ``frame``, ``names``, ``person``, ``scores`` and ``fps``, None where there is none.
    raw : the file's bytes.
    assumed : what was assumed so far.

    Raises
    ------
    InvalidInputError : an array is of another shape or type.
    """
    found = find_layout(
        stored,
        layout=layout,
        n_frames=_length(arrays["frame"]),
        n_people=_length(arrays["person"]),
        n_keypoints=_length(arrays["names"]),
        has_scores=arrays["scores"] is not None,
    )
    data = found.as_people_first(stored)
    n_people, n, n_keypoints, _ = data.shape
    n_axes = 3 if found.channels == "xyz" else 2
    keypoints = data[..., :n_axes].astype(np.float64).reshape(-1, n_keypoints, n_axes)
    notes = [*assumed, *found.warnings]
    frame = range(n) if arrays["frame"] is None else _frames(arrays["frame"], n)
    if arrays["names"] is not None:
        names = tuple(_words(arrays["names"], "names", n_keypoints))
    else:
        names, taken_as = known_skeleton(n_keypoints, skeleton, "coco-17", keypoints)
        notes += [taken_as] if taken_as else []
    people = (
        [str(i + 1) for i in range(n_people)]
        if arrays["person"] is None
        else _words(arrays["person"], "person", n_people)
    )
    seen = Detections(
        [""] * (n_people * n),
        [person for person in people for _ in range(n)],
        np.array([*frame] * n_people, dtype=np.int64),
        keypoints,
        _scores(arrays["scores"], data, found).reshape(-1, n_keypoints),
    )
    return to_tracks(names, seen, raw, found, notes, _fps(arrays["fps"]))


def _frames(array: NDArray[Any], n: int) -> list[int]:
    if array.shape != (n,):
        raise InvalidInputError(f"frame: expected shape ({n},), found {array.shape}")
    return [frame_number(value) for value in array.tolist()]


def _fps(array: NDArray[Any] | None) -> float | None:
    """Frames a second from an array of one positive number; None of any other."""
    return None if array is None or array.size != 1 else frame_rate(array.item())


def _scores(scores: NDArray[Any] | None, data: NDArray[Any], layout: ArrayLayout) -> Floats:
    """Scores as float64 (P, n, J); NaN where not given."""
    if scores is None:
        if layout.channels == "xys":
            return data[..., 2].astype(np.float64)
        return np.full(data.shape[:-1], np.nan)
    if scores.ndim == layout.n_axes - 1:
        scores = np.expand_dims(scores, layout.order[3])
    fits = scores.dtype.kind in "iuf" and scores.ndim == layout.n_axes
    turned = layout.as_people_first(scores) if fits else scores
    if not fits or turned.shape != (*data.shape[:-1], 1):
        raise InvalidInputError(
            f"scores: expected a number for each keypoint {data.shape[:-1]} (people, time, "
            f"keypoints), found {scores.dtype} of shape {scores.shape}"
        )
    return turned[..., 0].astype(np.float64)


def with_coordinates(
    stored: NDArray[Any], poses: Poses, keypoints: Sequence[Floats]
) -> NDArray[Any]:
    """The stored array with other coordinates; the very array where none is another."""
    new, changed = to_file_order(poses, keypoints)
    if not changed.any():
        return stored
    dtype = stored.dtype if stored.dtype.kind == "f" else np.dtype(np.float64)
    written = stored.astype(dtype)
    values = poses.origin.place.as_people_first(written)[..., : new.shape[-1]]
    values[changed.reshape(values.shape)] = new[changed].astype(dtype)
    return written


def npy_bytes(array: NDArray[Any]) -> bytes:
    """An array as NumPy saves it."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same archive with other keypoints, in their own type; whole numbers become float64."""
    source = open_archive(poses.origin.raw, MAX_BYTES)
    name, stored = _keypoints(source, Budget(len(poses.origin.raw), MAX_BYTES))
    written = with_coordinates(stored, poses, keypoints)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for info in source.infolist():
            data = source.read(info)
            if info.filename == f"{name}.npy" and written is not stored:
                data = npy_bytes(written)
            archive.writestr(info, data)
    write_atomic(out, target.getvalue())
