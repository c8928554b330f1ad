"""A finished run, ready to smooth: its best weights, and what it was trained on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pose_smoother.errors import InvalidInputError, RunError
from pose_smoother.heatmap import SIZE
from pose_smoother.store.config import StoreConfig
from pose_smoother.store.names import CONTRACT_VERSION
from trainer.data.render import render, response_tables
from trainer.evaluation.uncertainty import SHARES, Regions, estimate_with_scale, has_uncertainty
from trainer.experiments import experiment
from trainer.inference.decode import positions_in
from trainer.inference.sliding_window import WindowSmoother
from trainer.metrics.scores import Scores
from trainer.models import ModelModule, model_module
from trainer.models.codec import from_coordinates, to_coordinates
from trainer.runs.folder import CONFIG, SCORES, STATE
from trainer.runs.results_io import RESULTS_JSON, read_json
from trainer.runs.schema import CONFIG_SCHEMA, STATE_SCHEMA
from trainer.training.config import TrainConfig, run_config
from trainer.training.model_setup import best_model
from trainer.training.train import n_threads

#: Windows at once: a window of heatmaps is 1.6 MB, and its features in a bi-ConvLSTM 8 MB a layer.
_BATCH_WINDOWS = {"heatmaps": 16, "coordinates": 512}


@dataclass(frozen=True)
class LoadedRun:
    """A run's model in evaluation mode, with the best epoch's weights.

    Attributes
    ----------
    folder : the run.
    config : as it was trained; device and threads are for this machine.
    module : the model's module.
    model : its weights, on the device.
    n_frames, step : of its windows.
    sigma_in_px : the blur that heatmaps are rendered with: the middle one of the experiment's.
    keypoints : bool (25,), annotated somewhere in the test split: what the run is known to smooth.
    expand, keep_aspect : how its store's boxes were cut.
    decoder : how positions are read off heatmaps, one of ``trainer.settings.DECODERS``.
    """

    folder: Path
    config: TrainConfig
    module: ModelModule
    model: nn.Module
    n_frames: int
    step: int
    sigma_in_px: float
    keypoints: NDArray[np.bool_]
    expand: float
    keep_aspect: bool
    decoder: str = "subpixel"

    @property
    def name(self) -> str:
        """The run's folder name."""
        return self.folder.resolve().name

    @property
    def threads(self) -> int | None:
        """Threads to compute with, as in training; None leaves torch's choice."""
        return n_threads(self.config)

    def smoother(self, keep_within: float | None = None) -> WindowSmoother:
        """The run as tracks are put through it.

        Parameters
        ----------
        keep_within : leave a keypoint where it is if it is in the region around its estimate that
            holds this share of the truths (one of ``trainer.evaluation.uncertainty.SHARES``).
            Windows decide
            for themselves, so a keypoint that some keep and some don't moves part of the way.

        Raises
        ------
        InvalidInputError : the model gives no uncertainty, or has no region for this share.
        RunError : the run's regions are absent or damaged.
        """
        factor = None if keep_within is None else self._region(keep_within)

        def smooth(windows: NDArray[np.float32]) -> NDArray[np.float32]:
            estimate_px, scale_px = self.estimate(windows)
            if factor is None or scale_px is None:
                return estimate_px
            off_px = np.linalg.norm(windows - estimate_px, axis=-1)
            keeps = off_px <= factor * scale_px  # False where missing
            return np.where(keeps[..., None], windows, estimate_px)

        return WindowSmoother(
            name=self.name,
            smooth=smooth,
            keypoints=self.keypoints,
            n_frames=self.n_frames,
            step=self.step,
            expand=self.expand,
            keep_aspect=self.keep_aspect,
            batch_windows=_BATCH_WINDOWS[self.module.CONSUMES],
            is_run=True,
        )

    def _region(self, share: float) -> NDArray[np.float64]:
        """By keypoint, the radius of a region over the model's scale, float64 (25,)."""
        if not has_uncertainty(self.config.model):
            raise InvalidInputError(
                f"{self.name} gives no uncertainty, so it can't leave keypoints alone"
            )
        if share not in SHARES:
            known = ", ".join(map(str, SHARES))
            raise InvalidInputError(f"no region for a share of {share}; known: {known}")
        return Regions.load(self.folder).factor[SHARES.index(share)]

    def estimate(
        self, windows: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Clean positions, and their likely error where the model gives one.

        Parameters
        ----------
        windows : float32 (N, T, 25, 2), heatmap pixels, NaN where missing.

        Returns
        -------
        estimate_px : float32 (N, T, 25, 2); NaN where a heatmap came out empty.
        scale_px : float32 (N, T, 25), or None (see ``trainer.evaluation.uncertainty``).
        """
        with torch.inference_mode():
            positions = torch.from_numpy(windows).to(self.config.torch_device)
            present = positions.isfinite().all(dim=-1)
            # Training's noisy positions were clipped to the heatmap; so are outliers here.
            positions = positions.nan_to_num(0.0).clamp(0, SIZE - 1)
            estimate, scale = self._forward(positions, present)
        return estimate.cpu().numpy(), None if scale is None else scale.cpu().numpy()

    def _forward(self, positions: Tensor, present: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.module.CONSUMES == "heatmaps":
            tables = response_tables((self.sigma_in_px,), positions.device)
            pixels = (positions + 0.5).floor().long()
            output = self.model(render(pixels, present, None, tables))
            return positions_in(output, self.decoder), None
        coordinates = to_coordinates(positions, present)
        if has_uncertainty(self.config.model):
            return estimate_with_scale(self.model, coordinates)
        return from_coordinates(self.model(coordinates)), None


def load_run(folder: Path, device: str = "cpu", decoder: str = "subpixel") -> LoadedRun:
    """Load a finished run.

    Parameters
    ----------
    device : "auto", "cpu" or "cuda".
    decoder : how positions are read off heatmaps, one of ``trainer.settings.DECODERS``.

    Raises
    ------
    RunError : not a run folder, not finished, damaged, or of another contract or program.
    """
    record = read_json(folder / CONFIG, "not a run folder", CONFIG_SCHEMA)
    if "smoothers" in record["identity"]:
        raise RunError(f"{folder} holds classical smoothers: name one by --smoother")
    if (found := record.get("contract", CONTRACT_VERSION)) != CONTRACT_VERSION:
        raise RunError(
            f"{folder} was trained on contract version {found!r}, but this program's is "
            f"{CONTRACT_VERSION}: train again, or use the program that made it"
        )
    config, _ = run_config(folder, device)
    if not (folder / RESULTS_JSON).exists():
        raise RunError(
            f"{folder} is not finished (no {RESULTS_JSON}; state: {_state(folder)}): "
            "the same train command continues"
        )
    chosen = experiment(config.experiment)
    built = StoreConfig.from_attrs(record.get("store", {}))
    return LoadedRun(
        folder=folder,
        config=replace(config, threads=None),
        module=model_module(config.model),
        model=best_model(folder, config)[0],
        n_frames=config.window,
        step=chosen.step,
        sigma_in_px=chosen.sigma_in_px[len(chosen.sigma_in_px) // 2],
        keypoints=Scores.load(folder / SCORES).annotated.sum(axis=0) > 0,
        expand=built.expand,
        keep_aspect=built.keep_aspect,
        decoder=decoder,
    )


def _state(folder: Path) -> str:
    try:
        return str(read_json(folder / STATE, "no state", STATE_SCHEMA)["state"])
    except RunError:
        return "unknown"
