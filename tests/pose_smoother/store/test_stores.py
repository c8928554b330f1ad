"""One suite for every format: what is written is what is read, and damage never passes."""

import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.build import preprocess
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.sources import SourceOptions
from pipeline.verify import differences, verify
from pose_smoother import heatmap
from pose_smoother.errors import DamagedShardError, StoreError
from pose_smoother.files.atomic import sha256_bytes, to_json
from pose_smoother.store.damage_errors import state_of_the_rest
from pose_smoother.store.names import CLIP_COLUMNS, FRAME_ARRAYS, MANIFEST, SPLITS
from pose_smoother.store.open import format_module, formats, open_store
from pose_smoother.store.split_overlap import leak_audit
from pose_smoother.store.store import Store
from tests.faults.hostile_stores import seal_again
from tests.pipeline.penn_files import write_labels
from tests.pose_smoother.store.raw_files import RAW_FILES
from tests.warm_workers import warm_workers  # noqa: F401

LENGTHS = [60, 300, 40, 30, 45, 4, 70, 35, 33, 50]


@pytest.fixture(scope="module", params=sorted(formats()))
def pristine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store of each format."""
    folder = tmp_path_factory.mktemp("store")
    labels = write_labels(folder / "labels", LENGTHS)
    inputs = Inputs({"penn-action": labels}, SourceOptions())
    preprocess(inputs, folder / "store", BuildConfig(), request.param, 1, progress=False)
    return folder / "store"


@pytest.fixture
def store_copy(pristine: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(pristine, tmp_path / "store"))


@pytest.fixture
def store(pristine: Path) -> Iterator[Store]:
    with open_store(pristine) as opened:
        yield opened


def raw(path: Path, name: str) -> np.ndarray:
    """An array read without the code under test."""
    return RAW_FILES[format_of(path)].read(path, name)


def format_of(path: Path) -> str:
    return str(json.loads((path / MANIFEST).read_bytes())["format"])


def test_every_format_is_read_without_the_code_under_test() -> None:
    assert set(RAW_FILES) == set(formats())


def test_arrays_have_the_contract_s_types_and_shapes(store: Store) -> None:
    for split in SPLITS:
        for name, spec in FRAME_ARRAYS.items():
            rows = store.read(split, name)
            assert rows.dtype == np.dtype(spec.dtype)
            assert rows.shape == (store.n_frames(split), *spec.frame_shape)


def test_reading_agrees_with_the_format_s_own_library(store: Store, pristine: Path) -> None:
    for split in SPLITS:
        for name in ("keypoints", "keypoints_exact", "boxes", "clip", "frame", "annotated"):
            np.testing.assert_array_equal(store.read(split, name), raw(pristine, f"{split}/{name}"))
        for step in (1, 2):
            expected = raw(pristine, f"{split}/windows/step{step}")
            np.testing.assert_array_equal(store.windows(split, step), expected)
    np.testing.assert_array_equal(store.read("val", "heatmaps"), raw(pristine, "val/heatmaps"))


@pytest.mark.parametrize("library", ["read_rows", "_layout_fault"])
def test_a_warning_is_not_called_damage(
    pristine: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    if format_of(pristine) != "zarr":
        pytest.skip("zarr's reads only")

    def deprecated(*_: object) -> None:
        warnings.warn("an argument goes away", DeprecationWarning, stacklevel=2)

    monkeypatch.setattr(f"pose_smoother.store.zarr_store.{library}", deprecated)
    with open_store(pristine) as store, pytest.raises(DeprecationWarning, match="goes away"):
        store.read("val", "heatmaps")


def test_zarr_itself_reads_the_same_rows(
    pristine: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program may write a store's rows in another layout."""
    if store.format != "zarr":
        pytest.skip("zarr's reads only")
    expected = [*store.clips.values(), store.windows("train", 2), store.read("val", "heatmaps")]
    monkeypatch.setattr("pose_smoother.store.zarr_store.plain_array", lambda metadata: None)
    with open_store(pristine) as other:
        found = [*other.clips.values(), other.windows("train", 2), other.read("val", "heatmaps")]
    for ours, zarrs in zip(expected, found, strict=True):
        assert ours.dtype == zarrs.dtype
        np.testing.assert_array_equal(ours, zarrs)


