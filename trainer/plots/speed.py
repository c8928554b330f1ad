"""Error by speed of motion: a smoother that lags is accurate on slow motion and not on fast.

Measured on a run's test windows with its test noise, so its means are those of the results tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters.mean import smooth_windows as mean
from pose_smoother.progress_bars import bars_hidden
from pose_smoother.seeds import BOOTSTRAP, rng
from pose_smoother.store.store import Store
from trainer.data.stream import Batch, WindowStream
from trainer.evaluation.evaluate import noisy_positions, true_positions
from trainer.inference.load_run import LoadedRun
from trainer.models.codec import model_input, positions_px
from trainer.plots.drawing import COLOURS
from trainer.report.style import INK, style
from trainer.training.config import open_stream

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

#: Lower edges of the bins, in heatmap pixels a window frame; the last one is open.
EDGES_PX = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
_LEAST_KEYPOINTS = 50  # last frames' in a bin that is drawn
_N_RESAMPLES = 500
_LAST = slice(-1, None)
_MEAN_COLOUR = "#7a7f87"
_NOISY, _MEAN = "as detected", "5-frame mean"


@dataclass(frozen=True)
class Curve:
    """One estimate over the bins: value and 95 % interval over clips, float64 (3, S) both.

    Attributes
    ----------
    error_px : mean distance to the truth.
    behind_px : how far the estimate of a window's last frame, which is all that live use has, is
        behind along the motion; negative is ahead.
    """

    error_px: Floats
    behind_px: Floats


@dataclass(frozen=True)
class SpeedCurves:
    """Errors by the speed of the true motion, over S bins.

    Attributes
    ----------
    speed_px : float64 (S,), mean speed of each bin, heatmap pixels a window frame.
    n : int64 (S,), keypoints in each.
    curves : by what was evaluated.
    """

    speed_px: Floats
    n: NDArray[np.int64]
    curves: dict[str, Curve]


def error_by_speed(
    run: LoadedRun, store: Store, max_windows: int | None = None, *, progress: bool = False
) -> SpeedCurves:
    """Evaluate a run, the mean and the noisy input itself.

    Parameters
    ----------
    max_windows : the first so many test windows, which are in a shuffled order; None: all.

    Raises
    ------
    InvalidInputError : the store has no test window, or too few.
    """
    stream = open_stream(run.config, store, "test")
    exact = store.read("test", "keypoints_exact").astype(np.float64)
    n_batches = stream.n_batches
    if max_windows is not None:
        n_batches = min(n_batches, -(-max_windows // stream.batch_size))
    sums: dict[str, Floats] = {}
    with torch.inference_mode():
        batches = zip(range(n_batches), stream.epoch(0), strict=False)
        hidden = not progress or bars_hidden()
        for _, batch in tqdm(batches, run.name, n_batches, unit="batch", disable=hidden):
            velocity = _velocity(exact, stream, batch)
            noisy = noisy_positions(batch)
            output = run.model(model_input(batch, stream.consumes))
            found = {
                _NOISY: noisy,
                _MEAN: mean(noisy),
                run.name: positions_px(output, stream.consumes).cpu().numpy(),
            }
            for name, part in _sums(found, true_positions(batch), velocity).items():
                at = batch.clip.cpu().numpy()
                np.add.at(sums.setdefault(name, _zeros(stream)), at, part)
    return _curves(sums)


def _zeros(stream: WindowStream) -> Floats:
    return np.zeros((stream.clip_count, len(EDGES_PX)))


def _velocity(exact: Floats, stream: WindowStream, batch: Batch) -> Floats:
    """The true motion, float64 (B, T, K, 2) in px a window frame; NaN where it isn't known."""
    frames = stream.frames.of_window(batch.window).cpu().numpy()
    return np.asarray(np.gradient(exact[frames], axis=1))


