"""The pages that lead from nothing to done: everything on them runs, in order."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pose_smoother as ps
import trainer.models
from tests.pages import DOCS, assert_alike, run_page

#: Runs a page by name, and gives the names that its Python has defined.
Walk = Callable[[str], dict[str, Any]]


@pytest.fixture
def walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Walk:
    """Run a page by name in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(name: str) -> dict[str, Any]:
        return run_page(DOCS / f"{name}.md", lambda: capsys.readouterr().out, monkeypatch)

    return run


def test_biomechanics(walk: Walk, tmp_path: Path) -> None:
    truth = walk("walk-biomechanics")["truth"]
    assert len(list((tmp_path / "walk_6hz").iterdir())) == 120
    filled = ps.read_poses(tmp_path / "walk_6hz").tracks[0].keypoints
    assert np.linalg.norm(filled[80:86, 4] - truth[80:86, 4], axis=-1).max() < 15
    before, after = (
        (tmp_path / f).read_text().splitlines() for f in ("walk.trc", "walk_smooth.trc")
    )
    assert before[:6] == after[:6]
    assert before[6:] != after[6:]
    assert [row.split("\t")[:2] for row in before] == [row.split("\t")[:2] for row in after]
    assert (tmp_path / "landmarks_smooth.json").exists()
    assert (tmp_path / "walk.html").exists()


def test_animals(walk: Walk, tmp_path: Path) -> None:
    names = walk("walk-animals")
    mended = ps.read_poses(tmp_path / "mouse_mended.csv").tracks[0].keypoints
    ears = np.linalg.norm(mended[200:240, 1:3] - names["truth"][200:240, 1:3], axis=-1)
    assert np.median(ears) < 3  # 28 px where they are exchanged
    mice = ps.read_poses(tmp_path / "mice_smooth.analysis.h5")
    assert [len(track.frame) for track in mice.tracks] == [600, 600]
    assert (tmp_path / "mouse.html").exists()
    assert (tmp_path / "mice.html").exists()


def test_a_live_stream(walk: Walk) -> None:
    walk("walk-live")


def test_a_new_model(walk: Walk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's model file joins the models of the folder, and is trained, tested and reported."""
    monkeypatch.setattr(
        trainer.models, "__path__", [*trainer.models.__path__, str(tmp_path / "trainer/models")]
    )
    trainer.models.models.cache_clear()
    try:
        walk("walk-new-model")
    finally:
        trainer.models.models.cache_clear()
        sys.modules.pop("trainer.models.my_gru", None)
        vars(trainer.models).pop("my_gru", None)
    report = (tmp_path / "quick-report/report.html").read_text()
    assert "my-gru" in report
    assert (tmp_path / "quick-runs/my-gru-1.1-seed0/results.csv").exists()


def test_what_is_printed_is_compared() -> None:
    assert_alike("walk 2.01 px", "walk  2.00 px\n")
    with pytest.raises(AssertionError):
        assert_alike("walk 2.21 px", "walk 2.00 px")
    with pytest.raises(AssertionError):
        assert_alike("run 2.00 px", "walk 2.00 px")
