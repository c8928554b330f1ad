"""The whole training step against forward, backward and optimizer on a resident batch."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import functional

from pose_smoother.bench.timing import Timings
from pose_smoother.store.store import Store
from trainer.bench.turns import Enough, Turns, TurnsOfSteps
from trainer.data.stream import Batch
from trainer.models import model_module
from trainer.models.codec import model_input, model_target
from trainer.models.precision import computing_in
from trainer.runs.signals import Interrupt
from trainer.training.config import TrainConfig, open_stream
from trainer.training.loop import Training
from trainer.training.losses import batch_loss_of
from trainer.training.model_setup import new_model
from trainer.training.step import make_optimizer

_CHECKPOINT_MINUTES = 1e9  # none while the clock runs


def resident_batch(config: TrainConfig, store: Store, split: str = "train") -> Batch:
    """One batch of a run, in memory of its own."""
    batch = next(iter(open_stream(config, store, split).epoch(1)))
    parts: dict[str, Any] = {field.name: getattr(batch, field.name) for field in fields(batch)}
    own: dict[str, Any] = {n: None if part is None else part.clone() for n, part in parts.items()}
    return replace(batch, **own)


def bare_step(config: TrainConfig, batch: Batch) -> Callable[[], Tensor]:
    """Forward, loss, backward and Adam on tensors that are there already, and nothing else.

    The mean squared error is torch's own, without a mask; another loss is the model's own.
    """
    module = model_module(config.model)
    model = new_model(config).train()
    optimizer = make_optimizer(model, config.learning_rate)
    given, wanted = model_input(batch, module.CONSUMES), model_target(batch, module.CONSUMES)[0]
    batch_loss = None if config.loss == "mse" else batch_loss_of(config.loss, module)

    def step() -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        with computing_in(config.resolved_precision, config.torch_device):
            if batch_loss is None:
                loss = functional.mse_loss(model(given).float(), wanted)
            else:
                loss = batch_loss(model, batch)[0]
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def step_timings(config: TrainConfig, store: Store, turns: int, budget_s: float = 60.0) -> Timings:
    """Steps of ``trainer train`` and bare ones, in turn."""
    bare = bare_step(config, resident_batch(config, store))
    with tempfile.TemporaryDirectory() as folder:
        training = Training(config, store, Path(folder))
        clock = Turns(bare, config.torch_device, turns, budget_s=budget_s)
        with suppress(Enough):
            training.run(TurnsOfSteps(clock), Interrupt(), _CHECKPOINT_MINUTES)
    return clock.timings
