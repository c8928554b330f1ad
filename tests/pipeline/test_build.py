"""Whole builds: the same bytes for any number of workers, and a killed build loses nothing."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.build import preprocess
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.shards import Folders
from pipeline.sources import SourceOptions
from pose_smoother.errors import InvalidInputError, PoseSmootherError, StoreError
from pose_smoother.files.lock import LockedError, exclusive_lock
from pose_smoother.store.open import formats, open_store
from tests.pipeline.penn_files import label_arrays, mat_bytes, write_labels
from tests.warm_workers import warm_workers  # noqa: F401


def content(folder: Path) -> dict[str, str]:
    """Hash of every file of a folder."""
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


def build(
    labels: Path, out: Path, store_format: str = "zarr", n_workers: int = 1, **config: object
) -> None:
    inputs = Inputs({"penn-action": labels}, SourceOptions())
    preprocess(inputs, out, BuildConfig(**config), store_format, n_workers, progress=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("store_format", sorted(formats()))
def test_byte_identical_for_any_number_of_workers(tmp_path: Path, store_format: str) -> None:
    labels = write_labels(tmp_path / "labels", [400, 60, 300, 60, 20, 30, 50, 9])
    build(labels, tmp_path / "one", store_format, 1)
    build(labels, tmp_path / "three", store_format, 3)
    assert content(tmp_path / "one") == content(tmp_path / "three")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels", "one", "three"]


def test_options_change_the_content(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", [30] * 8)
    build(labels, tmp_path / "plain")
    build(labels, tmp_path / "jitter", box_jitter=0.1)
    build(labels, tmp_path / "square", keep_aspect=True)
    with (
        open_store(tmp_path / "plain") as plain,
        open_store(tmp_path / "jitter") as jitter,
        open_store(tmp_path / "square") as square,
    ):
        assert plain.clips["split"].tolist() == jitter.clips["split"].tolist()
        extent = [np.nanmin(s.read("train", "keypoints_exact"), axis=1) for s in (plain, jitter)]
        np.testing.assert_allclose(extent[0], 2.5, atol=1e-4)
        assert extent[1].std() > 1
        width = square.read("train", "boxes")
        np.testing.assert_allclose(width[:, 2] - width[:, 0], width[:, 3] - width[:, 1], rtol=1e-4)


def test_what_is_left_out_is_counted_and_named(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", [30] * 6)
    arrays = label_arrays(20, 99)
    arrays["visibility"][8:10] = 0
    arrays["visibility"][15, 1:] = 0
    (labels / "0100.mat").write_bytes(mat_bytes(arrays))
    hidden = label_arrays(10, 98) | {"visibility": np.zeros((10, 13), np.uint8)}
    (labels / "0101.mat").write_bytes(mat_bytes(hidden))
    (labels / "0102.mat").write_bytes(b"broken")
    (labels / "0103.mat").write_bytes(mat_bytes(label_arrays(10, 1, action="bowl")))
    build(labels, tmp_path / "store")
    report = json.loads((tmp_path / "store" / "report.json").read_bytes())
    states = {entry["name"]: entry["status"] for entry in report["files"]}
    assert states["0102.mat"] == "rejected"
    assert states["0103.mat"] == "not selected"
    assert states["0100.mat"] == states["0001.mat"] == "accepted"
    assert report["left_out"] == {
        "clips: action not selected": 1,
        "clips: no frame with a box": 1,
        "files: rejected": 1,
        "frames: fewer than two annotated keypoints": 13,
        "keypoints: not visible": 2 * 13 + 12 + 130,
    }
    with open_store(tmp_path / "store") as store:
        row = store.clips["id"].tolist().index("0100")
        split = store.clips["split"][row]
        mine = store.read(split, "clip") == row
        frames = store.read(split, "frame")[mine].tolist()
        assert frames == [*range(1, 9), *range(11, 16), *range(17, 21)]
        windows = store.windows(split, 1)
        assert int(mine[windows].sum()) == 4 + 1


def test_an_action_that_no_clip_has_is_an_error_that_lists_the_names(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", [12, 12], ["situp", "bowl"])
    with pytest.raises(InvalidInputError, match=r"action pushup; present: bowl \(1\), situp \(1\)"):
        build(labels, tmp_path / "store", actions=("situp", "pushup"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels"]
    build(labels, tmp_path / "alias", actions=("sit_ups",))
    build(labels, tmp_path / "all", actions=("all",))
    with open_store(tmp_path / "alias") as one, open_store(tmp_path / "all") as two:
        assert one.clips["action"].tolist() == ["situp"]
        assert len(two.clips["action"]) == 2


def test_nothing_usable_leaves_nothing_behind(tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "0001.mat").write_bytes(b"x")
    with pytest.raises(InvalidInputError, match="no usable clip"):
        build(labels, tmp_path / "store")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels"]


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", [12])
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "mine").write_text("keep")
    with pytest.raises(StoreError, match="already exists"):
        build(labels, tmp_path / "store")
    assert (tmp_path / "store" / "mine").read_text() == "keep"


def test_a_second_writer_leaves_and_says_who_holds_the_place(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from pose_smoother.files.lock import LockedError, exclusive_lock\n"
        "try:\n    with exclusive_lock(pathlib.Path(sys.argv[1])): pass\n"
        "except LockedError as error: print(error); sys.exit(9)\n"
    )
    with exclusive_lock(tmp_path / "store"):
        command = [sys.executable, "-c", code, str(tmp_path / "store")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 9
    assert f"process {os.getpid()} on" in done.stdout
    assert subprocess.run(command, check=False).returncode == 0
    assert issubclass(LockedError, PoseSmootherError)


def test_the_thesis_s_protocol_cuts_windows_in_file_order(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", [54] * 2)
    build(labels, tmp_path / "store", protocol="thesis")
    with open_store(tmp_path / "store") as store:
        assert [len(store.windows(s, 1)) for s in ("train", "val", "test")] == [60, 20, 20]
        assert store.clips["split"].tolist() == ["train", "train", "val", "test"]


def kill_when(command: list[str], journal: Path, n_lines: int) -> None:
    """Start a build and kill it outright once its journal has some lines."""
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if journal.parent.exists() and n_lines == 0:
            break
        if journal.exists() and len(journal.read_bytes().splitlines()) >= n_lines > 0:
            break
        time.sleep(0.005)
    assert process.poll() is None, "the build ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("store_format", sorted(formats()))
def test_killed_again_and_again_gives_the_same_bytes(tmp_path: Path, store_format: str) -> None:
    labels = write_labels(tmp_path / "labels", [900] * 4)
    build(labels, tmp_path / "whole", store_format)
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "pipeline", "preprocess", "--penn-action", str(labels)]
    command += ["--out", str(out), "--format", store_format]
    for n_lines in (0, 1, 9):
        kill_when(command, Folders.beside(out).work / "journal.jsonl", n_lines)
    build(labels, out, store_format)
    assert content(out) == content(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["killed", "labels", "whole"]


@pytest.mark.parametrize("store_format", sorted(formats()))
def test_a_build_whose_empty_folder_a_power_cut_lost_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_format: str
) -> None:
    import pipeline.build as module

    labels = write_labels(tmp_path / "labels", [300] * 3)
    build(labels, tmp_path / "whole", store_format)
    stop = lambda *a: (_ for _ in ()).throw(StoreError("stopped"))  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr(module, "close_store", stop)
        with pytest.raises(StoreError, match="stopped"):
            build(labels, tmp_path / "store", store_format)
    shutil.rmtree(Folders.beside(tmp_path / "store").building)
    build(labels, tmp_path / "store", store_format)
    assert content(tmp_path / "store") == content(tmp_path / "whole")


def test_shards_in_the_journal_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pipeline.build as module
    import pipeline.shards as shards

    labels = write_labels(tmp_path / "labels", [300, 300, 300])
    real_close = module.close_store
    stop = lambda *a: (_ for _ in ()).throw(StoreError("stopped"))  # noqa: E731
    monkeypatch.setattr(module, "close_store", stop)
    with pytest.raises(StoreError, match="stopped"):
        build(labels, tmp_path / "store")
    made: list[str] = []
    real_run = shards._run_jobs
    monkeypatch.setattr(module, "close_store", real_close)
    monkeypatch.setattr(
        shards,
        "_run_jobs",
        lambda jobs, w: (made.extend(j.shard for j in jobs), real_run(jobs, w))[1],
    )
    damaged = Folders.beside(tmp_path / "store").building / "train/heatmaps/c/0/0/0/0"
    damaged.write_bytes(b"torn")
    build(labels, tmp_path / "store")
    assert made == ["train/heatmaps/00000"]
