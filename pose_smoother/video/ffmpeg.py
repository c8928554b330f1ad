"""Pictures of a video through the program ffmpeg: read from any format, written as MP4."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.video.mp4 import VideoInfo

_JPEG_START = b"\xff\xd8"
_MOST_PIXELS = 1 << 27

#: Files of pictures alone: a playlist, which could name other files and addresses, is none.
_CONTAINERS = "mov,matroska,avi,mpeg,mpegts,flv,asf,ogg,gif,ivf,h264,hevc,m4v,mjpeg,nut,wtv,mxf"


def _read(path: Path) -> list[str]:
    """The words by which ffmpeg reads this very file and nothing that it names."""
    return ["-protocol_whitelist", "file", "-format_whitelist", _CONTAINERS, "-i", f"file:{path}"]


def find_ffmpeg(what_for: str) -> str:
    """Where ffmpeg is: on the machine, or in the package imageio-ffmpeg.

    Raises
    ------
    InvalidInputError : it is in neither place; the text says what to install.
    """
    if found := shutil.which("ffmpeg"):
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ModuleNotFoundError:
        raise InvalidInputError(
            f"{what_for} needs ffmpeg: install it, or pip install 'pose-smoother[video]'"
        ) from None
    return str(get_ffmpeg_exe())


def video_info(path: Path) -> VideoInfo:
    """Codec, size and frame rate of a video's pictures, upright.

    Raises
    ------
    InvalidInputError : no such file, no video in it, or no ffmpeg.
    """
    if not path.is_file():
        raise InvalidInputError(f"{path}: no such file")
    words = [find_ffmpeg(str(path)), "-hide_banner", *_read(path)]
    text = subprocess.run(words, capture_output=True, check=False).stderr.decode(errors="replace")
    stream = re.search(r"Stream #.*?Video: (\w+).*?, (\d+)x(\d+).*?([\d.]+) fps", text)
    if stream is None:
        raise InvalidInputError(f"{path}: expected a video, found none that ffmpeg can decode")
    codec, width, height, fps = stream.groups()
    if int(width) * int(height) > _MOST_PIXELS:
        raise InvalidInputError(
            f"{path}: expected pictures of a video, found {width} x {height} px"
        )
    turned = re.search(r"rotation of -?(90|270)", text) is not None
    size = (int(height), int(width)) if turned else (int(width), int(height))
    long = re.search(r"Duration: (\d+):(\d+):([\d.]+)", text)
    hours, minutes, seconds = map(float, long.groups()) if long else (0.0, 0.0, 0.0)
    n_frames = round((3600 * hours + 60 * minutes + seconds) * float(fps))
    return VideoInfo(codec.lower(), *size, float(fps), n_frames or None)


def read_pictures(path: Path, info: VideoInfo) -> Iterator[NDArray[np.uint8]]:
    """Every picture of a video, uint8 (height, width, 3), RGB.

    Raises
    ------
    InvalidInputError : the file cannot be decoded to its end.
    """
    words = ["-f", "rawvideo", "-pix_fmt", "rgb24"]
    n_bytes = info.width * info.height * 3
    with _decoding(path, words) as process:
        assert process.stdout is not None
        while len(data := process.stdout.read(n_bytes)) == n_bytes:
            yield np.frombuffer(data, np.uint8).reshape(info.height, info.width, 3)


def jpegs(path: Path, every: int, width: int, most: int) -> list[bytes]:
    """Every so many pictures of a video as JPEG, at most so many px wide.

    Raises
    ------
    InvalidInputError : it cannot be decoded, or has more than ``most`` such pictures.
    """
    chosen = f"select='not(mod(n,{every}))',scale='min({width},iw)':-2"
    words = ["-vf", chosen, "-fps_mode", "passthrough", "-q:v", "6"]
    words += ["-frames:v", str(most + 1)]
    with tempfile.TemporaryDirectory() as folder:
        pattern = str(Path(folder) / "%06d.jpg")
        command = [find_ffmpeg(str(path)), "-v", "error", *_read(path), *words, pattern]
        done = subprocess.run(command, capture_output=True, check=False)
        found = [file.read_bytes() for file in sorted(Path(folder).iterdir())]
    if done.returncode or not found:
        raise InvalidInputError(f"{path}: ffmpeg: {_last_line(done.stderr)}")
    if len(found) > most:
        raise InvalidInputError(f"{path}: has more pictures than the length that it states")
    return [data for data in found if data.startswith(_JPEG_START)]


def write_mp4(out: Path, pictures: Iterable[NDArray[np.uint8]], fps: float) -> None:
    """Write pictures, uint8 (height, width, 3) of even sides, as an MP4 file of H.264."""
    chosen = iter(pictures)
    first = next(chosen)
    height, width = first.shape[:2]
    read = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}"]
    write = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", f"file:{out}"]
    command = [find_ffmpeg(f"{out}: MP4"), "-v", "error", "-y", *read, "-i", "-", *write]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors)
        assert process.stdin is not None
        try:
            for picture in chain([first], chosen):
                process.stdin.write(np.ascontiguousarray(picture).tobytes())
            process.stdin.close()
        except BrokenPipeError:
            pass  # ffmpeg has ended, and says why
        if process.wait():
            errors.seek(0)
            raise InvalidInputError(f"{out}: ffmpeg: {_last_line(errors.read())}")


class _decoding:
    """A running ffmpeg that writes a video's pictures to its standard output."""

    def __init__(self, path: Path, words: list[str]) -> None:
        self._path = path
        command = [find_ffmpeg(str(path)), "-v", "error", *_read(path), *words, "pipe:1"]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._errors, stdin=subprocess.DEVNULL
        )

    def __enter__(self) -> "subprocess.Popen[bytes]":
        return self._process

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        finished = kind is None
        if not finished:
            self._process.terminate()
        assert self._process.stdout is not None
        self._process.stdout.close()
        code = self._process.wait()
        self._errors.seek(0)
        text = self._errors.read()
        self._errors.close()
        if finished and code:
            raise InvalidInputError(f"{self._path}: ffmpeg: {_last_line(text)}")


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no picture was decoded"
