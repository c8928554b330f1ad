"""Commands that use a trained model: predict, export."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pose_smoother.cli_support import (
    KEYPOINT_FILE,
    OVERWRITE,
    PATH,
    PLACE,
    FiniteRange,
    inform,
    options,
)
from pose_smoother.files.outputs import check_output
from pose_smoother.remote.path import PathOrUrl, local_path
from pose_smoother.store.open import open_store
from trainer.cli_options import DEVICE
from trainer.settings import DECODERS

if TYPE_CHECKING:
    from trainer.inference.predict import Method


@click.command()
@options(*KEYPOINT_FILE)
@click.option("--run", default=None, type=PATH, help="The folder of a finished run.")
@click.option(
    "--smoother",
    default=None,
    help="Instead of a run: savgol, kalman, hampel,kalman, …; an unknown name lists all.",
)
@click.option(
    "--map",
    "names_map",
    default=None,
    type=PATH,
    help="TOML or JSON file: a keypoint's name in IN, and which of ours it is.",
)
@click.option(
    "--decode",
    "decoder",
    default="subpixel",
    show_default=True,
    type=click.Choice(DECODERS),
    help="How positions are read off a model's heatmaps.",
)
@click.option(
    "--keep-within",
    default=None,
    type=FiniteRange(),
    help="With a run that gives an uncertainty: leave keypoints alone that are in the region which "
    "holds this share of the ground truth, 0.5 or 0.9.",
)
@click.option(
    "--keep-mean",
    is_flag=True,
    help="Take each keypoint's mean shift in each track out again: a run may move a keypoint "
    "steadily, because its training labels another point of the body.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Smooth by a run also what does not look like a human: with fewer than half of the "
    "trained keypoints, without shoulders and hips, or with implausible proportions.",
)
@click.option(
    "--baselines",
    default=None,
    type=PATH,
    help="A finished baselines run: the smoother's parameters as tuned there.",
)
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the smoother, such as sigma_frames=2. Several times for several.",
)
@click.option("--store", default=None, type=PLACE, help="For lmmse: the store it is fitted on.")
@click.option("--exp", "experiment", default=None, help="For lmmse: the experiment, such as 1.1.")
@click.option("--device", default="auto", show_default=True, type=DEVICE, help="Where to compute.")
def predict(
    source: Path,
    out: Path,
    run: Path | None,
    format: str | None,
    skeleton: str | None,
    layout: str | None,
    names_map: Path | None,
    decoder: str,
    keep_within: float | None,
    keep_mean: bool,
    force: bool,
    device: str,
    overwrite: bool,
    **classical: Any,
) -> None:
    """Smooth a detector's keypoints, by a trained run or a classical smoother.

    The output is the input with other coordinates: every other field stays, missing keypoints stay
    missing, and keypoints that the run doesn't know pass through untouched, with a warning. A run
    refuses what does not look like a human, and warns of keypoints that it moves steadily.

    Example: python -m trainer predict keypoints.json --run runs/deciwatch-1.1-seed0 --out
    smoothed.json
    """
    from trainer.inference.predict import predict as run_predict

    given = [name for name, value in classical.items() if value and name != "smoother"]
    if (run is None) == (classical["smoother"] is None):
        raise click.UsageError("give --run RUN or --smoother NAME, one of them")
    if run is not None and given:
        raise click.UsageError(f"--{given[0].replace('params', 'param')} goes with --smoother")
    if keep_within is not None and run is None:
        raise click.UsageError("--keep-within goes with --run")
    inputs = (source, run, names_map, classical["baselines"], local_path(classical["store"]))
    target = check_output(out, inputs, overwrite=overwrite)
    method: Method
    if run is not None:
        import torch

        from trainer.inference.load_run import load_run

        loaded = load_run(run, device, decoder)
        if loaded.threads is not None:
            torch.set_num_threads(loaded.threads)
        method = loaded.smoother(keep_within)
    else:
        method = _filter(**classical)
    done = run_predict(
        source,
        target,
        method,
        format=format,
        skeleton=skeleton,
        layout=layout,
        names_map=names_map,
        progress=True,
        force=force,
        keep_mean=keep_mean,
    )
    summary = done.summary
    inform(
        f"wrote {out}: {summary.size()}, "
        f"{len(done.smoothed)} of {summary.n_keypoints} keypoints smoothed; {summary.line()}"
    )


def _filter(
    smoother: str,
    baselines: Path | None,
    params: tuple[str, ...],
    store: PathOrUrl | None,
    experiment: str | None,
) -> "Method":
    """A filter by its options; fits the one that needs a fit."""
    from pose_smoother.filters import lmmse
    from pose_smoother.filters.parameters import from_text
    from pose_smoother.smoothing.chain import make_chain
    from trainer.inference.classical import FitData, linear_estimator, parameters, tuned

    if smoother != lmmse.NAME:
        return make_chain(smoother, {**tuned(smoother, baselines), **from_text(params)})
    chosen = parameters(smoother, baselines, params)
    if store is None or experiment is None:
        return linear_estimator(chosen, None)
    with open_store(store) as opened:
        return linear_estimator(chosen, FitData(opened, experiment))


@click.command()
@click.argument("out", type=PATH)
@click.option(
    "--run", required=True, type=PATH, help="The folder of a run, trained or in training."
)
@click.option(
    "--tolerance",
    default=1e-4,
    show_default=True,
    type=FiniteRange(0),
    help="Largest difference to torch, as a share of the largest output; beyond it nothing is "
    "written.",
)
@OVERWRITE
def export(out: Path, run: Path, tolerance: float, overwrite: bool) -> None:
    """Write the run's best epoch as ONNX, for batches of any size, after comparing it with torch.

    The file's metadata has the keypoints in order, the frames, and how positions become its input.
    examples/onnx_without_torch.py runs it without torch. Needs the extra `export`.

    Example: python -m trainer export --run runs/deciwatch-2.3-seed0 model.onnx
    """
    from trainer.inference.export import export_run

    exported = export_run(run, check_output(out, (run,), overwrite=overwrite), tolerance)
    inform(
        f"max difference to torch: {exported.difference:.3g} (largest output "
        f"{exported.largest:.3g}, batches of 1, 2 and 3)"
    )
    inform(f"wrote {out}: {exported.n_bytes / 1e6:.1f} MB, {exported.metadata['model']}")
