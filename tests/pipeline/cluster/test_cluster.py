"""Builds on a Dask cluster: the same bytes, whoever dies."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="Dask is not installed (extra 'cluster')")

from distributed import LocalCluster

import pose_smoother
from pipeline.build import preprocess
from pipeline.cluster.compatibility import FILES, BuildToken, versions
from pipeline.cluster.workers import dask_workers
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.shards import JOURNAL, Folders
from pipeline.sources import SourceOptions
from pose_smoother.dask_cluster import ClusterError
from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.lock import exclusive_lock, owner_file
from tests.pipeline.penn_files import write_labels
from tests.pipeline.test_build import build, content
from tests.warm_workers import warm_workers  # noqa: F401

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's sockets outlive its loops by moments

_LENGTHS = [900, 60, 500, 20, 700, 9]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two Dask workers."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address=None, silence_logs=50
    ) as made:
        yield made


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labels(tmp_path_factory.mktemp("cluster") / "labels", _LENGTHS)


@pytest.fixture(scope="module")
def whole(labels: Path) -> dict[str, dict[str, str]]:
    """What one process makes of the labels, in each format."""
    found = {}
    for kind in ("zarr", "hdf5"):
        build(labels, labels.parent / kind, kind)
        found[kind] = content(labels.parent / kind)
    return found


@pytest.fixture(autouse=True)
def _sources_may_be_edited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever edits the program while its tests run is not told so by them."""
    some = {name: value for name, value in versions().items() if name != FILES}
    monkeypatch.setattr("pipeline.cluster.compatibility.versions", lambda: some)


def on_cluster(labels: Path, out: Path, address: str, store_format: str = "zarr") -> None:
    inputs = Inputs({"penn-action": labels}, SourceOptions())
    preprocess(inputs, out, BuildConfig(), store_format, progress=False, scheduler=address)


def when_journal_has(out: Path, n_lines: int, do: Callable[[], None]) -> threading.Thread:
    """Do something as soon as some shards are noted."""
    journal = Folders.beside(out).work / JOURNAL

    def watch() -> None:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            if journal.exists() and len(journal.read_bytes().splitlines()) >= n_lines:
                do()
                return
            time.sleep(0.005)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("store_format", ["zarr", "hdf5"])
def test_a_killed_worker_s_shards_are_made_by_another(
    cluster: LocalCluster, labels: Path, whole: dict[str, Any], tmp_path: Path, store_format: str
) -> None:
    out, killed = tmp_path / "store", []

    def kill() -> None:
        killed.append(next(iter(cluster.workers.values())).pid)
        os.kill(killed[0], signal.SIGKILL)

    thread = when_journal_has(out, 2, kill)
    on_cluster(labels, out, cluster.scheduler_address, store_format)
    thread.join()
    assert killed
    assert content(out) == whole[store_format]
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


#: The command, but for the comparison of source files (see the fixture above).
_PROGRAM = (
    "from pipeline.cluster import compatibility as stamp\nfrom pipeline.cli import main\n"
    "found = stamp.versions()\ndel found[stamp.FILES]\nstamp.versions = lambda: found\nmain()"
)


