"""How the numbers of a YOLO label are laid out, judged by the numbers themselves.

After the box there are keypoints ``x y v`` or ``x y``, then perhaps a confidence and a track's id;
nothing in a line says which. A layout's fit is the log density of the numbers under it, in nats:
coordinates are spread over the line's box, scores over 0 to 1. Where boxes do not tell (they fill
the picture, or were made up), coordinates are those that move together.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.tracks import Floats

BOX = 5  # the numbers before the keypoints: class, cx, cy, w, h

_MOST_EXTRA = 2  # a confidence, an id
_MOST_LINES = 1000  # that are looked at
_LEAST_LINES = 8  # from which on numbers can be seen to move together
_MARGIN = 0.1  # of a box's size: keypoints lie a little outside, too
_LEAST_BETTER = 3.0  # nats, of all numbers together
_BETTER_BY_BOX, _BETTER_BY_MOTION = 0.05, 0.3  # nats a number
_LEAST_SPREAD = 1e-4
#: Of a missing point, a coordinate on the picture's edge, a score of 0 or 1, a flag, an id from 1
#: on, as trackers count, and one of 0.
_MISSING, _EDGE, _SURE, _FLAG, _ID, _ID_0 = np.log([0.1, 0.02, 0.05, 1 / 3, 0.5, 0.01]).tolist()
_OUTSIDE = 0.01  # density of coordinates outside of the picture


class Layout(NamedTuple):
    """Keypoints, the numbers of each, and the numbers after them."""

    n_keypoints: int
    per_point: int
    extra: int


def layouts(n: int) -> Iterator[Layout]:
    """The layouts that n numbers after the box may have."""
    for per_point in (3, 2):
        for extra in range(_MOST_EXTRA + 1):
            if n > extra and (n - extra) % per_point == 0:
                yield Layout((n - extra) // per_point, per_point, extra)


def is_possible(values: Floats, layout: Layout) -> bool:
    """Whether the third numbers are flags or scores, and the last ones a confidence or an id."""
    _, third, after = _parts(values, layout)
    scores = ((third >= 0) & (third <= 1)).all() or _is_flags(third)
    whole = np.all(after == np.rint(after), axis=0)
    share = np.all((after >= 0) & (after <= 1), axis=0)
    both = layout.extra < 2 or (share[0] and whole[1])
    return bool(scores and (whole | share).all() and both)


def in_picture(values: Floats, layout: Layout) -> bool:
    """Whether coordinates lie in the picture or near it."""
    points, _, _ = _parts(values, layout)
    return bool((np.abs(points - 0.5) < 1).all())


def best(values: Floats, found: list[Layout]) -> list[Layout]:
    """The layouts that fit best: one where it is clear, else those that fit about alike.

    Parameters
    ----------
    values : float64 (N, 5 + n), whole lines.
    found : possible layouts of n numbers; the order stays.
    """
    if len(found) < 2 or not len(values):
        return found
    lines = values[np.linspace(0, len(values) - 1, min(len(values), _MOST_LINES)).astype(int)]
    n_numbers = len(lines) * (lines.shape[1] - BOX)
    left = _near_best(found, [_fit(lines, one, True) for one in found], _BETTER_BY_BOX * n_numbers)
    if len(left) < 2 or len(lines) < _LEAST_LINES:
        return left
    fits = [_fit(lines, one, False) for one in left]
    return _near_best(left, fits, _BETTER_BY_MOTION * n_numbers)


def _near_best(found: list[Layout], fits: list[float], better: float) -> list[Layout]:
    least = max(fits) - max(better, _LEAST_BETTER)
    return [layout for layout, fit in zip(found, fits, strict=True) if fit >= least]


def _parts(values: Floats, layout: Layout) -> tuple[Floats, Floats, Floats]:
    """Coordinates (N, K, 2), third numbers (N, K or 0) and those after the keypoints."""
    n_keypoints, per_point, _ = layout
    end = BOX + n_keypoints * per_point
    points = values[:, BOX:end].reshape(len(values), n_keypoints, per_point)
    third = points[..., 2] if per_point == 3 else np.zeros((len(values), 0))
    return points[..., :2], third, values[:, end:]


def _is_flags(third: Floats) -> bool:
    return bool(np.isin(third, (0, 1, 2)).all())


def _fit(values: Floats, layout: Layout, by_box: bool) -> float:
    """Nats of all numbers under a layout: by the boxes, or by what moves together."""
    points, third, after = _parts(values, layout)
    missing = np.asarray((points == 0).all(axis=2))
    whole = (points == np.rint(points)) & ~missing[..., None]
    fit = float(missing.sum() * _MISSING + whole.sum() * _EDGE)
    spread = ~(whole | missing[..., None])
    scores = third
    if third.size and _is_flags(third):
        fit += third.size * _FLAG
        scores = third[:, :0]
    is_id = np.all(after == np.rint(after), axis=0)
    fit += float(np.where(after[:, is_id] > 0, _ID, _ID_0).sum())
    others = [scores, after[:, ~is_id]]
    sure = [(part == 0) | (part == 1) for part in others]
    fit += sum(int(part.sum()) for part in sure) * _SURE
    if by_box:
        return fit + _in_boxes(points, spread, values[:, 1:BOX])
    groups = [np.where(spread[..., axis], points[..., axis], np.nan) for axis in (0, 1)]
    groups += [np.where(at, np.nan, part) for part, at in zip(others, sure, strict=True)]
    return fit + sum(map(_together, groups))


def _in_boxes(points: Floats, spread: NDArray[np.bool_], boxes: Floats) -> float:
    """Nats of coordinates, a share of which is spread over the boxes, the rest over the picture."""
    centre, size = boxes[:, None, :2], boxes[:, None, 2:] * (1 + 2 * _MARGIN)
    low, high = np.maximum(centre - size / 2, 0), np.minimum(centre + size / 2, 1)
    inside = (points >= low) & (points <= high)
    share = np.clip(inside[spread].mean() if spread.any() else 0.0, 0.05, 0.95)
    in_picture = (points > 0) & (points < 1)
    density = share * inside / np.maximum(high - low, 0.01) + (1 - share)
    density = np.where(in_picture, density, _OUTSIDE)
    return float(np.log(density[spread]).sum())


def _together(columns: Floats) -> float:
    """Nats of columns (N, k) that move together or stay, by their distances from the others'."""
    there = np.isfinite(columns)
    n = int(there.sum())
    if not n:
        return 0.0
    count = np.maximum(there.sum(axis=0), 1)
    off = np.where(there, columns - np.where(there, columns, 0).sum(axis=0) / count, 0.0)
    others = there.sum(axis=1, keepdims=True) - there
    apart = off - (off.sum(axis=1, keepdims=True) - off) / np.maximum(others, 1)
    rms = min(float(np.sqrt((part[there] ** 2).mean())) for part in (off, apart))
    return -n * float(np.log(max(rms, _LEAST_SPREAD) * np.sqrt(2 * np.pi * np.e)))
