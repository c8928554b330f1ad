"""What a power cut leaves: a file system that forgets or reorders what was not flushed.

The model is stricter than usual file systems. A file has its data of its last flush, and any of the
writes since, in any choice, one of them torn. A folder has its entries of its last flush, and some
first part of the changes since; each folder forgets by itself. A rename within a folder is one
change.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.faults.shim import Operation


@dataclass
class _File:
    safe: bytearray = field(default_factory=bytearray)
    live: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes]] = field(default_factory=list)  # offset −1: cut to nothing

    def flushed(self) -> None:
        self.safe, self.since = bytearray(self.live), []

    def after_a_cut(self, rng: np.random.Generator) -> bytes:
        data = bytearray(self.safe)
        luck = rng.random()
        for offset, part in self.since:
            if rng.random() >= luck:
                continue
            if rng.random() < 0.2:
                part = part[: int(rng.integers(len(part) + 1))]
            _put(data, offset, part)
        return bytes(data)


@dataclass
class _Folder:
    safe: dict[str, "_File | _Folder"] = field(default_factory=dict)
    live: dict[str, "_File | _Folder"] = field(default_factory=dict)
    since: list[tuple[str | None, str | None, "_File | _Folder | None"]] = field(
        default_factory=list
    )

    def change(self, gone: str | None, new: str | None, node: "_File | _Folder | None") -> None:
        """An entry goes, or comes, or both at once."""
        self.since.append((gone, new, node))
        _apply(self.live, gone, new, node)

    def flushed(self) -> None:
        self.safe, self.since = dict(self.live), []

    def write(self, place: Path, rng: np.random.Generator) -> None:
        """Make what is left below a folder on the disk."""
        entries = dict(self.safe)
        for gone, new, node in self.since[: int(rng.integers(len(self.since) + 1))]:
            _apply(entries, gone, new, node)
        place.mkdir(exist_ok=True)
        for name, node in entries.items():
            if isinstance(node, _File):
                (place / name).write_bytes(node.after_a_cut(rng))
            else:
                node.write(place / name, rng)


def _apply(
    entries: "dict[str, _File | _Folder]",
    gone: str | None,
    new: str | None,
    node: "_File | _Folder | None",
) -> None:
    if gone is not None:
        entries.pop(gone, None)
    if new is not None and node is not None:
        entries[new] = node


def _put(data: bytearray, offset: int, part: bytes) -> None:
    if offset < 0:
        data.clear()
        return
    data.extend(bytes(max(0, offset - len(data))))
    data[offset : offset + len(part)] = part


class Disk:
    """A folder as it was at some moment of a recording, and what a power cut then leaves of it."""

    def __init__(self, root: Path) -> None:
        self._root = str(root.resolve())
        self._top = _Folder()

    def play(self, operations: list[Operation]) -> None:
        """Do recorded operations."""
        for operation in operations:
            self._do(operation)

    def cut_power(self, place: Path, rng: np.random.Generator) -> None:
        """Write what is left to a new folder."""
        self._top.write(place, rng)

    def _parts(self, path: str) -> list[str]:
        return [part for part in path.removeprefix(self._root).split("/") if part]

    def _find(self, path: str) -> "_File | _Folder | None":
        node: _File | _Folder | None = self._top
        for part in self._parts(path):
            node = node.live.get(part) if isinstance(node, _Folder) else None
        return node

    def _home(self, path: str) -> tuple[_Folder, str]:
        *above, name = self._parts(path)
        folder = self._top
        for part in above:
            inner = folder.live[part]
            assert isinstance(inner, _Folder)
            folder = inner
        return folder, name

    def _do(self, operation: Operation) -> None:
        kind, node = operation.kind, self._find(operation.path)
        if kind == "fsync" and node is not None:
            node.flushed()
        elif kind == "write" and isinstance(node, _File):
            node.since.append((operation.offset, operation.data))
            _put(node.live, operation.offset, operation.data)
        elif kind == "create" and isinstance(node, _File):
            node.since.append((-1, b""))
            node.live.clear()
        elif kind in ("create", "mkdir"):
            folder, name = self._home(operation.path)
            folder.change(None, name, _File() if kind == "create" else _Folder())
        elif kind in ("unlink", "rmdir"):
            folder, name = self._home(operation.path)
            folder.change(name, None, None)
        elif kind in ("rename", "link"):
            folder, name = self._home(operation.path)
            target, new = self._home(operation.other)
            if kind == "link":
                target.change(None, new, node)
            elif folder is target:
                folder.change(name, new, node)
            else:
                target.change(None, new, node)
                folder.change(name, None, None)
        elif kind == "truncate" and isinstance(node, _File):
            del node.live[operation.offset :]
