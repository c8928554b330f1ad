"""Test windows as a model reads them: noisy above, smoothed below, the ground truth behind both."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import LIMBS
from pose_smoother.store.store import Store
from trainer.data.stream import Batch
from trainer.evaluation.evaluate import noisy_positions, true_positions
from trainer.models.codec import model_input, positions_px
from trainer.plots.drawing import COLOURS, bare, draw_pose
from trainer.plots.track_data import mean_error
from trainer.report.style import style
from trainer.training.config import TrainConfig, open_stream
from trainer.training.model_setup import best_model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Windows = NDArray[np.float64]


def windows_figure(folder: Path, config: TrainConfig, store: Store, n_windows: int) -> "Figure":
    """The first test windows in which the most keypoints are annotated.

    Parameters
    ----------
    folder : the run, for its best weights; it need not be finished.
    config : the run's configuration; its noise is the test noise of that experiment.

    Raises
    ------
    InvalidInputError : the test split has no window.
    RunError : the run has no best epoch yet, or its weights are damaged.
    """
    model, _ = best_model(folder, config)
    stream = open_stream(config, store, "test")
    batch = next(iter(stream.epoch(0)), None)
    if batch is None:
        raise InvalidInputError(
            f"{store.path} has no test window for experiment {config.experiment}"
        )
    smoothed = _predict(model, batch, stream.consumes)
    count = batch.annotated.flatten(1).sum(dim=1)
    chosen = torch.argsort(count, descending=True, stable=True)[:n_windows].tolist()
    return _drawn(
        truth=true_positions(batch)[chosen].astype(np.float64),
        noisy=noisy_positions(batch)[chosen].astype(np.float64),
        smoothed=smoothed[chosen].astype(np.float64),
        title=f"{config.row_name}, experiment {config.experiment}: test windows",
    )


def _predict(model: torch.nn.Module, batch: Batch, consumes: str) -> NDArray[np.float32]:
    with torch.inference_mode():
        output = model(model_input(batch, consumes))
    return positions_px(output, consumes).cpu().numpy()


def _drawn(truth: Windows, noisy: Windows, smoothed: Windows, title: str) -> "Figure":
    """Two rows a window; all float64 (N, T, K, 2) in heatmap pixels, NaN where missing."""
    with style():
        from matplotlib.figure import Figure

        n_windows, n_frames = truth.shape[:2]
        size = (1.75 * n_frames + 0.5, 2 * 1.75 * n_windows + 0.5)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(2 * n_windows, n_frames, squeeze=False)
        # A network gives a position for every keypoint; only those there are drawn.
        smoothed = np.where(np.isfinite(truth), smoothed, np.nan)
        for row in range(2 * n_windows):
            window, name = row // 2, ("noisy", "smoothed")[row % 2]
            poses = (noisy if name == "noisy" else smoothed)[window]
            for t in range(n_frames):
                axis = axes[row, t]
                bare(axis)
                draw_pose(axis, truth[window, t], LIMBS, COLOURS["truth"], 3.2)
                draw_pose(axis, poses[t], LIMBS, COLOURS[name], 1.3)
                axis.set(xlim=(-1, SIZE), ylim=(SIZE, -1))
            off = mean_error(poses, truth[window])
            axes[row, 0].set_ylabel(f"{name}\n{off:.1f} px off", color=COLOURS[name])
        figure.suptitle(title, fontsize=10)
        return figure
