"""The search is repeatable: its table is the committed one's, and a row is made once and alike."""

import csv
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from benchmarks.preempted_queue import small_store
from benchmarks.resmlp_search import __main__ as search
from benchmarks.resmlp_search.network import HALF_PX, HEADS, Network
from benchmarks.resmlp_search.poses import draw_batch, mirrored, read_poses
from benchmarks.resmlp_search.variants import MEAN, VARIANTS, Variant
from pose_smoother.errors import InvalidInputError
from pose_smoother.store.open import open_store
from tests.conftest import ROOT

COMMITTED = ROOT / "benchmarks/results/resmlp_search.csv"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_store(tmp_path_factory.mktemp("search"))


def test_the_committed_rows_are_of_these_variants() -> None:
    with COMMITTED.open(newline="") as file:
        rows = {row["variant"]: row for row in csv.DictReader(file)}
    assert set(rows) == {MEAN, *(how.name for how in VARIANTS)}
    for how in VARIANTS:
        for name, value in asdict(how).items():
            found = rows[how.name]["variant" if name == "name" else name]
            assert (found if isinstance(value, str) else float(found)) == value


def test_a_row_is_made_once_and_again_alike(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows(file: str, *words: str) -> list[dict[str, str]]:
        out = tmp_path / file
        common = ["--store", str(store), "--out", str(out), "--only", "shear", "--steps", "2"]
        monkeypatch.setattr(sys, "argv", ["search", *common, *words])
        search.main()
        with out.open(newline="") as text:
            return [{**row, "cpu_s": ""} for row in csv.DictReader(text)]

    monkeypatch.setattr(search, "BATCH", 8)
    monkeypatch.setattr(search, "VARIANTS", (replace(VARIANTS[1], width=16, blocks=1),))
    first = rows("a.csv")
    assert [row["variant"] for row in first] == [MEAN, "rotation and shear"]
    assert rows("a.csv") == first
    assert "in the CSV already" in capsys.readouterr().out
    assert rows("b.csv") == first
    more = rows("a.csv", "--seed", "1")
    assert more[:2] == first
    assert more[2]["seed"] == "1"


def test_a_name_that_is_none_is_told() -> None:
    assert [how.name for how in search.chosen_variants("chosen", 3)] == [VARIANTS[7].name]
    with pytest.raises(InvalidInputError, match="mirror only"):
        search.chosen_variants("mixture", None)  # two have it in their names: none is it


def test_an_untrained_network_is_the_window_s_mean(store: Path) -> None:
    with open_store(store) as opened:
        poses = read_poses(opened, "train")
    noisy_px, truth_px, there = draw_batch(poses, VARIANTS[7], 6)
    weight = there[..., None].float()
    mean = (noisy_px * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
    seen = there.any(1, keepdim=True).expand_as(there)
    for name in ("smooth-l1", "laplace"):
        head = HEADS[name]()
        network = Network(Variant("x", width=16, blocks=1), there.shape[2], head.n_outputs)
        found = head.estimate(*network(noisy_px, there))
        torch.testing.assert_close(found[seen], mean.expand_as(found)[seen], rtol=0, atol=1e-4)
        assert head.loss(*network(noisy_px, there), truth_px / HALF_PX - 1, there).isfinite()


def test_mirroring_twice_is_nothing(store: Path) -> None:
    with open_store(store) as opened:
        poses = read_poses(opened, "train")
    windows = poses.keypoints_px[poses.windows[:3, None] + torch.arange(5)]
    once = mirrored(windows, poses.mirror)
    assert not torch.equal(once, windows)
    assert torch.equal(mirrored(once, poses.mirror), windows)
