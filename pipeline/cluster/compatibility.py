"""What every task carries: which build it belongs to, and what a worker must agree with."""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pipeline
import pose_smoother
from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.atomic import sha256_bytes
from pose_smoother.versions import package_versions

#: What decides a store's bytes, or how a task is sent.
_PACKAGES = ("pose-smoother", "numpy", "scipy", "zarr", "numcodecs", "h5py", "hdf5plugin", "dask")
FILES = "this program's files"
_APPEARS_S = 5.0  # a network file system may show a new file late


class IncompatibleWorkerError(PoseSmootherError):
    """A Dask worker has other versions than the client, or doesn't see the store's folder."""


@cache
def versions() -> dict[str, str]:
    """Versions of Python, of the packages that decide bytes, and of this program's files."""
    found = dict.fromkeys(_PACKAGES, "absent") | package_versions(*_PACKAGES)
    homes = [Path(str(package.__file__)).parent for package in (pipeline, pose_smoother)]
    hashes = [
        f"{file.relative_to(home.parent).as_posix()} {sha256_bytes(file.read_bytes())}"
        for home in homes
        for file in sorted(home.rglob("*.py"))
    ]
    return found | {FILES: sha256_bytes("\n".join(hashes).encode())[:12]}


@dataclass(frozen=True)
class BuildToken:
    """What identifies a build.

    Attributes
    ----------
    note : the file next to the store's lock that names the build's process and start.
    text : its text.
    versions : the client's.
    """

    note: Path
    text: str
    versions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, note: Path) -> "BuildToken":
        """The token of the build that has the lock now."""
        return cls(note, note.read_text(), tuple(versions().items()))

    def is_current(self) -> bool:
        """Whether the build still has the lock; the note of a later one differs."""
        try:
            return self.note.read_text() == self.text
        except OSError:
            return False

    def compatibility_problem(self) -> str:
        """Why this process must not work for the build; "" when it may."""
        found = versions()
        other = [
            f"{name} {found.get(name, 'absent')} (client: {wanted})"
            for name, wanted in self.versions
            if found.get(name) != wanted
        ]
        if other:
            return f"has {', '.join(other)}: install the same versions on both"
        deadline = time.monotonic() + _APPEARS_S
        while not self.is_current():
            if time.monotonic() > deadline:
                return (
                    f"does not see {self.note} as the client does: the store's folder (for a store "
                    "at an address: the client's POSE_CACHE) must be on a file system that all "
                    "workers share, under the same path"
                )
            time.sleep(0.1)
        return ""
