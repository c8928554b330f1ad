"""A pretrained run, and a detector that errs otherwise than it was trained on."""

from dataclasses import replace

import numpy as np
import pytest

from pose_smoother.boxes import boxes_around
from pose_smoother.poses.tracks import Poses
from tests.trainer.calibrate.made import as_csv, truth
from tests.trainer.fake_store import make_store
from tests.trainer.finetune.tiny import MODULE
from trainer.evaluation.tune_filters import fit_and_tune
from trainer.finetune import run
from trainer.models import models
from trainer.training.config import TrainConfig
from trainer.training.train import train

N_VIDEOS, N_FRAMES = 12, 30
QUICK_SMOOTHERS = ("identity", "mean", "lmmse")


def detector(real: Poses, seed: int = 0) -> Poses:
    """Drawn 15 % too small and 8 % of the box to the right; jittery, with holes."""
    tracks = []
    for index, one in enumerate(real.tracks):
        rng = np.random.default_rng((seed, index))
        boxes, _ = boxes_around(one.keypoints)
        corner, side = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
        share = 0.5 + 0.85 * ((one.keypoints - corner) / side - 0.5) + [0.08, 0.0]
        share += rng.normal(0, 0.02, share.shape)
        share[rng.random(share.shape[:2]) < 0.05] = np.nan
        tracks.append(replace(one, keypoints=corner + side * share))
    return replace(real, tracks=tuple(tracks))


def write_pairs(folder, n_videos, n_frames):
    """Write ``truth.csv`` and ``pred.csv``."""
    folder.mkdir(exist_ok=True)
    real = truth(n_videos, n_frames)
    (folder / "truth.csv").write_text(as_csv(real))
    (folder / "pred.csv").write_text(as_csv(detector(real)))
    return folder


@pytest.fixture(scope="package", autouse=True)
def tiny():
    models()["tiny"] = MODULE
    yield
    del models()["tiny"]


@pytest.fixture
def quick(monkeypatch):
    """Few smoothers: tuning all of them takes longer than finetuning."""

    def few(train_windows, val_windows, names, missing_torso):
        return fit_and_tune(train_windows, val_windows, QUICK_SMOOTHERS, missing_torso)

    monkeypatch.setattr(run, "fit_and_tune", few)


@pytest.fixture(scope="package")
def synthetic():
    """A store of what runs are pretrained on."""
    return make_store(n_clips=10, n_frames=30)


@pytest.fixture(scope="package")
def pretrained(tiny, synthetic, tmp_path_factory):
    """The folder of a run, trained for a moment on a store's synthetic noise."""
    folder = tmp_path_factory.mktemp("pretrained")
    config = TrainConfig("tiny", "1.1", device="cpu", max_epochs=5)
    train(config, synthetic, folder)
    return folder / config.run_name


@pytest.fixture(scope="package")
def pair_files(tmp_path_factory):
    """A folder with ``truth.csv`` and ``pred.csv``, of 12 videos."""
    return write_pairs(tmp_path_factory.mktemp("pairs"), N_VIDEOS, N_FRAMES)
