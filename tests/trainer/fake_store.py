"""A small store in memory, for tests of what reads one: smooth motion of a standing figure."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother import heatmap
from pose_smoother.errors import DamagedShardError
from pose_smoother.skeleton import KEYPOINTS, N_KEYPOINTS
from pose_smoother.store.names import (
    CLIP_COLUMNS,
    CONTRACT_VERSION,
    FRAME_ARRAYS,
    SPLITS,
    STEPS,
    WINDOW_FRAMES,
)
from pose_smoother.store.store import Store

#: A standing figure in heatmap pixels: the left side's (x, y); the right side is its mirror image.
REST_PX = {
    "nose": (27.5, 6.0),
    "ear": (30.0, 5.0),
    "shoulder": (34.0, 14.0),
    "elbow": (39.0, 22.0),
    "wrist": (42.0, 29.0),
    "pinky": (44.0, 31.0),
    "index": (43.0, 32.0),
    "thumb": (41.0, 31.0),
    "hip": (32.0, 30.0),
    "knee": (33.0, 40.0),
    "ankle": (34.0, 48.0),
    "heel": (33.0, 50.0),
    "toes": (36.0, 51.0),
}
UNLABELLED_ENDS = {
    "penn-action": ("ear", "pinky", "index", "thumb", "heel", "toes"),
    "brace": ("pinky", "index", "thumb", "heel", "toes"),
}
LABELLED = {
    dataset: [not name.endswith(ends) for name in KEYPOINTS]
    for dataset, ends in UNLABELLED_ENDS.items()
}


class FakeStore(Store):
    """Arrays in memory behind the store contract; heatmaps are rendered as they are read.

    Parameters
    ----------
    arrays : split -> array name -> array, all of ``FRAME_ARRAYS`` but the heatmaps.
    clips : the clips table by column.
    config : what the attribute ``config`` holds.
    seed : names the shuffled order that windows are stored in.

    Attributes
    ----------
    damaged : (split, array name, frame): reading a range that holds this frame raises
        DamagedShardError.
    n_reads : how often each (split, array name) was read.
    """

    format = "fake"

    def __init__(
        self,
        arrays: dict[str, dict[str, NDArray[Any]]],
        clips: dict[str, NDArray[Any]],
        config: dict[str, Any],
        seed: int = 0,
    ) -> None:
        attrs = {
            "contract": CONTRACT_VERSION,
            "config": config,
            "provenance": {},
            "skeleton": list(KEYPOINTS),
            "labelled": LABELLED,
        }
        super().__init__(Path("fake"), {"contract": CONTRACT_VERSION, "files": {}}, attrs)
        self.arrays = arrays
        self.damaged: tuple[str, str, int] | None = None
        self.n_reads: dict[tuple[str, str], int] = {}
        self._table = clips
        self._windows = {
            (split, step): np.random.default_rng((seed, step)).permutation(
                lay_windows(arrays[split]["clip"], arrays[split]["frame"], step)
            )
            for split in SPLITS
            for step in STEPS
        }

    def _read_rows(self, split: str, name: str, start: int, stop: int) -> NDArray[Any]:
        arrays = self.arrays[split]
        rows = slice(start, stop)
        first, last, _ = rows.indices(self.n_frames(split))
        self.n_reads[split, name] = self.n_reads.get((split, name), 0) + 1
        if self.damaged and self.damaged[:2] == (split, name) and first <= self.damaged[2] < last:
            raise DamagedShardError(
                f"fake/{split}/{name} shard {self.damaged[2] // 256}: bad checksum"
            )
        if name == "heatmaps":
            return heatmap.render(arrays["keypoints"][rows], arrays["annotated"][rows])
        return arrays[name][rows].copy()

    def n_frames(self, split: str) -> int:
        return len(self.arrays[split]["clip"])

    def windows(self, split: str, step: int) -> NDArray[np.int64]:
        return self._windows[split, step].copy()

    def _clip_column(self, name: str) -> NDArray[Any]:
        return self._table[name]

    def close(self) -> None:
        """Nothing is open."""


def lay_windows(clip: NDArray[np.int32], frame: NDArray[np.int32], step: int) -> NDArray[np.int64]:
    """Every run of frames long enough for a window: one clip, no gap in the frame numbers."""
    reach = (WINDOW_FRAMES - 1) * step
    starts = range(max(len(clip) - reach, 0))
    whole = [clip[w] == clip[w + reach] and frame[w + reach] - frame[w] == reach for w in starts]
    return np.flatnonzero(np.array(whole, dtype=bool)).astype(np.int64)


def make_store(
    n_clips: int = 10,
    n_frames: int = 30,
    seed: int = 0,
    missing: float = 0.2,
    gaps: bool = True,
    heatmaps: str = "impulse",
) -> FakeStore:
    """A store of made-up clips, alternately of ``penn-action`` and ``brace``, split 60/20/20.

    Parameters
    ----------
    n_clips : clips over all splits; every fifth goes to val, the one after it to test.
    n_frames : frames of every clip.
    seed : names the motion, the missing keypoints and the windows' stored order.
    missing : share of labelled keypoints that are not annotated, drawn per frame.
    gaps : leave one source frame out in the middle of every third clip.
    heatmaps : what ``attrs["config"]["heatmaps"]`` says the stored heatmaps are.
    """
    splits = [{3: "val", 4: "test"}.get(i % 5, "train") for i in range(n_clips)]
    datasets = ["penn-action" if i % 2 == 0 else "brace" for i in range(n_clips)]
    parts: dict[str, list[dict[str, NDArray[Any]]]] = {split: [] for split in SPLITS}
    for row, (split, dataset) in enumerate(zip(splits, datasets, strict=True)):
        has_gap = gaps and row % 3 == 0
        parts[split].append(_clip_arrays(row, dataset, n_frames, seed, missing, has_gap))
    names = [name for name in FRAME_ARRAYS if name != "heatmaps"]
    empty = {
        name: np.empty((0, *FRAME_ARRAYS[name].frame_shape), FRAME_ARRAYS[name].dtype)
        for name in names
    }
    arrays = {
        split: {
            name: np.concatenate([empty[name]] + [part[name] for part in some]) for name in names
        }
        for split, some in parts.items()
    }
    config = {"heatmaps": heatmaps, "protocol": "clips", "group_by": "video"}
    return FakeStore(arrays, _clips_table(splits, datasets, n_frames), config, seed)


def _clip_arrays(
    row: int, dataset: str, n_frames: int, seed: int, missing: float, has_gap: bool
) -> dict[str, NDArray[Any]]:
    """All per-frame arrays of one clip, but the heatmaps."""
    rng = np.random.default_rng((seed, row))
    exact = _rest_px() + _sway_px(rng, n_frames)
    labelled = np.array(LABELLED[dataset])
    annotated = labelled & (rng.random((n_frames, N_KEYPOINTS)) >= missing)
    exact = exact.clip(2.5, 52.5)
    frame = np.arange(1, n_frames + 1)
    if has_gap:
        frame[n_frames // 2 :] += 1
    return {
        "keypoints": np.where(annotated[..., None], np.rint(exact), -1).astype("<i2"),
        "keypoints_exact": np.where(annotated[..., None], exact, np.nan).astype("<f4"),
        "annotated": annotated,
        "boxes": np.tile(np.float32([100, 50, 300, 450]), (n_frames, 1)),
        "clip": np.full(n_frames, row, "<i4"),
        "frame": frame.astype("<i4"),
    }


def _rest_px() -> NDArray[np.float64]:
    """The figure at rest, float64 (25, 2) in heatmap pixels."""
    rest = []
    for name in KEYPOINTS:
        x, y = REST_PX[name.removeprefix("left_").removeprefix("right_")]
        rest.append((55 - x if name.startswith("right_") else x, y))
    return np.array(rest)


def _sway_px(rng: np.random.Generator, n_frames: int) -> NDArray[np.float64]:
    """Smooth shifts (n_frames, 25, 2): the whole figure and each keypoint on slow sine waves."""
    time = np.arange(n_frames)[:, None, None]
    total = np.zeros((n_frames, N_KEYPOINTS, 2))
    for shape, reach_px in (((1, 1, 2), 4.0), ((1, N_KEYPOINTS, 2), 3.0)):
        period_frames = rng.uniform(25, 60, shape)
        phase = rng.uniform(0, 2 * np.pi, shape)
        total += reach_px * np.sin(2 * np.pi * time / period_frames + phase)
    return total


def _clips_table(splits: list[str], datasets: list[str], n_frames: int) -> dict[str, NDArray[Any]]:
    """The clips table; ids keep leading zeros and dashes as text."""
    n = len(splits)
    columns: dict[str, list[Any]] = {
        "id": [f"{i:04d}" for i in range(n)],
        "dataset": datasets,
        "video": [f"-video{i:03d}" for i in range(n)],
        "action": ["situp" if name == "penn-action" else "toprock" for name in datasets],
        "person": ["" if name == "penn-action" else "lil-g" for name in datasets],
        "fps": [np.nan if name == "penn-action" else 25.0 for name in datasets],
        "first_frame": [1] * n,
        "n_frames": [n_frames] * n,
        "split": splits,
    }
    kinds = {"text": object, "<f8": "<f8", "<i4": "<i4"}
    return {name: np.array(columns[name], dtype=kinds[kind]) for name, kind in CLIP_COLUMNS.items()}
