"""What torchrun passes to a process in its environment; read before torch is imported."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pose_smoother.errors import Interrupted, InvalidInputError, PoseSmootherError


def n_processes() -> int:
    """Processes that torchrun started for this command; 1 without it.

    Raises
    ------
    InvalidInputError : the environment holds half of what torchrun sets.
    """
    if "RANK" not in os.environ:
        return 1
    return _number("WORLD_SIZE")


def rank() -> int:
    """This process's number among them."""
    return _number("RANK") if "RANK" in os.environ else 0


def local_rank() -> int:
    """Its number among those of this machine: which of its GPUs it takes."""
    return _number("LOCAL_RANK")


def _number(name: str) -> int:
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        raise InvalidInputError(
            f"RANK is set and {name} is not a number: start several processes by torchrun, "
            "or unset RANK"
        ) from None


@contextmanager
def quiet_but_first() -> Iterator[None]:
    """Let only the first process print its log and its errors; the others exit with the same code.

    They report what the first one can't know: a defect of their own, or that the first one ended.
    """
    if rank() == 0:
        yield
        return
    logging.getLogger().setLevel(logging.ERROR)
    try:
        yield
    except Interrupted as interrupted:
        sys.exit(interrupted.exit_code)
    except PoseSmootherError as error:
        if getattr(error, "reported_elsewhere", True):
            sys.exit(1)
        raise
