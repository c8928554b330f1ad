"""A detector's own output as the noisy input: recorded with its ground truth, never drawn.

A store that holds it has that in its ``config`` and has one more array by frame, ``detected``. The
input is then the same in every epoch. Models of coordinates read it, and are scored, at sub-pixel
positions, as in ``predict``; models of heatmaps read what is rendered at whole pixels, or
the detector's own heatmaps where those were recorded too (``detected_heatmaps``).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pose_smoother.errors import InvalidInputError
from pose_smoother.heatmap import SIZE
from pose_smoother.store.config import DETECTED_HEATMAPS
from pose_smoother.store.store import Store

RECORDED = "recorded"  # the name of this noise
#: Arrays by frame beyond the contract's: float32 (frames, 25, 2) in heatmap pixels, NaN where the
#: detector gave nothing; and, in some stores, float32 (frames, K', 56, 56). ``config`` then holds,
#: under the same name, which of the K' each of the 25 keypoints is; -1 where there is none.
DETECTED, HEATMAPS = "detected", DETECTED_HEATMAPS


@dataclass(frozen=True)
class RecordedNoise:
    """Noise that is read from the store.

    Attributes
    ----------
    sigma_in_px : the one blur that heatmaps are rendered with.
    columns : the index of each keypoint's heatmap among the detector's own, which are the input
        instead; empty where there are none.
    """

    sigma_in_px: tuple[float, ...]
    columns: tuple[int, ...] = ()


def holds_detections(store: Store) -> bool:
    """Whether a store holds a detector's output in addition to the ground truth."""
    return store.config.has_detections


def recorded_noise(store: Store, sigmas_px: tuple[float, ...]) -> RecordedNoise:
    """The noise of such a store; heatmaps get the middle one of an experiment's blurs.

    Raises
    ------
    InvalidInputError : the store holds no detections.
    """
    if not holds_detections(store):
        raise InvalidInputError(
            f"{store.path} holds no detector's output, which a finetuned run reads: give a file of "
            "keypoints instead of a store"
        )
    middle = sigmas_px[len(sigmas_px) // 2]
    return RecordedNoise((middle,), store.config.heatmap_columns)


@dataclass(frozen=True)
class Recorded:
    """One split's detections and truth, resident on a device.

    Attributes
    ----------
    detected_px : float32 (n_frames, K, 2), clipped to 0 ... 55; -1 where not detected.
    is_detected : bool (n_frames, K), whatever the truth is annotated with.
    truth_px : float32 (n_frames, K, 2), before rounding; -1 where not annotated.
    heatmaps : float32 (n_frames, K', 56, 56) on the host, or None.
    columns : of the heatmaps.
    """

    detected_px: Tensor
    is_detected: Tensor
    truth_px: Tensor
    heatmaps: Tensor | None
    columns: tuple[int, ...]

    def copy_heatmaps(self, frames: Tensor, out: Tensor) -> Tensor:
        """The detector's heatmaps of windows: int64 (B, T) to float32 (B, T, K, 56, 56)."""
        assert self.heatmaps is not None
        here = [keypoint for keypoint, column in enumerate(self.columns) if column >= 0]
        columns = [self.columns[keypoint] for keypoint in here]
        out.zero_()
        out[:, :, here] = self.heatmaps[frames.cpu()][:, :, columns].to(out.device)
        return out


def read_recorded(
    store: Store, split: str, noise: RecordedNoise, consumes: str, device: torch.device
) -> Recorded:
    """Read what a detector gave of a split."""
    found = store.read(split, DETECTED).astype(np.float32)
    is_detected = np.isfinite(found).all(axis=-1)
    inside = np.nan_to_num(found).clip(0, SIZE - 1)
    inside[~is_detected] = -1.0
    truth = np.nan_to_num(store.read(split, "keypoints_exact").astype(np.float32), nan=-1.0)
    heatmaps = None
    if noise.columns and consumes == "heatmaps":
        heatmaps = torch.from_numpy(store.read(split, HEATMAPS))
    return Recorded(
        torch.from_numpy(inside).to(device),
        torch.from_numpy(is_detected).to(device),
        torch.from_numpy(truth).to(device),
        heatmaps,
        noise.columns,
    )
