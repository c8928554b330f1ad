"""Sample annotations: people who never were, in both datasets' own file formats."""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from pipeline.synthetic import brace, penn_action
from pose_smoother.errors import InvalidInputError

#: An empty file in every sample, by which `make` knows that it may remove the folder.
MARK = ".pose-smoother-sample"
_MIN_VIDEOS = 5
_SEGMENTS_A_VIDEO = 8


def write_sample(
    out: Path, n_clips: int, seed: int, progress: Callable[[int], object] | None = None
) -> None:
    """Write ``out/penn_action`` and ``out/brace``; equal arguments give equal bytes.

    The folder appears only when it is complete.

    Parameters
    ----------
    out : the folder to make; it must be absent or empty.
    n_clips : label files and segment files in all, half each; at least 2. From 10 on there are at
        least 5 BRACE videos, so that a split by video has something for each part.
    seed : a whole number from 0 on.
    progress : called with the number of clips newly written.

    Raises
    ------
    InvalidInputError : the folder holds something already, or the number or seed is too small.
    """
    if n_clips < 2 or seed < 0:
        raise InvalidInputError(
            f"expected at least 2 clips and a seed from 0 on, got {n_clips} and {seed}"
        )
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InvalidInputError(
            f"{out} exists and is not an empty folder: choose another, or remove it"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name[:40]}.{secrets.token_hex(4)}.tmp")
    part.mkdir()
    try:
        (part / MARK).touch()
        n_segments = n_clips // 2
        _write_penn_action(part / "penn_action" / "labels", n_clips - n_segments, seed, progress)
        _write_brace(part / "brace", n_segments, seed, progress)
        part.replace(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _write_penn_action(
    folder: Path, n_clips: int, seed: int, progress: Callable[[int], object] | None
) -> None:
    folder.mkdir(parents=True)
    for index in range(n_clips):
        file = folder / f"{index + 1:04d}.mat"
        file.write_bytes(penn_action.label_file(seed, index))
        if progress:
            progress(1)


def _write_brace(
    root: Path, n_segments: int, seed: int, progress: Callable[[int], object] | None
) -> None:
    n_videos = min(n_segments, max(_MIN_VIDEOS, n_segments // _SEGMENTS_A_VIDEO))
    videos = []
    for index in range(n_videos):
        share = n_segments // n_videos + (index < n_segments % n_videos)
        video = brace.video(seed, index, share)
        for name, data in brace.segment_files(video):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        videos.append(video.without_keypoints())
        if progress:
            progress(share)
    (root / "annotations").mkdir()
    for name, data in brace.tables(videos).items():
        (root / "annotations" / name).write_bytes(data)
