"""Small files from text: as they are, folders, arrays of NumPy, and HDF5."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

HDF5 = (".h5", ".hdf5", ".nwb", ".slp", ".nc")


def _array(value: Any) -> Any:
    """Numbers or bytes; of an object, a table with a field for each key."""
    if isinstance(value, dict):
        columns = {name: np.array(column) for name, column in value.items()}
        length = len(next(iter(columns.values())))
        table = np.zeros(
            length, [(name, column.dtype, column.shape[1:]) for name, column in columns.items()]
        )
        for name, column in columns.items():
            table[name] = column
        return table
    found = np.array(value)
    return np.char.encode(found, "utf-8") if found.dtype.kind == "U" else found


def _hdf5(path: Path, members: dict[str, Any]) -> None:
    """``group/name`` is a dataset (null: a group), ``group@name`` an attribute."""
    with h5py.File(path, "w") as file:
        for name, value in members.items():
            where, _, attribute = name.partition("@")
            if attribute == "DIMENSION_LIST":
                for axis, scale in enumerate(value):
                    file[where].dims[axis].attach_scale(file[scale])
            elif attribute:
                (file[where] if where else file).attrs[attribute] = _array(value)
            elif value is None:
                file.create_group(where)
            else:
                file[where] = _array(value)


def make(path: Path, content: Any) -> None:
    """Write a file, or of an object a folder of files."""
    if isinstance(content, str):
        path.write_text(content)
    elif path.suffix in HDF5:
        _hdf5(path, content)
    elif path.suffix == ".npz":
        np.savez(path, **{name: np.array(value) for name, value in content.items()})
    elif path.suffix == ".npy":
        np.save(path, np.array(content))
    else:
        path.mkdir()
        for name, text in content.items():
            (path / name).write_text(text)
