"""What becomes of a file, in a few lines of text: for tables of odd files and their outcomes."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import formats, read_poses, write_keypoints
from pose_smoother.poses.tracks import Poses
from tests.pose_smoother.poses.formats.odd_files import HDF5

#: Warnings of most files, by a word.
_USUAL = {
    "people without ids, never two in a frame, were taken as one person throughout": "one person",
    "there is no column frame: rows were counted from 0": "no frames",
}
_TOKEN = re.compile(r"([^,;\s\[\]{}]+)")


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.6g}"


def _point(position: list[float], score: float) -> str:
    told = ",".join(map(_number, position))
    return told if np.isnan(score) else f"{told}({score:g})"


def told(poses: Poses) -> list[str]:
    """Format, names and rate; a line for each track (id/step) with its frames; the warnings."""
    rate = "" if poses.fps is None else f" @{poses.fps:g}"
    lines = [f"{poses.format}: {' '.join(poses.names)}{rate}"]
    for track in poses.tracks:
        rows = zip(
            track.frame.tolist(), track.keypoints.tolist(), track.score.tolist(), strict=True
        )
        frames = [f"{frame} {' '.join(map(_point, at, score))}" for frame, at, score in rows]
        step = "" if track.step == 1 else f"/{track.step}"
        lines.append(f"{track.id}{step}: {'; '.join(frames)}")
    return [*lines, *(f"! {_USUAL.get(text, text)}" for text in poses.warnings)]


def changed(before: str, after: str) -> str:
    """The numbers that differ between two texts that are alike else."""
    old, new = _TOKEN.split(before), _TOKEN.split(after)
    assert old[::2] == new[::2]
    return " ".join(f"{a}>{b}" for a, b in zip(old, new, strict=True) if a != b)


def _text(path: Path, names: list[str]) -> str:
    """A file, or the files of a folder one after another."""
    return "\n".join((path / name).read_text() for name in names) if names else path.read_text()


def outcome(path: Path, **options: Any) -> list[str]:
    """What is read of a file or folder, and what changes in its text when all is moved by 1.

    Of a file that is not read, or not written, why.
    """
    try:
        poses = read_poses(path, **options)
    except InvalidInputError as error:
        start, _, reason = str(error).partition(f"{path}: ")
        reason = reason.replace(", ".join(formats()), "all formats")
        return [f"{start}refused: {reason}"]
    out = path.with_name(f"out_{path.name}")
    write_keypoints(poses, [track.keypoints for track in poses.tracks], out)
    is_text = path.suffix not in (*HDF5, ".npz", ".npy")
    names = sorted(file.name for file in out.iterdir()) if out.is_dir() else []
    same = _text(path, names) if is_text else ""
    assert _text(out, names) == same if is_text else told(read_poses(out, **options)) == told(poses)
    try:
        write_keypoints(poses, [track.keypoints + 1 for track in poses.tracks], out)
    except InvalidInputError as error:
        return [*told(poses), f"not moved: {error}"]
    if is_text:
        return [*told(poses), f"moved: {changed(same, _text(out, names))}"]
    for old, new in zip(poses.tracks, read_poses(out, **options).tracks, strict=True):
        np.testing.assert_allclose(old.keypoints + 1, new.keypoints)
        np.testing.assert_array_equal(old.score, new.score)
    return told(poses)
