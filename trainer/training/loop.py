"""One run's training: epochs, checkpoints, and the stopping rule (DESIGN section 8)."""

import math
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, closing
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from pose_smoother.errors import RunError
from pose_smoother.store.store import Store
from trainer.data.mixed_stream import MixedStream
from trainer.data.stream import Batch, WindowStream
from trainer.distributed.evaluate import evaluate_together
from trainer.distributed.loss import SharedLoss
from trainer.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from trainer.evaluation.evaluate import Evaluation
from trainer.metrics.scorer import ALPHAS
from trainer.metrics.scores import pck, value
from trainer.models import model_module
from trainer.models.nonfinite import closing_batches, explain_nonfinite
from trainer.runs import checkpoint
from trainer.runs.layout import HISTORY, HISTORY_KINDS, TIMING, TIMING_KINDS
from trainer.runs.results_io import damage_reported, write_csv
from trainer.runs.signals import Interrupt, raise_if_interrupted
from trainer.training.config import TrainConfig, open_stream
from trainer.training.losses import batch_loss_of
from trainer.training.model_setup import new_model
from trainer.training.progress import Progress
from trainer.training.schedule import epoch_lengths, new_schedule
from trainer.training.step import Stepper, make_optimizer
from trainer.training.warm_start import WarmStart

_SAVED = (
    "epoch",
    "next_batch",
    "loss_sum",
    "train_seconds",
    "history",
    "timing",
    "best",
    "done",
)


