"""Positions of torch's random generators, and initial weights that depend on the seed alone."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from pose_smoother.seeds import INITIAL_WEIGHTS


def set_seed(seed: int, purpose: int, epoch: int = 0, index: int = 0) -> None:
    """Put torch's generators, on every device, to one named position."""
    words = np.random.SeedSequence((seed, purpose, epoch, index)).generate_state(1, np.uint64)
    torch.manual_seed(int(words[0]))


def initial_model(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A model whose weights depend on the seed alone."""
    set_seed(seed, INITIAL_WEIGHTS)
    return build()
