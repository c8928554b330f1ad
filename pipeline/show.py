"""A picture of windows: ground truth above, the noisy input below, with skeleton lines."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother import heatmap, seeds
from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import LIMBS
from pose_smoother.store.names import WINDOW_FRAMES
from pose_smoother.store.store import Store

SIGMA_IN_PX = (1.0, 1.5, 2.0, 2.5, 3.0)


def draw_windows(
    store: Store, split: str, n_windows: int, step: int, k: float, seed: int, out: Path
) -> None:
    """Write a PNG of random windows of a split.

    Parameters
    ----------
    step : frame step of the windows, 1 or 2.
    k : shifting-scalar of the noise; keypoints move by N(0, (3k)^2) px along each axis.
    seed : of the choice of windows and of their noise.

    Raises
    ------
    InvalidInputError : the split has no window.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    starts = store.windows(split, step)
    if len(starts) == 0:
        raise InvalidInputError(f"{store.path} has no {split} window at frame step {step}")
    generator = seeds.rng(seed, seeds.VAL_NOISE)
    chosen = generator.choice(starts, min(n_windows, len(starts)), replace=False)
    rows = 2 * len(chosen)
    figure, axes = plt.subplots(
        rows, WINDOW_FRAMES, figsize=(2.1 * WINDOW_FRAMES, 2.2 * rows), squeeze=False
    )
    for index, start in enumerate(chosen):
        frames = start + step * np.arange(WINDOW_FRAMES)
        truth, annotated = _window(store, split, frames)
        noisy = _shifted(truth, k, generator)
        sigma = generator.choice(SIGMA_IN_PX, annotated.shape)
        clip = int(store.read(split, "clip", start, start + 1)[0])
        numbers = [int(store.read(split, "frame", f, f + 1)[0]) for f in frames]
        name = f"{store.clips['dataset'][clip]} {store.clips['id'][clip]}"
        action = f" ({store.clips['action'][clip]})" if store.clips["action"][clip] else ""
        for column in range(WINDOW_FRAMES):
            top, bottom = axes[2 * index, column], axes[2 * index + 1, column]
            here = annotated[column]
            _panel(top, truth[column], here, np.ones(len(here)))
            _panel(bottom, noisy[column], here, sigma[column])
            top.set_title(f"frame {numbers[column]}", fontsize=9)
        axes[2 * index, 0].set_ylabel(f"{name}{action}\nground truth", fontsize=8)
        axes[2 * index + 1, 0].set_ylabel(f"noisy input, k = {k:g}", fontsize=8)
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format=out.suffix.lstrip(".") or "png", dpi=110)
    plt.close(figure)
    write_atomic(out, buffer.getvalue())


def _window(
    store: Store, split: str, frames: NDArray[np.integer]
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    keypoints = [store.read(split, "keypoints", f, f + 1)[0] for f in frames]
    annotated = [store.read(split, "annotated", f, f + 1)[0] for f in frames]
    return np.stack(keypoints), np.stack(annotated)


def _shifted(
    keypoints: NDArray[np.int16], k: float, generator: np.random.Generator
) -> NDArray[np.int16]:
    shift = np.rint(generator.normal(0, 3 * k, keypoints.shape))
    return np.clip(keypoints + shift, 0, SIZE - 1).astype(np.int16)


def _panel(
    axis: Any, keypoints: NDArray[np.int16], annotated: NDArray[np.bool_], sigma: NDArray[Any]
) -> None:
    """One frame: the brightest of all heatmaps at every pixel, and lines between keypoints."""
    picture = np.zeros((SIZE, SIZE), np.float32)
    for value in np.unique(sigma):
        maps = heatmap.render(keypoints, annotated & (sigma == value), float(value))
        peaks = maps.max(axis=(1, 2), keepdims=True)
        picture = np.maximum(picture, (maps / np.where(peaks > 0, peaks, 1)).max(axis=0))
    axis.imshow(picture, cmap="magma", vmin=0, vmax=1)
    for a, b in LIMBS:
        if annotated[a] and annotated[b]:
            ends = keypoints[[a, b]]
            axis.plot(ends[:, 0], ends[:, 1], color="deepskyblue", linewidth=1.2)
    there = keypoints[annotated]
    axis.plot(there[:, 0], there[:, 1], "o", color="white", markersize=2)
    axis.set(xticks=[], yticks=[], xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5))