def _sums(
    found: Mapping[str, NDArray[np.float32]], truth: NDArray[np.float32], velocity: Floats
) -> dict[str, Floats]:
    """Counts and sums of each window by bin, float64 (B, S), by what is summed."""
    speed = np.linalg.norm(velocity, axis=-1)
    known = np.isfinite(speed) & np.isfinite(truth).all(axis=-1)
    # What a detector missed is evaluated for none, so that all curves are of the same keypoints.
    known &= np.isfinite(found[_NOISY]).all(axis=-1)
    bins = np.digitize(np.where(known, speed, 0.0), EDGES_PX) - 1
    membership = known[..., None] & (bins[..., None] == np.arange(len(EDGES_PX)))
    direction = velocity / np.maximum(speed, 1e-9)[..., None]

    def by_bin(values: NDArray[np.floating], frames: slice = slice(None)) -> Floats:
        there = np.where(known, values, 0.0)[:, frames]
        return np.einsum("btk,btks->bs", there, membership[:, frames])

    ones = np.ones_like(speed)
    sums = {"n": by_bin(ones), "n last": by_bin(ones, _LAST), "speed": by_bin(speed)}
    for name, positions in found.items():
        offset = positions.astype(np.float64) - truth
        sums[f"error {name}"] = by_bin(np.linalg.norm(offset, axis=-1))
        sums[f"behind {name}"] = by_bin(-(offset * direction).sum(axis=-1), _LAST)
    return sums


def _curves(sums: Mapping[str, Floats]) -> SpeedCurves:
    n = sums["n"].sum(axis=0)
    enough = sums["n last"].sum(axis=0) >= _LEAST_KEYPOINTS
    if not enough.any():
        raise InvalidInputError(
            f"too few test windows: expected {_LEAST_KEYPOINTS} keypoints of one speed"
        )
    n_clips = len(sums["n"])
    drawn = rng(0, BOOTSTRAP).multinomial(n_clips, np.full(n_clips, 1 / n_clips), _N_RESAMPLES)

    def rows(total: Floats, count: Floats) -> Floats:
        """Value, low, high: clips are resampled, for a clip's windows share frames."""
        total, count = total[:, enough], count[:, enough]
        estimates = drawn @ total / np.maximum(drawn @ count, 1.0)
        low, high = np.percentile(estimates, (2.5, 97.5), axis=0)
        return np.stack([total.sum(axis=0) / count.sum(axis=0), low, high])

    names = [name.removeprefix("error ") for name in sums if name.startswith("error ")]
    curves = {
        name: Curve(
            rows(sums[f"error {name}"], sums["n"]), rows(sums[f"behind {name}"], sums["n last"])
        )
        for name in names
    }
    return SpeedCurves(rows(sums["speed"], sums["n"])[0], n[enough].astype(np.int64), curves)


def speed_figure(found: SpeedCurves, title: str) -> "Figure":
    """Mean error, and how far estimates are behind, by speed; below, how often each speed is."""
    with style():
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter

        figure = Figure(figsize=(10, 4.8), layout="constrained")
        (error, behind), below = figure.subplots(2, 2, sharex=True, height_ratios=(4, 1))
        colours = [COLOURS["noisy"], _MEAN_COLOUR, COLOURS["smoothed"]]
        for (name, curve), colour in zip(found.curves.items(), colours, strict=True):
            _draw(error, found.speed_px, curve.error_px, name, colour)
            _draw(behind, found.speed_px, curve.behind_px, name, colour)
        error.set(title="Mean error, all frames of the window (px)", ylim=(0, None))
        behind.set_title("Behind the motion, last frame of the window (px)")
        behind.axhline(0, color=INK, lw=0.6)
        for axis in below:
            share = 100 * found.n / found.n.sum()
            axis.bar(found.speed_px, share, width=0.25 * found.speed_px, color=COLOURS["truth"])
            axis.set(xlabel="true speed (heatmap px a frame)", ylabel="keypoints (%)")
            axis.set_xscale("log")
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        handles, labels = error.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
        figure.suptitle(title, x=0.02, ha="left", fontsize=10)
        return figure


def _draw(axis: "Axes", speed_px: Floats, rows: Floats, name: str, colour: str) -> None:
    value, low, high = rows
    axis.plot(speed_px, value, ".-", color=colour, lw=1.6, label=name)
    axis.fill_between(speed_px, low, high, color=colour, alpha=0.15, lw=0)
