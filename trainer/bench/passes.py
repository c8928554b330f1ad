"""Validation and test, metrics included, against the forward pass alone."""

from contextlib import suppress
from itertools import count

import torch

from pose_smoother.bench.timing import Timings
from pose_smoother.store.store import Store
from trainer.bench.steps import resident_batch
from trainer.bench.turns import Enough, Turns
from trainer.evaluation.evaluate import evaluate
from trainer.models import model_module
from trainer.models.codec import model_input
from trainer.models.precision import computing_in
from trainer.training.config import TrainConfig, open_stream
from trainer.training.final_test import REFERENCES
from trainer.training.losses import batch_loss_of
from trainer.training.model_setup import new_model


def pass_timings(
    config: TrainConfig,
    store: Store,
    split: str,
    turns: int,
    budget_s: float = 60.0,
    bare_windows: int | None = None,
) -> Timings:
    """Batches of a validation or test pass as ``trainer train`` makes it, and bare ones.

    The bare one is the model's forward pass on a resident input. A test pass also smooths and
    scores the two references, and computes in float32.

    Parameters
    ----------
    bare_windows : of one bare forward pass: as many as a batch has, or a multiple, which is then
        made once in as many turns.
    """
    module, is_test = model_module(config.model), split == "test"
    model = new_model(config).eval()
    given = model_input(resident_batch(config, store, split), module.CONSUMES)
    precision = "float32" if is_test else config.resolved_precision
    every = max(1, (bare_windows or config.batch_size) // config.batch_size)
    given = torch.cat([given] * every)
    turn = count()

    def bare() -> None:
        if next(turn) % every:
            return
        with torch.inference_mode(), computing_in(precision, config.torch_device):
            model(given)

    clock = Turns(bare, config.torch_device, turns, budget_s=budget_s)
    with suppress(Enough):
        while True:  # a small store's pass may be over before
            clock.begin()
            evaluate(
                model,
                open_stream(config, store, split),
                batch_loss_of(config.loss, module),
                config.missing_torso,
                references=REFERENCES if is_test else None,
                precision=precision,
                on_batch=clock,
            )
    return clock.timings
