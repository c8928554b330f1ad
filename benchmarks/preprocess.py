"""Preprocessing from annotations to a verified store: speed, memory, bytes, growth with size.

    python -m benchmarks.preprocess --scratch DIR --out benchmarks/results            # 8 minutes
    python -m benchmarks.preprocess --sizes 1000000 --append --out benchmarks/results --scratch DIR

For each size sample annotations of about as many frames are made by ``pipeline sample``. Then, in
turns and in one folder, a store of them is built and verified by two worker processes, in each
format, and 2,000 frames are made in the plain way: scipy for each map and ``torch.save`` for each
frame, by one process. What the plain way would take for all frames is what it took for its own,
but the time to list the annotations, which counts once.

``preprocess_rounds.csv`` holds every round of every side, ``preprocess.csv`` the medians. The plain
way's files are not flushed within its time, ours are; "flushed" counts the plain way's flush too.
1,000,000 frames take 0.6 GB of disk for the annotations, 0.4 GB for the store and 0.3 GB on the
way; the plain way's frames 0.7 GB.
"""

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.bench.chain import PLAIN, Round, measure_chain
from pipeline.bench.goals import (
    chain_goals,
    cpu_times,
    every_times,
    render_goal,
    sample_inputs,
    times,
)
from pipeline.synthetic import write_sample
from pose_smoother.bench.goals import machine_words, table, versions_words, write_goals

FULL_SIZE = 360_000
SIZES = (10_000, 100_000, FULL_SIZE)
SIDES = ("zarr", "hdf5", "zarr, impulse", "hdf5, impulse")
FRAMES_A_CLIP = 95  # of the sample, on average
PACKAGES = ("numpy", "scipy", "zarr", "h5py", "hdf5plugin", "numcodecs", "torch")
Row = dict[str, Any]


def save_pt(maps: NDArray[np.float32], path: Path) -> None:
    """A frame as the thesis saved it."""
    import torch  # here, for our worker processes import this file too

    torch.set_num_threads(1)
    torch.save(torch.from_numpy(maps), path.with_suffix(".pt"))


def row_of(rounds: Sequence[Round], kind: str, workers: int) -> Row:
    """A line of the table of sizes: the medians of one size and format."""
    ours = [one for one in rounds if one.side == kind]
    plain = [one for one in rounds if one.side == PLAIN]
    n_frames = ours[0].n_frames
    wall_s = statistics.median(one.wall_s for one in ours)
    cpu_s = statistics.median(one.cpu_s for one in ours)
    plain_s = statistics.median(one.seconds_of(n_frames) for one in plain)
    plain_cpu_s = statistics.median(one.cpu_seconds_of(n_frames) for one in plain)
    by_round = every_times(rounds, kind)
    return {
        "format": kind,
        "workers": workers,
        "frames": n_frames,
        "rounds": len(ours),
        "wall_s": round(wall_s, 2),
        "frames_per_s": round(n_frames / wall_s, 1),
        "cpu_us_a_frame": round(1e6 * cpu_s / n_frames, 1),
        "plain_frames_per_s": round(n_frames / plain_s, 1),
        "plain_cpu_us_a_frame": round(1e6 * plain_cpu_s / n_frames, 1),
        "times_plain": round(times(rounds, kind), 2),
        "lowest": round(min(by_round), 2),
        "highest": round(max(by_round), 2),
        "times_plain_flushed": round(times(rounds, kind, flushed=True), 2),
        "times_plain_cpu": round(cpu_times(rounds, kind), 2),
        "bytes_a_frame": round(ours[0].bytes_a_frame, 1),
        "peak_gb": round(max(one.peak_gb for one in ours), 3),
    }


def rows_of_rounds(rounds: Sequence[Round], frames: int) -> list[Row]:
    """Every round of every side, in the order in which they were timed."""
    rows = []
    for number, one in enumerate(rounds):
        cells = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(one).items()}
        rows.append({"size": frames, "turn": number, **cells})
    return rows


def main() -> None:
    """Write preprocess.csv, preprocess_rounds.csv, and goals_pipeline.csv of the full size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="frames, about")
    parser.add_argument("--sides", nargs="+", default=SIDES, help=f"stores to make {SIDES}")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="of every side and size [3]")
    parser.add_argument("--plain-frames", type=int, default=2000, help="a round, about [2000]")
    parser.add_argument("--minutes", type=float, default=6.0, help="no round begins later [6]")
    parser.add_argument("--scratch", type=Path, help="folder for what is built and removed [/tmp]")
    parser.add_argument("--append", action="store_true", help="keep the rows that are there")
    parser.add_argument("--out", type=Path, help="folder for the CSV files")
    args = parser.parse_args()
    until = time.monotonic() + 60 * args.minutes
    for number, frames in enumerate(args.sizes):
        with tempfile.TemporaryDirectory(dir=args.scratch, prefix="preprocess.") as folder:
            write_sample(Path(folder, "sample"), frames // FRAMES_A_CLIP, 0)
            rounds = measure_chain(
                sample_inputs(Path(folder, "sample")), Path(folder), args.sides, args.workers,
                args.plain_frames, save_pt, args.rounds, until - time.monotonic(),
            )  # fmt: skip
        rows = [row_of(rounds, kind, args.workers) for kind in args.sides]
        print(*rows, sep="\n", flush=True)
        if args.out:
            append = args.append or number > 0
            _write(args.out / "preprocess.csv", rows, append)
            _write(args.out / "preprocess_rounds.csv", rows_of_rounds(rounds, frames), append)
        if frames == FULL_SIZE:
            goals = [render_goal()]
            for kind in args.sides:
                goals += chain_goals(rounds, kind, args.workers, "torch.save")
            print(table(goals), flush=True)
            if args.out:
                write_goals(args.out / "goals_pipeline.csv", goals, *PACKAGES)


def _write(path: Path, rows: list[Row], append: bool) -> None:
    words = {"machine": machine_words(), "versions": versions_words(*PACKAGES)}
    with path.open("a" if append else "w", newline="") as file:
        writer = csv.DictWriter(file, (*rows[0], *words), lineterminator="\n")
        if not append:
            writer.writeheader()
        writer.writerows({**row, **words} for row in rows)


if __name__ == "__main__":
    main()
