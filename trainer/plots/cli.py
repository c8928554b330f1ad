"""The command that draws what a run does: show."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pose_smoother.cli_support import OVERWRITE, PATH, PLACE, inform, names
from pose_smoother.files.outputs import check_output
from pose_smoother.remote.path import PathOrUrl, local_path
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
@click.option("--run", "folder", default=None, type=PATH, help="The folder of a run.")
@click.option(
    "--smoother",
    default=None,
    metavar="NAME[,NAME]",
    help="For IN, instead of a run: a filter, or several in a row.  [default: auto]",
)
@click.option(
    "--video", "video", default=None, type=PATH, help="Draw over this clip: .mp4, .gif, .png."
)
@click.option(
    "--first-frame",
    default=0,
    show_default=True,
    type=int,
    help="The frame number of the clip's first picture.",
)
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
    default=None,
    type=click.IntRange(1, 60),
    help="Frames a second of what moves.  [default: the clip's of --video, or 15]",
)
@click.option("--format", default=None, help="Of IN, as in `predict`.  [default: found out]")
@click.option("--skeleton", default=None, help="Of IN, as in `predict`.")
@click.option("--map", "names_map", default=None, type=PATH, help="Of IN, as in `predict`.")
@click.option("--device", default="cpu", show_default=True, type=DEVICE, help="Where to compute.")
@OVERWRITE
def show(
    source: Path | None,
    folder: Path | None,
    smoother: str | None,
    video: Path | None,
    first_frame: int,
    store: PathOrUrl | None,
    out: Path,
    clip: str | None,
    frames: tuple[int | None, int | None],
    trajectories: str | None,
    by_speed: bool,
    windows: int | None,
    max_windows: int | None,
    rate_hz: int | None,
    device: str,
    format: str | None,
    skeleton: str | None,
    names_map: Path | None,
    overwrite: bool,
) -> None:
    """Draw keypoints before and after smoothing: IN by any smoother, or a test clip of a run.

    IN is a file of keypoints as `predict` reads it. The picture is a strip of frames, or moves, by
    the ending of --out; --video draws over the clip; --trajectories, --by-speed and --windows draw
    others.

    Example: python -m trainer show --run runs/deciwatch-2.3-seed0 --out smoothed.gif
    """
    from trainer.plots.drawing import check_ending, save

    others = (trajectories is not None) + by_speed + (windows is not None) + (video is not None)
    if others > 1:
        raise click.UsageError(
            "--trajectories, --by-speed, --windows and --video are different pictures"
        )
    if source is not None and (by_speed or windows is not None or store is not None):
        raise click.UsageError("--by-speed, --windows and --store go without IN: they need truth")
    inputs = (source, folder, names_map, video, local_path(store))
    written, out = out, check_output(out, inputs, overwrite=overwrite)
    if folder is None and source is None:
        raise click.UsageError(
            "give IN, a file of keypoints, or --run RUN for one of its test clips"
        )
    if smoother is not None and (folder is not None or source is None):
        raise click.UsageError("--smoother goes with IN, and not with --run")
    if video is not None and source is None:
        raise click.UsageError("--video goes with IN: the clip that IN was detected in")
    if video is not None:
        motion = _of_file(source, folder, smoother, clip, device, format, skeleton, names_map)
        from trainer.plots.overlay import write_overlay

        write_overlay(motion.between(*frames), video, out, first_frame, rate_hz)
        inform(f"wrote {written}")
        return
    moves = check_ending(out, may_move=trajectories is None and not by_speed and windows is None)
    if by_speed:
        assert folder is not None
        save(_by_speed(folder, store, max_windows, device), out)
    elif windows is not None:
        assert folder is not None
        save(_windows(folder, store, windows, device), out)
    else:
        if source is not None:
            motion = _of_file(source, folder, smoother, clip, device, format, skeleton, names_map)
        else:
            assert folder is not None
            motion = _of_clip(folder, store, clip, device)
        motion = motion.between(*frames)
        if moves:
            from trainer.plots.animation import write_animation

            write_animation(motion, out, rate_hz or 15)
        elif trajectories is not None:
            from trainer.plots.trajectories import trajectory_figure

            save(trajectory_figure(motion, names(trajectories)), out)
        else:
            from trainer.plots.strip import strip_figure

            save(strip_figure(motion), out)
    inform(f"wrote {written}")


def _of_file(
    source: Path | None,
    folder: Path | None,
    smoother: str | None,
    name: str | None,
    device: str,
    format: str | None,
    skeleton: str | None,
    names_map: Path | None,
) -> "Motion":
    """The tracks of a file, by a run or by filters."""
    from pose_smoother.smoothing.chain import make_chain
    from trainer.plots.track_data import by_filter, by_run, file_motion

    assert source is not None
    if folder is None:
        chain = make_chain(smoother or "auto")
        smooth, label = by_filter(chain), chain.name
    else:
        from trainer.inference.load_run import load_run

        run = load_run(folder, device)
        smooth, label = by_run(run, names_map), run.name
    return file_motion(source, smooth, label, name, format=format, skeleton=skeleton)


def _of_clip(folder: Path, store: PathOrUrl | None, name: str | None, device: str) -> "Motion":
    """A test clip of a store with the run's noise."""
    from trainer.inference.load_run import load_run
    from trainer.plots.track_data import clip_motion
    from trainer.training.config import chosen_store, run_config

    run = load_run(folder, device)
    _, store_then = run_config(folder, device)
    with open_store(chosen_store(folder, store_then, store)) as opened:
        return clip_motion(run, opened, name)


def _by_speed(
    folder: Path, store: PathOrUrl | None, max_windows: int | None, device: str
) -> "Figure":
    from trainer.inference.load_run import load_run
    from trainer.plots.speed import error_by_speed, speed_figure
    from trainer.training.config import chosen_store, run_config

    run = load_run(folder, device)
    _, store_then = run_config(folder, device)
    with open_store(chosen_store(folder, store_then, store)) as opened:
        found = error_by_speed(run, opened, max_windows, progress=True)
    return speed_figure(found, f"{run.name}: error by speed of motion")


def _windows(folder: Path, store: PathOrUrl | None, n_windows: int, device: str) -> "Figure":
    from trainer.plots.windows import windows_figure
    from trainer.training.config import chosen_store, run_config

    config, store_then = run_config(folder, device)
    with open_store(chosen_store(folder, store_then, store)) as opened:
        return windows_figure(folder, config, opened, n_windows)
