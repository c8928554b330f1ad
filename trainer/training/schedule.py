"""The learning rate, and when training stops: the thesis's rule, or one cycle."""

import math
from dataclasses import dataclass
from typing import Protocol

from pose_smoother.errors import unknown_name
from trainer.settings import SCHEDULES

#: Consecutive epochs without a new lowest validation loss until the learning rate falls.
PATIENCE_REDUCE = 5
#: ... and until training stops.
PATIENCE_STOP = 10
REDUCE_FACTOR = 0.1
#: Share of the steps in which one cycle's rate rises, and its first and last rate as shares of
#: the highest.
RISE = 0.1
FIRST_RATE, LAST_RATE = 0.04, 1e-4


@dataclass(frozen=True)
class Decision:
    """The consequence of one epoch: the learning rate just fell, or training stops."""

    reduce: bool
    stop: bool


class Schedule(Protocol):
    """A dataclass whose fields are its complete state, so that a checkpoint can hold it."""

    def rate(self, step: int) -> float:
        """The learning rate of a training step, counted from 0 over all epochs."""

    def after_epoch(self, val_loss: float) -> Decision:
        """Count one finished epoch."""


@dataclass
class PlateauSchedule:
    """Counts the consecutive epochs that do not strictly beat the lowest validation loss.

    The 5th such epoch lowers the learning rate to a tenth, the 10th stops training. (torch's
    ``ReduceLROnPlateau(patience=5)`` would act on the 6th.)

    Attributes
    ----------
    learning_rate : the rate of the coming epoch.
    lowest_loss : the loss to beat; infinite before the first epoch.
    n_epochs_without : consecutive epochs that did not beat it.

    Source: thesis section 1.2.3; DESIGN section 8.
    """

    learning_rate: float
    lowest_loss: float = math.inf
    n_epochs_without: int = 0

    def rate(self, step: int) -> float:
        """The same for all steps of an epoch."""
        del step
        return self.learning_rate

    def after_epoch(self, val_loss: float) -> Decision:
        """Count one finished epoch; a loss that is not finite never beats anything."""
        if math.isfinite(val_loss) and val_loss < self.lowest_loss:
            self.lowest_loss, self.n_epochs_without = val_loss, 0
        else:
            self.n_epochs_without += 1
        reduce = self.n_epochs_without == PATIENCE_REDUCE
        if reduce:
            self.learning_rate *= REDUCE_FACTOR
        return Decision(reduce, self.n_epochs_without >= PATIENCE_STOP)


@dataclass
class OneCycle:
    """Rises to the highest rate and falls along half a cosine to nearly nothing at the last step.

    It never stops early: what the last, slow epochs gain is the point of it.

    Attributes
    ----------
    learning_rate : the highest.
    n_steps : of the complete training.

    Source: Smith and Topin 2019, "Super-convergence", in the form of torch's ``OneCycleLR``.
    """

    learning_rate: float
    n_steps: int

    def rate(self, step: int) -> float:
        """The learning rate of a step; after the last step that of the last."""
        last_rise = max(RISE * self.n_steps - 1, 1)
        if step < last_rise:
            share = _half_cosine(step / last_rise)
            return self.learning_rate * (1 + (FIRST_RATE - 1) * share)
        fallen = min((step - last_rise) / max(self.n_steps - 1 - last_rise, 1), 1.0)
        return self.learning_rate * (LAST_RATE + (1 - LAST_RATE) * _half_cosine(fallen))

    def after_epoch(self, val_loss: float) -> Decision:
        """Nothing follows: the number of epochs was fixed from the start."""
        del val_loss
        return Decision(reduce=False, stop=False)


def new_schedule(name: str, learning_rate: float, n_steps: int) -> PlateauSchedule | OneCycle:
    """A schedule by name, at its start.

    Raises
    ------
    InvalidInputError : an unknown name.
    """
    if name == "plateau":
        return PlateauSchedule(learning_rate)
    if name == "one-cycle":
        return OneCycle(learning_rate, n_steps)
    raise unknown_name("schedule", name, SCHEDULES)


def epoch_lengths(n_batches: int, max_epochs: int, budget_steps: int | None) -> tuple[int, int]:
    """How many epochs a run has at most, and how many steps all of them have.

    Parameters
    ----------
    n_batches : training batches of an epoch.
    max_epochs : of a run without a budget.
    budget_steps : steps of the run; its last epoch is as short as they require.
    """
    if budget_steps is None:
        return max_epochs, max_epochs * n_batches
    return -(-budget_steps // n_batches), budget_steps


def _half_cosine(share: float) -> float:
    """From 1 at 0 to 0 at 1."""
    return (1 + math.cos(math.pi * share)) / 2
