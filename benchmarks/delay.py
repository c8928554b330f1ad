"""Accuracy against delay and window length, of the classical smoothers and of trained runs.

    python -m benchmarks.delay STORE RUN... --out benchmarks/results/delay.csv --picture FILE.png

Which frame of the window is estimated decides the delay: the last one needs no later frame. Judged
on the store's test split with the test noise of the runs' experiments, each frame made noisy once;
smoothers are fitted on training frames and tuned, for each length and delay, on validation frames
(PCK@0.2, then PCK@0.1, then the error: ``trainer.evaluation.tune_filters``). All rows of an
experiment are
of the same frames: those with 12 more on both sides without a gap. A run of another store is
refused: clips that it was trained on may be among this one's test clips.
"""

import argparse
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from pose_smoother.errors import RunError
from pose_smoother.filters import gaussian, lmmse, mean, median, one_euro, savgol, table_filter
from pose_smoother.seeds import SPLIT_NOISE
from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
from trainer.inference.load_run import LoadedRun, load_run
from trainer.metrics.scorer import score
from trainer.metrics.scores import Scores, value
from trainer.noise.gaussian import NoiseConfig, noisy_input
from trainer.noise.select import noise_config
from trainer.runs.data_summary import store_hash
from trainer.runs.layout import CONFIG

COLUMNS: tuple[str, ...] = ("experiment", "smoother", "window_frames", "delay_frames", "params")
COLUMNS += ("metric", "value", "n")
METRICS = (("pck", 0.05), ("pck", 0.1), ("pck", 0.2), ("error_px", None))
MARGIN_FRAMES = 12
LENGTHS = (3, 5, 7, 9, 13, 17, 25)
MOST_FRAMES = {"savgol": 13, "lmmse": 9, "one-euro": 13}  # longer ones take hours, or are causal
MOST_TARGETS = {"train": 10_000, "val": 3_000, "test": 6_000}
MERGED = (
    " averaged"  # a run whose estimates of a frame, from all windows that hold it, are averaged
)

Floats = NDArray[np.float32]
#: (windows, truth of the target, clip of each) made for a span of frames around the targets.
Smooth = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Frames:
    """A split, each frame made noisy once.

    Attributes
    ----------
    noisy, truth : float32 (n, K, 2), heatmap pixels, NaN where not annotated.
    clip : int64 (n,).
    target : int64 (m,), rows with ``MARGIN_FRAMES`` on both sides in their run.
    """

    noisy: Floats
    truth: Floats
    clip: NDArray[np.int64]
    target: NDArray[np.int64]

    def around(self, before: int, after: int) -> Floats:
        """Windows of the targets, float32 (m, before + 1 + after, K, 2)."""
        return self.noisy[self.target[:, None] + np.arange(-before, after + 1)]

    def score(self, estimate: Floats) -> Scores:
        """Score estimates (m, K, 2) of the targets."""
        truth, clip = self.truth[self.target], self.clip[self.target]
        return score(estimate[:, None], truth[:, None], clip, int(self.clip.max()) + 1)


def read_frames(store: Store, split: str, experiment: str, seed: int = 0) -> Frames:
    """A split with the noise of an experiment."""
    names = ("keypoints", "annotated", "clip", "frame")
    keypoints, annotated, clip, frame = (store.read(split, name) for name in names)
    noise = noise_config(experiment, "fresh", 0.0, store)
    assert isinstance(noise, NoiseConfig)
    cuts = np.flatnonzero((np.diff(clip) != 0) | (np.diff(frame) != 1)) + 1
    edges = [0, *cuts.tolist(), len(clip)]
    # A frame is a window of its own: each frame's noise is its own too.
    noisy, _ = noisy_input(
        torch.from_numpy(keypoints.astype(np.int64))[:, None],
        torch.from_numpy(annotated.astype(bool))[:, None],
        torch.arange(len(clip)),
        noise,
        seed,
        SPLIT_NOISE[split],
        0,
    )
    inside = [np.arange(a + MARGIN_FRAMES, b - MARGIN_FRAMES) for a, b in pairwise(edges)]
    target = np.concatenate(inside)
    most = MOST_TARGETS[split]
    if len(target) > most:
        target = target[np.linspace(0, len(target) - 1, most).round().astype(np.int64)]
    absent = ~annotated[..., None]
    return Frames(
        np.where(absent, np.nan, noisy[:, 0].numpy()).astype(np.float32),
        np.where(absent, np.nan, keypoints).astype(np.float32),
        clip.astype(np.int64),
        target,
    )


def candidates(
    name: str, n_frames: int, train: Callable[[], tuple[Floats, Floats]]
) -> Iterator[tuple[Mapping[str, float], Smooth]]:
    """A smoother for windows of ``n_frames``, with each of its parameters."""
    grid: list[dict[str, Any]] = [dict(params) for params in table_filter(name).GRID]
    if name == "mean":
        yield {}, mean.smooth_windows
    elif name == "median":
        yield {}, partial(median.smooth_windows, width_frames=2 * n_frames - 1)  # the whole window
    elif name == "gaussian":
        for params in grid:
            yield params, partial(gaussian.smooth_windows, **params)
    elif name == "savgol":
        for order in range(1, min(4, n_frames)):
            smooth = partial(savgol.smooth_windows, width_frames=n_frames, polyorder=order)
            yield {"polyorder": order}, smooth
    elif name == "one-euro":
        for params in grid:
            yield params, partial(one_euro.smooth_windows, **params)
    elif name == "lmmse":
        moments = lmmse.fit(*train())
        for params in grid:
            yield params, moments.estimator(**params)


