"""Pictures of test windows: which are drawn, and as what."""

import numpy as np
import pytest

from pose_smoother.errors import RunError
from tests.trainer.fake_store import make_store
from trainer.plots import windows
from trainer.training.config import TrainConfig
from trainer.training.train import train


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


def test_the_fullest_windows_are_drawn_as_the_model_smooths_them(run, store, monkeypatch):
    folder, config = run
    drawn = {}
    real = windows._drawn
    monkeypatch.setattr(windows, "_drawn", lambda **parts: drawn.update(parts) or real(**parts))
    figure = windows.windows_figure(folder, config, store, 2)
    there = np.isfinite(drawn["truth"]).all(axis=-1)
    n_labelled = np.sort(there.sum(axis=(1, 2)))
    assert (n_labelled > 5 * 5).all()  # none of the bare clip
    assert drawn["smoothed"].shape == drawn["noisy"].shape == (2, 5, 25, 2)
    assert np.isfinite(drawn["smoothed"][there]).all()
    assert config.model in drawn["title"]
    assert len(figure.axes) == 4 * 5
    labels = [axis.get_ylabel() for axis in figure.axes[::5]]
    off = np.linalg.norm(drawn["noisy"][0] - drawn["truth"][0], axis=-1)
    assert labels[0] == f"noisy\n{np.nanmean(off):.1f} px off"
    assert labels[1].startswith("smoothed\n")


def test_a_run_before_its_first_epoch_says_so(run, store, tmp_path):
    _, config = run
    with pytest.raises(RunError, match=r"no checkpoint .*best\.pt"):
        windows.windows_figure(tmp_path, config, store, 1)
