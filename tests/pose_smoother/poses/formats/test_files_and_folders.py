"""Reading and writing files and folders: what is refused, what is left when something fails."""

import errno
import gzip
import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.disk_errors import DiskError
from pose_smoother.poses.formats import (
    csv_wide,
    find_format,
    frame_files,
    hdf5_utils,
    is_misnamed,
    json_utils,
    linking,
    read_poses,
    write_keypoints,
    write_poses,
)
from pose_smoother.poses.formats.describe import describe
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.frame_files import write_folder
from pose_smoother.poses.formats.hdf5_utils import array, file_evidence, groups, opened
from pose_smoother.poses.formats.json_utils import dump, load
from pose_smoother.poses.formats.tracks_io import MAX_BYTES
from pose_smoother.poses.tracks import Poses
from tests.conftest import ROOT

TABLE = "frame,a_x,a_y\n1,2,3\n"
FRAME = '{"people":[{"pose_keypoints_2d":[1,2,1]}]}'


def table(folder: Path, text: str = TABLE, name: str = "a.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def refusal(work: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(InvalidInputError) as error:
        work(*args, **options)
    return str(error.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe, none = tmp_path / "pipe", tmp_path / "none"
    assert refusal(find_format, pipe) == f"{pipe}: expected a file, found a pipe or a device"
    assert refusal(find_format, none) == f"{none}: no such file or folder"
    blank = table(tmp_path, " \n\n")
    assert refusal(read_poses, blank, format="csv-wide") == f"{blank}: the file is empty"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EIO, "Input/output error"), "cannot be read (Input/output error)"),
        (OSError("odd"), "cannot be read (odd)"),
        (MemoryError(), "too large for this machine's memory"),
        (InvalidInputError("odd"), "odd"),
    ],
)
def test_what_cannot_be_read(
    error: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    path = table(tmp_path)
    monkeypatch.setattr(csv_wide, "read", fail)
    assert refusal(read_poses, path) == f"{path}: {told}"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EISDIR, "Is a directory"), "cannot be written (Is a directory)"),
        (OSError("odd"), "cannot be written (odd)"),
    ],
)
def test_what_cannot_be_written(
    error: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    poses, out = read_poses(table(tmp_path)), tmp_path / "b.csv"
    monkeypatch.setattr(csv_wide, "write", fail)
    assert refusal(write_poses, poses, out) == f"{out}: {told}"
    error.errno = errno.ENOSPC
    with pytest.raises(DiskError, match="disk full"):
        write_poses(poses, out)


def test_poses_are_written_to_what_they_came_from(tmp_path: Path) -> None:
    poses, out = read_poses(table(tmp_path)), tmp_path / "b.csv"
    track = replace(poses.tracks[0], keypoints=poses.tracks[0].keypoints + 1)
    write_poses(replace(poses, tracks=(track,)), out)
    assert out.read_text() == "frame,a_x,a_y\n1,3,4\n"
    told = "expected poses that were read from a file, whose other fields are preserved"
    assert refusal(write_poses, replace(poses, format=""), out) == f"{out}: {told}"
    told = f"expected keypoints of the tracks' shapes, found others for {out}"
    assert refusal(write_keypoints, poses, [np.zeros((2, 1, 2))], out) == told


@pytest.mark.parametrize(
    ("name", "misnamed"),
    [
        *(("a.csv", False), ("a.CSV.gz", False), ("a.txt", False), ("a", False), ("a.gz", False)),
        *(("a.xlsx", True), ("a.PARQUET", True), ("a.zip", True)),
        *(("a.json", True), ("a.json.gz", True), ("a.other", False), ("a.json.other", False)),
    ],
)
def test_outputs_with_the_ending_of_other_formats(
    name: str, misnamed: bool, tmp_path: Path
) -> None:
    assert is_misnamed(read_poses(table(tmp_path)), Path(name)) == misnamed


def test_what_was_read_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pose_smoother.poses.formats")
    path = table(tmp_path, "# fps: 25\nframe,person,a_x,a_y\n1,p,2,3\n1,q,2,3\n2,q,2,3\n")
    read_poses(path)
    read_poses(table(tmp_path), format="csv-wide")
    said = [text.split(": ", 1)[1] for text in caplog.messages if text.startswith(str(path))]
    assert "csv-wide, by its evidence: {'csv-wide': 'columns'}" in said
    assert "2 tracks, 3 frames, 25 frames/s; keypoints a" in said
    assert "1 tracks, 1 frames, unknown frames/s; keypoints a" in said
    caplog.clear()
    read_poses(table(tmp_path, "a_x,a_y,b_score,b_x,b_y,Frame\n1,2,3,4,5,6\n"))
    assert "columns of 2 keypoints: {'x': 2, 'y': 2, 'z': 0, 'score': 1}" in caplog.messages
    assert "columns: 'Frame' is the frame" in caplog.messages
    read_poses(table(tmp_path, "a_x,a_y\n1,2\n"))
    assert "columns: none but coordinates" in caplog.messages


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"BZh", "compressed by bzip2: unpack it, or use gzip"),
        (b"\xfd7zXZ", "compressed by xz: unpack it, or use gzip"),
        (b"7z\xbc\xaf", "compressed by 7-zip: unpack it, or use gzip"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd: unpack it, or use gzip"),
        (b"\x89HDF", "HDF5 of another tool"),
        (
            b"\x00\x01",
            "no text, or in an encoding other than UTF-8 and UTF-16 with a byte-order mark",
        ),
        (b"[", "JSON without keys"),
        (b'{"a": ' + b" " * (1 << 16) + b'"b": 1}', "JSON with the keys a"),
        (b'{"\xff": 1}', "JSON with the keys \ufffd"),
    ],
)
def test_what_an_unknown_file_holds(start: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(start)
    assert describe(tmp_path / "a") == said
    assert describe(tmp_path) == ""


def frames(folder: Path, *names: str) -> Poses:
    folder.mkdir()
    for name in names:
        (folder / name).write_text(FRAME)
    return read_poses(folder)


def test_folders_are_read_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames(tmp_path / "in", "1.json", "2.json")
    n = len(FRAME)
    monkeypatch.setattr(frame_files, "MAX_BYTES", 2 * n)
    read_poses(tmp_path / "in", format="openpose")
    for limit, told in (
        (2 * n - 1, f"expected at most {2 * n - 1} bytes in all, found more"),
        (n - 1, f"1.json: expected a file of at most {n - 1} bytes, found {n}"),
    ):
        monkeypatch.setattr(frame_files, "MAX_BYTES", limit)
        said = refusal(read_poses, tmp_path / "in", format="openpose")
        assert said == f"{tmp_path / 'in'}: {told}"


@pytest.mark.parametrize("name", ["a.csv.gz", "a.CSV.gz", ".gz"])
def test_a_gzipped_file_is_called_as_without_its_ending(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"frame,x,y\n1,2,3\n"))  # known by its ending alone
    if name == ".gz":
        assert "a table of the columns frame, x, y" in refusal(read_poses, path)
    poses = read_poses(path, format="csv-wide")
    write_keypoints(poses, [poses.tracks[0].keypoints + 1], tmp_path / f"out{name}")
    assert gzip.decompress((tmp_path / f"out{name}").read_bytes()) == b"frame,x,y\n1,3,4\n"
    if name != ".gz":
        assert find_format(path) == "csv-wide"


