"""Memory for the heatmaps of a batch that is used again for the next one."""

import torch
from torch import Tensor

from pose_smoother.heatmap import SIZE
from pose_smoother.impulse_renderer import ImpulseRenderer
from pose_smoother.skeleton import N_KEYPOINTS
from trainer.data.render import column_runs, render, response_tables


class HeatmapBuffer:
    """Heatmaps of a batch, drawn over those of the batch before.

    New memory would cost more than drawing. On the CPU only what small impulses fill is written,
    and cleared again; else all pixels are written, except those of keypoints that are never
    present.

    Parameters
    ----------
    shape : (B, T) of the largest batch; B = 0 needs no memory.
    sigmas_px : the blurs that impulses can have.
    drawn : bool (K,), which keypoints can be present.
    device : where.

    Attributes
    ----------
    maps : float32 (B, T, K, 56, 56). A caller that writes into it must not draw: the next drawing
        would not clear what was written.
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
        self._impulses = None
        on_cpu = self.maps.numel() and self.maps.device.type == "cpu"
        if on_cpu and ImpulseRenderer.pays(sigmas_px):
            self._impulses = ImpulseRenderer(self.maps.numpy(), sigmas_px)

    def draw(self, positions: Tensor, present: Tensor, sigma_index: Tensor | None) -> Tensor:
        """Heatmaps as by ``trainer.data.render.render``: the first rows of ``maps``."""
        if self._impulses is not None:
            index = None if sigma_index is None else sigma_index.numpy()
            self._impulses.draw(positions.numpy(), present.numpy(), index)
            return self.maps[: len(present)]
        out = self.maps[: len(present)]
        return render(positions, present, sigma_index, self._tables, out, self._columns)
