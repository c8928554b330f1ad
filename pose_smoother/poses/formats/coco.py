"""COCO's keypoint results (a list of detections) and its annotations (images, annotations).

A keypoint of an annotation with visibility 0 is missing.
People are told apart by the first of `PERSON_KEYS` that they have, else they are linked (`link`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.json_utils import (
    dump,
    head,
    load,
    member,
    person_name,
    points,
    set_points,
    stack,
)
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    named_frame,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import known_skeleton
from pose_smoother.poses.tracks import Floats, Poses

NAME = "coco-results"
EXTENSIONS = (".json",)

#: Keys that say who somebody is; ``idx`` is AlphaPose's.
PERSON_KEYS = ("track_id", "tracking_id", "person_id", "instance_id", "idx")
_VIDEO_KEYS = ("video_id", "vid_id", "video")
_FRAME_KEYS = ("frame_id", "frame", "frame_index", "frame_idx")


def looks_like(path: Path) -> bool:
    """Whether the first keys are those of a list of detections or of an annotation file."""
    start = head(path)
    if start.startswith(b"["):
        return b'"image_id"' in start or not start[1:].strip(b" \r\n\t]")
    return start.startswith(b"{") and (b'"annotations"' in start or b'"images"' in start)


def _items(document: Any) -> tuple[list[Any], str]:
    """The people of a document, and what to call one of them."""
    if isinstance(document, list):
        return document, "detection"
    return member(document, "annotations", list, "the file"), "annotation"


def _first(item: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _place(item: dict[str, Any], image: Any) -> tuple[str, int]:
    """(video, frame) of an object that may say them; else of the image's name or number."""
    frame, video = _first(item, _FRAME_KEYS), _first(item, _VIDEO_KEYS)
    found, number = named_frame(image if frame is None else frame)
    return found if video is None else str(video), number


def _images(document: Any, told: list[str]) -> dict[Any, tuple[str, int]]:
    """(video, frame) by image id, from the images' own words, names or, at last, ids."""
    images = document.get("images", []) if isinstance(document, dict) else []
    if not isinstance(images, list) or not all(isinstance(i, dict) for i in images):
        raise InvalidInputError("images: expected a list of objects")
    ids = [i.get("id") for i in images]
    if any(not isinstance(i, int | str) for i in ids) or len(set(ids)) < len(ids):
        raise InvalidInputError("images: expected an id for each, no two alike")
    try:
        places = [_place(i, i.get("file_name", i["id"])) for i in images]
    except InvalidInputError:
        places = []
    if len(set(places)) < len(images):
        told.append("the images' names do not number the frames: their ids were taken for numbers")
        places = [_place({}, i) for i in ids]
    return dict(zip(ids, places, strict=True))


def _names(document: Any, items: list[Any]) -> tuple[str, ...] | None:
    """The keypoint names of the categories in use; None where they are not told."""
    if not isinstance(document, dict):
        return None
    used = [item.get("category_id") for item in items]
    categories = document.get("categories")
    found = {
        tuple(map(str, c["keypoints"]))
        for c in (categories if isinstance(categories, list) else [])
        if isinstance(c, dict) and isinstance(c.get("keypoints"), list) and c.get("id") in used
    }
    if len(found) > 1:
        raise InvalidInputError("expected one skeleton, found categories with different keypoints")
    return found.pop() if found else None


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of results or annotations; annotations bring the keypoints' names, results do not.

    Raises
    ------
    InvalidInputError : the file is no such JSON, or the keypoints' names cannot be told.
    """
    raw = read_bytes(path)
    document = load(raw)
    items, word = _items(document)
    told: list[str] = []
    images = _images(document, told)
    rows = []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise InvalidInputError(f"{word} {index + 1}: expected an object, found {item!r:.40}")
        if item.get("keypoints"):
            rows.append(index)
    people = [items[row] for row in rows]
    where = [f"{word} {row + 1}" for row in rows]
    keypoints, third = stack(
        [points(member(p, "keypoints", list, w), w) for p, w in zip(people, where, strict=True)],
        f"{word}s",
    )
    places = []
    for person, at in zip(people, where, strict=True):
        image = person.get("image_id")
        if images and not (isinstance(image, int | str) and image in images):
            raise InvalidInputError(f"{at}: no image has the id {image!r:.40}")
        places.append(images[image] if images else _place(person, image))
    names = _names(document, people)
    if names is None:
        names, assumed = known_skeleton(keypoints.shape[1], skeleton, "coco-17")
        told += [assumed] if assumed else []
    elif len(names) != keypoints.shape[1]:
        raise InvalidInputError(
            f"expected {len(names)} keypoints as named, found {keypoints.shape[1]}"
        )
    score = _missing(keypoints, third, isinstance(document, dict), told)
    seen = Detections(
        [video for video, _ in places],
        [person_name(person, PERSON_KEYS) for person in people],
        np.array([frame for _, frame in places], dtype=np.int64),
        keypoints,
        score,
    )
    return to_tracks(names, seen, raw, rows, told)


def _missing(keypoints: Floats, third: Floats, annotated: bool, told: list[str]) -> Floats:
    """Make missing keypoints NaN, in place; the scores that the third numbers are, if they are."""
    flags = np.isin(third, (0, 1, 2)).all() and (annotated or (third == 2).any())
    if flags:
        keypoints[third == 0] = np.nan
        if not annotated:
            told.append("the third numbers are all 0, 1 or 2: taken as visibility, not as scores")
        return np.full_like(third, np.nan)
    return third


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same document with other coordinates; boxes, scores and visibility stay."""
    raw, rows = poses.origin.raw, poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    if not changed.any():
        write_atomic(out, raw)
        return
    document = load(raw)
    items, _ = _items(document)
    for i, row in enumerate(rows):
        set_points(items[row]["keypoints"], new[i], changed[i])
    write_atomic(out, dump(document, raw))
