"""What a clip costs in memory while a store is planned: sources of tiny clips, nothing rendered.

Files and boxes are made up, so that a million clips take minutes; everything that grows with them
(ids seen, columns, pieces, windows, clips table, report) is the program's own.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.scaling.rows import held_mib, peak_mib, write_rows
from pipeline import build_steps, ingest
from pipeline.config import BuildConfig
from pipeline.parse_files import ParsedFile
from pipeline.recipe import Recipe
from pipeline.shards import Folders
from pipeline.sources import Clip, SourceOptions, penn_action
from pipeline.worker_pool import Workers


def _outcomes(n_clips: int, n_frames: int) -> Iterator[ParsedFile]:
    frames = np.arange(1, n_frames + 1, dtype=np.int32)
    keypoints = np.full((n_frames, 25, 2), 5.0)
    for index in range(n_clips):
        name = f"{index:08d}"
        clip = Clip(name, "penn-action", name, "situp", "", 30.0, frames, keypoints)
        yield ParsedFile("penn-action", f"{name}.mat", f"{index:064x}", [clip])


def _skip_boxing(n_frames: int) -> None:
    boxes = np.tile(np.array([0.0, 0.0, 55.0, 55.0]), (n_frames, 1))
    odd: Any = ingest
    odd.boxes_around = lambda *_: (boxes, {})
    odd.jittered = lambda found, *_: found
    odd.to_heatmap = lambda keypoints, _: keypoints.astype(np.float32)
    odd.seeds = SimpleNamespace(BOX_JITTER=0, rng=lambda *_: None)
    odd.source = lambda _: SimpleNamespace(items=lambda *_: iter(()), DEFAULT_ACTIONS=None)


def measure(n_clips: int, frames_a_clip: int, folder: Path) -> dict[str, object]:
    """Scan, plan and close ``n_clips`` in this process."""
    _skip_boxing(frames_a_clip)
    odd: Any = ingest
    odd.scan = lambda *_: _outcomes(n_clips, frames_a_clip)
    folders, config = Folders.beside(folder / "store"), BuildConfig()
    inputs = ingest.Inputs({"penn-action": folder}, SourceOptions())
    row: dict[str, object] = {"clips": n_clips, "frames": n_clips * frames_a_clip}
    row["before_mib"] = round(held_mib(), 1)
    began = time.perf_counter()

    def note(step: str) -> None:
        row[f"{step}_s"] = round(time.perf_counter() - began, 1)
        row[f"{step}_peak_mib"] = round(peak_mib(), 1)

    scanned = build_steps.scan_once(inputs, folders, config, "key", Workers(1), False)
    note("scan")
    planned = build_steps.plan_store(folders.work, config)
    note("plan")
    recipe = Recipe(inputs, config, "zarr", "0", manifest="")
    assert penn_action.NAME in recipe.inputs.paths
    build_steps.create_store(folders, planned, scanned, recipe)
    arrays, clips = planned.arrays, planned.layout.clips
    build_steps._close(folders, arrays, clips, {}, scanned.left_out, recipe, True)
    note("close")
    row["spool_lists_bytes"] = sum(f.stat().st_size for f in folders.work.rglob("*.jsonl"))
    row["report_bytes"] = (folders.building / "report.json").stat().st_size
    return row


def main(sizes: list[tuple[int, int]]) -> None:
    """Each size, (clips, frames a clip), in a process of its own."""
    rows = []
    for n_clips, n_frames in sizes:
        with tempfile.TemporaryDirectory() as folder:
            code = (
                "import json, sys\nfrom pathlib import Path\n"
                "from benchmarks.scaling.memory import measure\n"
                f"print(json.dumps(measure({n_clips}, {n_frames}, Path(sys.argv[1]))))"
            )
            done = subprocess.run(
                [sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True, check=True
            )
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    print(write_rows("scaling_memory.csv", rows))
