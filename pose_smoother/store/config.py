"""How a store was built, typed: the ``config`` table of its attributes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pose_smoother.boxes import DEFAULT_EXPAND
from pose_smoother.errors import StoreError

#: ``heatmaps`` of the stores that ``pipeline`` makes: an impulse at each keypoint, blurred.
IMPULSE = "impulse"
#: ``stored_heatmaps``: every pixel, or (``IMPULSE``) the positions alone.
DENSE = "dense"
#: Boxes are not extended farther, as `preprocess` has it.
MAX_EXPAND = 10.0
#: ``detections`` of a store that has a detector's output next to the ground truth.
RECORDED = "recorded"
CLIPS, THESIS = "clips", "thesis"  # protocol
NEIGHBOURS, VIDEO, CLIP = "neighbours", "video", "clip"  # group_by
#: Ids of a block. Penn Action's clips are cut from fewer source videos, which its files do not
#: name; neighbouring ids often share one. Split by single clips, a small network gains 1.3 points
#: of PCK@0.1 by that.
NEIGHBOURING_IDS = 20
#: Names of a detector's own heatmaps: the array by frame, and its columns in ``config``.
DETECTED_HEATMAPS = "detected_heatmaps"


@dataclass(frozen=True)
class StoreConfig:
    """What decides how a store's frames are read; the defaults are those of the first stores.

    Attributes
    ----------
    heatmaps : what the stored heatmaps are: ``IMPULSE``, another word, or "" where it is unknown.
    stored_heatmaps : ``DENSE``, or ``IMPULSE``: there is no array of heatmaps, ``Store.read``
        renders them from the positions.
    protocol : ``CLIPS`` (no frame is in two splits) or ``THESIS`` (windows cut in file order).
    group_by : what is in one split only: ``NEIGHBOURS``, ``VIDEO`` or ``CLIP``. Stores that do not
        name it were made by video.
    box_jitter : share of a box's side by which it was moved and scaled at random.
    expand : share by which each side of a box was extended.
    keep_aspect : whether boxes are square.
    detections : ``RECORDED`` where the store has a detector's output; else "".
    heatmap_columns : which of the detector's heatmaps each of the 25 keypoints is, -1 where there
        is none; empty where the store has no such heatmaps.
    """

    heatmaps: str = ""
    stored_heatmaps: str = DENSE
    protocol: str = CLIPS
    group_by: str = VIDEO
    box_jitter: float = 0.0
    expand: float = DEFAULT_EXPAND
    keep_aspect: bool = False
    detections: str = ""
    heatmap_columns: tuple[int, ...] = ()

    @classmethod
    def from_attrs(cls, attrs: Mapping[str, Any]) -> "StoreConfig":
        """The config of a store's attributes (or of a run's record of its store).

        What an older store doesn't name has its default.

        Raises
        ------
        StoreError : a value is not of its type.
        """
        table = attrs.get("config") or {}
        try:
            found = cls(
                heatmaps=str(table.get("heatmaps") or ""),
                stored_heatmaps=str(table.get("stored_heatmaps") or DENSE),
                protocol=str(table.get("protocol") or CLIPS),
                group_by=str(table.get("group_by") or VIDEO),
                box_jitter=float(table.get("box_jitter", 0.0)),
                expand=float(table.get("expand", DEFAULT_EXPAND)),
                keep_aspect=bool(table.get("keep_aspect", False)),
                detections=str(table.get("detections") or ""),
                heatmap_columns=tuple(int(i) for i in table.get(DETECTED_HEATMAPS) or ()),
            )
        except (TypeError, ValueError, AttributeError, OverflowError):
            raise StoreError("the store's config is damaged: a value is not of its type") from None
        if not (0 <= found.expand <= MAX_EXPAND and 0 <= found.box_jitter < 1):
            raise StoreError(
                f"the store's config is damaged: expected expand from 0 to {MAX_EXPAND} and "
                f"box_jitter from 0 to 1, found {found.expand} and {found.box_jitter}"
            )
        return found

    @property
    def has_impulses(self) -> bool:
        """Whether heatmaps can be rendered from the positions, exactly as they are stored."""
        return self.heatmaps == IMPULSE

    @property
    def rendered_when_read(self) -> bool:
        """Whether the store has positions in the place of heatmaps."""
        return self.has_impulses and self.stored_heatmaps == IMPULSE

    @property
    def has_detections(self) -> bool:
        """Whether the store has a detector's output next to the ground truth."""
        return self.detections == RECORDED

    @property
    def may_share(self) -> bool:
        """Whether splits share frames or videos on purpose."""
        return self.protocol != CLIPS or self.group_by == CLIP


def neighbour_block(action: str, clip: str, n_ids: int = NEIGHBOURING_IDS) -> str:
    """The block of neighbouring ids that a clip is of: it holds one action, for no video has two.

    An id that is no number is a block of its own.
    """
    is_number = clip.isdecimal() and len(clip) < 19
    return f"{action} {int(clip) // n_ids if is_number else clip}"
