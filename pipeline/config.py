"""The options of a build."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from pose_smoother.boxes import DEFAULT_EXPAND
from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.heatmap import SIGMA_OUT_PX
from pose_smoother.store.config import CLIP, CLIPS, DENSE, IMPULSE, NEIGHBOURS, THESIS, VIDEO

GROUP_BY = (NEIGHBOURS, VIDEO, CLIP)
PROTOCOLS = (CLIPS, THESIS)
HEATMAPS = (DENSE, IMPULSE)


@dataclass(frozen=True)
class BuildConfig:
    """Everything that decides a store's content, besides the source files.

    Attributes
    ----------
    seed : of the split, the order of windows and the box jitter.
    expand : share by which each box side grows.
    keep_aspect : square boxes.
    box_jitter : share of the side by which boxes move and scale at random; 0 is the tight box.
    group_by : what stays in one split: whole videos, and of datasets whose neighbouring ids are
        often of one source video, blocks of such ids; whole videos alone; or clips (chained where
        they share frames).
    protocol : "clips" (no frame is shared), or "thesis" (windows cut in file order).
    actions : Penn Action's actions; None is the default selection.
    heatmaps : "dense" stores every pixel, "impulse" the positions alone, from which the reader
        renders the same heatmaps.
    test_actions : if any, their videos make the test split, and the others are split 75/25 into
        training and validation: a test on motion of kinds that were never seen.
    """

    seed: int = 0
    expand: float = DEFAULT_EXPAND
    keep_aspect: bool = False
    box_jitter: float = 0.0
    group_by: str = NEIGHBOURS
    protocol: str = CLIPS
    actions: tuple[str, ...] | None = None
    test_actions: tuple[str, ...] = ()
    heatmaps: str = DENSE

    def __post_init__(self) -> None:
        if self.group_by not in GROUP_BY:
            raise unknown_name("group", self.group_by, GROUP_BY)
        if self.protocol not in PROTOCOLS:
            raise unknown_name("protocol", self.protocol, PROTOCOLS)
        if self.heatmaps not in HEATMAPS:
            raise unknown_name("form of heatmaps", self.heatmaps, HEATMAPS)
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
        form = {"stored_heatmaps": self.heatmaps} if self.heatmaps != DENSE else {}
        return fields | {"heatmaps": IMPULSE, "sigma_out_px": SIGMA_OUT_PX} | form
