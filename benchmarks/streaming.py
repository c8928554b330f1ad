"""Streaming shuffled windows: ours beside per-frame files, three other loaders, and a tensor.

    python -m benchmarks.streaming --store STORE --scratch DIR --out benchmarks/results

Every side gives batches of 16 windows, target and noisy input, on the CPU; all render the noisy
input with our renderer, but the plain way (a file a frame, scipy a map). Other loaders hold dense
windows with their positions, or positions alone, and then render the target too. Sides take turns;
the page cache is warm for all. One round of ours is a whole epoch of STORE, the others' are of
some of its windows: dense windows take 1.6 MB each. Takes 6 minutes and 3.5 GB of disk.
"""

import argparse
import csv
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.peer_loaders import Reader, Sample, loaders
from pipeline.contract.goals import Goal, machine_words, table, versions_words, write_goals
from pipeline.contract.heatmap import SIGMA_OUT_PX
from pipeline.contract.seeds import TRAIN_NOISE
from pipeline.contract.store import Store, open_store
from pipeline.contract.timing import interleaved
from trainer.bench.streaming import (
    BATCH,
    NAIVE_GOAL,
    NOISE,
    RESIDENT_GOAL,
    Epochs,
    naive_reader,
    resident_reader,
    some_windows,
    stream_of,
)
from trainer.input.noise import noisy_input
from trainer.input.render import column_runs, render, response_tables

PEER_GOAL = 1.5
N_NAIVE = 64
PACKAGES = ("torch", "numpy", "zarr", "h5py", "litdata", "mosaicml-streaming", "webdataset")
COLUMNS = ("side", "holds", "workers", "windows", "windows_per_s", "of_ours", "rounds", "mb")


class Maker:
    """What a loader's batch lacks: the noisy input, and the target where only positions are held.

    As in ``WindowStream``, into kept memory, and without the columns that no frame has.
    """

    def __init__(self, annotated: Tensor) -> None:
        self._columns = column_runs(annotated.flatten(0, 1).any(dim=0))
        self._in, self._out = response_tables(NOISE.sigma_in_px), response_tables((SIGMA_OUT_PX,))
        self._input, self._target = torch.zeros(2, BATCH, *annotated.shape[1:], 56, 56)

    def __call__(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Target and input of a batch."""
        keypoints, annotated = batch["keypoints"].long(), batch["annotated"].bool()
        window = batch["window"].reshape(-1)
        n = len(window)
        noisy, sigma = noisy_input(keypoints, annotated, window, NOISE, 0, TRAIN_NOISE, 0)
        made = render(noisy, annotated, sigma, self._in, self._input[:n], self._columns)
        if "target" in batch:
            return batch["target"], made
        out = self._target[:n]
        return render(keypoints, annotated, None, self._out, out, self._columns), made


def samples(store: Store, n: int, dense: bool) -> Iterator[Sample]:
    """Windows as other loaders hold them."""
    windows = some_windows(store, n)
    tables = response_tables((SIGMA_OUT_PX,))
    for i, first in enumerate(windows.first.tolist()):
        keypoints, annotated = windows.keypoints[i], windows.annotated[i]
        sample = {
            "window": np.array([first], np.int64),
            "keypoints": keypoints.numpy().astype(np.int16),
            "annotated": annotated.numpy().astype(np.uint8),
        }
        if dense:
            sample["target"] = render(keypoints, annotated, None, tables).numpy()
        yield sample


def epoch_of(read: Reader, folder: Path, n_workers: int, make: Maker, n: int) -> None:
    """One epoch of another loader; all its windows must come."""
    seen = 0
    for batch in read(folder, n_workers):
        target, _ = make(batch)
        seen += len(target)
    if seen != n:
        raise RuntimeError(f"expected {n} windows, got {seen}")


def main() -> None:
    """Write streaming.csv (all sides) and goals_streaming.csv."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, help="folder for what others hold [/tmp]")
    parser.add_argument("--windows", type=int, default=1000, help="that others hold [1000]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=5.0, help="no round begins later [5]")
    parser.add_argument("--out", type=Path, help="folder for both CSV files")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=args.scratch, prefix="streaming."))
    try:
        with open_store(args.store) as store:
            measure(store, folder, args)
    finally:
        shutil.rmtree(folder)


