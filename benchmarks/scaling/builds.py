"""Whole builds of annotations at hand: seconds and memory of each stage, and of a shard."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.scaling.rows import peak_mib, write_rows
from pipeline import build
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.sources import SourceOptions
from pipeline.worker_pool import Workers
from pose_smoother.store.open import open_store

_STAGES = ("build_key", "scan_once", "plan_store", "write_shards", "close_store")


class _Here:
    """Calls a function in this very process, whose time can be told."""

    def call(self, timeout_s: float, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call it."""
        del timeout_s
        return function(*arguments)


def _here(argument: Any) -> Any:
    return _Here() if isinstance(argument, Workers) else argument


def _timed(row: dict[str, Any], name: str) -> None:
    odd: Any = build
    real = getattr(build, name)

    def measured(*arguments: Any) -> Any:
        began, spent_s = time.perf_counter(), time.process_time()
        try:
            given = map(_here, arguments) if name == "close_store" else arguments
            return real(*given)
        finally:
            row[f"{name}_client_cpu_s"] = round(time.process_time() - spent_s, 2)
            row[f"{name}_s"] = round(time.perf_counter() - began, 1)
            row["client_peak_mib"] = round(peak_mib(), 1)

    setattr(odd, name, measured)


def measure(labels: Path, out: Path, n_workers: int) -> dict[str, Any]:
    """Build a Zarr store of Penn Action's labels, or of a sample's."""
    row: dict[str, Any] = {}
    for name in _STAGES:
        _timed(row, name)
    inputs = Inputs({"penn-action": labels}, SourceOptions())
    config = BuildConfig(actions=("all",))
    began = time.perf_counter()
    build.preprocess(inputs, out, config, "zarr", n_workers, progress=False)
    row["wall_s"] = round(time.perf_counter() - began, 1)
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    row["cpu_s"] = round(sum(use.ru_utime + use.ru_stime for use in spent), 1)
    with open_store(out) as store:
        n_frames = sum(store.n_frames(split) for split in ("train", "val", "test"))
        sizes = [entry["bytes"] for entry in store.manifest["files"].values()]
        size = {
            "clips": len(store.clips["id"]),
            "frames": n_frames,
            "shards": sum("shard" in entry for entry in store.manifest["files"].values()),
            "workers": n_workers,
            "bytes_a_frame": round(sum(sizes) / n_frames, 1),
            "manifest_bytes": (out / "MANIFEST.json").stat().st_size,
        }
    return size | row


def main(labels: list[Path], n_workers: int) -> None:
    """Each folder of labels in a process of its own."""
    rows = []
    for folder in labels:
        with tempfile.TemporaryDirectory() as scratch:
            code = (
                "import json, sys\nfrom pathlib import Path\n"
                "from benchmarks.scaling.builds import measure\n"
                "if __name__ == '__main__':\n"
                f"    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]), {n_workers})))"
            )
            words = [sys.executable, "-c", code, str(folder), str(Path(scratch, "store"))]
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    print(write_rows("scaling_builds.csv", rows))
