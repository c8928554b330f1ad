"""BRACE's annotation tables: dancers, frame rates, picture sizes and shot boundaries.

``segments.csv`` and ``shot_boundaries.json`` are in the ``annotations`` folder of the dataset's
repository, ``videos_info.csv`` at its root. Each is optional; what its absence costs is logged.
"""

import csv
import io
import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pipeline.sources.tree import Tree, read_capped
from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.path import PathOrUrl

SEGMENTS = "segments.csv"
BOUNDARIES = "shot_boundaries.json"
VIDEOS = "videos_info.csv"
ABSENT = {
    SEGMENTS: "clips carry no dancer",
    BOUNDARIES: "clips are not cut at shot changes",
    VIDEOS: "clips carry no frame rate, and pictures are taken to be 1920 x 1080",
}
FULL_HD = (1920, 1080)
_MAX_BYTES = 32 << 20
_log = logging.getLogger("pipeline")


@dataclass(frozen=True)
class Tables:
    """What the tables hold, by video id.

    Attributes
    ----------
    dancers : (video, start frame, end frame) -> dancer; both frames belong to the segment.
    fps : frames a second.
    sizes : (width, height) of the picture, in pixels.
    cuts : frame numbers at which a new shot begins, increasing.
    """

    dancers: dict[tuple[str, int, int], str] = field(default_factory=dict)
    fps: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)


def places(path: PathOrUrl) -> list[PathOrUrl]:
    """Folders where things that belong to a keypoint folder or archive are looked for."""
    roots = ([path] if path.is_dir() else []) + [path.resolve().parent]
    return [place for root in roots for place in (root / "annotations", root)]


def load_tables(tree: Tree, folder: PathOrUrl | None) -> Tables:
    """The tables, from the chosen folder, else from beside or inside the keypoints.

    Raises
    ------
    InvalidInputError : the chosen folder does not exist, or a table that is there cannot be
        understood.
    """
    if folder is not None and not folder.is_dir():
        raise InvalidInputError(
            f"{folder} is not a folder: expected BRACE's annotation tables in it"
        )
    texts = {name: _find(name, tree, folder) for name in ABSENT}
    for name, text in texts.items():
        if text is None:
            _log.warning("BRACE: no %s found for %s: %s", name, tree.path, ABSENT[name])
    fps, sizes = parse_videos(texts[VIDEOS] or "")
    return Tables(
        parse_segments(texts[SEGMENTS] or ""), fps, sizes, parse_cuts(texts[BOUNDARIES] or "{}")
    )


def parse_segments(text: str) -> dict[tuple[str, int, int], str]:
    """Dancers by (video, start frame, end frame) from ``segments.csv``."""
    rows = _rows(SEGMENTS, text, ("video_id", "start_frame", "end_frame", "dancer"))
    try:
        return {
            (row["video_id"], int(row["start_frame"]), int(row["end_frame"])): row["dancer"]
            for row in rows
        }
    except ValueError as error:
        raise InvalidInputError(f"{SEGMENTS}: a frame number was expected, got {error}") from None


def parse_videos(text: str) -> tuple[dict[str, float], dict[str, tuple[int, int]]]:
    """Frame rates and picture sizes by video from ``videos_info.csv``."""
    fps: dict[str, float] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for row in _rows(VIDEOS, text, ("video_id", "fps", "resolution")):
        video = row["video_id"]
        try:
            fps[video] = float(row["fps"])
            width, height = (int(side) for side in row["resolution"].split("x"))
        except ValueError:
            raise InvalidInputError(
                f"{VIDEOS}: video {video!r}: expected a number and a size such as 1920x1080, got "
                f"fps {row['fps']!r} and resolution {row['resolution']!r}"
            ) from None
        sizes[video] = (width, height)
        if not (0 < fps[video] < math.inf and min(width, height) > 0):
            raise InvalidInputError(
                f"{VIDEOS}: video {video!r}: fps and resolution must be positive"
            )
    return fps, sizes


def parse_cuts(text: str) -> dict[str, list[int]]:
    """First frames of new shots by video from ``shot_boundaries.json``."""
    try:
        table: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{BOUNDARIES} is not valid JSON: {error}") from None
    if not isinstance(table, dict):
        raise InvalidInputError(f"{BOUNDARIES}: expected an object of lists by video id")
    for video, cuts in table.items():
        whole = isinstance(cuts, list) and all(type(c) is int and 0 <= c < 2**31 for c in cuts)
        if not whole:
            raise InvalidInputError(
                f"{BOUNDARIES}: video {video[:80]!r}: expected a list of frame numbers"
            )
    return {video: sorted(set(cuts)) for video, cuts in table.items()}


def _rows(table: str, text: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV table as text, so that ids such as ``-abc`` or ``NA`` stay what they are."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        absent = [name for name in columns if text and name not in (reader.fieldnames or ())]
        if absent:
            raise InvalidInputError(f"{table} has no column {', '.join(absent)}")
        rows = list(reader)
    except csv.Error as error:
        raise InvalidInputError(f"{table} line {reader.line_num}: {error}") from None
    for number, row in enumerate(rows, start=1):
        if any(row[name] is None for name in columns):
            raise InvalidInputError(f"{table}: row {number} is cut short")
    return rows


def _find(name: str, tree: Tree, folder: PathOrUrl | None) -> str | None:
    """The text of the first table of this name: chosen folder, inside, then beside the path."""
    inside = [m.name for m in tree.members if PurePosixPath(m.name).name == name and not m.refused]
    chosen = [folder / name] if folder else []
    beside = [place / name for place in places(tree.path)]
    try:
        for file in [file for file in chosen if file.is_file()]:
            return _text(read_capped(file, _MAX_BYTES))
        for member in inside:
            return _text(tree.read(member, _MAX_BYTES))
        for file in [file for file in beside if file.is_file()]:
            return _text(read_capped(file, _MAX_BYTES))
    except InvalidInputError as error:
        raise InvalidInputError(f"{name} for {tree.path} {error}") from None
    return None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"is not UTF-8 text: {error}") from None
