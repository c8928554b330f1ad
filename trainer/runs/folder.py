"""A run's folder while it is written: one writer, one configuration, a state that others can read.

On disk: ``config.json``, ``history.csv``, ``timing.csv``, ``last.pt`` and ``previous.pt``,
``best.pt``, ``state.json``, and when finished ``results.json``, ``results.csv``, ``scores.npz``.
"""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from pose_smoother.errors import RunError
from pose_smoother.files.atomic import write_json
from pose_smoother.files.lock import exclusive_lock
from pose_smoother.versions import package_versions
from trainer.runs.checkpoint import remove_checkpoints
from trainer.runs.layout import CONFIG, HISTORY, REGIONS, SCORES, STATE, TIMING
from trainer.runs.results_io import RESULTS_CSV, RESULTS_JSON, read_json

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

    def clear(self) -> None:
        """Delete what a run wrote; the results first, so that no half of them looks finished."""
        for name in (RESULTS_JSON, RESULTS_CSV, SCORES, REGIONS, HISTORY, TIMING, STATE):
            (self.path / name).unlink(missing_ok=True)
        for extra in self.path.glob("scores-*.npz"):
            extra.unlink()
        remove_checkpoints(self.path)
        (self.path / CONFIG).unlink(missing_ok=True)


def check_identity(folder: Path, identity: Mapping[str, Any]) -> None:
    """Raise RunError, listing what differs, unless a run folder is of this identity."""
    found = read_json(folder / CONFIG, "not a run folder").get("identity", {})
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
