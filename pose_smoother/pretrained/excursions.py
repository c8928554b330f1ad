"""Stretches in which a keypoint was somewhere else: it jumped there in one frame, and came back.

A detector takes another person, the other leg or a thing in the background for up to a second. Such
a stretch is too long to be an outlier for the network, which sees a quick movement. What gives it
away are its two ends: jumps that the keypoint makes nowhere else. So a track is cut at its jumps,
and the chain of pieces is kept that has most frames and jumps least (dynamic programming, as in
multi-object tracking); what it leaves out between two kept pieces is an excursion. Nothing is one
at the file's ends, where no return is seen. On half of the recordings: docs/experiments.md.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pose_smoother.pretrained.features import Prepared

#: A jump is longer than all of these: body sizes, the keypoint's own quick steps (the 95 % quantile
#: of its running median's), units of its noise. A track is cut at half of it.
JUMP_BODIES, JUMP_STEPS, JUMP_UNITS = 0.5, 6.0, 20.0
#: Frames that a piece must have to be worth a jump of one body size.
FRAMES_PER_BODY = 60.0
LONGEST_FRAMES = 30
#: At fewer frames a second people move farther in one, and a gesture takes fewer of them.
USUAL_RATE = 30.0
MOST_SHARE = 0.4  # of a keypoint's frames: with more there is no telling which place is its own
_PIECES_BACK = 64


def excursions(ready: Prepared, fps: float | None = None) -> NDArray[np.bool_]:
    """The points of excursions.

    Parameters
    ----------
    fps : frames a second; below 30, jumps have to be longer, and stretches of fewer frames are too
        long to be one.

    Returns
    -------
    bool array, shape (T, K)
        True at points that the detector gave, and that are not the keypoint's.
    """
    found = np.zeros(ready.observed.shape, bool)
    slower = 1.0 if fps is None else min(fps / USUAL_RATE, 1.0)
    longest = round(LONGEST_FRAMES * slower)
    least = np.maximum(JUMP_BODIES / slower * ready.size, JUMP_UNITS * ready.unit)
    moved = np.linalg.norm(np.diff(ready.filled, axis=0), axis=-1)
    for k in np.flatnonzero((moved > least / 2).sum(0) >= 2):
        seen = ready.observed[:, k]
        steps = np.linalg.norm(np.diff(ready.medians[1][:, k], axis=0), axis=-1)
        steps = steps[seen[1:] & seen[:-1]]
        if not len(steps):
            continue
        jump = max(float(least[k]), JUMP_STEPS * float(np.quantile(steps, 0.95)))
        frames = np.flatnonzero(seen)
        xy = ready.filled[frames, k].astype(np.float64) / ready.size
        out = _of_track(xy, frames, jump / ready.size, longest)
        if out.sum() <= MOST_SHARE * len(frames):
            found[frames[out], k] = True
    return found


def _of_track(xy: NDArray, frames: NDArray, jump: float, longest: int) -> NDArray[np.bool_]:
    """Of one keypoint's detections (N, 2) in body sizes at these frames, those of excursions."""
    step = np.linalg.norm(np.diff(xy, axis=0), axis=-1) / np.diff(frames)
    cuts = np.flatnonzero(step > jump / 2)
    first, last = np.r_[0, cuts + 1], np.r_[cuts, len(xy) - 1]
    kept = _best_chain(xy, frames, first, last, jump / 2, longest)
    out = np.zeros(len(xy), bool)
    for before, after in pairwise(kept):
        there, back = step[last[before]], step[first[after] - 1]
        if after > before + 1 and min(there, back) > jump:
            out[last[before] + 1 : first[after]] = True
    return out


def _best_chain(
    xy: NDArray, frames: NDArray, first: NDArray, last: NDArray, free: float, longest: int
) -> list[int]:
    """The pieces of the chain with most frames, less what its jumps cost."""
    n_frames = (last - first + 1).astype(np.float64)
    score = np.where(frames[first] - frames[0] <= longest, n_frames, -np.inf)
    previous = np.full(len(first), -1)
    for piece in range(1, len(first)):
        earlier = np.arange(max(0, piece - _PIECES_BACK), piece)
        jumped = np.linalg.norm(xy[last[earlier]] - xy[first[piece]], axis=-1)
        gain = score[earlier] - FRAMES_PER_BODY * np.maximum(0.0, jumped - free)
        skipped = frames[first[piece]] - frames[last[earlier]] - 1
        gain[(skipped > longest) & (earlier < piece - 1)] = -np.inf
        best = int(gain.argmax())
        if n_frames[piece] + gain[best] > score[piece]:
            score[piece] = n_frames[piece] + gain[best]
            previous[piece] = earlier[best]
    score[frames[-1] - frames[last] > longest] = -np.inf
    chain = [int(score.argmax())]
    while previous[chain[-1]] >= 0:
        chain.append(int(previous[chain[-1]]))
    return chain[::-1]
