"""Damage to the files of a run, and everything that reads one."""

import hashlib
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.faults.damage import (
    BYTE_DAMAGE,
    Rng,
    change_json,
    change_table,
    damaged,
    make_special,
    pick,
)

_WEIGHTS: list[Any] = [
    *(None, [], {}, "x", torch.zeros(3), torch.full((2, 2), torch.nan), 7),
]


def _change_weights(file: Path, rng: Rng) -> str:
    saved = torch.load(file, weights_only=True)
    table = saved["model"] if rng.integers(2) else saved
    key = pick(rng, list(table))
    new = pick(rng, _WEIGHTS)
    if isinstance(table[key], torch.Tensor) and rng.integers(2):
        new = torch.full_like(table[key], float("nan")) if table[key].is_floating_point() else new
    table[key] = new
    buffer = io.BytesIO()
    torch.save(saved, buffer)
    file.write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    file.with_name(f"{file.name}.sha256").write_text(digest + "\n")
    return f"{key} = {type(new).__name__}"


def _change_scores(file: Path, rng: Rng) -> str:
    arrays: dict[str, Any] = dict(np.load(file))
    key = pick(rng, list(arrays))
    new = pick(
        rng,
        [
            np.zeros(3),
            np.array("x"),
            np.full_like(arrays[key], 0)[..., None],
            np.zeros((1 << 20, 64), np.uint8),
        ],
    )
    arrays[str(key)] = new
    np.savez_compressed(file, **arrays)
    return f"{key} = {np.shape(new)}"  # type: ignore[arg-type]


_CHANGES = {".json": change_json, ".pt": _change_weights, ".npz": _change_scores}


def damage(run: Path, rng: Rng) -> str:
    """Damage one file of a run; what was done."""
    file = run / str(pick(rng, sorted(p.name for p in run.iterdir() if p.suffix != ".sha256")))
    kind = int(rng.integers(12))
    if kind < 7:
        change = _CHANGES.get(file.suffix, change_table)
        return f"{file.name}: {change(file, rng)}"
    if kind < 10:
        how = BYTE_DAMAGE[kind - 7]
        file.write_bytes(damaged(file.read_bytes(), how, rng))
        return f"{file.name}: {how}"
    return f"{file.name}: {make_special(file, rng)}"


def copy_runs(source: Path, target: Path) -> Path:
    """A copy of a folder of runs, whose checkpoints of unfinished epochs are left out."""
    skip = shutil.ignore_patterns("last.pt*", "previous.pt*", ".*")
    shutil.copytree(source, target, ignore=skip)
    return target


def load(run: Path) -> str:
    """What `predict` does with a run, with its regions, on one window."""
    from trainer.inference.load_run import load_run

    loaded = load_run(run)
    windows = np.full((1, loaded.n_frames, 25, 2), 20, np.float32)
    estimate = loaded.smoother().smooth(windows)
    loaded.smoother(0.5).smooth(windows)
    assert np.isfinite(estimate).all(), "the estimate is not finite"
    return "loaded"


def status(run: Path) -> str:
    """What `status` does."""
    from trainer.runs.status import overview

    return str([one.state for one in overview(run.parent)])


def gather(run: Path) -> str:
    """What `report` does before it draws: the damaged run is left out, the others stay."""
    from trainer.report.collect import collect
    from trainer.report.intervals import numbers

    found = collect(run.parent)
    numbers(found)
    assert len(found.baselines) >= 1, "the other runs went, too"
    return f"{len(found.runs)} runs; {found.notes}"


def retest(run: Path) -> str:
    """What `evaluate` does before it opens a store."""
    from trainer.runs.results_io import read_results
    from trainer.training.config import chosen_store, run_config
    from trainer.training.retest import check_has_store

    config, recorded = run_config(run, "cpu")
    check_has_store(run, config)
    read_results(run)
    return str(chosen_store(run, recorded, None))


READERS = (load, status, gather, retest)
