"""Which rows of a table with one keypoint a row are one detection, where a frame has several.

A column without a known title says so, or the order of the rows: those of one individual follow
each other.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.formats.individuals import person_id
from pose_smoother.poses.formats.plain_cells import Coded, Indices
from pose_smoother.poses.tracks import Floats

_MORE = 1.5  # detections by a column, of those that there must be
_STAYS = 0.8  # share of ids that are there in the next frame, too
_NEAREST = 0.9  # share of detections whose id is the nearest one's in the next frame
_BY_KEYPOINT = 0.25  # share of neighbouring rows of one keypoint, where rows are sorted by it
_ORDERLY = 1.1  # detections by the order of keypoints, of those that there must be
_MOST_FRAMES = 2_000  # that are compared
_NUMBER = re.compile(r"[^0-9]*([0-9]{1,18})[^0-9]*")


@dataclass(frozen=True)
class Rows:
    """Rows of keypoints, in the order of the file.

    Attributes
    ----------
    group : int64 (n,), whose of which frame each is, as far as known columns say.
    keypoint : int64 (n,).
    values : float64 (n, 2 or more), x and y first.
    names : of the keypoints.
    """

    group: Indices
    keypoint: Indices
    values: Floats
    names: list[str]

    def repeated(self) -> tuple[dict[int, int], list[int]]:
        """Rows that repeat one of their group and keypoint, and rows of it with other numbers.

        Of the former, the row that each is equal to.
        """
        spot = self.group * len(self.names) + self.keypoint
        _, first, which = np.unique(spot, return_index=True, return_inverse=True)
        equal: dict[int, int] = {}
        others: list[int] = []
        known: dict[int, dict[bytes, int]] = {}
        for row in np.flatnonzero(first[which] != np.arange(len(which))).tolist():
            start = int(first[which[row]])
            here = known.setdefault(int(spot[row]), {self._key(start): start})
            earlier = here.setdefault(self._key(row), row)
            if earlier == row:
                others.append(row)
            else:
                equal[row] = earlier
        return equal, others

    def _key(self, row: int) -> bytes:
        return (self.values[row] + 0.0).tobytes()  # -0 is 0


@dataclass(frozen=True)
class Distinction:
    """What sets the detections of a frame apart.

    Attributes
    ----------
    group : int64 (n,), the detection of each row.
    column : index of the column that says so, None where the order of rows does.
    follows : whether the column's values stay with an individual from frame to frame.
    n_unclear : frames in which the order of rows does not say.
    """

    group: Indices
    column: int | None = None
    follows: bool = False
    n_unclear: int = 0


def by_column(
    rows: Rows, columns: Iterable[tuple[int, Coded]], whose: Indices, frame: Indices
) -> Distinction | None:
    """The column whose values set detections apart: one that follows individuals goes first.

    Parameters
    ----------
    columns : index and texts of each that may.
    whose, frame : int64 (groups,), of each group.
    """
    _, _, most = _most_rows(rows.group, rows.keypoint, len(rows.names))
    least, found = int(most.sum()), None
    for index, column in columns:
        n_texts = len(column.texts)
        apart, group = np.unique(rows.group * n_texts + column.codes, return_inverse=True)
        if n_texts < 2 or len(apart) > _MORE * least:
            continue
        group = group.ravel()
        is_id = np.array([person_id(text) is not None for text in column.texts])
        others = Rows(group, rows.keypoint, rows.values, rows.names).repeated()[1]
        if is_id[column.codes[others]].any():
            continue
        of, text = np.divmod(apart, n_texts)
        known = is_id[text]
        centre = _centres(group, len(apart), rows.values)[known]
        follows = _follows(whose[of[known]], frame[of[known]], text[known], centre)
        if others:  # of several without an id
            bare = np.flatnonzero(~is_id[column.codes])
            left = Rows(group[bare], rows.keypoint[bare], rows.values[bare], rows.names)
            group[bare] = len(apart) + by_order(left).group
        if follows:
            return Distinction(group, index, True)
        if found is None and len(rows.names) > 2:
            found = Distinction(group, index)
    return found


def _most_rows(group: Indices, keypoint: Indices, n: int) -> tuple[Indices, Indices, Indices]:
    """Each pair of group and keypoint (group * n + keypoint), its rows, and each group's most.

    A group has at least so many detections.
    """
    spots, count = np.unique(group * n + keypoint, return_counts=True)
    most = np.zeros(int(group.max()) + 1, np.int64)
    np.maximum.at(most, spots // n, count)
    return spots, count, most


def _start(begins: NDArray[np.bool_]) -> Indices:
    """Of each row, the row at which its stretch begins."""
    return np.flatnonzero(begins)[np.cumsum(begins) - 1]


def _centres(group: Indices, n: int, values: Floats) -> Floats:
    """The mean position of each group's rows, float64 (n, 2)."""
    known = np.isfinite(values[:, :2]).all(axis=1)
    count = np.bincount(group[known], minlength=n)
    sums = [np.bincount(group[known], values[known, axis], n) for axis in (0, 1)]
    return np.asarray(np.stack(sums, axis=1) / np.where(count, count, np.nan)[:, None])


