"""Lists of keypoints in JSON as one array: converted all at once, one by one only where that fails.

A list is flat (x, y, score, …) or has a list for each keypoint.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats.json_utils import points
from pose_smoother.poses.tracks import Floats

_ROWS_AT_ONCE = 4096


def point_array(
    lists: Sequence[Any], where: Callable[[int], str], per_point: int = 3
) -> Floats | None:
    """The keypoints of every person, NaN where a person has no list; None where nobody has one.

    Parameters
    ----------
    lists : (N,) each person's list; None or an empty one where there is none.
    where : names the person of an index in messages.
    per_point : numbers of a keypoint in a flat list.

    Returns
    -------
    float64 (N, K, n): n is ``per_point``, or the length of the keypoints' lists.

    Raises
    ------
    InvalidInputError : a list holds anything but numbers, or people have different numbers of
        keypoints.
    """
    rows = [row for row, value in enumerate(lists) if value]
    if not rows:
        return None
    try:
        found: NDArray[Any] = np.array([lists[row] for row in rows])
        if found.dtype.kind not in "iuf" or (found.ndim == 2 and found.shape[1] % per_point):
            raise ValueError
        found = found.reshape(len(rows), -1, per_point if found.ndim == 2 else found.shape[-1])
        if found.shape[-1] not in (2, 3):
            raise ValueError
    except (ValueError, OverflowError):
        found = _one_by_one([lists[row] for row in rows], [where(row) for row in rows], per_point)
    values = np.full((len(lists), *found.shape[1:]), np.nan)
    values[rows] = found
    return values


def _one_by_one(lists: Sequence[Any], where: Sequence[str], per_point: int) -> Floats:
    """The same of lists that cannot be converted at once: the error names the first bad one."""
    people = []
    for value, at in zip(lists, where, strict=True):
        if not isinstance(value, list):
            raise InvalidInputError(f"{at}: expected a list of keypoints, found {value!r:.40}")
        people.append(points(value, at, per_point))
    counts = sorted({len(person) for person in people})
    if len(counts) > 1:
        raise InvalidInputError(f"expected one number of keypoints throughout, found {counts}")
    values = np.full((len(people), counts[0], max(p.shape[1] for p in people)), np.nan)
    for row, person in enumerate(people):
        values[row, :, : person.shape[1]] = person
    return values


def with_score(values: Floats) -> Floats:
    """x, y and a score (N, K, 3), NaN where not given, from values of 2 or 3 numbers."""
    if values.shape[-1] == 3:
        return values
    return np.pad(values, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)


def put_points(
    lists: Sequence[Any], new: Floats, changed: NDArray[np.bool_], per_point: int = 3
) -> None:
    """Put changed coordinates into the lists that `point_array` reads, in place.

    Parameters
    ----------
    lists : (N,) each person's list; None or an empty one stays.
    new : float64 (N, K, axes).
    changed : bool (N, K, axes), what is put; the rest stays as it is.
    """
    for start in range(0, len(lists), _ROWS_AT_ONCE):  # new numbers take the room of old ones
        rows = slice(start, start + _ROWS_AT_ONCE)
        _put_points(lists[rows], new[rows], changed[rows], per_point)


def _put_points(
    lists: Sequence[Any], new: Floats, changed: NDArray[np.bool_], per_point: int
) -> None:
    whole = np.flatnonzero(changed.all(axis=(1, 2))).tolist()
    nested = [row for row in whole if lists[row] and isinstance(lists[row][0], list)]
    if nested:  # mostly all rows
        for row, position in zip(nested, new[nested].tolist(), strict=True):
            for point, numbers in zip(lists[row], position, strict=True):
                point[: len(numbers)] = numbers
        changed = changed.copy()
        changed[nested] = False
    complete = np.asarray(changed.all(axis=1)).tolist()
    for axis in range(new.shape[2]):
        along = new[..., axis].tolist()
        for row in np.flatnonzero(changed[..., axis].any(axis=1)).tolist():
            value = lists[row]
            if not value:
                continue
            if isinstance(value[0], list):
                for j in np.flatnonzero(changed[row, :, axis]).tolist():
                    value[j][axis] = along[row][j]
            elif complete[row][axis]:  # most rows: all at once
                value[axis::per_point] = along[row]
            else:
                for j in np.flatnonzero(changed[row, :, axis]).tolist():
                    value[j * per_point + axis] = along[row][j]
