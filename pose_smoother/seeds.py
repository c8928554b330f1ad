"""Seeds of random streams: the integers that name the purpose of each.

A stream is ``default_rng((seed, purpose, epoch, index))``: always four integers, and never the
number of a process, worker or rank: any order of work gives the same numbers (DESIGN section 12).
"""

import numpy as np

SAMPLE = 1
SPLIT = 2
WINDOW_ORDER = 3
BOX_JITTER = 4
TRAIN_ORDER = 5
TRAIN_NOISE = 6
VAL_NOISE = 7
TEST_NOISE = 8
INITIAL_WEIGHTS = 9
DROPOUT = 10
BOOTSTRAP = 11
AUGMENTATION = 12
WINDOW_SHARE = 13

SPLIT_NOISE = {"train": TRAIN_NOISE, "val": VAL_NOISE, "test": TEST_NOISE}


def rng(seed: int, purpose: int, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """The random generator of one purpose at one position."""
    return np.random.default_rng((seed, purpose, epoch, index))
