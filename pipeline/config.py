"""What a store will hold: the build's options, and which frames of which clip go to which split."""

import dataclasses
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.clip_table import TEXTS, ClipTable
from pipeline.splits import SHARES, cut_in_order, split_groups
from pose_smoother.boxes import DEFAULT_EXPAND
from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.heatmap import SIGMA_OUT_PX
from pose_smoother.store.config import CLIP, CLIPS, IMPULSE, THESIS, VIDEO
from pose_smoother.store.layout import text_column
from pose_smoother.store.names import SPLITS, WINDOW_FRAMES

GROUP_BY = (VIDEO, CLIP)
PROTOCOLS = (CLIPS, THESIS)


@dataclass(frozen=True)
class BuildConfig:
    """Everything that decides a store's content, besides the source files.

    Attributes
    ----------
    seed : of the split, the order of windows and the box jitter.
    expand : share by which each box side grows.
    keep_aspect : square boxes.
    box_jitter : share of the side by which boxes move and scale at random; 0 is the tight box.
    group_by : what stays in one split: whole videos, or clips (chained where they share frames).
    protocol : "clips" (no frame is shared), or "thesis" (windows cut in file order).
    actions : Penn Action's actions; None is the default selection.
    test_actions : if any, their videos make the test split, and the others are split 75/25 into
        training and validation: a test on motion of kinds that were never seen.
    """

    seed: int = 0
    expand: float = DEFAULT_EXPAND
    keep_aspect: bool = False
    box_jitter: float = 0.0
    group_by: str = VIDEO
    protocol: str = CLIPS
    actions: tuple[str, ...] | None = None
    test_actions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.group_by not in GROUP_BY:
            raise unknown_name("group", self.group_by, GROUP_BY)
        if self.protocol not in PROTOCOLS:
            raise unknown_name("protocol", self.protocol, PROTOCOLS)
        if not 0 <= self.expand <= 10 or not 0 <= self.box_jitter <= 0.5:
            raise InvalidInputError("expand must lie in 0 ... 10, and box jitter in 0 ... 0.5")
        if self.test_actions and self.protocol == THESIS:
            raise InvalidInputError(
                "test actions don't go with the thesis's protocol: it cuts by windows"
            )
        if self.seed < 0:
            raise InvalidInputError(f"the seed must not be negative, got {self.seed}")

    def resolved(self) -> dict[str, Any]:
        """The config as it is saved with the store."""
        fields = dataclasses.asdict(self)
        fields["actions"] = list(self.actions) if self.actions is not None else "default"
        if self.test_actions:
            fields["test_actions"] = list(self.test_actions)
        else:
            del fields["test_actions"]  # stores are what they were before there was this option
        return fields | {"heatmaps": IMPULSE, "sigma_out_px": SIGMA_OUT_PX}


@dataclass(frozen=True)
class Layout:
    """The clips table and, for each split, its pieces: int64 (n, 3) clip row, spool start, end.

    ``clips`` has the columns of ``CLIP_COLUMNS``, text as UTF-8 bytes.
    """

    clips: dict[str, NDArray[Any]]
    pieces: dict[str, NDArray[np.int64]]


def assign_splits(clips: ClipTable, config: BuildConfig) -> Layout:
    """Decide the split of every clip (or, by the thesis's protocol, of every run of windows)."""
    if config.protocol == THESIS:
        clip, start, stop, split = _thesis_parts(clips)
    else:
        clip, split = np.arange(len(clips)), _splits(clips, config).astype(np.int64)
        start, stop = clips["start"], clips["stop"]
    columns = {name: clips[name][clip] for name in (*TEXTS, "fps")}
    # Only unbroken clips are cut, so frames and rows count alike.
    columns["first_frame"] = clips["first_frame"][clip] + start - clips["start"][clip]
    columns["n_frames"] = stop - start
    columns["split"] = text_column(SPLITS)[split] if len(clip) else text_column([])
    pieces = {}
    for index, name in enumerate(SPLITS):
        rows = np.flatnonzero(split == index)
        pieces[name] = np.stack([rows, start[rows], stop[rows]], axis=1)
    return Layout(columns, pieces)


def _splits(clips: ClipTable, config: BuildConfig) -> NDArray[np.int8]:
    """Which split each clip goes to, whole groups together."""
    present = [name.decode() for name in np.unique(clips["action"])]
    for name in config.test_actions:
        if name not in present:
            raise unknown_name("test action", name, present)
    groups = _groups(clips, config.group_by)
    showing = np.isin(clips["action"], text_column(config.test_actions))
    held = np.isin(groups, groups[showing]) if config.test_actions else showing & False
    rest = np.flatnonzero(~held)
    if not len(rest):
        raise InvalidInputError("every video shows a test action: nothing is left to train on")
    halves = (SHARES[0] / sum(SHARES[:2]), SHARES[1] / sum(SHARES[:2]), 0.0)
    found = np.full(len(clips), SPLITS.index("test"), np.int8)
    found[rest] = split_groups(
        groups[rest],
        clips["n_windows"][rest],
        clips["dataset"][rest],
        config.seed,
        halves if held.any() else SHARES,
    )
    return found


def _groups(clips: ClipTable, group_by: str) -> NDArray[np.bytes_]:
    """The group of each clip: its video, or itself chained with clips that share its frames."""
    if group_by == VIDEO:
        return clips["video"]
    order = np.lexsort((clips["first_frame"], clips["video"]))
    video = clips["video"][order]
    shares = clips["first_frame"][order][1:] <= clips["last_frame"][order][:-1]
    alone = np.concatenate([[True], ~(shares & (video[1:] == video[:-1]))])
    first_of_chain = order[np.flatnonzero(alone)[np.cumsum(alone) - 1]]
    group = np.empty_like(clips["id"])
    group[order] = clips["id"][first_of_chain]
    return group


def _thesis_parts(clips: ClipTable) -> tuple[NDArray[np.int64], ...]:
    """Pieces of clips for windows cut in file order; only unbroken clips are cut within.

    A clip that has no window is kept as well, on the side where the clip before it ends.

    Returns
    -------
    Clip, start and stop in the spool, and split of each piece.
    """
    pieces = defaultdict(list)
    for index, first, end, name in cut_in_order(clips["n_windows"].tolist()):
        pieces[index].append((first, end, SPLITS.index(name)))
    parts = []
    side, tail = 0, WINDOW_FRAMES - 1
    for index in range(len(clips)):
        start, mine = int(clips["start"][index]), pieces.pop(index, [])
        if len(mine) > 1 and clips["unbroken"][index]:
            parts += [(index, start + a, start + b + tail, split) for a, b, split in mine]
        else:
            split = mine[0][2] if mine else side
            parts.append((index, start, int(clips["stop"][index]), split))
        side = mine[-1][2] if mine else side
    columns = np.array(parts, np.int64).reshape(-1, 4)
    return tuple(columns.T)
