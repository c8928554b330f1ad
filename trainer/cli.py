"""Commands of the trainer: train, baselines, evaluate."""

import logging
import sys
from pathlib import Path
from typing import Any

import click

from pipeline.contract.errors import PoseError
from pipeline.contract.store import open_store
from trainer.run.interrupt import Interrupt, Interrupted

_PATH = click.Path(path_type=Path)


class OneLineErrors(click.Group):
    """Errors end as one line and exit code 1; a traceback only with ``--debug``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, turning errors into one line."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Interrupted as stopped:
            click.echo(str(stopped), err=True)
            sys.exit(stopped.exit_code)
        except KeyboardInterrupt:
            sys.exit(130)
        except BrokenPipeError:
            sys.exit(1)
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            known = isinstance(error, PoseError)
            text = str(error) if known else f"{type(error).__name__}: {error}"
            hint = "" if known else " (run with --debug before the command for the traceback)"
            click.echo(f"error: {' '.join(text.split())}{hint}", err=True)
            sys.exit(1)


class _Lines(logging.Formatter):
    """Plain lines; those that matter begin with their level, like the errors do."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        prefix = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return prefix + record.getMessage()


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Train small temporal models that smooth noisy 2D keypoints, and test them honestly."""
    del debug
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _options(*options: Any) -> Any:
    """Several options as one decorator, in the order given."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_STORE = click.option(
    "--store", required=True, type=_PATH, help="Store made by `python -m pipeline preprocess`."
)
_OUT = click.option(
    "--out", required=True, type=_PATH, help="Folder of runs; the run's own folder is made in it."
)
_NOISE_AND_SCORE = _options(
    click.option(
        "--seed",
        default=0,
        show_default=True,
        type=click.IntRange(0),
        help="Names all randomness: weights, order, noise, dropout.",
    ),
    click.option(
        "--missing-torso",
        default="skip",
        show_default=True,
        type=click.Choice(["skip", "one-side"]),
        help="Frames without all four shoulders and hips: not scored, or scored by one side.",
    ),
    click.option(
        "--mu-in",
        "mu_in_px",
        default=0.0,
        show_default=True,
        type=float,
        help="Mean of the noise's shift, in heatmap pixels.",
    ),
)
_DEVICE = click.Choice(["auto", "cpu", "cuda"])


@main.command()
@click.option(
    "--model", required=True, help="A model, such as deciwatch; an unknown name lists them."
)
@click.option(
    "--exp", "experiment", required=True, help="Experiment k.y: 1.1 ... 1.3, 2.1 ... 2.3."
)
@_STORE
@_OUT
@_NOISE_AND_SCORE
@click.option(
    "--batch-size", default=16, show_default=True, type=click.IntRange(1), help="Windows a step."
)
@click.option(
    "--max-epochs", default=50, show_default=True, type=click.IntRange(1), help="Epochs at most."
)
@click.option(
    "--max-steps",
    default=None,
    type=click.IntRange(1),
    help="Training batches of each epoch at most, for a quick look.  [default: all]",
)
@click.option(
    "--learning-rate",
    default=1e-3,
    show_default=True,
    type=float,
    help="Adam's, until it falls.",
)
@click.option(
    "--loss",
    default="mse",
    show_default=True,
    type=click.Choice(["mse", "official"]),
    help="Mean squared error, or DeciWatch's own masked L1.",
)
@click.option(
    "--targets",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "stored", "rendered"]),
    help="Ground-truth heatmaps: read from the store, or rendered from its positions.",
)
@click.option("--device", default="auto", show_default=True, type=_DEVICE, help="Where to compute.")
@click.option(
    "--threads",
    default=None,
    type=click.IntRange(1),
    help="CPU threads.  [default: torch's choice]",
)
@click.option(
    "--checkpoint-minutes",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Minutes between checkpoints within an epoch.",
)
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Go on where the same run was stopped, or delete it and start over.",
)
def train(store: Path, out: Path, checkpoint_minutes: float, resume: bool, **chosen: Any) -> None:
    """Train one model on one experiment, test its best epoch, write the tables.

    The same command again goes on where it was stopped. Exit codes: 0 finished, 1 an error, 75
    stopped by SIGTERM and saved, 130 stopped by Ctrl-C and saved.

    Example: python -m trainer train --model deciwatch --exp 2.3 --store data/processed/store
    --out runs
    """
    with Interrupt() as interrupt:  # before torch is imported: a signal may come at any moment
        from trainer.results.runs import RESULTS_CSV
        from trainer.results.summary import main_rows
        from trainer.run.config import TrainConfig
        from trainer.train import train as run

        config = TrainConfig(**chosen)
        with open_store(store) as opened:
            results = run(
                config,
                opened,
                out,
                resume=resume,
                checkpoint_minutes=checkpoint_minutes,
                interrupt=interrupt,
            )
    click.echo(main_rows([*results["references"], *results["rows"]]))
    click.echo(f"test results: {out / config.run_name / RESULTS_CSV}")


@main.command()
@click.option("--exp", "experiment", required=True, help="Experiment k.y, or all.")
@_STORE
@_OUT
@_NOISE_AND_SCORE
@click.option("--smoothers", default="all", show_default=True, help="Names, comma separated.")
def baselines(store: Path, out: Path, experiment: str, smoothers: str, **chosen: Any) -> None:
    """Classical smoothers, fitted on training and tuned on validation windows, as results.

    Example: python -m trainer baselines --exp all --store data/processed/store --out runs
    """
    from trainer.baselines import BaselinesConfig
    from trainer.baselines import baselines as run
    from trainer.experiments import EXPERIMENTS
    from trainer.results.runs import RESULTS_CSV
    from trainer.results.summary import main_rows

    if smoothers != "all":
        chosen["smoothers"] = tuple(name.strip() for name in smoothers.split(","))
    names = [known.name for known in EXPERIMENTS] if experiment == "all" else [experiment]
    configs = [BaselinesConfig(experiment=name, **chosen) for name in names]
    with open_store(store) as opened:
        for config in configs:
            click.echo(main_rows(run(config, opened, out)["rows"]))
            click.echo(f"test results: {out / config.run_name / RESULTS_CSV}")


@main.command()
@click.argument("run", type=_PATH)
@click.option("--store", default=None, type=_PATH, help="Where the store is now, if it was moved.")
@click.option("--device", default=None, type=_DEVICE, help="Instead of the device of then.")
def evaluate(run: Path, store: Path | None, device: str | None) -> None:
    """Test a finished run's best epoch again; the numbers must equal the saved ones.

    Example: python -m trainer evaluate runs/deciwatch-2.3-seed0
    """
    from trainer.results.summary import main_rows
    from trainer.run.repeat import repeat_test, run_config

    config, store_then = run_config(run, device)
    with open_store(store or store_then) as opened:
        repeated = repeat_test(run, config, opened)
    click.echo(main_rows(repeated.rows))
    if repeated.different:
        click.echo(f"error: {len(repeated.different)} rows differ from {run}'s results", err=True)
        sys.exit(1)
    click.echo(f"all {len(repeated.rows)} numbers equal the saved ones")