def test_heatmaps_are_the_rendered_keypoints_exactly(store: Store) -> None:
    n = store.n_frames("train")
    for start in (0, 250, n - 7):  # 250 ... 263 lies across two shards
        stop = min(start + 13, n)
        keypoints = store.read("train", "keypoints", start, stop)
        annotated = store.read("train", "annotated", start, stop)
        expected = heatmap.render(keypoints, annotated)
        np.testing.assert_array_equal(store.read("train", "heatmaps", start, stop), expected)


def test_missing_values_are_as_the_contract_says(store: Store) -> None:
    keypoints = store.read("train", "keypoints")
    exact = store.read("train", "keypoints_exact")
    annotated = store.read("train", "annotated")
    assert annotated.any(axis=1).all()
    assert (keypoints[~annotated] == -1).all()
    assert np.isnan(exact[~annotated]).all()
    np.testing.assert_array_equal(keypoints[annotated], np.floor(exact[annotated] + 0.5))


def test_windows_are_whole_and_each_once(store: Store) -> None:
    for split in SPLITS:
        clip, frame = store.read(split, "clip"), store.read(split, "frame")
        for step in (1, 2):
            windows = store.windows(split, step)
            span = 4 * step
            assert len(np.unique(windows)) == len(windows)
            assert (clip[windows] == clip[windows + span]).all()
            assert (frame[windows + span] - frame[windows] == span).all()


def test_clips_keep_ids_as_text(store: Store) -> None:
    assert "0007" in store.clips["id"].tolist()
    assert set(store.clips["split"]) == set(SPLITS)
    assert store.clips["n_frames"].sum() == sum(store.n_frames(split) for split in SPLITS)
    assert store.labelled("val").sum(axis=1).tolist() == [13] * store.n_frames("val")


def test_verify_finds_nothing_wrong(pristine: Path) -> None:
    audit = verify(pristine)
    assert audit.problems == {}
    assert not audit.leaks
    assert audit.shared == {"clips": 0, "videos": 0, "people": 0, "frames": 0}
    assert audit.n_shards >= 27


def test_verify_names_every_file_and_link_too_many(store_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "train").mkdir(parents=True)
    (tmp_path / "elsewhere" / "file").touch()
    (store_copy / "notes" / "deep").mkdir(parents=True)
    (store_copy / "notes" / "deep" / "a.txt").touch()
    (store_copy / "link").symlink_to(tmp_path / "elsewhere")
    (store_copy / "notes" / "broken").symlink_to(tmp_path / "nothing")
    names = ["link", "notes/broken", "notes/deep/a.txt"]
    expected = {f"extra file {name}": "is not in the manifest" for name in names}
    assert verify(store_copy).problems == expected


def test_verify_counts_the_frames_that_splits_share(store_copy: Path) -> None:
    """A clip whose video is called like another's of another split."""
    with open_store(store_copy) as store:
        splits, firsts = store.clips["split"], {}
        for row, split in enumerate(splits):
            firsts.setdefault(split, row)
        frames = {
            split: set(store.read(split, "frame")[store.clip_rows(split) == row].tolist())
            for split, row in firsts.items()
        }
        store.clips["video"][list(firsts.values())] = "one"
        shared, counted = leak_audit(store)
        total = sum(store.n_frames(split) for split in ("train", "val", "test"))
    train, val, test = (frames[split] for split in ("train", "val", "test"))
    assert shared["frames"] == len((train & val) | (train & test) | (val & test)) > 0
    assert counted["frames"] == total - sum(map(len, frames.values())) + len(train | val | test)


