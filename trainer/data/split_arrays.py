"""The positions of a split: read once, checked at the door, kept on the device.

The positions of the full dataset are 36 MB (MEASURED), so they are resident, and a
perfect shuffle costs nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pose_smoother.errors import DamagedShardError, InvalidInputError
from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import N_KEYPOINTS
from pose_smoother.store.names import WINDOW_FRAMES
from pose_smoother.store.store import Store


@dataclass(frozen=True)
class SplitArrays:
    """Every frame of a split but its pixels, on one device, and its windows at one step.

    Attributes
    ----------
    keypoints : int16 (n_frames, K, 2) as (x, y) in 0 ... 55; -1 where not annotated.
    exact_px : float32 (n_frames, K, 2), the same before rounding; NaN where not annotated. Read
        for augmentation only, else None; so are the boxes.
    boxes : float32 (n_frames, 4) as x0, y0, x1, y1 in source pixels.
    annotated : bool (n_frames, K).
    clip : int64 (n_frames,), row of the clips table.
    frame : int64 (n_frames,), source frame number.
    labelled : bool (n_clips, K), whether the clip's dataset has the keypoint at all.
    windows : int64 (n_windows,), first frame of each window, in stored order.
    step : frames from one frame of a window to the next.
    n_frames : T, frames in a window.
    """

    keypoints: Tensor
    annotated: Tensor
    clip: Tensor
    frame: Tensor
    labelled: Tensor
    windows: Tensor
    step: int
    exact_px: Tensor | None = None
    boxes: Tensor | None = None
    n_frames: int = WINDOW_FRAMES

    def of_window(self, window: Tensor) -> Tensor:
        """The frames of windows: int64 (B,) first frames to int64 (B, T)."""
        return window.unsqueeze(1) + self.step * torch.arange(self.n_frames, device=window.device)


def read_frames(
    store: Store,
    split: str,
    step: int,
    device: torch.device | str = "cpu",
    *,
    with_exact: bool = False,
    n_frames: int = WINDOW_FRAMES,
) -> SplitArrays:
    """Read and check the positions of a split.

    Parameters
    ----------
    with_exact : read unrounded positions and boxes, too.
    n_frames : frames in a window. The store lists windows of 5; of those the longer ones are kept
        that are inside one run of a clip, in the same order.

    Raises
    ------
    DamagedShardError : an array has another shape than the contract's, an annotated keypoint is
        outside 0 ... 55, or a clip or a window points to what isn't there; names the array.
    InvalidInputError : the split has no window of this length at this step.
    """
    names = ("keypoints", "annotated", "frame")
    arrays = {name: store.read(split, name) for name in names} | {"clip": store.clip_rows(split)}
    windows = store.windows(split, step)
    _check_positions(store, split, arrays)
    _check_windows(store, split, step, windows, arrays)
    if n_frames != WINDOW_FRAMES:
        windows = _longer(store, split, step, windows, arrays, n_frames)
    exact = {
        name: torch.from_numpy(store.read(split, array).astype(np.float32)).to(device)
        for name, array in (("exact_px", "keypoints_exact"), ("boxes", "boxes"))
        if with_exact
    }
    return SplitArrays(
        keypoints=torch.from_numpy(arrays["keypoints"].astype(np.int16)).to(device),
        annotated=torch.from_numpy(arrays["annotated"].astype(bool)).to(device),
        clip=torch.from_numpy(arrays["clip"].astype(np.int64)).to(device),
        frame=torch.from_numpy(arrays["frame"].astype(np.int64)).to(device),
        labelled=torch.from_numpy(store.labelled_of_clips()).to(device),
        windows=torch.from_numpy(windows.astype(np.int64)).to(device),
        step=step,
        n_frames=n_frames,
        **exact,
    )


def _check_positions(store: Store, split: str, arrays: dict[str, NDArray[Any]]) -> None:
    """The per-frame arrays agree with the contract and with each other."""
    n_frames = store.n_frames(split)
    shapes = {
        "keypoints": (n_frames, N_KEYPOINTS, 2),
        "annotated": (n_frames, N_KEYPOINTS),
        "clip": (n_frames,),
        "frame": (n_frames,),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            found = f"shape {arrays[name].shape}"
            raise _damaged(store, f"{split}/{name}", f"shape {shape}", found)
    annotated, keypoints = arrays["annotated"], arrays["keypoints"]
    inside = ((keypoints >= 0) & (keypoints < SIZE)).all(axis=-1)
    bad = np.argwhere(np.where(annotated, ~inside, (keypoints != -1).any(axis=-1)))
    if len(bad):
        frame, keypoint = bad[0]
        raise _damaged(
            store,
            f"{split}/keypoints",
            f"annotated positions in 0 ... {SIZE - 1} and -1 elsewhere",
            f"{keypoints[frame, keypoint].tolist()} at frame {frame}, keypoint {keypoint}, "
            f"annotated {bool(annotated[frame, keypoint])}",
        )


def _check_windows(
    store: Store, split: str, step: int, windows: NDArray[np.int64], arrays: dict[str, NDArray[Any]]
) -> None:
    """Check that there are windows, and that each is inside one run of one clip."""
    n_frames, clip, frame = store.n_frames(split), arrays["clip"], arrays["frame"]
    reach = (WINDOW_FRAMES - 1) * step
    if not len(windows):
        raise InvalidInputError(
            f"split {split!r} of {store.path} has no window of {WINDOW_FRAMES} frames at step "
            f"{step}: it holds {n_frames} frames in {len(np.unique(clip))} clips, and a window "
            f"needs {reach + 1} frames of one clip without a gap; preprocess more or longer clips"
            + (", or choose an experiment at the full frame rate" if step > 1 else "")
        )
    where = f"{split}/windows/step{step}"
    if windows.min() < 0 or windows.max() + reach >= n_frames:
        found = f"{windows.min()} ... {windows.max()}"
        raise _damaged(store, where, f"first frames in 0 ... {n_frames - reach - 1}", found)
    last = windows + reach
    broken = (clip[windows] != clip[last]) | (frame[last] - frame[windows] != reach)
    if broken.any():
        found = f"window {windows[broken][0]}, which crosses a gap or a clip's end"
        raise _damaged(store, where, "windows inside one run of a clip", found)


def _longer(
    store: Store,
    split: str,
    step: int,
    windows: NDArray[np.int64],
    arrays: dict[str, NDArray[Any]],
    n_frames: int,
) -> NDArray[np.int64]:
    """The windows that are still inside one run of a clip with more frames."""
    clip, frame = arrays["clip"], arrays["frame"]
    reach = (n_frames - 1) * step
    inside = windows[windows + reach < len(clip)]
    last = inside + reach
    kept = inside[(clip[inside] == clip[last]) & (frame[last] - frame[inside] == reach)]
    if not len(kept):
        raise InvalidInputError(
            f"split {split!r} of {store.path} has no window of {n_frames} frames at step {step}: "
            f"it needs {reach + 1} frames of one clip without a gap; choose a shorter window"
        )
    return kept


def _damaged(store: Store, where: str, expected: str, found: str) -> DamagedShardError:
    return DamagedShardError(
        f"{store.path}: {where}: expected {expected}, found {found}: preprocess again"
    )
