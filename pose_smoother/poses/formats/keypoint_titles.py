"""Titles of a wide table's columns: which are keypoints' axes and scores, which are other things.

A keypoint is two columns that end in x and y (`axis_last`: ``nose_x``, ``noseX``, ``nose (x)``,
``nose_x_px``), or begin with them (`axis_first`: ``x_0``, ``x0``, ``x_nose``), or are no more than
them (`axis_alone`). The velocity of a nose has such columns, too, and is no keypoint.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats.column_names import KEYPOINT, SCORES, with_meaning
from pose_smoother.poses.formats.individuals import some

AXES = ("x", "y", "z", "score")
_SCORE = len(AXES) - 1
_MOST_TITLES = 1 << 12  # whose meanings are remembered: a header is asked for some times


class Title(NamedTuple):
    """What a column is.

    Attributes
    ----------
    name : the keypoint's.
    kind : the index of its axis, or of the score, in `AXES`.
    rank : of two columns for the same, the one with the lower rank is taken: axes in lower case
        before those in capitals, both before axes with a unit; scores in the order of `SCORES`.
    """

    name: str
    kind: int
    rank: int


Grammar = Callable[[str], Title | None]
_Columns = list[list[tuple[int, int]]]  # (rank, column) of every axis, and of the score

_BY_LENGTH = sorted(SCORES, key=len, reverse=True)  # confidence_score is not the score confidence
_SCORES = "|".join(name.replace("_", "[_ ]?") for name in _BY_LENGTH)
_CAMEL_SCORES = "|".join(name.title().replace("_", "") for name in _BY_LENGTH)
_LETTERS = ("c", "p", "s", "v")  # of scores
_UNIT = r"([_ ]?(?:px|pixels?|mm|cm)|[_ ]?[\[(](?:px|pixels?|mm|cm|m)[\])])?"
_WHAT = rf"(?:(x|y|z)|({_SCORES}|c|p|s))"
_LAST = (
    re.compile(rf"(.+?)[_.:/\- ](?:(x|y|z)|({_SCORES}|c|p|s|v)){_UNIT}", flags=re.IGNORECASE),
    re.compile(rf"(.+?)[_.:\- ]?[\[(]{_WHAT}()[\])]", flags=re.IGNORECASE),
    re.compile(rf"(.*?[a-z0-9])(?:([XYZ])|({_CAMEL_SCORES}))()"),
)
_ALONE = re.compile(rf"{_WHAT}{_UNIT}", flags=re.IGNORECASE)
_FIRST = re.compile(
    rf"(?:(x|y|z)|({_SCORES}|c|p|s|v))(?:[_.:\- ]?\[?(\d+)\]?|[_.:\- ](.+))", flags=re.IGNORECASE
)

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
#: Words for what has an x and a y and is no place of a body.
_OTHER = {
    *("bbox", "roi", "size", "resolution", "offset", "heading", "direction", "gaze"),
    *("velocity", "velocities", "vel", "speed", "acceleration", "accelerations", "accel", "jerk"),
    *("rotation", "orientation", "translation", "displacement", "quaternion", "euler", "flow"),
    *("accelerometer", "gyro", "gyroscope", "imu", "force", "forces", "torque"),
    *("variance", "std", "sem", "uncertainty", "residual"),
}
_OTHER_AT_THE_END = {("box",), ("acc",)}
_OTHER_PAIRS = {("head", "pose"), ("bounding", "box"), ("box", "min"), ("box", "max")}
_OTHER_ALONE = {("min",), ("max",), ("scale",), ("crop",), ("headpose",)}


def _title(name: str, axis: str | None, score: str | None, unit: str | None = None) -> Title:
    if axis:
        return Title(name, AXES.index(axis.lower()), 2 * bool(unit) + axis.isupper())
    names = [*(one.replace("_", "") for one in SCORES), *_LETTERS]
    return Title(name, _SCORE, names.index(re.sub("[_ ]", "", str(score).lower())))


@lru_cache(_MOST_TITLES)
def axis_last(title: str) -> Title | None:
    """``nose_x``, ``nose.score``."""
    match = next(filter(None, (column.fullmatch(title) for column in _LAST)), None)
    return _title(*match.groups()) if match else None


@lru_cache(_MOST_TITLES)
def axis_first(title: str) -> Title | None:
    """``x_0``, ``x0``, ``x_nose``, ``visibility_0``."""
    match = _FIRST.fullmatch(title)
    return _title(match[3] or match[4], match[1], match[2]) if match else None


@lru_cache(_MOST_TITLES)
def axis_alone(title: str) -> Title | None:
    """``x``, ``score`` of a table of one keypoint, ``point``."""
    match = _ALONE.fullmatch(title)
    return _title("point", *match.groups()) if match else None


def grammars(header: Sequence[str]) -> list[Grammar]:
    """The grammars by which the header has most keypoints: none, one, or two that tie.

    One keypoint next to a column that names keypoints, as in ``keypoint,pos_x,pos_y``, is none.
    """
    pairs = {grammar: _pairs(header, grammar) for grammar in (axis_last, axis_first, axis_alone)}
    n_of = {grammar: len(_without_others(found)) for grammar, found in pairs.items()}
    if n_of[axis_last] and pairs[axis_first].keys() == {"1", "2"}:
        n_of[axis_first] = 0  # x1, y1, x2, y2 is a box
    if not any(n_of.values()):  # then others are better than nothing
        n_of = {grammar: len(found) for grammar, found in pairs.items()}
    if with_meaning(header, {"": KEYPOINT}):
        n_of = {grammar: n if n > 1 else 0 for grammar, n in n_of.items()}
    single = n_of.pop(axis_alone)
    most = max(n_of.values())
    if not most:
        return [axis_alone] if single else []
    return [grammar for grammar, n in n_of.items() if n == most]


def keypoint_columns(header: Sequence[str], grammar: Grammar) -> dict[str, tuple[int, ...]]:
    """Columns (x, y, z, score; -1 without one) of every keypoint that has x and y, by its name.

    Other things with x and y are left out, unless there is nothing else.

    Raises
    ------
    InvalidInputError : it is unclear which of two columns is a keypoint's.
    """
    titles = _titles(header, grammar)
    pairs = {name: columns for name, columns in titles.items() if _is_pair(columns)}
    found = _without_others(pairs) or pairs
    doubtful = _doubtful_letters(titles, found, grammar)
    for columns in found.values():
        columns[_SCORE] = [one for one in columns[_SCORE] if one[0] not in doubtful]
    return {name: _place(columns, header) for name, columns in found.items()}


def _doubtful_letters(
    titles: Mapping[str, _Columns], found: Mapping[str, _Columns], grammar: Grammar
) -> set[int]:
    """Ranks of one-letter scores that not all keypoints have, and that may be something else.

    ``nose_v`` may be a velocity, and ``p_0`` a parameter, as ``p_scale`` is.
    """
    having = {
        rank: {name for name, of in titles.items() if rank in dict(of[_SCORE])}
        for rank in range(len(SCORES), len(SCORES) + len(_LETTERS))
    }
    return {
        rank
        for rank, names in having.items()
        if found.keys() - names
        and (names - found.keys() if grammar is axis_first else rank == max(having))
    }


def left_as_they_are(header: Sequence[str], found: Mapping[str, tuple[int, ...]]) -> list[str]:
    """A note on columns that could be a keypoint's position and are none of those found."""
    used = {column for place in found.values() for column in place}
    left = {
        column
        for grammar in (axis_last, axis_first, axis_alone)
        for columns in _pairs(header, grammar).values()
        for axis in columns[:_SCORE]
        for _, column in axis
    }
    titles = [header[column].strip() for column in sorted(left - used)]
    if titles:
        return [f"keypoints are {some(list(found), 6)}; left as they are: {some(titles, 6)}"]
    if found and all(map(_is_other, found)):
        return [f"{some(list(found), 6)}: taken as keypoints, as no other columns are positions"]
    return []


