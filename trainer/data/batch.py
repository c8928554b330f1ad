"""A batch of a stream: windows with all that models, losses and scorers read."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some windows. T = 5 frames, K = 25 keypoints, H = W = 56; all on the stream's device.

    ``target`` and ``input`` live in buffers of which the next batch overwrites what it must: a
    batch is valid until the next one is taken, and not to be written to.

    Attributes
    ----------
    window : int64 (B,), index of the first frame in the split's arrays.
    clip : int64 (B,), row of the clips table.
    keypoints : int64 (B, T, K, 2), ground truth (x, y) in 0 ... 55; -1 where not annotated. Next to
        a detector's recorded output it is float32 for coordinate models, and so is ``noisy``.
    annotated : bool (B, T, K).
    labelled : bool (B, K), whether the clip's dataset has the keypoint at all.
    detected : bool (B, T, K), whether the input has the keypoint: where annotated, except what a
        measured detector misses. A missed keypoint is a target and is scored like any other. A
        recorded detector also gives keypoints that are not annotated.
    noisy : int64 (B, T, K, 2), shifted (x, y) in 0 ... 55; -1 where not detected.
    target : float32 (B, T, K, H, W), ground-truth heatmaps; zeros where not annotated. None for
        coordinate models.
    input : float32 (B, T, K, H, W), heatmaps of ``noisy``. None for coordinate models.
    """

    window: Tensor
    clip: Tensor
    keypoints: Tensor
    annotated: Tensor
    labelled: Tensor
    detected: Tensor
    noisy: Tensor
    target: Tensor | None
    input: Tensor | None
