"""A command of the trainer that ends, well, at its first step: to time its start from outside.

python -m trainer.bench.first_step train --model deciwatch --exp 1.1 --store STORE --out FOLDER
"""

import os
import sys

from torch import Tensor

from trainer.cli import main
from trainer.training.progress import Progress


def _leave(self: Progress, loss: Tensor) -> None:
    del self
    float(loss)  # waits for the device
    os._exit(0)  # at once: how long an interpreter takes to tidy up is not asked


if __name__ == "__main__":
    Progress.batch = _leave  # type: ignore[method-assign]
    main(sys.argv[1:])
