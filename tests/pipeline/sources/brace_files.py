"""Small files as BRACE has them, and the source asked about them."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.sources import Item, SourceOptions, brace
from pose_smoother.errors import InvalidInputError

VIDEO = "-a_b-CDE_12"
TABLES = {
    "annotations/segments.csv": (
        "video_id,seq_idx,start_frame,end_frame,dance_type,dance_type_id,dancer,dancer_id,year,uid\n"
        f"{VIDEO},0,10,19,toprock,0,el niño,10,2011,{VIDEO}.10.19\n"
    ),
    "annotations/shot_boundaries.json": json.dumps({VIDEO: [3, 14, 400]}),
    "annotations/videos_info.csv": (
        f"video_id,video_url,year,duration,fps,resolution\n{VIDEO},u,2011,9.5,29.97002997,640x480\n"
    ),
}


def points(frame: int) -> list[list[float]]:
    """COCO keypoints whose positions tell keypoint and frame."""
    return [[10.0 + k, frame + 0.5, 1] for k in range(17)]


def segment(frames, **changed) -> bytes:
    table = {
        f"{VIDEO}/img-{n:06d}.png": {"box": [0, 0, 9, 9, 1], "keypoints": points(n)} for n in frames
    }
    return json.dumps(table | changed).encode()


def name_of(start: int, end: int, movement: str = "toprock", ending: str = ".json.json") -> str:
    return f"dataset/2011/{VIDEO}/{VIDEO}_{start}-{end}_{movement}{ending}"


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def write_folder(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, data in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
    return root


def write_zip(path: Path, files: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def items_of(path: Path, **options) -> list[Item]:
    paths = {f"brace-{name}": value for name, value in options.items()}
    return list(brace.items(path, SourceOptions(paths)))


def clips_of(path: Path, **options) -> list:
    return [clip for item in items_of(path, **options) for clip in brace.parse(item)]


def parse_bytes(data: bytes, start=10, end=19, **context) -> list:
    known = {
        "video": VIDEO,
        "start": start,
        "end": end,
        "movement": "toprock",
        "first_new_frame": 0,
        "fps": 25.0,
        "size": (1920, 1080),
        "cuts": [],
        "dancer": "",
        "manual": {},
    }
    return brace.parse(Item("a.json", data, known | context))


def only_reason(path: Path, **options) -> str:
    (item,) = items_of(path, **options)
    with pytest.raises(InvalidInputError) as caught:
        brace.parse(item)
    return str(caught.value)
