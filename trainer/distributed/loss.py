"""The loss of a batch, computed by several processes, a part of its windows each.

``DistributedDataParallel`` averages the processes' gradients. A part's loss is a mean over its
windows, so each is weighted by its windows times the number of processes over the batch's windows:
then the average is the gradient of the batch's mean, however uneven the parts are.
"""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.parallel import DistributedDataParallel

from pose_smoother.errors import InvalidInputError
from trainer.data.stream import Batch
from trainer.distributed.dropout import SharedDropout
from trainer.distributed.process_group import ProcessGroup, sum_over_ranks
from trainer.models import BatchLoss
from trainer.models.torch_seed import set_seed


class SharedLoss:
    """A ``BatchLoss`` of the complete batch from this process's part of it; every process calls it.

    The loss it gives has the complete batch's value, the same for all processes, so all of
    them find the same batch not to be finite. Its gradient is this process's part.

    Parameters
    ----------
    model : every process has the same weights.
    batch_loss : the mean over the windows given.

    Raises
    ------
    InvalidInputError : the model's result for a window depends on the other windows (batch
        normalisation).
    """

    def __init__(self, model: nn.Module, batch_loss: BatchLoss, ranks: ProcessGroup) -> None:
        if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules()):
            raise InvalidInputError(
                "a model with batch normalisation can't be trained by several processes"
            )
        self._ranks = ranks
        with warnings.catch_warnings():
            # Newer torches have another name for it, which 2.6 does not know.
            warnings.filterwarnings("ignore", "`broadcast_buffers`", FutureWarning)
            self._module = DistributedDataParallel(
                _Loss(model, batch_loss), broadcast_buffers=False, gradient_as_bucket_view=True
            )
        self._has_dropout = any(isinstance(m, nn.Dropout) and m.p > 0 for m in model.modules())
        self._n_windows = 0

    def expect(self, n_windows: int) -> None:
        """Set how many windows the next batch has, over all processes."""
        self._n_windows = n_windows

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """(loss of the complete batch, this process's output)."""
        del model  # it is in the module, which prepares the exchange of gradients
        own = self._own(batch)
        weight = len(batch.window) / self._n_windows
        return _Whole.apply(own, weight, self._ranks.world_size), own.detach()

    def _own(self, batch: Batch) -> Tensor:
        """The mean loss of this process's windows, its dropout as in the complete batch."""
        if not self._has_dropout:
            return self._module(batch)
        if batch.window.device.type == "cpu":
            with SharedDropout(self._ranks.shard(self._n_windows), self._n_windows):
                return self._module(batch)
        # Fused kernels draw by position in the part: other masks for each process, at least.
        set_seed(torch.initial_seed() % 2**63, self._ranks.rank)
        return self._module(batch)


class _Loss(nn.Module):
    """The loss as a module: what is exchanged is the gradient of whatever its forward reads."""

    def __init__(self, model: nn.Module, batch_loss: BatchLoss) -> None:
        super().__init__()
        self.model = model
        self._batch_loss = batch_loss

    def forward(self, batch: Batch) -> Tensor:
        """Mean over the batch's windows; without any it is 0, and so is every gradient."""
        if not len(batch.window):
            return 0.0 * torch.stack([p.sum() for p in self.model.parameters()]).sum()
        return self._batch_loss(self.model, batch)[0]


class _Whole(torch.autograd.Function):
    """The weighted sum of all processes' losses; each gets the gradient of its own term."""

    @staticmethod
    def forward(ctx: FunctionCtx, own: Tensor, weight: float, world: int) -> Tensor:
        """Scalar; float64 in between, so that the order of summing hardly matters."""
        ctx.scale = weight * world  # type: ignore[attr-defined]
        return sum_over_ranks(own.double() * weight).to(own.dtype)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Any) -> tuple[Tensor, None, None]:
        """Times the number of processes, for the exchange takes the mean."""
        return gradients[0] * ctx.scale, None, None  # type: ignore[attr-defined]
