"""Data frames that pandas wrote to HDF5, read without PyTables and without unpickling anything.

pandas has two layouts. *Fixed*: ``block0_values`` next to its column labels, the rows' labels in
``axis1``. *Table*: one compound dataset ``table``, its column labels in an attribute that is a
pickle of nested lists of text: it is read by an unpickler that knows no class, so it can call
nothing.
"""

import io
import pickle
from dataclasses import dataclass
from typing import Any, NoReturn

import h5py
import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats.hdf5_utils import array, attribute, opened, rewritten, text
from pose_smoother.poses.tracks import Floats


class _Plain(pickle.Unpickler):
    """Reads lists, tuples, text and numbers; anything else is refused."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} is not plain data")


@dataclass(frozen=True)
class Block:
    """Columns stored together.

    Attributes
    ----------
    path : of the dataset.
    field : its field, None where the dataset is the values.
    columns : the labels of each column, outermost first.
    values : float64 (n, columns).
    """

    path: str
    field: str | None
    columns: list[tuple[str, ...]]
    values: Floats


def read_frame(raw: bytes) -> tuple[list[str], list[Block]]:
    """The rows' labels (levels joined by ``/``) and the blocks of the one data frame of a file.

    Raises
    ------
    InvalidInputError : the file has no data frame, several, or one in a layout that is not known.
    """
    with opened(raw) as file:
        frames = [
            group
            for group in (file.get(name) for name in file)
            if isinstance(group, h5py.Group) and "pandas_type" in group.attrs
        ]
        if len(frames) != 1:
            raise InvalidInputError(f"expected one data frame of pandas, found {len(frames)}")
        kind = text(attribute(frames[0], "pandas_type"))
        readers = {"frame": _fixed, "frame_table": _table}
        if kind not in readers:
            raise InvalidInputError(f"expected a data frame of pandas, found {kind!r:.40}")
        rows, blocks = readers[kind](frames[0])
    if not blocks or any(len(block.values) != len(rows) for block in blocks):
        raise InvalidInputError(f"expected columns of {len(rows)} rows, found others or none")
    return rows, blocks


def _labels(group: h5py.Group, axis: str) -> list[tuple[str, ...]]:
    """The labels of an axis of the fixed layout, one tuple each."""
    n_levels = int(attribute(group, f"{axis}_nlevels", 0))
    if not n_levels:
        return [(text(value),) for value in array(group, axis).tolist()]
    levels = []
    for i in range(n_levels):
        names = array(group, f"{axis}_level{i}").tolist()
        levels.append([text(names[code]) for code in array(group, f"{axis}_label{i}").tolist()])
    return list(zip(*levels, strict=True))


def _block(path: str, field: str | None, columns: list[Any], values: NDArray[Any]) -> Block:
    if values.ndim != 2 or values.shape[1] != len(columns) or values.dtype.kind not in "iuf":
        raise InvalidInputError(
            f"{path}: expected numbers in {len(columns)} columns, found {values.dtype} of shape "
            f"{values.shape}"
        )
    labels = [tuple(map(text, c)) if isinstance(c, tuple) else (text(c),) for c in columns]
    return Block(path, field, labels, values.astype(np.float64))


def _fixed(group: h5py.Group) -> tuple[list[str], list[Block]]:
    rows = ["/".join(label) for label in _labels(group, "axis1")]
    blocks = []
    for i in range(int(attribute(group, "nblocks", 0))):
        values = array(group, f"block{i}_values")
        columns = _labels(group, f"block{i}_items")
        blocks.append(_block(f"{group.name}/block{i}_values", None, columns, values))
    return rows, blocks


def _table(group: h5py.Group) -> tuple[list[str], list[Block]]:
    stored = array(group, "table")
    fields = stored.dtype.names or ()
    if "index" not in fields:
        raise InvalidInputError(f"{group.name}: expected a table of pandas with an index")
    blocks = []
    for field in fields:
        if field != "index":
            try:
                raw = np.asarray(attribute(group["table"], f"{field}_kind", b"")).tobytes()
                columns = _Plain(io.BytesIO(raw)).load()
            except Warning:  # one that a filter made an error: not of the file
                raise
            except Exception as error:  # a broken pickle may raise anything at all
                raise InvalidInputError(
                    f"{group.name}: the columns' names are damaged ({error})"
                ) from None
            if not isinstance(columns, list):
                raise InvalidInputError(f"{group.name}: the columns' names are damaged")
            values = stored[field].reshape(len(stored), -1)
            blocks.append(_block(f"{group.name}/table", field, columns, values))
    return [text(value) for value in stored["index"].tolist()], blocks


def with_values(raw: bytes, blocks: list[Block], values: list[Floats]) -> bytes:
    """The file's bytes with other values in the blocks, each float64 (n, columns)."""
    arrays: dict[str, NDArray[Any]] = {}
    with opened(raw) as file:
        for block, new in zip(blocks, values, strict=True):
            stored = arrays.setdefault(block.path, array(file, block.path))
            target = stored if block.field is None else stored[block.field]
            changed = np.isfinite(new) & (new != block.values)
            if target.dtype.kind != "f" and changed.any():
                raise InvalidInputError(
                    "the file holds whole numbers: coordinates between them have no room"
                )
            target.reshape(new.shape)[changed] = new[changed]
    return rewritten(raw, arrays)
