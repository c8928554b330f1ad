"""Ways to damage bytes and files."""

import csv
import io
import json
from pathlib import Path
from typing import Any

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
    file.write_text(json.dumps(value))
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
