"""BRACE: breakdance poses in COCO's 17 keypoints (thesis section 1.1; DESIGN section 4).

A file holds one segment of a video. Its keypoints are interpolated between manually annotated
frames, which a second archive holds; those replace the interpolated ones where they exist.

Source: Moltisanti et al., "BRACE: The Breakdancing Competition Dataset for Dance Motion
Synthesis", ECCV 2022; https://github.com/dmoltisanti/brace.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from pipeline.sources import Item, SourceOption, SourceOptions
from pipeline.sources.brace_manual import ManualFiles
from pipeline.sources.brace_segment import DATASET, LABELLED, SHARED, parse
from pipeline.sources.brace_tables import BOUNDARIES, FULL_HD, Tables, load_tables, places
from pipeline.sources.open_tree import open_tree
from pipeline.sources.tree import Tree
from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.path import PathOrUrl

__all__ = ["LABELLED", "NAME", "OPTIONS", "RELEASE", "items", "parse"]

NAME = DATASET
MANUAL, TABLES = "brace-manual", "brace-tables"
OPTIONS = (
    SourceOption(NAME, "BRACE's keypoint zip as downloaded, or its folder."),
    SourceOption(MANUAL, "BRACE's manual-keypoint zip or folder."),
    SourceOption(
        TABLES, "Folder with BRACE's annotation tables (cuts, fps), if not next to the zip."
    ),
)
#: Counts of the whole release, by its tables (``check`` compares): clips are segments and the parts
#: of those that shot boundaries cut. (One cut falls among frames that an earlier segment has: with
#: those frames there would be 1,594.)
RELEASE = {"files": 1_352, "frames": 334_538, "clips": 1_593, SHARED: 619}
MAX_JSON_BYTES = 16 << 20
EXPECTED = (
    "BRACE's dataset.zip, or a folder that holds "
    "<year>/<video>/<video>_<start>-<end>_<movement>.json files"
)
#: JSON files of the dataset's repository that are not segments.
_NOT_SEGMENTS = (BOUNDARIES, "audio_beats.json")

# Video ids may contain "_" and "-", also in front: the name is understood from its right end.
_SEGMENT = re.compile(
    r"(?P<video>[^/]+)_(?P<start>\d{1,9})-(?P<end>\d{1,9})_(?P<movement>[A-Za-z]+)\.json(\.json)?",
    re.ASCII,
)


@dataclass(frozen=True)
class _Segment:
    """What a segment's name holds; both frames belong to the segment."""

    video: str
    start: int
    end: int
    movement: str
    name: str
    refused: str


def items(path: PathOrUrl, options: SourceOptions) -> Iterator[Item]:
    """Segment files, ordered by video and first frame.

    An item that must not or cannot be read has ``context["error"]``, the reason, and no data;
    ``parse`` raises it.

    Parameters
    ----------
    path : ``dataset.zip`` as downloaded, a folder that holds it, or the unpacked tree.
    options : manual keypoints and tables that are not given are looked for next to and inside
        ``path``.

    Raises
    ------
    InvalidInputError : the path is absent, not a zip archive, or holds no segment; a table is
        broken.
    """
    with ExitStack() as stack:
        tree = _open_segments(path, stack)
        segments, strange = _segments(tree)
        if not segments:
            raise InvalidInputError(f"{path} holds no segment: expected {EXPECTED}")
        tables = load_tables(tree, options.paths.get(TABLES))
        manual = ManualFiles(_open_manual(tree, options.paths.get(MANUAL), stack))
        for name in strange:
            reason = "is not named <video>_<start>-<end>_<movement>.json"
            yield Item(name, b"", {"error": reason})
        first_new: dict[str, int] = defaultdict(int)
        for segment in segments:
            context = _context(segment, tables, first_new[segment.video])
            try:
                if segment.refused:
                    raise InvalidInputError(segment.refused)
                context["manual"] = manual.between(segment.video, segment.start, segment.end)
                item = Item(segment.name, tree.read(segment.name, MAX_JSON_BYTES), context)
            except InvalidInputError as error:
                yield Item(segment.name, b"", {"error": str(error)})
                continue
            yield item
            first_new[segment.video] = max(first_new[segment.video], segment.end + 1)
        manual.warn_unused()


def _context(segment: _Segment, tables: Tables, first_new_frame: int) -> dict[str, Any]:
    """What parsing a segment needs besides its bytes; plain values only."""
    video = segment.video
    return {
        "video": video,
        "start": segment.start,
        "end": segment.end,
        "movement": segment.movement,
        "first_new_frame": first_new_frame,
        "fps": tables.fps.get(video, float("nan")),
        "size": tables.sizes.get(video, FULL_HD),
        "cuts": [c for c in tables.cuts.get(video, []) if segment.start <= c <= segment.end],
        "dancer": tables.dancers.get((video, segment.start, segment.end), ""),
    }


def _open_segments(path: PathOrUrl, stack: ExitStack) -> Tree:
    """The keypoint tree; a folder that merely holds ``dataset.zip`` is read as the archive."""
    tree = stack.enter_context(open_tree(path, EXPECTED))
    archive = path / "dataset.zip"
    if path.is_dir() and archive.is_file() and not _segments(tree)[0]:
        tree = stack.enter_context(open_tree(archive, EXPECTED))
    return tree


def _open_manual(tree: Tree, chosen: PathOrUrl | None, stack: ExitStack) -> list[Tree]:
    """Where manual keypoints may be: the chosen place, else next to and inside the keypoints."""
    expected = "BRACE's manual_keypoints.zip, or the folder unpacked from it"
    if chosen is not None:
        return [stack.enter_context(open_tree(chosen, expected))]
    for place in places(tree.path):
        for name in ("manual_keypoints", "manual_keypoints.zip"):
            if (place / name).exists():
                return [stack.enter_context(open_tree(place / name, expected))]
    return [tree]


def _segments(tree: Tree) -> tuple[list[_Segment], list[str]]:
    """Segments by (video, start), and the names of JSON files that are none."""
    segments, strange = [], []
    for member in tree.members:
        name = member.name.rsplit("/", 1)[-1]
        mac_copy = name.startswith("._") or member.name.startswith("__MACOSX/")
        if not name.endswith(".json") or name in _NOT_SEGMENTS or mac_copy:
            continue
        match = _SEGMENT.fullmatch(name)
        if match:
            span = int(match["start"]), int(match["end"])
            segments.append(
                _Segment(match["video"], *span, match["movement"], member.name, member.refused)
            )
        else:
            strange.append(member.name)
    return sorted(segments, key=lambda s: (s.video, s.start, s.end, s.name)), strange
