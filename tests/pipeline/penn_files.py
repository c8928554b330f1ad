"""Small Penn-like label files for tests, written by scipy and not by the program's own sample."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io


def label_arrays(n_frames: int, seed: int, action: str = "situp") -> dict[str, Any]:
    """The variables of one clean label file: slow random walks, everything visible."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(100, 300, (1, 13, 2))
    walk = start + np.cumsum(rng.normal(0, 1.5, (n_frames, 13, 2)), axis=0)
    return {
        "action": action,
        "x": walk[..., 0],
        "y": walk[..., 1],
        "visibility": np.ones((n_frames, 13), np.uint8),
        "train": np.array([[1]]),
        "bbox": np.zeros((n_frames, 4), np.uint16),
        "dimensions": np.array([[360, 480, n_frames]], np.uint16),
        "nframes": np.array([[n_frames]], np.uint16),
    }


def mat_bytes(arrays: dict[str, Any]) -> bytes:
    """A .mat file's bytes."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, arrays)
    return buffer.getvalue()


def write_labels(folder: Path, lengths: list[int], actions: list[str] | None = None) -> Path:
    """A labels folder with one clip of each length."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, length in enumerate(lengths):
        action = actions[index % len(actions)] if actions else "situp"
        file = folder / f"{index + 1:04d}.mat"
        file.write_bytes(mat_bytes(label_arrays(length, index, action)))
    return folder
