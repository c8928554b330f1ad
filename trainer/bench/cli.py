"""The command that times training on this machine: bench."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from pose_smoother.cli_support import (
    JSON,
    PATH,
    FiniteRange,
    inform,
    names,
    say_json,
    say_lines,
)
from pose_smoother.store.open import open_store
from trainer.cli_options import DEVICE


@click.command()
@click.option(
    "--store", default=None, type=PATH, help="A store to train from.  [default: a small sample's]"
)
@click.option(
    "--models", "chosen", default="all", show_default=True, help="Names, comma separated, or all."
)
@click.option("--device", default="auto", show_default=True, type=DEVICE, help="Where to compute.")
@click.option(
    "--minutes",
    default=4.0,
    show_default=True,
    type=FiniteRange(0),
    help="About how long to measure; each part is timed once at least, so that all models take "
    "6 minutes on 2 cores, and all but the bi-ConvLSTMs 2.",
)
@click.option(
    "--out", default=None, type=PATH, help="Folder for goals_trainer.csv and goals_trainer.png."
)
@JSON
def bench(
    store: Path | None,
    chosen: str,
    device: str,
    minutes: float,
    out: Path | None,
    as_json: bool,
) -> None:
    """How fast training is on this machine, compared with its goals.

    Whole training steps, validation and test against the bare model, the bi-ConvLSTMs against the
    paper's equations, the start of a training, and the streaming of windows. Both sides take turns,
    so that a busy machine slows them alike: read the ratios. Those in processor time leave out what
    neighbours take.

    Example: python -m trainer bench --models deciwatch,3dconv --minutes 2 --out bench
    """
    from pose_smoother.bench.goals import as_dicts, draw_goals, table, write_goals
    from pose_smoother.files.atomic import make_folder
    from trainer.bench.sample_store import make_sample_store
    from trainer.bench.table import measured, parts
    from trainer.models import models

    asked = list(models()) if chosen == "all" else list(names(chosen))
    with ExitStack() as stack:
        if store is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            inform("no --store: making a sample's", err=True)
            store = make_sample_store(Path(folder))
        opened = stack.enter_context(open_store(store))
        goals = measured(parts(opened, device, asked), minutes)
    if as_json:
        say_json(as_dicts(goals))
    else:
        say_lines(table(goals))
    if out is not None:
        make_folder(out)
        write_goals(out / "goals_trainer.csv", goals, "torch", "numpy", "h5py", "zarr")
        draw_goals(out / "goals_trainer.png", goals)
        inform(f"written: {out / 'goals_trainer.csv'} and .png")
