"""What a sweep runs: every combination once, by commands that make exactly that."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pose_smoother.errors import InvalidInputError
from tests.trainer.fake_store import make_store
from trainer import cli
from trainer.evaluation import baselines
from trainer.evaluation.baselines import BaselinesConfig
from trainer.experiments import EXPERIMENTS, THESIS_MODELS
from trainer.models import models
from trainer.sweep.jobs import flags, job_of, plan
from trainer.training.config import TrainConfig, identity

CHOSEN = {
    "batch_size": 8,
    "max_epochs": 3,
    "max_steps": 7,
    "learning_rate": 3e-4,
    "targets": "stored",
    "missing_torso": "one-side",
    "mu_in_px": -0.5,
    "noise": "frozen",
    "device": "cpu",
    "threads": 1,
}


def test_the_whole_grid_is_24_runs_and_6_with_the_cheap_first():
    configs = plan(THESIS_MODELS, None, [0], {})
    assert [type(c) for c in configs] == [BaselinesConfig] * 6 + [TrainConfig] * 24
    assert len({c.run_name for c in configs}) == 30
    pairs = {(c.model, c.experiment) for c in configs[6:]}
    assert pairs == {(m, e.name) for m in THESIS_MODELS for e in EXPERIMENTS}
    order = list(dict.fromkeys(c.model for c in configs[6:]))
    assert order[:2] == ["deciwatch", "3dconv"]


def test_all_models_are_all_there_are_with_their_own_settings():
    configs = plan(None, ["1.1"], [0], {"batch_size": None}, False)
    assert {c.model for c in configs} == set(models())
    assert {c.model: c.batch_size for c in configs}["resmlp"] == 512
    assert {c.model: c.batch_size for c in configs}["deciwatch"] == 16


def test_a_subset_with_seeds_has_nothing_twice():
    configs = plan(["3dconv", "deciwatch", "3dconv"], ["1.1", "2.3"], [4, 4, 1], CHOSEN, False)
    assert [c.run_name for c in configs] == [
        "deciwatch-1.1-seed4",
        "deciwatch-2.3-seed4",
        "deciwatch-1.1-seed1",
        "deciwatch-2.3-seed1",
        "3dconv-1.1-seed4",
        "3dconv-2.3-seed4",
        "3dconv-1.1-seed1",
        "3dconv-2.3-seed1",
    ]


def test_a_wrong_name_or_value_is_reported_before_anything_runs():
    with pytest.raises(InvalidInputError, match="unknown model 'unet'; known: 3dconv"):
        plan(["unet"], None, [0], {})
    with pytest.raises(InvalidInputError, match="unknown experiment '3'"):
        plan(None, ["3"], [0], {})
    with pytest.raises(InvalidInputError, match="seed must be from 0 to"):
        plan(None, None, [-1], {})


@pytest.mark.parametrize("chosen", [{}, CHOSEN])
def test_the_command_makes_this_very_configuration(chosen, monkeypatch):
    made = []
    monkeypatch.setattr(cli, "open_store", lambda path: store)
    monkeypatch.setattr(
        "trainer.training.train.train", lambda config, *_, **__: made.append(config)
    )
    monkeypatch.setattr(
        "trainer.evaluation.baselines.baselines", lambda config, *_: made.append(config)
    )
    store, out = make_store(n_clips=5, n_frames=6), Path("runs")
    for config in plan(["deciwatch"], ["2.3"], [5], chosen):
        job = job_of(config, store, out, 2.5)
        assert job.name == config.run_name
        assert job.command[1:3] == ("-m", "trainer")
        CliRunner().invoke(cli.main, job.command[3:])  # what it prints in the end needs results
        assert made.pop() == config
        kind = identity if isinstance(config, TrainConfig) else baselines.identity
        assert job.identity == kind(config, store)


def test_what_is_not_set_is_left_out():
    assert "--max-steps" not in flags(TrainConfig("deciwatch", "1.1"))
