"""Which number in the names of frames is the frame: the last one, unless the names say another.

All names of a folder or of a column are looked at together. Hashes, as Roboflow puts them into
names, are no numbers.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

Place = tuple[str, int]  # video, frame

_HASH = r"(?<![0-9a-z])(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{24,}(?![0-9a-z])"
_HAS_HASH = re.compile(_HASH, re.IGNORECASE)
_LAST_NUMBER = re.compile(r"(.*?)([0-9]{1,18})([^0-9]*)", flags=re.DOTALL)
_NUMBER = re.compile(rf"({_HASH})|[0-9]{{1,18}}", re.IGNORECASE)
_FRAME = r"(?<![a-z])(frame|frm)[ _.#-]*"
_CALLED_FRAME = re.compile(f"{_FRAME}$", re.IGNORECASE)
_CALLED_NUMBER = re.compile(f"{_FRAME}[0-9]", re.IGNORECASE)
_FOLDER = re.compile(r"(?:.*[/\\])?", re.DOTALL)
_ENDING = re.compile(r"\.[^./\\]*$")
_LEAST_FRAMES = 3  # of a video, in the mean, where others than one number vary
_LEAST_COUNTED = 10  # from which on numbers can be seen to count up


def last_number(name: str) -> Place | None:
    """(what comes before it, the last number) of one name; None where it has none."""
    if len(name) >= 24 and _HAS_HASH.search(name):
        at = _numbers(name)
        return (name[: at[-1][0]], int(name[slice(*at[-1])])) if at else None
    match = _LAST_NUMBER.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def frame_places(names: Sequence[str], notes: list[str]) -> list[Place | None]:
    """The video and the frame of every name, None of one without a number.

    The last number is the frame, unless it is the same in all frames of a video, or another one is
    called frame: then that is it which varies while the rest of the name stays, or which counts up.
    Numbers of folders are videos' where files have numbers, too.
    A video is called what stands before the frame, and what comes after it where that differs.

    Parameters
    ----------
    names : no two alike.
    notes : gets a sentence where another number than the last was taken.
    """
    found = [last_number(name) for name in names]
    n_names = Counter(place[0] for place in found if place)
    several = len(n_names) > 1 and 1 in n_names.values()
    if not several and not any(map(_CALLED_NUMBER.search, n_names)):  # mostly
        return found
    alike: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        alike.setdefault(_NUMBER.sub(lambda m: "@" if m[1] else "#", name), []).append(i)
    taken: list[str] = []
    for rows in alike.values():
        if len(rows) > 1:
            other = _other_places([names[i] for i in rows], taken)
            for i, place in zip(rows, other, strict=False):  # none where the last one is right
                found[i] = place
    notes += taken[:1]
    return found


def _numbers(name: str) -> list[tuple[int, int]]:
    """Where the numbers of a name are."""
    return [match.span() for match in _NUMBER.finditer(name) if not match[1]]


def _other_places(names: list[str], notes: list[str]) -> list[Place]:
    """Places of names that differ in their numbers alone; none where the last one is the frame."""
    spans = [_numbers(name) for name in names]
    rows = [[int(name[a:b]) for a, b in at] for name, at in zip(names, spans, strict=True)]
    columns = list(zip(*rows, strict=True))
    varying = [i for i, column in enumerate(columns) if len(set(column)) > 1]
    folder = len(_FOLDER.match(names[0])[0])  # type: ignore[index]  # matches nothing, too
    in_file = [i for i in varying if spans[0][i][0] >= folder or spans[0][-1][0] < folder]
    if not in_file:  # frames of one number in many folders
        return []
    frame = _frame_number(columns, in_file, names[0], spans[0])
    others = [i for i in varying if i != frame]
    alone = _n_videos(columns, frame) == len(names) and _counts_up(columns[frame])
    alone = alone and len(in_file) == len(varying)
    if frame == len(columns) - 1 and not (alone and others):
        return []
    notes.append(
        f"of names such as {names[0]!r:.80}, the number {names[0][slice(*spans[0][frame])]} was "
        "taken as the frame"
    )
    after = not alone and any(i > frame for i in others)
    places = []
    for name, at, row in zip(names, spans, rows, strict=True):
        ends = [at[i] for i in others if alone and i < frame]  # they vary with the frame
        edges = [0, *(edge for end in ends for edge in end), at[frame][0]]
        text = "".join(name[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))
        rest = _HAS_HASH.sub("", _ENDING.sub("", name[at[frame][1] :])) if after else ""
        places.append((text + rest, row[frame]))
    return places


def _n_videos(columns: Sequence[Sequence[int]], frame: int) -> int:
    others = [*columns[:frame], *columns[frame + 1 :]]
    return len(set(zip(*others, strict=True))) if others else 1


def _frame_number(
    columns: Sequence[Sequence[int]], varying: list[int], name: str, spans: list[tuple[int, int]]
) -> int:
    """Which number is the frame: its index."""
    last, n = len(columns) - 1, len(columns[0])
    called = [i for i in varying if _CALLED_FRAME.search(name[: spans[i][0]])]
    if called:
        return called[-1]
    n_videos = {i: _n_videos(columns, i) for i in varying}
    if n_videos.get(last, n) < n:
        return last
    least = min(n_videos.values())
    if least == 1 or least * _LEAST_FRAMES <= n:
        return max(i for i in varying if n_videos[i] == least)
    return max((i for i in varying if _counts_up(columns[i])), default=last)


def _counts_up(column: Sequence[int]) -> bool:
    """Whether numbers are evenly spaced and no two alike."""
    steps = set(np.diff(np.sort(column)).tolist())
    return len(column) >= _LEAST_COUNTED and len(steps) == 1 and steps != {0}
