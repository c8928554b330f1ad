"""What is read at an address is what is read here, whatever happens to the cache."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.remote_build import build_at
from pipeline.remote_checks import object_problems
from pipeline.verify import differences, info, verify
from pose_smoother.errors import DamagedShardError, StoreError
from pose_smoother.remote import local_copy as module
from pose_smoother.remote.path import RemotePath
from pose_smoother.remote.retry import RemoteError
from pose_smoother.store.names import FRAME_ARRAYS, SPLITS
from pose_smoother.store.open import open_store, read_manifest
from tests.faults.stores import build, labels

Copied = Callable[[str], Callable[[Path], None]]


@pytest.fixture
def store(bucket: RemotePath, copied: Copied) -> RemotePath:
    """The Zarr store, uploaded."""
    build_at(bucket / "store", "key", copied("zarr"), progress=False)
    return bucket / "store"


@pytest.mark.parametrize("kind", ["zarr", "hdf5"])
def test_every_number_is_the_local_one(
    kind: str, bucket: RemotePath, copied: Copied, made: Path
) -> None:
    place = bucket / kind
    build_at(place, "key", copied(kind), progress=False)
    with open_store(made / kind) as local, open_store(str(place)) as remote:
        assert differences(local, remote) == []
        assert info(local) == info(remote)
        assert remote.path == place
        assert (remote.labelled("train") == local.labelled("train")).all()
    audit = verify(place)
    assert audit.problems == {}
    assert audit == verify(made / kind)


def test_nothing_but_metadata_is_fetched_before_it_is_read(store: RemotePath) -> None:
    with open_store(store) as opened:
        assert not (opened.folder / "train/heatmaps/c/0/0/0/0").exists()
        opened.read("train", "heatmaps", 0, 5)
        assert (opened.folder / "train/heatmaps/c/0/0/0/0").exists()
        assert not (opened.folder / "train/heatmaps/c/1/0/0/0").exists()


def test_the_second_reader_asks_the_address_for_the_manifest_alone(
    store: RemotePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_all(store)
    asked: list[str] = []
    real = module.iter_chunks
    monkeypatch.setattr(module, "iter_chunks", lambda at, n: asked.append(at.url) or real(at, n))
    read_all(store)
    assert asked == []


def read_all(place: Any) -> list[np.ndarray]:
    with open_store(place) as opened:
        return [opened.read(split, name) for split in SPLITS for name in FRAME_ARRAYS] + [
            opened.windows(split, step) for split in SPLITS for step in (1, 2)
        ]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone"])
def test_a_damaged_copy_is_fetched_again(store: RemotePath, made: Path, damage: str) -> None:
    expected = read_all(made / "zarr")
    with open_store(store) as opened:
        folder = opened.folder
    read_all(store)
    for file in [file for file in folder.rglob("*") if file.is_file()]:
        data = file.read_bytes()
        if damage == "gone":
            file.unlink()
        else:
            flipped = data[:-1] + bytes([data[-1] ^ 1])
            file.write_bytes({"flip": flipped, "cut": data[:-3], "empty": b""}[damage])
    for found, wanted in zip(read_all(store), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_copy_that_vanishes_between_reads_never_reads_as_zeros(
    store: RemotePath, made: Path
) -> None:
    expected = read_all(made / "zarr")
    with open_store(store) as opened:
        real = opened.local_copy.fetch  # type: ignore[union-attr]
        fetched: list[str] = []

        def fetch_and_lose(name: str) -> Path:
            """Every second time, another process makes room at the worst moment."""
            file = real(name)
            fetched.append(name)
            if len(fetched) % 2:
                file.unlink()
            return file

        opened.local_copy.fetch = fetch_and_lose  # type: ignore[union-attr, method-assign]
        found = [opened.read(split, name) for split in SPLITS for name in FRAME_ARRAYS]
    for array, wanted in zip(found, expected, strict=False):
        np.testing.assert_array_equal(array, wanted)


def test_a_cap_below_one_shard_changes_no_number(
    store: RemotePath, made: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_CACHE_BYTES", "20k")
    for found, wanted in zip(read_all(store), read_all(made / "zarr"), strict=True):
        np.testing.assert_array_equal(found, wanted)
    kept = sum(f.stat().st_size for f in (cache / "stores").rglob("*") if f.is_file())
    largest = max(e["bytes"] for e in read_manifest(store)["files"].values())
    assert kept <= 20_000 + largest


def test_a_damaged_object_is_reported_by_its_shard(store: RemotePath, memory: Any) -> None:
    key = store.url.removeprefix("memory:/") + "/train/heatmaps/c/1/0/0/0"
    data = memory.cat_file(key)
    memory.pipe_file(key, data[:-1] + bytes([data[-1] ^ 1]))
    expected = f"shard train/heatmaps/00001 of {store} is damaged"
    with open_store(store) as opened, pytest.raises(DamagedShardError, match=expected):
        opened.read("train", "heatmaps")
    assert list(verify(store).problems) == ["shard train/heatmaps/00001"]
    memory.pipe_file(key, b"short")
    with open_store(store) as opened, pytest.raises(DamagedShardError, match=expected):
        opened.read("train", "heatmaps")
    memory.rm_file(key)
    with open_store(store) as opened, pytest.raises(DamagedShardError, match="missing"):
        opened.read("train", "heatmaps")
    problems = object_problems(store, read_manifest(store))
    assert problems == {"shard train/heatmaps/00001": "is missing"}


def test_surplus_is_reported_except_an_earlier_version_s_recipe(
    store: RemotePath, memory: Any
) -> None:
    root = store.url.removeprefix("memory:/")
    memory.pipe_file(f"{root}/notes.txt", b"mine")
    memory.pipe_file(f"{root}/recipe.json", b"{}")
    assert set(verify(store).problems) == {"extra file notes.txt"}


def test_a_store_built_again_at_the_same_address_is_another_copy(
    store: RemotePath, memory: Any, tmp_path: Path
) -> None:
    read_all(store)
    memory.rm(store.url.removeprefix("memory:/"), recursive=True)
    other = build(labels(tmp_path, (20, 20, 20)), tmp_path / "other")
    build_at(store, "other key", lambda folder: shutil.copytree(other, folder) and None, False)
    for found, wanted in zip(read_all(store), read_all(other), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_what_is_no_store_is_reported(bucket: RemotePath, store: RemotePath, memory: Any) -> None:
    with pytest.raises(StoreError, match=f"no store at {bucket}/none"):
        open_store(bucket / "none")
    with pytest.raises(StoreError, match=r"train has no MANIFEST\.json"):
        open_store(store / "train")
    with pytest.raises(StoreError, match="is a file, not a store"):
        open_store(store / "report.json")
    memory.pipe_file(store.url.removeprefix("memory:/") + "/MANIFEST.json", b"{}")
    with pytest.raises(StoreError, match=r"MANIFEST\.json is damaged"):
        open_store(store)


def test_an_unknown_protocol_is_one_line(memory: Any) -> None:
    with pytest.raises(RemoteError, match="nosuch://"):
        open_store("nosuch://bucket/store")


def test_a_forged_manifest_leads_nowhere(
    store: RemotePath, memory: Any, cache: Path, tmp_path: Path
) -> None:
    from pose_smoother.files.atomic import add_checksum

    manifest = read_manifest(store)
    manifest["beside"] = ["recipe.json", "../../../escaped"]
    memory.pipe_file(store.url.removeprefix("memory:/") + "/MANIFEST.json", add_checksum(manifest))
    with open_store(store) as opened:
        opened.n_frames("train")
    assert not list(tmp_path.rglob("escaped"))
