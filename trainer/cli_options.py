"""Options that several commands share."""

import click

from pose_smoother.cli_support import PATH, PLACE, FiniteRange, options
from pose_smoother.store.names import WINDOW_FRAMES
from trainer.settings import (
    AUGMENTATIONS,
    DEVICES,
    MISSING_TORSO,
    PRECISIONS,
    SCHEDULES,
    TARGETS,
)

STORE = click.option(
    "--store",
    required=True,
    type=PLACE,
    help="Store made by `python -m pipeline preprocess`: a folder, or an address (s3://...).",
)
OUT = click.option(
    "--out", required=True, type=PATH, help="Folder of runs; each run's own folder is made in it."
)
SEED = click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Decides all randomness: weights, order, noise, dropout.",
)
DEVICE = click.Choice(DEVICES)
_OWN = "the model's own"
PARENT = click.option(
    "--parent",
    default=None,
    type=int,
    hidden=True,
    help="Stop, as by SIGTERM, when this process, which must be the parent, has ended.",
)
NOISE_AND_SCORE = options(
    click.option(
        "--missing-torso",
        default="skip",
        show_default=True,
        type=click.Choice(MISSING_TORSO),
        help="Frames without all four shoulders and hips: not scored, or scored by one side.",
    ),
    click.option(
        "--mu-in",
        "mu_in_px",
        default=0.0,
        show_default=True,
        type=FiniteRange(),
        help="Mean of the noise's shift, in heatmap pixels.",
    ),
    click.option(
        "--noise",
        default="auto",
        show_default=True,
        metavar="auto|fresh|frozen|FILE.toml",
        help="fresh: new in every epoch; frozen: fixed once (Penn Action: one shift a keypoint for "
        "a whole clip); auto: frozen for a store of `--protocol thesis`, else fresh; FILE.toml: a "
        "detector's own, measured by `calibrate` (the experiment then gives but the frame rate; "
        "real draws near its [detector]).",
    ),
    click.option(
        "--window",
        default=WINDOW_FRAMES,
        show_default=True,
        type=click.IntRange(WINDOW_FRAMES),
        metavar="FRAMES",
        help="Frames in a window: more, such as 9, 17 or 27, is more accurate and later, and "
        "makes rows of its own (resmlp-w9).",
    ),
)
TRAINING = options(
    click.option(
        "--batch-size",
        default=None,
        type=click.IntRange(1),
        help=f"Windows a step.  [default: {_OWN}; 16]",
    ),
    click.option(
        "--max-epochs",
        default=None,
        type=click.IntRange(1),
        help=f"Epochs at most.  [default: {_OWN}; 50]",
    ),
    click.option(
        "--max-steps",
        default=None,
        type=click.IntRange(1),
        help="Training batches of each epoch at most, for a quick look.  [default: all]",
    ),
    click.option(
        "--budget-steps",
        default=None,
        type=click.IntRange(1),
        help="Train for this many steps, whatever --max-epochs and the stopping rule say. An epoch "
        "is then a fresh share of the training windows, no two of which share a frame; rows and "
        "folders name the budget (3dconv-b1500).  [default: no budget]",
    ),
    click.option(
        "--validation-share",
        default=1.0,
        show_default=True,
        type=FiniteRange(0, 1, min_open=True),
        help="Share of the validation windows, evenly spread, that epochs are compared on.",
    ),
    click.option(
        "--learning-rate",
        default=None,
        type=FiniteRange(),
        help=f"Adam's, at its highest.  [default: {_OWN}; 0.001]",
    ),
    click.option(
        "--schedule",
        default=None,
        type=click.Choice(SCHEDULES),
        help="The learning rate falls and training stops by the validation loss, or it rises and "
        f"falls once over --max-epochs.  [default: {_OWN}; plateau]",
    ),
    click.option(
        "--augment",
        default=None,
        type=click.Choice(list(AUGMENTATIONS)),
        help="Training windows mirrored; or also reversed, rotated, sheared, and boxed again.  "
        f"[default: {_OWN}; none]",
    ),
    click.option(
        "--precision",
        default=None,
        type=click.Choice(PRECISIONS),
        help="Of matrix products in training; auto: bfloat16 where the machine has units for it.  "
        f"[default: {_OWN}; float32]",
    ),
    click.option(
        "--targets",
        default="auto",
        show_default=True,
        type=click.Choice(TARGETS),
        help="Ground-truth heatmaps: read from the store, or rendered from its positions.",
    ),
    click.option(
        "--device", default="auto", show_default=True, type=DEVICE, help="Where to compute."
    ),
    click.option(
        "--checkpoint-minutes",
        default=5.0,
        show_default=True,
        type=FiniteRange(0),
        help="Minutes between checkpoints within an epoch.",
    ),
)
