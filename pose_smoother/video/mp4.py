"""What an MP4 file says of its video, without decoding it: codec, size, frames a second."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_MOST_BYTES = 16 << 20  # of a box that is read whole
_MOST_BOXES = 10_000  # within another one


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video.

    Attributes
    ----------
    codec : such as ``avc1`` or ``h264``, lower case; "" where unknown.
    width, height : px, as stored.
    fps : frames a second, on average.
    n_frames : None where unknown.
    """

    codec: str
    width: int
    height: int
    fps: float
    n_frames: int | None


def mp4_info(path: Path) -> VideoInfo | None:
    """The first video track of an MP4 or QuickTime file; None where it has none or is damaged.

    Source: ISO/IEC 14496-12, "ISO base media file format".
    """
    try:
        with path.open("rb") as file:
            for kind, start, stop in _boxes(file, 0, path.stat().st_size):
                if kind == b"moov":
                    for inner, a, b in _boxes(file, start, stop):
                        if inner == b"trak" and (found := _track(file, a, b)):
                            return found
    except (OSError, struct.error, IndexError):
        return None
    return None


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """The kind of every box between two places, and where its content begins and ends."""
    at = start
    for _ in range(_MOST_BOXES):
        if at + 8 > stop:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            head = 16
        size = stop - at if size == 0 else size
        if size < head:
            return
        yield kind, at + head, min(at + size, stop)
        at += size


def _track(file: BinaryIO, start: int, stop: int) -> VideoInfo | None:
    """A track's facts; None of a track of sound."""
    found: dict[bytes, bytes] = {}
    waiting = [(start, stop)]
    while waiting:
        for kind, a, b in _boxes(file, *waiting.pop()):
            if kind in _CONTAINERS:
                waiting.append((a, b))
            elif kind in (b"hdlr", b"mdhd", b"stsd", b"stts") and b - a < _MOST_BYTES:
                file.seek(a)
                found[kind] = file.read(b - a)
    if found.get(b"hdlr", b"")[8:12] != b"vide" or not found.keys() >= {b"mdhd", b"stsd", b"stts"}:
        return None
    long = found[b"mdhd"][0] == 1
    (timescale,) = struct.unpack_from(">I", found[b"mdhd"], 20 if long else 12)
    (n_runs,) = struct.unpack_from(">I", found[b"stts"], 4)
    if len(found[b"stts"]) < 8 + 8 * n_runs:
        return None
    runs = np.frombuffer(found[b"stts"], ">u4", 2 * n_runs, 8).reshape(-1, 2).astype(np.float64)
    n_frames, ticks = int(runs[:, 0].sum()), float((runs[:, 0] * runs[:, 1]).sum())
    codec = found[b"stsd"][12:16].decode("latin-1").lower()
    width, height = struct.unpack_from(">HH", found[b"stsd"], 40)
    if not ticks or not timescale:
        return None
    return VideoInfo(codec, width, height, n_frames * timescale / ticks, n_frames)
