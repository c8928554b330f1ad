"""An inspection: what was found, and the same as text that fits a terminal of 80 columns."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pose_smoother.inspection.advice import Advice

#: Keypoints of a file with more than these are shown worst first, and only so many.
MOST_ROWS = 20
_WORST_ROWS = 16
_NAME_COLUMNS = 20
#: A cell that is zero.
NOTHING = "·"
#: Of the columns of `cells`.
HEADINGS = ("missing", "outliers", "jumps", "frozen", "swaps", "jitter", "noise")


@dataclass(frozen=True)
class KeypointReport:
    """One keypoint over all tracks.

    Attributes
    ----------
    name : as in the file.
    n_points : frames in which it has a position, of ``n_frames`` of all tracks.
    missing : the share of frames in which it has none, 0 to 1.
    outliers, jumps, frozen, swaps : numbers of points.
    jitter : the mean length of the second difference over three frames in a row, in body sizes.
    noise : the standard deviation of the fast noise along one axis, in body sizes.
    score : the median score; None without scores, as jitter and noise are where unknown.
    """

    name: str
    n_points: int
    missing: float
    outliers: int
    jumps: int
    frozen: int
    swaps: int
    jitter: float | None
    noise: float | None
    score: float | None


@dataclass(frozen=True)
class Inspection:
    """What ``inspect`` found; ``print`` shows it as a table.

    Attributes
    ----------
    source : the file's name, ``""`` of an array.
    format : the file's format, ``"array"`` of an array.
    individuals : the tracks' names.
    n_videos, n_frames, n_keypoints : frames are counted over all tracks.
    first_frame, last_frame : the smallest and the largest frame number.
    fps : frames a second where known.
    scores : the lowest, the median and the highest score; None without scores.
    body_size : root mean square distance of the keypoints from their centre, in the file's unit.
    repeated_frames : frames that are the frame before to the bit.
    doubled_individuals : frames in which two tracks have the same pose.
    keypoints : one report a keypoint.
    advice : which smoother would be taken, and why.
    warnings : what was assumed while reading.
    """

    source: str
    format: str
    individuals: tuple[str, ...]
    n_videos: int
    n_frames: int
    n_keypoints: int
    first_frame: int | None
    last_frame: int | None
    fps: float | None
    scores: tuple[float, float, float] | None
    body_size: float | None
    repeated_frames: int
    doubled_individuals: int
    keypoints: tuple[KeypointReport, ...]
    advice: Advice
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON has them."""
        return asdict(self)

    def __str__(self) -> str:
        """The table that the command prints."""
        return as_text(self)


def as_text(found: Inspection, every: bool = False) -> str:
    """The report as lines of at most 80 columns.

    Parameters
    ----------
    every : list every keypoint, however many.
    """
    lines = [headline(found), *facts(found)]
    rows = list(found.keypoints)
    shown = rows if every or len(rows) <= MOST_ROWS else worst(rows)[:_WORST_ROWS]
    if shown:
        lines += ["", *_table(shown)]
    if len(shown) < len(rows):
        lines.append(f"{len(rows) - len(shown)} keypoints with less noise: --all lists them")
    lines.append("")
    for heading, text in conclusions(found):
        lines += _wrapped(f"{heading}: {text}")
    return "\n".join(lines)


def headline(found: Inspection) -> str:
    """What is in the file, in one line."""
    n = len(found.individuals)
    parts = [found.format, f"{n} individual{'s' * (n != 1)}"]
    if found.n_videos > 1:
        parts.append(f"{found.n_videos} videos")
    parts.append(f"{found.n_frames:,} frames")
    parts.append(f"{found.n_keypoints} keypoints")
    if found.fps:
        parts.append(f"{found.fps:g} frames/s")
    name = f"{found.source}: " if found.source else ""
    return _cut(name + ", ".join(parts), 80)


def facts(found: Inspection) -> list[str]:
    """Frame numbers, scores and the size of the body, in one line."""
    if not found.n_frames:
        return ["no keypoint in any frame"]
    parts = [f"frame numbers {found.first_frame} to {found.last_frame}"]
    if found.scores:
        low, middle, high = found.scores
        parts.append(f"scores {low:.2g} to {high:.2g}, median {middle:.2g}")
    else:
        parts.append("no scores")
    if found.body_size:
        parts.append(f"body size {found.body_size:.4g}")
    return ["; ".join(parts)]


def conclusions(found: Inspection) -> list[tuple[str, str]]:
    """What is wrong in all, and which smoother would be taken and why, each with its heading."""
    total = {
        key: sum(getattr(one, key) for one in found.keypoints)
        for key in ("outliers", "jumps", "frozen", "swaps")
    }
    parts = [f"{count:,} {_word(key, count)}" for key, count in total.items() if count]
    if found.repeated_frames:
        parts.append(f"{found.repeated_frames:,} frames repeat the one before")
    if found.doubled_individuals:
        parts.append(f"{found.doubled_individuals:,} frames with an individual twice")
    missing = [one.missing for one in found.keypoints]
    if any(missing):
        parts.append(f"{percent(sum(missing) / len(missing))} of the points missing")
    strength = found.advice.strength
    how = "" if strength is None else f", strength {strength:.2f}"
    return [
        ("wrong", ", ".join(parts) or "nothing found"),
        ("smoother", f"{found.advice.method}{how}: {found.advice.reason}"),
    ]


def worst(rows: Sequence[KeypointReport]) -> list[KeypointReport]:
    """Keypoints, the noisiest first; those without an estimate last."""
    return sorted(rows, key=lambda one: -1.0 if one.noise is None else one.noise, reverse=True)


def cells(one: KeypointReport) -> tuple[str, ...]:
    """A keypoint's numbers as text, in the order of the headings."""
    return (
        percent(one.missing),
        *(f"{count:,}" if count else NOTHING for count in counts(one)),
        percent(one.jitter),
        percent(one.noise, 2),
    )


def counts(one: KeypointReport) -> tuple[int, int, int, int]:
    """Outliers, jumps, frozen points and swaps."""
    return one.outliers, one.jumps, one.frozen, one.swaps


def percent(share: float | None, digits: int = 1) -> str:
    """A share or a ratio to the body as percent; a dot for nothing, a dash where unknown."""
    if share is None:
        return "–"
    return f"{100 * share:.{digits}f} %" if share else NOTHING


def _table(rows: Sequence[KeypointReport]) -> list[str]:
    name_width = min(_NAME_COLUMNS, max(8, *(len(one.name) for one in rows)))
    body = [("keypoint", *HEADINGS), *((one.name, *cells(one)) for one in rows)]
    widths = [max(len(row[c]) for row in body) for c in range(1, len(HEADINGS) + 1)]
    lines = []
    for name, *values in body:
        numbers = (cell.rjust(width) for cell, width in zip(values, widths, strict=True))
        lines.append(f"{_cut(name, name_width).ljust(name_width)}  {'  '.join(numbers)}")
    return lines


def _word(key: str, count: int) -> str:
    one = {"outliers": "outlier", "jumps": "jump", "frozen": "frozen point", "swaps": "swap"}[key]
    return one + "s" * (count != 1)


def _cut(text: str, width: int) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 80, subsequent_indent="  ")
