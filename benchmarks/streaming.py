"""Streaming shuffled windows: ours beside per-frame files, three other loaders, and a tensor.

    python -m benchmarks.streaming --store STORE --scratch DIR --out benchmarks/results

Every side gives batches of 16 windows, target and noisy input, on the CPU; all render the noisy
input with our renderer, but the plain way (a file a frame, scipy a map). Other loaders hold dense
windows with their positions, or positions alone, and then render the target too. Sides take turns;
the page cache is warm for all. One round of ours is a whole epoch of STORE, the others' are of
some of its windows: dense windows take 1.6 MB each. Takes 5 minutes and 5.5 GB of disk.
"""

import argparse
import csv
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from benchmarks.peer_loaders import Reader, Sample, loaders
from pose_smoother.bench.goals import Goal, machine_words, table, versions_words, write_goals
from pose_smoother.bench.timing import Timings, interleaved
from pose_smoother.heatmap import SIGMA_OUT_PX
from pose_smoother.seeds import TRAIN_NOISE
from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
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
from trainer.data.heatmap_buffer import HeatmapBuffer
from trainer.data.render import render, response_tables
from trainer.noise.gaussian import noisy_input

PEER_GOAL = 1.5
N_NAIVE = 64
PACKAGES = ("torch", "numpy", "zarr", "h5py", "litdata", "mosaicml-streaming", "webdataset")
DENSE = "dense windows"
WINDOW_MB = 1.568  # 5 frames of 25 maps


class Maker:
    """What a loader's batch lacks: the noisy input, and the target where only positions are held.

    As in ``WindowStream``, drawn into kept memory.
    """

    def __init__(self, annotated: Tensor) -> None:
        drawn, shape = annotated.flatten(0, 1).any(dim=0), (BATCH, annotated.shape[1])
        self._input = HeatmapBuffer(shape, NOISE.sigma_in_px, drawn)
        self._target = HeatmapBuffer(shape, (SIGMA_OUT_PX,), drawn)

    def __call__(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Target and input of a batch."""
        keypoints, annotated = batch["keypoints"].long(), batch["annotated"].bool()
        window = batch["window"].reshape(-1)
        noisy, sigma = noisy_input(keypoints, annotated, window, NOISE, 0, TRAIN_NOISE, 0)
        made = self._input.draw(noisy, annotated, sigma)
        if "target" in batch:
            return batch["target"], made
        return self._target.draw(keypoints, annotated, None), made


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


@dataclass(frozen=True)
class Side:
    """A way of streaming: what a round runs and makes, and what it reads from."""

    name: str
    run: Callable[[], object]
    n_windows: int
    holds: str
    workers: int
    mb: float


def our_sides(store: Store) -> list[Side]:
    """Whole epochs of our stream, of stored and of rendered targets."""
    epochs = {name: Epochs(stream_of(store, name)) for name in ("stored", "rendered")}
    holds, mb = "heatmaps and positions", _mb(store.path)
    return [
        Side(f"ours, {name} targets", run, run.n_windows, holds, 0, mb)
        for name, run in epochs.items()
    ]


def bounds(store: Store, folder: Path, n_resident: int) -> list[Side]:
    """The plain way, and a tensor that is there already."""
    folder.mkdir()
    plain, n_plain = naive_reader(store, folder, N_NAIVE)
    resident, n = resident_reader(store, n_resident)
    return [
        Side("plain", plain, n_plain, "a torch.save a frame", 0, _mb(folder)),
        Side("resident", resident, n, "a dense tensor in memory, targets only", 0, n * WINDOW_MB),
    ]


def peers(store: Store, folder: Path, n_windows: int) -> Iterator[Side]:
    """Other loaders that are installed, holding some of the windows, dense or as positions."""
    make = Maker(some_windows(store, n_windows).annotated)
    for name, (write, read) in loaders().items():
        for dense in (True, False):
            held = list(samples(store, n_windows, dense))
            place = folder / f"{name}-{dense}".replace(" ", "-")
            write(place, held)
            what = DENSE if dense else "positions"
            for n_workers in (0, 2) if dense else (0,):
                run = partial(epoch_of, read, place, n_workers, make, len(held))
                side = f"{name}, {what}, {n_workers} workers"
                yield Side(side, run, len(held), what, n_workers, _mb(place))


def measure(store: Store, folder: Path, args: argparse.Namespace) -> None:
    """Time all sides, print them, and write both files."""
    sides = [
        *our_sides(store),
        *bounds(store, folder / "plain", min(args.windows, 500)),
        *peers(store, folder, args.windows),
    ]
    timings = interleaved(
        {side.name: side.run for side in sides}, args.rounds, budget_s=60 * args.minutes
    )
    rows = [row_of(side, timings, sides[0]) for side in sides]
    for row in rows:
        print(row)
    goals = goals_of(sides, timings, store.format)
    print(table(goals))
    if args.out:
        write_goals(args.out / "goals_streaming.csv", goals, *PACKAGES)
        words = {"machine": machine_words(), "versions": versions_words(*PACKAGES)}
        with (args.out / "streaming.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, (*rows[0], *words), lineterminator="\n")
            writer.writeheader()
            writer.writerows({**row, **words} for row in rows)


def row_of(side: Side, timings: Timings, first: Side) -> dict[str, object]:
    """A line of the table: the median of the rounds, and the slowest and fastest of them."""
    seconds = timings.seconds[side.name]
    times = timings.ratio(first.name, side.name) * side.n_windows / first.n_windows
    return {
        "side": side.name,
        "holds": side.holds,
        "workers": side.workers,
        "windows": side.n_windows,
        "windows_per_s": round(side.n_windows / timings.median(side.name), 1),
        "lowest": round(side.n_windows / max(seconds), 1),
        "highest": round(side.n_windows / min(seconds), 1),
        "of_ours": round(times, 4),
        "rounds": timings.repeats,
        "mb": round(side.mb, 1),
    }


def goals_of(sides: Sequence[Side], timings: Timings, store_format: str) -> list[Goal]:
    """Ours against the plain way, the best of the other loaders, and the resident tensor."""
    stored, rendered, plain, resident, *others = sides

    def goal(what: str, against: str, wanted: float, one: Side, other: Side) -> Goal:
        ratio = timings.ratio(other.name, one.name) * one.n_windows / other.n_windows
        seconds = [timings.median(side.name) / side.n_windows for side in (one, other)]
        note = (
            f"batch {BATCH}, {store_format}, {one.n_windows} windows, page cache warm; s a window"
        )
        return Goal(what, against, wanted, True, ratio, "x", *seconds, timings.repeats, note)

    what = "stream stored targets, noisy input"
    goals = [goal(what, "a torch.load a frame, scipy a map", NAIVE_GOAL, stored, plain)]
    if dense := [side for side in others if side.holds == DENSE]:
        best = max(dense, key=lambda side: side.n_windows / timings.median(side.name))
        goals.append(goal(what, f"best of other loaders: {best.name}", PEER_GOAL, stored, best))
    what = "stream rendered targets, noisy input"
    against = "targets of a resident dense tensor"
    return [*goals, goal(what, against, RESIDENT_GOAL, rendered, resident)]


def _mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


if __name__ == "__main__":
    main()
