"""One training step: reproducible dropout, and no step at all from a number that is not finite."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pose_smoother.seeds import DROPOUT, INITIAL_WEIGHTS
from trainer.data.stream import Batch
from trainer.models import BatchLoss
from trainer.training.precision import computing_in

_BETAS = (0.9, 0.999)  # thesis section 1.2.3
_LOOK_EVERY_ON_GPU = 50  # steps between looks: each look waits for the device


class FirstBad:
    """The first batch whose numbers were not all finite, kept on the device until asked for."""

    def __init__(self, device: torch.device) -> None:
        self._index = torch.full((), -1, dtype=torch.int64, device=device)

    def note(self, finite: Tensor, index: int) -> None:
        """Remember ``index`` when ``finite`` (bool, scalar) is false for the first time."""
        is_first = ~finite & (self._index < 0)
        self._index = torch.where(is_first, index, self._index)

    def index(self) -> int | None:
        """The first bad batch; waits for the device."""
        index = int(self._index)
        return None if index < 0 else index


class NonFiniteError(ArithmeticError):
    """A loss or gradient was not finite; the weights are those from before ``batch``."""

    def __init__(self, batch: int) -> None:
        super().__init__(f"not finite in batch {batch}")
        self.batch = batch


def set_seed(seed: int, purpose: int, epoch: int = 0, index: int = 0) -> None:
    """Put torch's generators, on every device, to one named position."""
    words = np.random.SeedSequence((seed, purpose, epoch, index)).generate_state(1, np.uint64)
    torch.manual_seed(int(words[0]))


def initial_model(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A model whose weights depend on the seed alone."""
    set_seed(seed, INITIAL_WEIGHTS)
    return build()


def make_optimizer(model: nn.Module, learning_rate: float) -> torch.optim.Adam:
    """Adam as in the thesis; fused, for only that form skips a step by a flag on the device."""
    return torch.optim.Adam(model.parameters(), lr=learning_rate, betas=_BETAS, fused=True)


class Stepper:
    """Trains a model batch by batch within one epoch.

    Whether loss and gradients are finite is decided on the device, and the optimizer skips the
    step there; the host looks at every step on the CPU, and now and then on a GPU.

    Parameters
    ----------
    seed, epoch : with the batch's number they name its dropout.
    precision : of the matrix products, "float32" or "bfloat16".
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Adam,
        batch_loss: BatchLoss,
        *,
        seed: int,
        epoch: int,
        precision: str = "float32",
    ) -> None:
        self._model, self._precision = model, precision
        self._optimizer = optimizer
        self._batch_loss = batch_loss
        self._seed, self._epoch = seed, epoch
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        device = self._device = self._parameters[0].device
        self._bad = FirstBad(device)
        self._scale = torch.ones((), device=device)
        self._look_every = 1 if device.type == "cpu" else _LOOK_EVERY_ON_GPU

    def step(self, batch: Batch, index: int) -> Tensor:
        """Train on one batch; the detached loss, still on the device.

        Raises
        ------
        NonFiniteError : the loss or a gradient of this batch, or of one since the last look, was
            not
            finite; the optimizer did not act on it.
        """
        set_seed(self._seed, DROPOUT, self._epoch, index)
        self._optimizer.zero_grad(set_to_none=True)
        with computing_in(self._precision, self._device):
            loss, _ = self._batch_loss(self._model, batch)
        loss.backward()
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        # As torch.amp's GradScaler does it, at a scale of 1: a look at each gradient, in half the
        # time of a norm; and a fused optimizer does nothing where found_inf is 1.
        found_inf = (~loss.detach().isfinite()).float()
        torch._amp_foreach_non_finite_check_and_unscale_(gradients, found_inf, self._scale)
        self._bad.note(found_inf == 0, index)
        self._optimizer.found_inf = found_inf  # type: ignore[attr-defined]
        self._optimizer.step()
        if (index + 1) % self._look_every == 0:
            self.look()
        return loss.detach()

    def look(self) -> None:
        """Raise NonFiniteError if any batch so far was bad; waits for the device."""
        index = self._bad.index()
        if index is not None:
            raise NonFiniteError(index)


def bad_windows(model: nn.Module, batch: Batch, batch_loss: BatchLoss) -> list[int]:
    """Positions in the batch of the windows whose own loss is not finite; all when none is."""
    found = []
    model.eval()
    with torch.inference_mode():
        for position in range(len(batch.window)):
            loss, _ = batch_loss(model, _one_window(batch, position))
            if not loss.isfinite():
                found.append(position)
    return found or list(range(len(batch.window)))


def _one_window(batch: Batch, position: int) -> Batch:
    row = slice(position, position + 1)
    parts: list[Any] = [getattr(batch, field.name) for field in fields(batch)]
    one: list[Any] = [None if part is None else part[row] for part in parts]
    return Batch(*one)
