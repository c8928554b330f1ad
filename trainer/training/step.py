"""One training step: reproducible dropout, and no step at all from a number that is not finite."""

import torch
from torch import Tensor, nn

from pose_smoother.seeds import DROPOUT
from trainer.data.stream import Batch
from trainer.models import BatchLoss
from trainer.models.nonfinite import FirstBad, NonFiniteError
from trainer.models.precision import computing_in
from trainer.models.torch_seed import set_seed

_BETAS = (0.9, 0.999)  # thesis section 1.2.3
_LOOK_EVERY_ON_GPU = 50  # steps between looks: each look waits for the device


def make_optimizer(model: nn.Module, learning_rate: float) -> torch.optim.Adam:
    """Adam as in the thesis; fused, for only that form skips a step by a flag on the device."""
    return torch.optim.Adam(model.parameters(), lr=learning_rate, betas=_BETAS, fused=True)


class Stepper:
    """Trains a model batch by batch within one epoch.

    Whether loss and gradients are finite is decided on the device, and the optimizer skips the
    step there; the host looks at every step on the CPU, and every 50th on a GPU.

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
            not finite; the optimizer did not act on it.
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
