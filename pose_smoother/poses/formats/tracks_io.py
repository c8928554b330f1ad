"""From a file's order to tracks and back: detections as listed in the file, one track each."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import read_plain
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats.frame_names import (
    Place,
    frame_places,
    last_number,
)
from pose_smoother.poses.formats.individuals import group, person_id, some, without_row_numbers
from pose_smoother.poses.formats.plain_cells import Coded, Indices
from pose_smoother.poses.missing import find_missing, within_reach
from pose_smoother.poses.tracks import Floats, Poses, Track

#: Larger files are refused before memory is taken for them.
MAX_BYTES = 4 << 30

#: Numbers are written with so many decimals: a millionth of a pixel, or 0.002 px where coordinates
#: are shares of a 2,000 px image; with more where all coordinates are smaller than a hundredth.
DECIMALS = 6
_LEAST_VIDEOS = 3  # of one frame each, from which on something is wrong
_A_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,20}(\.[0-9]*(e[+-]?[0-9]{1,2})?)?\s*")
_LEAST_DIGITS = 5  # of the largest coordinate


@dataclass(frozen=True)
class Detections:
    """Every person of every frame, in the file's order.

    Attributes
    ----------
    video : (N,) the video of each, ``""`` where there is none.
    person : (N,) the person's name, None where the file gives none.
    frame : int64 (N,) frame numbers.
    keypoints : float64 (N, J, 2 or 3), NaN where missing.
    score : float64 (N, J), NaN where not given.
    """

    video: Sequence[str]
    person: Sequence[str | None]
    frame: NDArray[np.int64]
    keypoints: Floats
    score: Floats


@dataclass(frozen=True)
class FileLayout:
    """What writing needs.

    Attributes
    ----------
    raw : the file's bytes, or what the format keeps instead.
    keypoints : float64 (N, J, 2 or 3), as read, in the file's order.
    rows : for every track, int64 (n,), the index of its frames in the file's order.
    place : where the coordinates are, as the format wants it.
    copies : int64 (n, 2), rows that repeat another row of their frame, and that row: they get the
        same coordinates.
    """

    raw: Any
    keypoints: Floats
    rows: tuple[NDArray[np.int64], ...]
    place: Any
    copies: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))


def read_bytes(path: Path) -> bytes:
    """A file's bytes; see `read_plain` for what is refused."""
    data = read_plain(path, MAX_BYTES)
    if not data or data.isspace():
        raise InvalidInputError("the file is empty")
    return data


def frame_number(value: Any) -> int:
    """A frame number from a JSON or an array value: a whole number within 64 bits."""
    try:
        whole = int(value)
        if isinstance(value, bool | str) or whole != value or abs(whole) >= 2**63:
            raise ValueError
        return whole
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(f"expected a whole frame number, found {value!r:.60}") from None


