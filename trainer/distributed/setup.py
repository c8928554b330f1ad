"""Joining the group of processes that torchrun started, and reports of one that dies."""

import importlib
import logging
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from pose_smoother.errors import InvalidInputError, RunError
from trainer.distributed.environment import local_rank, n_processes, rank
from trainer.distributed.process_group import SINGLE_PROCESS, ProcessGroup

#: How long one process may keep the others waiting. A block of a store may take 300 s to be read.
TIMEOUT = timedelta(minutes=10)
_DETECTED_S = 3.0  # torchrun looks after its processes ten times a second
_LOST = re.compile(r"gloo|nccl|connection|timed? ?out|broken pipe|socket|peer", re.IGNORECASE)


class ProcessLostError(RunError):
    """Another process of the run is gone, or does not answer.

    Attributes
    ----------
    reported_elsewhere : whether the first process is alive, which reports the same.
    """

    def __init__(self, text: str, reported_elsewhere: bool) -> None:
        super().__init__(text)
        self.reported_elsewhere = reported_elsewhere


@contextmanager
def joined(device: str) -> Iterator[ProcessGroup]:
    """The processes of this run while the body runs; ``SINGLE_PROCESS`` without torchrun, or with
    one.

    Parameters
    ----------
    device : "auto", "cpu" or "cuda", as in ``TrainConfig``. On GPUs each process takes the one of
        its number.

    Raises
    ------
    InvalidInputError : more processes than GPUs.
    ProcessLostError : others did not come.
    """
    if n_processes() == 1:
        yield SINGLE_PROCESS
        return
    backend = "gloo"
    if device != "cpu" and torch.cuda.is_available():
        if local_rank() >= torch.cuda.device_count():
            raise InvalidInputError(
                f"{local_rank() + 1} or more processes on a machine with "
                f"{torch.cuda.device_count()} GPUs: give torchrun --nproc-per-node as many"
            )
        torch.cuda.set_device(local_rank())
        backend = "cpu:gloo,cuda:nccl"
    logging.getLogger("torch.distributed").setLevel(logging.ERROR)
    # Its functions' default group is the one that exists when it is imported. Imported later, by
    # DistributedDataParallel, it kept the group's threads alive until the interpreter ended, which
    # now and then aborted the process ("terminate called without an active exception").
    importlib.import_module("torch.distributed.nn.functional")
    with report_lost_process(ProcessGroup(rank(), n_processes())):
        dist.init_process_group(backend, timeout=TIMEOUT)
        me = ProcessGroup(rank(), n_processes())
        ranks = ProcessGroup(
            me.rank, me.world_size, tuple(me.all_gather((socket.gethostname(), os.getpid())))
        )
    yield ranks
    dist.destroy_process_group()  # after an error the process's end does it: others may not answer


@contextmanager
def report_lost_process(ranks: ProcessGroup) -> Iterator[None]:
    """Turn what a torn connection raises into an error that says which process ended.

    Raises
    ------
    ProcessLostError : another process ended, or kept this one waiting for ``TIMEOUT``.
    """
    try:
        yield
    except RuntimeError as error:
        if ranks.is_single or not _LOST.search(str(error)):
            raise
        raise _lost(ranks, str(error)) from None


def _lost(ranks: ProcessGroup, message: str) -> ProcessLostError:
    deadline = time.monotonic() + _DETECTED_S
    while not (ended := ranks.ended_ranks()) and time.monotonic() < deadline:
        time.sleep(0.1)
    if ended:
        who = ", ".join(f"rank {r} (process {ranks.processes[r][1]})" for r in ended)
        text = f"{who} of {ranks.world_size} ended, so all stop"
    else:
        reason = " ".join(message.split())[-120:]
        text = (
            f"one of {ranks.world_size} does not answer rank {ranks.rank}, so all stop ({reason})"
        )
    text += "; the same command continues from the last checkpoint"
    return ProcessLostError(text, reported_elsewhere=not ranks.is_main and 0 not in ended)