def test_all_formats_hold_equal_content(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", [30, 30, 30, 20, 20])
    inputs = Inputs({"penn-action": labels}, SourceOptions())
    for name in formats():
        preprocess(inputs, tmp_path / name, BuildConfig(), name, 1, progress=False)
    other = Inputs({"penn-action": labels}, SourceOptions())
    preprocess(other, tmp_path / "seed1", BuildConfig(seed=1), "zarr", 1, progress=False)
    with open_store(tmp_path / "zarr") as first, open_store(tmp_path / "seed1") as third:
        for name in formats():
            with open_store(tmp_path / name) as second:
                assert differences(first, second) == []
        assert "attributes" in differences(first, third)


def damage(file: Path, how: str) -> None:
    data = bytearray(file.read_bytes())
    if how == "flipped":
        data[len(data) // 2] ^= 4
        file.write_bytes(data)
    elif how == "cut":
        file.write_bytes(data[:-1])
    elif how == "emptied":
        file.write_bytes(b"")
    else:
        file.unlink()


@pytest.mark.parametrize("how", ["flipped", "cut", "emptied", "deleted"])
def test_verify_finds_every_damaged_file(store_copy: Path, how: str) -> None:
    files = sorted(p for p in store_copy.rglob("*") if p.is_file())
    assert len(files) >= 3
    for file in files:
        saved = file.read_bytes()
        damage(file, how)
        try:
            found = verify(store_copy).problems
        except StoreError as error:
            found = {"store": str(error)}
        assert found, f"{file.name} {how}: not found"
        file.write_bytes(saved)
    assert verify(store_copy).problems == {}


def test_verify_finds_a_stray_file_and_swapped_shards(store_copy: Path) -> None:
    (store_copy / "stray").write_text("x")
    assert any("stray" in problem for problem in verify(store_copy).problems)
    (store_copy / "stray").unlink()
    a, b = (RAW_FILES[format_of(store_copy)].shard(store_copy, index)[0] for index in (0, 1))
    if a != b:  # each shard is a file
        one, two = a.read_bytes(), b.read_bytes()
        a.write_bytes(two)
        b.write_bytes(one)
        assert any("train/heatmaps/00000" in problem for problem in verify(store_copy).problems)


def test_reading_a_damaged_shard_names_it(store_copy: Path) -> None:
    file, offset = RAW_FILES[format_of(store_copy)].shard(store_copy, 1)
    data = bytearray(file.read_bytes())
    data[offset] ^= 1
    file.write_bytes(data)
    with open_store(store_copy) as store:
        store.read("train", "heatmaps", 0, 256)
        with pytest.raises(DamagedShardError, match="train/heatmaps/00001") as told:
            store.read("train", "heatmaps", 255, 257)
        files, shards = store.manifest["files"], store.manifest["shards"]
    n_shards = len(shards) or sum("shard" in entry for entry in files.values())
    assert f"; the other {n_shards - 1} verify. Mend it: run the same " in str(told.value)


def test_what_is_known_of_the_other_shards() -> None:
    sizes = dict.fromkeys("abcd", 10)
    assert state_of_the_rest("a", sizes, dict) == "; the other 3 verify"
    assert state_of_the_rest("a", sizes, lambda: {"a": "x", "c": "y"}) == (
        "; damaged with it: 1; the other 2 verify"
    )
    assert state_of_the_rest("a", {"a": 10}, dict) == ""
    assert state_of_the_rest("a", {"a": 10, "b": 5 << 30}, dict) == ""


def rewrite_manifest(path: Path, **changes: object) -> None:
    manifest = json.loads((path / MANIFEST).read_bytes())
    del manifest["seal"]
    manifest |= changes
    (path / MANIFEST).write_bytes(to_json(manifest | {"seal": sha256_bytes(to_json(manifest))}))


def test_what_is_no_store_is_refused_in_one_line(store_copy: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store at"):
        open_store(tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"no MANIFEST\.json"):
        open_store(tmp_path)
    rewrite_manifest(store_copy, contract=2)
    with pytest.raises(StoreError, match="contract version 2"):
        open_store(store_copy)
    rewrite_manifest(store_copy, contract=1, format="csv")
    with pytest.raises(StoreError, match=rf"{store_copy}.*unknown format 'csv'; known: .*hdf5"):
        open_store(store_copy)
    (store_copy / MANIFEST).write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        open_store(store_copy)


def replace_columns(
    store: Path, names: Iterable[str], change: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Change columns of the clips table, with hashes that fit, as a stranger may."""
    for name in names:
        RAW_FILES[format_of(store)].replace(
            store, f"clips/{name}", change(raw(store, f"clips/{name}"))
        )
    seal_again(store)


def test_clips_columns_of_different_lengths_are_damage(store_copy: Path) -> None:
    replace_columns(store_copy, ["dataset"], lambda column: np.concatenate([column, column[:1]]))
    assert "table clips" in verify(store_copy).problems["content"]
    with (
        open_store(store_copy) as store,
        pytest.raises(DamagedShardError, match=r"clips .*id 10, dataset 11, video 10"),
    ):
        store.labelled("train")


def test_clips_text_that_is_no_utf8_is_damage(store_copy: Path) -> None:
    replace_columns(store_copy, ["video"], lambda column: column | 0x80)
    assert "utf-8" in verify(store_copy).problems["content"]


def test_a_frame_of_a_clip_that_is_not_there_is_damage(store_copy: Path) -> None:
    replace_columns(store_copy, CLIP_COLUMNS, lambda column: column[:1])
    assert "expected rows 0 ... 0, found" in verify(store_copy).problems["content"]
    with (
        open_store(store_copy) as store,
        pytest.raises(DamagedShardError, match=r"array train/clip of .*found"),
    ):
        store.labelled("train")


def test_an_hdf5_store_whose_attributes_would_be_read_for_ever_is_damaged(
    store_copy: Path,
) -> None:
    if format_of(store_copy) != "hdf5":
        pytest.skip("attributes of HDF5 only")
    file = store_copy / "data.h5"
    data = file.read_bytes()
    first = data.index(b"GCOL") + 16
    file.write_bytes(data[:first] + bytes(16) + data[first + 16 :])
    seal_again(store_copy)
    with pytest.raises(StoreError, match=r"data\.h5 is damaged \(the global heap at byte"):
        open_store(store_copy)


@pytest.mark.parametrize("table", [{}, {"penn-action": [True] * 24}, {"penn-action": 1}, []])
def test_attributes_that_do_not_say_what_is_labelled_are_damage(store: Store, table: Any) -> None:
    store.attrs = store.attrs | {"labelled": table}
    with pytest.raises(StoreError, match="25 keypoints as labelled or not for each of penn-action"):
        store.labelled("train")


def test_opening_a_store_that_lacks_a_file_says_which(store_copy: Path) -> None:
    file, _ = RAW_FILES[format_of(store_copy)].shard(store_copy, 0)
    name = file.relative_to(store_copy).as_posix()
    (store_copy / name).unlink()
    with pytest.raises(StoreError, match=f"{name} is missing"):
        open_store(store_copy)


@pytest.mark.parametrize("absent", ["zarr", "h5py"])
def test_a_store_is_read_without_another_format_s_library(pristine: Path, absent: str) -> None:
    """Nor does reading a Zarr store of ours import zarr, which takes longer than to verify it."""
    needs = {"zarr": "", "hdf5": "h5py"}[format_of(pristine)]
    code = (
        f"import sys; sys.modules[{absent!r}] = None\n"
        "from pathlib import Path; from pipeline.verify import verify\n"
        f"print(verify(Path({str(pristine)!r})).counted)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if needs == absent:
        assert f"StoreError: stores of format hdf5 need {absent}: install it" in done.stderr
    else:
        assert "frames" in done.stdout


def test_a_format_has_the_name_of_its_file() -> None:
    assert [format_module(name).FORMAT for name in formats()] == formats()
