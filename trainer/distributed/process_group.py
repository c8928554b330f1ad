"""The processes of one run, and what they exchange.

All that is exchanged is small, except the gradients (``trainer.distributed.loss``): whether to
stop, sums of scores, the checkpoint at the start. Everything here goes through gloo on the host,
whatever the device, so that no step waits for a GPU; gradients and losses go by the device's own.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from pose_smoother.errors import PoseSmootherError, RunError

Value = TypeVar("Value")


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those of a run.

    Attributes
    ----------
    rank : its number; number 0 alone writes files, prints, and decides.
    world_size : how many there are.
    processes : (host, process id) of each, by rank.
    """

    rank: int = 0
    world_size: int = 1
    processes: tuple[tuple[str, int], ...] = ()

    @property
    def is_single(self) -> bool:
        """Whether this is the only process: then nothing here does anything."""
        return self.world_size == 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def shard(self, n: int) -> slice:
        """This process's part of ``n`` things: parts are contiguous, and differ by one at most."""
        return slice(n * self.rank // self.world_size, n * (self.rank + 1) // self.world_size)

    def sync_stop(self, signum: int | None, save: bool = False) -> tuple[int | None, bool]:
        """Agree on what follows: stop if any process got a signal, save if the first one asks.

        Returns
        -------
        The signal (the highest, where several differ), and whether to save.
        """
        if self.is_single:
            return signum, save
        request = torch.tensor(2 * (signum or 0) + (save and self.is_main))
        dist.all_reduce(request, dist.ReduceOp.MAX)
        number, is_time = divmod(int(request), 2)
        return number or None, bool(is_time)

    def total(self, own: NDArray[Any]) -> NDArray[Any]:
        """The sum over all processes of an array, int64 or float64; the same bits for each."""
        if self.is_single:
            return own
        both = torch.from_numpy(np.array(own))
        dist.all_reduce(both)
        return both.numpy()

    def all_gather(self, own: Value) -> list[Value]:
        """Everyone's value, by rank."""
        if self.is_single:
            return [own]
        all_values: list[Any] = [None] * self.world_size
        dist.all_gather_object(all_values, own)
        return all_values

    def run_on_main(self, act: Callable[[], Value]) -> Value:
        """What the first process's ``act`` gives, for all; others don't act.

        Raises
        ------
        PoseSmootherError : the first one's; others raise a RunError of the same text, so
            that none of them waits.
        """
        if self.is_single:
            return act()
        result: list[Any] = [None]
        if self.is_main:
            try:
                result = [(act(), None)]
            except PoseSmootherError as error:
                dist.broadcast_object_list([(None, str(error))], src=0)
                raise
        dist.broadcast_object_list(result, src=0)
        value, failed = result[0]
        if failed is not None:
            raise RunError(failed)
        return value

    def ended_ranks(self) -> list[int]:
        """The ranks of this machine's processes that have ended."""
        here = socket.gethostname()
        return [
            rank
            for rank, (host, pid) in enumerate(self.processes)
            if host == here and not _is_alive(pid)
        ]


SINGLE_PROCESS = ProcessGroup()


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """The sum of a tensor on any device over all processes, in a new one."""
    total = tensor.clone()
    dist.all_reduce(total)
    return total


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