def frame_rate(value: Any) -> float | None:
    """Frames a second from a JSON or an array value; None of what is no positive number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    rate = float(value)
    return rate if 0 < rate < float("inf") else None


def _is_number(text: str) -> bool:
    return _A_NUMBER.fullmatch(text) is not None


def named_frame(value: Any) -> Place:
    """(video, frame number) of an image: a number, or a file name that ends in one.

    ``"dance/img-000123.png"`` is frame 123 of the video ``dance/img-``.
    """
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 19:
        return "", int(value)  # most are
    if isinstance(value, str) and not _is_number(value):
        return _known(last_number(value), value)
    if isinstance(value, str):
        value = float(value) if "." in value else int(value)
    return "", frame_number(value)


def _known(place: Place | None, name: str) -> Place:
    if place is None:
        raise InvalidInputError(f"expected a frame number or a name with one, found {name!r:.60}")
    return place


def named_frames(
    column: Coded | Indices, notes: list[str] | None = None
) -> tuple[list[str], NDArray[np.int64]]:
    """The videos and the frame numbers of a column of numbers or of names of images.

    ``notes`` gets a sentence on which number of the names is the frame, where that is not the last.
    See `frame_places`.
    """
    if not isinstance(column, Coded):
        return [""] * len(column), column
    known = places_of(column.texts, [] if notes is None else notes)
    numbers = np.array([number for _, number in known], dtype=np.int64)
    return [known[code][0] for code in column.codes.tolist()], numbers[column.codes]


def places_of(texts: Sequence[str], notes: list[str]) -> list[Place]:
    """(video, frame) of numbers and names of images, no two alike (`named_frame`)."""
    named = [text for text in texts if not _is_number(text)]
    found = [_known(*one) for one in zip(frame_places(named, notes), named, strict=True)]
    if len(named) == len(texts):
        return found
    places = dict(zip(named, found, strict=True))
    return [places[text] if text in places else named_frame(text) for text in texts]


def all_places(values: Sequence[Any], notes: list[str]) -> list[Place]:
    """(video, frame) of numbers and names that may come again; names are looked at together."""
    texts = list(dict.fromkeys(value for value in values if isinstance(value, str)))
    named = dict(zip(texts, places_of(texts, notes), strict=True))
    return [named[one] if isinstance(one, str) else named_frame(one) for one in values]


def to_tracks(
    names: Sequence[str],
    seen: Detections,
    raw: Any,
    place: Any,
    notes: Sequence[str] = (),
    fps: float | None = None,
) -> Poses:
    """Tracks from people as a file lists them, with warnings on what was assumed.

    Parameters
    ----------
    names : (J,) keypoint names.
    seen : the people; not changed.
    raw, place : preserved in `FileLayout` for writing.
    notes : what the format assumed; the first warnings.
    fps : frames a second, where the file says so.

    Raises
    ------
    InvalidInputError : there is nobody, or two keypoints have one name.
    """
    if len(set(names)) < len(names):
        twice = next(n for i, n in enumerate(names) if n in names[:i])
        raise InvalidInputError(f"two keypoints are called {twice!r}")
    if not len(seen.frame):
        raise InvalidInputError("nobody is in it: no frame has a person with keypoints")
    keypoints, warnings = seen.keypoints.copy(), list(notes)
    near, far = within_reach(keypoints)
    keypoints[~near] = np.nan
    warnings += far
    who = zip(seen.video, map(person_id, seen.person), strict=True)
    missing = find_missing(keypoints, seen.score, seen.frame, who)
    keypoints[missing.mask] = np.nan
    warnings += [*_unlike_pixels(keypoints, seen.score), *missing.warnings]
    warnings += _single_frames(seen)
    people, numbered = without_row_numbers(seen.video, seen.person, seen.frame)
    warnings += numbered
    found = group(seen.video, people, seen.frame, keypoints, seen.score)
    tracks: list[Track] = []
    rows: list[NDArray[np.int64]] = []
    shuffled: list[str] = []
    taken: set[str] = set()
    for (video, person), at in found.groups.items():
        track_id = _unique_id(video, person, taken)
        taken.add(track_id)
        frame = seen.frame[at]
        if (np.diff(frame) < 0).any():
            shuffled.append(track_id)
            order = np.argsort(frame, kind="stable")
            at, frame = at[order], frame[order]
        step = found.steps[video]
        tracks.append(Track(track_id, video, person, frame, keypoints[at], seen.score[at], step))
        rows.append(at)
    if shuffled:
        warnings.append(f"frames out of order were sorted ({some(shuffled)})")
    copies = np.array(list(found.copies.items()), dtype=np.int64).reshape(-1, 2)
    origin = FileLayout(raw, keypoints, tuple(rows), place, copies)
    counts = {"linked": found.n_linked, "marked_missing": int(missing.mask.sum())}
    assumed = (*warnings, *found.warnings)
    return Poses(tuple(names), tuple(tracks), assumed, origin, fps=fps, counts=counts)


def _single_frames(seen: Detections) -> list[str]:
    """A warning where every frame is a video of its own: none has a neighbour to smooth with."""
    videos = len(set(seen.video))
    if (
        videos < _LEAST_VIDEOS
        or len(set(zip(seen.video, seen.frame.tolist(), strict=True))) > videos
    ):
        return []
    first = seen.video[0]
    text = (
        f"{videos} videos of one frame each, such as {first!r:.60}: nothing is smoothed over time"
    )
    return [Caution(f"{text}; number the frames in their names or in a column frame")]


def _unique_id(video: str, person: str, taken: set[str]) -> str:
    name = f"{video}:{person}" if video and person else video or person or "1"
    while name in taken:
        name += "'"
    return name


def _unlike_pixels(keypoints: Floats, score: Floats) -> list[str]:
    """Warnings on coordinates that are no pixels and scores that are no probabilities."""
    found = []
    low, high = _range(keypoints)
    is_small = keypoints.shape[-1] == 2 and -1 <= low <= high <= 2
    if is_small and not np.array_equal(keypoints, np.rint(keypoints), equal_nan=True):
        found.append(
            "coordinates lie between -1 and 2: taken as normalised by the image's size, smoothed "
            "and written in that unit"
        )
    low, high = _range(score)
    if low < 0 or high > 1:
        low, high = _range(score[np.isfinite(score)])
    if low < 0 or high > 1:
        found.append(
            f"scores lie between {low:g} and {high:g}: not probabilities, kept as they are"
        )
    return found


def _range(values: Floats) -> tuple[float, float]:
    """The least and the largest of some numbers, NaN not counted; NaN of none."""
    least, most = (pick.reduce(values, axis=None, initial=np.nan) for pick in (np.fmin, np.fmax))
    return float(least), float(most)


def decimals_of(keypoints: Iterable[Floats]) -> int:
    """How many decimals the coordinates of a file are written with."""
    sizes = [float(np.abs(one[np.isfinite(one)]).max(initial=0.0)) for one in keypoints]
    largest = max(sizes, default=0.0)
    if not largest:
        return DECIMALS
    return max(DECIMALS, min(_LEAST_DIGITS - 1 - math.floor(math.log10(largest)), 15))


def to_file_order(poses: Poses, keypoints: Sequence[Floats]) -> tuple[Floats, NDArray[np.bool_]]:
    """New coordinates in the file's order, and which are to be written.

    Returns
    -------
    (float64 (N, J, axes), bool (N, J, axes)): True where the new value is finite and another one.
    """
    old: Floats = poses.origin.keypoints
    decimals = decimals_of([old])
    new = old.copy()
    for rows, values in zip(poses.origin.rows, keypoints, strict=True):
        new[rows] = np.where(np.isfinite(values), np.round(values, decimals), old[rows])
    copy, of = poses.origin.copies.T
    new[copy] = new[of]
    same = np.abs(new - old) < 0.6 * 10.0**-decimals  # rounding alone is no change
    return new, np.isfinite(new) & ~same
