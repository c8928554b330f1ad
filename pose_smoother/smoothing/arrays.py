"""Arrays as tracks, and back: the same shape, type and dtype.

An array has the axes (frames, keypoints, 2 or 3) or (frames, people, keypoints, 2 or 3); a third
coordinate between 0 and 1 next to pixels is a score, which is read and stays as it is. An xarray
``DataArray`` has movement's dimensions (time, space, keypoints, and individuals), in any order;
xarray is not imported, for an object that has its attributes is enough.
"""

import os
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats.array_layout import are_scores, nearer_axis
from pose_smoother.poses.missing import find_missing, within_reach
from pose_smoother.poses.tracks import Floats, Poses, Track

#: movement's names of the dimensions, plural and singular.
_DIMS = (
    ("time",),
    ("individuals", "individual"),
    ("keypoints", "keypoint"),
    ("space",),
)
#: Three axes of a room have no larger coordinates, if they are in metres.
_MOST_METRES = 20.0
_CHUNK_FRAMES = 4096  # bounds memory
_LAYOUTS = "(frames, keypoints, 2 or 3) or (frames, people, keypoints, 2 or 3)"


@dataclass(frozen=True)
class ArrayPoses:
    """An array as tracks.

    Attributes
    ----------
    poses : one track for each person.
    names_given : whether ``poses.names`` are names, not numbers.
    fps : frames a second, where the array has it.
    restore : float64 (n, K, axes) of each track -> an array like the one that came in.
    """

    poses: Poses
    names_given: bool
    fps: float | None
    restore: Callable[[Sequence[Floats]], Any]


def is_data_array(x: object) -> bool:
    """Whether an object is an xarray ``DataArray``, or behaves like one."""
    return all(hasattr(x, name) for name in ("dims", "coords", "transpose", "copy", "values"))


def from_any(x: Any, scores: Any = None, names: Sequence[str] | None = None) -> ArrayPoses:
    """An array or a ``DataArray`` as tracks; it is not changed.

    What a masked array hides is missing, and stays hidden unless a gap is filled.

    Parameters
    ----------
    scores : of the same axes without the last: (frames, keypoints) or (frames, people, keypoints).
    names : (K,) of the keypoints.

    Raises
    ------
    InvalidInputError : the axes, the dtype, the scores or the names do not fit.
    """
    if isinstance(x, str | os.PathLike):
        raise InvalidInputError(f"expected an array or Poses, got a path: read_poses({str(x)!r})")
    return _from_data_array(x, scores, names) if is_data_array(x) else _from_array(x, scores, names)


