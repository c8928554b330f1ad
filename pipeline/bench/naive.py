"""The plain way from annotations to heatmaps: scipy for each map, a file for each frame."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.ingest import Inputs
from pipeline.sources import source
from pose_smoother.boxes import boxes_around, nearest_pixel, to_heatmap
from pose_smoother.heatmap import IMPULSE, SIGMA_OUT_PX, SIZE

#: (heatmaps float32 (25, 56, 56) of a frame, a path without suffix) -> writes a file.
Save = Callable[[NDArray[np.float32], Path], None]


def scipy_maps(keypoints: NDArray[np.integer], annotated: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Heatmaps by their definition, one after the other: float32 (..., 56, 56)."""
    maps = np.zeros((*annotated.shape, SIZE, SIZE), np.float32)
    for place in np.argwhere(annotated):
        x, y = keypoints[tuple(place)]
        impulse = np.zeros((SIZE, SIZE))
        impulse[y, x] = IMPULSE
        maps[tuple(place)] = gaussian_filter(impulse, SIGMA_OUT_PX)
    return maps


def save_npy(maps: NDArray[np.float32], path: Path) -> None:
    """A frame as ``.npy``."""
    np.save(path.with_suffix(".npy"), maps)


@dataclass(frozen=True)
class Plainly:
    """What the plain way did.

    Attributes
    ----------
    n_frames : written.
    opened_s, opened_cpu_s : of that, until the first file of each dataset had come, by the clock
        and of the processor: sources list their files first, so it grows with the dataset and not
        with the frames that are written.
    """

    n_frames: int
    opened_s: float
    opened_cpu_s: float


def preprocess_plainly(inputs: Inputs, folder: Path, n_frames: int, save: Save) -> Plainly:
    """Read, box, rescale, blur and save whole clips, evenly of every dataset.

    Parameters
    ----------
    n_frames : at least as many, if the datasets have them.
    """
    written, opened_s, opened_cpu_s = 0, 0.0, 0.0
    for share, (dataset, path) in enumerate(sorted(inputs.paths.items()), start=1):
        until = n_frames * share // len(inputs.paths)
        module = source(dataset)
        began, began_cpu = time.perf_counter(), time.process_time()
        items = module.items(path, inputs.options)
        first = list(islice(items, 1))
        opened_s += time.perf_counter() - began
        opened_cpu_s += time.process_time() - began_cpu
        for item in chain(first, items):
            if written >= until:
                break
            for clip in module.parse(item):
                written += _save_frames(clip.keypoints, folder, written, save)
    return Plainly(written, opened_s, opened_cpu_s)


def _save_frames(positions: NDArray[np.float64], folder: Path, number: int, save: Save) -> int:
    """Frames of a clip that have a box, each into a file; how many."""
    boxes, _ = boxes_around(positions)
    boxed = np.flatnonzero(~np.isnan(boxes[:, 0]))
    exact = to_heatmap(positions, boxes)
    for file, frame in enumerate(boxed.tolist(), start=number):
        keypoints = nearest_pixel(exact[frame])
        save(scipy_maps(keypoints, keypoints[:, 0] >= 0), folder / f"{file:07d}")
    return len(boxed)
