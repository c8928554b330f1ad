"""Runs that one process and several make alike. As a module it is two processes that make them.

They are forked, for torchrun and each of its processes would import torch alone: ``e2e`` starts it.
"""

import importlib
import os
import socket
import sys
from pathlib import Path

import torch
from torch import nn

from pose_smoother.filters.mean import smooth_windows as mean
from pose_smoother.store.store import Store
from tests.trainer.fake_store import make_store
from trainer.distributed.evaluate import evaluate_together
from trainer.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from trainer.distributed.setup import joined
from trainer.models import model_module
from trainer.training.config import TrainConfig, open_stream
from trainer.training.losses import batch_loss_of
from trainer.training.model_setup import new_model
from trainer.training.train import train

_SHARED = {"device": "cpu", "precision": "float32", "threads": 1}
#: Of the odd batches one process takes a window more; resmlp's last one has a single window, so one
#: process has none. Few steps: Adam divides by the gradient's size, so what rounding does to the
#: smallest gradients grows, and at a kink (ReLU) suddenly, as with another number of threads.
CONFIGS = (
    TrainConfig("deciwatch", "2.1", batch_size=5, max_epochs=1, max_steps=3, **_SHARED),
    TrainConfig(
        "resmlp", "1.3", batch_size=27, max_epochs=2, loss="likelihood", augment="poses", **_SHARED
    ),
    TrainConfig("3dconv", "1.1", batch_size=3, max_epochs=2, max_steps=2, **_SHARED),
    TrainConfig(
        "3dconv", "1.2", batch_size=3, max_epochs=1, max_steps=2, targets="stored", **_SHARED
    ),
)


def a_store() -> Store:
    """A small store: 28 training windows at step 2."""
    return make_store(n_clips=9, n_frames=15)


def make_all(folder: Path, ranks: ProcessGroup = SINGLE_PROCESS) -> None:
    """All runs, and the scores of untrained models."""
    store = a_store()
    for config in CONFIGS:
        train(config, store, folder, ranks=ranks)
        stream = open_stream(config, store, "test")
        judged = evaluate_together(
            ranks,
            new_model(config),
            stream,
            batch_loss_of(config.loss, model_module(config.model)),
            "skip",
            references={"mean": mean},
        )
        if ranks.is_main:
            judged.scores.save(folder / f"untrained-{config.run_name}.npz")
            judged.references["mean"].save(folder / f"mean-{config.run_name}.npz")
    poisoned(store, folder, ranks)


class Poison(nn.Module):
    """Gives a loss that is not finite for one of the windows."""

    def forward(self, coordinates: torch.Tensor) -> torch.Tensor:
        return coordinates


def poisoned(store: Store, folder: Path, ranks: ProcessGroup) -> None:
    """What is raised when the judged loss of one batch, of one process, is not finite."""
    config = CONFIGS[0]
    stream = open_stream(config, store, "test")
    bad_window = int(stream.frames.windows[-1])

    def loss(model: nn.Module, batch):
        is_bad = (batch.window == bad_window).any()
        value = torch.tensor(float("nan")) if is_bad else torch.tensor(0.0)
        return value, torch.zeros(len(batch.window), 5, 50)

    try:
        evaluate_together(ranks, Poison(), stream, loss, "skip")
    except ArithmeticError as error:
        (folder / f"poisoned-{ranks.rank}.txt").write_text(str(error))


def main(folder: Path) -> None:
    """What each of the two processes makes."""
    with joined("cpu") as group:
        make_all(folder, group)
    tasks = Path("/proc/self/task").glob("*/comm")  # nothing where a system has no such folder
    threads = sorted(task.read_text().strip() for task in tasks)
    (folder / f"threads-{group.rank}.txt").write_text("\n".join(threads))


if __name__ == "__main__":
    importlib.import_module("torch._dynamo")  # the first optimizer imports it
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    other = os.fork()
    os.environ |= dict.fromkeys(("RANK", "LOCAL_RANK"), "0" if other else "1")
    main(Path(sys.argv[1]))
    if other:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]))
