"""Dropout that does not depend on how a batch is shared out among processes.

A mask is drawn for the complete batch, from the seed and position of the batch, and each process
uses its own rows of it. So 1 x 16 and 2 x 8 windows are trained with the same masks.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_DRAW = torch.ops.aten.bernoulli_.float


class SharedDropout(TorchDispatchMode):
    """While entered, masks on the CPU are drawn for a complete batch and cut to some rows of it.

    Tensors whose first axis is not the share's length are left alone. On a CPU every dropout, that
    of attention too, is a ``bernoulli_`` of a mask; on a GPU masks are made inside fused kernels.

    Parameters
    ----------
    rows : this process's part of the batch.
    n_rows : of the complete batch.
    """

    def __init__(self, rows: slice, n_rows: int) -> None:
        super().__init__()
        self._rows, self._n_rows = rows, n_rows

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation; only the drawing of a mask is changed."""
        del types
        kwargs = kwargs or {}
        if func is _DRAW and len(args[0]) == self._rows.stop - self._rows.start:
            mask: Tensor = args[0]
            complete = mask.new_empty((self._n_rows, *mask.shape[1:]))
            return mask.copy_(func(complete, *args[1:], **kwargs)[self._rows])
        return func(*args, **kwargs)
