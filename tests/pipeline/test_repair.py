"""Repair: only what is bad is made again, from where the recipe or the user says."""

import shutil
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import h5py
import pytest
from click.testing import CliRunner

import pipeline.repair as module
from pipeline.cli import main
from pipeline.repair import repair
from pipeline.shards import ShardJob
from pipeline.verify import verify
from pipeline.worker_pool import Workers
from pose_smoother.errors import StoreError
from pose_smoother.store import hdf5_writer
from pose_smoother.store.layout import PlannedArray, Rows, ShardWritten
from pose_smoother.store.names import MANIFEST, RECIPE
from tests.faults.stores import build, content, labels


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels, and a store of each format."""
    folder = tmp_path_factory.mktemp("made")
    source = labels(folder, (30, 290, 12, 9, 9, 9))
    for kind in ("zarr", "hdf5"):
        build(source, folder / kind, kind)
    return folder


@pytest.fixture
def shards_made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the shards that a repair renders."""
    names: list[str] = []
    real = module.write_shards

    def noted(jobs: list[ShardJob], *rest: object) -> object:
        from pipeline.shards import _read_journal

        done = _read_journal(jobs[0].folders)
        names.extend(job.shard for job in jobs if job.shard not in done)
        return real(jobs, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "write_shards", noted)
    return names


def test_one_bad_shard_is_made_again_and_no_other(
    made: Path, tmp_path: Path, shards_made: list[str]
) -> None:
    store = Path(shutil.copytree(made / "zarr", tmp_path / "store"))
    (store / "train/heatmaps/c/1/0/0/0").write_bytes(b"torn")
    untouched = {f: f.stat().st_ino for f in store.rglob("*") if "c/1/0" not in str(f)}
    assert repair(store, progress=False).parts == ["shard train/heatmaps/00001"]
    assert shards_made == ["train/heatmaps/00001"]
    assert content(store) == content(made / "zarr")
    assert {f: f.stat().st_ino for f in untouched} == untouched
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store"]


class Here(Workers):
    """This process, so that what is replaced in it counts."""

    def submit(self, timeout_s: float, function: Callable[..., Any], *args: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(function(*args))
        return done


def write_as_before(
    folder: Path, work: Path, array: PlannedArray, index: int, data: Rows
) -> ShardWritten:
    """A shard as earlier versions packed it."""
    hdf5_writer.write_shard(folder, work, array, index, data)
    return hdf5_writer.repack(work, array, index)


def test_a_store_that_hdf5_packed_itself_is_repaired_byte_for_byte(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("pipeline.build.Workers", Here)
        earlier.setattr("pose_smoother.store.hdf5_store.write_shard", write_as_before)
        store = build(made / "labels", tmp_path / "store", "hdf5")
    before = content(store)
    assert before["data.h5"] != content(made / "hdf5")["data.h5"], "repack is not needed any more"
    assert not verify(store).problems
    with h5py.File(store / "data.h5", "r") as file:
        at = file["train/keypoints_exact"].id.get_chunk_info(0).byte_offset
    data = bytearray((store / "data.h5").read_bytes())
    data[at + 40] ^= 1
    (store / "data.h5").write_bytes(data)
    assert "shard train/keypoints_exact/00000" in repair(store, progress=False).parts
    assert content(store) == before


def test_sound_shards_of_a_damaged_file_are_carried_over(
    made: Path, tmp_path: Path, shards_made: list[str]
) -> None:
    store = Path(shutil.copytree(made / "hdf5", tmp_path / "store"))
    with h5py.File(store / "data.h5", "r") as file:
        chunk = file["train/heatmaps"].id.get_chunk_info_by_coord((256, 0, 0, 0))
    data = bytearray((store / "data.h5").read_bytes())
    data[chunk.byte_offset + 5] ^= 1
    (store / "data.h5").write_bytes(data)
    repair(store, progress=False)
    assert shards_made == ["train/heatmaps/00001"]
    assert content(store) == content(made / "hdf5")


@pytest.mark.parametrize("kind", ["zarr", "hdf5"])
def test_a_lost_manifest_is_made_again(made: Path, tmp_path: Path, kind: str) -> None:
    store = Path(shutil.copytree(made / kind, tmp_path / "store"))
    (store / MANIFEST).unlink()
    repair(store, progress=False)
    assert content(store) == content(made / kind)


def test_other_annotations_leave_the_store_as_it_is(made: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(made / "zarr", tmp_path / "store"))
    (store / "val/clip/c/0").write_bytes(b"torn")
    before = content(store)
    others = labels(tmp_path, (31, 290, 12, 9, 9, 9))
    done = CliRunner().invoke(main, ["repair", str(store), "--penn-action", str(others)])
    assert done.exit_code == 1
    assert "comes out different, so the annotations or this program have changed" in done.output
    assert content(store) == before
    done = CliRunner().invoke(main, ["repair", str(store)])
    assert done.exit_code == 0, done.output
    assert "made again: shard val/clip/00000" in done.output
    assert content(store) == content(made / "zarr")


def test_without_a_recipe_the_user_says_where_the_annotations_are(
    made: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(made / "zarr", tmp_path / "store"))
    (store / RECIPE).unlink()
    (store / "val/clip/c/0").unlink()
    assert RECIPE in verify(store).problems
    with pytest.raises(StoreError, match="give the annotations again"):
        repair(store, progress=False)
    done = CliRunner().invoke(main, ["repair", str(store), "--penn-action", str(made / "labels")])
    assert done.exit_code == 0, done.output
    assert content(store) == content(made / "zarr")


def test_files_that_do_not_belong_are_moved_and_kept(made: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(made / "zarr", tmp_path / "store"))
    (store / "train" / "mine.txt").write_text("keep")
    done = CliRunner().invoke(main, ["verify", str(store)])
    assert done.exit_code == 1
    assert "extra file train/mine.txt is not in the manifest" in done.output
    found = repair(store, progress=False)
    assert found.moved == ["train/mine.txt"]
    assert (tmp_path / "store.surplus/train/mine.txt").read_text() == "keep"
    assert verify(store).problems == {}


def test_verify_says_what_to_do_in_one_line(made: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(made / "zarr", tmp_path / "store"))
    (store / "train/heatmaps/c/1/0/0/0").write_bytes(b"torn")
    done = CliRunner().invoke(main, ["verify", str(store)])
    error = done.output.strip().splitlines()[-1]
    assert error.startswith(f"error: {store}: shard train/heatmaps/00001 is damaged (expected ")
    assert error.endswith(f" verify. Rebuild it: python -m pipeline repair {store}")
