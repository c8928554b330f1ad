"""What building a store costs, by frames and workers: processor seconds, memory, bytes.

    python -m benchmarks.scaling_builds --out benchmarks/results/scaling_builds.csv    # 8 minutes

Sample annotations of three sizes are made; each is built into a Zarr store in a process of its own,
with one and with two workers in turn. Read the processor's seconds: they hold on a busy machine.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline import build
from pipeline.bench.goals import sample_inputs
from pipeline.config import BuildConfig
from pipeline.synthetic import write_sample
from pose_smoother.bench.goals import machine_words, versions_words
from pose_smoother.files.atomic import write_atomic
from pose_smoother.store.open import open_store

FRAMES_A_CLIP = 95  # of the sample, on average


class _Here:
    """Calls a function in this process, so that its time counts as the client's."""

    def call(self, timeout_s: float, function: Any, *arguments: Any) -> Any:
        """Call it."""
        return function(*arguments)


def measure(sample: Path, out: Path, workers: int) -> dict[str, Any]:
    """Build a store; closing it, which no second worker can share, counts as the client's."""
    odd: Any = build
    close = build.close_store
    odd.close_store = lambda *arguments: close(*arguments[:-1], _Here())  # type: ignore[arg-type]
    began, begun_cpu_s = time.perf_counter(), time.process_time()
    build.preprocess(
        sample_inputs(sample), out, BuildConfig(actions=("all",)), "zarr", workers, False
    )
    wall_s, client_cpu_s = time.perf_counter() - began, time.process_time() - begun_cpu_s
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open_store(out) as store:
        files = store.manifest["files"].values()
        return {
            "clips": len(store.clips["id"]),
            "frames": sum(store.n_frames(split) for split in ("train", "val", "test")),
            "shards": sum("shard" in entry for entry in files),
            "workers": workers,
            "client_cpu_s": round(client_cpu_s, 2),
            "workers_cpu_s": round(children.ru_utime + children.ru_stime, 2),
            "wall_s": round(wall_s, 1),
            "client_peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            "store_bytes": sum(entry["bytes"] for entry in files),
            "manifest_bytes": (out / "MANIFEST.json").stat().st_size,
            "load": round(os.getloadavg()[0], 1),
        }


def main() -> None:
    """Measure every size with every number of workers, round by round."""
    import pandas as pd  # here, for its memory is not the client's

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 300_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows = []
    code = (
        "import json, sys\nfrom pathlib import Path\n"
        "from benchmarks.scaling_builds import measure\n"
        "if __name__ == '__main__':\n"
        "    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))"
    )
    for frames in args.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            sample = Path(scratch, "sample")
            write_sample(sample, frames // FRAMES_A_CLIP, 0)
            for turn in range(args.rounds * len(args.workers)):
                workers = args.workers[turn % len(args.workers)]
                words = [str(sample), f"{scratch}/store{turn}", str(workers)]
                done = subprocess.run(
                    [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, check=True
                )
                rows.append(json.loads(done.stdout))
                print(rows[-1], flush=True)
    known = {"machine": machine_words(), "versions": versions_words("numpy", "zarr", "scipy")}
    table = pd.DataFrame(rows).assign(**known)
    write_atomic(args.out, table.to_csv(index=False, lineterminator="\n").encode())


if __name__ == "__main__":
    main()