def test_a_stopped_and_then_killed_client_s_build_goes_on(
    cluster: LocalCluster, labels: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "store"
    words = ["preprocess", "--penn-action", str(labels), "--out", str(out)]
    words += ["--scheduler", cluster.scheduler_address]
    command = [sys.executable, "-c", _PROGRAM, *words]
    for n_lines, number, code in ((1, signal.SIGTERM, 75), (6, signal.SIGKILL, -9)):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        thread = when_journal_has(out, n_lines, lambda p=process, n=number: p.send_signal(n))  # type: ignore[misc]
        _, said = process.communicate(timeout=300)
        thread.join()
        assert process.returncode == code, said
        assert re.search("Dask: [12] workers; dashboard: http", said)
        assert "Traceback" not in said
    on_cluster(labels, out, cluster.scheduler_address)
    assert content(out) == whole["zarr"]


_CLUSTER = (
    "import sys, time\nfrom distributed import LocalCluster\n"
    "if __name__ == '__main__':\n"
    "    made = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)\n"
    "    print(made.scheduler_address, flush=True)\n    time.sleep(600)\n"
)


@pytest.mark.slow
def test_a_lost_scheduler_is_reported_and_the_build_goes_on(
    labels: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    script = tmp_path / "cluster.py"
    script.write_text(_CLUSTER)
    out = tmp_path / "store"
    command = [sys.executable, script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        when_journal_has(out, 2, process.kill)
        with pytest.raises(ClusterError, match=r"scheduler at tcp://.* is gone: what is done is"):
            on_cluster(labels, out, address)
    build(labels, out)
    assert content(out) == whole["zarr"]


def kill_worker(jobs: list[object]) -> list[object]:
    """Take the Dask worker down."""
    os.kill(os.getpid(), signal.SIGKILL)
    return jobs


def test_a_task_that_kills_its_workers_is_given_up(cluster: LocalCluster, tmp_path: Path) -> None:
    target = tmp_path / "store"
    allowed, cluster.scheduler.allowed_failures = cluster.scheduler.allowed_failures, 0
    try:
        with (
            exclusive_lock(target),
            dask_workers(cluster.scheduler_address, 1, owner_file(target), str) as workers,
            pytest.raises(ClusterError, match="given up: 1 Dask workers died while they had it"),
        ):
            workers.shards_of(workers.submit_shards(300.0, kill_worker, [1]), 300.0)
    finally:
        cluster.scheduler.allowed_failures = allowed


def test_an_address_where_nobody_answers(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose_smoother.dask_cluster.CONNECT_TIMEOUT_S", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense://"):
        with pytest.raises(ClusterError, match="no Dask scheduler answers at"):
            on_cluster(labels, tmp_path / "store", address)


def test_the_library_s_files_count_as_the_program_s(monkeypatch: pytest.MonkeyPatch) -> None:
    found = versions.__wrapped__()[FILES]
    assert versions.__wrapped__()[FILES] == found
    changed = Path(pose_smoother.__file__).parent / "heatmap.py"
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda p: read(p) + b"#" * (p == changed))
    assert versions.__wrapped__()[FILES] != found


def test_workers_of_other_versions_or_without_the_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.cluster.compatibility._APPEARS_S", 0.0)
    note = tmp_path / "note"
    note.write_text("mine")
    stamp = BuildToken.of(note)
    assert stamp.compatibility_problem() == ""
    other = BuildToken(note, "mine", (*stamp.versions, ("numpy", "1.0")))
    assert "(client: 1.0): install the same versions" in other.compatibility_problem()
    note.write_text(json.dumps("another's"))
    assert not stamp.is_current()
    said = stamp.compatibility_problem()
    assert f"does not see {note} as the client does" in said
    assert "at an address: the client's POSE_CACHE" in said


def test_a_task_of_another_version_or_an_ended_build_makes_nothing(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    target = tmp_path / "store"
    with (
        exclusive_lock(target),
        dask_workers(cluster.scheduler_address, 1, owner_file(target), str) as workers,
    ):
        token = workers._token
        assert workers.shards_of(workers.submit_shards(30.0, list, [1, 2]), 60.0) == [1, 2]
        workers._token = replace(token, versions=(*token.versions, ("zarr", "2.0")))
        with pytest.raises(PoseSmootherError, match=r"Dask worker on .* zarr .*client: 2\.0"):
            workers.shards_of(workers.submit_shards(30.0, list, [1]), 60.0)
        workers._token = token
        owner_file(target).write_text("another build's")
        with pytest.raises(PoseSmootherError, match="has ended"):
            workers.shards_of(workers.submit_shards(30.0, list, [1]), 60.0)
