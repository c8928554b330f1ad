"""Servers and small stores that rows share: started once a process, ended with it."""

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.faults import shim
from tests.faults.runs import train_words, whole_run
from tests.faults.shim import Shim
from tests.faults.stores import labels
from tests.faults.warm import Warm


@cache
def folder() -> Path:
    """A folder that goes away with the process."""
    made = Path(tempfile.mkdtemp(prefix="faults-shared-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def watcher() -> Shim:
    """The shim that every server is started with; it sleeps until it is set."""
    place = folder() / "shim"
    place.mkdir()
    made = Shim(place)
    atexit.register(made.close)
    return made


@cache
def mounts_lacking() -> str:
    """Why no file system can be mounted here, or ""."""
    if os.geteuid() != 0:
        return "mounting a small file system needs root"
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        return "mounting a small file system needs unshare and nsenter"
    words = ["unshare", "-m", "mount", "-t", "tmpfs", "none", folder()]
    tried = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    return f"mounting is not permitted: {tried.stderr.strip()}" if tried.returncode else ""


@cache
def server(program: str, which: int = 0) -> Warm:
    """A server of a program; ``which`` tells apart those that run at the same time.

    Where that is allowed, each has mounts of its own.
    """
    prefix = () if mounts_lacking() else ("unshare", "-m")
    started = Warm(program, {} if shim.lacking() else watcher().environment, prefix)
    atexit.register(started.close)
    if which == 0:
        _rehearse(started)
    return started


def _rehearse(started: Warm) -> None:
    """One command of the kind that follows, so that what it imports on its way is there."""
    place = folder() / f"rehearsal-{started.program}"
    place.mkdir()
    words: list[object] = ["preprocess", "--penn-action", labels(place, (9,) * 6)]
    runs = [[*words, "--format", kind, "--out", place / kind] for kind in ("zarr", "hdf5")]
    if started.program == "trainer":
        runs = [train_words(store_to_train(), place)]
    for run in runs:
        ended = started.run(run, place / "log")
        assert ended.code == 0, ended.said


def build(source: Path, out: Path, store_format: str = "zarr") -> Path:
    """A store of a labels folder, made by the program's own command."""
    words = ["preprocess", "--penn-action", source, "--format", store_format, "--out", out]
    ended = server("pipeline").run(words, folder() / "log")
    assert ended.code == 0, ended.said
    return out


@cache
def sound_stores() -> tuple[Path, dict[str, Path]]:
    """Labels, and a store of them in each format; not to be changed."""
    place = folder() / "sound"
    source = labels(place, (30, 290, 12, 9, 9, 9, 12, 9, 9, 9))
    return source, {kind: build(source, place / kind, kind) for kind in ("zarr", "hdf5")}


@cache
def store_to_train() -> Path:
    """A store of a few windows."""
    place = folder() / "train"
    place.mkdir()
    return build(labels(place, (9,) * 6), place / "store")


@cache
def undisturbed_run() -> tuple[Path, float]:
    """An undisturbed run on that store, and its seconds."""
    place = folder() / "run"
    place.mkdir()
    return whole_run(server("trainer"), store_to_train(), place)
