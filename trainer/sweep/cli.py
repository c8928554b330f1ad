"""The commands that train and test many models, and report how far they are: sweep, status."""

import os
from pathlib import Path
from typing import Any

import click

from pose_smoother.cli_support import PATH, FiniteRange, inform, is_quiet, names, say_lines
from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.store.open import open_store
from trainer.cli_options import NOISE_AND_SCORE, OUT, STORE, TRAINING
from trainer.runs.signals import Interrupt
from trainer.sweep.launchers.cli import CLUSTER, WHERE, launcher_of


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
    "--exps",
    "experiments",
    default="all",
    show_default=True,
    help="Experiments, comma separated; all: the six k.y, without real.",
)
@click.option("--seeds", default="0", show_default=True, help="Seeds, comma separated.")
@click.option(
    "--baselines/--no-baselines",
    "with_baselines",
    default=True,
    show_default=True,
    help="Whether to evaluate the classical smoothers of each experiment, too.",
)
@click.option(
    "--jobs",
    default=None,
    type=click.IntRange(1),
    help="Runs at a time; on a cluster jobs at a time.  [default: 1; on a cluster all]",
)
@click.option(
    "--max-minutes",
    default=None,
    type=FiniteRange(0),
    help="Save and stop after this time; the same command continues.  [default: no limit]",
)
@NOISE_AND_SCORE
@TRAINING
@click.option(
    "--threads",
    default=None,
    type=click.IntRange(1),
    help="CPU threads of each run.  [default: cores divided by --jobs; on a cluster 1]",
)
@CLUSTER
def sweep(
    store: PathOrUrl,
    out: Path,
    models: str,
    experiments: str,
    seeds: str,
    with_baselines: bool,
    jobs: int | None,
    max_minutes: float | None,
    threads: int | None,
    checkpoint_minutes: float,
    again: bool | None,
    nproc_per_node: int,
    **chosen: Any,
) -> None:
    """Train and test the thesis's models on its experiments, with all smoothers: 24 runs and 6.

    Finished runs are skipped and others continue, so the same command again finishes a sweep
    that was stopped or killed. OUT/sweep.csv has the state of each run, OUT/.logs what each
    printed. Exit codes: 0 all finished, 1 some failed, 75 stopped by SIGTERM or --max-minutes, 130
    stopped by Ctrl-C; what was at work is saved.

    With --launcher submitit the runs are jobs of a queue; OUT and the store must be the same paths
    there. This process submits them, and submits them again when they are preempted or their
    machine dies, until all are finished; --runs-per-gpu puts several into a job.

    Example: python -m trainer sweep --store data/processed/store --out runs --models deciwatch
    --seeds 0,1 --max-minutes 60
    """
    with Interrupt() as interrupt:
        from trainer.experiments import THESIS_MODELS
        from trainer.runs.status_table import sweep_table
        from trainer.sweep.jobs import job_of, plan
        from trainer.sweep.progress_display import ProgressDisplay
        from trainer.sweep.supervisor import Supervisor, SweepOptions, verdict

        where = {name: chosen.pop(name) for name in WHERE}
        is_here = where["launcher"] == "local"
        threads = threads or (max(1, _n_cores() // (jobs or 1)) if is_here else 1)
        configs = plan(
            THESIS_MODELS if models == "thesis" else _subset(models),
            _subset(experiments),
            _numbers(seeds),
            {**chosen, "threads": threads},
            with_baselines,
        )
        with open_store(store) as opened:
            planned = [
                job_of(config, opened, out, checkpoint_minutes, nproc_per_node)
                for config in configs
            ]
        jobs = jobs or (1 if is_here else len(planned))
        options = SweepOptions(jobs, threads, max_minutes, not is_here if again is None else again)
        display = ProgressDisplay(hidden=is_quiet())
        launcher = launcher_of(out, threads * nproc_per_node, **where)
        statuses = Supervisor(planned, out, options, interrupt, display, launcher).run()
        inform(sweep_table(statuses))
        verdict(statuses, interrupt)


@click.command()
@click.argument("runs", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list with a table a run.")
def status(runs: Path, as_json: bool) -> None:
    """Show the state of each run of a folder: one line a run, read from its files, at any time.

    running (its process gave a sign of life within a minute), finished, failed and why, stopped
    (it saved; the same command continues it), lost (its process died without a message; the same
    command continues it from its last checkpoint), pending (planned by a sweep, not started).

    Example: python -m trainer status runs
    """
    from trainer.runs.status import overview
    from trainer.runs.status_table import overview_table, to_json

    found = overview(runs)
    say_lines(to_json(found) if as_json else overview_table(found))


def _subset(text: str) -> tuple[str, ...] | None:
    """The names asked for; None for all."""
    if text == "all":
        return None
    asked = names(text)
    if not asked:
        raise InvalidInputError("expected 'all' or names with commas between, got nothing")
    return asked


def _numbers(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(number) for number in names(text))
    except ValueError:
        found = ()
    if not found:
        raise InvalidInputError(f"expected seeds such as 0,1,2, got {text!r}")
    return found


def _n_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
