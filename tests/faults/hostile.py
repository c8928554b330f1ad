"""Files made to do harm: each case writes one, and says which command meets it and what it says."""

import gzip
import io
import os
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


def case(name: str) -> Callable[[Any], Any]:
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
    ("tar: name of megabytes", _info("labels/" + "a" * (2 << 20) + ".mat"), "name or attributes"),
):
    CASES[_name] = _tar_member(_member, _text)


@case("tar: bomb")
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


@case("tar: member larger than allowed")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    noise = np.random.default_rng(0).bytes(17 << 20)
    return _penn(_tar(folder / "a.tar.gz", [(_info("labels/1.mat"), noise)]), "larger than")


def write_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
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


@case("zip: duplicates")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    import warnings

    with warnings.catch_warnings(), zipfile.ZipFile(folder / "d.zip", "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(SEGMENT, sound_segment(0))
        archive.writestr(SEGMENT, sound_segment(0)[:-40])
    return _brace(folder / "d.zip", "occurs 2 times")


def _patched(path: Path, change: Callable[[bytearray, int, int], None]) -> Path:
    """A zip of one member, its local and directory entry changed."""
    data = bytearray(write_zip(path, {SEGMENT: sound_segment(0)}).read_bytes())
    change(data, data.index(b"PK\3\4"), data.index(b"PK\1\2"))
    path.write_bytes(data)
    return path


@case("zip: encrypted")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    def encrypt(data: bytearray, local: int, directory: int) -> None:
        data[local + 6] |= 1
        data[directory + 8] |= 1

    return _brace(_patched(folder / "e.zip", encrypt), "is encrypted")


@case("zip: forged sizes")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    def forge(data: bytearray, local: int, directory: int) -> None:
        struct.pack_into("<I", data, local + 22, 100)
        struct.pack_into("<I", data, directory + 24, 100)

    return _brace(_patched(folder / "f.zip", forge), "is damaged inside")


def _manual(folder: Path, data: bytes, expected: str) -> Meeting:
    segments = write_zip(folder / "dataset.zip", {SEGMENT: sound_segment(0)})
    name = f"manual_keypoints/2011/{VIDEO}/img-000003.npz"
    manual = write_zip(folder / "manual.zip", {name: data}, zipfile.ZIP_STORED)
    return _brace(segments, expected, "--brace-manual", manual)


class Evil:
    """Unpickled, it writes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self.canary,)


@case("npz: evil pickle")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    buffer = io.BytesIO()
    np.savez(buffer, coco_joints2d=np.array([Evil(folder / "canary")], dtype=object))
    return _manual(folder, buffer.getvalue(), "expected numbers, got dtype object")


def _npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


@case("npz: forged shape")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 3), }"
    inner = write_zip(folder / "n.zip", {"coco_joints2d.npy": _npy(header)}).read_bytes()
    return _manual(folder, inner, "has shape")


@case("npz: bomb")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    inner = write_zip(folder / "n.zip", {"coco_joints2d.npy": bytes(64 << 20)}).read_bytes()
    return _manual(folder, inner, "coco_joints2d unfolds to")


def _labels(folder: Path) -> Path:
    (folder / "labels").mkdir()
    (folder / "labels" / "0001.mat").write_bytes(SOUND)
    return folder / "labels"


@case("mat: bomb")
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


@case("mat: forged shape")
def _(folder: Path, _stores: dict[str, Path]) -> Meeting:
    data = bytearray(SOUND)
    at = data.index(struct.pack("<IIII", 5, 8, 12, 13))
    struct.pack_into("<II", data, at + 8, 2**31 - 1, 2**31 - 1)
    labels = _labels(folder)
    (labels / "0002.mat").write_bytes(data)
    return _penn(labels, "0002.mat: ")


@case("mat: HDF5 inside")
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
