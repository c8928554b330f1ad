"""Ways to damage bytes and files."""

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Rng = np.random.Generator

#: name -> what it does to bytes that are not empty; the result always differs from them.
BYTE_DAMAGE = ("flipped", "cut", "emptied")


def damaged(data: bytes, how: str, rng: Rng) -> bytes:
    """Bytes with one bit flipped, cut somewhere, or none at all."""
    if how == "flipped":
        changed = bytearray(data)
        changed[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        return bytes(changed)
    if how == "cut":
        return data[: int(rng.integers(len(data)))]
    return b""


def pick(rng: Rng, things: list) -> object:  # type: ignore[type-arg]
    """One of some things."""
    return things[int(rng.integers(len(things)))]


VALUES: list[Any] = [
    *(None, True, "x", "../../x", "\x1b[31m\nx", [], {}, [1], [[1], [2, 3]], {"a": 1}),
    *(-1, 0, 10**6, 10**30, 1e308, float("nan"), float("inf"), "http://127.0.0.1:9/x"),
]


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, child in inner:
        found.append((*path, key))
        if isinstance(child, dict | list) and len(path) < 4:
            found += _nodes(child, (*path, key))
    return found


def change_json(file: Path, rng: Rng) -> str:
    """Replace or remove a random node of a JSON file; what was done."""
    value = json.loads(file.read_text())
    what = change_value(value, rng)
    file.write_text(json.dumps(value))
    return what


def change_value(value: Any, rng: Rng) -> str:
    """Replace or remove a random node of a list or an object; what was done."""
    if not (nodes := _nodes(value)):
        return "nothing is in it"
    *parents, last = path = pick(rng, nodes)  # type: ignore[misc]
    holder = value
    for key in parents:
        holder = holder[key]
    if rng.integers(3) and path:
        holder[last] = new = pick(rng, VALUES)
    else:
        new = "(removed)"
        del holder[last]
    return f"{path} = {new!r:.30}"


def change_table(file: Path, rng: Rng) -> str:
    """Replace a random cell of a CSV file; what was done."""
    rows = list(csv.reader(file.read_text().splitlines()))
    row = pick(rng, [row for row in rows if row])
    assert isinstance(row, list)
    row[int(rng.integers(len(row)))] = str(pick(rng, VALUES))
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    file.write_text(buffer.getvalue())
    return "a cell"


def change_hdf5(file: Path, rng: Rng) -> str:
    """Put random numbers into a dataset, remove it, or change its shape, type, storage or link."""
    with h5py.File(file, "r+") as opened:
        names: list[str] = []
        opened.visititems(lambda n, v: names.append(n) if isinstance(v, h5py.Dataset) else None)
        name, kind = str(pick(rng, names)), int(rng.integers(10))
        try:
            values = opened[name][()]
        except OSError:  # a filter that is not installed
            values = np.zeros(opened[name].shape, opened[name].dtype)
        if kind < 2:
            holder = opened[name] if rng.integers(2) else opened[name].parent
            key = str(pick(rng, [*holder.attrs, "new"]))
            odd = [np.nan, -1, "x\x1b[2K", b"\xff", np.zeros(3), h5py.Empty("f4"), 10**18, ""]
            holder.attrs[key] = pick(rng, odd)
            return f"{name}: attribute {key}"
        if kind < 4 and np.ndim(values) and not values.dtype.hasobject:
            raw = rng.bytes(values.nbytes)
            del opened[name]
            opened[name] = np.frombuffer(raw, values.dtype).reshape(values.shape)
            return f"{name}: random"
        del opened[name]
        if kind == 4:
            targets = [h5py.SoftLink("/"), h5py.SoftLink(f"/{pick(rng, names)}")]
            targets += [h5py.ExternalLink(at, name) for at in ("x.h5", file.name)]
            opened[name] = pick(rng, targets)
        elif kind == 5:
            opened.create_dataset(name, (2**40, 3), "f8", chunks=(1000, 3), compression="gzip")
        elif kind == 6:
            opened.create_dataset(name, (100,), "f8", external=[("/etc/passwd", 0, 800)])
        elif kind == 7:
            wide = np.dtype([(f"f{i}", "f8", (64,)) for i in range(100)])
            opened.create_dataset(name, (1 << 16,), wide, chunks=(1 << 10,), compression="gzip")
        elif kind == 8 and np.ndim(values) and not values.dtype.hasobject:
            opened[name] = pick(rng, [values[:-1], values[:0], np.concatenate([values, values])])
        elif kind == 9:
            opened[name] = np.float64(3)
        return f"{name}: kind {kind}"


def make_special(
    file: Path, rng: Rng, links: Sequence[str] = ("/dev/zero",), n_bytes: int = 1 << 33
) -> str:
    """Put a pipe, a link, a folder or a file of holes in a file's place; which one."""
    file.unlink()
    kind = int(rng.integers(4))
    if kind == 0:
        os.mkfifo(file)
    elif kind == 1:
        file.symlink_to(links[int(rng.integers(len(links)))] if len(links) > 1 else links[0])
    elif kind == 2:
        file.mkdir()
    else:
        with file.open("wb") as out:
            out.truncate(n_bytes)
    return f"special {kind}"
