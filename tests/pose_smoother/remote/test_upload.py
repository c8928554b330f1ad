"""An upload appears whole or not at all, goes on after a kill, and takes nothing of others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.build import preprocess
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.remote_build import build_at
from pipeline.sources import SourceOptions
from pipeline.verify import verify
from pose_smoother.errors import StoreError
from pose_smoother.files.lock import LockedError
from pose_smoother.remote import upload as module
from pose_smoother.remote.path import RemotePath
from pose_smoother.remote.retry import RemoteError
from pose_smoother.store.open import open_store

Copied = Callable[[str], Callable[[Path], None]]


class Killed(BaseException):
    """Stands for a SIGKILL: nothing may be cleaned up after it."""


def objects(memory: Any, place: RemotePath) -> dict[str, bytes]:
    root = place.url.removeprefix("memory:/")
    found = memory.find(root)
    return {key.removeprefix(f"{root}/"): memory.cat_file(key) for key in found}


def files(folder: Path) -> dict[str, bytes]:
    return {
        f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()
    }


def test_what_is_stored_there_is_what_was_built(
    bucket: RemotePath, copied: Copied, made: Path, memory: Any, cache: Path
) -> None:
    build_at(bucket / "store", "key", copied("zarr"), progress=False)
    assert objects(memory, bucket / "store") == files(made / "zarr")
    assert not list((cache / "uploads").rglob("*.json"))


@pytest.mark.parametrize("n_sent", [0, 1, 7, 40])
def test_a_killed_upload_is_no_store_and_goes_on(
    n_sent: int,
    bucket: RemotePath,
    copied: Copied,
    made: Path,
    memory: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = bucket / "store"
    sent: list[str] = []
    real = module.put_file

    def killed(file: Path, at: RemotePath) -> None:
        if len(sent) >= n_sent:
            raise Killed
        sent.append(at.name)
        real(file, at)

    monkeypatch.setattr(module, "put_file", killed)
    with pytest.raises(Killed):
        build_at(place, "key", copied("zarr"), progress=False)
    with pytest.raises(StoreError, match=r"has no MANIFEST\.json"):
        open_store(place)
    root = place.url.removeprefix("memory:/")
    memory.pipe_file(f"{root}/stray", b"of an older program")
    again: list[str] = []
    monkeypatch.setattr(module, "put_file", lambda f, at: again.append(at.url) or real(f, at))

    def never(folder: Path) -> None:
        raise AssertionError(f"{folder} was built a second time")

    build_at(place, "key", never, progress=False)
    assert objects(memory, place) == files(made / "zarr")
    assert len(again) == len(files(made / "zarr")) - 1 - len(sent)  # the manifest is made apart


def test_a_kill_after_the_manifest_is_a_finished_store(
    bucket: RemotePath, copied: Copied, made: Path, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(place: RemotePath) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, "delete", killed)
        with pytest.raises(Killed):
            build_at(bucket / "store", "key", copied("zarr"), progress=False)
    open_store(bucket / "store").close()
    build_at(bucket / "store", "key", copied("zarr"), progress=False)
    assert objects(memory, bucket / "store") == files(made / "zarr")


def test_another_key_builds_again(
    bucket: RemotePath,
    copied: Copied,
    memory: Any,
    made: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(file: Path, at: RemotePath) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, "put_file", killed)
        with pytest.raises(Killed):
            build_at(bucket / "store", "key", copied("hdf5"), progress=False)
    build_at(bucket / "store", "other", copied("zarr"), progress=False)
    assert objects(memory, bucket / "store") == files(made / "zarr")


def test_a_finished_store_is_not_written_over(
    bucket: RemotePath, copied: Copied, made: Path, memory: Any
) -> None:
    build_at(bucket / "store", "key", copied("zarr"), progress=False)
    before = objects(memory, bucket / "store")
    expected = f'{bucket}/store was made with format "zarr", not "hdf5": give the same options'
    with pytest.raises(StoreError, match=expected):
        build_at(bucket / "store", "key", command(made, "hdf5", []), progress=False)
    assert objects(memory, bucket / "store") == before


def test_a_place_with_other_things_is_refused(
    bucket: RemotePath, copied: Copied, memory: Any
) -> None:
    memory.pipe_file(bucket.url.removeprefix("memory:/") + "/thesis.tex", b"mine")
    with pytest.raises(StoreError, match=r"is not empty \(1 objects, such as thesis.tex\)"):
        build_at(bucket, "key", copied("zarr"), progress=False)
    assert set(objects(memory, bucket)) == {"thesis.tex"}


def test_the_second_of_two_writers_leaves(
    bucket: RemotePath, copied: Copied, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, memory: Any
) -> None:
    def meanwhile(folder: Path) -> None:
        """A writer on another machine, which has another cache."""
        with monkeypatch.context() as patch:
            patch.setenv("POSE_CACHE", str(tmp_path / "elsewhere"))
            with pytest.raises(LockedError, match="is being written by a process on"):
                build_at(bucket / "store", "key", copied("hdf5"), progress=False)
        copied("zarr")(folder)

    build_at(bucket / "store", "key", meanwhile, progress=False)
    assert verify(bucket / "store").problems == {}


def test_a_build_that_fails_leaves_the_place_free(bucket: RemotePath, memory: Any) -> None:
    def failing(folder: Path) -> None:
        raise StoreError("nothing usable")

    with pytest.raises(StoreError, match="nothing usable"):
        build_at(bucket / "store", "key", failing, progress=False)
    assert objects(memory, bucket / "store") == {}


def test_a_claim_that_was_taken_away_stops_before_the_manifest(
    bucket: RemotePath, copied: Copied, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = bucket.url.removeprefix("memory:/") + "/store/.upload.json"

    def stolen(folder: Path) -> None:
        copied("zarr")(folder)
        told = json.loads(memory.cat_file(claim))
        memory.pipe_file(claim, json.dumps(told | {"owner": "another"}).encode())

    with pytest.raises(LockedError):
        build_at(bucket / "store", "key", stolen, progress=False)
    assert "MANIFEST.json" not in objects(memory, bucket / "store")


def test_bytes_that_arrive_changed_are_sent_again(
    bucket: RemotePath, copied: Copied, made: Path, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, wrong = module.put_file, set()

    def flipping(file: Path, at: RemotePath) -> None:
        real(file, at)
        if at.url not in wrong and at.name.startswith("0"):
            wrong.add(at.url)
            data = file.read_bytes()
            memory.pipe_file(at.url.removeprefix("memory:/"), bytes([data[0] ^ 1]) + data[1:])

    monkeypatch.setattr(module, "put_file", flipping)
    build_at(bucket / "store", "key", copied("zarr"), progress=False)
    assert len(wrong) > 10
    assert objects(memory, bucket / "store") == files(made / "zarr")


def test_bytes_that_never_arrive_are_reported(
    bucket: RemotePath, copied: Copied, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(file: Path, at: RemotePath) -> None:
        memory.pipe_file(at.url.removeprefix("memory:/"), b"other")

    monkeypatch.setattr(module, "put_file", losing)
    with pytest.raises(RemoteError, match="does not hold the bytes that were sent"):
        build_at(bucket / "store", "key", copied("zarr"), progress=False)


def command(made: Path, kind: str, lines: list[str]) -> Callable[[Path], None]:
    """The build of a store; what it reports is added to ``lines``."""
    inputs = Inputs({"penn-action": made / "labels"}, SourceOptions())
    return lambda folder: preprocess(
        inputs, folder, BuildConfig(), kind, progress=False, report=lines.append
    )


@pytest.mark.parametrize("kind", ["zarr", "hdf5"])
def test_the_same_command_puts_back_only_what_was_bad(
    bucket: RemotePath,
    copied: Copied,
    made: Path,
    memory: Any,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    place = bucket / "store"
    root = place.url.removeprefix("memory:/")
    build_at(place, "key", copied(kind), progress=False)
    bad = {
        "zarr": ["/train/heatmaps/c/1/0/0/0", "/val/keypoints/c/0/0/0"],
        "hdf5": ["/data.h5", "/report.json"],
    }[kind]
    memory.pipe_file(root + bad[0], b"torn")
    memory.rm_file(root + bad[1])
    memory.pipe_file(f"{root}/notes.txt", b"mine")
    sent: list[str] = []
    real = module.put_file
    monkeypatch.setattr(module, "put_file", lambda f, at: sent.append(at.url) or real(f, at))
    lines: list[str] = []
    build_at(place, "key", command(made, kind, lines), progress=False)
    assert "again: " in lines[0]
    assert lines[1:] == ["warning: notes.txt does not belong to the store: move or delete it"]
    assert objects(memory, place) == files(made / kind) | {"notes.txt": b"mine"}
    assert sorted(url.removeprefix(place.url) for url in sent) == sorted(bad)
    memory.rm_file(f"{root}/notes.txt")
    lines.clear()
    build_at(place, "key", command(made, kind, lines), progress=False)
    assert lines == ["store is complete: nothing to do"]
    assert len(sent) == 2
    assert verify(place).problems == {}


def test_an_object_whose_name_leads_out_of_the_store_is_not_copied(
    bucket: RemotePath, copied: Copied, made: Path, memory: Any, cache: Path
) -> None:
    build_at(bucket / "store", "key", copied("zarr"), progress=False)
    root = bucket.url.removeprefix("memory:/")
    memory.pipe_file(f"{root}/store/a/../../../../escaped", b"x")
    if not any(".." in name for name in memory.find(f"{root}/store")):
        pytest.skip("this file system resolves such names itself")
    build_at(bucket / "store", "key", command(made, "zarr", []), progress=False)
    assert not list(cache.parent.rglob("escaped"))