def measure(store: Store, experiment: str, runs: list[LoadedRun]) -> list[dict[str, Any]]:
    """All rows of one experiment."""
    splits = {name: read_frames(store, name, experiment) for name in ("train", "val", "test")}
    test = splits["test"]
    row = partial(rows_of, experiment)
    found = row("identity", 1, 0, {}, test.score(test.noisy[test.target]))
    places = [(5, delay) for delay in range(5)]
    places += [(n, d) for n in LENGTHS for d in (0, n // 2) if n <= MARGIN_FRAMES + 1 or d]
    places = list(dict.fromkeys(places))
    for name in ("mean", "gaussian", "savgol", "median", "one-euro", "lmmse"):
        fits = [place for place in places if place[0] <= MOST_FRAMES.get(name, max(LENGTHS))]
        if name == "one-euro":
            fits = [place for place in fits if place[1] == 0]
        for n_frames, delay in tqdm(fits, desc=f"{experiment} {name}", disable=None):
            params, smooth = tuned(name, n_frames, delay, splits)
            estimate = at_target(smooth, test, n_frames, delay)
            found += row(name, n_frames, delay, params, test.score(estimate))
    for run in runs:
        found += [one for part in run_rows(row, run, test) for one in part]
    return found


def tuned(
    name: str, n_frames: int, delay: int, splits: Mapping[str, Frames]
) -> tuple[Mapping[str, float], Smooth]:
    """The smoother that is best on validation frames at this delay."""
    val = splits["val"]

    @cache
    def training() -> tuple[Floats, Floats]:
        part = splits["train"]
        rows = part.target[:, None] + np.arange(delay + 1 - n_frames, delay + 1)
        return part.noisy[rows], part.truth[rows]

    def merit(smooth: Smooth) -> tuple[float, float, float]:
        scores = val.score(at_target(smooth, val, n_frames, delay))
        return value(scores, "pck", 0.2), value(scores, "pck", 0.1), -value(scores, "error_px")

    tried = list(candidates(name, n_frames, training))
    return tried[0] if len(tried) == 1 else max(tried, key=lambda one: merit(one[1]))


def at_target(smooth: Smooth, frames: Frames, n_frames: int, delay: int) -> Floats:
    """Estimates (m, K, 2) of the targets, each in the place that leaves ``delay`` frames after."""
    windows = frames.around(n_frames - 1 - delay, delay)
    parts = [smooth(part)[:, n_frames - 1 - delay] for part in np.array_split(windows, 8)]
    return np.concatenate(parts)


def run_rows(
    row: Callable[..., list[dict[str, Any]]], run: LoadedRun, test: Frames
) -> Iterator[list[dict[str, Any]]]:
    """A run at every delay, alone and with the estimates at hand by then averaged."""

    def smooth(windows: Floats) -> Floats:
        return run.estimate(np.ascontiguousarray(windows))[0]

    estimates: list[Floats] = []
    for delay in range(run.n_frames):
        estimates.append(at_target(smooth, test, run.n_frames, delay))
        merged = np.asarray(np.mean(estimates, axis=0, dtype=np.float64), dtype=np.float32)
        yield row(run.name, run.n_frames, delay, {}, test.score(estimates[-1]))
        yield row(run.name + MERGED, run.n_frames, delay, {}, test.score(merged))


def rows_of(
    experiment: str, name: str, n_frames: int, delay: int, params: Mapping[str, float], of: Scores
) -> list[dict[str, Any]]:
    """Tidy rows of one smoother in one place."""
    told = " ".join(f"{key}={number:g}" for key, number in params.items())
    head = (experiment, name, n_frames, delay, told)
    rows = []
    for metric, alpha in METRICS:
        title = metric if alpha is None else f"{metric}@{alpha:g}"
        n = int((of.annotated if alpha is None else of.scored[:, 0]).sum())
        number = f"{value(of, metric, alpha):.4f}"
        rows.append(dict(zip(COLUMNS, (*head, title, number, n), strict=True)))
    return rows


def refuse_other_store(run: Path, store: Store) -> None:
    """Raise RunError unless a run was trained on this store."""
    identity = json.loads((run / CONFIG).read_bytes())["identity"]
    if identity["store_sha256"] != store_hash(store):
        raise RunError(
            f"{run} was trained on another store than {store.path}, so its training clips may be "
            "among the test clips here: choose the store it was trained on"
        )


def main() -> None:
    """Measure, write the CSV and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    runs = [load_run(folder) for folder in chosen.runs]
    found: list[dict[str, Any]] = []
    with open_store(chosen.store) as store:
        for folder in chosen.runs:
            refuse_other_store(folder, store)
        for experiment in dict.fromkeys(run.config.experiment for run in runs):
            mine = [run for run in runs if run.config.experiment == experiment]
            found += measure(store, experiment, mine)
    with chosen.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    if chosen.picture:
        from benchmarks.delay_picture import draw

        draw(chosen.out, chosen.picture)


if __name__ == "__main__":
    main()
