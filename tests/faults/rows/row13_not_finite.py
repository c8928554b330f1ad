"""Row 13: NaN and infinity in data, loss and gradient; training stops before the step."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pose_smoother.errors import PoseSmootherError
from tests.faults.harness import Attempt
from tests.trainer.fake_store import FakeStore, make_store
from trainer.runs import checkpoint
from trainer.training import loop
from trainer.training.config import TrainConfig
from trainer.training.train import train

NUMBER, FAULT = 13, "NaN and infinity in data, loss, gradient"
TRIES, SHARE = 150, 6
_WAYS = ("loss", "gradient", "data")


@dataclass
class Ready:
    """A store in memory."""

    store: FakeStore


class _BadGradient(torch.autograd.Function):
    """Passes numbers on, and sends bad ones back."""

    @staticmethod
    def forward(context: Any, value: torch.Tensor, bad: float) -> torch.Tensor:
        context.bad = bad
        return value.clone()

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> Any:
        return gradients[0] * context.bad, None


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Ready:
    """Ten clips, the first six for training."""
    del folder
    return Ready(make_store(n_clips=10, n_frames=16))


class _Poisoned:
    """A store with one heatmap value that is not finite."""

    def __init__(self, store: FakeStore, frame: int, bad: float) -> None:
        self._store, self._frame, self._bad = store, frame, bad

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, split: str, name: str, start: int = 0, stop: int | None = None) -> Any:
        rows = self._store.read(split, name, start, stop)
        if name == "heatmaps" and split == "train" and start <= self._frame < start + len(rows):
            rows = rows.copy()
            rows[self._frame - start, 3, 20, 20] = self._bad
        return rows


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Put one bad number somewhere in the second epoch (or the data), and train."""
    way, bad = _WAYS[index % len(_WAYS)], (math.nan, math.inf, -math.inf)[int(rng.integers(3))]
    case, found = f"{way} {bad}", Attempt()
    store: Any = ready.store
    clips = ready.store.read("train", "clip")[ready.store.windows("train", 1)]
    clip, seen = int(rng.choice(np.unique(clips))), dict[str, Any]()
    model = "3dconv" if way == "data" else "deciwatch"
    config = TrainConfig(
        model,
        "1.1",
        max_epochs=2,
        batch_size=8,
        device="cpu",
        max_steps=4 if way == "data" else None,
        targets="stored" if way == "data" else "auto",
    )
    if way == "data":
        store = _Poisoned(ready.store, int(rng.integers(ready.store.n_frames("train"))), bad)
    real = loop.batch_loss_of

    def poisoned_of(*arguments: Any) -> Any:
        batch_loss = real(*arguments)

        def poisoned(network: Any, batch: Any) -> Any:
            loss, output = batch_loss(network, batch)
            if way == "data" or not (batch.clip == clip).any():
                return loss, output
            seen["before"] = {k: t.clone() for k, t in network.state_dict().items()}
            seen["model"] = network
            return (
                (_BadGradient.apply(loss, bad), output)
                if way == "gradient"
                else (loss * bad, output)
            )

        return poisoned

    loop.batch_loss_of = poisoned_of
    error = ""
    try:
        train(config, store, folder, checkpoint_minutes=0)
    except PoseSmootherError as caught:
        error = str(caught)
    finally:
        loop.batch_loss_of = real
    if way == "data":
        if "train/heatmaps" not in error or "not finite" not in error or "shard" not in error:
            found.problems.append(f"{case}: {error!r}")
        return found
    name = ready.store.clips["id"][clip]
    for text in (config.run_name, "epoch 1", "train batch", "clips", name):
        if text not in error:
            found.problems.append(f"{case}: {text!r} is not in {error!r}")
    after = seen["model"].state_dict() if seen else {}
    if not after or not all(torch.equal(t, seen["before"][k]) for k, t in after.items()):
        found.problems.append(f"{case}: the weights changed")
    saved = checkpoint.load_last(folder / config.run_name)
    if saved and not all(t.isfinite().all() for t in saved["model"].values()):
        found.problems.append(f"{case}: a bad number was saved")
    return found
