"""Windows of frames: laid inside runs, never across a gap, a cut or two clips."""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.store.names import WINDOW_FRAMES


def window_starts(
    clip: NDArray[np.integer], frame: NDArray[np.integer], step: int
) -> NDArray[np.int64]:
    """Index of the first frame of every window, in order (stride 1).

    Parameters
    ----------
    clip : (n,), the clip row of each stored frame; frames of a clip are contiguous.
    frame : (n,), source frame numbers, strictly increasing inside a clip.
    step : frames from one frame of the window to the next.

    Returns
    -------
    int64 (windows,): window w covers w, w + step, ..., w + 4 * step. Since frame numbers increase
    strictly, the run is unbroken exactly when the last number is the first plus 4 * step.
    """
    span = (WINDOW_FRAMES - 1) * step
    if len(frame) <= span:
        return np.zeros(0, np.int64)
    whole = (clip[span:] == clip[:-span]) & (frame[span:] - frame[:-span] == span)
    return np.flatnonzero(whole).astype(np.int64)
