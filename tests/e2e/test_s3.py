"""Everything at an S3 address: built there, read from there, trained on, with the server's faults.

The server is moto's, which speaks S3 over HTTP on loopback; what it does wrong is in `s3_server`.
"""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.conftest import ROOT
from tests.faults.stores import build, content, labels

pytest.importorskip("s3fs", reason="needs the extra 'remote'")
pytest.importorskip("moto", reason="needs moto's server (extra 'dev')")
pytest.importorskip("flask", reason="needs moto's server (extra 'dev')")

from tests.e2e.s3_server import Environ, Faults, Server
from tests.warm_workers import warm_workers  # noqa: F401

#: What others' packages warn of; our own warnings stay errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:moto"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:botocore"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:aiobotocore"),
]
KINDS = ("500", "503", "silent", "cut", "short", "flipped")
BUCKET = "s3://poses"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
OTHERS = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def s3(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The bucket, empty, as fsspec sees it; the program's own settings point at the server."""
    import s3fs

    from pose_smoother.remote.objects import filesystem

    for name, value in (KEYS | OTHERS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("POSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("POSE_REMOTE_TIMEOUT", "2")
    filesystem.cache_clear()
    s3fs.S3FileSystem.clear_instance_cache()
    server.app.faults, server.app.watch = Faults(), lambda environ: None
    plain = s3fs.S3FileSystem(use_listings_cache=False)
    plain.mkdir("poses")
    yield plain
    server.app.faults = Faults()
    plain.rm("poses", recursive=True)
    filesystem.cache_clear()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``Penn_Action.tar.gz``, and the local store of it."""
    folder = tmp_path_factory.mktemp("made")
    source = labels(folder, (60, 290, 40, 30, 45, 35, 33))
    with tarfile.open(folder / "Penn_Action.tar.gz", "w:gz") as archive:
        archive.add(source, "Penn_Action/labels")
    build(folder / "Penn_Action.tar.gz", folder / "store")
    return folder


def run(*arguments: str) -> Result:
    """A command of the pipeline that is to succeed."""
    from pipeline.cli import main

    return CliRunner().invoke(main, ["--debug", *arguments], catch_exceptions=False)


def refused(*arguments: str) -> str:
    """What a command that is to fail tells the user, in one line."""
    from pipeline.cli import main

    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    return result.stderr


def preprocess(s3: Any, made: Path) -> Result:
    s3.pipe_file("poses/Penn_Action.tar.gz", (made / "Penn_Action.tar.gz").read_bytes())
    source, out = f"{BUCKET}/Penn_Action.tar.gz", f"{BUCKET}/store.zarr"
    return run("preprocess", "--penn-action", source, "--out", out)


def there(s3: Any, local: Path, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of what is stored in the bucket, and of the local store."""
    s3.get("poses/store.zarr", str(folder / "copy"), recursive=True)
    return content(folder / "copy"), content(local)


def test_what_is_built_there_is_what_is_built_here(s3: Any, made: Path, tmp_path: Path) -> None:
    assert preprocess(s3, made).exit_code == 0
    found, expected = there(s3, made / "store", tmp_path)
    assert found == expected
    store = f"{BUCKET}/store.zarr"
    told = json.loads(run("info", store, "--json").stdout)
    here = json.loads(run("info", str(made / "store"), "--json").stdout)
    assert told == here
    verified = run("verify", store, "--same-as", str(made / "store"))
    assert "shards verify" in verified.stdout
    assert run("show", store, "--out", str(tmp_path / "windows.png")).exit_code == 0
    assert (tmp_path / "windows.png").stat().st_size > 1000
    s3.pipe_file("poses/store.zarr/train/heatmaps/c/0/0/0/0", b"torn")
    assert "made 1 part again: shard train/heatmaps/00000" in preprocess(s3, made).stderr
    found, expected = there(s3, made / "store", tmp_path / "again")
    assert found == expected


@pytest.mark.slow
def test_training_there_is_training_here(s3: Any, made: Path, tmp_path: Path) -> None:
    s3.put(str(made / "store"), "poses/store.zarr", recursive=True)
    store = f"{BUCKET}/store.zarr"
    rows = {place: train(place, tmp_path / name) for name, place in places(made).items()}
    assert rows[store] == rows[str(made / "store")]
    record = json.loads((tmp_path / "far/resmlp-1.1-seed0/config.json").read_bytes())
    assert record["store"]["path"] == store
    run = str(tmp_path / "far/resmlp-1.1-seed0")
    again = trainer("evaluate", run, "--store", store)  # an address in a run is not followed
    assert "equal the saved ones" in again.stdout


def places(made: Path) -> dict[str, str]:
    return {"far": f"{BUCKET}/store.zarr", "near": str(made / "store")}


def trainer(*arguments: str) -> Result:
    pytest.importorskip("torch")
    from trainer.cli import main

    return CliRunner().invoke(main, ["--debug", *arguments], catch_exceptions=False)


def train(store: str, out: Path) -> tuple[Any, Any]:
    """The test numbers, and the history, of two steps on a store."""
    few = ["--max-epochs", "1", "--max-steps", "2", "--device", "cpu"]
    found = trainer(
        "train", "--model", "resmlp", "--exp", "1.1", "--store", store, "--out", str(out), *few
    )
    assert found.exit_code == 0, found.output
    folder = out / "resmlp-1.1-seed0"
    results = json.loads((folder / "results.json").read_bytes())["rows"]
    return results, (folder / "history.csv").read_text()


def test_faults_of_the_server_change_nothing(
    s3: Any, server: Server, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.verify import differences
    from pose_smoother.store.open import open_store

    monkeypatch.setenv("POSE_REMOTE_TIMEOUT", "1")
    server.app.faults = Faults(0.2, KINDS, seed=1, silent_s=1.2)
    assert preprocess(s3, made).exit_code == 0
    upload = server.app.faults.done
    monkeypatch.setenv("POSE_CACHE", str(tmp_path / "cold"))
    server.app.faults = Faults(0.2, KINDS, seed=2, silent_s=1.2)
    with open_store(made / "store") as near, open_store(f"{BUCKET}/store.zarr") as far:
        assert differences(near, far) == []
    reading = server.app.faults.done
    server.app.faults = Faults()
    found, expected = there(s3, made / "store", tmp_path)
    assert found == expected
    assert set(upload) == set(reading) == set(KINDS)
    assert sum(upload.values()) > 20
    assert sum(reading.values()) > 10


@pytest.mark.slow
def test_a_cluster_builds_what_goes_there_and_needs_no_keys(
    s3: Any, server: Server, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards are made in the client's cache folder; the client alone speaks with the server."""
    distributed = pytest.importorskip("distributed", reason="needs Dask (extra 'cluster')")
    from pipeline.cluster.compatibility import FILES, versions
    from pose_smoother.remote.path import RemotePath
    from pose_smoother.remote.upload import staging_folder
    from tests.pipeline.cluster.test_cluster import when_journal_has

    mine = {name: value for name, value in versions().items() if name != FILES}
    monkeypatch.setattr(
        "pipeline.cluster.compatibility.versions", lambda: mine
    )  # while we edit them
    s3.pipe_file("poses/Penn_Action.tar.gz", (made / "Penn_Action.tar.gz").read_bytes())
    source, out = f"{BUCKET}/Penn_Action.tar.gz", f"{BUCKET}/store.zarr"
    server.app.faults = Faults(0.2, KINDS, seed=3, silent_s=2.5)
    killed = []

    def kill_one() -> None:
        killed.append(next(iter(cluster.workers.values())).pid)
        os.kill(killed[0], signal.SIGKILL)

    elsewhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "POSE_CACHE": str(tmp_path / "other")}
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        memory_limit=0,
        dashboard_address=None,
        silence_logs=50,
        env=elsewhere | dict.fromkeys(KEYS, ""),
    ) as cluster:
        thread = when_journal_has(staging_folder(RemotePath(out)) / "store", 1, kill_one)
        built = run(
            *("preprocess", "--penn-action", source, "--out", out),
            *("--scheduler", cluster.scheduler_address),
        )
        thread.join()
    assert "Dask: 2 workers" in built.stderr
    assert killed
    assert sum(server.app.faults.done.values()) > 20
    server.app.faults = Faults()
    found, expected = there(s3, made / "store", tmp_path)
    assert found == expected
    assert not (tmp_path / "other").exists()
    assert not any((tmp_path / "cache/uploads").iterdir())


def test_a_killed_upload_is_no_store_and_is_finished_by_the_same_command(
    s3: Any, server: Server, made: Path, tmp_path: Path
) -> None:
    s3.pipe_file("poses/Penn_Action.tar.gz", (made / "Penn_Action.tar.gz").read_bytes())
    source, out = f"{BUCKET}/Penn_Action.tar.gz", f"{BUCKET}/store.zarr"
    command = [sys.executable, "-m", "pipeline", "preprocess"]
    child = subprocess.Popen(
        [*command, "--penn-action", source, "--out", out],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

    def kill_at_the_40th(environ: Environ) -> None:
        if environ["REQUEST_METHOD"] == "PUT":
            puts.append(environ["PATH_INFO"])
            if len(puts) == 40:
                child.kill()

    puts: list[str] = []
    server.app.watch = kill_at_the_40th
    assert child.wait(300) == -9, child.communicate()
    child.communicate()
    server.app.watch = lambda environ: None
    assert f"error: {out} has no MANIFEST.json" in refused("info", out)
    before = server.app.requests["PUT"]
    assert run("preprocess", "--penn-action", source, "--out", out).exit_code == 0
    found, expected = there(s3, made / "store", tmp_path)
    assert found == expected
    assert server.app.requests["PUT"] - before < len(expected) - 20  # the first ones stay


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"AWS_ACCESS_KEY_ID": ""}, f"error: no credentials for {BUCKET}/none"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "did not answer within"),
        ({}, f"error: no store at {BUCKET}/none"),
    ],
)
def test_what_a_user_must_see_to_is_one_line(
    s3: Any,
    environment: dict[str, str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # no ~/.aws of the machine's
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    assert expected in refused("info", f"{BUCKET}/none")


def test_a_bucket_that_is_not_there_is_reported(s3: Any) -> None:
    from pose_smoother.errors import PoseSmootherError
    from pose_smoother.remote.objects import create
    from pose_smoother.remote.path import RemotePath
    from pose_smoother.store.open import open_store

    with pytest.raises(PoseSmootherError, match="s3://nobody does not exist"):
        open_store("s3://nobody/store")
    with pytest.raises(PoseSmootherError, match="its bucket does not exist"):
        create(RemotePath("s3://nobody/store/x"), b"x")


def test_of_two_writers_of_one_object_one_wins(s3: Any) -> None:
    """The claim and the manifest rely on it: the server keeps the first, by If-None-Match."""
    from pose_smoother.remote.objects import create, read
    from pose_smoother.remote.path import RemotePath

    place = RemotePath(f"{BUCKET}/x")
    assert create(place, b"first")
    assert not create(place, b"second")
    assert read(place) == b"first"


def test_a_large_object_goes_in_parts_and_comes_back(s3: Any, tmp_path: Path) -> None:
    from pose_smoother.remote import objects
    from pose_smoother.remote.path import RemotePath
    from pose_smoother.remote.upload import send_changed

    data = bytes(range(251)) * 90_000  # 22 MB: more than a piece
    assert len(data) > objects.PIECE_BYTES
    (tmp_path / "data.h5").write_bytes(data)
    send_changed(tmp_path, RemotePath(f"{BUCKET}/folder"), ["data.h5"])
    place = RemotePath(f"{BUCKET}/folder/data.h5")
    assert b"".join(objects.iter_chunks(place, len(data))) == data
    with place.open() as file:
        file.seek(5_000_000)
        assert file.read(1000) == io.BytesIO(data).getbuffer()[5_000_000:5_001_000]
