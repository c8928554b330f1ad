"""The overlap of a store's splits: frames, clips, videos and persons in more than one of them.

``pipeline verify`` prints it, and the trainer saves it with every run, for the report.
"""

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.store.names import SPLITS
from pose_smoother.store.store import Store

#: What to know of the persons counted.
PERSONS_NOTE = (
    "persons are counted by name, and BRACE's names of dancers are sometimes swapped (issue 6 of "
    "its repository): the number shared is not exact"
)


def leak_audit(store: Store) -> tuple[dict[str, int], dict[str, int]]:
    """The number of frames, clips, videos and persons in more than one split, and in total.

    A frame is (dataset, video, source frame number); a person counts where the dataset names one
    (BRACE's dancers). Persons may be shared; frames and videos must not be.
    """
    seen: dict[str, dict[Any, set[str]]] = {
        kind: defaultdict(set) for kind in ("clips", "videos", "people")
    }
    clips = store.clips
    for row in range(len(clips["id"])):
        dataset, split = clips["dataset"][row], clips["split"][row]
        seen["clips"][dataset, clips["id"][row]].add(split)
        seen["videos"][dataset, clips["video"][row]].add(split)
        if clips["person"][row]:
            seen["people"][dataset, clips["person"][row]].add(split)
    shared = {kind: sum(len(s) > 1 for s in found.values()) for kind, found in seen.items()}
    counted = {kind: len(found) for kind, found in seen.items()}
    names = [f"{d}/{v}" for d, v in zip(clips["dataset"], clips["video"], strict=True)]
    video = np.unique(names, return_inverse=True)[1].astype(np.int64)
    by_split = [_different(_frame_keys(store, split, video)) for split in SPLITS]
    frames = np.sort(np.concatenate(by_split), kind="stable")
    is_again = np.diff(frames) == 0
    shared["frames"] = len(_different(frames[1:][is_again]))
    counted["frames"] = len(frames) - int(is_again.sum())
    return shared, counted


def _frame_keys(store: Store, split: str, video: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each source frame of a split, from its video's number and its frame number."""
    return video[store.clip_rows(split)] * 2**32 + store.read(split, "frame")


def _different(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every number once, ascending; quick where they come in rising runs, as frames do."""
    numbers = np.sort(numbers, kind="stable")
    return numbers[np.diff(numbers, prepend=numbers[:1] - 1) != 0]
