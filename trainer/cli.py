"""Commands of the trainer: train, baselines, sweep, evaluate, report, show."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

from pose_smoother.cli_support import (
    HELP_OPTIONS,
    JSON,
    PATH,
    PLACE,
    OneLineErrors,
    inform,
    names,
    program_options,
    say,
    say_json,
)
from pose_smoother.files.lock import raise_if_locked
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.store.open import open_store
from trainer.bench.cli import bench
from trainer.calibrate.cli import calibrate
from trainer.cli_options import DEVICE, NOISE_AND_SCORE, OUT, PARENT, SEED, STORE, TRAINING
from trainer.distributed.environment import n_processes, quiet_but_first
from trainer.finetune.cli import finetune
from trainer.inference.cli import export, predict
from trainer.plots.cli import show
from trainer.report.cli import report
from trainer.runs.signals import Interrupt, stop_with_parent
from trainer.settings import TRACKERS, budget_suffix, window_suffix
from trainer.sweep.cli import status, sweep


@click.group(cls=OneLineErrors, context_settings=HELP_OPTIONS)
@program_options(logging.INFO)
def main(**chosen: bool) -> None:
    """Train small temporal models that smooth noisy 2D keypoints, and test them."""
    del chosen  # read before the command, by their callbacks and by the group


main.add_command(bench)
main.add_command(export)
main.add_command(predict)
main.add_command(calibrate)
main.add_command(finetune)
main.add_command(report)
main.add_command(show)
main.add_command(sweep)
main.add_command(status)


@main.command()
@click.option(
    "--model", required=True, help="A model, such as deciwatch; an unknown name lists them."
)
@click.option(
    "--exp",
    "experiment",
    required=True,
    help="Experiment k.y: 1.1 ... 1.3, 2.1 ... 2.3; or real: the noise of simulated detectors.",
)
@STORE
@OUT
@SEED
@NOISE_AND_SCORE
@TRAINING
@click.option(
    "--loss",
    default=None,
    metavar="NAME",
    help="mse: mean squared error; or one of the model's own: official (deciwatch's masked L1), "
    "likelihood of the ground truth (resmlp, which gives an uncertainty), "
    "position-acceleration (smoothnet's L1 of both). An unknown name lists "
    "all.  [default: the model's own; mse]",
)
@click.option(
    "--threads",
    default=None,
    type=click.IntRange(1),
    help="CPU threads.  [default: torch's choice; 1 for models of coordinates]",
)
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Go on where the same run was stopped, or start over: what is there is kept until the new "
    "run has finished.",
)
@click.option(
    "--log",
    "tracker",
    default=None,
    type=click.Choice(TRACKERS),
    help="Send each epoch's numbers there, too; each is an extra of the installation. tensorboard: "
    "into the run's folder; mlflow: to MLFLOW_TRACKING_URI, else here (mlflow.db, or mlruns).",
)
@click.option("--replace", is_flag=True, help="With --no-resume: also if it is finished.")
@PARENT
def train(
    store: PathOrUrl,
    out: Path,
    checkpoint_minutes: float,
    resume: bool,
    tracker: str | None,
    replace: bool,
    parent: int | None,
    **chosen: Any,
) -> None:
    """Train one model on one experiment, test its best epoch, write the tables.

    The same command again continues where it was stopped. Exit codes: 0 finished, 1 an error, 75
    stopped by SIGTERM and saved, 130 stopped by Ctrl-C and saved.

    Several processes, each with a GPU or a share of the cores, train one model when torchrun starts
    them: `torchrun --nproc-per-node 8 -m trainer train ...`. Each computes its part of every batch,
    so that --batch-size and the results are as those of one process. torchrun's own exit code is 1
    whatever happened; the run's state.json says what did.

    Example: python -m trainer train --model deciwatch --exp 2.3 --store data/processed/store
    --out runs
    """
    with Interrupt() as interrupt:  # before torch is imported: a signal may come at any moment
        if parent is not None:
            stop_with_parent(parent)
        together = n_processes() > 1
        if together:
            stop_with_parent(os.getppid())  # torchrun
        else:
            row = chosen["model"] + window_suffix(chosen["window"])
            row += budget_suffix(chosen["budget_steps"])
            raise_if_locked(out / f"{row}-{chosen['experiment']}-seed{chosen['seed']}")
        from trainer.distributed.setup import joined
        from trainer.report.summary import main_rows
        from trainer.runs.results_io import RESULTS_CSV
        from trainer.training.config import train_config
        from trainer.training.train import train as run

        config = train_config(**chosen)
        with quiet_but_first(), joined(config.device) as ranks, open_store(store) as opened:
            results = run(
                config,
                opened,
                out,
                resume=resume,
                replace=replace,
                checkpoint_minutes=checkpoint_minutes,
                interrupt=interrupt,
                ranks=ranks,
                tracker=tracker,
            )
    if not ranks.is_main:
        return
    inform(main_rows([*results["references"], *results["rows"]]))
    inform(f"test results: {out / config.run_name / RESULTS_CSV}")


@main.command()
@click.option("--exp", "experiment", required=True, help="Experiment k.y, real, or all six k.y.")
@STORE
@OUT
@SEED
@NOISE_AND_SCORE
@click.option("--smoothers", default="all", show_default=True, help="Names, comma separated.")
@PARENT
def baselines(
    store: PathOrUrl, out: Path, experiment: str, smoothers: str, parent: int | None, **chosen: Any
) -> None:
    """Classical smoothers, fitted on training and tuned on validation windows, as results.

    Example: python -m trainer baselines --exp all --store data/processed/store --out runs
    """
    from trainer.evaluation.baselines import BaselinesConfig
    from trainer.evaluation.baselines import baselines as run
    from trainer.experiments import EXPERIMENTS
    from trainer.report.summary import main_rows
    from trainer.runs.results_io import RESULTS_CSV

    if parent is not None:
        stop_with_parent(parent)
    if smoothers != "all":
        chosen["smoothers"] = names(smoothers)
    asked = [known.name for known in EXPERIMENTS] if experiment == "all" else [experiment]
    configs = [BaselinesConfig(experiment=name, **chosen) for name in asked]
    with open_store(store) as opened:
        for config in configs:
            inform(main_rows(run(config, opened, out)["rows"]))
            inform(f"test results: {out / config.run_name / RESULTS_CSV}")


@main.command()
@click.argument("run", type=PATH)
@click.option("--store", default=None, type=PLACE, help="Where the store is now, if it was moved.")
@click.option("--device", default=None, type=DEVICE, help="Instead of the device of then.")
@JSON
def evaluate(run: Path, store: PathOrUrl | None, device: str | None, as_json: bool) -> None:
    """Test a finished run's best epoch again; the numbers must equal the saved ones.

    Example: python -m trainer evaluate runs/deciwatch-2.3-seed0
    """
    from trainer.report.summary import main_rows
    from trainer.training.config import chosen_store, run_config
    from trainer.training.retest import ROUNDING, check_has_store, repeat_test

    config, store_then = run_config(run, device)
    check_has_store(run, config)
    with open_store(chosen_store(run, store_then, store)) as opened:
        repeated = repeat_test(run, config, opened)
    if as_json:
        say_json({"rows": repeated.rows, "different": repeated.different})
    else:
        inform(main_rows(repeated.rows))
    if repeated.different:
        say(f"error: {len(repeated.different)} rows differ from {run}'s results", err=True)
        sys.exit(1)
    n = repeated.n_rounded
    rounding = f" ({n} of them except for rounding, {ROUNDING:g} at most)" if n else ""
    inform(f"all {len(repeated.rows)} numbers equal the saved ones{rounding}", err=as_json)
