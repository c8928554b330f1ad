"""The command that trains a run further on a user's own pairs: finetune."""

import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from pose_smoother.cli_support import PATH, PLACE, FiniteRange, inform
from pose_smoother.poses.assumed import log_assumed
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.store.open import open_store
from trainer.calibrate.cli import PAIRED_FILES
from trainer.cli_options import DEVICE, OUT
from trainer.finetune import LEARNING_RATE, MAX_EPOCHS
from trainer.runs.signals import Interrupt
from trainer.settings import MISSING_TORSO

_log = logging.getLogger(__name__)


@click.command()
@click.option("--run", required=True, type=PATH, help="The folder of a finished run.")
@click.option("--pred", default=None, type=PATH, help="The detector's output: a keypoint file.")
@click.option(
    "--pred-heatmaps",
    default=None,
    type=PATH,
    help="Instead of --pred, the detector's own heatmaps: NPZ, HDF5 or Zarr with arrays heatmaps "
    "(n × K × 56 × 56), names, frame, boxes (n × 4: x0, y0, x1, y1 in source pixels), and video "
    "and person where there are several.",
)
@click.option(
    "--truth", required=True, type=PATH, help="Ground truth of the same frames: a keypoint file."
)
@OUT
@click.option(
    "--store",
    default=None,
    type=PLACE,
    help="Train on a store's windows too, with the run's own noise, batch by batch in turn, so "
    "that the model does not forget them.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Decides which videos go to which split, the windows' order, and dropout.",
)
@click.option(
    "--learning-rate",
    default=LEARNING_RATE,
    show_default=True,
    type=FiniteRange(),
    help="Adam's; it falls by the validation loss.",
)
@click.option(
    "--max-epochs",
    default=MAX_EPOCHS,
    show_default=True,
    type=click.IntRange(1),
    help="Epochs at most, over the pairs.",
)
@click.option(
    "--missing-torso",
    default=None,
    type=click.Choice(MISSING_TORSO),
    help="Frames without all four shoulders and hips: not scored, or scored by one side.  "
    "[default: the run's]",
)
@PAIRED_FILES
@click.option("--device", default="auto", show_default=True, type=DEVICE, help="Where to compute.")
@click.option(
    "--checkpoint-minutes",
    default=5.0,
    show_default=True,
    type=FiniteRange(0),
    help="Minutes between checkpoints within an epoch.",
)
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Go on where the same run was stopped, or start over: what is there is kept until the new "
    "run has finished.",
)
@click.option("--replace", is_flag=True, help="With --no-resume: also if it is finished.")
def finetune(
    run: Path,
    out: Path,
    store: PathOrUrl | None,
    device: str,
    missing_torso: str | None,
    checkpoint_minutes: float,
    resume: bool,
    replace: bool,
    seed: int,
    learning_rate: float,
    max_epochs: int,
    **files: Any,
) -> None:
    """Train a run further on your detector's output and ground truth, and test the gain.

    Complete videos are set aside for validation and for the test (60/20/20 by windows, seeded).
    The finetuned model is compared there with the pretrained one, the classical smoothers and
    identity. The folder is a run like any other: `predict`, `show`, `export` and `report` read it.
    The same command again continues where it was stopped; exit codes as of `train`.

    Example: python -m trainer finetune --run runs/deciwatch-1.1-seed0 --pred detections.csv
    --truth annotations.csv --out finetuned
    """
    with Interrupt() as interrupt:  # before torch is imported: a signal may come at any moment
        from trainer.finetune.run import PairFiles, prepare
        from trainer.finetune.run import finetune as run_finetune
        from trainer.report.summary import main_rows
        from trainer.runs.results_io import RESULTS_CSV

        with open_store(store) if store is not None else nullcontext() as opened:
            prepared = prepare(
                run,
                PairFiles(**files),
                extra=opened,
                device=device,
                missing_torso=missing_torso,
                seed=seed,
                learning_rate=learning_rate,
                max_epochs=max_epochs,
            )
            log_assumed(_log, prepared.warnings)
            inform(prepared.split_summary)
            results = run_finetune(
                prepared,
                out,
                resume=resume,
                replace=replace,
                checkpoint_minutes=checkpoint_minutes,
                interrupt=interrupt,
            )
    inform(main_rows(results["rows"]))
    if not results["best_epoch"]:
        inform(
            "no epoch was better on the validation videos than the model before: its weights stay"
        )
    inform(f"test results: {out / prepared.folder_name / RESULTS_CSV}")
