"""What protection costs: preprocess and training with and without it, in turns, in one run.

    python -m benchmarks.protection --penn-action data/raw/penn_action/labels

Rows: preprocess in both formats, train, smooth (a CSV and a JSON file, by the Gaussian, the
quickest filter) and predict (the same JSON by a trained run, which is loaded each time). `--only`
makes some of them; the others stay in the table.

"Off" is made here, not by an option of the product: flushes do nothing, hashes are a file's length,
whether numbers are finite is not looked at, sizes, budgets, JSON's depth and equal keys are not
checked, and outputs are not compared with inputs. Shards are made in this process, so that both
sides have them and starting workers hides nothing. Without --penn-action, sample clips are read.
About seven minutes on a quiet machine; on a busy one, read the processor's seconds: they hold no
waiting, neither for neighbours nor for a disk (what was waited for flushes stands under "inside").
"""

import argparse
import csv
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline import build
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.sources import SourceOptions
from pipeline.synthetic import write_sample
from pipeline.worker_pool import Workers
from pose_smoother.bench.goals import machine_words, versions_words
from pose_smoother.bench.timing import Timings, interleaved
from pose_smoother.files import atomic, plain
from pose_smoother.poses.formats import json_utils, tracks_io
from pose_smoother.poses.skeletons import skeleton
from pose_smoother.smoothing import files
from pose_smoother.smoothing.chain import make_chain
from pose_smoother.smoothing.methods import smooth_by
from pose_smoother.smoothing.runs import load_run
from pose_smoother.smoothing.tracks import Rules
from pose_smoother.store import hdf5_checks, hdf5_store, zarr_store
from pose_smoother.store.open import open_store
from trainer.models.nonfinite import FirstBad
from trainer.runs import checkpoint
from trainer.training.config import TrainConfig
from trainer.training.train import train

GOAL_PERCENT = 5.0
COLUMNS = (
    "what",
    "rounds",
    "on_s",
    "off_s",
    "cost_percent",
    "lowest_percent",
    "highest_percent",
    "on_cpu_s",
    "off_cpu_s",
    "cpu_cost_percent",
    "inside",
    "machine",
    "versions",
)
_SAMPLE_CLIPS = 400
_FRAMES = 9_000  # of `smooth`; `predict` reads a sixth


class _Here(Workers):
    """Workers that are this very process."""

    def submit(self, timeout_s: float, function: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Call the function at once."""
        del timeout_s
        done: Future[Any] = Future()
        done.set_result(function(*args))
        return done


@contextmanager
def _replaced(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    """In the body, names of modules and classes stand for something else."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    for owner, name, value in changes:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _users_of(function: Any) -> list[tuple[Any, str]]:
    """Every module of the two programs that imports a function under its name.

    Not the one that it is of: there it seals small files, which both sides read.
    """
    packages = ("pipeline.", "trainer.", "pose_smoother.")
    ours = [m for name, m in sys.modules.items() if name.startswith(packages)]
    name, home = function.__name__, function.__module__
    return [(m, name) for m in ours if m.__name__ != home and getattr(m, name, None) is function]


def _length_of(path: Path) -> list[str]:
    return [f"{path.stat().st_size:064x}"] if path.exists() else []


def _protections() -> list[tuple[Any, str, str, Callable[..., Any]]]:
    """Owner, name and kind of everything that protects, and what does as little as possible."""
    short = f"{0:064x}"
    found: list[tuple[Any, str, str, Callable[..., Any]]] = [
        (os, "fsync", "flushes", lambda fd: None),
        (zarr_store, "file_problem", "hashes", lambda file, entry: ""),
        (hdf5_store, "shard_problem", "hashes", lambda *arguments: ""),
        (FirstBad, "note", "finite", lambda self, finite, index: None),
        (FirstBad, "index", "finite", lambda self: None),
        (torch, "_amp_foreach_non_finite_check_and_unscale_", "finite", lambda *arguments: None),
    ]
    for function, quick in (
        (atomic.sha256_bytes, lambda data: f"{len(data):064x}"),
        (atomic.sha256_file, lambda path: f"{path.stat().st_size:064x}"),
        (hdf5_checks.hash_chunks, lambda chunks: (short, sum(len(stored) for _, stored in chunks))),
        (atomic.fsync_tree, lambda folder: None),
        (atomic.fsync_folder, lambda folder: None),
    ):
        kind = "flushes" if function.__name__.startswith("fsync") else "hashes"
        found += [(*user, kind, quick) for user in _users_of(function)]
    inputs: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
        (json_utils, "_check_structure", lambda raw: None),
        (json_utils, "load", json.loads),
        (plain.Budget, "spend", lambda self, n_bytes, what: None),
        (tracks_io, "read_plain", lambda path, max_bytes: path.read_bytes()),
        (files, "check_output", lambda out, inputs, **options: out),
        (checkpoint, "_archive_fault", lambda data: ""),
        (checkpoint, "_accepted", _length_of),
        (checkpoint, "read_plain", lambda path, max_bytes: path.read_bytes()),
    )
    for module, name, quick in inputs:
        users = _users_of(getattr(module, name)) if name == "load" else []
        found += [(owner, used, "inputs", quick) for owner, used in [(module, name), *users]]
    return found


