"""Many small label files: each a walk of its own, under as many names as are wanted."""

import io
import os
from pathlib import Path

import numpy as np
import scipy.io
from tqdm import tqdm

_DIFFERENT = 5_000  # files; more names are links to them


def write(folder: Path, n_clips: int, n_frames: int) -> None:
    """Write Penn-like labels ``000001.mat`` to ``<n_clips>.mat``."""
    folder.mkdir(parents=True)
    first: list[Path] = []
    for index in tqdm(range(n_clips), unit="clip"):
        file = folder / f"{index + 1:06d}.mat"
        if index < _DIFFERENT:
            file.write_bytes(_labels(n_frames, index))
            first.append(file)
        else:
            os.link(first[index % _DIFFERENT], file)


def _labels(n_frames: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    walk = rng.uniform(100, 300, (1, 13, 2)) + rng.normal(0, 1.5, (n_frames, 13, 2)).cumsum(0)
    buffer = io.BytesIO()
    arrays = {
        "action": "situp",
        "x": walk[..., 0],
        "y": walk[..., 1],
        "visibility": np.ones((n_frames, 13), np.uint8),
        "train": np.array([[1]]),
        "bbox": np.zeros((n_frames, 4), np.uint16),
        "dimensions": np.array([[360, 480, n_frames]], np.uint16),
        "nframes": np.array([[n_frames]], np.uint16),
    }
    scipy.io.savemat(buffer, arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
