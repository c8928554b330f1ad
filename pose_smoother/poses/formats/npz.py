"""NumPy archives: keypoints (n, J, 2 or 3) or (P, n, J, 2 or 3), scores, names, frame, person.

Nothing is ever unpickled, and members that are not the keypoints are copied as bytes.
"""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.npz import open_archive, read_array
from pose_smoother.files.plain import Budget
from pose_smoother.poses.formats.tracks_io import (
    MAX_BYTES,
    Detections,
    frame_number,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import known_skeleton
from pose_smoother.poses.tracks import Floats, Poses

NAME = "npz"
EXTENSIONS = (".npz",)


def looks_like(path: Path) -> bool:
    """Whether it is a zip archive at all: no other format has the ending."""
    return True


def _words(value: NDArray[Any], name: str, n: int) -> list[str]:
    """Text of an array that names n things."""
    if value.shape != (n,) or value.dtype.kind not in "USiu":
        raise InvalidInputError(
            f"{name}: expected ({n},) names, found {value.dtype} of shape {value.shape}"
        )
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in value]


def _keypoints(archive: zipfile.ZipFile, budget: Budget) -> NDArray[Any]:
    found = read_array(archive, "keypoints", budget)
    if found is None:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        here = ", ".join(names[:10]) or "nothing"
        more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
        raise InvalidInputError(f"expected an array called keypoints, found {here:.300}{more}")
    fits = found.ndim in (3, 4) and found.shape[-1] in (2, 3) and found.shape[-2] > 0
    if found.dtype.kind not in "iuf" or not fits:
        raise InvalidInputError(
            "keypoints: expected numbers of shape (frames, keypoints, 2 or 3) or (people, frames, "
            f"keypoints, 2 or 3), found {found.dtype} of shape {found.shape}"
        )
    return found


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the archive; without ``frame``, frames count from 0.

    A third channel of the keypoints is their score where there is no array ``scores``.

    Raises
    ------
    InvalidInputError : an array is absent, damaged, or of another shape or type.
    """
    raw = read_bytes(path)
    archive, budget = open_archive(raw, MAX_BYTES), Budget(len(raw), MAX_BYTES)
    stored = _keypoints(archive, budget)
    data = stored[None] if stored.ndim == 3 else stored
    n_people, n, n_keypoints, _ = data.shape
    told = []
    frame_array = read_array(archive, "frame", budget)
    if frame_array is None:
        frame = list(range(n))
        if n_people > n:
            told.append(
                f"the first axis was taken for {n_people} people, the second for {n} frames"
            )
    else:
        if frame_array.shape != (n,):
            raise InvalidInputError(f"frame: expected shape ({n},), found {frame_array.shape}")
        frame = [frame_number(value) for value in frame_array.tolist()]
    names_array = read_array(archive, "names", budget)
    if names_array is not None:
        names = tuple(_words(names_array, "names", n_keypoints))
    else:
        names, assumed = known_skeleton(n_keypoints, skeleton)
        told += [assumed] if assumed else []
    person_array = read_array(archive, "person", budget)
    people = (
        [str(i + 1) for i in range(n_people)]
        if person_array is None
        else _words(person_array, "person", n_people)
    )
    seen = Detections(
        [""] * (n_people * n),
        [person for person in people for _ in range(n)],
        np.array(frame * n_people, dtype=np.int64),
        data[..., :2].astype(np.float64).reshape(-1, n_keypoints, 2),
        _scores(archive, data, budget).reshape(-1, n_keypoints),
    )
    return to_tracks(names, seen, raw, stored.shape, told)


def _scores(archive: zipfile.ZipFile, data: NDArray[Any], budget: Budget) -> Floats:
    """float64 (P, n, J)"""
    scores = read_array(archive, "scores", budget)
    if scores is None:
        if data.shape[-1] == 3:
            return data[..., 2].astype(np.float64)
        return np.full(data.shape[:-1], np.nan)
    if scores.dtype.kind not in "iuf" or scores.size != np.prod(data.shape[:-1]):
        raise InvalidInputError(
            f"scores: expected numbers of shape {data.shape[:-1]}, found {scores.dtype} of shape "
            f"{scores.shape}"
        )
    return scores.astype(np.float64).reshape(data.shape[:-1])


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same archive with other keypoints, in their own type; whole numbers become float64."""
    new, changed = to_file_order(poses, keypoints)
    source = open_archive(poses.origin.raw, MAX_BYTES)
    stored = _keypoints(source, Budget(len(poses.origin.raw), MAX_BYTES))
    if changed.any():
        dtype = stored.dtype if stored.dtype.kind == "f" else np.dtype(np.float64)
        values = stored.astype(dtype).reshape(-1, *stored.shape[-2:])
        values[..., :2][changed] = new[changed].astype(dtype)
        stored = values.reshape(stored.shape)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for info in source.infolist():
            data = source.read(info)
            if info.filename == "keypoints.npy" and changed.any():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, stored, allow_pickle=False)
                data = buffer.getvalue()
            archive.writestr(info, data)
    write_atomic(out, target.getvalue())
