"""``Live``: smooth keypoints while they come, frame by frame."""

import logging
import math
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters.parameters import checked_rate
from pose_smoother.points import points_within
from pose_smoother.poses.tracks import FARTHEST
from pose_smoother.pretrained.live import LiveStream
from pose_smoother.smoothing.arrays import as_floats

#: After a longer gap an individual starts again; also where time goes back by more.
LONGEST_GAP_FRAMES = 30
_KEPT_INTERVALS = 31
_MANY_LATE = 30

_log = logging.getLogger(__name__)


class Live:
    """Smooth keypoints of a running stream; nothing later than the delay is waited for.

    Individuals are distinguished by ``id`` and smoothed each on its own. The estimates are those of
    ``ps.smooth(x, delay_frames=...)`` for the same frames. Different individuals may be updated
    from different threads, each from one at a time.

    Parameters
    ----------
    delay_frames : frames that an estimate waits for. 0 gives each frame at once; 1, 2, 4 and 8 are
        better, in this order on recordings, and more than 8 is no better than 8.
    fps : frames a second, for times of frames; found from the times themselves if not given.
    max_individuals : that are remembered (about 235 kB each, of 17 keypoints). For one more, the
        one whose last update is longest ago is forgotten, as ``finish`` does: trackers give new ids
        for ever.

    Attributes
    ----------
    n_late : frames that came with a time not after the last one's, which were not used.

    Raises
    ------
    InvalidInputError : ``delay_frames`` is not a whole number from 0 on, ``max_individuals`` not
        one from 1 on, or ``fps`` not positive.

    Examples
    --------
    >>> import numpy as np
    >>> import pose_smoother as ps
    >>> live = ps.Live(delay_frames=2)
    >>> for frame in np.random.default_rng(0).normal(size=(5, 17, 2)):
    ...     estimate = live.update(frame)  # NaN for the first two frames
    >>> estimate.shape, len(live.finish())
    ((17, 2), 2)
    """

    def __init__(
        self, delay_frames: int = 0, *, fps: float | None = None, max_individuals: int = 1000
    ) -> None:
        fps = checked_rate(fps)
        self.delay_frames = _whole("delay_frames", delay_frames, 0)
        self.max_individuals = _whole("max_individuals", max_individuals, 1)
        self.n_late = 0
        self._interval = None if fps is None else 1.0 / fps
        self._individuals: dict[Hashable, _Individual] = {}

    def update(
        self,
        xy: Any,
        scores: Any = None,
        *,
        id: Hashable = None,
        time: float | None = None,
    ) -> NDArray[np.float64]:
        """Take one frame of one individual, and give an estimate.

        Parameters
        ----------
        xy : numbers (K, 2), in any unit; NaN, infinite or beyond 1e9 where the detector gave
            nothing. Not changed, and not kept.
        scores : (K,), the detector's confidence.
        id : names the individual; leave it out if there is one.
        time : of the frame in seconds. Frames lost in between are noticed by it. Without times,
            frames are taken as evenly spaced.

        Returns
        -------
        float64 (K, 2): the estimate for the frame ``delay_frames`` updates before; NaN where that
        frame has no detection, for the first ``delay_frames`` frames of an individual, and for a
        frame that comes late.

        Raises
        ------
        InvalidInputError : the shape is not (K, 2), K changed, what should be numbers is not, or
            the id cannot be a key. The frame is not used.
        """
        frame = as_floats("keypoints", xy)
        if frame.ndim != 2 or frame.shape[1] != 2 or not len(frame):
            raise InvalidInputError(f"expected keypoints (K, 2), got {frame.shape}")
        confidence = None if scores is None else as_floats("scores", scores)
        if confidence is not None and confidence.shape != frame.shape[:1]:
            raise InvalidInputError(
                f"expected scores ({len(frame)},), one a keypoint, got {confidence.shape}"
            )
        seconds = None if time is None else _seconds(time)
        one = self._individual(id, len(frame))
        frame[~points_within(frame, FARTHEST)] = np.nan
        nothing = np.full(frame.shape, np.nan)
        if seconds is not None and not one.advance(seconds, self._interval):
            self.n_late += 1
            return nothing
        found = one.stream.update(frame, confidence)
        return nothing if found is None else found

    def finish(self, id: Hashable = None) -> list[NDArray[np.float64]]:
        """The estimates of an individual's last frames, which no later frame will follow."""
        one = self._individuals.pop(_key(id), None)
        return [] if one is None else one.stream.finish()

    def _individual(self, id: Hashable, n_keypoints: int) -> "_Individual":
        """The individual of an id, as the one that was updated last."""
        one = self._individuals.get(_key(id))
        if one is None:
            one = _Individual(n_keypoints, self.delay_frames)
        elif one.n_keypoints != n_keypoints:
            raise InvalidInputError(f"expected {one.n_keypoints} keypoints, got {n_keypoints}")
        self._individuals.pop(id, None)
        self._individuals[id] = one
        if len(self._individuals) > self.max_individuals:
            for oldest in list(self._individuals)[: -self.max_individuals]:
                self._individuals.pop(oldest, None)
        return one


class _Individual:
    """The stream of one individual, and when its last frame was."""

    def __init__(self, n_keypoints: int, delay: int) -> None:
        self.n_keypoints = n_keypoints
        self.stream = LiveStream(n_keypoints, delay)
        self._time: float | None = None
        self._intervals: list[float] = []
        self._late_in_a_row = 0

    def advance(self, time: float, interval: float | None) -> bool:
        """Pass over frames that were lost since the last one; False for a late frame."""
        if self._time is None:
            self._time = time
            return True
        passed = time - self._time
        usual = interval or float(np.median(self._intervals or [0.0]))
        if passed < -LONGEST_GAP_FRAMES * usual:  # the clock was set, or the stream began again
            self._time = time
            self.stream.restart()
            return True
        if passed <= 0:
            self._late_in_a_row += 1
            if self._late_in_a_row == _MANY_LATE:
                _log.warning(
                    "%d frames in a row came with a time not after %g s; they are not used",
                    _MANY_LATE,
                    self._time,
                )
            return False
        self._time, self._late_in_a_row = time, 0
        self._intervals = [*self._intervals, passed][-_KEPT_INTERVALS:]
        # Infinity over infinity is NaN, which `min` passes over in this order.
        lost = round(min(LONGEST_GAP_FRAMES + 1.0, passed / (usual or passed) - 1))
        if lost > LONGEST_GAP_FRAMES:
            self.stream.restart()
        elif lost > 0:
            self.stream.skip(lost)
        return True


def _whole(name: str, value: Any, least: int) -> int:
    """A whole number from `least` on."""
    try:
        whole = int(value)
        if whole != value or whole < least:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(
            f"{name} must be a whole number from {least} on, got {value!r:.60}"
        ) from None
    return whole


def _seconds(time: Any) -> float:
    try:
        seconds = float(time)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise InvalidInputError(f"time must be a finite number of seconds, got {time!r:.60}")
    return seconds


def _key(id: Hashable) -> Hashable:
    """An id; NaN is none, for it does not equal itself."""
    try:
        hash(id)
    except TypeError:
        raise InvalidInputError(f"an id must be hashable, got {id!r:.60}") from None
    if isinstance(id, float | np.floating) and id != id:
        raise InvalidInputError("an id must not be NaN; leave it out if there is one individual")
    return id
