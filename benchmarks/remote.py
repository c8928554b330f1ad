"""Streaming from an object store: an epoch with a cold cache, one with a warm one, a local store.

    python -m benchmarks.remote --store STORE --scratch DIR --out benchmarks/results/remote.csv

moto's S3 server runs as a process of its own on loopback, so there is no distance to it, but it is
slow itself and shares the cores; a real object store is farther away and faster. Sides take turns:
every cold epoch has an empty cache, and opens the store; warm ones open it too, as the local side
does. One round is an epoch of STORE (its training windows, batch 16, stored heatmaps and noisy
input). The upload is timed once. Takes 3 minutes for 20,000 windows.
"""

import argparse
import csv
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.remote_build import build_at
from pose_smoother.bench.goals import machine_words, versions_words
from pose_smoother.bench.timing import interleaved
from pose_smoother.remote.path import PathOrUrl, as_path_or_url
from pose_smoother.store.open import open_store
from trainer.bench.streaming import Epochs, stream_of

PACKAGES = ("torch", "numpy", "zarr", "fsspec", "s3fs", "moto")
COLUMNS = ("side", "windows", "windows_per_s", "of_local", "rounds", "mb")
SIDES = ("local", "remote, cold cache", "remote, warm cache")


@contextmanager
def s3_server() -> Iterator[str]:
    """moto's server in another process; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def epoch(place: PathOrUrl, cache: Path | None = None, cold: bool = False) -> Callable[[], None]:
    """An epoch of a store that is opened for it, from a cache folder, emptied before if cold."""

    def run() -> None:
        if cache is not None:
            os.environ["POSE_CACHE"] = str(cache)
            if cold:
                shutil.rmtree(cache, ignore_errors=True)
        with open_store(place) as store:
            Epochs(stream_of(store, "stored"))()

    return run


def measure(store: Path, folder: Path, rounds: int, minutes: float) -> list[dict[str, object]]:
    """Upload a store, then time its epochs; a row a side."""
    import s3fs

    s3fs.S3FileSystem().mkdir("poses")
    place = as_path_or_url("s3://poses/store")
    os.environ["POSE_CACHE"] = str(folder / "upload")
    began = time.perf_counter()
    build_at(place, "benchmark", lambda to: shutil.copytree(store, to) and None, progress=False)
    upload_s = time.perf_counter() - began
    sides = (epoch(store), epoch(place, folder / "cold", cold=True), epoch(place, folder / "warm"))
    named = dict(zip(SIDES, sides, strict=True))
    timings = interleaved(named, rounds, budget_s=60 * minutes)
    with open_store(store) as opened:
        n = len(opened.windows("train", 1))
        mb = sum(entry["bytes"] for entry in opened.manifest["files"].values()) / 1e6
    rows: list[dict[str, object]] = [
        {
            "side": side,
            "windows": n,
            "windows_per_s": round(n / timings.median(side), 1),
            "of_local": round(1 / timings.ratio(side, "local"), 3),
            "rounds": timings.repeats,
            "mb": round(mb, 1),
        }
        for side in SIDES
    ]
    rate = f"upload, {mb / upload_s:.1f} MB/s"
    return [*rows, {"side": rate, "windows": n, "rounds": 1, "mb": round(mb, 1)}]


def main() -> None:
    """Print and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, help="folder for the caches [/tmp]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=5.0, help="no round begins later [5]")
    parser.add_argument("--out", type=Path, help="the CSV file")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=args.scratch, prefix="remote."))
    try:
        with s3_server() as url:
            keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
            os.environ.update(keys, AWS_DEFAULT_REGION="us-east-1", AWS_ENDPOINT_URL=url)
            rows = measure(args.store, folder, args.rounds, args.minutes)
    finally:
        shutil.rmtree(folder)
    for row in rows:
        print(row)
    if args.out:
        words = {"machine": machine_words(), "versions": versions_words(*PACKAGES)}
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, (*COLUMNS, *words), lineterminator="\n")
            writer.writeheader()
            writer.writerows({**row, **words} for row in rows)


if __name__ == "__main__":
    main()
