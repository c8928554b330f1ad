"""Which axis of an array of keypoints is which: time, people, keypoints, coordinates.

Arrays without people have the axes (time, keypoints, coordinates). With people, either people or
time may come first: of two neighbours in time a person has moved little, two people are farther
apart. The coordinates are x, y, or x, y and z, or x, y and a score.
"""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.tracks import Floats

_log = logging.getLogger(__name__)

#: The axes by the words of ``--layout``; the last may be given with its channels.
AXES = ("people", "time", "keypoints")
CHANNELS = ("xy", "xyz", "xys")
EXAMPLE = "time,people,keypoints,xy"

#: Steps along the axis of time must be smaller than those along people by this factor.
_MARGIN = 0.5
_MAX_STEPS = 400
#: Scores are at most so large: some detectors' exceed 1 a little.
_MAX_SCORE = 1.5


@dataclass(frozen=True)
class ArrayLayout:
    """An array's axes.

    Attributes
    ----------
    order : the array's axes of people, time, keypoints and coordinates; people's is -1 where the
        array has none.
    channels : ``xy``, ``xyz`` or ``xys`` (x, y and a score).
    warnings : what was assumed, one sentence each.
    """

    order: tuple[int, int, int, int]
    channels: str
    warnings: tuple[str, ...] = ()

    @property
    def n_axes(self) -> int:
        """The number of the array's axes."""
        return 3 if self.order[0] < 0 else 4

    def as_people_first(self, array: NDArray[Any]) -> NDArray[Any]:
        """A view (people, time, keypoints, channels) of an array of this layout."""
        people, *others = self.order
        return array.transpose(others)[None] if people < 0 else array.transpose(self.order)


def find_layout(
    array: NDArray[Any],
    *,
    layout: str | None = None,
    n_frames: int | None = None,
    n_people: int | None = None,
    n_keypoints: int | None = None,
    has_scores: bool = False,
) -> ArrayLayout:
    """The layout of an array of numbers.

    Parameters
    ----------
    array : of three or four axes, the last of 2 or 3 coordinates (any order with ``layout``).
    layout : what the user says: such as ``time,people,keypoints,xy``.
    n_frames, n_people, n_keypoints : the lengths of arrays that number or name them, if known.
    has_scores : whether the scores are in another array.

    Raises
    ------
    InvalidInputError : the array has other axes, or ``layout`` does not fit.
    """
    if layout is not None:
        return _said(array, layout)
    if array.ndim == 2 and array.shape[1] > 2 and array.shape[1] % 2 == 0:
        raise InvalidInputError(
            f"expected (time, keypoints, 2 or 3), found two axes {array.shape}: if they are x, y, "
            f"x, y, …, save array.reshape({len(array)}, -1, 2)"
        )
    if array.ndim not in (3, 4) or array.shape[-1] not in (2, 3) or not array.shape[-2]:
        raise InvalidInputError(
            "expected the axes (time, keypoints, 2 or 3) or (people, time, keypoints, 2 or 3) or "
            f"(time, people, keypoints, 2 or 3), found {array.shape}; other orders are named by "
            f"--layout, as in --layout {EXAMPLE}"
        )
    warnings: list[str] = []
    if array.ndim == 3:
        turned = n_keypoints is not None and array.shape[0] == n_keypoints != array.shape[1]
        order = (-1, 1, 0, 2) if turned else (-1, 0, 1, 2)
    else:
        time, why = _time_axis(array, n_frames, n_people)
        order = (1 - time, time, 2, 3)
        if min(array.shape[:2]) > 1 and why:
            first, second = ("frames", "people") if time == 0 else ("people", "frames")
            warnings.append(
                f"the first axis was taken for {array.shape[0]} {first}, the second for "
                f"{array.shape[1]} {second} ({why}); --layout says otherwise"
            )
    channels = "xy"
    if array.shape[-1] == 3:
        channels = "xyz" if has_scores or not are_scores(array) else "xys"
        if not has_scores:
            third = "a score" if channels == "xys" else "z"
            warnings.append(f"the third coordinate was taken for {third}; --layout says otherwise")
    named = ("people", "time", "keypoints", "channels")
    axes = ", ".join(f"{name} {at}" for name, at in zip(named, order, strict=True) if at >= 0)
    _log.debug("axes of %s: %s; channels %s", array.shape, axes, ", ".join(channels))
    return ArrayLayout(order, channels, tuple(warnings))


