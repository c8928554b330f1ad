"""The split of pairs into train, validation and test: complete videos, 60/20/20 by windows."""

from collections.abc import Mapping

from pose_smoother import seeds
from pose_smoother.errors import InvalidInputError
from pose_smoother.store.names import SPLITS

SHARES = (0.6, 0.2, 0.2)


def split_videos(n_windows: Mapping[str, int], seed: int) -> dict[str, str]:
    """The split of every video that has windows.

    Videos are dealt in a seeded random order, each to the split furthest below its share of the
    windows; the last ones go to splits that are still empty.

    Parameters
    ----------
    n_windows : video -> how many windows it has.

    Returns
    -------
    video -> "train", "val" or "test"; videos without a window are left out.

    Raises
    ------
    InvalidInputError : fewer than three videos have windows.
    """
    videos = sorted(video for video, n in n_windows.items() if n)
    if len(videos) < len(SPLITS):
        raise InvalidInputError(
            f"{len(videos)} of {len(n_windows)} videos have a window of frames in a row with "
            f"detections and ground truth; at least {len(SPLITS)} are needed, because complete "
            "videos are set aside for validation and for the test: give more, or name the videos "
            "in both files"
        )
    order = seeds.rng(seed, seeds.SPLIT).permutation(len(videos))
    total = sum(n_windows[video] for video in videos)
    lacking = {split: share * total for split, share in zip(SPLITS, SHARES, strict=True)}
    chosen: dict[str, str] = {}
    for n_dealt, index in enumerate(order):
        empty = [split for split in SPLITS if split not in chosen.values()]
        needed = len(videos) - n_dealt <= len(empty)
        split = max(empty if needed else SPLITS, key=lambda name: lacking[name])
        chosen[videos[index]] = split
        lacking[split] -= n_windows[videos[index]]
    return chosen
