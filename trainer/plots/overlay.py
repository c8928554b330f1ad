"""Skeletons over their clip: as detected at the left, smoothed at the right."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.progress_bars import bars_hidden
from pose_smoother.video.ffmpeg import read_pictures, video_info, write_mp4
from trainer.plots.strip import row_label
from trainer.plots.track_data import Motion

if TYPE_CHECKING:
    from PIL.Image import Image

#: What an overlay may be written as.
ENDINGS = (".mp4", ".gif", ".png")
_PANEL_PX = {".mp4": 640, ".gif": 400, ".png": 360}
_STRIP_FRAMES = 6
_FINER = 2  # lines are drawn twice as large, and the picture is made smaller again
_LIMB_SHARE = 0.0035  # of the picture's diagonal
_SHADOW = (0, 0, 0, 150)
_BRIGHT = {"noisy": "#ff7385", "smoothed": "#4cc9f0"}  # over any clip
_TEXT_PX = 14


def write_overlay(
    motion: Motion, clip: Path, out: Path, first_frame: int = 0, rate_hz: float | None = None
) -> None:
    """Write a clip with the skeletons drawn over it.

    Parameters
    ----------
    clip : any video that ffmpeg decodes.
    out : .mp4 and .gif move; .png is a strip of six frames, as detected above, smoothed below.
    first_frame : the frame number of the clip's first picture.
    rate_hz : frames shown a second; None takes the clip's.

    Raises
    ------
    InvalidInputError : an unknown ending, a clip without the motion's frames, or no ffmpeg.
    """
    ending = out.suffix.lower()
    if ending not in ENDINGS:
        raise InvalidInputError(f"{out}: over a video, the file must end in {', '.join(ENDINGS)}")
    info = video_info(clip)
    rate = rate_hz or info.fps
    rows = np.arange(len(motion.frame))
    if ending == ".png":
        rows = np.unique(np.linspace(0, len(rows) - 1, _STRIP_FRAMES).round().astype(int))
    panels = _panels(motion, rows, clip, first_frame, _PANEL_PX[ending])
    if ending == ".png":
        write_atomic(out, _strip(panels))
        return
    with tempfile.TemporaryDirectory() as folder:
        aside = Path(folder) / f"overlay{ending}"
        pairs = (np.hstack([np.asarray(panel) for panel in pair]) for pair in panels)
        if ending == ".mp4":
            write_mp4(aside, pairs, rate)
        else:
            _write_gif(aside, pairs, rate)
        write_atomic(out, aside.read_bytes())


def _panels(
    motion: Motion, rows: NDArray[np.int_], clip: Path, first_frame: int, width_px: int
) -> Iterator[tuple["Image", "Image"]]:
    """For some frames of the motion, their picture with raw and with smoothed skeletons."""
    row_of = {int(motion.frame[row]): row for row in rows.tolist()}
    info = video_info(clip)
    scale = min(1.0, width_px / info.width)
    size = (round(info.width * scale / 2) * 2, round(info.height * scale / 2) * 2)
    shown = 0
    with tqdm(total=len(row_of), desc=clip.name, unit="frame", disable=bars_hidden()) as bar:
        for i, picture in enumerate(read_pictures(clip, info)):
            row = row_of.get(first_frame + i)
            if row is None:
                if first_frame + i > motion.frame[-1]:
                    break
                continue
            shown += 1
            bar.update()
            yield (
                _drawn(picture, motion, row, "noisy", size),
                _drawn(picture, motion, row, "smoothed", size),
            )
    if not shown:
        have = f"{motion.frame[0]} ... {motion.frame[-1]}"
        raise InvalidInputError(
            f"{clip} has no picture of the frames {have}: give --first-frame, the number of its "
            "first picture"
        )


def _drawn(
    picture: NDArray[np.uint8], motion: Motion, row: int, name: str, size: tuple[int, int]
) -> "Image":
    """A picture with the poses of one frame, as detected or smoothed, at a size."""
    from PIL import Image, ImageDraw, ImageFont

    pose, colour = (motion.raw if name == "noisy" else motion.smoothed)[row], _BRIGHT[name]
    large = (size[0] * _FINER, size[1] * _FINER)
    image = Image.fromarray(picture).resize(large, Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image, "RGBA")
    width = max(2, round(float(np.hypot(*large)) * _LIMB_SHARE))
    points = pose * (large[0] / picture.shape[1], large[1] / picture.shape[0])
    known = np.isfinite(points).all(axis=-1)
    ends = [(*points[a], *points[b]) for a, b in motion.limbs if known[a] and known[b]]
    for shade, wider in ((_SHADOW, 2 * _FINER), (colour, 0)):
        for line in ends:
            draw.line(line, fill=shade, width=width + wider)
        for x, y in points[known].tolist():
            r = 0.9 * width + wider / 2
            draw.ellipse((x - r, y - r, x + r, y + r), fill=shade)
    font = ImageFont.load_default(_TEXT_PX * _FINER)
    at = (6 * _FINER, large[1] - 6 * _FINER)
    text = row_label(motion, name)
    box = draw.textbbox(at, text, font=font, anchor="lb")
    draw.rectangle((box[0] - 8, box[1] - 6, box[2] + 8, box[3] + 6), fill=_SHADOW)
    draw.text(at, text, fill=colour, font=font, anchor="lb")
    return image.resize(size, Image.Resampling.BOX)


def _strip(panels: Iterator[tuple["Image", "Image"]]) -> bytes:
    """Frames next to each other, as PNG: as detected above, smoothed below."""
    from PIL import Image

    pairs = list(panels)
    width, height = pairs[0][0].size
    sheet = Image.new("RGB", (len(pairs) * (width + 4) - 4, 2 * height + 4), "white")
    for i, pair in enumerate(pairs):
        for row, panel in enumerate(pair):
            sheet.paste(panel, (i * (width + 4), row * (height + 4)))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _write_gif(out: Path, pictures: Iterator[NDArray[np.uint8]], rate_hz: float) -> None:
    """Write pictures as an animated GIF, which shows at most 50 frames a second."""
    from PIL import Image

    first, *rest = [Image.fromarray(picture) for picture in pictures]
    duration_ms = max(20, round(1000 / rate_hz))
    first.save(out, save_all=True, append_images=rest, duration=duration_ms, loop=0)
