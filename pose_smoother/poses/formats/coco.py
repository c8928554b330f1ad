"""COCO's keypoint results (a list of detections) and its annotations (images, annotations).

A keypoint of an annotation with visibility 0 is missing.
COCO-WholeBody's lists of feet, face and hands are keypoints of the same person.
Individuals are distinguished by the first of `PERSON_KEYS` that they have, else linked (`link`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.json_utils import (
    dump,
    first_given,
    head,
    load,
    member,
    person_name,
)
from pose_smoother.poses.formats.point_lists import point_array, put_points, with_score
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    all_places,
    frame_rate,
    named_frame,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import known_skeleton
from pose_smoother.poses.skeletons import skeleton as skeleton_named
from pose_smoother.poses.tracks import Floats, Poses

NAME = "coco-results"
EXTENSIONS = (".json",)
HAS = frozenset({"scores", "fps"})

#: Keys that say who somebody is; ``idx`` is AlphaPose's.
PERSON_KEYS = ("track_id", "tracking_id", "person_id", "instance_id", "idx")
_BODY = "keypoints"
#: A person's lists of keypoints, and which of COCO-WholeBody's 133 they are; the body's vary.
_LISTS = {
    _BODY: None,
    "foot_kpts": slice(17, 23),
    "face_kpts": slice(23, 91),
    "lefthand_kpts": slice(91, 112),
    "righthand_kpts": slice(112, 133),
}
_VIDEO_KEYS = ("video_id", "vid_id", "video")
_FRAME_KEYS = ("frame_id", "frame", "frame_index", "frame_idx")


def claims(path: Path) -> Evidence:
    """Whether the first keys are those of a list of detections or of an annotation file."""
    start = head(path)
    if start.startswith(b"["):
        if b'"image_id"' in start:
            return Evidence.NAMES
        return Evidence.NONE if start[1:].strip(b" \r\n\t]") else Evidence.ENDING
    annotations = start.startswith(b"{") and (b'"annotations"' in start or b'"images"' in start)
    return Evidence.NAMES if annotations else Evidence.NONE


def _items(document: Any) -> tuple[list[Any], str]:
    """The people of a document, and what to call one of them."""
    if isinstance(document, list):
        return document, "detection"
    return member(document, "annotations", list, "the file"), "annotation"


def _image_places(
    items: Sequence[dict[str, Any]], images: Sequence[Any], notes: list[str]
) -> list[tuple[str, int]]:
    """(video, frame) of objects that may say them; else of their images' names or numbers."""
    frames = [first_given(item, _FRAME_KEYS) for item in items]
    given = [image if frame is None else frame for image, frame in zip(images, frames, strict=True)]
    places = []
    for item, place in zip(items, all_places(given, notes), strict=True):
        video = first_given(item, _VIDEO_KEYS)
        places.append(place if video is None else (str(video), place[1]))
    return places


def _images(document: Any, notes: list[str]) -> dict[Any, tuple[str, int]]:
    """(video, frame) by image id, from the images' own fields, names or, at last, ids."""
    images = document.get("images", []) if isinstance(document, dict) else []
    if not isinstance(images, list) or not all(isinstance(i, dict) for i in images):
        raise InvalidInputError("images: expected a list of objects")
    ids = [i.get("id") for i in images]
    if any(not isinstance(i, int | str) for i in ids) or len(set(ids)) < len(ids):
        raise InvalidInputError("images: expected an id for each, no two alike")
    told: list[str] = []
    try:
        places = _image_places(images, [i.get("file_name", i["id"]) for i in images], told)
    except InvalidInputError:
        places = []
    if len(set(places)) < len(images):
        notes.append("the images' names do not number the frames: their ids were taken for numbers")
        places, told = [named_frame(i) for i in ids], []
    notes += told
    return dict(zip(ids, places, strict=True))


def _names(document: Any, items: list[Any], n: int, notes: list[str]) -> tuple[str, ...] | None:
    """The keypoint names of the categories in use; None where they do not name n keypoints."""
    if not isinstance(document, dict):
        return None
    used = {str(item.get("category_id")) for item in items}
    categories = document.get("categories")
    found = {
        tuple(map(str, c["keypoints"]))
        for c in (categories if isinstance(categories, list) else [])
        if isinstance(c, dict) and isinstance(c.get("keypoints"), list) and str(c.get("id")) in used
    }
    if len(found) > 1:
        raise InvalidInputError("expected one skeleton, found categories with different keypoints")
    names: tuple[str, ...] = found.pop() if found else ()
    if names and len(names) != n:
        text = f"the category names {len(names)} keypoints, but there are {n}: not used"
        notes.append(Caution(text))
    return names if len(names) == n else None


