"""When the learning rate falls and when training stops (thesis section 1.2.3; DESIGN section 8)."""

import math
from dataclasses import dataclass

#: Consecutive epochs without a new lowest validation loss until the learning rate falls.
PATIENCE_REDUCE = 5
#: ... and until training stops.
PATIENCE_STOP = 10
REDUCE_FACTOR = 0.1


@dataclass(frozen=True)
class Decision:
    """What follows from one epoch: the learning rate just fell, or training stops."""

    reduce: bool
    stop: bool


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
    """

    learning_rate: float
    lowest_loss: float = math.inf
    n_epochs_without: int = 0

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
