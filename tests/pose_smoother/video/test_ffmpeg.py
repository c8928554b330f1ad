"""Pictures through ffmpeg, where there is one."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.video import ffmpeg


def ffmpeg_or_skip() -> str:
    try:
        return ffmpeg.find_ffmpeg("this test")
    except InvalidInputError as error:
        pytest.skip(str(error))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve pictures that brighten."""
    file = tmp_path / "clip.avi"
    shades = np.repeat(np.arange(12, dtype=np.uint8) * 20, 32 * 16 * 3)
    words = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "32x16", "-r", "25", "-i", "-"]
    command = [ffmpeg_or_skip(), "-v", "error", *words, "-c:v", "mjpeg", str(file)]
    subprocess.run(command, input=shades.tobytes(), check=True)
    return file


def test_pictures_come_in_order(clip: Path) -> None:
    info = ffmpeg.video_info(clip)
    assert (info.codec, info.width, info.height, info.fps, info.n_frames) == (
        "mjpeg", 32, 16, 25.0, 12,
    )  # fmt: skip
    shades = [float(picture.mean()) for picture in ffmpeg.read_pictures(clip, info)]
    np.testing.assert_allclose(shades, np.arange(12) * 20, atol=6)


def test_every_third_picture_as_jpeg(clip: Path) -> None:
    assert len(ffmpeg.jpegs(clip, 3, 64, 10)) == 4


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    ffmpeg_or_skip()
    file = tmp_path / "a.avi"
    file.write_text("not a video")
    with pytest.raises(InvalidInputError, match=r"a\.avi: expected a video"):
        ffmpeg.video_info(file)


def test_without_ffmpeg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(InvalidInputError, match=r"pip install 'pose-smoother\[video\]'"):
        ffmpeg.find_ffmpeg("clip.avi")


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:1,\nclip.avi\n", "ffconcat version 1.0\nfile clip.avi\n"]
)
def test_a_playlist_opens_no_other_file(clip: Path, text: str) -> None:
    file = clip.with_name("list.avi")
    file.write_text(text)
    with pytest.raises(InvalidInputError, match=r"list\.avi: expected a video"):
        ffmpeg.video_info(file)


def test_more_pictures_than_stated_are_refused(clip: Path) -> None:
    with pytest.raises(InvalidInputError, match="more pictures than the length"):
        ffmpeg.jpegs(clip, 1, 64, 5)
