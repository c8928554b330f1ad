"""Resume: the same command on a finished store makes again what is bad, and nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

import pipeline.resume as module
from pipeline.build import preprocess
from pipeline.cli import main
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.shards import Folders, ShardJob
from pipeline.sources import SourceOptions
from pipeline.synthetic import write_sample
from pipeline.verify import verify
from pose_smoother.errors import StoreError
from pose_smoother.files.atomic import add_checksum
from pose_smoother.store.names import MANIFEST
from pose_smoother.store.open import formats, open_store, read_manifest
from tests.faults.damage import BYTE_DAMAGE, damaged
from tests.faults.stores import build, content, labels
from tests.pose_smoother.store.raw_files import RAW_FILES
from tests.warm_workers import warm_workers  # noqa: F401

KINDS = tuple(formats())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels, and a store of each format."""
    folder = tmp_path_factory.mktemp("made")
    source = labels(folder, (30, 290, 12, 9, 9, 9))
    for kind in KINDS:
        build(source, folder / kind, kind)
    return folder


@pytest.fixture
def shards_made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the heatmap shards that are rendered."""
    names: list[str] = []
    real = module.write_shards

    def noted(jobs: list[ShardJob], *rest: Any) -> Any:
        names.extend(job.shard for job in jobs if "/heatmaps/" in job.shard)
        return real(jobs, *rest)

    monkeypatch.setattr(module, "write_shards", noted)
    return names


def command(source: Path, store: Path, *words: str, kind: str = "zarr") -> Result:
    """The command that made a store, given again."""
    arguments = ["preprocess", "--penn-action", str(source), "--out", str(store), "--format", kind]
    return CliRunner().invoke(main, [*arguments, *words])


def resumed(made: Path, store: Path, kind: str = "zarr") -> list[str]:
    """Give the command again in this process; what it reports."""
    lines: list[str] = []
    inputs = Inputs({"penn-action": made / "labels"}, SourceOptions())
    preprocess(inputs, store, BuildConfig(), kind, progress=False, report=lines.append)
    return lines


def copied(made: Path, tmp_path: Path, kind: str = "zarr") -> Path:
    return Path(shutil.copytree(made / kind, tmp_path / "store"))


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_complete_store_is_left_as_it_is(
    made: Path, tmp_path: Path, shards_made: list[str], kind: str
) -> None:
    store = copied(made, tmp_path, kind)
    before = {f: (f.stat().st_ino, f.stat().st_mtime_ns) for f in store.rglob("*")}
    assert resumed(made, store, kind) == ["store is complete: nothing to do"]
    assert {f: (f.stat().st_ino, f.stat().st_mtime_ns) for f in store.rglob("*")} == before
    assert shards_made == []
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def test_one_bad_shard_is_made_again_and_no_other(
    made: Path, tmp_path: Path, shards_made: list[str]
) -> None:
    store = copied(made, tmp_path)
    (store / "train/heatmaps/c/1/0/0/0").write_bytes(b"torn")
    untouched = {f: f.stat().st_ino for f in store.rglob("*") if "c/1/0" not in str(f)}
    assert resumed(made, store) == ["made 1 part again: shard train/heatmaps/00001"]
    assert shards_made == ["train/heatmaps/00001"]
    assert content(store) == content(made / "zarr")
    assert {f: f.stat().st_ino for f in untouched} == untouched
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store"]


def test_a_damaged_shard_of_one_file_makes_the_file_again(made: Path, tmp_path: Path) -> None:
    store = copied(made, tmp_path, "hdf5")
    with h5py.File(store / "data.h5", "r") as file:
        chunk = file["train/heatmaps"].id.get_chunk_info_by_coord((256, 0, 0, 0))
    flip(store / "data.h5", chunk.byte_offset + 5)
    (line,) = resumed(made, store, "hdf5")
    assert line == "made 2 parts again: data.h5, shard train/heatmaps/00001"
    assert content(store) == content(made / "hdf5")


WAYS = (*BYTE_DAMAGE, "deleted", "swapped")


def damage(file: Path, other: Path, way: str, rng: np.random.Generator) -> None:
    if way == "deleted":
        file.unlink()
    elif way == "swapped":
        file_bytes, other_bytes = file.read_bytes(), other.read_bytes()
        file.write_bytes(other_bytes)
        other.write_bytes(file_bytes)
    else:
        file.write_bytes(damaged(file.read_bytes(), way, rng))


@pytest.mark.parametrize(
    ("kind", "ways", "seed"),
    [("zarr", WAYS, 0), ("zarr", WAYS, 1), *(("hdf5", (way,), i) for i, way in enumerate(WAYS))],
)
def test_each_way_of_damage_is_mended(
    made: Path, tmp_path: Path, kind: str, ways: tuple[str, ...], seed: int
) -> None:
    """Each way hits two files of the Zarr store, or one of the HDF5 store's two."""
    rng = np.random.default_rng(seed)
    store = copied(made, tmp_path, kind)
    files = sorted(f for f in store.rglob("*") if f.is_file() and f.name != MANIFEST)
    chosen = rng.permutation(len(files)).tolist()
    for way in ways * (2 if kind == "zarr" else 1):
        damage(files[chosen.pop()], files[chosen.pop()], way, rng)
    n_bad = len(verify(store).problems)
    assert n_bad >= len(ways)
    assert resumed(made, store, kind)[0].startswith("made ")
    assert content(store) == content(made / kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["lost", "edited"])