def _said(array: NDArray[Any], layout: str) -> ArrayLayout:
    """A layout as the user names it."""
    words = [word.strip().casefold() for word in layout.split(",")]
    channels = [word for word in words if word in CHANNELS]
    axes = [word for word in words if word in AXES]
    needed = {"time", "keypoints"} <= set(axes) and len(channels) == 1
    if not needed or len(set(words)) < len(words) or len(axes) + 1 < len(words):
        raise InvalidInputError(
            f"layout {layout!r}: expected time, keypoints, one of {', '.join(CHANNELS)} (s is a "
            f"score) and, where there are several, people, in the array's order, as in {EXAMPLE}"
        )
    last = words.index(channels[0])
    if array.ndim != len(words) or array.shape[last] != len(channels[0]):
        raise InvalidInputError(
            f"layout {layout!r}: expected an array of {len(words)} axes with {len(channels[0])} "
            f"{channels[0]}, found shape {array.shape}"
        )
    order = [words.index(axis) if axis in words else -1 for axis in AXES]
    return ArrayLayout((order[0], order[1], order[2], last), channels[0])


def nearer_axis(array: NDArray[Any]) -> int | None:
    """Which of the first two axes neighbours are clearly nearer along, as frames are; None of both.

    Parameters
    ----------
    array : (A, B, K, 2 or 3), numbers; NaN where missing.
    """
    first, second = (_step(array, axis) for axis in (0, 1))
    if min(first, second) < _MARGIN * max(first, second):
        return int(second < first)
    return None


def _time_axis(array: NDArray[Any], n_frames: int | None, n_people: int | None) -> tuple[int, str]:
    """Which of the first two axes is time, and why; no reason where nothing was assumed."""
    shape = array.shape[:2]
    if shape[0] != shape[1]:
        if n_frames in shape:
            return shape.index(n_frames), ""
        if n_people in shape:
            return 1 - shape.index(n_people), ""
    nearer = nearer_axis(array)
    if nearer is not None:
        return nearer, "neighbours along the frames are nearer to each other"
    return int(shape[1] >= shape[0]), "the longer one is time"


def _step(array: NDArray[Any], axis: int) -> float:
    """The median distance of neighbours along an axis; infinity where there are none."""
    n = array.shape[axis] - 1
    if not array.size:
        return float("inf")
    at = np.unique(np.linspace(0, max(n - 1, 0), _MAX_STEPS).astype(int))[:n]
    other = np.unique(np.linspace(0, array.shape[1 - axis] - 1, _MAX_STEPS).astype(int))
    part = np.take(array[..., :2], other, axis=1 - axis)
    now, after = (np.take(part, at + shift, axis=axis).astype(np.float64) for shift in (0, 1))
    seen = _is_seen(now) & _is_seen(after)
    distance = np.linalg.norm(after[seen] - now[seen], axis=-1)
    return float(np.median(distance)) if len(distance) else float("inf")


def _is_seen(points: Floats) -> NDArray[np.bool_]:
    """Whether points are positions: finite, and not the (0, 0) of padding."""
    return np.asarray(np.isfinite(points).all(axis=-1) & (points != 0).any(axis=-1))


def are_scores(array: NDArray[Any]) -> bool:
    """Whether the third coordinate is a score: from 0 to 1, next to positions that are not.

    Parameters
    ----------
    array : (..., 3), numbers; NaN where missing.
    """
    third, places = (part[np.isfinite(part)] for part in (array[..., 2], array[..., :2]))
    if not third.size or third.min() < 0 or third.max() > _MAX_SCORE or not places.size:
        return False
    return bool(places.min() >= 0 or np.abs(places).max() > 2)
