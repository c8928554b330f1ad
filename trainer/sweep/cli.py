"""The command that trains and tests many models: sweep."""

import os
from pathlib import Path
from typing import Any

import click

from pipeline.contract.cli import names
from pipeline.contract.errors import BadInput
from pipeline.contract.remote.place import Place
from pipeline.contract.store import open_store
from trainer.run.cli import NOISE_AND_SCORE, OUT, STORE, TRAINING
from trainer.run.interrupt import Interrupt


@click.command()
@STORE
@OUT
@click.option(
    "--models",
    default="thesis",
    show_default=True,
    help="Names, comma separated; thesis: its four; all: every registered model.",
)
@click.option(
    "--exps", "experiments", default="all", show_default=True, help="Experiments, comma separated."
)
@click.option("--seeds", default="0", show_default=True, help="Seeds, comma separated.")
@click.option(
    "--baselines/--no-baselines",
    "with_baselines",
    default=True,
    show_default=True,
    help="Whether to judge the classical smoothers of each experiment, too.",
)
@click.option(
    "--jobs", default=1, show_default=True, type=click.IntRange(1), help="Runs at a time."
)
@click.option(
    "--max-minutes",
    default=None,
    type=click.FloatRange(0),
    help="Save and stop after this time; the same command goes on.  [default: no limit]",
)
@NOISE_AND_SCORE
@TRAINING
@click.option(
    "--threads",
    default=None,
    type=click.IntRange(1),
    help="CPU threads of each run.  [default: cores divided by --jobs]",
)
def sweep(
    store: Place,
    out: Path,
    models: str,
    experiments: str,
    seeds: str,
    with_baselines: bool,
    jobs: int,
    max_minutes: float | None,
    threads: int | None,
    checkpoint_minutes: float,
    **chosen: Any,
) -> None:
    """Train and test the thesis's models on its experiments, with all smoothers: 24 runs and 6.

    What is finished is skipped and what is not goes on, so the same command again finishes a sweep
    that was stopped or killed. OUT/sweep.csv tells the state of each run, OUT/.logs what each
    printed. Exit codes: 0 all finished, 1 some failed, 75 stopped by SIGTERM or --max-minutes, 130
    stopped by Ctrl-C; what was at work is saved.

    Example: python -m trainer sweep --store data/processed/store --out runs --models deciwatch
    --seeds 0,1 --max-minutes 60
    """
    with Interrupt() as interrupt:
        from trainer.experiments import THESIS_MODELS
        from trainer.sweep.board import Board
        from trainer.sweep.jobs import job_of, plan
        from trainer.sweep.status import table
        from trainer.sweep.supervisor import Supervisor, SweepOptions, verdict

        threads = threads or max(1, _n_cores() // jobs)
        configs = plan(
            THESIS_MODELS if models == "thesis" else _subset(models),
            _subset(experiments),
            _numbers(seeds),
            {**chosen, "threads": threads},
            with_baselines,
        )
        with open_store(store) as opened:
            planned = [job_of(config, opened, out, checkpoint_minutes) for config in configs]
        options = SweepOptions(jobs, threads, max_minutes)
        statuses = Supervisor(planned, out, options, interrupt, Board()).run()
        click.echo(table(statuses))
        verdict(statuses, interrupt)


def _subset(text: str) -> tuple[str, ...] | None:
    """The names asked for; None for all."""
    if text == "all":
        return None
    asked = names(text)
    if not asked:
        raise BadInput("expected 'all' or names with commas between, got nothing")
    return asked


def _numbers(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(number) for number in names(text))
    except ValueError:
        found = ()
    if not found:
        raise BadInput(f"expected seeds such as 0,1,2, got {text!r}")
    return found


def _n_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
