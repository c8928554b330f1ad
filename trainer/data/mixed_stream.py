"""Two streams' training batches in turn: new windows, and old ones to avoid forgetting them."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import cast

from torch import Tensor

from trainer.data.stream import Batch, WindowStream


class MixedStream:
    """Batches of two training streams in turn, half and half.

    Each epoch is one of the first stream's; the second continues where it was, through new epochs
    of its own as often as needed, whether it is longer or shorter.

    Parameters
    ----------
    first, second : training streams on one device; clip rows of the second's batches come after
        those of the first.

    Attributes
    ----------
    n_windows, n_batches : how many an epoch has, of both together.
    split : of the first stream.
    """

    def __init__(self, first: WindowStream, second: WindowStream) -> None:
        self.first, self.second = first, second
        self.split = first.split
        self.n_batches = 2 * first.n_batches
        # Its last batch may be smaller and is left out, so that every epoch has as many windows.
        self._n_second = max(second.n_windows // second.batch_size, 1)
        per_batch = min(second.batch_size, second.n_windows)
        self.n_windows = first.n_windows + first.n_batches * per_batch

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from ``start_batch`` on; the first stream's come first."""
        with (
            closing(_closable(self.first.epoch(epoch, (start_batch + 1) // 2))) as own,
            closing(self._continued(epoch, start_batch // 2)) as extra,
        ):
            for index in range(start_batch, self.n_batches):
                if index % 2 == 0:
                    yield next(own)
                else:
                    batch = next(extra)
                    yield replace(batch, clip=batch.clip + self.first.clip_count)

    def clip_ids(self, clip: Tensor) -> list[str]:
        """The names of clips by their rows in batches, each once."""
        n = self.first.clip_count
        return self.first.clip_ids(clip[clip < n]) + self.second.clip_ids(clip[clip >= n] - n)

    def _continued(self, epoch: int, start: int) -> Generator[Batch]:
        """The second stream from where the first's epoch begins, ``start`` batches on."""
        done, start = divmod((epoch - 1) * self.first.n_batches + start, self._n_second)
        while True:
            with closing(_closable(self.second.epoch(done + 1, start))) as batches:
                for _ in range(start, self._n_second):
                    yield next(batches)
            done, start = done + 1, 0


def _closable(batches: Iterator[Batch]) -> Generator[Batch]:
    """Streams give generators: closing one stops its reading thread."""
    return cast("Generator[Batch]", batches)
