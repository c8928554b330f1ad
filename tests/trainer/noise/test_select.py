"""Which noise a run sees: chosen by its store, told in its identity, overridden by an option."""

import json

import pytest
import torch

from pose_smoother.errors import InvalidInputError, RunError
from tests.trainer.fake_store import make_store
from trainer.evaluation.baselines import BaselinesConfig, read_positions
from trainer.evaluation.baselines import identity as baselines_identity
from trainer.noise.gaussian import NoiseConfig
from trainer.noise.select import check_noise, noise_config, resolved_noise
from trainer.runs.folder import RunFolder
from trainer.training.config import TrainConfig, identity, open_stream, run_config
from trainer.training.train import train


@pytest.fixture
def store():
    return make_store(n_clips=10, n_frames=12, missing=0.0)


@pytest.fixture
def thesis(store):
    store.attrs["config"]["protocol"] = "thesis"
    return store


def by_window(store, epoch, split="train", **chosen):
    """Shifts of every window by its first frame, whatever the order."""
    stream = open_stream(TrainConfig("deciwatch", "1.1", **chosen, device="cpu"), store, split)
    parts = [(b.window.clone(), b.noisy.clone(), b.clip.clone()) for b in stream.epoch(epoch)]
    window, noisy, clip = (torch.cat(part) for part in zip(*parts, strict=True))
    order = window.argsort()
    return noisy[order], clip[order]


@pytest.mark.parametrize("noise", ["auto", "frozen"])
def test_the_thesis_s_noise_is_the_same_in_every_epoch(thesis, noise):
    first, _ = by_window(thesis, 1, noise=noise)
    second, _ = by_window(thesis, 2, noise=noise)
    assert torch.equal(first, second)
    assert not torch.equal(first, by_window(thesis, 1, noise=noise, seed=1)[0])


def test_fresh_noise_can_be_asked_for_and_differs_between_epochs(thesis):
    first, _ = by_window(thesis, 1, noise="fresh")
    assert not torch.equal(first, by_window(thesis, 2, noise="fresh")[0])
    thesis.attrs["config"]["protocol"] = "clips"
    assert torch.equal(first, by_window(thesis, 1)[0])


def test_penn_clips_have_one_shift_and_others_one_a_frame(thesis):
    arrays = thesis.arrays["train"]
    arrays["keypoints"][arrays["annotated"]] = 27  # so that shifts are all that differs
    noisy, clip = by_window(thesis, 1)
    there = noisy[..., 0] >= 0
    for row, dataset in enumerate(thesis.clips["dataset"]):
        mine = noisy[clip == row]
        if len(mine):
            keypoint = there[clip == row].all(dim=(0, 1)).nonzero()[0]
            positions = mine[:, :, keypoint].reshape(-1, 2).unique(dim=0)
            assert len(positions) == 1 if dataset == "penn-action" else len(positions) > 3


def test_a_store_that_says_nothing_of_a_protocol_gets_fresh_noise(store):
    del store.attrs["config"]["protocol"]
    assert resolved_noise("auto", store) == "fresh"
    assert noise_config("2.2", "auto", 0.5, store) == NoiseConfig(2.0, (1.0,), 0.5)


def test_smoothers_are_fitted_and_judged_on_the_same_noise(thesis):
    found = read_positions(BaselinesConfig("1.1"), thesis, "test").noisy
    models, _ = by_window(thesis, 0, "test")
    stored = thesis.windows("test", 1).argsort()
    assert torch.equal(torch.from_numpy(found)[stored].nan_to_num(-1).long(), models)


def test_the_identity_holds_what_auto_stood_for(thesis):
    config = TrainConfig("deciwatch", "1.1", device="cpu")
    assert identity(config, thesis)["noise"] == "frozen"
    assert baselines_identity(BaselinesConfig("1.1"), thesis)["noise"] == "frozen"
    assert baselines_identity(BaselinesConfig("1.1", noise="fresh"), thesis)["noise"] == "fresh"


def test_a_run_is_not_continued_with_other_noise(thesis, tmp_path):
    small = {"max_epochs": 1, "max_steps": 1, "device": "cpu"}
    train(TrainConfig("deciwatch", "1.1", **small), thesis, tmp_path)
    train(TrainConfig("deciwatch", "1.1", **small, noise="frozen"), thesis, tmp_path)
    with pytest.raises(RunError, match="noise: here 'frozen', asked 'fresh'"):
        train(TrainConfig("deciwatch", "1.1", **small, noise="fresh"), thesis, tmp_path)
    assert run_config(tmp_path / "deciwatch-1.1-seed0")[0].noise == "frozen"


def test_runs_of_before_the_setting_had_fresh_noise(store, tmp_path):
    config = TrainConfig("deciwatch", "1.1", device="cpu")
    old = identity(config, store)
    del old["noise"]
    record = {"identity": old, "machine": {}, "store": {"path": "s"}}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps(record))
    folder = RunFolder(tmp_path / "run")
    folder.claim({"identity": identity(config, store)})
    assert run_config(folder.path)[0].noise == "fresh"
    with pytest.raises(RunError, match="noise: here 'fresh', asked 'frozen'"):
        folder.claim({"identity": {**old, "noise": "frozen"}})


@pytest.mark.parametrize("kind", [BaselinesConfig, lambda e, **o: TrainConfig("3dconv", e, **o)])
def test_an_unknown_noise_lists_the_known_ones(kind):
    with pytest.raises(InvalidInputError, match="unknown noise 'loud'; known: auto, fresh, frozen"):
        kind("1.1", noise="loud")


def test_an_offset_goes_with_every_experiment_but_real():
    check_noise("auto", 1.5, "1.1")
    check_noise("auto", 0.0, "real")
    with pytest.raises(InvalidInputError, match="--mu-in does not go with --exp real"):
        check_noise("auto", 1.5, "real")
