"""Shares of a split's windows: without neighbours, or evenly spread.

Neighbouring windows share most of their frames, so a short training learns more from windows that
share none. Numbered by first frame, every S-th window makes such a share, S being the frames from a
window's first to its last; S shares hold all windows once.
"""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.seeds import WINDOW_SHARE, rng


def share_size(n_windows: int, span_frames: int) -> int:
    """Windows of an epoch that is a share without neighbours; all epochs have as many.

    Raises
    ------
    InvalidInputError : there are not enough windows for one in each share.
    """
    if n_windows < span_frames:
        raise InvalidInputError(
            f"a budget draws training windows that share no frame, every {span_frames}th: expected "
            f"at least {span_frames} training windows, found {n_windows}; preprocess more clips"
        )
    return n_windows // span_frames


def share_without_neighbours(
    windows: NDArray[np.int64], span_frames: int, seed: int, epoch: int
) -> NDArray[np.int64]:
    """The windows of one epoch: no two of a clip share a frame.

    Each ``span_frames`` epochs hold every window once, except a remainder of fewer than
    ``span_frames`` windows.

    Parameters
    ----------
    windows : int64 (n,), first frames, in any order.
    span_frames : frames from a window's first to its last, both counted.
    seed, epoch : name the share; epochs count from 1.

    Returns
    -------
    int64 (``share_size``,), first frames, ascending.
    """
    cycle, turn = divmod(epoch - 1, span_frames)
    share = int(rng(seed, WINDOW_SHARE, cycle).permutation(span_frames)[turn])
    return np.sort(windows)[share::span_frames][: share_size(len(windows), span_frames)]


def evenly_spread(windows: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """A share of windows, spread evenly over their first frames; at least one.

    Parameters
    ----------
    windows : int64 (n,), first frames, in any order, which the result keeps.
    share : above 0, at most 1.
    """
    rank = np.argsort(np.argsort(windows, kind="stable"), kind="stable")
    marks = np.floor((rank + 1) * share) > np.floor(rank * share)
    chosen = windows[marks]
    return chosen if len(chosen) else windows[rank == 0]
