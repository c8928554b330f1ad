"""What a store will hold: the build's options, and which frames of which clip go to which split."""

import dataclasses
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contract.errors import BadInput, unknown_name
from pipeline.contract.heatmap import SIGMA_OUT_PX
from pipeline.contract.store import SPLITS, WINDOW_FRAMES
from pipeline.splits import SHARES, cut_in_order, split_groups

GROUP_BY = ("video", "clip")
PROTOCOLS = ("clips", "thesis")


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
    expand: float = 0.10
    keep_aspect: bool = False
    box_jitter: float = 0.0
    group_by: str = "video"
    protocol: str = "clips"
    actions: tuple[str, ...] | None = None
    test_actions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.group_by not in GROUP_BY:
            raise unknown_name("group", self.group_by, GROUP_BY)
        if self.protocol not in PROTOCOLS:
            raise unknown_name("protocol", self.protocol, PROTOCOLS)
        if not 0 <= self.expand <= 10 or not 0 <= self.box_jitter <= 0.5:
            raise BadInput("expand must lie in 0 ... 10, and box jitter in 0 ... 0.5")
        if self.test_actions and self.protocol == "thesis":
            raise BadInput("test actions don't go with the thesis's protocol: it cuts by windows")
        if self.seed < 0:
            raise BadInput(f"the seed must not be negative, got {self.seed}")

    def resolved(self) -> dict[str, Any]:
        """The config as it is saved with the store."""
        fields = dataclasses.asdict(self)
        fields["actions"] = list(self.actions) if self.actions is not None else "default"
        if self.test_actions:
            fields["test_actions"] = list(self.test_actions)
        else:
            del fields["test_actions"]  # stores are what they were before there was this option
        return fields | {"heatmaps": "impulse", "sigma_out_px": SIGMA_OUT_PX}


@dataclass
class ScannedClip:
    """A clip in the spool: its columns of the clips table, spool rows and lengths of its runs."""

    id: str
    dataset: str
    video: str
    action: str
    person: str
    fps: float
    start: int
    stop: int
    first_frame: int
    last_frame: int
    runs: list[int]

    def n_windows(self) -> int:
        """Windows at frame step 1."""
        return sum(max(0, run - WINDOW_FRAMES + 1) for run in self.runs)


@dataclass(frozen=True)
class Layout:
    """The clips table and, for each split, its pieces: int64 (n, 3) clip row, spool start, end."""

    clip_rows: list[dict[str, Any]]
    pieces: dict[str, NDArray[np.int64]]


def lay_out(clips: list[ScannedClip], config: BuildConfig) -> Layout:
    """Decide the split of every clip (or, by the thesis's protocol, of every run of windows)."""
    if config.protocol == "thesis":
        parts = _thesis_parts(clips)
    else:
        splits = _splits(clips, config)
        parts = [
            (clip, clip.start, clip.stop, split) for clip, split in zip(clips, splits, strict=True)
        ]
    rows, pieces = [], {split: [] for split in SPLITS}  # type: ignore[var-annotated]
    for row, (clip, start, stop, split) in enumerate(parts):
        rows.append(
            {
                "id": clip.id,
                "dataset": clip.dataset,
                "video": clip.video,
                "action": clip.action,
                "person": clip.person,
                "fps": clip.fps,
                # Only unbroken clips are cut, so frames and rows count alike.
                "first_frame": clip.first_frame + start - clip.start,
                "n_frames": stop - start,
                "split": split,
            }
        )
        pieces[split].append((row, start, stop))
    tables = {split: np.array(part, np.int64).reshape(-1, 3) for split, part in pieces.items()}
    return Layout(rows, tables)


def _splits(clips: list[ScannedClip], config: BuildConfig) -> list[str]:
    """The split of every clip, whole groups together."""
    present = {clip.action for clip in clips}
    for name in config.test_actions:
        if name not in present:
            raise unknown_name("test action", name, sorted(present))
    groups = _groups(clips, config.group_by)
    held = {g for g, c in zip(groups, clips, strict=True) if c.action in config.test_actions}
    rest = [i for i, group in enumerate(groups) if group not in held]
    if not rest:
        raise BadInput("every video shows a test action: nothing is left to train on")
    shares = (SHARES[0] / sum(SHARES[:2]), SHARES[1] / sum(SHARES[:2]), 0.0) if held else SHARES
    found = ["test"] * len(clips)
    chosen = split_groups(
        [groups[i] for i in rest],
        [clips[i].n_windows() for i in rest],
        [clips[i].dataset for i in rest],
        config.seed,
        shares,
    )
    for index, split in zip(rest, chosen, strict=True):
        found[index] = split
    return found


def _groups(clips: list[ScannedClip], group_by: str) -> list[str]:
    """The group of each clip: its video, or itself chained with clips that share its frames."""
    if group_by == "video":
        return [clip.video for clip in clips]
    group = [clip.id for clip in clips]
    order = sorted(range(len(clips)), key=lambda i: (clips[i].video, clips[i].first_frame))
    for before, after in pairwise(order):
        same = clips[before].video == clips[after].video
        if same and clips[after].first_frame <= clips[before].last_frame:
            group[after] = group[before]
    return group


def _thesis_parts(clips: list[ScannedClip]) -> list[tuple[ScannedClip, int, int, str]]:
    """Pieces of clips for windows cut in file order; only unbroken clips are cut within.

    A clip that has no window is kept as well, on the side where the clip before it ends.
    """
    pieces = defaultdict(list)
    for index, first, end, split in cut_in_order([clip.n_windows() for clip in clips]):
        pieces[index].append((first, end, split))
    parts = []
    split = SPLITS[0]
    for index, clip in enumerate(clips):
        mine = pieces[index]
        if len(mine) > 1 and len(clip.runs) == 1:
            tail = WINDOW_FRAMES - 1
            parts += [(clip, clip.start + a, clip.start + b + tail, split) for a, b, split in mine]
        else:
            parts.append((clip, clip.start, clip.stop, mine[0][2] if mine else split))
        split = mine[-1][2] if mine else split
    return parts
