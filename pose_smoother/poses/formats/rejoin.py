"""Detections without an id in a file with ids: clearly those of an individual that is missing.

A tracker leaves an id out where it is not sure; the individual is missing in that frame, and the
detection is where it should be.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.formats.linking import CLEAR, MARGIN, MAX_GAP, boxes
from pose_smoother.poses.tracks import Floats

_MOST_PAIRS = 2_000_000  # of detections and individuals, beyond which nobody is looked for


def rejoined(
    frame: NDArray[np.int64], keypoints: Floats, who: Sequence[str | None], step: int
) -> dict[int, str]:
    """Detections without an id, and whose each clearly is.

    Of all individuals, one is the nearest by far; it is missing in that frame, there in some frame
    near it, and no other detection without an id is as near to it.

    Parameters
    ----------
    frame : int64 (m,), the frame of each detection of one video.
    keypoints : float64 (m, J, axes), NaN where missing.
    who : (m,) ids, None where there is none.
    step : the difference of neighbouring frames.
    """
    nameless = [row for row, name in enumerate(who) if name is None]
    if not nameless:
        return {}
    rows_of: dict[str, list[tuple[int, int]]] = {}
    for row in np.argsort(frame, kind="stable").tolist():
        if (name := who[row]) is not None:
            rows_of.setdefault(name, []).append((int(frame[row]), row))
    side = boxes(keypoints)[1]
    known = side[side > 0]
    few = 2 * len(nameless) < len(who) and len(nameless) * len(rows_of) <= _MOST_PAIRS
    if not (few and len(known)):
        return {}
    size = np.maximum(side, np.median(known) / 2)
    at: dict[int, list[int]] = {}
    for row in nameless:
        at.setdefault(int(frame[row]), []).append(row)
    found: dict[int, str] = {}
    for moment in sorted(at):
        here = _expected(rows_of, keypoints, moment, MAX_GAP * step)
        clear: dict[str, list[int]] = {}
        for row in at[moment]:
            name = _nearest(keypoints[row], here, float(size[row]))
            if name is not None:
                clear.setdefault(name, []).append(row)
        for name, rows in clear.items():
            track = rows_of[name]
            place = bisect_left(track, (moment, -1))
            missing = place == len(track) or track[place][0] != moment
            if missing and len(rows) == 1:
                found[rows[0]] = name
                track.insert(place, (moment, rows[0]))
    return found


def _expected(
    rows_of: dict[str, list[tuple[int, int]]], keypoints: Floats, moment: int, reach: int
) -> dict[str, Floats]:
    """Where individuals are in a frame, or should be between the frames before and after it."""
    found = {}
    for name, track in rows_of.items():
        place = bisect_left(track, (moment, -1))
        near = [
            one for one in track[max(place - 1, 0) : place + 1] if abs(one[0] - moment) <= reach
        ]
        if not near:
            continue
        (first, row), (last, then) = near[0], near[-1]
        if last == moment:  # it is there
            first, row = last, then
        nearer = keypoints[row if moment - first <= last - moment else then]
        share = (moment - first) / (last - first) if last > first else 0.0
        between = keypoints[row] + share * (keypoints[then] - keypoints[row])
        found[name] = np.where(np.isnan(between), nearer, between)
    return found


def _nearest(points: Floats, others: dict[str, Floats], size: float) -> str | None:
    """Who is clearly at the same place as a detection; None where nobody is, or several may be."""
    distances = []
    for name, there in others.items():
        apart = np.linalg.norm(there - points, axis=-1)
        apart = apart[np.isfinite(apart)]
        if len(apart):
            distances.append((float(apart.mean()) / size, name))
    distances.sort()
    if not distances or distances[0][0] > CLEAR:
        return None
    clear = len(distances) == 1 or distances[1][0] >= MARGIN * distances[0][0]
    return distances[0][1] if clear else None
