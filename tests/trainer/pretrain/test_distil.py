"""Distilling: views of a batch are those of its clips, and the network comes near to the mean."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from pose_smoother.pretrained.features import prepare
from pose_smoother.pretrained.network import WEIGHTS, read_weights
from trainer.data.clean_motion import MotionPool
from trainer.pretrain import distil, train_denoiser
from trainer.pretrain.batches import draw_clips
from trainer.pretrain.distil import (
    VIEWS,
    DistilConfig,
    DistilRun,
    draw_two_way,
    load_shipped,
    mean_over_views,
    seen_as,
    teach,
)
from trainer.pretrain.train_denoiser import predict, to_tensors


@pytest.fixture(scope="module")
def batch() -> dict[str, torch.Tensor]:
    made = draw_two_way(MotionPool(0, 12), np.random.default_rng(56), 600)
    return to_tensors(made)


@pytest.mark.parametrize(("x", "y", "backward"), VIEWS[1:])
def test_a_view_is_what_the_mirrored_clip_gives(batch, x: int, y: int, backward: bool) -> None:
    noisy = batch["noisy"][0].numpy().astype(np.float64) * [x, y]
    observed = batch["observed"][0].numpy()
    ready = prepare(noisy[::-1] if backward else noisy)
    seen = seen_as(batch, x, y, backward)
    alone = ready.inputs()[..., :10]  # the next four need the keypoints' places
    np.testing.assert_allclose(seen["inputs"][0, ..., :10], alone, atol=2e-3)
    np.testing.assert_array_equal(seen["observed"][0], observed[::-1] if backward else observed)
    np.testing.assert_allclose(
        seen["filled"][0] - seen["filled"][0].mean(0),
        ready.filled - ready.filled.mean(0),
        atol=1e-3,
    )


def test_the_mean_over_views_is_the_same_for_every_view(batch) -> None:
    net = load_shipped()
    mean = mean_over_views(net, batch)
    mirrored = mean_over_views(net, seen_as(batch, -1, 1, False))
    torch.testing.assert_close(mirrored * torch.tensor([-1.0, 1.0]), mean, atol=1e-4, rtol=1e-3)


def test_clips_without_noise_are_taught_by_the_truth(batch) -> None:
    net = load_shipped()
    gaps = batch["noisy"].isnan()
    noisy = torch.where(gaps, torch.nan, batch["target"])
    noisy[1:] = batch["noisy"][1:]
    taught = teach(net, {**batch, "noisy": noisy})
    assert torch.equal(taught[0], batch["target"][0])
    assert torch.equal(taught[1:], mean_over_views(net, batch)[1:])


def test_a_share_of_clips_is_drawn_without_noise() -> None:
    pool = MotionPool(0, 12)
    for share, expected in ((1.0, True), (0.0, False)):
        clips = draw_clips(pool, np.random.default_rng(3), 600, share)
        clean = [np.nanmax(np.abs(clip.noisy - clip.target)) < 1e-6 * clip.size for clip in clips]
        assert all(clean) if expected else not any(clean)


def test_training_comes_near_to_the_teacher_and_resumes(batch, tmp_path: Path) -> None:
    run = DistilRun(tmp_path, DistilConfig(steps=10**9, share=1.0))
    batch = {**batch, "teacher": mean_over_views(run.teacher, batch)}

    def apart() -> float:
        with torch.no_grad():
            return float((predict(run.net, batch)[0] - batch["teacher"]).abs().mean())

    before = apart()
    for _ in range(12):
        run.update(batch)
    assert apart() < 0.97 * before
    run.save()
    again = DistilRun(tmp_path, run.config)
    assert again.step == 12
    assert again.update(batch) == pytest.approx(run.update(batch), rel=1e-4)


def test_both_trainings_run_one_after_the_other_and_go_on(tmp_path: Path, monkeypatch) -> None:
    """``make pretrained`` in small."""
    for module, name in ((train_denoiser, "draw_batch"), (distil, "draw_two_way")):
        monkeypatch.setattr(module, name, partial(getattr(module, name), positions=300))
    first, file = tmp_path / "first", tmp_path / "file"
    train_denoiser.main(["--out", str(first), "--steps", "1", "--pool", "2"])
    command = ["--out", str(file), "--weights", str(first / "weights.npz"), "--pool", "2"]
    distil.main([*command, "--steps", "2"])
    before = torch.load(file / "last.pt", weights_only=True)
    distil.main([*command, "--steps", "4"])
    after = torch.load(file / "last.pt", weights_only=True)
    assert (before["step"], after["step"]) == (2, 4)
    weights, shipped = read_weights(file / "weights.npz"), read_weights(WEIGHTS)
    assert {name: w.shape for name, w in weights.items()} == {
        name: w.shape for name, w in shipped.items()
    }
    start = read_weights(first / "weights.npz")
    assert any(np.abs(weights[name] - start[name]).max() > 0 for name in weights)
