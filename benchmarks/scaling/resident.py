"""What a training process holds of a store: positions of all training frames, and their windows.

Each store and model in a process of its own: the stream is opened and its first batch taken.
"""

import json
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

from torch import Tensor

from benchmarks.scaling.rows import held_mib, peak_mib, write_rows
from pose_smoother.store.open import open_store
from trainer.data.split_arrays import SplitArrays
from trainer.training.config import open_stream, train_config

MODELS = ("deciwatch", "resmlp")  # resmlp moves poses, so it reads exact positions and boxes, too
CSV = "scaling_resident.csv"


def resident_bytes(frames: SplitArrays) -> int:
    """What the tensors of a split take."""
    kept = [getattr(frames, field.name) for field in fields(frames)]
    return sum(one.numel() * one.element_size() for one in kept if isinstance(one, Tensor))


def measure(store: Path, model: str) -> dict[str, object]:
    """Open a training stream in this process, and take its first batch."""
    before_mib, spent_s = held_mib(), time.process_time()
    with open_store(store) as opened:
        stream = open_stream(train_config(model, "1.1", device="cpu"), opened, "train")
        next(iter(stream.epoch(1)))
        n_frames = opened.n_frames("train")
    return {
        "model": model,
        "frames": n_frames,
        "windows": stream.n_windows,
        "resident_bytes": resident_bytes(stream.frames),
        "cpu_s": round(time.process_time() - spent_s, 3),
        "before_mib": round(before_mib, 1),
        "peak_mib": round(peak_mib(), 1),
    }


def main(stores: list[Path]) -> None:
    """Every store for both kinds of coordinate models; at the end the table."""
    rows = []
    for store in stores:
        for model in MODELS:
            code = (
                "import json\nfrom pathlib import Path\n"
                "from benchmarks.scaling.resident import measure\n"
                f"print(json.dumps(measure(Path({str(store)!r}), {model!r})))"
            )
            done = subprocess.run(
                [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
            )
            rows.append(json.loads(done.stdout))
            print(rows[-1], flush=True)
    print(write_rows(CSV, rows))
