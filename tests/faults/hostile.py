"""Files made to do harm: each case writes one, and says which command meets it and what it says."""

import gzip
import io
import json
import os
import pickle
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.contract.files import sealed, sha256_bytes, sha256_file, unsealed
from pipeline.contract.store import MANIFEST
from tests.faults.inputs import VIDEO, sound_segment
from tests.pipeline.penn_files import label_arrays, mat_bytes

SEGMENT = f"dataset/2011/{VIDEO}/{VIDEO}_0-9_toprock.json"
SOUND = mat_bytes(label_arrays(12, 0))


@dataclass
class Meeting:
    """How a program meets a hostile file.

    Attributes
    ----------
    expected : a text that the command must print, or that must stand in a reason.
    """

    program: str
    arguments: list[object]
    expected: str


CASES: dict[str, Callable[[Path, dict[str, Path]], Meeting]] = {}


def _case(name: str) -> Callable[[Any], Any]:
    def note(make: Any) -> Any:
        CASES[name] = make
        return make

    return note


def _tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data))
    return path


def _penn(path: Path, expected: str) -> Meeting:
    return Meeting("pipeline", ["check", "--penn-action", path], expected)


def _brace(path: Path, expected: str, *more: object) -> Meeting:
    return Meeting("pipeline", ["check", "--brace", path, *more], expected)


def _info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def _tar_member(info: tarfile.TarInfo, expected: str) -> Callable[[Path, dict[str, Path]], Meeting]:
    def make(folder: Path, _: dict[str, Path]) -> Meeting:
        members = [(_info("Penn_Action/labels/0001.mat"), SOUND), (info, SOUND)]
        return _penn(_tar(folder / "a.tar.gz", members), expected)

    return make


_LINK = "is not a regular file"
for _name, _member, _text in (
    ("tar: path traversal", _info("../../labels/evil.mat"), "leads out of the archive"),
    ("tar: absolute path", _info("/tmp/labels/evil.mat"), "leads out of the archive"),
    ("tar: symbolic link", _info("labels/e.mat", tarfile.SYMTYPE, "/etc/passwd"), _LINK),
    ("tar: hard link", _info("labels/e.mat", tarfile.LNKTYPE, "/etc/passwd"), _LINK),
    ("tar: device", _info("labels/e.mat", tarfile.CHRTYPE), _LINK),
    ("tar: pipe", _info("labels/e.mat", tarfile.FIFOTYPE), _LINK),
    ("tar: duplicate", _info("Penn_Action/labels/0001.mat"), "stands in the archive twice"),
    ("tar: formula as a name", _info("labels/=cmd|calc!A0.mat"), "is not 1 to 64 letters"),
    ("tar: endless name", _info("labels/" + "a" * 3000 + ".mat"), "is not 1 to 64 letters"),
):
    CASES[_name] = _tar_member(_member, _text)


@_case("tar: bomb")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    path = folder / "bomb.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        info = tarfile.TarInfo("frames/0001.jpg")
        info.size = 4 << 30
        file.write(info.tobuf())
        block = bytes(16 << 20)
        for _ in range(40):
            file.write(block)
    return _penn(path, "unfolds to more than 200")


@_case("tar: member larger than allowed")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    noise = np.random.default_rng(0).bytes(17 << 20)
    return _penn(_tar(folder / "a.tar.gz", [(_info("labels/1.mat"), noise)]), "larger than")


def _zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _zip_member(info: zipfile.ZipInfo, data: bytes, expected: str) -> Any:
    def make(folder: Path, _: dict[str, Path]) -> Meeting:
        path = folder / "dataset.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(info, data)
            archive.writestr(f"x/{VIDEO}_30-39_toprock.json", sound_segment(30))
        return _brace(path, expected)

    return make


