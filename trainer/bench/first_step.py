"""The trainer's program, ended by its first training step: to time its start from outside.

python -m trainer.bench.first_step train --model deciwatch --exp 1.1 --store STORE --out FOLDER
"""

import os
import runpy

from torch import Tensor

from trainer.training.progress import Progress


def _exit(self: Progress, loss: Tensor) -> None:
    del self
    float(loss)  # waits for the device
    os._exit(0)  # at once: the time in which an interpreter cleans up is not measured


if __name__ == "__main__":
    Progress.batch = _exit  # type: ignore[method-assign]
    runpy.run_module("trainer", run_name="__main__")  # python -m trainer, with these arguments
