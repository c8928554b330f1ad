"""Files of keypoints that ask for too much: of memory, of time, or of what is no file."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.faults.damage import Rng

PERSON = {"category_id": 1, "score": 0.5, "keypoints": [1.0, 2.0, 0.5] * 17}


def _size(rng: Rng, low: float, high: float) -> int:
    """A whole number whose logarithm is uniform."""
    return int(np.exp(rng.uniform(np.log(low), np.log(high))))


def _json(path: Path, text: str) -> Path:
    people = [{**PERSON, "image_id": i} for i in range(4)]
    path.write_text(json.dumps(people)[:-1] + f', {{"image_id": 9, "note": {text}}}]')
    return path


def long_text(folder: Path, rng: Rng) -> Path:
    """One text field of megabytes, of quotes, backslashes, brackets or letters."""
    letter = ('\\"', "\\\\", "[", "{", "x", "\\ud800")[int(rng.integers(6))]
    return _json(folder / "a.json", '"' + letter * _size(rng, 1e5, 4e6) + '"')


def unclosed_text(folder: Path, rng: Rng) -> Path:
    """A text of escaped quotes without an end."""
    path = folder / "a.json"
    path.write_text('[{"image_id": 1, "note": "' + '\\"' * _size(rng, 1e5, 2e6))
    return path


def deep(folder: Path, rng: Rng) -> Path:
    """Lists or objects within each other."""
    n = _size(rng, 65, 1e6)
    return _json(folder / "a.json", ("[" * n + "]" * n) if rng.integers(2) else '{"a":' * n)


def many_values(folder: Path, rng: Rng) -> Path:
    """Very many empty lists, objects, keys or digits."""
    n = _size(rng, 1e5, 3e6)
    kinds: tuple[Callable[[], str], ...] = (
        lambda: "[" + "[]," * n + "0]",
        lambda: "[" + "{}," * n + "0]",
        lambda: "{" + ",".join(f'"k{i}":0' for i in range(n // 20)) + ',"k0":1}',
        lambda: "0." + "1" * n,
        lambda: "1" * n,
    )
    return _json(folder / "a.json", kinds[int(rng.integers(len(kinds)))]())


def packed_npz(folder: Path, rng: Rng) -> Path:
    """Zeros that unpack to up to gigabytes, declared or not."""
    path = folder / "a.npz"
    n, claimed = _size(rng, 1e4, 5e7), _size(rng, 1e4, 1e12)
    shape = (n, 17, 2) if rng.integers(2) else (claimed, 17, 2)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("keypoints.npy", "w", force_zip64=True) as file,
    ):
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]
        for start in range(0, 34 * n, 1 << 24):
            file.write(bytes(min(1 << 24, 34 * n - start)))
    return path


def many_members(folder: Path, rng: Rng) -> Path:
    """An archive of a hundred thousand members."""
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(_size(rng, 9_000, 40_000)):
            archive.writestr(f"{index}.npy", b"")
    return path


def _declared(file: h5py.File, path: str, shape: tuple[int, ...], dtype: Any) -> None:
    chunks = (min(shape[0], 100_000), *shape[1:])
    file.create_dataset(path, shape, dtype, chunks=chunks, compression="gzip")


def declared_slp(folder: Path, rng: Rng) -> Path:
    """A SLEAP file that declares rows which nobody wrote."""
    path = folder / "a.slp"
    names = {"nodes": [{"name": "nose"}], "skeletons": [{"nodes": [{"id": 0}]}]}
    frames = [("frame_id", "u8"), ("video", "u4"), ("frame_idx", "u8")]
    frames += [("instance_id_start", "u8"), ("instance_id_end", "u8")]
    instances = [("instance_id", "i8"), ("instance_type", "u1"), ("frame_id", "u8")]
    instances += [("skeleton", "u4"), ("track", "i4"), ("from_predicted", "i8")]
    instances += [("point_id_start", "u8"), ("point_id_end", "u8")]
    points = [("x", "f8"), ("y", "f8"), ("visible", "?"), ("complete", "?")]
    with h5py.File(path, "w") as file:
        metadata = file.create_group("metadata").attrs
        metadata["format_id"], metadata["json"] = 1.2, json.dumps(names)
        sizes = [_size(rng, 1, 1e9) for _ in range(4)]
        _declared(file, "frames", (sizes[0],), frames)
        _declared(file, "instances", (sizes[1],), instances)
        _declared(file, "points", (sizes[2],), points)
        _declared(file, "pred_points", (sizes[3],), [*points, ("score", "f8")])
        file["videos_json"] = np.array([b'{"filename": "a.mp4"}'])
        file["tracks_json"] = np.zeros(0, "S5")
    return path


def declared_nwb(folder: Path, rng: Rng) -> Path:
    """An NWB file that declares values, or shares one long text among many elements."""
    path = folder / "a.nwb"
    with h5py.File(path, "w") as file:
        person = file.create_group("processing/behavior/P")
        person.attrs["neurodata_type"] = "PoseEstimation"
        if rng.integers(2):
            long = "x" * _size(rng, 1e5, 1e6)
            texts = person.create_dataset("original_videos", (50,), h5py.string_dtype())
            texts[:] = [long] * 50
        for name in ("PoseEstimationSeriesnose", "PoseEstimationSeriestail"):
            series = person.create_group(name)
            series.attrs["neurodata_type"] = "PoseEstimationSeries"
            _declared(file, f"{series.name}/data", (_size(rng, 100, 1e9), 2), "f4")
            series["starting_time"] = 0.0
            series["starting_time"].attrs["rate"] = 30.0
    return path


def wide_chunk(folder: Path, rng: Rng) -> Path:
    """A dataset of few values in a chunk of up to gigabytes."""
    path = folder / "a.nwb"
    with h5py.File(path, "w") as file:
        series = file.create_group("processing/P/PoseEstimationSeriesnose")
        series.parent.attrs["neurodata_type"] = "PoseEstimation"
        series.attrs["neurodata_type"] = "PoseEstimationSeries"
        wide = (_size(rng, 1e6, 2e8), 2)
        data = series.create_dataset(
            "data", (10, 2), "f4", chunks=wide, maxshape=(None, 2), compression="gzip"
        )
        del data
    return path


def sparse(folder: Path, rng: Rng) -> Path:
    """A file of holes."""
    path = folder / f"a{('.csv', '.json', '.npz', '.h5')[int(rng.integers(4))]}"
    with path.open("wb") as file:
        file.write(b"frame,nose_x,nose_y\n1,2,3\n")
        file.truncate(_size(rng, 4e7, 3e9))
    return path


def special(folder: Path, rng: Rng) -> Path:
    """A pipe, a device, or a link to one."""
    path = folder / f"a{('.csv', '.json', '.npz', '.slp')[int(rng.integers(4))]}"
    kind = int(rng.integers(3))
    if kind == 0:
        os.mkfifo(path)
    else:
        path.symlink_to(("/dev/zero", "/dev/random")[kind - 1])
    return path


KINDS: tuple[Callable[[Path, Rng], Path], ...] = (
    *(long_text, unclosed_text, deep, many_values, packed_npz, many_members),
    *(declared_slp, declared_nwb, wide_chunk, sparse, special),
)


def smoothed(path: Path, out: Path) -> str:
    """Read a file, smooth it, write it: how many points changed."""
    from pose_smoother.smoothing.chain import make_chain
    from pose_smoother.smoothing.files import smooth_file
    from pose_smoother.smoothing.methods import smooth_by
    from pose_smoother.smoothing.tracks import Rules

    chain = make_chain("gaussian", {}, None)
    found = smooth_file(path, out, lambda poses: smooth_by(chain, poses, Rules()))
    assert out.exists(), "nothing was written"
    return f"{found.n_changed} of {found.n_points}"


def bytes_of(arrays: dict[str, Any]) -> bytes:
    """A NumPy archive in memory."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
