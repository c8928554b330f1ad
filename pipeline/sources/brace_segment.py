"""One BRACE segment file to clips: pure, and suspicious of every byte."""

import json
import math
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.sources import Clip, Item, checked_id
from pipeline.sources.brace_manual import manual_keypoints
from pose_smoother.errors import InvalidInputError
from pose_smoother.skeleton import INDEX, N_KEYPOINTS

DATASET = "brace"

#: COCO's order, as stored.
COCO = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
LABELLED = tuple(name for name in COCO if name in INDEX)

#: What is left out where neighbouring segments of a video overlap.
SHARED = "frames: shared with the previous segment"
MAX_FRAMES = 1_000_000
_LARGEST = 1e9
_TRUTH_VALUE = re.compile(rb"true|false")  # which numpy would take for numbers
_FRAME = re.compile(r"(?P<video>[^/]+)/img-(?P<frame>\d{1,9})\.png", re.ASCII)


def parse(item: Item) -> list[Clip]:
    """Clips of one segment: one for each shot that it spans.

    A shot boundary b is taken as the first frame of the new shot. The dataset does not say so; but
    one segment begins at b - 1 and nine begin at b, as they would if b - 1 ended the old shot.

    Raises
    ------
    InvalidInputError : the file is broken (the text says what and where), was refused by
        ``items``, or
        has no frame that an earlier segment does not have.
    """
    context = item.context
    if "error" in context:
        raise InvalidInputError(context["error"])
    frames, keypoints = _decode(item.data, context["video"])
    left_out = _replace_manual(frames, keypoints, context["manual"])
    keep = _frames_kept(frames, keypoints, context, left_out)
    frames, keypoints = frames[keep], keypoints[keep]
    shots = np.searchsorted(np.array(context["cuts"], dtype=np.int64), frames, side="right")
    edges = [0, *(np.flatnonzero(np.diff(shots)) + 1).tolist(), len(frames)]
    clips = []
    for start, stop in pairwise(edges):
        clips.append(_clip(frames[start:stop], keypoints[start:stop], context, left_out))
        left_out = {}  # what the whole file lost is reported once, with its first clip
    return clips


def _clip(
    frames: NDArray[np.int32],
    coco: NDArray[np.float64],
    context: dict[str, Any],
    left_out: dict[str, int],
) -> Clip:
    """One shot's frames in our skeleton, keypoints that are not annotated as NaN."""
    ours = coco[:, [COCO.index(name) for name in LABELLED]]
    position = ours[..., :2].copy()
    reasons = {
        "keypoints: score 0": ours[..., 2] <= 0,
        "keypoints: at (0, 0), COCO's mark for none": (position == 0).all(axis=-1),
        "keypoints: outside the image": ((position < 0) | (position >= context["size"])).any(-1),
    }
    left = dict(left_out)
    for reason, hit in reasons.items():
        fresh = hit & np.isfinite(position[..., 0])
        position[fresh] = np.nan
        if fresh.any():
            left[reason] = int(fresh.sum())
    keypoints = np.full((len(frames), N_KEYPOINTS, 2), np.nan)
    keypoints[:, [INDEX[name] for name in LABELLED]] = position
    span = f"{frames[0]}-{frames[-1]}"
    return Clip(
        id=checked_id(f"{context['video']}_{span}_{context['movement']}"),
        dataset=DATASET,
        video=checked_id(context["video"]),
        action=context["movement"],
        person=context["dancer"],
        fps=context["fps"],
        frames=frames,
        keypoints=keypoints,
        left_out=left,
    )


def _frames_kept(
    frames: NDArray[np.int32],
    coco: NDArray[np.float64],
    context: dict[str, Any],
    left_out: dict[str, int],
) -> NDArray[np.bool_]:
    """Frames of the segment's own range, all finite, that no earlier segment of the video has."""
    outside = (frames < context["start"]) | (frames > context["end"])
    shared = (frames < context["first_new_frame"]) & ~outside
    ours = coco[:, [COCO.index(name) for name in LABELLED]]
    broken = ~np.isfinite(ours).all(axis=(1, 2)) & ~outside & ~shared
    for reason, dropped in (
        ("frames: outside the range in the file's name", outside),
        (SHARED, shared),
        ("frames: a keypoint that is not a finite number", broken),
    ):
        if dropped.any():
            left_out[reason] = int(dropped.sum())
    keep = ~(outside | shared | broken)
    if not keep.any():
        raise InvalidInputError(
            f"no frame is left of {len(frames)}: {int(outside.sum())} lie outside "
            f"{context['start']}-{context['end']}, {int(shared.sum())} in an earlier segment, "
            f"{int(broken.sum())} have a keypoint that is not a finite number"
        )
    return keep


