"""What a file of no known format holds, in a few words: for the message that refuses it."""

import json
import re
from pathlib import Path

from pose_smoother.files.plain import open_plain
from pose_smoother.poses.formats.json_utils import head
from pose_smoother.poses.formats.text_table import head_texts
from pose_smoother.poses.formats.tracks_io import MAX_BYTES

_PACKED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7-zip", b"\x28\xb5\x2f\xfd": "zstd"}
_MOST_SHOWN = 8


def describe(path: Path) -> str:
    """A sentence on a file's content and the way out, ``""`` for a folder."""
    if not path.is_file():
        return ""
    with open_plain(path, MAX_BYTES) as file:
        start = file.read(1 << 12)
    packed = next((name for mark, name in _PACKED.items() if start.startswith(mark)), None)
    if packed is not None:
        return f"compressed by {packed}: unpack it, or use gzip"
    if start.startswith(b"\x89HDF"):
        return "HDF5 of another tool"
    text = head(path)
    if text[:1] in (b"{", b"["):
        return _of_json(text)
    cells = head_texts(path)
    if not cells:
        return "no text, or in an encoding other than UTF-8 and UTF-16 with a byte-order mark"
    if all(re.fullmatch(r"[\s\d.,eE+-]*", cell) for cell in cells):
        return (
            "numbers without a header: name the columns in the first line, as in frame,x_0,y_0; of "
            "YOLO's labels give the folder"
        )
    shown = ", ".join(cell.strip()[:30] for cell in cells[:_MOST_SHOWN])
    more = ", …" if len(cells) > _MOST_SHOWN else ""
    return (
        f"a table of the columns {shown}{more}: expected nose_x, nose_y, … or x_0, y_0, … or "
        "frame, keypoint, x, y"
    )


def _of_json(start: bytes) -> str:
    keys = dict.fromkeys(re.findall(rb'"((?:[^"\\]|\\.)*)"\s*:', start[: 1 << 16]))
    shown = [key.decode("utf-8", "replace") for key in keys][:_MOST_SHOWN]
    listed = ", ".join(json.dumps(key, ensure_ascii=False)[1:-1][:30] for key in shown)
    return f"JSON with the keys {listed}" if shown else "JSON without keys"
