"""The noisy positions of windows: drawn from a model of noise, or recorded from a detector."""

import torch
from torch import Tensor

from pose_smoother.seeds import SPLIT_NOISE
from pose_smoother.store.store import Store
from trainer.data.split_arrays import SplitArrays
from trainer.noise.detector import detected_input
from trainer.noise.gaussian import NoiseConfig, frozen_counter, noisy_input
from trainer.noise.noise_file import DetectorNoise
from trainer.noise.recorded import RecordedNoise, read_recorded
from trainer.noise.simulated import SimulatedNoise

Noise = NoiseConfig | DetectorNoise | RecordedNoise | SimulatedNoise


class NoisyPositions:
    """The noisy positions of the windows of one split.

    Parameters
    ----------
    noise : drawn by the rule of an experiment or by a noise file, or read from the store.
    frames : the split's positions.
    seed : decides the noise.
    consumes : "heatmaps" or "coordinates".

    Attributes
    ----------
    recorded : the detector's output in the store; None where noise is drawn.

    Raises
    ------
    InvalidInputError : detections are to be read from the store, which does not hold them.
    """

    def __init__(
        self,
        store: Store,
        split: str,
        noise: NoiseConfig | DetectorNoise | RecordedNoise,
        frames: SplitArrays,
        seed: int,
        consumes: str,
    ) -> None:
        device = frames.windows.device
        self._noise, self._frames = noise, frames
        self._seed, self._split, self._consumes = seed, split, consumes
        self._clip_number, self._per_clip = _frozen_owners(store, noise, device)
        self.recorded = None
        if isinstance(noise, RecordedNoise):
            self.recorded = read_recorded(store, split, noise, consumes, device)

    def of(
        self, window: Tensor, keypoints: Tensor, annotated: Tensor, epoch: int
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Noisy positions, whether each keypoint is detected, and the index of its blur.

        Parameters
        ----------
        window : int64 (B,), first frames.
        keypoints, annotated : int64 (B, T, K, 2) and bool (B, T, K), the ground truth.
        epoch : training windows have new noise in each; others the same in all.
        """
        if isinstance(self._noise, RecordedNoise):
            return self._as_recorded(window)
        epoch = epoch if self._split == "train" else 0
        stream = (self._seed, SPLIT_NOISE[self._split], epoch)
        if isinstance(self._noise, DetectorNoise):
            return detected_input(keypoints, annotated, window, self._noise, *stream)
        counter = window
        if self._noise.frozen:
            clip = self._frames.clip[window]
            frame = self._frames.frame[self._frames.of_window(window)]
            counter = frozen_counter(frame, self._clip_number[clip], self._per_clip[clip])
        noisy, sigma_index = noisy_input(keypoints, annotated, counter, self._noise, *stream)
        return noisy, annotated, sigma_index

    def _as_recorded(self, window: Tensor) -> tuple[Tensor, Tensor, None]:
        """The detector's output, at whole pixels where heatmaps are rendered from it."""
        assert self.recorded is not None
        frames = self._frames.of_window(window)
        noisy = self.recorded.detected_px[frames]
        if self._consumes == "heatmaps":
            noisy = (noisy + 0.5).floor().long()  # -1 stays -1
        return noisy, self.recorded.is_detected[frames], None


def _frozen_owners(store: Store, noise: Noise, device: torch.device) -> tuple[Tensor, Tensor]:
    """For each row of the clips table: a number of its clip, and whether its noise is per clip.

    Rows of one clip share its number, so that a clip cut into several splits keeps its noise.
    """
    datasets = store.clips["dataset"].tolist()
    names = zip(datasets, store.clips["id"].tolist(), strict=True)
    first_row: dict[tuple[str, str], int] = {}
    number = [first_row.setdefault(name, row) for row, name in enumerate(names)]
    frozen = noise.per_clip_datasets if isinstance(noise, NoiseConfig) else ()
    per_clip = [dataset in frozen for dataset in datasets]
    return torch.tensor(number, device=device), torch.tensor(per_clip, device=device)
