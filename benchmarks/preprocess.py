"""Preprocessing from annotations to a verified store: speed, memory, bytes, growth with size.

    python -m benchmarks.preprocess --scratch DIR --out benchmarks/results            # 7 minutes
    python -m benchmarks.preprocess --sizes 1000000 --append --out benchmarks/results --scratch DIR

For each size sample annotations of about as many frames are made by ``pipeline sample``, a store is
built of them and verified, by two worker processes, beside the plain way in the same run: scipy for
each map and ``torch.save`` for each frame, of 300 frames. 1,000,000 frames take 0.6 GB of disk for
the annotations, 0.4 GB for the store and 0.3 GB on the way.
"""

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.bench.goals import chain_goals, render_goals, sample_inputs
from pipeline.contract.goals import Goal, machine_words, table, versions_words, write_goals
from pipeline.synthetic import write_sample

FULL_SIZE = 360_000
SIZES = (10_000, 100_000, FULL_SIZE)
FRAMES_A_CLIP = 95  # of the sample, on average
PACKAGES = ("numpy", "scipy", "zarr", "h5py", "hdf5plugin", "numcodecs", "torch")
COLUMNS = (
    "format", "workers", "frames", "wall_s", "frames_per_s", "plain_frames_per_s", "times_plain",
    "bytes_a_frame", "peak_gb",
)  # fmt: skip


def save_pt(maps: NDArray[np.float32], path: Path) -> None:
    """A frame as the thesis saved it."""
    torch.save(torch.from_numpy(maps), path.with_suffix(".pt"))


def row_of(goals: list[Goal], store_format: str, workers: int) -> dict[str, object]:
    """A line of the table of sizes, from the goals of one size."""
    speed, _, memory, size = goals
    frames = int(speed.note.split()[0])
    rate = frames / speed.what_s
    return {
        "format": store_format,
        "workers": workers,
        "frames": frames,
        "wall_s": round(speed.what_s, 2),
        "frames_per_s": round(rate, 1),
        "plain_frames_per_s": round(rate / speed.measured, 1),
        "times_plain": round(speed.measured, 2),
        "bytes_a_frame": round(size.measured, 1),
        "peak_gb": round(memory.measured, 3),
    }


def main() -> None:
    """Write preprocess.csv (every size and format) and goals_pipeline.csv (of the full size)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="frames, about")
    parser.add_argument("--formats", nargs="+", default=("zarr", "hdf5"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scratch", type=Path, help="folder for what is built and removed [/tmp]")
    parser.add_argument("--append", action="store_true", help="keep the rows that are there")
    parser.add_argument("--out", type=Path, help="folder for both CSV files")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for frames in args.sizes:
        with tempfile.TemporaryDirectory(dir=args.scratch, prefix="preprocess.") as folder:
            write_sample(Path(folder, "sample"), frames // FRAMES_A_CLIP, 0)
            inputs = sample_inputs(Path(folder, "sample"))
            for store_format in args.formats:
                goals = chain_goals(
                    inputs, Path(folder), store_format, args.workers,
                    save=save_pt, saved_by="torch.save",
                )  # fmt: skip
                rows.append(row_of(goals, store_format, args.workers))
                print(rows[-1], flush=True)
                if args.out and frames == FULL_SIZE and store_format == args.formats[0]:
                    goals = render_goals() + goals
                    print(table(goals), flush=True)
                    write_goals(args.out / "goals_pipeline.csv", goals, *PACKAGES)
    if args.out:
        _write(args.out / "preprocess.csv", rows, args.append)


def _write(path: Path, rows: list[dict[str, object]], append: bool) -> None:
    words = {"machine": machine_words(), "versions": versions_words(*PACKAGES)}
    with path.open("a" if append else "w", newline="") as file:
        writer = csv.DictWriter(file, (*COLUMNS, *words), lineterminator="\n")
        if not append:
            writer.writeheader()
        writer.writerows({**row, **words} for row in rows)


if __name__ == "__main__":
    main()
