"""Every format: no byte and no field changes but coordinates, found by reading each file plainly.

The files are parsed here without the library: HDF5 as a tree with the raw bytes of every field,
JSON as a tree, text as cells, archives as members. A file is moved by 1.25; each leaf is equal
before and after, or a number that moved by just that.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pose_smoother.poses.formats import read_poses, write_keypoints
from tests.pose_smoother.poses.formats.samples import SAMPLES, make

SHIFT = 1.25
Leaf = bytes | str | float | int | bool | None


def leaves(path: Path) -> dict[str, Leaf]:
    """Everything in a file, by where it is."""
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        parts = {str(p.relative_to(path)): leaves(p) for p in files}
        return {f"{name}:{key}": leaf for name, part in parts.items() for key, leaf in part.items()}
    raw = path.read_bytes()
    if raw[:8] == b"\x89HDF\r\n\x1a\n":
        with h5py.File(path) as file:
            return dict(_hdf5(file))
    if raw[:2] == b"PK":
        return dict(_archive(raw))
    if raw[:6] == b"\x93NUMPY":
        return dict(_array(np.load(io.BytesIO(raw)), "npy"))
    try:
        return dict(_json(json.loads(raw), "json"))
    except ValueError:
        return dict(_text(raw.decode()))


def _json(value: Any, where: str) -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, dict):
        yield f"{where} keys", repr(list(value))
        for key, inner in value.items():
            yield from _json(inner, f"{where}.{key}")
    elif isinstance(value, list):
        yield f"{where} length", len(value)
        for i, inner in enumerate(value):
            yield from _json(inner, f"{where}[{i}]")
    else:
        yield where, repr(value) if isinstance(value, float) and np.isnan(value) else value


def _text(text: str) -> Iterator[tuple[str, Leaf]]:
    """Cells; numbers as numbers, all else as it is, with what ends each line."""
    for i, line in enumerate(text.splitlines(keepends=True)):
        body = line.rstrip("\r\n")
        delimiter = max(",;\t", key=line.count)
        yield f"line {i} ends", line[len(body) :]
        for j, cell in enumerate(next(csv.reader([body], delimiter=delimiter), [])):
            try:
                yield f"line {i} cell {j}", float(cell) if "." in cell else cell
            except ValueError:
                yield f"line {i} cell {j}", cell


def _archive(raw: bytes) -> Iterator[tuple[str, Leaf]]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for info in archive.infolist():
            yield f"{info.filename} member", repr((info.compress_type, info.date_time))
            array = np.load(io.BytesIO(archive.read(info)), allow_pickle=False)
            yield from _array(array, info.filename)


def _array(array: np.ndarray, where: str) -> Iterator[tuple[str, Leaf]]:
    yield f"{where} layout", repr((array.dtype, array.shape, array.flags.f_contiguous))
    for i, element in enumerate(array.ravel()):
        is_number = array.dtype.kind == "f" and np.isfinite(element)
        yield f"{where}[{i}]", float(element) if is_number else element.tobytes()


def _hdf5(file: h5py.File) -> Iterator[tuple[str, Leaf]]:
    found: list[tuple[str, Any]] = [("/", file)]
    file.visititems(lambda name, value: found.append((name, value)))
    for name, value in found:
        for key in sorted(value.attrs):
            attribute = value.attrs.get_id(key)
            yield f"{name}@{key} type", repr((attribute.dtype, attribute.shape))
            yield f"{name}@{key}", repr(value.attrs[key])
        if isinstance(value, h5py.Dataset):
            yield (
                f"{name} layout",
                repr((value.dtype, value.shape, value.chunks, value.compression)),
            )
            yield from _dataset(name, value)


def _dataset(name: str, value: h5py.Dataset) -> Iterator[tuple[str, Leaf]]:
    kind = value.id.get_type()
    if value.dtype.hasobject:
        yield name, repr(value[()])  # text of any length is elsewhere in the file
        return
    size = kind.get_size()
    raw = np.zeros((max(value.size, 1), size), np.uint8)
    value.id.read(h5py.h5s.ALL, h5py.h5s.ALL, raw.view(np.dtype(("V", size))), kind)
    if value.dtype.names is None:
        yield from _array(raw.reshape(-1).view(value.dtype), name)
        return
    for i in range(kind.get_nmembers()):
        field, at = kind.get_member_name(i).decode(), kind.get_member_offset(i)
        part = np.ascontiguousarray(raw[:, at : at + kind.get_member_type(i).get_size()])
        base = value.dtype[field].base
        yield from _array(part.view(base if base.kind == "f" else "u1"), f"{name}.{field}")


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_leaf_changes_but_coordinates(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    out = tmp_path / f"out{''.join(path.suffixes)}"
    poses = read_poses(path)
    write_keypoints(poses, [track.keypoints + SHIFT for track in poses.tracks], out)
    before, after = leaves(path), leaves(out)
    assert list(before) == list(after)
    changed = [where for where in before if before[where] != after[where]]
    for where in changed:
        old, new = before[where], after[where]
        assert isinstance(old, float | int | str), where
        assert isinstance(new, float | int | str), where
        assert float(new) - float(old) == pytest.approx(SHIFT, abs=1e-3), where
    rows = np.concatenate(poses.origin.rows)
    known = int(np.isfinite(poses.origin.keypoints[rows]).sum())
    assert len(changed) == known  # every coordinate is one leaf, and no other leaf changed


def test_a_label_that_fills_its_room_keeps_its_last_character(tmp_path: Path) -> None:
    """In tables of pandas, text declared to end with a zero fills its room without one."""
    path, out = tmp_path / "a.h5", tmp_path / "out.h5"
    path.write_bytes((Path(__file__).parent / "files" / "dlc_table.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        found: list[h5py.Dataset] = []
        file.visititems(lambda _, v: found.append(v) if isinstance(v, h5py.Dataset) else None)
        (table,) = [one for one in found if one.dtype.names]
        labels = [f"labeled-data/clip/img{i:04d}.png".encode() for i in range(table.size)]
        _replace(table, labels)
    poses = read_poses(path)
    write_keypoints(poses, [track.keypoints + SHIFT for track in poses.tracks], out)
    text = [leaf for where, leaf in leaves(out).items() if ".index[" in where]
    assert b"".join(leaf for leaf in text if isinstance(leaf, bytes)) == b"".join(labels)


def _replace(table: h5py.Dataset, labels: list[bytes]) -> None:
    """Put a table with these labels in the place of one."""
    parent, name, old, attributes = table.parent, table.name, table[()], dict(table.attrs)
    room = len(labels[0])
    new = np.zeros(len(old), [("index", f"S{room}"), *old.dtype.descr[1:]])
    for field in old.dtype.names[1:]:
        new[field] = old[field]
    new["index"] = labels
    label = h5py.h5t.C_S1.copy()
    label.set_size(room)
    label.set_strpad(h5py.h5t.STR_NULLTERM)
    kind = h5py.h5t.create(h5py.h5t.COMPOUND, new.dtype.itemsize)
    kind.insert(b"index", 0, label)
    for field in new.dtype.names[1:]:
        dtype, offset = new.dtype.fields[field][:2]
        kind.insert(field.encode(), offset, h5py.h5t.py_create(dtype))
    del parent[name]
    space = h5py.h5s.create_simple(new.shape)
    made = h5py.h5d.create(parent.id, name.rpartition("/")[2].encode(), kind, space)
    every = h5py.h5s.ALL
    made.write(every, every, new.view(np.dtype(("V", new.dtype.itemsize))), kind)
    for key, value in attributes.items():
        h5py.Dataset(made).attrs[key] = value
