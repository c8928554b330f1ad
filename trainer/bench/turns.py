"""Timing a loop of this project against a bare one: a turn of each, as long as it is let."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from pose_smoother.bench.timing import Timings
from trainer.training.progress import Progress

WHOLE, BARE = "whole", "bare"


class Enough(Exception):
    """As many turns as asked for were timed."""


class Turns:
    """Called at the end of each step of a loop: takes its time, and then times the bare step.

    The loop itself is neither changed nor copied: what is timed is what runs.

    Parameters
    ----------
    bare : the step to compare with.
    device : waited for before the clock is read.
    turns : timed turns, after ``warmups`` that are not kept.
    budget_s : no further turn is begun after as long. If the first warm-up alone took it, the next
        turn is timed, and is the last.
    """

    def __init__(
        self,
        bare: Callable[[], object],
        device: torch.device,
        turns: int,
        warmups: int = 2,
        budget_s: float = 60.0,
    ) -> None:
        self._bare, self._device = bare, device
        self._left, self._warmups = turns, warmups
        self._clock: dict[str, list[float]] = {WHOLE: [], BARE: []}
        self._cpu_clock: dict[str, list[float]] = {WHOLE: [], BARE: []}
        self._until = time.perf_counter() + budget_s
        self._mark, self._cpu_mark = self._now()

    @property
    def timings(self) -> Timings:
        """The turns so far: "whole" and "bare"."""
        return Timings(self._clock, self._cpu_clock)

    def __call__(self, loss: Tensor) -> None:
        """One step of the loop is done.

        Raises
        ------
        Enough : it was the last that was asked for.
        """
        del loss
        ended, cpu_ended = self._now()
        self._bare()
        bare_ended, cpu_bare_ended = self._now()
        is_over = bare_ended > self._until
        if self._warmups > 0:
            self._warmups = 0 if is_over else self._warmups - 1
        else:
            self._clock[WHOLE].append(ended - self._mark)
            self._clock[BARE].append(bare_ended - ended)
            self._cpu_clock[WHOLE].append(cpu_ended - self._cpu_mark)
            self._cpu_clock[BARE].append(cpu_bare_ended - cpu_ended)
            self._left -= 1
            if self._left <= 0 or is_over:
                raise Enough
        self.begin()

    def begin(self) -> None:
        """A loop starts, or goes on after something else: the clocks are set."""
        self._mark, self._cpu_mark = self._now()

    def _now(self) -> tuple[float, float]:
        """Seconds of the wall's clock, and of this process's processor time."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter(), time.process_time()


class TurnsOfSteps(Progress):
    """Receives the progress of a training; validation is not timed."""

    def __init__(self, turns: Turns) -> None:
        super().__init__("bench", 1, bars=False)
        self._turns, self._training = turns, False

    def start_batches(self, caption: str, n_batches: int, n_done: int = 0) -> None:
        """Begin a pass; those that validate between epochs are let through."""
        super().start_batches(caption, n_batches, n_done)
        self._training = caption.endswith("training")
        self._turns.begin()

    def batch(self, loss: Tensor) -> None:
        """One batch is done."""
        if self._training:
            self._turns(loss)
