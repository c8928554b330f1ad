"""A store of people who never were, for those who have none yet."""

import subprocess
import sys
from pathlib import Path

from pose_smoother.errors import RunError


def make_sample_store(folder: Path, clips: int = 60) -> Path:
    """Sample annotations and their store, by the pipeline's own two commands.

    Raises
    ------
    RunError : one of them failed; the message has its last line.
    """
    sample, store = folder / "sample", folder / "sample.hdf5"
    _pipeline("sample", str(sample), "--clips", str(clips))
    _pipeline(
        "preprocess",
        *("--penn-action", str(sample / "penn_action" / "labels"), "--actions", "all"),
        *("--out", str(store), "--format", "hdf5", "--workers", "2"),
    )
    return store


def _pipeline(*arguments: str) -> None:
    command = [sys.executable, "-m", "pipeline", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
        raise RunError(f"pipeline {arguments[0]} failed (exit {done.returncode}): {last[0]}")
