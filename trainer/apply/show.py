"""A picture of test windows: noisy above, smoothed below, the ground truth faint behind both."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.contract.errors import BadInput
from pipeline.contract.heatmap import SIZE
from pipeline.contract.skeleton import LIMBS
from pipeline.contract.store import Store
from trainer import checkpoint
from trainer.codec import model_input, positions_px
from trainer.input.stream import Batch
from trainer.run.config import TrainConfig, open_stream
from trainer.run.training import new_model

_COLOURS = {"truth": "#b9bec6", "noisy": "#d1495b", "smoothed": "#2a6f97"}


def draw_test_windows(
    folder: Path, config: TrainConfig, store: Store, n_windows: int, out: Path
) -> None:
    """Draw the first test windows in which the most keypoints are annotated.

    Parameters
    ----------
    folder : the run, for its best weights.
    config : the run's configuration; its noise is the test noise of that experiment.
    out : the PNG or SVG to write.

    Raises
    ------
    BadInput : the test split has no window.
    RunError : the run has no best epoch yet, or its weights are damaged.
    """
    best = checkpoint.read_checkpoint(folder / checkpoint.BEST, config.torch_device)
    model = new_model(config)
    model.load_state_dict(best["model"])
    stream = open_stream(config, store, "test")
    batch = next(iter(stream.epoch(0)), None)
    if batch is None:
        raise BadInput(f"{store.path} has no test window for experiment {config.experiment}")
    smoothed = _predict(model, batch, stream.consumes)
    count = batch.annotated.flatten(1).sum(dim=1)
    chosen = torch.argsort(count, descending=True, stable=True)[:n_windows].tolist()
    title = f"{config.model}, experiment {config.experiment}"
    _draw(batch, smoothed, chosen, title, out)


def _predict(model: torch.nn.Module, batch: Batch, consumes: str) -> NDArray[np.float32]:
    model.eval()
    with torch.inference_mode():
        output = model(model_input(batch, consumes))
    return positions_px(output, consumes).cpu().numpy()


def _draw(
    batch: Batch, smoothed: NDArray[np.float32], chosen: list[int], title: str, out: Path
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    n_frames = batch.annotated.shape[1]
    size = (1.9 * n_frames, 2.05 * 2 * len(chosen))
    figure, axes = plt.subplots(2 * len(chosen), n_frames, figsize=size, squeeze=False)
    for row, window in enumerate(chosen):
        truth = batch.keypoints[window].cpu().numpy()
        there = batch.annotated[window].cpu().numpy()
        detected = batch.detected[window].cpu().numpy()
        poses = {
            "noisy": (batch.noisy[window].cpu().numpy(), detected),
            "smoothed": (smoothed[window], there),
        }
        for offset, (name, (pose, drawn)) in enumerate(poses.items()):
            error = np.linalg.norm(pose - truth, axis=-1)[drawn].mean()
            label = f"{name}\n(off by {error:.1f} px on average)"
            for t in range(n_frames):
                axis = axes[2 * row + offset, t]
                _pose(axis, truth[t], there[t], "truth", width=3.5)
                _pose(axis, pose[t], drawn[t], name, width=1.4)
                axis.set(xticks=[], yticks=[], xlim=(-1, SIZE), ylim=(SIZE, -1), aspect="equal")
                for side in axis.spines.values():
                    side.set_color("#dddddd")
            axes[2 * row + offset, 0].set_ylabel(label, color=_COLOURS[name], fontsize=9)
    figure.suptitle(f"{title}: noisy and smoothed test windows (grey: ground truth)", fontsize=11)
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def _pose(axis: Any, pose: NDArray[Any], there: NDArray[np.bool_], name: str, width: float) -> None:
    colour = _COLOURS[name]
    for a, b in LIMBS:
        if there[a] and there[b]:
            ends = pose[[a, b]]
            axis.plot(ends[:, 0], ends[:, 1], color=colour, linewidth=width, zorder=width)
    points = pose[there]
    axis.plot(points[:, 0], points[:, 1], "o", color=colour, markersize=width + 1.2)
