"""What protection costs: in one run of preprocess and of training, the seconds that it takes.

Command: python -m benchmarks.protection --penn-action LABELS

Shards are made in this process, so that every flush, hash and check can be timed. On a noisy
machine that is steadier than the difference of two runs, one with and one without.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from pipeline import build, repair, shards, spool, stages
from pipeline.contract import files, hdf5_checks, hdf5_store, zarr_store
from pipeline.contract.store import open_store
from pipeline.ingest import Inputs
from pipeline.plan import BuildConfig
from pipeline.sources import SourceOptions
from pipeline.workers import Workers
from trainer import checkpoint
from trainer.run.config import TrainConfig
from trainer.step import FirstBad
from trainer.train import train

_HASHERS = (files, shards, spool, stages, zarr_store, hdf5_store, hdf5_checks, checkpoint, repair)


class _Here(Workers):
    """Workers that are this very process."""

    def submit(self, timeout_s: float, function: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Call the function at once."""
        del timeout_s
        done: Future[Any] = Future()
        done.set_result(function(*args))
        return done


@contextmanager
def _timed(spent: Counter[str]) -> Iterator[None]:
    """Count the seconds of flushes, hashes and checks in the body."""
    undo: list[tuple[Any, str, Any]] = []

    def count(owner: ModuleType | type, name: str, kind: str) -> None:
        if not hasattr(owner, name):
            return
        real = getattr(owner, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return real(*arguments, **options)
            finally:
                spent[kind] += time.perf_counter() - began

        undo.append((owner, name, real))
        setattr(owner, name, counted)

    count(os, "fsync", "flushes")
    for module in _HASHERS:
        for name in ("sha256_bytes", "sha256_file"):
            count(module, name, "hashes")
    count(hdf5_store, "hash_chunks", "hashes")
    count(FirstBad, "note", "finite checks")
    count(FirstBad, "index", "finite checks")
    count(torch.nn.utils, "get_total_norm", "finite checks")
    try:
        yield
    finally:
        for owner, name, real in reversed(undo):
            setattr(owner, name, real)


def main() -> None:
    """Print the share of each kind of protection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--penn-action", type=Path, required=True, help="labels folder")
    parser.add_argument("--steps", type=int, default=200, help="training batches [200]")
    chosen = parser.parse_args()
    build.Workers = _Here  # type: ignore[misc]
    inputs = Inputs({"penn-action": chosen.penn_action}, SourceOptions())
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        place = Path(scratch)
        for kind in ("zarr", "hdf5"):
            with _measured(f"preprocess, {kind}"):
                build.preprocess(inputs, place / kind, BuildConfig(), kind, 1, progress=False)
        # The model with the shortest step: protection weighs most there.
        config = TrainConfig("deciwatch", "1.1", max_epochs=2, max_steps=chosen.steps, device="cpu")
        with open_store(place / "zarr") as store, _measured(f"train, {chosen.steps} steps"):
            train(config, store, place / "runs", bars=False)


@contextmanager
def _measured(title: str) -> Iterator[None]:
    spent: Counter[str] = Counter()
    began = time.perf_counter()
    with _timed(spent):
        yield
    total = time.perf_counter() - began
    told = ", ".join(f"{kind} {seconds:.2f} s" for kind, seconds in sorted(spent.items()))
    share = sum(spent.values()) / total
    print(f"{title}: {total:.1f} s in all; {told}: {share:.1%}", flush=True)


if __name__ == "__main__":
    main()
