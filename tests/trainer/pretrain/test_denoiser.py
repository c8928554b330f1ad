"""The pretrained smoother's network: numpy equals torch, equivariance, training resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pose_smoother.pretrained import network
from pose_smoother.pretrained.features import prepare
from trainer.data.clean_motion import MotionPool
from trainer.pretrain.batches import draw_batch
from trainer.pretrain.export import as_shipped, export_weights
from trainer.pretrain.temporal_denoiser import DILATIONS, UNSEEN_LOGIT, TemporalDenoiser
from trainer.pretrain.train_denoiser import PretrainConfig, Run, predict, to_tensors


@pytest.fixture(scope="module")
def pool() -> MotionPool:
    return MotionPool(0, 12)


def _random_net() -> TemporalDenoiser:
    torch.manual_seed(0)
    net = TemporalDenoiser()
    with torch.no_grad():
        for value in net.parameters():
            value.add_(0.05 * torch.randn_like(value))
    return net


def _file(frames: int, keypoints: int = 5) -> np.ndarray:
    rng = np.random.default_rng(frames)
    t = np.arange(frames)[:, None, None]
    x = 40.0 * np.sin(t / 9.0 + rng.normal(size=(1, keypoints, 2))) + 300.0
    x = x + rng.normal(size=x.shape)
    x[rng.random(x.shape[:2]) < 0.05] = np.nan
    return x


def _torch(net: TemporalDenoiser, xy: np.ndarray) -> np.ndarray:
    ready = prepare(xy)
    batch = {
        name: torch.from_numpy(np.asarray(getattr(ready, name))[None])
        for name in ("neighbours", "valid", "filled", "medians", "observed", "unit")
    }
    batch["inputs"] = torch.from_numpy(ready.inputs()[None])
    with torch.no_grad():
        return predict(net, batch)[0][0].numpy()


@pytest.mark.parametrize("frames", [8, 30, 700])
def test_numpy_equals_torch(frames: int, tmp_path: Path) -> None:
    net = _random_net()
    export_weights(net, tmp_path / "weights.npz")
    loaded = network.Network(network.read_weights(tmp_path / "weights.npz"))
    xy = _file(frames)
    ready = prepare(xy)
    ours, _ = network.run_view(loaded, ready)
    theirs = _torch(as_shipped(net), xy)
    assert np.abs((ours - theirs) / ready.unit[None, :, None]).max() < 2e-4  # float32 of 300 units
    assert np.abs(ours - theirs).max() / ready.size < 1e-5


def test_a_file_that_is_turned_gives_the_answer_turned() -> None:
    weights = {name: value.numpy().T.copy() for name, value in _random_net().state_dict().items()}
    net, ready = network.Network(weights), prepare(_file(40))
    positions, scale = network.run(net, ready)
    turned, turned_scale = network.run(net, ready.turned())
    np.testing.assert_allclose(positions, -turned[::-1], rtol=1e-6)
    np.testing.assert_allclose(scale, turned_scale[::-1], rtol=1e-6)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {name: value.numpy().T.copy() for name, value in _random_net().state_dict().items()}
    net, ready = network.Network(weights), prepare(_file(700))
    whole, _ = network.run(net, ready)
    monkeypatch.setattr(network, "CHUNK_POSITIONS", 10**9)
    once, _ = network.run(net, ready)
    np.testing.assert_allclose(whole, once, atol=1e-3)


def test_the_two_halves_agree_on_the_architecture() -> None:
    assert network.DILATIONS == DILATIONS
    assert float(network.UNSEEN_LOGIT) == UNSEEN_LOGIT


def test_the_same_weights_give_the_same_file(tmp_path: Path) -> None:
    first = export_weights(_random_net(), tmp_path / "a.npz")
    assert first == export_weights(_random_net(), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").stat().st_size < 2e6


def test_a_batch_is_a_function_of_its_generator(pool: MotionPool) -> None:
    first = draw_batch(pool, np.random.default_rng((0, 12, 4)), 2000)
    second = draw_batch(pool, np.random.default_rng((0, 12, 4)), 2000)
    np.testing.assert_array_equal(first.inputs, second.inputs)
    np.testing.assert_array_equal(first.target, second.target)
    assert np.isfinite(first.inputs).all()


def test_training_lowers_the_loss_and_resumes(pool: MotionPool, tmp_path: Path) -> None:
    config = PretrainConfig(steps=10**9, bfloat16=False)
    batch = to_tensors(draw_batch(pool, np.random.default_rng(0), 1500))
    run = Run(tmp_path, config)
    ratios = [run.update(batch) for _ in range(40)]
    assert ratios[-1] < ratios[0] - 0.02
    run.save()
    again = Run(tmp_path, config)
    assert again.step == 40
    assert again.update(batch) == pytest.approx(run.update(batch), abs=1e-5)


def test_a_step_that_is_not_finite_is_skipped(pool: MotionPool, tmp_path: Path) -> None:
    batch = to_tensors(draw_batch(pool, np.random.default_rng(0), 1000))
    batch["inputs"] = batch["inputs"].clone()
    batch["inputs"][0, 0, 0, 0] = float("nan")
    run = Run(tmp_path, PretrainConfig(bfloat16=False))
    before = [value.clone() for value in run.net.parameters()]
    assert np.isnan(run.update(batch))
    assert run.skipped == 1
    for old, new in zip(before, run.net.parameters(), strict=True):
        assert torch.equal(old, new)
