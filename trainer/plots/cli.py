"""The command that draws what a run does: show."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pose_smoother.cli_support import PATH, PLACE, names
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.store.open import open_store
from trainer.cli_options import DEVICE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trainer.plots.track_data import Motion


class _Frames(click.ParamType):
    """A range of frame numbers: ``40:120``, ``40:`` or ``:120``."""

    name = "A:B"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | None, int | None]:
        """First and last frame number, None where open."""
        first, colon, last = value.partition(":")
        try:
            ends = (int(first) if first else None, int(last) if last else None)
        except ValueError:
            colon = ""
        if not colon:
            self.fail(f"expected frame numbers as A:B, got {value!r}", param, ctx)
        return ends


@click.command()
@click.argument("source", metavar="[IN]", required=False, type=PATH)
@click.option("--run", "folder", required=True, type=PATH, help="The folder of a run.")
@click.option(
    "--store", default=None, type=PLACE, help="A store to show test clips of.  [default: the run's]"
)
@click.option(
    "--out",
    default=Path("smoothed.png"),
    show_default=True,
    type=PATH,
    help="The picture: .png, .svg or .pdf; .gif or .mp4 moves.",
)
@click.option(
    "--clip",
    default=None,
    help="A test clip of the store, or a track of IN, by its id.  [default: the store's clip that "
    "moves the most; the longest track of IN]",
)
@click.option(
    "--frames",
    default=":",
    type=_Frames(),
    help="Only these frame numbers, both included, such as 40:120.  [default: all]",
)
@click.option(
    "--trajectories",
    default=None,
    metavar="NAMES",
    help="Draw these keypoints over time, such as wrist,left_ankle; wrist is both wrists.",
)
@click.option(
    "--by-speed",
    is_flag=True,
    help="Draw the error by speed of motion, over all test windows of the store.",
)
@click.option(
    "--windows",
    default=None,
    type=click.IntRange(1, 16),
    help="Draw so many test windows, as the model reads them.",
)
@click.option(
    "--max-windows",
    default=None,
    type=click.IntRange(1),
    help="For --by-speed: test windows at most.  [default: all]",
)
@click.option(
    "--rate",
    "rate_hz",
    default=15,
    show_default=True,
    type=click.IntRange(1, 60),
    help="Frames a second of what moves.",
)
@click.option("--format", default=None, help="Of IN, as in `predict`.  [default: found out]")
@click.option("--skeleton", default=None, help="Of IN, as in `predict`.")
@click.option("--map", "names_map", default=None, type=PATH, help="Of IN, as in `predict`.")
@click.option("--device", default="cpu", show_default=True, type=DEVICE, help="Where to compute.")
def show(
    source: Path | None,
    folder: Path,
    store: PathOrUrl | None,
    out: Path,
    clip: str | None,
    frames: tuple[int | None, int | None],
    trajectories: str | None,
    by_speed: bool,
    windows: int | None,
    max_windows: int | None,
    rate_hz: int,
    device: str,
    **reading: str | Path | None,
) -> None:
    """Draw keypoints before and after smoothing: a test clip of the store, or IN.

    IN is a file of keypoints as `predict` reads it. The picture is a strip of frames, or moves, by
    the ending of --out; --trajectories, --by-speed and --windows draw others.

    Example: python -m trainer show --run runs/deciwatch-2.3-seed0 --out smoothed.gif
    """
    from trainer.plots.drawing import check_ending, save

    if (trajectories is not None) + by_speed + (windows is not None) > 1:
        raise click.UsageError("--trajectories, --by-speed and --windows are different pictures")
    if source is not None and (by_speed or windows is not None or store is not None):
        raise click.UsageError("--by-speed, --windows and --store go without IN: they need truth")
    moves = check_ending(out, may_move=trajectories is None and not by_speed and windows is None)
    if by_speed:
        save(_by_speed(folder, store, max_windows, device), out)
    elif windows is not None:
        save(_windows(folder, store, windows, device), out)
    else:
        motion = _motion(folder, source, store, clip, device, reading).between(*frames)
        if moves:
            from trainer.plots.animation import write_animation

            write_animation(motion, out, rate_hz)
        elif trajectories is not None:
            from trainer.plots.trajectories import trajectory_figure

            save(trajectory_figure(motion, names(trajectories)), out)
        else:
            from trainer.plots.strip import strip_figure

            save(strip_figure(motion), out)
    click.echo(f"wrote {out}")


def _motion(
    folder: Path,
    source: Path | None,
    store: PathOrUrl | None,
    clip: str | None,
    device: str,
    reading: dict[str, str | Path | None],
) -> "Motion":
    from trainer.inference.load_run import load_run
    from trainer.plots.track_data import clip_motion, track_motion
    from trainer.training.config import run_config

    run = load_run(folder, device)
    if source is not None:
        return track_motion(run, source, clip, **reading)  # type: ignore[arg-type]
    _, store_then = run_config(folder, device)
    with open_store(store or store_then) as opened:
        return clip_motion(run, opened, clip)


def _by_speed(
    folder: Path, store: PathOrUrl | None, max_windows: int | None, device: str
) -> "Figure":
    from trainer.inference.load_run import load_run
    from trainer.plots.speed import error_by_speed, speed_figure
    from trainer.training.config import run_config

    run = load_run(folder, device)
    _, store_then = run_config(folder, device)
    with open_store(store or store_then) as opened:
        found = error_by_speed(run, opened, max_windows, progress=True)
    return speed_figure(found, f"{run.name}: error by speed of motion")


def _windows(folder: Path, store: PathOrUrl | None, n_windows: int, device: str) -> "Figure":
    from trainer.plots.windows import windows_figure
    from trainer.training.config import run_config

    config, store_then = run_config(folder, device)
    with open_store(store or store_then) as opened:
        return windows_figure(folder, config, opened, n_windows)
