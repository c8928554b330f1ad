"""Rendering and streaming compared with their goals: scipy, the memory, a resident tensor."""

import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count, cycle, islice
from pathlib import Path
from typing import cast

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from pose_smoother.bench.goals import Goal, speed_up
from pose_smoother.bench.timing import interleaved
from pose_smoother.heatmap import IMPULSE, SIGMA_OUT_PX, SIZE
from pose_smoother.seeds import TRAIN_NOISE, rng
from pose_smoother.skeleton import N_KEYPOINTS
from pose_smoother.store.names import WINDOW_FRAMES
from pose_smoother.store.store import Store
from trainer.data.batch import Batch
from trainer.data.heatmap_buffer import HeatmapBuffer
from trainer.data.render import render, response_tables
from trainer.data.stream import WindowStream
from trainer.experiments import RANDOM_SIGMA_PX
from trainer.noise.gaussian import NoiseConfig, noisy_input

NOISE = NoiseConfig(1.0, RANDOM_SIGMA_PX)
BATCH = 16
#: What the slow sides are timed on: enough for a rate, little enough for a bench of minutes.
N_NAIVE, N_RESIDENT = 16, 256
#: Of a stream, where an epoch has more: some seconds.
BATCHES_A_TURN = 500
RENDER_GOAL, WRITE_GOAL, NAIVE_GOAL, RESIDENT_GOAL = 100.0, 0.9, 30.0, 0.4


@dataclass(frozen=True)
class Windows:
    """Some training windows of a store. keypoints int64 (n, T, K, 2), annotated bool (n, T, K)."""

    first: Tensor
    keypoints: Tensor
    annotated: Tensor


def some_windows(store: Store, n: int) -> Windows:
    """The first training windows in stored (shuffled) order, at most ``n``."""
    first = torch.from_numpy(store.windows("train", 1)[:n])
    frames = first[:, None] + torch.arange(WINDOW_FRAMES)
    keypoints = torch.from_numpy(store.read("train", "keypoints"))[frames].long()
    return Windows(first, keypoints, torch.from_numpy(store.read("train", "annotated"))[frames])


def scipy_maps(positions: Tensor, present: Tensor, sigma_px: Tensor) -> Tensor:
    """Heatmaps by their definition, one after the other: float32 (..., 56, 56)."""
    maps = np.zeros((*present.shape, SIZE, SIZE), np.float32)
    for place in np.argwhere(present.numpy()):
        x, y = positions[tuple(place)].tolist()
        impulse = np.zeros((SIZE, SIZE))
        impulse[y, x] = IMPULSE
        maps[tuple(place)] = gaussian_filter(impulse, float(sigma_px[tuple(place)]))
    return torch.from_numpy(maps)


def drawn(windows: Windows, part: slice) -> tuple[Tensor, Tensor]:
    """Noisy positions of some windows, and the blur (sigma) of each keypoint in px."""
    keypoints, annotated = windows.keypoints[part], windows.annotated[part]
    stream = (0, TRAIN_NOISE, 0)
    positions, sigma_index = noisy_input(keypoints, annotated, windows.first[part], NOISE, *stream)
    return positions, torch.tensor(NOISE.sigma_in_px)[sigma_index]


def render_goals(budget_s: float) -> list[Goal]:
    """A batch of targets and noisy input in one thread: against scipy, and against writing.

    They are drawn as the stream draws them, over the batch before. Every keypoint is there, so that
    all sides make the same maps.
    """
    shape = (BATCH, WINDOW_FRAMES, N_KEYPOINTS)
    random = torch.Generator().manual_seed(0)
    # Two batches in turn: what one wrote, the next has to clear.
    given = [torch.randint(0, SIZE, (2, *shape, 2), generator=random) for _ in range(2)]
    smears = [torch.randint(0, len(RANDOM_SIGMA_PX), shape, generator=random) for _ in range(2)]
    present, everywhere = torch.ones(shape, dtype=torch.bool), torch.ones(N_KEYPOINTS).bool()
    inputs = HeatmapBuffer(shape[:2], RANDOM_SIGMA_PX, everywhere)
    targets = HeatmapBuffer(shape[:2], (SIGMA_OUT_PX,), everywhere)
    written = torch.empty(2, *shape, SIZE, SIZE)
    few = (0, slice(0, 1))  # frames of the batch that scipy makes
    turn = cycle((0, 1))

    def target(at: int) -> None:
        targets.draw(given[at][0], present, None)

    def both() -> None:
        at = next(turn)
        target(at)
        inputs.draw(given[at][1], present, smears[at])

    sides: dict[str, Callable[[], object]] = {
        "both": both,
        "target": lambda: target(next(turn)),
        "write": lambda: written.fill_(1.0),
        "scipy": lambda: scipy_maps(given[0][0][few], present[few], torch.ones(shape)[few]),
    }
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        timings = interleaved(sides, 100, budget_s=budget_s)
    finally:
        torch.set_num_threads(before)
    note = f"batch {BATCH}, all {N_KEYPOINTS} keypoints, into reused memory, 1 thread"
    times = shape[0] * shape[1]
    what = "render targets", "scipy, map by map"
    against_scipy = speed_up(*what, RENDER_GOAL, timings, ("target", "scipy"), note, times)
    what = "render target and noisy input", "writing as many bytes"
    return [against_scipy, speed_up(*what, WRITE_GOAL, timings, ("both", "write"), note)]