@contextmanager
def _off() -> Iterator[None]:
    with _replaced(*((owner, name, quick) for owner, name, _, quick in _protections())):
        yield


@contextmanager
def _counted(spent: Counter[str]) -> Iterator[None]:
    """Count the seconds inside what protects; the outermost counts."""
    inside = False

    def counted(real: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal inside
            if inside:
                return real(*arguments, **options)
            inside, began = True, time.perf_counter()
            try:
                return real(*arguments, **options)
            finally:
                inside = False
                spent[kind] += time.perf_counter() - began

        return call

    changes = [(o, n, counted(getattr(o, n), kind)) for o, n, kind, _ in _protections()]
    with _replaced(*changes):
        yield


def _measured(what: str, task: Callable[[], object], rounds: int) -> dict[str, Any]:
    """Time a task with and without protection, in turns; the row of the table."""
    spent: Counter[str] = Counter()
    cpu: dict[str, list[float]] = {"on": [], "off": []}

    def run(name: str) -> None:
        began = time.process_time()
        with _counted(spent) if name == "on" else _off():
            task()
        cpu[name].append(time.process_time() - began)

    wall = interleaved({name: partial(run, name) for name in cpu}, rounds)
    of_cpu = Timings({name: seconds[1:] for name, seconds in cpu.items()})
    row = _row(what, wall, of_cpu, {kind: s / (rounds + 1) for kind, s in sorted(spent.items())})
    print(
        f"{what}: {row['on_s']} s with, {row['off_s']} s without: {row['cost_percent']} % "
        f"({row['lowest_percent']} to {row['highest_percent']}); of the processor's seconds "
        f"{row['cpu_cost_percent']} %; inside: {row['inside']}",
        flush=True,
    )
    return row


def _row(what: str, timings: Timings, cpu: Timings, spent: dict[str, float]) -> dict[str, Any]:
    pairs = zip(timings.seconds["on"], timings.seconds["off"], strict=True)
    costs = [100 * (on / off - 1) for on, off in pairs]
    whole = timings.median("on")
    return {
        "what": what,
        "rounds": timings.repeats,
        "on_s": round(whole, 2),
        "off_s": round(timings.median("off"), 2),
        "cost_percent": round(statistics.median(costs), 1),
        "lowest_percent": round(min(costs), 1),
        "highest_percent": round(max(costs), 1),
        "on_cpu_s": round(cpu.median("on"), 2),
        "off_cpu_s": round(cpu.median("off"), 2),
        "cpu_cost_percent": round(100 * (cpu.ratio("on", "off") - 1), 1),
        "inside": ", ".join(f"{kind} {100 * s / whole:.1f} %" for kind, s in spent.items()),
        "machine": machine_words(),
        "versions": versions_words("torch", "zarr", "h5py", "numpy"),
    }


def main() -> None:
    """Print the share that protection takes, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--penn-action", type=Path, help="labels folder [sample clips]")
    parser.add_argument("--rounds", type=int, default=3, help="besides one to warm up [3]")
    parser.add_argument("--steps", type=int, default=600, help="training batches [600]")
    parser.add_argument("--scratch", type=Path, default=Path.cwd(), help="folder on a disk [here]")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/protection.csv"))
    parser.add_argument("--only", default="", help="rows that begin so, with | between [all]")
    chosen = parser.parse_args()
    logging.getLogger("pose_smoother").setLevel(logging.ERROR)  # what was assumed
    logging.getLogger("trainer").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(dir=chosen.scratch) as scratch:
        place, number = Path(scratch), count()
        labels = chosen.penn_action
        if labels is None:
            write_sample(place / "sample", _SAMPLE_CLIPS, 0, lambda n: None)
            labels = place / "sample" / "penn_action"
        inputs = Inputs({"penn-action": labels}, SourceOptions())

        def make(kind: str) -> Path:
            out = place / f"store{next(number)}"
            build.preprocess(inputs, out, BuildConfig(), kind, 1, progress=False)
            return out

        @cache
        def made() -> Path:
            return make("zarr")

        # The model with the shortest step: protection weighs most there.
        config = TrainConfig("deciwatch", "1.1", max_epochs=1, max_steps=chosen.steps, device="cpu")

        def learn(config: TrainConfig = config) -> Path:
            out = place / f"runs{next(number)}"
            with open_store(made()) as store:
                train(config, store, out, bars=False)
            return out / config.run_name

        trained = cache(lambda: learn(replace(config, max_steps=1)))
        table, people = _keypoint_files(place / "many", _FRAMES)
        _, fewer = _keypoint_files(place / "few", _FRAMES // 6)

        def smooth(source: Path, run: bool = False) -> None:
            out = place / f"out{next(number)}{source.suffix}"
            method = load_run(trained()) if run else make_chain("gaussian", {}, 30)
            files.smooth_file(source, out, lambda poses: smooth_by(method, poses, Rules(), None))

        tasks: dict[str, Callable[[], object]] = {
            "preprocess, zarr": partial(make, "zarr"),
            "preprocess, hdf5": partial(make, "hdf5"),
            f"train deciwatch, {chosen.steps} steps": learn,
            "smooth, CSV": partial(smooth, table),
            "smooth, JSON": partial(smooth, people),
            "predict, JSON": partial(smooth, fewer, run=True),
        }
        rows = []
        with _replaced((build, "Workers", _Here)):
            for what, task in tasks.items():
                if what.startswith(tuple(chosen.only.split("|"))):
                    trained() if what.startswith("predict") else made()
                    rows.append(_measured(what, task, chosen.rounds))
    _write(chosen.out, rows, list(tasks))
    over = [row["what"] for row in rows if row["cost_percent"] > GOAL_PERCENT]
    print(
        f"over {GOAL_PERCENT:g} %: {', '.join(over)}" if over else f"all below {GOAL_PERCENT:g} %"
    )


def _keypoint_files(folder: Path, n_frames: int) -> tuple[Path, Path]:
    """One person of 17 keypoints, as csv-wide and as COCO's results."""
    folder.mkdir()
    xy = np.cumsum(np.random.default_rng(0).normal(size=(n_frames, 17, 2)), axis=0) + 500
    names = skeleton("coco-17").keypoints
    lines = ["frame," + ",".join(f"{name}_{axis}" for name in names for axis in "xy")]
    lines += [f"{i}," + ",".join(f"{v:.3f}" for v in row.ravel()) for i, row in enumerate(xy)]
    table, people = folder / "a.csv", folder / "a.json"
    table.write_text("\n".join(lines) + "\n")
    found = [
        {"image_id": i, "category_id": 1, "score": 0.9, "keypoints": np.round(row, 3).tolist()}
        for i, row in enumerate(np.insert(xy, 2, 0.9, axis=2).reshape(n_frames, -1))
    ]
    people.write_text(json.dumps(found))
    return table, people


def _write(path: Path, rows: list[dict[str, Any]], order: list[str]) -> None:
    """Write the table; rows that were not made this time stay as they are."""
    found: dict[str, dict[str, Any]] = {}
    if path.exists():
        with path.open(newline="") as file:
            found = {row["what"]: dict(row) for row in csv.DictReader(file)}
    found |= {row["what"]: row for row in rows}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found[what] for what in order if what in found)


if __name__ == "__main__":
    main()
