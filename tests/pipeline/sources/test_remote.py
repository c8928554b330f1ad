"""Sources at an address give the items, bytes and errors that they give here."""

import io
import tarfile
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.ingest import Inputs, fingerprint
from pipeline.sources import Item, SourceOptions, brace, penn_action
from pipeline.synthetic import write_sample
from pose_smoother.errors import InvalidInputError, PoseSmootherError
from pose_smoother.remote import objects
from pose_smoother.remote.objects import versions
from pose_smoother.remote.path import RemotePath
from tests.pipeline.penn_files import write_labels

fsspec = pytest.importorskip("fsspec", reason="needs the extra 'remote'")

from pose_smoother.remote import range_file  # noqa: E402  it imports fsspec


@pytest.fixture
def bucket() -> RemotePath:
    return RemotePath(f"memory://{uuid.uuid4().hex}")


def put(file: Path, place: RemotePath) -> None:
    memory = fsspec.filesystem("memory")
    for one in [file] if file.is_file() else sorted(p for p in file.rglob("*") if p.is_file()):
        at = place if file.is_file() else place / one.relative_to(file).as_posix()
        memory.pipe_file(at.url, one.read_bytes())


def items(module: Any, path: Any) -> list[Item]:
    return list(module.items(path, SourceOptions()))


@pytest.fixture
def penn_labels_here(tmp_path: Path) -> Path:
    return write_labels(tmp_path / "labels", [5, 6, 7])


@pytest.mark.parametrize("inner", ["", "/labels", "/Penn_Action/labels"])
def test_a_penn_folder(inner: str, penn_labels_here: Path, bucket: RemotePath) -> None:
    put(penn_labels_here, RemotePath(f"{bucket}{inner}"))
    assert items(penn_action, bucket) == items(penn_action, penn_labels_here)


def test_a_penn_archive_is_streamed(
    penn_labels_here: Path, bucket: RemotePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(range_file, "_BLOCK_BYTES", 1000)
    archive = tmp_path / "Penn_Action.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(penn_labels_here, "Penn_Action/labels")
    put(archive, bucket / archive.name)
    expected = items(penn_action, archive)
    assert len(expected) == 3
    assert items(penn_action, bucket / archive.name) == expected
    data = archive.read_bytes()
    fsspec.filesystem("memory").pipe_file((bucket / "cut.tar.gz").url, data[: len(data) // 2])
    with pytest.raises(InvalidInputError, match=r"cut\.tar\.gz is not a readable \.tar\.gz"):
        items(penn_action, bucket / "cut.tar.gz")


def test_brace_folders_archives_and_tables(bucket: RemotePath, tmp_path: Path) -> None:
    write_sample(tmp_path, 8, 0)
    here = tmp_path / "brace"
    put(here, bucket / "brace")
    assert items(brace, bucket / "brace") == items(brace, here)
    zips = sorted(here.rglob("*.zip"))
    assert zips or list(here.rglob("*.json"))
    for archive in zips[:1]:
        assert items(brace, bucket / "brace" / archive.relative_to(here).as_posix()) == items(
            brace, archive
        )


def test_a_damaged_zip_is_reported(bucket: RemotePath) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.json", "{}")
    fsspec.filesystem("memory").pipe_file((bucket / "d.zip").url, buffer.getvalue()[:30])
    with pytest.raises(InvalidInputError, match=r"d\.zip is not a readable zip archive"):
        items(brace, bucket / "d.zip")


def test_nothing_there_is_reported(bucket: RemotePath) -> None:
    with pytest.raises(InvalidInputError, match="no Penn Action at memory://"):
        items(penn_action, bucket / "none")


def test_an_answer_that_fails_rejects_no_file(
    penn_labels_here: Path, bucket: RemotePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that could not be fetched is no bad file: the store would lack its clips."""
    put(penn_labels_here, bucket)
    from pipeline.sources import remote_files
    from pose_smoother.remote import retry

    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)

    def silent(place: RemotePath, n_bytes: int) -> bytes:
        def action() -> bytes:
            raise TimeoutError

        return retry.with_retries(place, action)

    monkeypatch.setattr(remote_files, "read", silent)
    with pytest.raises(PoseSmootherError, match="did not answer"):
        items(penn_action, bucket)


def test_the_fingerprint_detects_a_change(penn_labels_here: Path, bucket: RemotePath) -> None:
    put(penn_labels_here, bucket)
    inputs = Inputs({"penn-action": bucket}, SourceOptions())
    before = fingerprint(inputs)
    assert before == fingerprint(inputs)
    assert [line[0] for line in versions(bucket)] == [f"{bucket}/000{n}.mat" for n in (1, 2, 3)]
    fsspec.filesystem("memory").pipe_file((bucket / "0001.mat").url, b"longer than before" * 1000)
    assert fingerprint(inputs) != before


def test_a_remote_file_seeks_like_a_local_one(
    bucket: RemotePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(range_file, "_BLOCK_BYTES", 64)
    data = bytes(range(256)) * 9
    fsspec.filesystem("memory").pipe_file((bucket / "x").url, data)
    (tmp_path / "x").write_bytes(data)
    with (bucket / "x").open() as far, (tmp_path / "x").open("rb") as near:
        for offset, n_bytes in [(0, 10), (2000, 500), (63, 2), (100, 0), (5, 2299), (2300, 50)]:
            assert far.seek(offset) == near.seek(offset)
            assert far.read(n_bytes) == near.read(n_bytes)
            assert far.tell() == near.tell()
    assert objects.entry(bucket / "x") is not None