def _places(
    people: list[Any], where: Callable[[int], str], images: Any, notes: list[str]
) -> list[tuple[str, int]]:
    """(video, frame) of every person."""
    ids = [person.get("image_id") for person in people]
    if not images:
        return _image_places(people, ids, notes)
    for row, image in enumerate(ids):
        if not (isinstance(image, int | str) and image in images):
            raise InvalidInputError(f"{where(row)}: no image has the id {image!r:.40}")
    return [images[image] for image in ids]


def _fps(document: Any) -> float | None:
    """Frames a second, where the videos have one rate."""
    videos = document.get("videos") if isinstance(document, dict) else None
    listed = videos if isinstance(videos, list) else []
    rates = {frame_rate(video.get("fps")) for video in listed if isinstance(video, dict)}
    return rates.pop() if len(rates) == 1 else None


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of results or annotations; annotations mostly name the keypoints, results do not.

    Raises
    ------
    InvalidInputError : the file is no such JSON.
    """
    raw = read_bytes(path)
    document = load(raw)
    items, word = _items(document)
    notes: list[str] = []
    images = _images(document, notes)
    rows = []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise InvalidInputError(f"{word} {index + 1}: expected an object, found {item!r:.40}")
        if any(item.get(key) for key in _LISTS):
            rows.append(index)
    people = [items[row] for row in rows]

    def where(row: int) -> str:
        return f"{word} {rows[row] + 1}"

    names: list[str] = []
    data: list[Floats] = []
    slices: dict[str, slice] = {}
    for key, part in _LISTS.items():
        found = point_array([person.get(key) for person in people], where)
        if found is None:
            continue
        values = with_score(found)
        n = values.shape[1]
        _mark_missing(values, isinstance(document, dict), notes)
        slices[key] = slice(len(names), len(names) + n)
        if part is None:
            given = _names(document, people, n, notes)
            if given is None:
                given, assumed = known_skeleton(n, skeleton, "coco-17", values[..., :2])
                notes += [assumed] if assumed else []
        else:
            given = skeleton_named("coco-wholebody-133").keypoints[part]
        if len(given) != n:
            raise InvalidInputError(f"{key}: expected {len(given)} keypoints, found {n}")
        names += given
        data.append(values)
    if not data:
        raise InvalidInputError(f"nobody is in it: no keypoints under {word}s")
    stacked = np.concatenate(data, axis=1) if len(data) > 1 else data[0]
    places = _places(people, where, images, notes)
    ids = [person_name(person, PERSON_KEYS) for person in people]
    fps = _fps(document)
    videos = [video for video, _ in places]
    frames = np.array([frame for _, frame in places], dtype=np.int64)
    # They take most of the memory; a number of the document would keep what lies next to it.
    del document, items, item, images, people, places, data, found, values
    seen = Detections(
        videos,
        ids,
        frames,
        stacked[..., :2],
        stacked[..., 2],
    )
    return to_tracks(names, seen, raw, (rows, slices), notes, fps)


def _mark_missing(values: Floats, annotated: bool, notes: list[str]) -> None:
    """Make missing keypoints (N, K, 3) NaN, in place, and third numbers that are no scores."""
    third = values[..., 2]
    flags = np.isin(third, (0, 1, 2)).all() and (annotated or (third == 2).any())
    if flags:
        values[third == 0, :2] = np.nan
        if not annotated:
            notes.append("the third numbers are all 0, 1 or 2: taken as visibility, not as scores")
        values[..., 2] = np.nan


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same document with other coordinates; boxes, scores and visibility stay."""
    raw = poses.origin.raw
    rows, slices = poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    if not changed.any():
        write_atomic(out, raw)
        return
    document = load(raw)
    items, _ = _items(document)
    for key, at in slices.items():
        put_points([items[row].get(key) for row in rows], new[:, at], changed[:, at])
    write_atomic(out, dump(document, raw))
