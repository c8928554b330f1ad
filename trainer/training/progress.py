"""Progress: bars on a terminal, one line an epoch in a file."""

import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from torch import Tensor
from tqdm import tqdm

from pose_smoother.progress_bars import bars_hidden, can_redraw

_log = logging.getLogger(__name__)
_REFRESH_S = 0.5  # reading a loss waits for the device, so it is read seldom


class Progress:
    """Bars over epochs and batches on a terminal; elsewhere one log line an epoch.

    Parameters
    ----------
    run : what is trained, for the bar's caption.
    n_epochs, n_done : epochs at most, and those finished before a resume.
    bars : None asks whether stderr is a terminal.
    on_epoch : called with each epoch's row of ``history.csv``, too.
    """

    def __init__(
        self,
        run: str,
        n_epochs: int,
        n_done: int = 0,
        bars: bool | None = None,
        on_epoch: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._n_epochs = n_epochs
        self._on_epoch = on_epoch
        self._bars = not bars_hidden() if bars is None else bars
        self._nested = self._bars and (bars is True or can_redraw())
        self._epochs = tqdm(
            total=n_epochs, initial=n_done, desc=run, unit="epoch", disable=not self._bars
        )
        self._batches: tqdm | None = None
        self._refreshed = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end_batches()
        self._epochs.close()

    def start_batches(self, caption: str, n_batches: int, n_done: int = 0) -> None:
        """Begin a pass over batches."""
        self.end_batches()
        self._batches = tqdm(
            total=n_batches,
            initial=n_done,
            desc=caption,
            unit="batch",
            leave=False,
            disable=not self._nested,
        )

    def batch(self, loss: Tensor) -> None:
        """One batch is done; its loss (a scalar on the device) is shown about twice a second."""
        assert self._batches is not None
        self._batches.update()
        now = time.monotonic()
        if self._bars and now - self._refreshed > _REFRESH_S:
            self._batches.set_postfix_str(f"loss {float(loss):.4g}")
            self._refreshed = now

    def end_batches(self) -> None:
        """Take the batches' bar away."""
        if self._batches is not None:
            self._batches.close()
            self._batches = None

    def epoch(self, row: Mapping[str, Any], seconds: float) -> None:
        """One epoch is done: ``row`` is its row of ``history.csv``."""
        self.end_batches()
        text = (
            f"train loss {row['train_loss']:.5g}, val loss {row['val_loss']:.5g}, "
            f"val PCK@0.2 {row['val_pck_0.2']:.2f}"
        )
        self._epochs.set_postfix_str(text)
        self._epochs.update()
        if self._on_epoch is not None:
            self._on_epoch(row)
        if not self._bars:
            _log.info(
                "epoch %d/%d: %s, val error %.3f px, learning rate %g, %.1f s",
                row["epoch"],
                self._n_epochs,
                text,
                row["val_error_px"],
                row["learning_rate"],
                seconds,
            )
