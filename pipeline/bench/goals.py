"""What ``pipeline bench`` times, and what was wanted."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.audit import verify
from pipeline.bench.memory import PeakMemory
from pipeline.bench.naive import Save, preprocess_plainly, save_npy, scipy_maps
from pipeline.build import preprocess
from pipeline.contract import heatmap
from pipeline.contract.errors import StoreError
from pipeline.contract.goals import Goal, speed_up
from pipeline.contract.heatmap import SIZE
from pipeline.contract.remote.place import Place
from pipeline.contract.skeleton import N_KEYPOINTS
from pipeline.contract.store import open_store
from pipeline.contract.timing import interleaved
from pipeline.ingest import Inputs
from pipeline.pixels import RenderedFrames
from pipeline.plan import BuildConfig
from pipeline.sources import SourceOptions

FULL_SIZE_FRAMES = 360_000
RENDER_GOAL, WRITE_GOAL, CHAIN_GOAL = 100.0, 0.9, 20.0
FULL_SIZE_GOAL_S, MEMORY_GOAL_GB, FRAME_GOAL_BYTES = 120.0, 1.5, 350.0
N_NAIVE = 300  # frames that the plain way makes: two seconds of it


def sample_inputs(sample: Path) -> Inputs:
    """Both datasets of a folder that ``pipeline sample`` wrote."""
    paths: dict[str, Place] = {
        "brace": sample / "brace",
        "penn-action": sample / "penn_action" / "labels",
    }
    return Inputs(paths, SourceOptions(manual=sample / "brace" / "manual_keypoints"))


def render_goals(repeats: int = 30) -> list[Goal]:
    """64 frames of targets, all keypoints there, by numpy in one thread."""
    random = np.random.default_rng(0)
    keypoints = random.integers(0, SIZE, (64, N_KEYPOINTS, 2))
    there = np.ones(keypoints.shape[:2], bool)
    out = np.empty((*there.shape, SIZE, SIZE), np.float32)
    rows = RenderedFrames(keypoints, there)
    sides: dict[str, Callable[[], object]] = {
        "dense": lambda: heatmap.render(keypoints, there, out=out),
        "shard": lambda: rows[:],
        "write": lambda: out.fill(1.0),
        "scipy": lambda: scipy_maps(keypoints[:1], there[:1]),
    }
    timings = interleaved(sides, repeats)
    note = f"{len(keypoints)} frames, all {N_KEYPOINTS} keypoints, 1 thread"
    what, against = "render targets", "scipy, map by map"
    return [
        speed_up(f"{what}, dense", against, RENDER_GOAL, timings, ("dense", "scipy"), note, 64),
        speed_up(
            f"{what}, for a shard", against, RENDER_GOAL, timings, ("shard", "scipy"), note, 64
        ),
        speed_up(
            f"{what}, dense", "writing as many bytes", WRITE_GOAL, timings, ("dense", "write"), note
        ),
    ]


def chain_goals(
    inputs: Inputs,
    folder: Path,
    store_format: str,
    n_workers: int,
    repeats: int = 1,
    save: Save = save_npy,
    saved_by: str = "np.save",
) -> list[Goal]:
    """From annotations to a verified store: against the plain way, and what it takes.

    Parameters
    ----------
    folder : for the store and the plain way's files; both are removed.
    save, saved_by : how the plain way writes a frame, and what that is called.
    """
    store, plain = folder / "store", folder / "plain"
    found: dict[str, float] = {}
    memory = PeakMemory()

    def ours() -> None:
        shutil.rmtree(store, ignore_errors=True)
        preprocess(inputs, store, _config(inputs), store_format, n_workers, progress=False)
        if problems := verify(store).problems:
            raise StoreError(f"{store} does not verify: {problems}")

    def naive() -> None:
        shutil.rmtree(plain, ignore_errors=True)
        plain.mkdir()
        found["naive"] = preprocess_plainly(inputs, plain, N_NAIVE, save)

    try:
        with memory:
            timings = interleaved({"ours": ours, "naive": naive}, repeats, warmups=0)
        with open_store(store) as opened:
            n_frames = sum(opened.n_frames(split) for split in ("train", "val", "test"))
        n_bytes = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    finally:
        shutil.rmtree(store, ignore_errors=True)
        shutil.rmtree(plain, ignore_errors=True)
    note = f"{n_frames} frames, {store_format}, {n_workers} workers"
    times = n_frames / found["naive"]
    against = f"scipy a map, {saved_by} a frame, 1 process"
    full_s = timings.median("ours") / n_frames * FULL_SIZE_FRAMES
    limits = [
        (f"preprocess {FULL_SIZE_FRAMES} frames at this rate", FULL_SIZE_GOAL_S, full_s, "s"),
        ("preprocess, memory of all processes", MEMORY_GOAL_GB, memory.peak_bytes / 1e9, "GB"),
        ("a stored frame", FRAME_GOAL_BYTES, n_bytes / n_frames, "bytes"),
    ]
    return [
        speed_up("preprocess", against, CHAIN_GOAL, timings, ("ours", "naive"), note, times),
        *(
            Goal(what, "", goal, False, measured, unit, timings.median("ours"), note=note)
            for what, goal, measured, unit in limits
        ),
    ]


def _config(inputs: Inputs) -> BuildConfig:
    return BuildConfig(actions=("all",) if "penn-action" in inputs.paths else None)
