"""Windows of experiment ``real``: a split's simulated detections, and its unrounded ground truth.

The detector's noise is a few percent of the torso, less than a heatmap pixel, so models of
coordinates read it, and are scored, at sub-pixel positions; models of heatmaps at whole pixels.
"""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pose_smoother.boxes import to_heatmap, to_source
from pose_smoother.heatmap import SIZE
from pose_smoother.seeds import SPLIT_NOISE, rng
from trainer.data.augment import move_windows
from trainer.data.split_arrays import SplitArrays
from trainer.noise.simulated import SimulatedNoise, detected_run
from trainer.settings import Augmentation

_LAST_PX = SIZE - 1


class SimulatedWindows:
    """The windows of one split as simulated detectors see them.

    The detections of a run of frames in an epoch are a pure function of (seed, split, epoch, first
    frame of the run): every window that holds a frame has the same detection on it. They are drawn
    when the epoch's first window is asked for, and kept until another epoch's is.

    Parameters
    ----------
    frames : the split's arrays, read with exact positions and boxes.
    split : names the stream; training windows have new noise in each epoch, others the same in all.
    consumes : "heatmaps" or "coordinates".
    augment : what is done to a window, to its detections as to its ground truth.
    """

    def __init__(
        self,
        frames: SplitArrays,
        noise: SimulatedNoise,
        split: str,
        seed: int,
        consumes: str,
        augment: Augmentation | None,
    ) -> None:
        self._frames, self._seed, self._purpose = frames, seed, SPLIT_NOISE[split]
        self._is_new = split == "train" and not noise.frozen
        self._detector = noise.detector
        self._consumes, self._augment = consumes, augment
        assert frames.exact_px is not None
        assert frames.boxes is not None
        self._exact_px, self._boxes = frames.exact_px, frames.boxes
        self._drawn_epoch = -1
        self._detected_px = torch.empty(0)

    def of(self, window: Tensor, epoch: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Ground truth and detections of windows.

        Parameters
        ----------
        window : int64 (B,), first frames.

        Returns
        -------
        keypoints : (B, T, K, 2) in heatmap pixels, -1 where not annotated: float32, unrounded, for
            coordinates, int64 for heatmaps.
        annotated : bool (B, T, K).
        noisy : as ``keypoints``, clipped to 0 ... 55, -1 where not detected.
        detected : bool (B, T, K), annotated and not missed.
        """
        frames = self._frames.of_window(window)
        noisy = self._of_epoch(epoch if self._is_new else 0)[frames]
        truth, annotated = self._exact_px[frames], self._frames.annotated[frames]
        detected = noisy.isfinite().all(dim=-1)
        noisy = noisy.nan_to_num()
        if self._augment is not None:
            boxes, how = self._boxes[frames], self._augment
            (truth, annotated), (noisy, detected) = move_windows(
                truth, annotated, boxes, window, how, self._seed, epoch, ((noisy, detected),)
            )
        detected = detected & annotated
        noisy = noisy.clamp(0, _LAST_PX)
        if self._consumes == "heatmaps":
            truth, noisy = ((one + 0.5).floor().long() for one in (truth.nan_to_num(), noisy))
        return (
            truth.masked_fill(~annotated.unsqueeze(-1), -1),
            annotated,
            noisy.masked_fill(~detected.unsqueeze(-1), -1),
            detected,
        )

    def _of_epoch(self, epoch: int) -> Tensor:
        """Every frame's detections, float32 (n_frames, K, 2) in heatmap pixels, NaN without."""
        if epoch != self._drawn_epoch:
            self._detected_px = torch.from_numpy(self._draw(epoch)).to(self._exact_px.device)
            self._drawn_epoch = epoch
        return self._detected_px

    def _draw(self, epoch: int) -> NDArray[np.float32]:
        """A detector works on the picture: detections are drawn in source pixels."""
        boxes = self._boxes.cpu().numpy()
        is_absent = ~self._frames.annotated.cpu().numpy()
        clean = to_source(self._exact_px.cpu().numpy(), boxes)
        clean[is_absent] = np.nan
        found = np.full(clean.shape, np.nan)
        for run in self._runs():
            generator = rng(self._seed, self._purpose, epoch, run.start)
            found[run] = detected_run(clean[run], generator, self._detector)
        return to_heatmap(found, boxes).astype(np.float32)

    def _runs(self) -> list[slice]:
        """Consecutive frames of one clip; a single frame is in no window and has no detections."""
        clip, frame = self._frames.clip.cpu().numpy(), self._frames.frame.cpu().numpy()
        breaks = np.flatnonzero((np.diff(clip) != 0) | (np.diff(frame) != 1)) + 1
        edges = [0, *breaks.tolist(), len(clip)]
        runs = (slice(a, b) for a, b in pairwise(edges))
        return [run for run in runs if run.stop - run.start > 1]
