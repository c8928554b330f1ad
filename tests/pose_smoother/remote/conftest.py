"""A store of each format, and a bucket in this process's memory."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pose_smoother.remote import retry
from pose_smoother.remote.path import RemotePath
from tests.faults.stores import build, labels
from tests.warm_workers import warm_workers  # noqa: F401


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``labels``, and a finished store of each format: ``zarr`` and ``hdf5``."""
    folder = tmp_path_factory.mktemp("made")
    source = labels(folder, (30, 290, 12, 9, 9, 9))
    for kind in ("zarr", "hdf5"):
        build(source, folder / kind, kind)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own; pauses between tries take no time."""
    monkeypatch.setenv("POSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)
    return tmp_path / "cache"


@pytest.fixture
def bucket(cache: Path, memory: Any) -> Iterator[RemotePath]:
    """An empty place in memory."""
    place = RemotePath(f"memory://{uuid.uuid4().hex}")
    yield place
    if memory.exists(place.url):
        memory.rm(place.url, recursive=True)


@pytest.fixture
def memory() -> Any:
    """The file system behind ``memory://``."""
    fsspec = pytest.importorskip("fsspec", reason="needs the extra 'remote'")
    return fsspec.filesystem("memory")


@pytest.fixture
def copied(made: Path) -> Callable[[str], Callable[[Path], None]]:
    """A stand-in for a build: puts the finished store of a format at its place."""
    return lambda kind: lambda folder: shutil.copytree(made / kind, folder) and None
