"""LOESS: local polynomials, weighted by nearness (Cleveland 1979)."""

import numpy as np

from pose_smoother.filters.base import Floats, Run
from pose_smoother.filters.parameters import MOST_FRAMES, Parameter

NAME = "loess"
LABEL = "LOESS"
PARAMETERS = {
    "width_frames": Parameter(9, "frames fitted", most=MOST_FRAMES, whole=True, odd=True),
    "polyorder": Parameter(1, "order of the polynomial", most=3, zero=True, whole=True),
}


def smooth_run(run: Run, *, width_frames: int, polyorder: int) -> Floats:
    """A polynomial with tricube weights through the known frames around each frame.

    The weight of a frame d frames away is (1 - |d / h|^3)^3 with h = (width_frames + 1) / 2: the
    outermost frames count, too. Where no more frames are known than the polynomial has terms,
    nothing is smoothed.
    """
    present = run.present
    n_frames, n_terms = len(present), polyorder + 1
    half, reach = width_frames // 2, (width_frames + 1) / 2
    pad = np.zeros((half, *run.positions.shape[1:]))
    known = np.concatenate([pad[..., 0], present, pad[..., 0]])
    values = np.concatenate([pad, np.where(present[..., None], run.positions, 0.0), pad])
    moments = np.zeros((*present.shape, 2 * n_terms - 1))
    products = np.zeros((*present.shape, n_terms, run.positions.shape[-1]))
    n_known = np.zeros(present.shape)
    for lag in range(-half, half + 1):
        rows = slice(half + lag, half + lag + n_frames)
        share = (1.0 - abs(lag / reach) ** 3) ** 3
        powers = (lag / reach) ** np.arange(2 * n_terms - 1)
        moments += share * known[rows, :, None] * powers
        products += share * powers[:n_terms, None] * values[rows, :, None]
        n_known += known[rows]
    index = np.add.outer(np.arange(n_terms), np.arange(n_terms))
    enough = n_known > n_terms
    matrix = np.where(enough[..., None, None], moments[..., index], np.eye(n_terms))
    fitted = np.linalg.solve(matrix, products)[..., 0, :]
    return np.where(enough[..., None], fitted, run.positions)
