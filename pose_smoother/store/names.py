"""The names and the array layouts of the store contract, version 1: constants only."""

from dataclasses import dataclass

from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import N_KEYPOINTS

CONTRACT_VERSION = 1
SPLITS = ("train", "val", "test")
WINDOW_FRAMES = 5
STEPS = (1, 2)
MANIFEST = "MANIFEST.json"
REPORT = "report.json"


@dataclass(frozen=True)
class ArraySpec:
    """The layout of an array: dtype, shape of a frame, frames per chunk and frames per shard."""

    dtype: str
    frame_shape: tuple[int, ...]
    chunk_frames: int
    shard_frames: int


_SMALL = 16_384  # frames per chunk of the arrays without pixels: a few MB at most

#: Every array with one row per stored frame, by name.
FRAME_ARRAYS: dict[str, ArraySpec] = {
    "heatmaps": ArraySpec("<f4", (N_KEYPOINTS, SIZE, SIZE), 16, 256),
    "keypoints": ArraySpec("<i2", (N_KEYPOINTS, 2), _SMALL, _SMALL),
    "keypoints_exact": ArraySpec("<f4", (N_KEYPOINTS, 2), _SMALL, _SMALL),
    "annotated": ArraySpec("|b1", (N_KEYPOINTS,), _SMALL, _SMALL),
    "boxes": ArraySpec("<f4", (4,), _SMALL, _SMALL),
    "clip": ArraySpec("<i4", (), _SMALL, _SMALL),
    "frame": ArraySpec("<i4", (), _SMALL, _SMALL),
}
WINDOW_SPEC = ArraySpec("<i8", (), 65_536, 65_536)

#: Columns of the clips table and their kinds; text is UTF-8, so ids such as "007" remain text.
CLIP_COLUMNS: dict[str, str] = {
    "id": "text",
    "dataset": "text",
    "video": "text",
    "action": "text",
    "person": "text",
    "fps": "<f8",
    "first_frame": "<i4",
    "n_frames": "<i4",
    "split": "text",
}