def test_a_bad_manifest_is_made_again(made: Path, tmp_path: Path, kind: str, how: str) -> None:
    store = copied(made, tmp_path, kind)
    if how == "lost":
        (store / MANIFEST).unlink()
    else:
        flip(store / MANIFEST, 200)
    assert resumed(made, store, kind) == ["made 1 part again: MANIFEST.json"]
    assert content(store) == content(made / kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_in_the_middle_of_mending_loses_nothing(
    made: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = copied(made, tmp_path, kind)
    for file in (store / "report.json", RAW_FILES[kind].shard(store, 0)[0]):
        file.write_bytes(b"torn")
    n_bad = len(verify(store).problems)
    real, n_replaced = Path.replace, 0

    def killed(self: Path, target: Path) -> Path:
        nonlocal n_replaced
        n_replaced += Folders.beside(store).building in self.parents and store in target.parents
        if n_replaced > 1:
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            resumed(made, store, kind)
    assert 0 < len(verify(store).problems) < n_bad
    resumed(made, store, kind)
    assert content(store) == content(made / kind)
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def test_other_annotations_are_refused_and_named(made: Path, tmp_path: Path) -> None:
    store = copied(made, tmp_path)
    (store / "val/clip/c/0").write_bytes(b"torn")
    before = content(store)
    others = labels(tmp_path, (31, 290, 12, 9, 9, 9))
    done = command(others, store)
    assert done.exit_code == 1
    error = done.output.strip().splitlines()[-1]
    assert error.startswith(f"error: {store} was made from other annotations (penn-action: 6 files")
    assert error.endswith("give the same annotations, or choose another --out")
    assert content(store) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels", "store"]
    done = command(made / "labels", store)
    assert done.exit_code == 0, done.output
    assert "made 1 part again: shard val/clip/00000" in done.output
    assert content(store) == content(made / "zarr")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--box-jitter", "0.1"], "was made with box_jitter 0.0, not 0.1"),
        (["--seed", "3"], "was made with seed 0, not 3"),
        (["--actions", "all"], 'was made with actions "default", not ["all"]'),
        (["--test-actions", "situp"], 'was made with test_actions null, not ["situp"]'),
        (["--format", "hdf5"], 'was made with format "zarr", not "hdf5"'),
    ],
)
def test_other_options_are_refused_and_named(
    made: Path, tmp_path: Path, words: list[str], expected: str
) -> None:
    store = copied(made, tmp_path)
    (store / "val/clip/c/0").unlink()
    before = content(store)
    done = command(made / "labels", store, *words)
    assert done.exit_code == 1
    assert expected in done.output
    assert done.output.endswith("give the same options, or choose another --out\n")
    assert content(store) == before
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("kind", KINDS)
def test_other_manual_keypoints_are_refused_though_no_listed_hash_covers_them(
    tmp_path: Path, kind: str
) -> None:
    write_sample(tmp_path / "raw", 8, 0)
    words = ["preprocess", "--brace", str(tmp_path / "raw/brace"), "--format", kind]
    words += ["--out", str(tmp_path / "store")]
    manual = ["--brace-manual", str(tmp_path / "raw/brace/manual_keypoints")]
    assert CliRunner().invoke(main, [*words, *manual]).exit_code == 0
    assert CliRunner().invoke(main, [*words, *manual]).exit_code == 0
    before = content(tmp_path / "store")
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(main, [*words, "--brace-manual", str(tmp_path / "empty")])
    assert done.exit_code == 1
    assert "comes out different, so the annotations" in done.output
    assert content(tmp_path / "store") == before


def test_damaged_attributes_do_not_hide_other_options(made: Path, tmp_path: Path) -> None:
    store = copied(made, tmp_path)
    (store / "zarr.json").write_bytes(b"{}")
    before = content(store)
    done = command(made / "labels", store, "--expand", "0.2")
    assert done.exit_code == 1
    assert "comes out different" in done.output
    assert content(store) == before
    done = command(made / "labels", store)
    assert "made 1 part again: zarr.json" in done.output
    assert content(store) == content(made / "zarr")


