"""The command that measures a detector's noise: calibrate."""

import logging
from pathlib import Path

import click

from pose_smoother.cli_support import OVERWRITE, PATH, FiniteRange, inform, options
from pose_smoother.poses.assumed import log_assumed

_log = logging.getLogger(__name__)

#: How a command reads a detector's output and the ground truth.
PAIRED_FILES = options(
    click.option(
        "--min-score",
        default=None,
        type=FiniteRange(),
        help="A keypoint with a lower score counts as missed.  [default: all are taken]",
    ),
    click.option(
        "--map",
        "names_map",
        default=None,
        type=PATH,
        help="TOML or JSON file: a keypoint's name in the detections, and which of ours it is.",
    ),
    click.option("--truth-map", default=None, type=PATH, help="The same for the ground truth."),
    click.option(
        "--format",
        default=None,
        help="Of the detections; `pose-smoother formats` lists them.  [default: found out]",
    ),
    click.option("--truth-format", default=None, help="The same for the ground truth."),
    click.option(
        "--skeleton",
        default=None,
        help="Names the keypoints of detections that don't, such as coco-17; `pose-smoother "
        "skeletons` lists all.",
    ),
    click.option("--truth-skeleton", default=None, help="The same for the ground truth."),
)


@click.command()
@click.option("--pred", required=True, type=PATH, help="The detector's output: a keypoint file.")
@click.option(
    "--truth", required=True, type=PATH, help="Ground truth of the same frames: a keypoint file."
)
@click.option("--out", required=True, type=PATH, help="The noise file, FILE.toml.")
@click.option("--picture", default=None, type=PATH, help="Errors and fit: .png, .svg or .pdf.")
@click.option(
    "--heatmaps",
    default=None,
    type=PATH,
    help="The detector's own heatmaps, n × K × 56 × 56 in NPZ, HDF5 or Zarr, for their widths.",
)
@PAIRED_FILES
@OVERWRITE
def calibrate(
    pred: Path,
    truth: Path,
    out: Path,
    picture: Path | None,
    heatmaps: Path | None,
    min_score: float | None,
    names_map: Path | None,
    truth_map: Path | None,
    format: str | None,
    truth_format: str | None,
    skeleton: str | None,
    truth_skeleton: str | None,
    overwrite: bool,
) -> None:
    """Measure how a detector errs, so that a model can be trained on just that noise.

    Needs the detector's output and ground truth on the same frames, as any keypoint file that
    `predict` reads. Reports each keypoint's bias, spread, outliers, left/right swaps, misses and
    correlation over time; and which of the thesis's settings comes nearest. Train on what is
    written by `train --noise FILE.toml`.

    Example: python -m trainer calibrate --pred detections.csv --truth annotations.csv --out
    noise.toml --picture noise.png
    """
    from pose_smoother.errors import InvalidInputError
    from pose_smoother.files.outputs import check_output
    from trainer.calibrate.run import calibrate as run
    from trainer.calibrate.summary import summary
    from trainer.noise.noise_file import SUFFIX

    if out.suffix != SUFFIX:
        raise InvalidInputError(f"a noise file ends in {SUFFIX}: got --out {out}")
    inputs = (pred, truth, heatmaps, names_map, truth_map)
    if picture is not None and picture.resolve() == out.resolve():
        raise InvalidInputError(f"--out and --picture are both {out}: name two files")
    measured = run(
        pred,
        truth,
        check_output(out, inputs, overwrite=overwrite),
        heatmaps=heatmaps,
        picture=picture and check_output(picture, inputs, overwrite=overwrite),
        names_map=names_map,
        truth_map=truth_map,
        format=format,
        truth_format=truth_format,
        skeleton=skeleton,
        truth_skeleton=truth_skeleton,
        min_score=min_score,
        progress=True,
    )
    log_assumed(_log, measured.warnings)
    inform(summary(measured))
    inform(f"wrote {out}" + (f" and {picture}" if picture else ""))