class Training:
    """One run's model, optimizer and position in its training, saved and restored together.

    Attributes
    ----------
    start : the trained model that it starts from, or None.
    ranks : the processes that train together; all have the same state, the first writes it to disk.
    epoch, next_batch : where training continues; epochs count from 1.
    loss_sum : sum over this epoch's windows so far, float64 on the device.
    history, timing : a row for each finished epoch.
    best : epoch, validation PCK@0.2 and weights of the best epoch so far; 0 is the model at start.
    n_epochs, n_steps : how many epochs and steps there are at most, or by the budget.
    done : whether the stopping rule ended training, or the budget is spent.
    """

    def __init__(
        self,
        config: TrainConfig,
        store: Store,
        folder: Path,
        start: WarmStart | None = None,
        ranks: ProcessGroup = SINGLE_PROCESS,
    ) -> None:
        self.config, self.store, self.folder, self.start = config, store, folder, start
        self.ranks = ranks
        self.model = new_model(config)
        if start is not None:
            self.model.load_state_dict(start.weights)
        self.batch_loss = batch_loss_of(config.loss, model_module(config.model))
        self.shared_loss = None
        if not ranks.is_single:
            self.shared_loss = SharedLoss(self.model, self.batch_loss, ranks)
        self.optimizer = make_optimizer(self.model, config.learning_rate)
        self.train: WindowStream | MixedStream = open_stream(config, store, "train")
        self.val = open_stream(config, store, "val")
        if start is not None and start.extra_stream is not None:
            self.train = MixedStream(self.train, start.extra_stream)
        self.n_batches = min(self.train.n_batches, config.max_steps or self.train.n_batches)
        self.n_epochs, self.n_steps = epoch_lengths(
            self.n_batches, config.max_epochs, config.budget_steps
        )
        self.schedule = new_schedule(config.schedule, config.learning_rate, self.n_steps)
        self.epoch, self.next_batch = 1, 0
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=config.torch_device)
        self.train_seconds = 0.0
        self.history: list[dict[str, Any]] = []
        self.timing: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None
        self.done = False

    @property
    def n_parameters(self) -> int:
        """Trained numbers of the model."""
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)

    def save(self) -> None:
        """Write ``last.pt``; the previous one is preserved."""
        if self.ranks.is_main:
            checkpoint.save_last(self.folder, self._state())

    def save_finished(self) -> None:
        """Write ``last.pt`` a last time, without the best weights: ``best.pt`` has them."""
        if not self.ranks.is_main:
            return
        best = {name: value for name, value in (self.best or {}).items() if name != "model"}
        checkpoint.remove_checkpoints(self.folder, (checkpoint.PREVIOUS,))
        checkpoint.write_checkpoint(self.folder / checkpoint.LAST, {**self._state(), "best": best})

    def _state(self) -> dict[str, Any]:
        """Everything that training continues from."""
        return {
            **{name: getattr(self, name) for name in _SAVED},
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": asdict(self.schedule),
        }

    def restore(self) -> bool:
        """Continue from the newest valid checkpoint; False when there is none."""
        device = self.config.torch_device
        at = device if self.ranks.is_single else "cpu"  # sent to the others, who have other devices
        saved = self.ranks.run_on_main(lambda: checkpoint.load_last(self.folder, at))
        if saved is None:
            return False
        with damage_reported(self.folder / checkpoint.LAST):
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.schedule = type(self.schedule)(**saved["schedule"])
            for name in _SAVED:
                setattr(self, name, saved[name])
            self.loss_sum = self.loss_sum.to(device)
            has_weights = self.best is None or "model" in self.best
        self._write_tables()
        if has_weights:
            self._write_best()
        else:  # of a finished run
            best = self.folder / checkpoint.BEST
            self.best = self.ranks.run_on_main(lambda: checkpoint.read_checkpoint(best, at))
        return True

    def run(self, progress: Progress, interrupt: Interrupt, checkpoint_minutes: float) -> None:
        """Train until the stopping rule ends training or the budget is spent.

        Raises
        ------
        Interrupted : a signal came; everything is saved.
        RunError : a number was not finite, or there is nothing to measure PCK by.
        """
        if self.start is not None and self.best is None:
            self._evaluate_start(progress, interrupt)
        while not self.done:
            self._train_epoch(progress, interrupt, checkpoint_minutes)
            self._finish_epoch(progress, interrupt)

    def _train_epoch(
        self, progress: Progress, interrupt: Interrupt, checkpoint_minutes: float
    ) -> None:
        """Train the remaining steps of an epoch."""
        self.model.train()
        stepper = Stepper(
            self.model,
            self.optimizer,
            self.shared_loss or self.batch_loss,
            seed=self.config.seed,
            epoch=self.epoch,
            precision=self.config.resolved_precision,
        )
        n_batches = self._epoch_batches()
        progress.start_batches(f"epoch {self.epoch}, training", n_batches, self.next_batch)
        now = saved = time.monotonic()
        with (
            self._explaining_nonfinite(self.train, self.epoch),
            self._shares(self.epoch, self.next_batch) as batches,
        ):
            for batch in islice(batches, n_batches - self.next_batch):
                for group in self.optimizer.param_groups:
                    group["lr"] = self._rate(self.next_batch)
                n_windows = self._expect(batch)
                loss = stepper.step(batch, self.next_batch)
                self.loss_sum += loss * n_windows
                self.next_batch += 1
                progress.batch(loss)
                before, now = now, time.monotonic()
                self.train_seconds += now - before
                is_due = now - saved > 60 * checkpoint_minutes
                signum, is_due = self.ranks.sync_stop(interrupt.signum, is_due)
                if signum is not None or is_due:
                    stepper.look()
                    self.save()
                    saved = now
                    raise_if_interrupted(signum)
            stepper.look()

    def _finish_epoch(self, progress: Progress, interrupt: Interrupt) -> None:
        """Evaluate the epoch, decide what follows, save."""
        started = time.monotonic()
        evaluation = self._validate(progress, interrupt)
        row = self._history_row(evaluation)
        decision = self.schedule.after_epoch(evaluation.loss)
        row["learning_rate_reduced"] = int(decision.reduce)
        seconds = {"train_seconds": self.train_seconds, "val_seconds": time.monotonic() - started}
        self.history.append(row)
        self.timing.append({"epoch": self.epoch, **seconds})
        is_best = self.best is None or row["val_pck_0.2"] > self.best["val_pck_0.2"]
        if is_best:
            self._save_as_best(self.epoch, row["val_pck_0.2"])
        has_budget = self.config.budget_steps is not None
        self.done = (decision.stop and not has_budget) or self.epoch >= self.n_epochs
        self.epoch, self.next_batch, self.train_seconds = self.epoch + 1, 0, 0.0
        self.loss_sum = torch.zeros_like(self.loss_sum)
        self.save()
        self._write_tables()
        if is_best:
            self._write_best()
        progress.epoch(row, sum(seconds.values()))
        raise_if_interrupted(self.ranks.sync_stop(interrupt.signum)[0])

    def _evaluate_start(self, progress: Progress, interrupt: Interrupt) -> None:
        """Evaluate the model at its start as epoch 0: later epochs are compared with it."""
        evaluation = self._validate(progress, interrupt)
        self.schedule.after_epoch(evaluation.loss)
        self._save_as_best(0, pck(evaluation.scores, 0.2))
        self._write_best()

    def _save_as_best(self, epoch: int, val_pck: float) -> None:
        self.best = {
            "config": asdict(self.config),
            "epoch": epoch,
            "val_pck_0.2": val_pck,
            "model": {name: t.clone() for name, t in self.model.state_dict().items()},
        }

    def _validate(self, progress: Progress, interrupt: Interrupt) -> Evaluation:
        """The validation pass; interrupted, it is done again from its start."""
        progress.start_batches(f"epoch {self.epoch}, validation", self.val.n_batches)

        def on_batch(loss: torch.Tensor) -> None:
            progress.batch(loss)
            signum, _ = self.ranks.sync_stop(interrupt.signum)
            if signum is not None:
                self.save()
                raise_if_interrupted(signum)

        with self._explaining_nonfinite(self.val, 0):
            evaluation = evaluate_together(
                self.ranks,
                self.model,
                self.val,
                self.batch_loss,
                self.config.missing_torso,
                precision=self.config.resolved_precision,
                on_batch=on_batch,
            )
        if math.isnan(pck(evaluation.scores, 0.2)):
            raise RunError(
                "no validation frame has a torso to measure PCK by with --missing-torso "
                f"{self.config.missing_torso}: try one-side, or preprocess more clips"
            )
        return evaluation

    def _history_row(self, evaluation: Evaluation) -> dict[str, Any]:
        n_batches = self._epoch_batches()
        n_windows = min(self.train.n_windows, n_batches * self.config.batch_size)
        return {
            "epoch": self.epoch,
            "train_loss": float(self.loss_sum) / n_windows,
            "val_loss": evaluation.loss,
            **{f"val_pck_{alpha}": pck(evaluation.scores, alpha) for alpha in ALPHAS},
            "val_error_px": value(evaluation.scores, "error_px"),
            "learning_rate": self._rate(n_batches - 1),
        }

    def _epoch_batches(self) -> int:
        """Training batches of this epoch: the last one of a budget is shorter."""
        return min(self.n_batches, self.n_steps - (self.epoch - 1) * self.n_batches)

    def _rate(self, batch: int) -> float:
        """The learning rate of a batch of this epoch."""
        return self.schedule.rate((self.epoch - 1) * self.n_batches + batch)

    def _shares(self, epoch: int, start: int) -> "closing[Generator[Batch]]":
        """This process's part of every batch."""
        if isinstance(self.train, MixedStream) or self.ranks.is_single:
            return closing_batches(self.train.epoch(epoch, start))
        return closing_batches(self.train.epoch(epoch, start, self.ranks.shard))

    def _expect(self, batch: Batch) -> int:
        """The number of windows of the next batch, over all processes."""
        if self.shared_loss is None:
            return len(batch.window)
        size = self.config.batch_size
        n_windows = min(size, self.train.n_windows - self.next_batch * size)
        self.shared_loss.expect(n_windows)
        return n_windows

    def _write_tables(self) -> None:
        if not self.ranks.is_main:
            return
        write_csv(self.folder / HISTORY, list(HISTORY_KINDS), self.history)
        write_csv(self.folder / TIMING, list(TIMING_KINDS), self.timing)

    def _write_best(self) -> None:
        if self.best is not None and self.ranks.is_main:
            checkpoint.write_checkpoint(self.folder / checkpoint.BEST, self.best)

    def _explaining_nonfinite(
        self, stream: WindowStream | MixedStream, epoch: int
    ) -> AbstractContextManager[None]:
        where = f"{self.config.run_name}: a loss or gradient is not finite in epoch {self.epoch}"
        return explain_nonfinite(stream, epoch, self.model, self.batch_loss, where)
