"""Which clips a number that is not finite comes from."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import cast

from torch import nn

from pose_smoother.errors import RunError
from trainer.data.batch import Batch
from trainer.data.mixed_stream import MixedStream
from trainer.data.stream import WindowStream
from trainer.models import BatchLoss
from trainer.training.step import NonFiniteError, bad_windows


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
        with closed(stream.epoch(epoch, error.batch)) as batches:
            batch = next(batches)
            at_fault = bad_windows(model, batch, batch_loss)
        ids = stream.clip_ids(batch.clip[at_fault])
        raise RunError(
            f"{where}, {stream.split} batch {error.batch}, clips {', '.join(ids)}; "
            "training stopped before that step"
        ) from None


def closed(batches: Iterator[Batch]) -> "closing[Generator[Batch]]":
    """Batches that are closed in so many words: that stops the stream's reading thread."""
    return closing(cast("Generator[Batch]", batches))