def _follows(whose: Indices, frame: Indices, text: Indices, centre: Floats) -> bool:
    """Whether the detections of one text in neighbouring frames are one individual."""
    order = np.lexsort((text, frame, whose))
    whose, frame, text, centre = whose[order], frame[order], text[order], centre[order]
    new = (np.diff(whose) != 0) | (np.diff(frame) != 0)
    edges = [0, *(np.flatnonzero(new) + 1).tolist(), len(text)]
    n_here = n_stay = n_several = n_near = 0
    pairs = list(zip(edges, edges[1:], edges[2:], strict=False))
    for start, stop, end in pairs[:: len(pairs) // _MOST_FRAMES + 1]:
        if whose[start] != whose[stop]:
            continue
        same = text[start:stop, None] == text[stop:end]
        stays = same.any(axis=1)
        n_here, n_stay = n_here + len(stays), n_stay + int(stays.sum())
        if len(stays) < 2 or end - stop < 2:
            continue
        apart = np.linalg.norm(centre[start:stop, None] - centre[stop:end], axis=-1)
        apart = np.where(np.isnan(apart), np.inf, apart)
        n_several += int(stays.sum())
        n_near += int(same[np.arange(len(stays)), apart.argmin(axis=1)].sum())
    return bool(n_here) and n_stay >= _STAYS * n_here and n_near >= _NEAREST * n_several


def by_order(rows: Rows) -> Distinction:
    """Detections by the order of rows.

    One begins where the order of the keypoints does, or a keypoint comes again. Rows sorted by
    keypoint are of the individuals in their order.
    """
    n = len(rows.group)
    order = np.argsort(rows.group, kind="stable")
    group, keypoint = rows.group[order], rows.keypoint[order]
    begins = np.append(True, group[1:] != group[:-1])
    again = ~begins[1:] & (keypoint[1:] == keypoint[:-1])
    spots, count, most = _most_rows(group, keypoint, len(rows.names))
    least, several = int(most.sum()), most > 1
    in_several = several[group][1:] & ~begins[1:]
    if len(rows.names) > 1 and again.sum() > _BY_KEYPOINT * in_several.sum():
        detection = _occurrence(group * len(rows.names) + keypoint)
        unclear = np.unique(spots[count < most[spots // len(rows.names)]] // len(rows.names))
        n_unclear = len(unclear)
    else:
        ranks = _ranks(rows.names, group, keypoint, begins)
        starts = [begins | np.append(True, np.diff(rank[keypoint]) <= 0) for rank in ranks]
        start = min(starts, key=np.count_nonzero)
        n_unclear = 0
        if np.count_nonzero(start) > _ORDERLY * least:
            start = _comes_again(keypoint, begins)
            size = np.diff(np.append(np.flatnonzero(start), n))
            partly = group[start][size < len(rows.names)]
            n_unclear = int(several[np.unique(partly)].sum())
        number = np.cumsum(start) - 1
        detection = number - number[np.flatnonzero(begins)][np.cumsum(begins) - 1]
    _, which = np.unique(group * (int(detection.max()) + 1) + detection, return_inverse=True)
    found = np.empty(n, np.int64)
    found[order] = which.ravel()
    return Distinction(found, n_unclear=n_unclear)


def _occurrence(spot: Indices) -> Indices:
    """How many earlier rows have the same spot."""
    order = np.argsort(spot, kind="stable")
    first = np.append(True, np.diff(spot[order]) != 0)
    found = np.empty(len(spot), np.int64)
    found[order] = np.arange(len(spot)) - _start(first)
    return found


def _ranks(
    names: list[str], group: Indices, keypoint: Indices, begins: NDArray[np.bool_]
) -> list[Indices]:
    """Orders that rows of an individual may have: the keypoints' numbers, their usual places."""
    found = []
    numbers = [_NUMBER.fullmatch(name) for name in names]
    if all(numbers):
        found.append(np.array([int(match[1]) for match in numbers if match], dtype=np.int64))
    place = np.arange(len(group)) - _start(begins)
    _, first = np.unique(group * len(names) + keypoint, return_index=True)
    usual = np.zeros(len(names))
    for k in np.unique(keypoint).tolist():
        usual[k] = np.median(place[first][keypoint[first] == k])
    order = np.argsort(usual, kind="stable")
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    return [*found, rank]


def _comes_again(keypoint: Indices, begins: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where rows begin whose keypoints differ."""
    start = begins.copy()
    seen: set[int] = set()
    for row, (number, new) in enumerate(zip(keypoint.tolist(), begins.tolist(), strict=True)):
        if new or number in seen:
            start[row], seen = True, set()
        seen.add(number)
    return start
