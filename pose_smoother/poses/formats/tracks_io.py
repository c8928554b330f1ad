"""Between a file's order and tracks: people as the file lists them, gathered, scattered again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import read_plain
from pose_smoother.poses.formats.linking import MIN_IOU, link
from pose_smoother.poses.tracks import Floats, Poses, Track

#: Larger files are refused before memory is taken for them.
MAX_BYTES = 4 << 30

#: No pixel lies farther out: such a position is missing, and arithmetic on it might overflow.
FARTHEST = 1e9

#: Numbers are written with so many decimals at most: a millionth of a pixel, or 0.002 px where
#: coordinates are shares of a 2,000 px image.
DECIMALS = 6


@dataclass(frozen=True)
class Detections:
    """Every person of every frame, in the file's order.

    Attributes
    ----------
    video : (N,) the video of each, ``""`` where there is none.
    person : (N,) the person's name, None where the file gives none.
    frame : int64 (N,) frame numbers.
    keypoints : float64 (N, J, 2), NaN where missing.
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
    keypoints : float64 (N, J, 2), as read, in the file's order.
    rows : for every track, int64 (n,), the place of its frames in the file's order.
    place : where the coordinates stand, as the format wants it.
    """

    raw: Any
    keypoints: Floats
    rows: tuple[NDArray[np.int64], ...]
    place: Any


def read_bytes(path: Path) -> bytes:
    """A file's bytes; see `read_plain` for what is refused."""
    data = read_plain(path, MAX_BYTES)
    if not data.strip():
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


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?[0-9]{1,20}(\.[0-9]*)?\s*", text) is not None


def named_frame(value: Any) -> tuple[str, int]:
    """(video, frame number) of an image: a number, or a file name that ends in one.

    ``"dance/img-000123.png"`` is frame 123 of the video ``dance/img-``.
    """
    if isinstance(value, str) and not _is_number(value):
        match = re.fullmatch(r"(.*?)([0-9]{1,18})([^0-9]*)", value, flags=re.DOTALL)
        if match is None:
            raise InvalidInputError(
                f"expected a frame number or a name with one, found {value!r:.60}"
            )
        return match[1], int(match[2])
    if isinstance(value, str):
        value = float(value) if "." in value else int(value)
    return "", frame_number(value)


def frame_step(frame: NDArray[np.int64]) -> int:
    """The step of a video's frame numbers: over 1 where nine in ten differences are just it."""
    steps = np.diff(np.unique(frame))
    step = int(np.gcd.reduce(steps)) if len(steps) >= 4 else 1
    return step if step > 1 and np.mean(steps == step) >= 0.9 else 1


def to_tracks(
    names: Sequence[str], seen: Detections, raw: Any, place: Any, told: Sequence[str] = ()
) -> Poses:
    """Tracks from people as a file lists them, with warnings on what was assumed.

    Parameters
    ----------
    names : (J,) keypoint names.
    seen : the people; not changed.
    raw, place : kept in `Origin` for writing.
    told : what the format assumed, told first.

    Raises
    ------
    InvalidInputError : there is nobody, two keypoints have one name, or two people have one id in
        one frame.
    """
    if len(set(names)) < len(names):
        twice = next(n for i, n in enumerate(names) if n in names[:i])
        raise InvalidInputError(f"two keypoints are called {twice!r}")
    if not len(seen.frame):
        raise InvalidInputError("nobody is in it: no frame has a person with keypoints")
    there = np.all(np.abs(seen.keypoints) <= FARTHEST, axis=2)  # false for NaN as well
    keypoints = np.where(there[:, :, None], seen.keypoints, np.nan)
    warnings = [*told, *_unlike_pixels(keypoints, seen.score)]
    far = np.count_nonzero(np.all(np.isfinite(seen.keypoints), axis=2) & ~there)
    if far:
        warnings.append(f"{far} positions beyond {FARTHEST:g} were taken as missing")
    tracks: list[Track] = []
    rows: list[NDArray[np.int64]] = []
    groups, steps, assumed = _groups(seen, keypoints)
    shuffled: list[str] = []
    for (video, person), members in groups.items():
        at = np.array(members, dtype=np.int64)
        frame = seen.frame[at]
        order = np.argsort(frame, kind="stable")
        track_id = _unique_id(video, person, {t.id for t in tracks})
        if not np.array_equal(order, np.arange(len(order))):
            shuffled.append(track_id)
        at, frame = at[order], frame[order]
        same = np.flatnonzero(np.diff(frame) == 0)
        if len(same):
            raise InvalidInputError(
                f"two people have one id in one frame: person {person!r}, frame {frame[same[0]]}"
                + (f", video {video!r}" if video else "")
            )
        track = Track(track_id, video, person, frame, keypoints[at], seen.score[at], steps[video])
        tracks.append(track)
        rows.append(at)
    if shuffled:
        warnings.append(f"frames out of order were sorted ({_some(shuffled)})")
    origin = FileLayout(raw, keypoints, tuple(rows), place)
    return Poses(tuple(names), tuple(tracks), (*warnings, *assumed), origin)


