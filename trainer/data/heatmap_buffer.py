"""Memory for a batch's heatmaps that is kept from batch to batch, and drawing into it."""

import torch
from torch import Tensor

from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import N_KEYPOINTS
from trainer.data.impulse_renderer import ImpulseRenderer
from trainer.data.render import column_runs, render, response_tables


class HeatmapBuffer:
    """Heatmaps of a batch, drawn over those of the batch before.

    Fresh memory would cost more than drawing. On the CPU small impulses are written and cleared
    again by what they fill; else all pixels are written, but those of keypoints that are never
    present.

    Parameters
    ----------
    shape : (B, T) of the largest batch; B = 0 needs no memory.
    sigmas_px : what impulses can be smeared with.
    drawn : bool (K,), which keypoints can be present.
    device : where.

    Attributes
    ----------
    maps : float32 (B, T, K, 56, 56). Whoever writes into it draws nothing, or the next drawing
        would not clear it.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        sigmas_px: tuple[float, ...],
        drawn: Tensor,
        device: torch.device | str = "cpu",
    ) -> None:
        self.maps = torch.zeros((*shape, N_KEYPOINTS, SIZE, SIZE), device=device)
        self._tables = response_tables(sigmas_px, device)
        self._columns = column_runs(drawn)
        self._kept = None
        if (
            self.maps.numel()
            and self.maps.device.type == "cpu"
            and ImpulseRenderer.pays(self._tables)
        ):
            self._kept = ImpulseRenderer(self.maps, self._tables)

    def draw(self, positions: Tensor, present: Tensor, sigma_index: Tensor | None) -> Tensor:
        """Heatmaps as by ``trainer.data.render.render``: the first rows of ``maps``."""
        if self._kept is not None:
            return self._kept.draw(positions, present, sigma_index)
        out = self.maps[: len(present)]
        return render(positions, present, sigma_index, self._tables, out, self._columns)
