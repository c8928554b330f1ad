"""A run's folder while it is written: one writer, one configuration, a state that others can read.

On disk: ``config.json``, ``history.csv``, ``timing.csv``, ``last.pt`` and ``previous.pt``,
``best.pt``, ``state.json``, and when finished ``results.json``, ``results.csv``, ``scores.npz``.
"""

import logging
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from pose_smoother.errors import RunError
from pose_smoother.files.atomic import fsync_folder, make_folder, write_atomic, write_json
from pose_smoother.files.lock import exclusive_lock
from pose_smoother.files.plain import read_plain
from pose_smoother.versions import package_versions
from trainer.noise.select import NOISE_FILE
from trainer.runs.checkpoint import remove_checkpoints
from trainer.runs.layout import (
    ASIDE,
    CONFIG,
    HISTORY,
    MAX_FILE_BYTES,
    REGIONS,
    SCORES,
    STATE,
    TIMING,
)
from trainer.runs.results_io import RESULTS_CSV, RESULTS_JSON, read_json
from trainer.runs.schema import CONFIG_SCHEMA

_DATA = ("data.json", "clips.csv", NOISE_FILE)
_log = logging.getLogger(__name__)

#: What runs were made with before these were settings.
UNRECORDED = {
    "noise": "fresh",
    "schedule": "plateau",
    "augment": "none",
    "precision": "float32",
}


class RunFolder:
    """Enter it to become the only writer; for a second process the error names the first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = exclusive_lock(path)

    def __enter__(self) -> "RunFolder":
        self._lock.__enter__()
        for stray in self.path.glob(".*.tmp"):  # left by a kill while writing aside
            stray.unlink()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.__exit__(kind, error, trace)

    def is_finished(self) -> bool:
        """Whether the results are written; they come last."""
        return (self.path / RESULTS_JSON).exists()

    def set_state(self, state: str, **details: Any) -> None:
        """Write ``state.json``: "running", "preempted", "failed" or "finished"."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        process = {"host": socket.gethostname(), "pid": os.getpid(), "time": now}
        write_json(self.path / STATE, {"state": state, **process, **details})

    def claim(self, config: Mapping[str, Any]) -> None:
        """Save a new run's configuration, or make sure that the one here is the same.

        Parameters
        ----------
        config : JSON-able; ``identity`` holds what decides the numbers, the rest is for readers.

        Raises
        ------
        RunError : the folder belongs to another configuration; lists what differs.
        """
        file = self.path / CONFIG
        if file.exists():
            check_identity(self.path, config["identity"])
        else:
            write_json(file, dict(config))

    @property
    def aside(self) -> Path:
        """Where the run that was here before is kept while this one replaces it."""
        return self.path.parent / ASIDE / self.path.name

    def start_again(self, replace: bool) -> None:
        """Make room for a run from its start; what was here is kept until the new one has finished.

        Parameters
        ----------
        replace : a finished run may be set aside, too.

        Raises
        ------
        RunError : the run is finished and ``replace`` is False.
        """
        if self.is_finished():
            if not replace:
                raise RunError(
                    f"{self.path} is finished: --replace trains it again (it is kept until then), "
                    "or choose another --out"
                )
            self.drop_aside()  # what this run replaced
        if self.aside.exists():
            self.clear()  # an unfinished successor of what is kept
        elif (self.path / CONFIG).exists():
            make_folder(self.aside.parent)
            self.path.rename(self.aside)
            self.path.mkdir()
            fsync_folder(self.path.parent)
            if (noise := self.aside / NOISE_FILE).is_file():  # the new run may read it
                write_atomic(self.path / NOISE_FILE, read_plain(noise, MAX_FILE_BYTES))
            _log.info("the run as it was is kept in %s until the new one has finished", self.aside)

    def drop_aside(self) -> None:
        """Delete the run that this one, finished now, replaces; files of others stay."""
        if self.aside.is_dir():
            RunFolder(self.aside).clear()
            try:
                self.aside.rmdir()
            except OSError:
                _log.warning("%s holds files that no run wrote: they are left there", self.aside)
        with suppress(OSError):  # absent, or another run's is there
            self.aside.parent.rmdir()

    def clear(self) -> None:
        """Delete what a run wrote; the results first, so that no half of them looks finished."""
        for name in (RESULTS_JSON, RESULTS_CSV, SCORES, REGIONS, HISTORY, TIMING, STATE, *_DATA):
            (self.path / name).unlink(missing_ok=True)
        for extra in self.path.glob("scores-*.npz"):
            extra.unlink()
        remove_checkpoints(self.path)
        (self.path / CONFIG).unlink(missing_ok=True)


def check_identity(folder: Path, identity: Mapping[str, Any]) -> None:
    """Raise RunError, listing what differs, unless a run folder is of this identity."""
    found = read_json(folder / CONFIG, "not a run folder", CONFIG_SCHEMA)["identity"]
    unrecorded = {name: value for name, value in UNRECORDED.items() if name in identity}
    differences = _differences({**unrecorded, **found}, identity)
    if differences:
        raise RunError(
            f"{folder} belongs to another configuration ({'; '.join(differences)}): "
            "choose another --out, or delete that folder"
        )


def versions() -> dict[str, str]:
    """The programs that made a run."""
    return package_versions("pose-smoother", "torch", "numpy", "zarr", "h5py")


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Each differing key as "key: here x, asked y"."""
    keys = sorted({*found, *wanted})
    return [
        f"{key}: here {found.get(key)!r}, asked {wanted.get(key)!r}"
        for key in keys
        if found.get(key) != wanted.get(key)
    ]
