"""Pairs of detections and ground truth as a store in memory: all that trains and tests reads it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.boxes import DEFAULT_EXPAND, nearest_pixel
from pose_smoother.files.atomic import sha256_bytes
from pose_smoother.heatmap import SIGMA_OUT_PX
from pose_smoother.skeleton import KEYPOINTS
from pose_smoother.store.config import CLIPS, IMPULSE, RECORDED, VIDEO
from pose_smoother.store.names import CLIP_COLUMNS, CONTRACT_VERSION, SPLITS, WINDOW_FRAMES
from pose_smoother.store.store import Store
from trainer.calibrate.pairs import Pairs
from trainer.finetune.heatmap_file import HeatmapPairs
from trainer.finetune.split import split_videos
from trainer.noise.recorded import DETECTED, HEATMAPS

DATASET = "pairs"


class PairStore(Store):
    """Pairs behind the store contract; a video is a clip, and all its frames are in one split.

    Parameters
    ----------
    pairs : what was matched.
    step : frames from one frame of a window to the next; only such windows are laid.
    seed : decides the split of each video.
    path : of the detections, for messages.
    expand, keep_aspect : how the pairs' boxes were cut.
    heatmaps : the detector's own, in the order of the pairs, or None.

    Attributes
    ----------
    n_unused : videos without a window.

    Raises
    ------
    InvalidInputError : fewer than three videos have windows.
    """

    format = DATASET

    def __init__(
        self,
        pairs: Pairs,
        step: int,
        seed: int,
        path: Path,
        *,
        expand: float = DEFAULT_EXPAND,
        keep_aspect: bool = False,
        heatmaps: HeatmapPairs | None = None,
    ) -> None:
        self._step = step
        arrays = _arrays(pairs, None if heatmaps is None else heatmaps.heatmaps)
        starts = _window_starts(pairs.follows, step)
        counts = np.bincount(pairs.video[starts], minlength=len(pairs.videos))
        of_video = split_videos(dict(zip(pairs.videos, counts.tolist(), strict=True)), seed)
        self.n_unused = len(pairs.videos) - len(of_video)
        self._table = _clips_table(pairs, of_video)
        split_of_row = np.array([of_video.get(name, "") for name in pairs.videos])[pairs.video]
        self._arrays, self._windows = {}, {}
        for split in SPLITS:
            own = split_of_row == split
            row = np.cumsum(own) - 1  # a frame's index among those of its split
            self._arrays[split] = {name: array[own] for name, array in arrays.items()}
            self._windows[split] = row[starts[own[starts]]].astype(np.int64)
        config = {
            "heatmaps": IMPULSE,
            "protocol": CLIPS,
            "group_by": VIDEO,
            "box_jitter": 0.0,
            "expand": expand,
            "keep_aspect": keep_aspect,
            "sigma_out_px": SIGMA_OUT_PX,
            "seed": seed,
            "detections": RECORDED,
            HEATMAPS: None if heatmaps is None else list(heatmaps.columns),
        }
        attrs = {
            "contract": CONTRACT_VERSION,
            "config": config,
            "provenance": {},
            "skeleton": list(KEYPOINTS),
            "labelled": {DATASET: pairs.known.tolist()},
        }
        manifest = {"contract": CONTRACT_VERSION, "config": config, "content": self._content()}
        super().__init__(path, manifest, attrs)

    def _read_rows(self, split: str, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows of an array: those of the contract but boxes and heatmaps, and the detections."""
        return self._arrays[split][name][start:stop]

    def n_frames(self, split: str) -> int:
        """Number of frames in a split."""
        return len(self._arrays[split]["clip"])

    def windows(self, split: str, step: int) -> NDArray[np.int64]:
        """First frame of every window, in order; none at another step than the store's."""
        return self._windows[split] if step == self._step else np.empty(0, np.int64)

    def _clip_column(self, name: str) -> NDArray[Any]:
        return self._table[name]

    def close(self) -> None:
        """Nothing is open."""

    def _content(self) -> str:
        """A hash of everything that decides a run's numbers."""
        parts = [repr(sorted(self._table["id"].tolist()))]
        for split in SPLITS:
            arrays = {**self._arrays[split], "windows": self._windows[split]}
            parts += [f"{n} {sha256_bytes(a.tobytes())}" for n, a in sorted(arrays.items())]
        return sha256_bytes("\n".join(parts).encode())


def _arrays(pairs: Pairs, heatmaps: NDArray[np.float32] | None) -> dict[str, NDArray[Any]]:
    """Every per-frame array, over all videos."""
    exact = np.where(pairs.annotated[..., None], pairs.truth, np.nan).astype(np.float32)
    pixels = nearest_pixel(exact)
    annotated = pixels[..., 0] >= 0  # a truth outside the detector's own box is not
    detected = np.where(pairs.known[:, None], pairs.detected, np.nan)
    arrays: dict[str, NDArray[Any]] = {
        "keypoints": pixels,
        "keypoints_exact": np.where(annotated[..., None], exact, np.float32(np.nan)),
        "annotated": annotated,
        "clip": pairs.video.astype(np.int32),
        # Pairs give which rows are neighbours; these numbers need nothing else.
        "frame": np.cumsum(np.where(pairs.follows, 1, 2)).astype(np.int32),
        DETECTED: detected.astype(np.float32),
    }
    return arrays if heatmaps is None else {**arrays, HEATMAPS: heatmaps}


def _window_starts(follows: NDArray[np.bool_], step: int) -> NDArray[np.int64]:
    """First rows of all windows: rows in a row, without a gap."""
    reach = (WINDOW_FRAMES - 1) * step
    if len(follows) <= reach:
        return np.empty(0, np.int64)
    breaks = np.concatenate([[0], np.cumsum(~follows)])
    first = np.arange(len(follows) - reach)
    return first[breaks[first + reach + 1] == breaks[first + 1]]


def _clips_table(pairs: Pairs, of_video: dict[str, str]) -> dict[str, NDArray[Any]]:
    n_frames = np.bincount(pairs.video, minlength=len(pairs.videos))
    columns: dict[str, Any] = {
        "id": list(pairs.videos),
        "dataset": [DATASET] * len(pairs.videos),
        "video": list(pairs.videos),
        "action": [""] * len(pairs.videos),
        "person": [""] * len(pairs.videos),
        "fps": [np.nan] * len(pairs.videos),
        "first_frame": [0] * len(pairs.videos),
        "n_frames": n_frames.tolist(),
        "split": [of_video.get(name, "") for name in pairs.videos],
    }
    return {
        name: np.array(columns[name], dtype=object if kind == "text" else kind)
        for name, kind in CLIP_COLUMNS.items()
    }
