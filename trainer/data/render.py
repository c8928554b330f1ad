"""Heatmaps on the device: each is the outer product of two rows of a response table.

``pose_smoother.heatmap`` renders the stored ground truth with numpy; this is the same
arithmetic in torch, for several sigmas at once (DESIGN section 5).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pose_smoother.heatmap import IMPULSE, SIZE, response_table

_SHORT_GAP = 2
_ABSENT_ROW = SIZE  # one row more than there are pixels: all zeros


@dataclass(frozen=True)
class Tables:
    """One-dimensional responses for several sigmas.

    Attributes
    ----------
    x : float32 (S * 57, 56): row 57 s + p is the Gaussian with sigma s of a unit impulse at p.
    y : the same, of a 255 impulse. In both, row 57 s + 56 is zero: the row of no keypoint.
    """

    x: Tensor
    y: Tensor


def response_tables(sigmas_px: tuple[float, ...], device: torch.device | str = "cpu") -> Tables:
    """The tables of some sigmas, in their order."""
    responses = np.zeros((len(sigmas_px), SIZE + 1, SIZE))
    for i, sigma_px in enumerate(sigmas_px):
        responses[i, :SIZE] = response_table(sigma_px)
    rows = responses.reshape(-1, SIZE)
    return Tables(
        x=torch.from_numpy(rows.astype(np.float32)).to(device),
        y=torch.from_numpy((IMPULSE * rows).astype(np.float32)).to(device),
    )


def render(
    positions: Tensor,
    present: Tensor,
    sigma_index: Tensor | None,
    tables: Tables,
    out: Tensor | None = None,
    columns: tuple[slice, ...] = (slice(None),),
) -> Tensor:
    """Heatmaps of keypoints at whole pixels.

    Parameters
    ----------
    positions : int64 (..., K, 2) as (x, y) in 0 ... 55; read only where present.
    present : bool (...); where False the heatmap is all zeros.
    sigma_index : int64 (...), which of the tables' sigmas; None is the first for all.
    tables : from ``response_tables``, on the same device.
    out : float32 (..., K, 56, 56), written in place when given.
    columns : the keypoints that are written; those of others in ``out`` stay as they are, so they
        must be zero, and their keypoints never present.

    Returns
    -------
    float32 (..., K, 56 y, 56 x): bit for bit ``pose_smoother.heatmap.render`` of that sigma, so
    within float32 rounding of ``scipy.ndimage.gaussian_filter`` of a 255 impulse.
    """
    rows = torch.where(present.unsqueeze(-1), positions, _ABSENT_ROW)
    if sigma_index is not None:
        rows += (SIZE + 1) * sigma_index.unsqueeze(-1)
    rows_x = tables.x[rows[..., 0]].unsqueeze(-2)
    rows_y = tables.y[rows[..., 1]].unsqueeze(-1)
    if out is None:
        return torch.mul(rows_y, rows_x)
    for run in columns:
        here = (..., run, slice(None), slice(None))
        torch.mul(rows_y[here], rows_x[here], out=out[here])
    return out


def column_runs(present: Tensor) -> tuple[slice, ...]:
    """The columns of keypoints that are present anywhere, as a few slices.

    Half of the 25 keypoints are in no frame of a dataset: leaving their zeros alone halves what is
    written. Short gaps are written along: a slice more costs more than they do.

    Parameters
    ----------
    present : bool (K,).
    """
    here = present.nonzero().flatten().tolist()
    runs: list[slice] = []
    for column in here:
        if runs and column - runs[-1].stop <= _SHORT_GAP:
            runs[-1] = slice(runs[-1].start, column + 1)
        else:
            runs.append(slice(column, column + 1))
    return tuple(runs)
