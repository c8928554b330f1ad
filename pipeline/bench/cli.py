"""The command that times preprocessing on this machine: bench."""

import tempfile
from pathlib import Path

import click

from pose_smoother.cli_support import JSON, PATH, inform, say_json, say_lines
from pose_smoother.progress_bars import bars_hidden
from pose_smoother.store.open import formats

_PLAIN_FRAMES, _ROUNDS = 600, 3


@click.command()
@click.option("--clips", default=400, show_default=True, type=click.IntRange(10), help="Clips.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option(
    "--format",
    "store_format",
    default="zarr",
    show_default=True,
    type=click.Choice(formats()),
    help="Of the store that is built.",
)
@click.option("--scratch", type=PATH, help="Folder for what is built and removed. [default: /tmp]")
@click.option("--out", type=PATH, help="Folder for goals_pipeline.csv and goals_pipeline.png.")
@JSON
def bench(
    clips: int,
    workers: int,
    store_format: str,
    scratch: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """How fast annotations become a store on this machine, beside what it is held to.

    Sample annotations are made, and a store of them, beside the plain way: scipy for each heatmap,
    a file for each frame. Both sides are timed in one run, so that a busy machine slows them alike:
    read the ratios.

    Example: python -m pipeline bench --clips 60 --out bench
    """
    from tqdm import tqdm

    from pipeline.bench.chain import measure_chain
    from pipeline.bench.goals import chain_goals, render_goal, sample_inputs
    from pipeline.bench.naive import save_npy
    from pipeline.synthetic import write_sample
    from pose_smoother.bench.goals import as_dicts, draw_goals, table, write_goals
    from pose_smoother.files.atomic import make_folder

    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        sample = Path(folder, "sample")
        with tqdm(total=clips, unit="clip", desc="sample", disable=bars_hidden()) as bar:
            write_sample(sample, clips, 0, bar.update)
        with tqdm(total=2, unit="part", desc="timing", disable=bars_hidden()) as bar:
            goals = [render_goal()]
            bar.update()
            rounds = measure_chain(
                sample_inputs(sample), Path(folder), (store_format,), workers,
                _PLAIN_FRAMES, save_npy, _ROUNDS,
            )  # fmt: skip
            goals += chain_goals(rounds, store_format, workers, "np.save")
            bar.update()
    if as_json:
        say_json(as_dicts(goals))
    else:
        say_lines(table(goals))
    if out is not None:
        make_folder(out)
        write_goals(out / "goals_pipeline.csv", goals, "numpy", "scipy", "zarr", "h5py")
        draw_goals(out / "goals_pipeline.png", goals)
        inform(f"written: {out / 'goals_pipeline.csv'} and .png")