def _replace_manual(
    frames: NDArray[np.int32], keypoints: NDArray[np.float64], manual: dict[int, bytes]
) -> dict[str, int]:
    """Put manual keypoints in place; count those whose frame the file does not have."""
    row = {int(frame): i for i, frame in enumerate(frames)}
    homeless = 0
    for frame, data in manual.items():
        try:
            positions = manual_keypoints(data, len(COCO))
        except InvalidInputError as error:
            raise InvalidInputError(f"manual keypoints of frame {frame}: {error}") from None
        if frame in row:
            keypoints[row[frame]] = np.column_stack([positions, np.ones(len(COCO))])
        else:
            homeless += 1
    return {"manual frames: absent from the segment": homeless} if homeless else {}


def _decode(data: bytes, video: str) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Frame numbers, increasing, and COCO keypoints (n, 17, 3) of a segment's JSON.

    Numbers that are not finite stay: they cost their frame, not the segment.
    """
    try:
        table = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"is not valid JSON: {error}") from None
    if not isinstance(table, dict) or not 0 < len(table) <= MAX_FRAMES:
        size = f"{len(table):,} entries" if isinstance(table, dict) else type(table).__name__
        raise InvalidInputError(f"expected an object of 1 to {MAX_FRAMES:,} frames, got {size}")
    entries: dict[int, Any] = {}
    for key, value in table.items():
        match = _FRAME.fullmatch(key)
        if not match or match["video"] != video:
            raise InvalidInputError(
                f"expected keys such as '{video}/img-000123.png', got {key[:80]!r}"
            )
        number = int(match["frame"])
        if number in entries:
            raise InvalidInputError(f"frame {number} occurs twice")
        entries[number] = value
    keypoints = None if _TRUTH_VALUE.search(data) else _all_keypoints(entries.values())
    if keypoints is None:  # frame by frame it takes ten times as long, and finds what is wrong
        keypoints = np.stack([_frame_keypoints(value, n) for n, value in entries.items()])
    order = np.array(list(entries), dtype=np.int32).argsort()
    return np.array(list(entries), dtype=np.int32)[order], keypoints[order]


def _all_keypoints(entries: Iterable[Any]) -> NDArray[np.float64] | None:
    """The (n, 17, 3) keypoints of all frames' entries; None where one is not as it should be."""
    try:
        found = np.array([entry["keypoints"] for entry in entries])
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    if found.dtype.kind not in "if" or found.shape[1:] != (len(COCO), 3):
        return None
    keypoints = found.astype(np.float64)
    return keypoints if (np.abs(keypoints) < _LARGEST).all() else None


def _frame_keypoints(value: Any, frame: int) -> NDArray[np.float64]:
    """The (17, 3) keypoints of one frame's entry."""
    points = value.get("keypoints") if isinstance(value, dict) else None
    shape_fits = (
        isinstance(points, list)
        and len(points) == len(COCO)
        and all(isinstance(point, list) and len(point) == 3 for point in points)
    )
    if not shape_fits:
        raise InvalidInputError(
            f"frame {frame}: expected 'keypoints' with {len(COCO)} entries [x, y, score]"
        )
    assert points is not None
    for name, point in zip(COCO, points, strict=True):
        if not all(_is_number(number) for number in point):
            raise InvalidInputError(
                f"frame {frame}, {name}: expected three numbers, got {str(point)[:80]}"
            )
    return np.array(points, dtype=np.float64)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return table


def _is_number(value: Any) -> bool:
    """Whether a value is a number of a sane size, or one that is not finite."""
    not_finite = type(value) is float and not math.isfinite(value)
    return not_finite or (type(value) in (int, float) and abs(value) < _LARGEST)
