"""From two files to ``noise.toml``: read, match, measure, write."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import sha256_bytes, sha256_file, write_atomic
from pose_smoother.poses.assumed import Caution, about
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.keypoint_names import mapping
from pose_smoother.poses.tracks import Poses
from pose_smoother.progress_bars import bars_hidden
from trainer.calibrate.estimate import KeypointEstimate, estimate
from trainer.calibrate.goodness_of_fit import Nearest, doubts, nearest
from trainer.calibrate.heatmap_width import Widths, as_set, read_widths
from trainer.calibrate.noise_toml import Source, noise_toml
from trainer.calibrate.pairs import Pairs, pair_up
from trainer.calibrate.picture import draw
from trainer.calibrate.profile import profile_of
from trainer.experiments import RANDOM_SIGMA_PX
from trainer.noise.noise_file import read_noise

#: Fewer frames are refused; with fewer than the second number the user is warned.
LEAST_FRAMES, FEW_FRAMES = 100, 1000
#: With fewer videos, intervals are too narrow to be believed.
FEW_VIDEOS = 10


@dataclass(frozen=True)
class Calibration:
    """The measured noise.

    Attributes
    ----------
    pairs : the frames compared.
    estimates : by keypoint.
    widths : of the blur (sigma); measured, or those of the experiments.
    widths_from : which of the two, for the summary.
    nearest : of the thesis's settings.
    warnings : what was assumed or is doubtful, a sentence each.
    """

    pairs: Pairs
    estimates: dict[str, KeypointEstimate]
    widths: Widths
    widths_from: str
    nearest: Nearest
    warnings: tuple[str, ...]


def calibrate(
    pred: Path,
    truth: Path,
    out: Path,
    *,
    heatmaps: Path | None = None,
    picture: Path | None = None,
    names_map: Path | None = None,
    truth_map: Path | None = None,
    format: str | None = None,
    truth_format: str | None = None,
    skeleton: str | None = None,
    truth_skeleton: str | None = None,
    min_score: float | None = None,
    progress: bool = False,
) -> Calibration:
    """Measure a detector's noise and write it as a noise file.

    Parameters
    ----------
    pred, truth : files of keypoints of any format that ``predict`` reads.
    heatmaps : the detector's own, for the widths of their peaks; see ``blur.read_widths``.
    picture : where to draw errors and fit.
    names_map, truth_map : files that map the detections' or the truth's keypoint names to ours.
    format, truth_format : of the two files; None finds them out.
    skeleton, truth_skeleton : name the keypoints of files that don't.
    min_score : keypoints with a lower score count as missed.

    Raises
    ------
    InvalidInputError : a file can't be used, the two have nothing in common, or too few frames.
    """
    found = read_poses(pred, format=format, skeleton=skeleton)
    real = read_poses(truth, format=truth_format, skeleton=truth_skeleton)
    widths = None if heatmaps is None else read_widths(heatmaps)
    measured = measure(
        found,
        real,
        widths,
        names_map=names_map,
        truth_map=truth_map,
        min_score=min_score,
        progress=progress,
    )
    counts = {**measured.pairs.counts, "videos": len(measured.pairs.videos)}
    source = Source((pred.name, digest(pred)), (truth.name, digest(truth)), counts)
    text = noise_toml(
        out.name,
        measured.estimates,
        measured.widths,
        measured.widths_from,
        measured.nearest,
        source,
        profile_of(measured.pairs),
    )
    write_atomic(out, text.encode())
    read_noise(out)  # what was written can be trained on
    if picture is not None:
        title = f"{pred.name} against {truth.name}: {counts['frames compared']:,} frames of "
        title += f"{counts['videos']} videos. Steps: errors; curves: what training draws."
        draw(measured.estimates, measured.nearest, title, picture)
    return measured


def measure(
    found: Poses,
    real: Poses,
    widths_px: NDArray[np.float64] | None = None,
    *,
    names_map: Path | None = None,
    truth_map: Path | None = None,
    min_score: float | None = None,
    progress: bool = False,
) -> Calibration:
    """Measure a detector's noise from what was read; parameters as of ``calibrate``.

    Raises
    ------
    InvalidInputError : nothing in common, or too few frames.
    """
    of_found, of_real = mapping(found.names, names_map), mapping(real.names, truth_map)
    pairs = pair_up(found, real, of_found, of_real, min_score)
    n = pairs.counts["frames compared"]
    if n < LEAST_FRAMES:
        raise InvalidInputError(
            f"{n} frames have both a detection and a ground truth; at least {LEAST_FRAMES} are "
            f"needed, and {FEW_FRAMES} of {FEW_VIDEOS} videos to trust the numbers"
        )
    warnings = about("detections", (*found.warnings, *of_found.assumed))
    warnings += about("ground truth", (*real.warnings, *of_real.assumed))
    warnings += pairs.warnings
    if n < FEW_FRAMES:
        warnings.append(
            Caution(f"only {n} frames: rare events such as swaps are hardly seen in so few")
        )
    if len(pairs.videos) < FEW_VIDEOS:
        warnings.append(
            Caution(
                f"only {len(pairs.videos)} videos: intervals come from videos and are too narrow, "
                "or absent, with so few"
            )
        )
    with tqdm(
        total=int(pairs.known.sum()),
        desc="calibrate",
        unit="keypoint",
        disable=not progress or bars_hidden(),
    ) as bar:
        estimates = estimate(pairs, on_keypoint=bar.update)
    if not any(one.is_fitted for one in estimates.values()):
        counts = ", ".join(f"{one.name} {one.n}" for one in estimates.values())
        raise InvalidInputError(f"no keypoint has detections enough to be measured: {counts}")
    warnings += doubts(estimates, pairs)
    widths, widths_from = _widths(widths_px)
    near = nearest(estimates, pairs, widths_px)
    return Calibration(pairs, estimates, widths, widths_from, near, tuple(warnings))


def _widths(widths_px: NDArray[np.float64] | None) -> tuple[Widths, str]:
    if widths_px is None:
        share = 1.0 / len(RANDOM_SIGMA_PX)
        return (
            Widths(RANDOM_SIGMA_PX, (share,) * len(RANDOM_SIGMA_PX)),
            "Not measured (--heatmaps): the widths of experiments x.1 and x.3.",
        )
    return as_set(widths_px), f"Measured on {len(widths_px)} heatmaps."


def digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files with their names."""
    if path.is_file():
        return sha256_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path).as_posix()} {sha256_file(file)}" for file in files]
    return sha256_bytes("\n".join(lines).encode())