def _zip_info(name: str, method: int = zipfile.ZIP_DEFLATED, mode: int = 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type, info.external_attr = method, mode << 16
    return info


_OUT = "leads out of the archive"
for _name, _entry, _data, _text in (
    ("zip: path traversal", _zip_info(f"../../{SEGMENT}"), sound_segment(0), _OUT),
    ("zip: absolute path", _zip_info(f"/{SEGMENT}"), sound_segment(0), _OUT),
    ("zip: backslashes", _zip_info(f"..\\..\\/{SEGMENT}"), sound_segment(0), _OUT),
    ("zip: symbolic link", _zip_info(SEGMENT, mode=stat.S_IFLNK | 0o777), b"/etc/passwd", "link"),
    ("zip: odd method", _zip_info(SEGMENT, zipfile.ZIP_LZMA), sound_segment(0), "method 14"),
    ("zip: bomb", _zip_info(SEGMENT), bytes(12 << 20), "times its size"),
    ("zip: large member", _zip_info(SEGMENT, zipfile.ZIP_STORED), bytes(20 << 20), "more than"),
    ("json: deep", _zip_info(SEGMENT, zipfile.ZIP_STORED), b"[" * 3_000_000, "not valid JSON"),
    (
        "json: numbers without end",
        _zip_info(SEGMENT, zipfile.ZIP_STORED),
        b"1" * 3_000_000,
        "not valid JSON",
    ),
    (
        "json: wide",
        _zip_info(SEGMENT, zipfile.ZIP_STORED),
        b"[" + b"[],{}," * 2_500_000 + b"1]",
        "expected an object",
    ),
):
    CASES[_name] = _zip_member(_entry, _data, _text)


@_case("zip: duplicates")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    import warnings

    with warnings.catch_warnings(), zipfile.ZipFile(folder / "d.zip", "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(SEGMENT, sound_segment(0))
        archive.writestr(SEGMENT, sound_segment(0)[:-40])
    return _brace(folder / "d.zip", "occurs 2 times")


def _patched(path: Path, change: Callable[[bytearray, int, int], None]) -> Path:
    """A zip of one member, its local and directory entry changed."""
    data = bytearray(_zip(path, {SEGMENT: sound_segment(0)}).read_bytes())
    change(data, data.index(b"PK\3\4"), data.index(b"PK\1\2"))
    path.write_bytes(data)
    return path


@_case("zip: encrypted")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    def encrypt(data: bytearray, local: int, directory: int) -> None:
        data[local + 6] |= 1
        data[directory + 8] |= 1

    return _brace(_patched(folder / "e.zip", encrypt), "is encrypted")


@_case("zip: forged sizes")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    def forge(data: bytearray, local: int, directory: int) -> None:
        struct.pack_into("<I", data, local + 22, 100)
        struct.pack_into("<I", data, directory + 24, 100)

    return _brace(_patched(folder / "f.zip", forge), "is damaged inside")


def _manual(folder: Path, data: bytes, expected: str) -> Meeting:
    segments = _zip(folder / "dataset.zip", {SEGMENT: sound_segment(0)})
    name = f"manual_keypoints/2011/{VIDEO}/img-000003.npz"
    manual = _zip(folder / "manual.zip", {name: data}, zipfile.ZIP_STORED)
    return _brace(segments, expected, "--brace-manual", manual)


class Evil:
    """Unpickled, it writes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self.canary,)


@_case("npz: evil pickle")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    buffer = io.BytesIO()
    np.savez(buffer, coco_joints2d=np.array([Evil(folder / "canary")], dtype=object))
    return _manual(folder, buffer.getvalue(), "expected numbers, got dtype object")


def _npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


@_case("npz: forged shape")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 3), }"
    inner = _zip(folder / "n.zip", {"coco_joints2d.npy": _npy(header)}).read_bytes()
    return _manual(folder, inner, "has shape")


@_case("npz: bomb")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    inner = _zip(folder / "n.zip", {"coco_joints2d.npy": bytes(64 << 20)}).read_bytes()
    return _manual(folder, inner, "coco_joints2d unfolds to")


def _labels(folder: Path) -> Path:
    (folder / "labels").mkdir()
    (folder / "labels" / "0001.mat").write_bytes(SOUND)
    return folder / "labels"


@_case("mat: bomb")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    n_bytes = 3 << 30
    squeeze = zlib.compressobj(9)
    dims = struct.pack("<IIII", 5, 8, n_bytes // 8 // 13, 13)
    head = struct.pack("<II", 14, n_bytes + 56) + struct.pack("<IIII", 6, 8, 6, 0) + dims
    head += struct.pack("<II", 1, 1) + b"x".ljust(8, b"\0") + struct.pack("<II", 9, n_bytes)
    packed = [squeeze.compress(head)]
    packed += [squeeze.compress(bytes(64 << 20)) for _ in range(n_bytes >> 26)]
    body = b"".join([*packed, squeeze.flush()])
    file = SOUND[:128] + struct.pack("<II", 15, len(body)) + body
    labels = _labels(folder)
    (labels / "0002.mat").write_bytes(file)
    return _penn(labels, "0002.mat: ")


@_case("mat: forged shape")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    data = bytearray(SOUND)
    at = data.index(struct.pack("<IIII", 5, 8, 12, 13))
    struct.pack_into("<II", data, at + 8, 2**31 - 1, 2**31 - 1)
    labels = _labels(folder)
    (labels / "0002.mat").write_bytes(data)
    return _penn(labels, "0002.mat: ")


@_case("mat: HDF5 inside")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    labels = _labels(folder)
    with h5py.File(labels / "0002.mat", "w", userblock_size=512) as file:
        file["x"] = h5py.ExternalLink("/etc/passwd", "/")
    data = bytearray((labels / "0002.mat").read_bytes())
    data[:128] = SOUND[:124] + b"\0\2IM"
    (labels / "0002.mat").write_bytes(data)
    return _penn(labels, "0002.mat: ")


def _in_folder(make: Callable[[Path], None], expected: str) -> Any:
    def write(folder: Path, _: dict[str, Path]) -> Meeting:
        labels = _labels(folder)
        make(labels / "0002.mat")
        return _penn(labels, expected)

    return write


def _in_tree(make: Callable[[Path], None], expected: str) -> Any:
    def write(folder: Path, _: dict[str, Path]) -> Meeting:
        place = folder / "dataset" / "2011" / VIDEO
        place.mkdir(parents=True)
        (place / f"{VIDEO}_30-39_toprock.json").write_bytes(sound_segment(30))
        make(place / f"{VIDEO}_0-9_toprock.json")
        return _brace(folder / "dataset", expected)

    return write


CASES["folder: link as .mat"] = _in_folder(
    lambda file: file.symlink_to("/etc/passwd"), "is a link or not a plain file"
)
CASES["folder: pipe as .mat"] = _in_folder(os.mkfifo, "is a link or not a plain file")
CASES["folder: link as JSON"] = _in_tree(lambda file: file.symlink_to("/etc/passwd"), "symbolic")
CASES["folder: pipe as JSON"] = _in_tree(os.mkfifo, "not a plain file")
CASES["folder: link to itself"] = _in_tree(
    lambda file: (file.parent / "again").symlink_to(file.parent), "brace"
)


def _forged(folder: Path, store: Path) -> Path:
    return Path(shutil.copytree(store, folder / "store"))


def _seal_again(store: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    """A manifest that fits the forged files, as an attacker would write it."""
    manifest = unsealed((store / MANIFEST).read_bytes())
    for name, entry in manifest["files"].items():
        if (store / name).is_file():
            entry |= {
                "sha256": sha256_file(store / name),
                "bytes": (store / name).stat().st_size,
            }
    change(manifest)
    (store / MANIFEST).write_bytes(sealed(manifest))


def _train(folder: Path, store: Path, expected: str) -> Meeting:
    words = ["train", "--model", "deciwatch", "--exp", "1.1", "--max-epochs", "1", "--store"]
    return Meeting("trainer", [*words, store, "--out", folder / "out"], expected)


def _hdf5(change: Callable[[h5py.File, Path], None], expected: str) -> Any:
    def make(folder: Path, stores: dict[str, Path]) -> Meeting:
        store = _forged(folder, stores["hdf5"])
        with h5py.File(store / "data.h5", "r+") as file:
            change(file, folder)
        _seal_again(store)
        return _train(folder, store, expected)

    return make


def _replaced(path: str, **how: Any) -> Callable[[h5py.File, Path], None]:
    def change(file: h5py.File, _: Path) -> None:
        del file[path]
        file.create_dataset(path, **how)

    return change


def _external_link(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["keypoints"] = np.zeros((5, 25, 2), "<i2")
    del file["train/keypoints"]
    file["train/keypoints"] = h5py.ExternalLink(str(folder / "other.h5"), "/keypoints")


def _virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((5, 25, 2), "<i2")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "keypoints", (5, 25, 2))
    del file["train/keypoints"]
    file.create_virtual_dataset("train/keypoints", layout)


_BREAKS = "breaks the contract"
CASES["HDF5: external link"] = _hdf5(_external_link, _BREAKS)
CASES["HDF5: virtual dataset"] = _hdf5(_virtual, _BREAKS)
CASES["HDF5: external storage"] = _hdf5(
    _replaced(
        "train/keypoints", shape=(5, 25, 2), dtype="<i2", external=[("/etc/passwd", 0, 2500)]
    ),
    _BREAKS,
)
CASES["HDF5: soft link to another array"] = _hdf5(
    lambda file, _: (file.pop("train/keypoints"), file.__setitem__(
        "train/keypoints", h5py.SoftLink("/val/keypoints")))[0],
    _BREAKS,
)  # fmt: skip
CASES["HDF5: forged shape"] = _hdf5(
    _replaced("train/frame", shape=(2**40,), dtype="<i4", chunks=(16_384,), fletcher32=True),
    "damaged",
)
CASES["HDF5: forged chunk"] = _hdf5(
    _replaced("train/frame", shape=(2**40,), dtype="<i4", chunks=(2**29,)), _BREAKS
)
CASES["HDF5: forged clips"] = _hdf5(
    _replaced("clips/id", shape=(2**40, 9), dtype="u1", chunks=(1000, 9)), _BREAKS
)


def _zarr(path: str, change: Callable[[dict[str, Any]], None], expected: str) -> Any:
    def make(folder: Path, stores: dict[str, Path]) -> Meeting:
        store = _forged(folder, stores["zarr"])
        file = store / path / "zarr.json"
        meta = json.loads(file.read_bytes())
        change(meta)
        file.write_text(json.dumps(meta))
        _seal_again(store)
        return _train(folder, store, expected)

    return make


def _set(value: Any, *keys: Any) -> Callable[[dict[str, Any]], None]:
    def change(meta: Any) -> None:
        for key in keys[:-1]:
            meta = meta[key]
        meta[keys[-1]] = value

    return change


_CHUNK = ("chunk_grid", "configuration", "chunk_shape")
CASES["zarr: forged shape"] = _zarr("train/frame", _set([2**40], "shape"), "damaged")
CASES["zarr: forged chunk"] = _zarr("train/frame", _set([2**34], *_CHUNK), _BREAKS)
CASES["zarr: forged clips"] = _zarr("clips/id", _set([2**40, 9], "shape"), _BREAKS)
CASES["zarr: unknown codec"] = _zarr(
    "train/frame",
    _set([{"name": "numcodecs.pickle", "configuration": {}}], "codecs"),
    "train/frame",
)
CASES["zarr: other dtype"] = _zarr("train/clip", _set("float64", "data_type"), _BREAKS)


def _manifest(change: Callable[[dict[str, Any]], None], expected: str) -> Any:
    def make(folder: Path, stores: dict[str, Path]) -> Meeting:
        store = _forged(folder, stores["zarr"])
        _seal_again(store, change)
        return Meeting("pipeline", ["verify", store], expected)

    return make


_ENTRY = {"sha256": "0", "bytes": 1}
CASES["manifest: path traversal"] = _manifest(
    lambda m: m["files"].update({"../../etc/passwd": _ENTRY}), "leads out of the store"
)
CASES["manifest: absolute path"] = _manifest(
    lambda m: m["files"].update({"/etc/passwd": _ENTRY}), "leads out of the store"
)
CASES["manifest: no table"] = _manifest(lambda m: m.update(files=[1, 2]), _BREAKS)


@_case("manifest: deep")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    store = _forged(folder, stores["zarr"])
    (store / MANIFEST).write_bytes(b'{"a":' * 100_000)
    return Meeting("pipeline", ["verify", store], "is damaged")


@_case("store: link as a shard")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    store = _forged(folder, stores["zarr"])
    file = store / "train/keypoints/c/0/0/0"
    file.rename(folder / "elsewhere")
    file.symlink_to(folder / "elsewhere")
    return Meeting("pipeline", ["verify", store], "no plain file")


@_case("store: pipe as a shard")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    store = _forged(folder, stores["zarr"])
    file = store / "train/keypoints/c/0/0/0"
    file.unlink()
    os.mkfifo(file)
    return _train(folder, store, "no plain file")


def _run(folder: Path, stores: dict[str, Path], weights: bytes) -> Meeting:
    """A run folder as a stranger might send it, with weights that have a fitting hash."""
    run = Path(shutil.copytree(stores["run"], folder / "run"))
    (run / "best.pt").write_bytes(weights)
    (run / "best.pt.sha256").write_text(sha256_bytes(weights) + "\n")
    arguments = ["evaluate", run, "--store", stores["zarr"]]
    return Meeting("trainer", arguments, "is not a checkpoint of this program")


@_case("pt: evil pickle")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    import torch

    buffer = io.BytesIO()
    torch.save({"model": Evil(folder / "canary")}, buffer)
    return _run(folder, stores, buffer.getvalue())


@_case("pt: evil pickle of the old format")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    return _run(folder, stores, pickle.dumps(Evil(folder / "canary")))


@_case("pt: bomb")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    inside = {"archive/data.pkl": b"\x80\x02N.", "archive/data/0": bytes(256 << 20)}
    return _run(folder, stores, _zip(folder / "b.zip", inside).read_bytes())
