"""Pictures of test windows: what is drawn, and the command that draws it."""

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.contract.errors import RunError
from tests.trainer.fake_store import make_store
from trainer import cli
from trainer.apply import cli as apply_cli
from trainer.apply import show
from trainer.run.config import TrainConfig
from trainer.train import train

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def store():
    store = make_store(n_clips=10, n_frames=16)
    bare = store.arrays["test"]["clip"] == 4  # a test clip with hardly a keypoint
    for name, missing in (("annotated", False), ("keypoints", -1), ("keypoints_exact", np.nan)):
        store.arrays["test"][name][bare, 5:] = missing
    return store


@pytest.fixture(scope="module", params=["deciwatch", "3dconv"])
def run(request, store, tmp_path_factory):
    config = TrainConfig(
        request.param, "1.2", max_epochs=1, max_steps=1, batch_size=32, device="cpu"
    )
    runs = tmp_path_factory.mktemp("runs")
    train(config, store, runs)
    return runs / config.run_name, config


def test_the_fullest_windows_are_drawn_as_the_model_smooths_them(run, store, tmp_path, monkeypatch):
    folder, config = run
    drawn = {}
    real = show._draw

    def kept(batch, smoothed, chosen, title, out):
        drawn.update(batch=batch, smoothed=smoothed, chosen=chosen, title=title)
        real(batch, smoothed, chosen, title, out)

    monkeypatch.setattr(show, "_draw", kept)
    out = tmp_path / "new" / "windows.png"
    show.draw_test_windows(folder, config, store, 2, out)
    assert out.read_bytes().startswith(PNG)
    counts = drawn["batch"].annotated.flatten(1).sum(dim=1)
    assert counts[drawn["chosen"]].tolist() == counts.sort(descending=True).values[:2].tolist()
    assert set(drawn["batch"].clip[drawn["chosen"]].tolist()) == {9}
    assert drawn["smoothed"].shape == (*drawn["batch"].annotated.shape, 2)
    assert np.isfinite(drawn["smoothed"][drawn["batch"].annotated]).all()
    assert config.model in drawn["title"]


def test_the_command_finds_the_store_by_itself_or_is_told(run, store, tmp_path, monkeypatch):
    folder, _ = run
    opened = []
    monkeypatch.setattr(apply_cli, "open_store", lambda path: opened.append(path) or store)
    for extra in ([], ["--store", "moved"]):
        out = tmp_path / f"{len(extra)}.svg"
        command = ["show", "--run", str(folder), "--out", str(out), "--windows", "1", *extra]
        result = CliRunner().invoke(cli.main, command)
        assert result.exit_code == 0, result.output
        assert result.output == f"wrote {out}\n"
        assert "<svg" in out.read_text()
    assert [path.name for path in opened] == ["fake", "moved"]


def test_a_folder_without_a_run_is_one_line(tmp_path):
    result = CliRunner().invoke(cli.main, ["show", "--run", str(tmp_path)])
    assert result.exit_code == 1
    assert "not a run folder" in result.stderr


def test_a_run_before_its_first_epoch_says_so(run, store, tmp_path):
    _, config = run
    with pytest.raises(RunError, match=r"no checkpoint .*best\.pt"):
        show.draw_test_windows(tmp_path, config, store, 1, tmp_path / "w.png")
