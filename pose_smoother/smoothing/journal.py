"""What a folder of smoothed files holds so far, so that the same command again goes on.

``.pose-smoother.jsonl`` in the output folder has a line when a file is begun and one when it is
written. Only the process that was started by the user writes it.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pose_smoother.files.disk_errors import translate_disk_errors
from pose_smoother.files.plain import read_plain
from pose_smoother.remote.objects import versions
from pose_smoother.remote.path import PathOrUrl

JOURNAL = ".pose-smoother.jsonl"
_MAX_BYTES = 1 << 28


class Journal:
    """The files of an output folder that this program began or wrote.

    A file counts as written as long as its input, the options and the output are unchanged: by size
    and time of change, and for a folder those of all its files.
    """

    def __init__(self, folder: Path, options: str) -> None:
        self._path = folder / JOURNAL
        self._options = hashlib.sha256(options.encode()).hexdigest()[:16]
        self._written: dict[str, list[Any]] = {}
        self._begun: set[str] = set()
        for line in self._lines():
            try:
                name, *state = json.loads(line)
            except ValueError:  # cut off by a kill
                continue
            if not isinstance(name, str):
                continue
            self._begun.add(name)
            self._written.pop(name, None)  # begun again
            if state:
                self._written[name] = state

    def is_written(self, source: PathOrUrl, out: Path) -> bool:
        """Whether the output is what these options make of this input."""
        known = self._written.get(out.name)
        return known is not None and known == [self._options, state_of(source), state_of(out)]

    def is_ours(self, out: Path) -> bool:
        """Whether an output may be replaced unasked.

        It may if it was begun and the program was stopped, or if these options wrote it and it was
        not changed since (its input was).
        """
        if out.name not in self._begun:
            return False
        known = self._written.get(out.name)
        return known is None or (known[0], known[-1]) == (self._options, state_of(out))

    def begin(self, out: Path) -> None:
        """Note that an output may be there from now on."""
        if out.name not in self._begun or out.name in self._written:
            self._begun.add(out.name)
            self._written.pop(out.name, None)
            self._add([out.name])

    def end(self, source: PathOrUrl, out: Path) -> None:
        """Note that an output is complete."""
        state = [self._options, state_of(source), state_of(out)]
        self._written[out.name] = state
        self._add([out.name, *state])

    def _add(self, entry: list[Any]) -> None:
        with translate_disk_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            descriptor = os.open(self._path, flags, 0o666)
            with os.fdopen(descriptor, "ab") as file:
                # A line that a kill cut off ends here.
                file.write(b"\n" + json.dumps(entry).encode() + b"\n")

    def _lines(self) -> list[bytes]:
        if not self._path.exists():
            return []
        return [line for line in read_plain(self._path, _MAX_BYTES).split(b"\n") if line]


def state_of(path: PathOrUrl) -> list[Any]:
    """What shows whether a file or folder changed; [] if it is absent.

    Its number of files, their bytes together, and the latest change in nanoseconds; of an address,
    the size and the tag of each object.
    """
    if not isinstance(path, Path):
        return versions(path)
    files = [path]
    if path.is_dir():
        files = [one for one in path.rglob("*") if one.is_file()]
    try:
        found = [one.stat() for one in files]
    except FileNotFoundError:
        return []
    latest = max((one.st_mtime_ns for one in found), default=0)
    return [len(found), sum(one.st_size for one in found), latest]
