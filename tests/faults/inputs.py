"""Damaged input files in both datasets' formats: from broken disks and from strangers."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from tests.faults.damage import BYTE_DAMAGE, Rng, damaged
from tests.pipeline.penn_files import label_arrays, mat_bytes

VIDEO = "-a_b-CDE_12"


def _one_of(rng: Rng, things: Any) -> Any:
    return things[int(rng.integers(len(things)))]


def _flip_header(data: bytes, rng: Rng) -> bytes:
    """A bit of a .mat file's header or of the first variable's tags, where crashes come from."""
    changed = bytearray(data)
    changed[int(rng.integers(124, min(260, len(data))))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _saved(arrays: dict[str, Any], packed: bool = False) -> bytes:
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, arrays, do_compression=packed)
    return buffer.getvalue()


def _with_numbers(value: float) -> Callable[[dict[str, Any], Rng], None]:
    def change(arrays: dict[str, Any], rng: Rng) -> None:
        table = arrays[_one_of(rng, ("x", "y"))]
        table[int(rng.integers(len(table))), int(rng.integers(13))] = value

    return change


def _wrong_shape(arrays: dict[str, Any], rng: Rng) -> None:
    key = _one_of(rng, ("x", "y", "visibility"))
    n = len(arrays[key])
    shapes = ((n, 12), (n + 1, 13), (13, n), (n * 13,), (0, 13), (1, n, 13), (0, 0))
    arrays[key] = np.ones(_one_of(rng, shapes))


def _wrong_type(arrays: dict[str, Any], rng: Rng) -> None:
    key = _one_of(rng, ("x", "y", "visibility", "nframes", "action"))
    cell = np.array([["a", 1]], dtype=object)
    struct = {"a": 1.0, "b": "c"}
    arrays[key] = _one_of(rng, (cell, struct, "text", 1j * np.ones((5, 13)), "=cmd()", "../../x"))


def _missing(arrays: dict[str, Any], rng: Rng) -> None:
    del arrays[_one_of(rng, ("x", "y", "visibility"))]


_ARRAYS = (
    _with_numbers(np.nan),
    _with_numbers(np.inf),
    _with_numbers(-1e300),
    _wrong_shape,
    _wrong_type,
    _missing,
)


def bad_mat(rng: Rng) -> bytes:
    """A .mat label file with some damage; a few come out readable."""
    arrays = label_arrays(int(rng.integers(2, 30)), int(rng.integers(1000)))
    kind = int(rng.integers(10))
    if kind < 4:
        _one_of(rng, _ARRAYS)(arrays, rng)
        return _saved(arrays, packed=bool(rng.integers(2)))
    sound = mat_bytes(arrays) if kind % 2 else _saved(arrays, packed=True)
    if kind < 7:
        return _flip_header(sound, rng)
    return damaged(sound, BYTE_DAMAGE[kind - 7], rng)


def _points(frame: int) -> list[list[float]]:
    return [[10.0 + k, frame + 0.5, 1] for k in range(17)]


def _table(start: int, n_frames: int) -> dict[str, Any]:
    return {
        f"{VIDEO}/img-{n:06d}.png": {"box": [0, 0, 9, 9, 1], "keypoints": _points(n)}
        for n in range(start, start + n_frames)
    }


def sound_segment(start: int) -> bytes:
    """A segment of 10 frames."""
    return json.dumps(_table(start, 10)).encode()


_VALUES: tuple[Any, ...] = (
    None, True, "1", [], {}, [1], 1e400, -1e400, float("nan"), 10**40, 1e12, "=1+1", [[1, 2, 3]],
    [[[]]] * 17, {"x": 1},
)  # fmt: skip


def bad_json(rng: Rng, start: int) -> bytes:
    """A segment of 10 frames with some damage."""
    table = _table(start, 10)
    key = _one_of(rng, list(table))
    kind = int(rng.integers(10))
    if kind == 0:
        table[key]["keypoints"] = _one_of(rng, _VALUES)
    elif kind == 1:
        table[key]["keypoints"][int(rng.integers(17))] = _one_of(rng, _VALUES)
    elif kind == 2:
        table[key]["keypoints"][int(rng.integers(17))][int(rng.integers(3))] = _one_of(rng, _VALUES)
    elif kind == 3:
        table[str(_one_of(rng, ("", "x", "../img-000001.png", "other/img-000001.png")))] = {}
    elif kind == 4:
        return b"[" * int(rng.integers(10, 200_000))
    elif kind == 5:
        return json.dumps(_one_of(rng, _VALUES)).encode()
    elif kind == 6:
        return ("{" + f'"{key}": 1, ' * int(rng.integers(2, 50)) + f'"{key}": 2}}').encode()
    text = json.dumps(table).encode()
    return damaged(text, BYTE_DAMAGE[kind - 7], rng) if kind >= 7 else text


def bad_npz(rng: Rng) -> bytes:
    """A file of manual keypoints with some damage."""
    array = np.ones((17, 3)) * 50
    kind = int(rng.integers(8))
    if kind == 0:
        array[int(rng.integers(17)), int(rng.integers(2))] = _one_of(rng, (np.nan, np.inf, 1e300))
    elif kind == 1:
        shapes = ((17,), (16, 3), (17, 1), (0, 3), (17, 3, 1), (3, 17))
        array = np.ones(_one_of(rng, shapes))
    elif kind == 2:
        array = array.astype(_one_of(rng, ("c16", "U8", "?", "M8[s]", "f2", "i1")))
    buffer = io.BytesIO()
    if kind == 3:
        np.savez(buffer, coco_joints2d=np.array([{"a": 1}], dtype=object))
    else:
        np.savez(buffer, **{"coco_joints2d" if kind != 4 else "other": array})
    return (
        damaged(buffer.getvalue(), BYTE_DAMAGE[kind - 5], rng) if kind >= 5 else buffer.getvalue()
    )


def manual_frame(seed: int) -> bytes:
    """A sound file of manual keypoints."""
    buffer = io.BytesIO()
    np.savez(buffer, coco_joints2d=np.random.default_rng(seed).uniform(10, 400, (17, 3)))
    return buffer.getvalue()


def write_penn(folder: Path, n_files: int, rng: Rng) -> int:
    """A labels folder of damaged files with one sound file; how many files it has."""
    labels = folder / "labels"
    labels.mkdir(parents=True)
    for index in range(n_files):
        (labels / f"{index:04d}.mat").write_bytes(bad_mat(rng))
    (labels / "9999.mat").write_bytes(mat_bytes(label_arrays(20, 0)))
    return n_files + 1


def write_brace(folder: Path, n_files: int, rng: Rng) -> int:
    """A BRACE tree of damaged segments, and damaged manual keypoints for sound ones."""
    place = folder / "dataset" / "2011" / VIDEO
    manual = folder / "manual_keypoints" / "2011" / VIDEO
    place.mkdir(parents=True)
    manual.mkdir(parents=True)
    for index in range(n_files):
        start = 10 * index
        broken_manual = rng.integers(3) == 0
        sound = sound_segment(start)
        name = f"{VIDEO}_{start}-{start + 9}_toprock.json"
        (place / name).write_bytes(sound if broken_manual else bad_json(rng, start))
        if broken_manual:
            (manual / f"img-{start + 3:06d}.npz").write_bytes(bad_npz(rng))
    return n_files