def stream_of(store: Store, targets: str) -> WindowStream:
    """Training windows as a heatmap model's run reads them on the CPU."""
    return WindowStream(store, "train", 1, NOISE, batch_size=BATCH, targets=targets, device="cpu")


class Epochs:
    """Whole epochs of a stream, one a call.

    Whole ones, for a reader that is ahead would otherwise work in the other sides' time.
    """

    def __init__(self, stream: WindowStream, max_batches: int | None = None) -> None:
        self._stream, self._max_batches, self._epoch = stream, max_batches, 0
        self.n_windows = stream.n_windows
        if max_batches is not None:
            self.n_windows = min(self.n_windows, max_batches * stream.batch_size)

    def __call__(self) -> None:
        """Take every batch."""
        for _ in islice(self._stream.epoch(self._epoch), self._max_batches):
            pass
        self._epoch += 1


class Onward:
    """The next batches of a stream, as many a call, from epoch to epoch.

    For stores whose epochs would take minutes. A pool is filled in the first call; a reader is two
    blocks ahead at most when the other sides' turns come.
    """

    def __init__(self, stream: WindowStream, n_batches: int) -> None:
        self._stream, self._n_batches = stream, n_batches
        self.n_windows = n_batches * stream.batch_size  # an epoch's last batch may be smaller
        self._batches = self._endless()

    def __call__(self) -> None:
        """Take the next batches."""
        for _ in islice(self._batches, self._n_batches):
            pass

    def close(self) -> None:
        """Stop reading."""
        self._batches.close()

    def _endless(self) -> Generator[Batch]:
        for epoch in count():
            with closing(cast("Generator[Batch]", self._stream.epoch(epoch))) as batches:
                yield from batches


def turn_of(stream: WindowStream, stack: ExitStack) -> "Epochs | Onward":
    """A whole epoch a call, or a part where that would take long."""
    if stream.n_batches <= BATCHES_A_TURN:
        return Epochs(stream)
    return stack.enter_context(closing(Onward(stream, BATCHES_A_TURN)))


def stream_goals(store: Store, budget_s: float) -> list[Goal]:
    """Shuffled batches of target and noisy input: against files of frames, a resident tensor."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stored, rendered = (turn_of(stream_of(store, n), stack) for n in ("stored", "rendered"))
        naive, n_naive = naive_reader(store, Path(folder), N_NAIVE)
        resident, n_resident = resident_reader(store, N_RESIDENT)
        sides: dict[str, Callable[[], object]] = {
            "stored": stored,
            "rendered": rendered,
            "naive": naive,
            "resident": resident,
        }
        timings = interleaved(sides, 20, budget_s=budget_s)
    n = stored.n_windows
    threads = f"{torch.get_num_threads()} threads and a reading one"
    note = f"batch {BATCH}, {threads}, turns of {n} windows, page cache warm"
    what = "stream stored targets, noisy input", "a torch.load a frame, scipy a map"
    against_files = speed_up(*what, NAIVE_GOAL, timings, ("stored", "naive"), note, n / n_naive)
    what = "stream rendered targets, noisy input", "targets of a resident dense tensor"
    pair = "rendered", "resident"
    return [against_files, speed_up(*what, RESIDENT_GOAL, timings, pair, note, n / n_resident)]


def naive_reader(store: Store, folder: Path, n: int) -> tuple[Callable[[], None], int]:
    """What the thesis did: a file a frame, read for each window, and scipy for each noisy map.

    Returns
    -------
    What reads some windows in random order, and how many those are.
    """
    windows = some_windows(store, n)
    for frame in {int(w) + t for w in windows.first for t in range(WINDOW_FRAMES)}:
        maps = store.read("train", "heatmaps", frame, frame + 1)[0]
        torch.save(torch.from_numpy(maps), folder / f"{frame}.pt")
    order = rng(0, TRAIN_NOISE).permutation(len(windows.first)).tolist()

    def read() -> None:
        for batch in (order[i : i + BATCH] for i in range(0, len(order), BATCH)):
            targets, inputs = [], []
            for index in batch:
                first = int(windows.first[index])
                names = [folder / f"{first + t}.pt" for t in range(WINDOW_FRAMES)]
                targets.append(torch.stack([torch.load(name) for name in names]))
                part = slice(index, index + 1)
                noisy, sigma_px = drawn(windows, part)
                inputs.append(scipy_maps(noisy, windows.annotated[part], sigma_px)[0])
            torch.stack(targets), torch.stack(inputs)

    return read, len(order)


def resident_reader(store: Store, n: int) -> tuple[Callable[[], None], int]:
    """Batches of targets from a tensor that holds every window, into reused memory.

    Returns
    -------
    What gathers some windows in random order, and how many those are.
    """
    windows = some_windows(store, n)
    dense = render(windows.keypoints, windows.annotated, None, response_tables((SIGMA_OUT_PX,)))
    out = torch.empty(BATCH, *dense.shape[1:])
    orders: Iterator[Tensor] = (torch.randperm(len(dense)) for _ in iter(int, 1))

    def read() -> None:
        for batch in next(orders).split(BATCH):
            torch.index_select(dense, 0, batch, out=out[: len(batch)])

    return read, len(dense)
