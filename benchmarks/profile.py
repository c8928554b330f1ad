"""Where an epoch's time goes, model by model: shares of reading, passes, optimizer, metrics.

    python -m benchmarks.profile --store STORE --out benchmarks/results/profile.csv

The training that is profiled is the real one, with clocks put around its parts; an epoch is as many
training and validation batches as the store has. What is left over (seeds, checks that numbers are
finite, Python) is "other". About three minutes on a quiet machine; a bi-ConvLSTM takes most of it.
"""

import argparse
import csv
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import trainer.evaluation.evaluate
from pose_smoother.bench.goals import machine_words, versions_words
from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
from trainer.bench.turns import Enough
from trainer.models import models
from trainer.runs.signals import Interrupt
from trainer.training.config import TrainConfig, train_config
from trainer.training.loop import Training
from trainer.training.progress import Progress
from trainer.training.train import n_threads, prepare_memory

COLUMNS = ("model", "batch", "phase", "part", "ms_per_batch", "share_of_epoch", "conditions")
_WARM = 2  # batches that are not counted


class Clocks:
    """Seconds by (phase, part). Parts don't overlap."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], float] = defaultdict(float)
        self.phase = "training"

    def around(self, part: str, run: Callable[..., Any]) -> Callable[..., Any]:
        """A function that does the same and is timed."""

        def timed(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return run(*arguments, **named)
            finally:
                self.seconds[self.phase, part] += time.perf_counter() - begun

        return timed

    def batches(self, part: str, epoch: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        """A stream's ``epoch`` whose every batch is timed."""

        def timed(*arguments: Any, **named: Any) -> Iterator[Any]:
            each = epoch(*arguments, **named)
            taken = self.around(part, each.__next__)
            try:
                while True:
                    yield taken()
            except StopIteration:
                return
            finally:
                each.close()

        return timed


class Counted(Progress):
    """Counts batches, forgets the first ones' times, and ends the epoch after enough of both."""

    def __init__(self, clocks: Clocks, n_batches: int) -> None:
        super().__init__("profile", 1, bars=False)
        self._clocks, self._n = clocks, n_batches
        self._done, self._begun = 0, 0.0

    def start_batches(self, caption: str, n_batches: int, n_done: int = 0) -> None:
        """Training, or validation, begins."""
        super().start_batches(caption, n_batches, n_done)
        self._clocks.phase, self._done = caption.rpartition(" ")[2], 0

    def batch(self, loss: Tensor) -> None:
        """One batch is done; after the last, the phase's mean seconds are known."""
        self._done += 1
        now, clocks = time.perf_counter(), self._clocks
        if self._done == _WARM:
            self._begun = now
            for key in [key for key in clocks.seconds if key[0] == clocks.phase]:
                del clocks.seconds[key]
        if self._done == _WARM + self._n:
            clocks.seconds[clocks.phase, "all"] = now - self._begun
            if clocks.phase == "validation":
                raise Enough


@contextmanager
def clocks_around(training: Training, clocks: Clocks, n_batches: int) -> Iterator[None]:
    """Put clocks around a training's parts for a while."""
    backward, score = Tensor.backward, trainer.evaluation.evaluate._Judge._score
    positions, at_once = (
        trainer.evaluation.evaluate.positions_px,
        trainer.evaluation.evaluate.AT_ONCE,
    )
    training.batch_loss = clocks.around("forward and loss", training.batch_loss)
    for stream in (training.train, training.val):
        stream.epoch = clocks.batches("reading, noise, rendering", stream.epoch)  # type: ignore
    step = clocks.around("optimizer", training.optimizer.step)
    training.optimizer.step = step  # type: ignore[method-assign]
    Tensor.backward = clocks.around("backward", backward)  # type: ignore[method-assign]
    scored = clocks.around("metrics", score)
    trainer.evaluation.evaluate._Judge._score = scored  # type: ignore[method-assign]
    trainer.evaluation.evaluate.positions_px = clocks.around("metrics", positions)
    few = max(1, n_batches // 2) * training.config.batch_size
    trainer.evaluation.evaluate.AT_ONCE = min(at_once, few)
    try:
        yield
    finally:
        Tensor.backward = backward  # type: ignore[method-assign]
        trainer.evaluation.evaluate._Judge._score = score  # type: ignore[method-assign]
        trainer.evaluation.evaluate.positions_px = positions
        trainer.evaluation.evaluate.AT_ONCE = at_once


def profile(config: TrainConfig, store: Store, n_batches: int) -> list[dict[str, object]]:
    """Rows of the table for one model."""
    torch.set_num_threads(n_threads(config) or torch.get_num_threads())
    prepare_memory(config)
    clocks = Clocks()
    with tempfile.TemporaryDirectory() as folder:
        training = Training(config, store, Path(folder))
        n_each = {"training": training.train.n_batches, "validation": training.val.n_batches}
        n_batches = max(1, min(n_batches, *(n - _WARM for n in n_each.values())))
        training.n_batches = n_batches + _WARM
        with clocks_around(training, clocks, n_batches), suppress(Enough):
            training.run(Counted(clocks, n_batches), Interrupt(), 1e9)
    means = {key: seconds / n_batches for key, seconds in clocks.seconds.items()}
    for phase in n_each:
        whole = means.pop((phase, "all"))
        known = sum(mean for (of, _), mean in means.items() if of == phase)
        means[phase, "other"] = max(0.0, whole - known)
    epoch_s = sum(mean * n_each[phase] for (phase, _), mean in means.items())
    threads = f"{torch.get_num_threads()} threads, {config.resolved_precision}"
    conditions = f"{threads}; {machine_words()}; {versions_words('torch', 'numpy')}"
    return [
        {
            "model": config.model,
            "batch": config.batch_size,
            "phase": phase,
            "part": part,
            "ms_per_batch": f"{1e3 * mean:.3f}",
            "share_of_epoch": f"{mean * n_each[phase] / epoch_s:.4f}",
            "conditions": conditions,
        }
        for (phase, part), mean in sorted(means.items())
    ]


def main() -> None:
    """Print the rows, and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=list(models()))
    parser.add_argument("--seconds", type=float, default=20.0, help="of training steps, about")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    #: Seconds a batch, about, on two cores: how many batches to take.
    about_s = {"3dconv": 0.5, "biconvlstm-c": 7.0, "biconvlstm-s": 7.0, "resmlp": 0.5}
    rows: list[dict[str, object]] = []
    with open_store(args.store) as store:
        for name in args.models:
            config = train_config(name, "1.1", device=args.device)
            n_batches = max(2, min(200, round(args.seconds / about_s.get(name, 0.04))))
            for row in profile(config, store, n_batches):
                rows.append(row)
                cells = (row["model"], row["phase"], row["part"], row["ms_per_batch"])
                print(*cells, row["share_of_epoch"], sep="\t", flush=True)
    if args.out:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
