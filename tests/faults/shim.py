"""Builds and steers ``shim.c``: which file operation of a command fails, kills or is recorded."""

import ctypes
import mmap
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OFF, COUNT, FAIL, KILL = range(4)
#: What a failure lasts for: one operation, all that take room, all that change anything.
ONCE, FULL, READ_ONLY = range(3)


class _Control(ctypes.Structure):
    _fields_ = (
        ("counter", ctypes.c_int64),
        ("at", ctypes.c_int64),
        ("mode", ctypes.c_int32),
        ("error", ctypes.c_int32),
        ("lasts", ctypes.c_int32),
        ("filled", ctypes.c_int32),
        ("root", ctypes.c_char * 1024),
        ("trace", ctypes.c_char * 1024),
    )


@dataclass(frozen=True)
class Operation:
    """One recorded change of a file: "create", "write", "fsync", "rename", "unlink", …"""

    kind: str
    path: str
    other: str
    offset: int
    data: bytes


def lacking() -> str:
    """Why the shim can't be used here, or ""."""
    if not Path("/proc/self/fd").is_dir():
        return "needs Linux"
    return "" if shutil.which("gcc") else "needs gcc for the shim between program and files"


class Shim:
    """The shim, built once; give ``environment`` to the commands that it shall watch."""

    def __init__(self, folder: Path) -> None:
        library, control = folder / "shim.so", folder / "control"
        source = Path(__file__).with_name("shim.c")
        command = ["gcc", "-shared", "-fPIC", "-O1", "-w", "-o", library, source]
        subprocess.run([str(word) for word in command], check=True)
        control.write_bytes(bytes(ctypes.sizeof(_Control)))
        self._file = control.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 0)
        self._control = _Control.from_buffer(self._map)
        self._trace = folder / "trace"
        self.environment = {"LD_PRELOAD": str(library), "FAULT_CONTROL": str(control)}

    def set(
        self,
        root: Path,
        mode: int,
        at: int = -1,
        error: int = 0,
        lasts: int = ONCE,
        trace: bool = False,
    ) -> None:
        """Watch operations below a folder from now on."""
        self._trace.unlink(missing_ok=True)
        found = self._control
        found.mode = OFF
        found.counter, found.at, found.error, found.lasts = 0, at, error, lasts
        found.root = str(root.resolve()).encode()
        found.trace = str(self._trace).encode() if trace else b""
        found.mode = mode

    def off(self) -> int:
        """Watch no longer; how many operations there were."""
        self._control.mode = OFF
        return int(self._control.counter)

    def operations(self) -> list[Operation]:
        """What was recorded, in order."""
        raw = self._trace.read_bytes()
        found, at = [], 0
        while at < len(raw):
            end = raw.index(b"\n", at)
            _, kind, path, other, offset, size = raw[at:end].decode().split("\t")
            data = raw[end + 1 : end + 1 + int(size)]
            found.append(Operation(kind, path, other, int(offset), data))
            at = end + 1 + int(size)
        return found

    def close(self) -> None:
        """Let go of the control file."""
        del self._control
        self._map.close()
        self._file.close()