def as_floats(what: str, values: Any) -> Floats:
    """A copy of numbers in float64; None, and what a mask hides, is NaN.

    Raises
    ------
    InvalidInputError : they are no numbers.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":
            raise TypeError(f"got dtype {array.dtype}")
        with np.errstate(invalid="ignore", over="ignore"):
            floats = np.array(array, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"{what}: expected numbers: {error}") from None
    if isinstance(values, np.ma.MaskedArray):
        floats[np.ma.getmaskarray(values)] = np.nan
    return floats


def _from_array(x: Any, scores: Any, names: Sequence[str] | None) -> ArrayPoses:
    """An array whose axes have no names: a third coordinate may be a score."""
    array = np.asarray(x)
    if array.dtype.kind not in "iuf" or array.ndim not in (3, 4) or array.shape[-1] not in (2, 3):
        return _from_numbers(x, scores, names)
    if array.ndim == 4 and array.shape[0] < array.shape[1] and nearer_axis(array) == 1:
        raise InvalidInputError(
            f"expected (frames, people, keypoints, 2 or 3), got {array.shape}, in which the second "
            "axis looks like time: give np.swapaxes(xy, 0, 1)"
        )
    if array.shape[-1] == 2 or scores is not None or not _ends_in_scores(array):
        return _from_numbers(x, scores, names)
    join = np.ma.concatenate if isinstance(x, np.ma.MaskedArray) else np.concatenate
    given = x if isinstance(x, np.ma.MaskedArray) else array
    inner = _from_numbers(given[..., :2], given[..., 2], names)

    def restore(keypoints: Sequence[Floats]) -> NDArray[Any]:
        return np.asanyarray(join([inner.restore(keypoints), given[..., 2:]], axis=-1))

    told = (*inner.poses.warnings, "the third coordinate was taken for a score")
    return replace(inner, poses=replace(inner.poses, warnings=told), restore=restore)


def _ends_in_scores(array: NDArray[Any]) -> bool:
    """Whether (..., 3) are positions in pixels and a score, not three axes."""
    return bool((array[..., :2] > _MOST_METRES).any()) and are_scores(array)


def _from_numbers(x: Any, scores: Any, names: Sequence[str] | None) -> ArrayPoses:
    array = np.asarray(x)
    hidden = np.ma.getmaskarray(x) if isinstance(x, np.ma.MaskedArray) else None
    if array.dtype.kind not in "iuf":
        raise InvalidInputError(f"expected an array of numbers, got dtype {array.dtype}")
    if array.ndim not in (3, 4) or array.shape[-1] not in (2, 3):
        raise InvalidInputError(f"expected an array {_LAYOUTS}, got {array.shape}")
    dtype = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
    people = array if array.ndim == 4 else array[:, None]  # (T, P, K, axes)

    def restore(keypoints: Sequence[Floats]) -> NDArray[Any]:
        # What was not smoothed keeps its value to the bit: infinity is missing, too.
        if len(keypoints) == 1 and dtype == np.float64 and hidden is None:
            new = keypoints[0]
            if new.flags.c_contiguous and not np.may_share_memory(new, array):
                for start in range(0, len(new), _CHUNK_FRAMES):
                    now, own = (x[start : start + _CHUNK_FRAMES] for x in (new, people[:, 0]))
                    np.copyto(now, own, where=~np.isfinite(now) | (now == own))
                return new.reshape(array.shape)
        out = np.empty(people.shape, dtype)
        filled = None if hidden is None else np.zeros(people.shape, np.bool_)
        for start in range(0, len(people), _CHUNK_FRAMES):
            rows = slice(start, start + _CHUNK_FRAMES)
            out[rows] = people[rows]
            for i, of_person in enumerate(keypoints):
                new, own = of_person[rows], people[rows, i]
                known = np.isfinite(new)
                np.copyto(out[rows, i], new, "same_kind", known & (new != own))
                if filled is not None:
                    filled[rows, i] = known
        smoothed = out.reshape(array.shape)
        if hidden is None or filled is None:
            return smoothed
        return np.ma.array(smoothed, mask=hidden & ~filled.reshape(array.shape))

    shown = people if hidden is None else np.where(hidden.reshape(people.shape), np.nan, people)
    given = _scores(scores, people.shape[:3], array.ndim)
    chosen = _names(names, people.shape[2])
    return ArrayPoses(_poses(shown, given, chosen), names is not None, None, restore)


def _from_data_array(x: Any, scores: Any, names: Sequence[str] | None) -> ArrayPoses:
    dims = tuple(map(str, x.dims))
    found = [next((d for d in names_ if d in dims), None) for names_ in _DIMS]
    order = [dim for dim in found if dim is not None]
    if len(order) != len(dims) or found[0] is None or found[2] is None or found[3] is None:
        raise InvalidInputError(
            "expected the dimensions time, space, keypoints and, if there are several, "
            f"individuals, got {', '.join(dims)}"
        )
    if names is None and found[2] in x.coords:
        names = [str(name) for name in np.asarray(x.coords[found[2]].values).tolist()]
    if is_data_array(scores):
        scores = scores.transpose(*order[:-1]).values
    inner = _from_numbers(x.transpose(*order).values, scores, names)

    def restore(keypoints: Sequence[Floats]) -> Any:
        values = inner.restore(keypoints)
        return x.copy(data=np.transpose(values, [order.index(dim) for dim in dims]))

    fps = getattr(x, "attrs", {}).get("fps")
    return ArrayPoses(inner.poses, names is not None, None if fps is None else float(fps), restore)


def _scores(scores: Any, shape: tuple[int, ...], n_dims: int) -> Floats:
    """Float64 (T, P, K), NaN where not given."""
    if scores is None:
        return np.broadcast_to(np.float64("nan"), shape)
    expected = shape if n_dims == 4 else (shape[0], shape[2])
    given = as_floats("scores", scores)
    if given.shape != expected:
        raise InvalidInputError(f"expected scores {expected}, one a keypoint, got {given.shape}")
    return given.reshape(shape)


def _names(names: Sequence[str] | None, n_keypoints: int) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, range(n_keypoints)))
    is_list = isinstance(names, Sized) and not isinstance(names, str)
    if not is_list or len(names) != n_keypoints:
        got = len(names) if is_list else repr(names)
        raise InvalidInputError(f"expected names of {n_keypoints} keypoints, got {got}")
    return tuple(map(str, names))


def _poses(people: NDArray[Any], scores: Floats, names: tuple[str, ...]) -> Poses:
    if not len(people):
        return Poses(names, (), (), None)
    n_frames, n_people, n_keypoints, n_axes = people.shape
    # One row for each frame of each person, as in a file.
    rows = (
        np.moveaxis(people, 1, 0)
        .reshape(n_people * n_frames, n_keypoints, n_axes)
        .astype(np.float64, copy=False)
    )
    near, far = within_reach(rows)
    keypoints = rows if near.all() else np.where(near[..., None], rows, np.nan)
    score = np.moveaxis(scores, 1, 0).reshape(n_people * n_frames, n_keypoints)
    frame = np.arange(n_frames)
    person = np.repeat(np.arange(n_people), n_frames)
    missing = find_missing(keypoints, score, np.tile(frame, n_people), person)
    if missing.mask.any():
        keypoints = np.where(missing.mask[..., None], np.nan, keypoints)
    tracks = []
    for i in range(n_people):
        part = slice(i * n_frames, (i + 1) * n_frames)
        name = str(i + 1)
        tracks.append(Track(name, "", name, frame, keypoints[part], score[part]))
    counts = {"marked_missing": int(missing.mask.sum())}
    return Poses(names, tuple(tracks), (*far, *missing.warnings), None, counts=counts)