def _groups(
    seen: Detections, keypoints: Floats
) -> tuple[dict[tuple[str, str], list[int]], dict[str, int], list[str]]:
    """Rows by (video, person), each video's frame step, and what was assumed."""
    by_video: dict[str, list[int]] = {}
    for row, video in enumerate(seen.video):
        by_video.setdefault(video, []).append(row)
    person = list(seen.person)
    steps: dict[str, int] = {}
    alone = linked = 0
    for video, members in by_video.items():
        steps[video] = frame_step(seen.frame[members])
        nameless = [row for row in members if person[row] is None]
        found = link(seen.frame[nameless], keypoints[nameless], steps[video])
        taken = {person[row] for row in members}
        for row, label in zip(nameless, found, strict=True):
            person[row] = label + "'" * (label in taken)  # a file may well call someone link-1
        several = len(set(seen.frame[nameless].tolist())) < len(nameless)
        linked += several
        alone += bool(nameless) and not several
    assumed = []
    if alone:
        assumed.append(
            "people without ids, never two in a frame, were taken as one person throughout"
        )
    if linked:
        assumed.append(
            "people without ids were linked from frame to frame by the overlap of their keypoints' "
            f"boxes (at least {MIN_IOU:g})"
        )
    wide = sorted({step for step in steps.values() if step > 1})
    if wide:
        assumed.append(f"frames numbered in steps of {_some(wide)} were taken as neighbours")
    groups: dict[tuple[str, str], list[int]] = {}
    for row, (video, name) in enumerate(zip(seen.video, person, strict=True)):
        groups.setdefault((video, str(name)), []).append(row)
    return groups, steps, assumed


def _unique_id(video: str, person: str, taken: set[str]) -> str:
    name = f"{video}:{person}" if video and person else video or person or "1"
    while name in taken:
        name += "'"
    return name


def _some(items: Sequence[object], n: int = 3) -> str:
    text = ", ".join(map(str, items[:n]))
    return text if len(items) <= n else f"{text} and {len(items) - n} more"


def _unlike_pixels(keypoints: Floats, score: Floats) -> list[str]:
    """Warnings on coordinates that are no pixels and scores that are no probabilities."""
    found = []
    there = keypoints[~np.isnan(keypoints)]
    if len(there) and there.min() >= -1 and there.max() <= 2 and (there != np.rint(there)).any():
        found.append(
            "coordinates lie between -1 and 2: taken as normalised by the image's size, smoothed "
            "and written in that unit"
        )
    given = score[np.isfinite(score)]
    if len(given) and (given.min() < 0 or given.max() > 1):
        found.append(
            f"scores lie between {given.min():g} and {given.max():g}: not probabilities, kept as "
            "they are"
        )
    return found


def to_file_order(poses: Poses, keypoints: Sequence[Floats]) -> tuple[Floats, NDArray[np.bool_]]:
    """New coordinates in the file's order, and which are to be written.

    Returns
    -------
    (float64 (N, J, 2), bool (N, J, 2)): True where the new value is finite and another one.
    """
    old: Floats = poses.origin.keypoints
    new = old.copy()
    for rows, values in zip(poses.origin.rows, keypoints, strict=True):
        new[rows] = np.where(np.isfinite(values), np.round(values, DECIMALS), old[rows])
    same = np.abs(new - old) < 0.6 * 10.0**-DECIMALS  # rounding alone is no change
    return new, np.isfinite(new) & ~same
