"""Frame numbers from a table's column of frames or of times."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats.individuals import frame_step
from pose_smoother.poses.formats.plain_cells import Coded, Indices
from pose_smoother.poses.formats.tracks_io import named_frame, named_frames
from pose_smoother.poses.tracks import Floats

#: A longer step than so many frames begins a new run in every filter: its length need not be exact.
_COUNTED_FRAMES = 4
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
_FRACTION = re.compile(r"\s*[+-]?\d*\.\d*[1-9]\d*\s*|\s*[+-]?\d+(?:\.\d+)?[eE]-\d+\s*")
_RATES = (0.01, 100_000.0)  # frames a second
_FEWEST_STEPS = 8  # that show a step about which frame numbers jitter
_MOST_FRAMES = 500  # that are compared


@dataclass(frozen=True)
class Frames:
    """The frame of every row.

    Attributes
    ----------
    video : (n,) of the images' names, ``""`` where there are none.
    number : int64 (n,).
    fps : frames a second, where the times say so.
    notes : what was assumed.
    """

    video: list[str]
    number: Indices
    fps: float | None = None
    notes: tuple[str, ...] = ()


def frame_numbers(
    time: Floats, notes: list[str], step: float | None = None
) -> tuple[Floats, NDArray[np.int64], float | None]:
    """Every moment once, ascending, its frame number, and the step between frames.

    A camera's timestamps vary by a share of a step; how many frames a long pause takes is not
    exact then, nor has it to be. ``notes`` gets what was assumed; the step is None where the
    moments are not evenly spaced, and taken to be the median where none is given.
    """
    moments = np.unique(time)
    steps = np.diff(moments)
    if step is None:
        step = float(np.median(steps)) if len(steps) else 1.0
    ratio = steps / step
    whole = np.rint(ratio)
    near = (np.abs(ratio - whole) <= 0.25) | (whole > _COUNTED_FRAMES)
    if not (near & (whole >= 1)).all() or whole.sum() >= 2**53:
        notes.append("timestamps are not evenly spaced: frames were numbered in their order")
        return moments, np.arange(len(moments)), None
    frame = np.concatenate([[0], np.cumsum(whole.astype(np.int64))])
    return moments, frame, float(steps[whole == 1].mean()) if len(steps) else None


def frames_of(
    column: Coded | Indices, lines: Indices, title: str, video: Sequence[str] | None
) -> Frames:
    """Frames from a column of frame numbers or names of images.

    Clocks, dates and numbers with decimals are times; whole ones that no two frames follow each
    other by are, too.

    Parameters
    ----------
    lines : each row's line in the file.
    video : (n,) of each row, None where no column says so.

    Raises
    ------
    InvalidInputError : a cell holds no frame; the text names the line.
    """
    if not isinstance(column, Coded):
        return _regular([""] * len(column), column, video)
    clocks = all(":" in text for text in column.texts)
    decimal = [bool(_FRACTION.fullmatch(text)) for text in column.texts]
    if clocks or (len(decimal) > 2 and 3 * sum(decimal) >= len(decimal)):
        values = [_moment(text) for text in column.texts]
        if None not in values:
            unit = 1.0 if clocks else None
            found = _of_moments(np.array(values)[column.codes], title, unit, video)
            if clocks or not any("evenly" in note for note in found.notes):
                return found
    notes: list[str] = []
    try:
        images, numbers = named_frames(column, notes)
    except InvalidInputError:
        raise _named_error(column, lines, title) from None
    found = _regular(images, numbers, video)
    return replace(found, notes=(*notes, *found.notes))


def frames_of_times(
    column: Coded | Indices,
    lines: Indices,
    title: str,
    unit: float | None,
    video: Sequence[str] | None,
) -> Frames:
    """Frames from a column of times: each different time of a video is one.

    Whole numbers without a unit that count by one are frame numbers.

    Parameters
    ----------
    lines, video : as in `frames_of`.
    unit : seconds, None where the title names none.

    Raises
    ------
    InvalidInputError : a cell holds no time; the text names the line.
    """
    if isinstance(column, Coded):
        moments = [_moment(text) for text in column.texts]
        if None in moments:
            code = moments.index(None)
            line = lines[np.flatnonzero(column.codes == code)[0]] + 1
            raise InvalidInputError(
                f"line {line}, column {title!r}: expected a time, found {column.texts[code]!r:.60}"
            )
        if any(":" in text for text in column.texts):
            unit = 1.0
        values = np.array(moments, dtype=np.float64)[column.codes]
    else:
        values = column.astype(np.float64)
    if unit is None and (values == np.rint(values)).all() and np.abs(values).max() < 2**53:
        found = _regular([""] * len(values), values.astype(np.int64), video)
        steps = np.diff(np.unique(found.number))
        if (steps == 1).any() or len(steps) < 4 or frame_step(found.number) > 1:
            return found
    return _of_moments(values, title, unit, video)


def follow_each_other(frame: Indices, keypoints: Floats) -> bool:
    """Whether rows of one frame are one individual at several moments, not several individuals.

    Then a row is as near to the next row of its frame as to any row of the next frame.

    Parameters
    ----------
    frame : int64 (n,), equal in the rows of a frame.
    keypoints : float64 (n, J, axes), in the order of the file.
    """
    known = np.asarray(np.isfinite(keypoints).all(axis=-1))
    there = np.asarray(known.any(axis=-1))
    frame = frame[there]
    centre = np.where(known[..., None], keypoints, 0.0).sum(axis=1)[there]
    centre /= known.sum(axis=-1)[there, None]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(frame)) + 1, [len(frame)]]).tolist()
    within: list[float] = []
    ahead: list[float] = []
    for start, stop, end in zip(edges, edges[1:], edges[2:], strict=False):
        if stop - start > 1 and len(ahead) < _MOST_FRAMES:
            here, then = centre[start:stop][:50], centre[stop:end][:50]
            within.append(float(np.median(np.linalg.norm(np.diff(here, axis=0), axis=-1))))
            apart = np.linalg.norm(here[:, None] - then, axis=-1)
            ahead.append(float(np.median(apart.min(axis=1))))
    return bool(within) and float(np.median(within)) <= 2 * float(np.median(ahead))


def _moment(text: str) -> float | None:
    """A time as a number, of a clock or a date in seconds; None of what is no time."""
    with suppress(ValueError):
        value = float(text)
        return value if np.isfinite(value) and "_" not in text else None
    match = _CLOCK.fullmatch(text.strip().replace(",", "."))
    if match:
        return int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3])
    with suppress(ValueError, OverflowError, OSError):
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None


def _videos(video: Sequence[str] | None, n: int) -> Iterator[Indices]:
    """The rows of each video."""
    if video is None or len(set(video)) == 1:
        yield np.arange(n)
        return
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(video):
        rows.setdefault(name, []).append(row)
    yield from (np.array(one, dtype=np.int64) for one in rows.values())


def _of_moments(
    values: Floats, title: str, unit: float | None, video: Sequence[str] | None
) -> Frames:
    numbers = np.zeros(len(values), np.int64)
    notes: list[str] = []
    rates: set[float | None] = set()
    for rows in _videos(video, len(values)):
        moments, frame, step = frame_numbers(values[rows], notes)
        numbers[rows] = frame[np.searchsorted(moments, values[rows])]
        rates.add(_rate(step, unit))
    rate = rates.pop() if len(rates) == 1 else None
    told = f", {rate:g} a second" if rate else ""
    notes.append(f"frames are the values of column {title!r}{told}")
    return Frames([""] * len(values), numbers, rate, tuple(dict.fromkeys(notes)))


def _rate(step: float | None, unit: float | None) -> float | None:
    """Frames a second, to a thousandth; None where the unit is not known."""
    if step is None:
        return None
    rate = 1 / (step * (unit or 1.0))
    known = _RATES[0] <= rate <= _RATES[1] and (unit is not None or step < 1)
    return float(f"{rate:.4g}") if known else None


def _regular(images: list[str], numbers: Indices, video: Sequence[str] | None) -> Frames:
    """Frames by their numbers, counted anew where these jitter about a step, as milliseconds do."""
    if len(numbers) <= _FEWEST_STEPS or (np.diff(numbers) == 1).any():
        return Frames(images, numbers)
    counted = numbers.copy()
    steps_of: list[str] = []
    for rows in _videos(images if video is None else video, len(numbers)):
        steps = np.diff(np.unique(numbers[rows]))
        different, count = np.unique(steps, return_counts=True)
        if (
            len(steps) < _FEWEST_STEPS
            or different[0] == 1
            or not (different % different[count.argmax()]).any()
        ):
            continue
        usual = steps[steps <= 1.5 * np.median(steps)].mean()  # 2 and 3 in turn are steps of 2.5
        moments, frame, step = frame_numbers(numbers[rows].astype(np.float64), [], float(usual))
        if step is not None:
            counted[rows] = frame[np.searchsorted(moments, numbers[rows])]
            steps_of.append(f"about {step:.4g}")
    told = f"frames numbered in steps of {', '.join(dict.fromkeys(steps_of))} were counted anew"
    return Frames(images, counted, None, (told,) if steps_of else ())


def _named_error(column: Coded, lines: Indices, title: str) -> InvalidInputError:
    """What is wrong with the first cell that holds no frame, and where."""
    for code, text in enumerate(column.texts):
        try:
            named_frame(text)
        except InvalidInputError as error:
            line = int(lines[np.flatnonzero(column.codes == code)[0]]) + 1
            hint = "put # before a line that is of no frame"
            return InvalidInputError(f"line {line}, column {title!r}: {error}; {hint}")
    return InvalidInputError(f"column {title!r}: expected frames")
