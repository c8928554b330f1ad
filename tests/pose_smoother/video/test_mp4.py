"""MP4 facts, from files that are put together box by box."""

import struct
from pathlib import Path

import pytest

from pose_smoother.video.mp4 import VideoInfo, mp4_info


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def track(handler: bytes, codec: bytes, long: bool = False) -> bytes:
    times = struct.pack(">QQIQ" if long else ">IIII", 0, 0, 15360, 15360 * 2)
    entry = struct.pack(">I4s6xH16xHH50x", 86, codec, 1, 640, 360)
    return box(
        b"trak",
        box(b"tkhd", bytes(84)),
        box(
            b"mdia",
            box(b"mdhd", bytes([long, 0, 0, 0]), times, bytes(4)),
            box(b"hdlr", bytes(8), handler, bytes(12)),
            box(
                b"minf",
                box(
                    b"stbl",
                    box(b"stsd", struct.pack(">II", 0, 1), entry),
                    box(b"stts", struct.pack(">IIIIII", 0, 2, 40, 512, 10, 1024)),
                ),
            ),
        ),
    )


@pytest.mark.parametrize("long", [False, True])
def test_the_first_video_track_is_read(tmp_path: Path, long: bool) -> None:
    file = tmp_path / "a.mp4"
    sound, video = track(b"soun", b"mp4a"), track(b"vide", b"avc1", long)
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 100) + bytes(100)
    file.write_bytes(box(b"ftyp", b"isom") + large + box(b"moov", sound, video))
    assert mp4_info(file) == VideoInfo("avc1", 640, 360, pytest.approx(50 * 15360 / 30720), 50)


def test_anything_else_has_no_video(tmp_path: Path) -> None:
    good = box(b"moov", track(b"vide", b"avc1"))
    file = tmp_path / "a.mp4"
    for damaged in (b"", b"not a video at all", good[:40], box(b"moov", track(b"soun", b"mp4a"))):
        file.write_bytes(damaged)
        assert mp4_info(file) is None


def test_boxes_without_content_and_without_end_have_no_video(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    good = track(b"vide", b"avc1")
    no_times = good.replace(
        box(b"mdhd", bytes(4), struct.pack(">IIII", 0, 0, 15360, 30720), bytes(4)), box(b"mdhd")
    )
    many_runs = good.replace(struct.pack(">III", 0, 2, 40), struct.pack(">III", 0, 2**32 - 1, 40))
    for inner in (no_times, many_runs):
        assert inner != good
        file.write_bytes(box(b"moov", inner))
        assert mp4_info(file) is None
    file.write_bytes(box(b"free") * 20_000 + box(b"moov", good))
    assert mp4_info(file) is None