def measure(store: Store, folder: Path, args: argparse.Namespace) -> None:
    """Time all sides, print them, and write both files."""
    ours = {
        f"ours, {name} targets": Epochs(stream_of(store, name)) for name in ("stored", "rendered")
    }
    sides: dict[str, Callable[[], object]] = dict(ours)
    n_of = {name: epochs.n_windows for name, epochs in ours.items()}
    about = {name: ("heatmaps and positions", 0, _mb(store.path)) for name in ours}
    plain = folder / "plain"
    plain.mkdir()
    sides["plain"], n_of["plain"] = naive_reader(store, plain, N_NAIVE)
    about["plain"] = ("a torch.save a frame", 0, _mb(plain))
    sides["resident"], n_of["resident"] = resident_reader(store, min(args.windows, 500))
    about["resident"] = ("a dense tensor in memory, targets only", 0, n_of["resident"] * 1.568)
    make = Maker(some_windows(store, args.windows).annotated)
    for name, (write, read) in loaders().items():
        for dense in (True, False):
            held = list(samples(store, args.windows, dense))
            place = folder / f"{name}-{dense}".replace(" ", "-")
            write(place, held)
            what = "dense windows" if dense else "positions"
            for n_workers in (0, 2) if dense else (0,):
                side = f"{name}, {what}, {n_workers} workers"
                sides[side] = partial(epoch_of, read, place, n_workers, make, len(held))
                n_of[side] = len(held)
                about[side] = (what, n_workers, _mb(place))
    timings = interleaved(sides, args.rounds, budget_s=60 * args.minutes)
    rates = {side: n_of[side] / timings.median(side) for side in sides}
    rows = [
        {
            "side": side,
            "holds": about[side][0],
            "workers": about[side][1],
            "windows": n_of[side],
            "windows_per_s": round(rates[side], 1),
            "of_ours": round(rates[side] / rates["ours, stored targets"], 4),
            "rounds": timings.repeats,
            "mb": round(about[side][2], 1),
        }
        for side in sides
    ]
    for row in rows:
        print(row)

    def goal(what: str, against: str, wanted: float, one: str, other: str) -> Goal:
        ratio = timings.ratio(other, one) * n_of[one] / n_of[other]
        seconds = timings.median(one) / n_of[one], timings.median(other) / n_of[other]
        note = f"batch {BATCH}, {store.format}, {n_of[one]} windows, page cache warm; s a window"
        return Goal(what, against, wanted, True, ratio, "x", *seconds, timings.repeats, note)

    stored, rendered = ours
    what = "stream stored targets, noisy input"
    dense = [side for side in sides if "dense windows" in side]
    goals = [goal(what, "a torch.load a frame, scipy a map", NAIVE_GOAL, stored, "plain")]
    if dense:
        best = max(dense, key=lambda side: rates[side])
        goals.append(goal(what, f"best of other loaders: {best}", PEER_GOAL, stored, best))
    what = "stream rendered targets, noisy input"
    against = "targets of a resident dense tensor"
    goals.append(goal(what, against, RESIDENT_GOAL, rendered, "resident"))
    print(table(goals))
    if args.out:
        write_goals(args.out / "goals_streaming.csv", goals, *PACKAGES)
        words = {"machine": machine_words(), "versions": versions_words(*PACKAGES)}
        with (args.out / "streaming.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, (*COLUMNS, *words), lineterminator="\n")
            writer.writeheader()
            writer.writerows({**row, **words} for row in rows)


def _mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


if __name__ == "__main__":
    main()
