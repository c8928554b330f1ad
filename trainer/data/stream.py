"""Batches of windows: ground truth and noisy input, on the device."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from pose_smoother.errors import InvalidInputError
from pose_smoother.heatmap import SIGMA_OUT_PX
from pose_smoother.seeds import SPLIT_NOISE, TRAIN_ORDER, rng
from pose_smoother.skeleton import MIRROR
from pose_smoother.store.names import WINDOW_FRAMES
from pose_smoother.store.store import Store
from trainer.data.augment import augmented
from trainer.data.batch import Batch
from trainer.data.heatmap_buffer import HeatmapBuffer
from trainer.data.noisy_positions import Noise, NoisyPositions
from trainer.data.simulated_windows import SimulatedWindows
from trainer.data.split_arrays import read_frames
from trainer.data.stored.reader import stored_heatmaps
from trainer.data.stored.shuffle import plan_ascending, plan_shuffled
from trainer.data.window_shares import evenly_spread, share_size, share_without_neighbours
from trainer.noise.recorded import RecordedNoise
from trainer.noise.simulated import SimulatedNoise
from trainer.settings import TARGETS, Augmentation, check_choice

__all__ = ["CONSUMES", "Batch", "Noise", "WindowStream"]

CONSUMES = ("heatmaps", "coordinates")
BLOCK_FRAMES = 128
#: Over how many frames streamed training windows are shuffled. Pairs of windows less than 5 frames
#: apart in a batch of 16: 0.47 with a pool of 2,048, 0.12 with 8,192, 0.06 with 16,384; uniformly
#: 0.0046 of 207,072 windows and 0.016 of 58,293 (benchmarks/results/shuffle.csv).
POOL_FRAMES = 16_384
#: The same where heatmaps are not blurred impulses: held as they are, a frame takes 0.31 MB.
FILLED_POOL_FRAMES = 2_048
#: Noise is many small operations: made for some batches at once, it costs a fifth.
_WINDOWS_AT_ONCE = 256


class WindowStream:
    """The windows of one split, in batches, epoch after epoch.

    Positions are resident on the device. The noisy input is always rendered from positions; the
    ground truth is rendered too, or streamed from the stored heatmaps by a background thread.

    Rendered, training windows come in a uniformly random order and the others in stored order.
    Streamed, training windows are block-shuffled (``trainer.data.stored.shuffle``), and the others
    come by first frame, so that each block is read once. The same window has the same content
    either way. Streaming holds at most ``pool_frames / 128 + 5`` blocks of 128 frames and a
    window's reach, whatever the store's size: blurred impulses take 10 kB a frame (0.2 GB), other
    heatmaps 0.31 MB (0.9 GB, because their pool is shorter; 0.17 GB for val and test). Of
    blurred impulses a small store's complete epoch is held, up to two pools (0.4 GB).

    Parameters
    ----------
    store : an open store; it must stay open.
    split : "train", "val" or "test". Train has a new order and new noise in every epoch; val and
        test have the same in all.
    step : frames from one frame of a window to the next.
    noise : how the input is made noisy, or that it is read from the store.
    batch_size : windows a batch; the last one of an epoch can be smaller.
    seed : names the order and the noise.
    consumes : "heatmaps" or "coordinates"; for the latter no heatmap is read or rendered.
    targets : "rendered", "stored", or "auto": rendered where the store says that its heatmaps are
        blurred impulses, else stored.
    device : where batches are made.
    pool_frames : length of the shuffle pool of streamed training windows; no longer than
        ``FILLED_POOL_FRAMES`` where heatmaps are not blurred impulses.
    augment : what is done to training windows; validation and test windows stay as they are.
    window_frames : T. Other than 5 goes with rendered targets and models of coordinates only.
    without_neighbours : an epoch of training is a share of the windows of which no two share a
        frame (``trainer.data.window_shares``).
    validation_share : share of the validation windows, evenly spread.

    Attributes
    ----------
    n_windows, n_batches : how many an epoch has.
    clip_count : rows of the clips table.
    targets : "stored" or "rendered", as resolved.
    frames : the split's positions (``trainer.data.split_arrays.Frames``).

    Raises
    ------
    InvalidInputError : an unknown name, the split has no window at this step, or augmented
        heatmaps or
        detections are to be read from the store, which does not hold them.
    DamagedShardError : an array of the store breaks the contract.
    """

    def __init__(
        self,
        store: Store,
        split: str,
        step: int,
        noise: Noise,
        batch_size: int = 16,
        seed: int = 0,
        consumes: str = "heatmaps",
        targets: str = "auto",
        device: torch.device | str = "cpu",
        pool_frames: int = POOL_FRAMES,
        augment: Augmentation | None = None,
        window_frames: int = WINDOW_FRAMES,
        without_neighbours: bool = False,
        validation_share: float = 1.0,
    ) -> None:
        for kind, name, known in (
            ("split", split, tuple(SPLIT_NOISE)),
            ("consumes", consumes, CONSUMES),
            ("targets", targets, TARGETS),
        ):
            check_choice(kind, name, known)
        self.store, self.split, self.step = store, split, step
        self.noise, self.batch_size, self.seed = noise, batch_size, seed
        self.consumes = consumes
        longest = pool_frames if store.config.has_impulses else FILLED_POOL_FRAMES
        self.pool_frames = min(pool_frames, longest)
        self._hold_frames = 2 * self.pool_frames if store.config.has_impulses else 0
        self.targets = _resolved(targets, store)
        self.device = torch.device(device)
        self.augment = augment if split == "train" else None
        if self.augment and consumes == "heatmaps" and self.targets == "stored":
            raise InvalidInputError(
                "augmented ground truth is not in the store: use --targets rendered"
            )
        if self.augment and isinstance(noise, RecordedNoise):
            raise InvalidInputError(
                "what a detector gives of augmented windows is not in the store"
            )
        if window_frames != WINDOW_FRAMES and consumes == "heatmaps" and self.targets == "stored":
            raise InvalidInputError(
                f"stored heatmaps come in windows of {WINDOW_FRAMES}: --targets rendered"
            )
        self.frames = read_frames(
            store,
            split,
            step,
            self.device,
            with_exact=self.augment is not None or isinstance(noise, SimulatedNoise),
            n_frames=window_frames,
        )
        if split == "val" and validation_share < 1:
            spread = evenly_spread(self.frames.windows.cpu().numpy(), validation_share)
            self.frames = replace(self.frames, windows=torch.from_numpy(spread).to(self.device))
        self._span_frames = None
        self.n_windows = len(self.frames.windows)
        if split == "train" and without_neighbours:
            self._span_frames = (window_frames - 1) * step + 1
            self.n_windows = share_size(self.n_windows, self._span_frames)
        self.n_batches = -(-self.n_windows // batch_size)
        self.clip_count = len(store.clips["id"])
        self._simulated, self._recorded = None, None
        if isinstance(noise, SimulatedNoise):
            self._simulated = SimulatedWindows(
                self.frames, noise, split, seed, consumes, self.augment
            )
        else:
            self._noisy = NoisyPositions(store, split, noise, self.frames, seed, consumes)
            self._recorded = self._noisy.recorded
        self._input, self._target = self._canvases()

    def clip_ids(self, clip: Tensor) -> list[str]:
        """The names of rows of the clips table, each once."""
        return list(dict.fromkeys(self.store.clips["id"][clip.cpu().numpy()]))

    def epoch(
        self, epoch: int, start_batch: int = 0, rows: Callable[[int], slice] | None = None
    ) -> Iterator[Batch]:
        """The batches of one epoch, from ``start_batch`` on.

        Parameters
        ----------
        rows : number of windows in a batch -> those of them that are made, as one of several
            processes; None makes all.

        Raises
        ------
        DamagedShardError : stored heatmaps are damaged; names the shard.
        """
        skip = start_batch * self.batch_size
        from_disk = self.consumes == "heatmaps" and self.targets == "stored"
        # Closed explicitly: a consumer that stops early must stop the reading thread too.
        with closing((self._streamed if from_disk else self._resident)(epoch, skip)) as parts:
            own = parts if rows is None else _shares(parts, rows)
            # Streamed targets are in a buffer: the next part may not be read yet.
            at_once = 1 if from_disk or self.augment else _WINDOWS_AT_ONCE // self.batch_size
            while group := list(islice(own, max(1, at_once))):
                yield from self._batches(group, epoch)

    def _resident(self, epoch: int, skip: int) -> Generator[tuple[Tensor, Tensor | None]]:
        """Windows in any order at no cost, their targets not yet made."""
        windows = self._windows_of(epoch)
        if self.split == "train":
            order = rng(self.seed, TRAIN_ORDER, epoch).permutation(self.n_windows)
            windows = windows[torch.from_numpy(order).to(self.device)]
        for window in windows[skip:].split(self.batch_size):
            yield window, None

    def _streamed(self, epoch: int, skip: int) -> Generator[tuple[Tensor, Tensor | None]]:
        """Windows in an order that reads every block once or twice, and their stored targets."""
        windows = self._windows_of(epoch).cpu().numpy()
        if self.split == "train":
            pool, held = self.pool_frames, self._hold_frames
            plan = plan_shuffled(windows, BLOCK_FRAMES, pool, self.seed, epoch, skip, held)
        else:
            plan = plan_ascending(windows, BLOCK_FRAMES, skip)
        parts = stored_heatmaps(
            self.store, self.split, windows, self.step, plan, BLOCK_FRAMES, self._target.maps
        )
        with closing(parts):
            for window, target in parts:
                yield torch.from_numpy(window).to(self.device), target

    def _windows_of(self, epoch: int) -> Tensor:
        """The first frames of an epoch's windows: all, or a share without neighbours."""
        windows = self.frames.windows
        if self._span_frames is None:
            return windows
        every = windows.cpu().numpy()
        share = share_without_neighbours(every, self._span_frames, self.seed, epoch)
        return torch.from_numpy(share).to(self.device)

    def _batches(self, group: list[tuple[Tensor, Tensor | None]], epoch: int) -> Generator[Batch]:
        """Batches whose positions are made together, and heatmaps, if any, one by one."""
        windows = torch.cat([window for window, _ in group])
        clips = self.frames.clip[windows]
        sigma_index = None
        if self._simulated is not None:
            keypoints, annotated, noisy, detected = self._simulated.of(windows, epoch)
        else:
            keypoints, annotated = self._truth(windows, self.frames.of_window(windows), epoch)
            noisy, detected, sigma_index = self._noisy.of(windows, keypoints, annotated, epoch)
        labelled = self.frames.labelled[clips]
        stop = 0
        for window, target in group:
            part = slice(stop, stop := stop + len(window))
            present = annotated[part]
            batch = Batch(
                window,
                clips[part],
                keypoints[part],
                present,
                labelled[part],
                present if detected is annotated else detected[part],
                noisy[part],
                target,
                None,
            )
            if self.consumes == "heatmaps":
                index = None if sigma_index is None else sigma_index[part]
                batch = self._with_heatmaps(batch, index)
            yield batch

    def _with_heatmaps(self, batch: Batch, sigma_index: Tensor | None) -> Batch:
        """The batch with its input; the target is rendered if it isn't there."""
        target = batch.target
        if self._recorded is not None and self._recorded.heatmaps is not None:
            out = self._input.maps[: len(batch.window)]
            given = self._recorded.copy_heatmaps(self.frames.of_window(batch.window), out)
        else:
            given = self._input.draw(batch.noisy, batch.detected, sigma_index)
        if target is None:
            target = self._target.draw(batch.keypoints, batch.annotated, None)
        return replace(batch, target=target, input=given)

    def _truth(self, window: Tensor, frames: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """Ground truth of windows, augmented if asked for, and what of it is annotated."""
        annotated = self.frames.annotated[frames]
        if self._recorded is not None and self.consumes == "coordinates":
            return self._recorded.truth_px[frames], annotated
        if self.augment is None:
            return self.frames.keypoints[frames].long(), annotated
        assert self.frames.exact_px is not None
        assert self.frames.boxes is not None
        exact_px, boxes = self.frames.exact_px[frames], self.frames.boxes[frames]
        return augmented(exact_px, annotated, boxes, window, self.augment, self.seed, epoch)

    def _canvases(self) -> tuple[HeatmapBuffer, HeatmapBuffer]:
        """Room for inputs and targets; no frame's keypoint is outside of what each can have."""
        annotated = self.frames.annotated.any(dim=0)
        if self.augment is not None:
            annotated = annotated | annotated[list(MIRROR)]
        detected = annotated
        if self._recorded is not None:
            detected = self._recorded.is_detected.any(dim=0)
        shape = (self.batch_size if self.consumes == "heatmaps" else 0, self.frames.n_frames)
        return (
            HeatmapBuffer(shape, self.noise.sigma_in_px, detected, self.device),
            HeatmapBuffer(shape, (SIGMA_OUT_PX,), annotated, self.device),
        )


def _shares(
    parts: Iterator[tuple[Tensor, Tensor | None]], rows: Callable[[int], slice]
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """One process's windows of every batch."""
    for window, target in parts:
        own = rows(len(window))
        yield window[own], None if target is None else target[own]


def _resolved(targets: str, store: Store) -> str:
    """The kind of targets of a store; "auto" is resolved."""
    if targets != "auto":
        return targets
    return "rendered" if store.config.has_impulses else "stored"
