"""The input itself: what doing nothing scores."""

from pose_smoother.filters.base import Floats, Params, Run, Windows
from pose_smoother.filters.parameters import Parameter

NAME = "identity"
LABEL = "Identity function"
PARAMETERS: dict[str, Parameter] = {}
WORKS_IN_BLOCKS = True
TABLE_ROW = 0
GRID: tuple[Params, ...] = ({},)


def smooth_windows(noisy: Windows) -> Windows:
    """A copy of float32 (N, T, K, 2)."""
    return noisy.copy()


def smooth_run(run: Run) -> Floats:
    """A copy of the positions."""
    return run.positions.copy()