def test_what_is_no_store_is_never_overwritten(made: Path, tmp_path: Path) -> None:
    store = copied(made, tmp_path)
    for name in (MANIFEST, "zarr.json"):
        (store / name).unlink()
    before = content(store)
    with pytest.raises(StoreError, match="already exists and is no zarr store"):
        resumed(made, store)
    assert content(store) == before


def test_files_that_do_not_belong_are_named_and_left(made: Path, tmp_path: Path) -> None:
    store = copied(made, tmp_path)
    (store / "train" / "mine.txt").write_text("keep")
    (store / "report.json").unlink()
    done = CliRunner().invoke(main, ["verify", str(store)])
    assert done.exit_code == 1
    assert "extra file train/mine.txt is not in the manifest" in done.output
    assert resumed(made, store) == [
        "made 1 part again: report.json",
        "warning: train/mine.txt does not belong to the store: move or delete it",
    ]
    assert (store / "train/mine.txt").read_text() == "keep"
    (store / "train/mine.txt").unlink()
    assert verify(store).problems == {}


def test_verify_names_the_command_that_mends_in_one_line(made: Path, tmp_path: Path) -> None:
    store = copied(made, tmp_path)
    (store / "train/heatmaps/c/1/0/0/0").write_bytes(b"torn")
    done = CliRunner().invoke(main, ["verify", str(store)])
    error = done.output.strip().splitlines()[-1]
    assert error.startswith(f"error: {store}: shard train/heatmaps/00001 is damaged (expected ")
    mend = f"Mend it: run the same `python -m pipeline preprocess ... --out {store}` again"
    assert error.endswith(f" verify. {mend}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_with_a_recipe_verifies_and_is_mended_to_one_without(
    made: Path, tmp_path: Path, kind: str
) -> None:
    store = copied(made, tmp_path, kind)
    manifest = read_manifest(store) | {"beside": ["recipe.json"]}
    (store / MANIFEST).write_bytes(add_checksum(manifest))
    (store / "recipe.json").write_text("{}")
    assert verify(store).problems == {}
    assert resumed(made, store, kind) == ["store is complete: nothing to do"]
    (store / "report.json").unlink()
    assert resumed(made, store, kind) == ["made 1 part again: report.json"]
    assert content(store) == content(made / kind)


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_of_a_store_holds_a_path_of_the_machine(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "a_name_to_look_for"
    write_sample(home, 8, 0)
    (home / "penn_action/labels/0999.mat").write_bytes(b"broken")
    (home / "sums").write_text("0" * 64 + "  0001.mat\n")
    words = ["--penn-action", str(home / "penn_action/labels"), "--brace", str(home / "brace")]
    words += ["--hashes", str(home / "sums")] if kind == "zarr" else []
    store = home / "store"
    arguments = ["preprocess", *words, "--out", str(store), "--format", kind, "--actions", "all"]
    done = CliRunner().invoke(main, arguments)
    if kind == "zarr":  # nothing is as the list says
        assert "no usable clip" in done.output
        (home / "sums").write_text(
            "".join(
                f"{entry['sha256']}  {entry['name']}\n"
                for entry in _entries(words[:-2], home / "first")
                if entry["name"] != "0002.mat"
            )
        )
        done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "0999.mat" in (store / "report.json").read_text()
    for file in store.rglob("*"):
        assert not file.is_file() or home.name.encode() not in file.read_bytes(), file


def _entries(words: list[str], out: Path) -> Any:
    """Report of a store of the same annotations."""
    arguments = ["preprocess", *words, "--out", str(out), "--actions", "all"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    return json.loads((out / "report.json").read_bytes())["files"]


def test_a_store_keeps_the_grouping_that_it_was_made_with(tmp_path: Path) -> None:
    """Stores made before there were blocks of neighbours are mended by the same command."""
    source, store = labels(tmp_path, (9,) * 6), tmp_path / "store"
    assert command(source, store, "--group-by", "video").exit_code == 0
    before = content(store)
    flip(store / MANIFEST, 40)
    done = command(source, store)
    assert done.exit_code == 0, done.output
    assert content(store) == before
    other = command(source, store, "--group-by", "neighbours")
    assert other.exit_code == 1
    assert 'was made with group_by "video", not "neighbours"' in other.output
    assert command(source, tmp_path / "new").exit_code == 0
    for folder, expected in ((store, "video"), (tmp_path / "new", "neighbours")):
        with open_store(folder) as opened:
            assert opened.config.group_by == expected
