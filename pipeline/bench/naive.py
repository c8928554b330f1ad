"""The plain way from annotations to heatmaps: scipy for each map, a file for each frame."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.contract.boxes import boxes_around, nearest_pixel, to_heatmap
from pipeline.contract.heatmap import IMPULSE, SIGMA_OUT_PX, SIZE
from pipeline.ingest import Inputs
from pipeline.sources import source

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


def preprocess_plainly(inputs: Inputs, folder: Path, n_frames: int, save: Save) -> int:
    """Read, box, rescale, smear and save about ``n_frames`` frames, evenly of every dataset.

    Returns
    -------
    How many frames were written.
    """
    written = 0
    for share, (dataset, path) in enumerate(sorted(inputs.paths.items()), start=1):
        until = n_frames * share // len(inputs.paths)
        module = source(dataset)
        for item in module.items(path, inputs.options):
            if written >= until:
                break
            for clip in module.parse(item):
                boxes, _ = boxes_around(clip.keypoints)
                boxed = np.flatnonzero(~np.isnan(boxes[:, 0]))
                exact = to_heatmap(clip.keypoints, boxes)
                for frame in islice(boxed.tolist(), max(0, until - written)):
                    keypoints = nearest_pixel(exact[frame])
                    maps = scipy_maps(keypoints, keypoints[:, 0] >= 0)
                    save(maps, folder / f"{written:07d}")
                    written += 1
    return written
