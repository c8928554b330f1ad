"""The live network: numpy, frame by frame, equals torch on whole clips; training goes on."""

from pathlib import Path

import numpy as np
import torch

from pose_smoother.pretrained.live import TAKEN, LiveWeights, smooth_live
from pose_smoother.pretrained.live_features import DELAYS
from pose_smoother.pretrained.network import read_weights
from trainer.data.clean_motion import MotionPool
from trainer.pretrain.batches import Clip
from trainer.pretrain.export import as_shipped, export_weights
from trainer.pretrain.live_denoiser import LiveDenoiser, draw_live_batch, live_batch, live_outputs
from trainer.pretrain.train_denoiser import PretrainConfig, Run, to_tensors


def test_numpy_equals_torch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = LiveDenoiser()
    with torch.no_grad():
        for value in net.parameters():
            value.add_(0.05 * torch.randn_like(value))
    export_weights(net, tmp_path / "weights.npz")
    weights = LiveWeights(read_weights(tmp_path / "weights.npz"))
    rng = np.random.default_rng(0)
    xy = 300 + 100 * rng.normal(size=(1, 5, 2)) + np.cumsum(rng.normal(size=(70, 5, 2)), 0)
    xy[rng.random((70, 5)) < 0.1] = np.nan
    xy[:9, 2] = np.nan
    scores = rng.random((70, 5))
    batch = live_batch([Clip(xy, np.nan_to_num(xy), scores, 1.0)])
    with torch.no_grad():
        found = live_outputs(as_shipped(net), to_tensors(batch))[0].numpy()
    found = found + np.nanmean(xy, axis=(0, 1))
    for index, delay in enumerate(DELAYS):
        ours = smooth_live(xy, scores, delay, weights)[: 70 - delay]
        known = np.isfinite(ours)
        known[:5] = False  # before noise can be measured, nothing is moved
        answer = found[:, delay:, index].transpose(1, 0, 2)
        theirs = xy[: 70 - delay] + TAKEN[delay] * (answer - xy[: 70 - delay])
        np.testing.assert_allclose(ours[known], theirs[known], atol=1e-5 * 300)


def test_a_step_of_training_changes_the_weights_and_is_finite(tmp_path: Path) -> None:
    run = Run(tmp_path, PretrainConfig(live=True))
    before = [value.clone() for value in run.net.parameters()]
    batch = to_tensors(draw_live_batch(MotionPool(0, 6), np.random.default_rng(0)))
    assert np.isfinite(run.update(batch))
    changed = [not torch.equal(a, b) for a, b in zip(before, run.net.parameters(), strict=True)]
    assert any(changed)
