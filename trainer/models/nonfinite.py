"""Numbers that are not finite: the first batch that had one, and the clips it comes from."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from typing import Any, cast

import torch
from torch import Tensor, nn

from pose_smoother.errors import RunError
from trainer.data.batch import Batch
from trainer.data.mixed_stream import MixedStream
from trainer.data.stream import WindowStream
from trainer.models import BatchLoss


class NonFiniteError(ArithmeticError):
    """A loss or gradient was not finite; the weights are those from before ``batch``."""

    def __init__(self, batch: int) -> None:
        super().__init__(f"not finite in batch {batch}")
        self.batch = batch


class FirstBad:
    """The first batch whose numbers were not all finite, on the device until it is asked for."""

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


@contextmanager
def explain_nonfinite(
    stream: WindowStream | MixedStream,
    epoch: int,
    model: nn.Module,
    batch_loss: BatchLoss,
    where: str,
) -> Iterator[None]:
    """Turn NonFiniteError into an error that names split, batch and clips.

    Parameters
    ----------
    stream, epoch : what the body reads; the bad batch is read again.
    where : what the error begins with.

    Raises
    ------
    RunError : in place of NonFiniteError.
    """
    try:
        yield
    except NonFiniteError as error:
        with closing_batches(stream.epoch(epoch, error.batch)) as batches:
            batch = next(batches)
            at_fault = bad_windows(model, batch, batch_loss)
        ids = stream.clip_ids(batch.clip[at_fault])
        raise RunError(
            f"{where}, {stream.split} batch {error.batch}, clips {', '.join(ids)}; "
            "training stopped before that step"
        ) from None


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


def closing_batches(batches: Iterator[Batch]) -> "closing[Generator[Batch]]":
    """A context that closes batches at its end: that stops the thread that reads the stream."""
    return closing(cast("Generator[Batch]", batches))


def _one_window(batch: Batch, position: int) -> Batch:
    row = slice(position, position + 1)
    parts: list[Any] = [getattr(batch, field.name) for field in fields(batch)]
    one: list[Any] = [None if part is None else part[row] for part in parts]
    return Batch(*one)