def listed(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_is_written_whole_or_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "above" / "out"
    write_folder(out, {"a": b"1", "b": b"2"})
    assert out.stat().st_mode & 0o777 == 0o755
    write_folder(out, {"a": b"3", "b": b"4", "c": b"5"})
    there = ["above", "above/out", "above/out/a", "above/out/b", "above/out/c"]
    assert listed(tmp_path) == there
    rename, failed = Path.rename, []

    def once(path: Path, target: Path) -> Path:
        if target == out and not failed:
            failed.append(path)
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", once)
    with pytest.raises(OSError, match="no"):
        write_folder(out, {"a": b"6", "b": b"7", "c": b"8"})
    assert listed(tmp_path) == there
    assert (out / "a").read_bytes() == b"3"


@pytest.mark.parametrize("kind", ["file", "link", "other file", "inner link", "inner folder"])
def test_a_folder_takes_the_place_of_its_own_files_alone(kind: str, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    other.mkdir()
    told = f"{out}: expected a folder or nothing, found a file or a link"
    if kind == "file":
        out.write_text("")
    elif kind == "link":
        out.symlink_to(tmp_path / "nowhere")
    else:
        out.mkdir()
        name = "z" if kind == "other file" else "a"
        told = (
            f"{out}: holds {name}, which is not written again: remove the folder, or choose "
            "another name"
        )
        if kind == "other file":
            (out / "z").write_text("")
        elif kind == "inner link":
            (out / "a").symlink_to(table(tmp_path))
        else:
            (out / "a").mkdir()
    assert refusal(write_folder, out, {"a": b"", "b": b""}) == told
    assert not (tmp_path / "nowhere").exists()


def hdf5(path: Path, **datasets: Any) -> bytes:
    with h5py.File(path, "w") as file:
        for name, value in datasets.items():
            file[name] = value
        file.create_group("group")
        file["outside"] = h5py.ExternalLink("other.h5", "/")
        file["soft"] = h5py.SoftLink("/group")
        file.create_dataset("far", (2,), float, external=[(str(path) + ".raw", 0, 16)])
        layout = h5py.VirtualLayout((2,), float)
        layout[:] = h5py.VirtualSource(str(path), "near", (2,))
        file.create_virtual_dataset("virtual", layout)
        texts = ["abc", "de"]
        kind = h5py.string_dtype()
        file.create_dataset("texts", data=texts, dtype=kind, chunks=(1,), compression="gzip")
        file.create_dataset("none", data=[], dtype=kind)
    return path.read_bytes()


def test_data_of_an_hdf5_file_are_stored_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = hdf5(tmp_path / "a.h5", near=np.arange(2.0))
    with opened(raw) as file:
        assert [group.name for group in groups(file)] == ["/group"]
        assert array(file, "/near/").tolist() == [0, 1]
        assert array(file, "texts").tolist() == [b"abc", b"de"]
        assert array(file, "none").tolist() == []
    for name in ("far", "virtual", "group"):
        with opened(raw) as file:
            told = f"expected data at /{name}, stored in this file"
            assert refusal(array, file, name) == told
    for name in ("nothing", "outside", "soft", "near/inner", "group/none"):
        with opened(raw) as file:
            told = f"expected {name} in /, found none in this file"
            assert refusal(array, file, name) == told
    for limit, fits in ((16, True), (15, False)):
        monkeypatch.setattr(hdf5_utils, "MAX_BYTES", limit)
        with opened(raw) as file:
            if fits:
                hdf5_utils.dataset(file, "near")
            else:
                told = refusal(hdf5_utils.dataset, file, "near")
                assert told == "/near: expected at most 15 bytes"


@pytest.mark.parametrize("error", [OSError, RuntimeError, KeyError, ValueError, TypeError])
def test_errors_of_a_damaged_hdf5_file_are_of_the_file(
    error: type[Exception], tmp_path: Path
) -> None:
    raw = hdf5(tmp_path / "a.h5")

    def fail(*_: Any) -> bool:
        raise error("x" * 150)

    assert file_evidence(tmp_path / "a.h5", fail) == Evidence.ENDING
    with pytest.raises(InvalidInputError) as told, opened(raw):
        fail()
    start = "damaged: not HDF5 as expected ("
    assert str(told.value) == f"{start}{str(error('x' * 150))[:120]})"
    (tmp_path / "b.h5").write_bytes(raw[:512])
    assert file_evidence(tmp_path / "b.h5", lambda _: True) == Evidence.ENDING


def test_json_that_cannot_be_decoded_or_encoded() -> None:
    assert refusal(load, b"\xff\xfea").startswith("damaged: not UTF-16 ('utf-16-le' codec can't d")
    text = '{"a":"\\ud800","b":"\u00e9"}'
    assert dump(json.loads(text), text.encode()) == b'{"a":"\\ud800","b":"\\u00e9"}'


def test_limits_are_those_of_the_page() -> None:
    """docs/reliability.md tells them; nothing else notices a slip in them."""
    page = (ROOT / "docs" / "reliability.md").read_text()
    ratio, floor = json_utils._MEMORY_RATIO, json_utils._MEMORY_FLOOR
    assert f"JSON to {ratio} times, or {floor / 2**20:g} MiB" in page
    assert f"at most {linking._MOST_IN_A_FRAME:,} a frame" in page
    assert "of more than a million pairs" in page
    assert linking._MOST_PAIRS == 1e6
    largest, chunk, unwritten = MAX_BYTES, hdf5_utils.MAX_CHUNK_BYTES, hdf5_utils.UNWRITTEN_BYTES
    told = f"of at most {largest / 2**30:g} GiB; in HDF5 chunks of {chunk / 2**20:g} MiB"
    assert f"{told}, and {unwritten / 2**20:g} MiB that nobody wrote" in page
