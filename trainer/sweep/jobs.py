"""The runs of a sweep: models x experiments x seeds, and the filters of each experiment."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from pose_smoother.store.store import Store
from trainer.evaluation import baselines
from trainer.evaluation.baselines import BaselinesConfig
from trainer.experiments import EXPERIMENTS
from trainer.models import models
from trainer.sweep.job import Job
from trainer.training import config as training
from trainer.training.config import TrainConfig, train_config

#: The order in which models are started; those not named here come last.
CHEAP_FIRST = ("deciwatch", "3dconv", "biconvlstm-c", "biconvlstm-s")
_NO_OPTION = frozenset({"pool_frames"})  # a run keeps its first value
_FLAGS = {"experiment": "--exp", "mu_in_px": "--mu-in"}

Config = TrainConfig | BaselinesConfig


def plan(
    model_names: Sequence[str] | None,
    experiments: Sequence[str] | None,
    seeds: Sequence[int],
    chosen: Mapping[str, Any],
    with_baselines: bool = True,
) -> list[Config]:
    """The configurations of a sweep, each once: smoothers first, then models, the cheap before.

    Parameters
    ----------
    model_names, experiments : None is all there are.
    seeds : one run for each.
    chosen : settings of every run, by the names of ``TrainConfig``.

    Raises
    ------
    InvalidInputError : an unknown name or a value out of range.
    """
    wanted = list(models()) if model_names is None else model_names
    ordered = sorted(wanted, key=lambda name: (*CHEAP_FIRST, name).index(name))
    exps = [e.name for e in EXPERIMENTS] if experiments is None else experiments
    configs: list[Config] = []
    if with_baselines:
        taken = {f.name for f in fields(BaselinesConfig)}
        shared = {name: value for name, value in chosen.items() if name in taken}
        configs += [BaselinesConfig(e, seed, **shared) for seed in seeds for e in exps]
    configs += [
        train_config(m, e, seed=seed, **chosen) for m in ordered for seed in seeds for e in exps
    ]
    return list(dict.fromkeys(configs))


def job_of(
    config: Config, store: Store, out: Path, checkpoint_minutes: float, n_processes: int = 1
) -> Job:
    """A configuration as a job on a store.

    Parameters
    ----------
    out : the folder of runs.
    checkpoint_minutes : how often a model is saved within an epoch.
    n_processes : that train a model together, by torchrun.
    """
    if isinstance(config, TrainConfig):
        identity = training.identity(config, store)
        verb = ["train", "--checkpoint-minutes", str(checkpoint_minutes)]
    else:
        identity = baselines.identity(config, store)
        verb = ["baselines"]
    paths = ("--store", str(store.path), "--out", str(out))
    program = ["trainer"]
    if n_processes > 1 and isinstance(config, TrainConfig):
        torchrun = ["trainer.distributed.launch", "--nproc-per-node", str(n_processes)]
        program = [*torchrun, "-m", "trainer"]
    command = (sys.executable, "-m", *program, *verb, *flags(config), *paths)
    return Job(config.run_name, identity, command)


def flags(config: Config) -> list[str]:
    """The command-line options that make this configuration."""
    found = []
    for name in (f.name for f in fields(config)):
        value = getattr(config, name)
        if isinstance(value, tuple):
            value = ",".join(value)
        if value is not None and name not in _NO_OPTION:
            found += [_FLAGS.get(name, f"--{name.replace('_', '-')}"), str(value)]
    return found