def _titles(header: Sequence[str], grammar: Grammar) -> dict[str, _Columns]:
    found: dict[str, _Columns] = {}
    for column, text in enumerate(header):
        if title := grammar(text.strip()):
            columns = found.setdefault(title.name, [[] for _ in AXES])
            columns[title.kind].append((title.rank, column))
    return found


def _pairs(header: Sequence[str], grammar: Grammar) -> dict[str, _Columns]:
    """Columns of what has x and y."""
    return {name: of for name, of in _titles(header, grammar).items() if _is_pair(of)}


def _is_pair(columns: _Columns) -> bool:
    return bool(columns[0] and columns[1])


def _without_others(found: Mapping[str, _Columns]) -> dict[str, _Columns]:
    """Keypoints alone: no velocities, boxes and the like."""
    return {name: of for name, of in found.items() if not _is_other(name)}


def _is_other(name: str) -> bool:
    words = tuple(word.lower() for word in _WORD.findall(name))
    return (
        not _OTHER.isdisjoint([*words, *re.findall("[a-z]+", name.lower())])
        or words in _OTHER_ALONE
        or words[-1:] in _OTHER_AT_THE_END
        or not _OTHER_PAIRS.isdisjoint(pairwise(words))
    )


def _place(columns: _Columns, header: Sequence[str]) -> tuple[int, ...]:
    """One column of each axis and the score, -1 without one."""
    axes, scores = columns[:_SCORE], sorted(columns[_SCORE])
    place = [-1] * len(AXES)
    if max(map(len, axes)) > 1:  # by their spelling: x_0 and y_0 in pixels, X_0 and Y_0 in mm
        ranks = sorted({rank for axis in axes for rank, _ in axis})
        alike = [[[c for r, c in axis if r == rank] for axis in axes] for rank in ranks]
        if any(max(map(len, one)) > 1 or not (one[0] and one[1]) for one in alike):
            raise _twice(next(axis for axis in axes if len(axis) > 1), header)
        axes = [[(0, column) for column in axis] for axis in alike[0]]
    if len(scores) > 1 and scores[0][0] == scores[1][0]:
        raise _twice(scores, header)
    for kind, of in enumerate([*axes, scores]):
        if of:
            place[kind] = of[0][1]
    return tuple(place)


def _twice(columns: list[tuple[int, int]], header: Sequence[str]) -> InvalidInputError:
    title = header[sorted(column for _, column in columns)[1]].strip()
    return InvalidInputError(f"two columns for {title!r}: rename what is no keypoint's")
