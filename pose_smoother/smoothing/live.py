"""``Live``: smooth keypoints while they come, frame by frame."""

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters.parameters import checked_rate
from pose_smoother.pretrained.live import LiveStream

#: After a longer gap an individual begins anew.
LONGEST_GAP_FRAMES = 30
_KEPT_INTERVALS = 31


class Live:
    """Smooth keypoints of a running stream; nothing later than the delay is waited for.

    Individuals are distinguished by ``id`` and smoothed each on its own. The estimates are those of
    ``ps.smooth(x, delay_frames=...)`` for the same frames.

    Parameters
    ----------
    delay_frames : frames that an estimate waits for. 0 gives each frame at once; 1, 2, 4 and 8 are
        better, in this order on recordings, and more than 8 is no better than 8.
    fps : frames a second, for times of frames; found from the times themselves if not given.

    Attributes
    ----------
    n_late : frames that came with a time not after the last one's, which were not used.

    Raises
    ------
    InvalidInputError : ``delay_frames`` is not a whole number from 0 on, or ``fps`` not positive.

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

    def __init__(self, delay_frames: int = 0, *, fps: float | None = None) -> None:
        if delay_frames < 0 or delay_frames != int(delay_frames):
            raise InvalidInputError(
                f"delay_frames must be a whole number from 0 on, got {delay_frames}"
            )
        fps = checked_rate(fps)
        self.delay_frames = int(delay_frames)
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
        xy : numbers (K, 2), in any unit; NaN where the detector gave nothing.
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
        InvalidInputError : the shape is not (K, 2), or K changed.
        """
        frame = np.asarray(xy, np.float64)
        if frame.ndim != 2 or frame.shape[1] != 2 or not len(frame):
            raise InvalidInputError(f"expected keypoints (K, 2), got {frame.shape}")
        confidence = None if scores is None else np.asarray(scores, np.float64)
        if confidence is not None and confidence.shape != frame.shape[:1]:
            raise InvalidInputError(
                f"expected scores ({len(frame)},), one a keypoint, got {confidence.shape}"
            )
        one = self._individuals.get(id)
        if one is None:
            one = self._individuals[id] = _Individual(len(frame), self.delay_frames)
        if one.n_keypoints != len(frame):
            raise InvalidInputError(f"expected {one.n_keypoints} keypoints, got {len(frame)}")
        frame[~np.isfinite(frame).all(axis=-1)] = np.nan
        nothing = np.full(frame.shape, np.nan)
        if not one.advance(time, self._interval):
            self.n_late += 1
            return nothing
        found = one.stream.update(frame, confidence)
        return nothing if found is None else found

    def finish(self, id: Hashable = None) -> list[NDArray[np.float64]]:
        """The estimates of an individual's last frames, which no later frame will follow."""
        one = self._individuals.pop(id, None)
        return [] if one is None else one.stream.finish()


class _Individual:
    """The stream of one individual, and when its last frame was."""

    def __init__(self, n_keypoints: int, delay: int) -> None:
        self.n_keypoints = n_keypoints
        self.stream = LiveStream(n_keypoints, delay)
        self._time: float | None = None
        self._intervals: list[float] = []

    def advance(self, time: float | None, interval: float | None) -> bool:
        """Pass over frames that were lost since the last one; False for a late frame."""
        if time is None:
            return True
        if self._time is None:
            self._time = time
            return True
        passed = time - self._time
        if not passed > 0:
            return False
        self._time = time
        usual = interval or float(np.median(self._intervals or [passed]))
        self._intervals = [*self._intervals, passed][-_KEPT_INTERVALS:]
        lost = round(passed / usual) - 1
        if lost > LONGEST_GAP_FRAMES:
            self.stream.restart()
        elif lost > 0:
            self.stream.skip(lost)
        return True
