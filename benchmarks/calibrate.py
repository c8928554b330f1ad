"""How well `trainer calibrate` finds the known noise of simulated detectors on real trajectories.

    python -m benchmarks.calibrate --store STORE --out benchmarks/results/calibrate.csv

The store gives trajectories: exact positions, boxes and frame numbers of its training clips (Penn
Action's). Every replicate draws some clips, simulates a detector in heatmap pixels, maps both back
to source pixels, and measures from those alone; the box is cut anew. A row tells of one parameter
of one setting, over all keypoints and replicates: the truth, the mean estimate, the mean absolute
error, and how many percent of the 95 % intervals hold the truth.
"""

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.boxes import to_source
from pose_smoother.heatmap import IMPULSE, SIZE, response_table
from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.skeleton import KEYPOINTS, MIRROR, POOLED
from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
from trainer.calibrate.heatmap_width import as_set, fitted_widths
from trainer.calibrate.run import measure
from trainer.calibrate.simulate import simulate
from trainer.noise.noise_file import PAIRS, DetectorNoise, KeypointNoise

COLUMNS = ("setting", "parameter", "true", "mean", "mean_abs_error", "held_percent", "n")
WIDTHS = {"sigma_in 1 and 3": ((1.0, 0.7), (3.0, 0.3))}
WIDTHS["sigma_in 1 to 3"] = tuple((s, 0.2) for s in (1.0, 1.5, 2.0, 2.5, 3.0))


def noise(swapped: float = 0.0, **chosen: object) -> DetectorNoise:
    """One noise for all keypoints: spread 2 px but for what is chosen."""
    plain: dict[str, object] = {
        "bias_px": (0.0, 0.0),
        "spread_px": (2.0, 2.0),
        "outliers": 0.0,
        "outlier_spread_px": (8.0, 8.0),
        "missing": 0.0,
        "correlation": 0.0,
    }
    row = KeypointNoise(**(plain | chosen))  # type: ignore[arg-type]
    return DetectorNoise((row,) * len(KEYPOINTS), (swapped,) * len(PAIRS), (1.0,), (1.0,))


SETTINGS: dict[str, DetectorNoise] = {
    "k = 1": noise(spread_px=(3.0, 3.0)),
    "k = 2": noise(spread_px=(6.0, 6.0)),
    "bias 1.5 and -1": noise(bias_px=(1.5, -1.0)),
    "outliers 5 %": noise(outliers=0.05),
    "swaps 3 %": noise(swapped=0.03),
    "missing 10 %": noise(missing=0.1),
    "correlation 0.6": noise(correlation=0.6),
    "correlation 0.9": noise(correlation=0.9),
    "all at once": noise(
        0.03,
        bias_px=(1.5, -1.0),
        spread_px=(2.0, 3.0),
        outliers=0.05,
        outlier_spread_px=(8.0, 12.0),
        missing=0.1,
        correlation=0.6,
    ),
}


def clips_of(store: Store) -> list[tuple[str, NDArray, NDArray, NDArray]]:
    """Every training clip: id, frame numbers, exact positions, boxes."""
    arrays = {n: store.read("train", n) for n in ("clip", "frame", "keypoints_exact", "boxes")}
    found = []
    for row in np.unique(arrays["clip"]):
        rows = arrays["clip"] == row
        exact = arrays["keypoints_exact"][rows].astype(np.float64)
        found.append((store.clips["id"][row], arrays["frame"][rows], exact, arrays["boxes"][rows]))
    return found


def detections(clips: list, of: DetectorNoise, generator: np.random.Generator) -> list[Poses]:
    """What the simulated detector gives of clips, and their ground truth, in source pixels."""
    files: list[list[Track]] = [[], []]
    for name, frame, exact, boxes in clips:
        follows = np.diff(frame, prepend=frame[0] - 2) == 1
        for file, positions in zip(
            files, (simulate(exact, follows, of, generator), exact), strict=True
        ):
            source = to_source(positions, boxes)
            score = np.full(source.shape[:2], np.nan)
            file.append(Track(name, name, "", frame.astype(np.int64), source, score))
    return [Poses(KEYPOINTS, tuple(file), (), None) for file in files]


def true_values(of: DetectorNoise, keypoint: int) -> dict[str, float]:
    """A keypoint's parameters by the names that calibration gives them."""
    row = of.keypoints[keypoint]
    has_side = MIRROR[keypoint] != keypoint
    return {
        "bias_x_px": row.bias_px[0],
        "bias_y_px": row.bias_px[1],
        "spread_x_px": row.spread_px[0],
        "spread_y_px": row.spread_px[1],
        "outliers": row.outliers,
        "outlier_spread_x_px": row.outlier_spread_px[0],
        "outlier_spread_y_px": row.outlier_spread_px[1],
        "swapped": of.swapped[PAIRS.index(POOLED[keypoint])] if has_side else 0.0,
        "missing": row.missing,
        "correlation": row.correlation,
    }


def rows_of(name: str, clips: list, n_clips: int, replicates: int) -> Iterator[tuple]:
    """The rows of one setting."""
    of = SETTINGS[name]
    seen: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    truths: dict[str, float] = {}
    for replicate in range(replicates):
        generator = np.random.default_rng((list(SETTINGS).index(name), replicate))
        chosen = generator.choice(len(clips), n_clips, replace=False)
        found = measure(*detections([clips[i] for i in chosen], of, generator))
        for one in found.estimates.values():
            if not one.is_fitted:
                continue
            for what, true in true_values(of, KEYPOINTS.index(one.name)).items():
                wide_of_none = what.startswith("outlier_") and not of.keypoints[0].outliers
                if wide_of_none or (what == "swapped" and one.name == "nose"):
                    continue
                measured = one.measures[what]
                seen[what].append((measured.value, measured.low, measured.high))
                truths[what] = true
        seen["nearest_k"].append((found.nearest.k, np.nan, np.nan))
        seen["ks_of_nearest_k"].append((found.nearest.distance, np.nan, np.nan))
        seen["ks_of_fit"].append((found.nearest.distance_of_fit, np.nan, np.nan))
    for what, values in seen.items():
        yield row_of(name, what, truths.get(what), np.array(values))


def row_of(setting: str, what: str, true: float | None, values: NDArray[np.float64]) -> tuple:
    """One row; a share rightly found to be 0 needs no interval to hold it."""
    estimate, low, high = values.T
    if setting.startswith("k = ") and what == "nearest_k":
        true = float(setting.removeprefix("k = "))
    if true is None:
        return setting, what, "", f"{estimate.mean():.4f}", "", "", len(values)
    off = f"{np.abs(estimate - true).mean():.4f}"
    held = ((low <= true) & (true <= high)) | (np.isnan(low) & (estimate == true))
    has_interval = np.isfinite(low).any() or (estimate == true).all()
    share = f"{100 * held.mean():.1f}" if has_interval else ""
    return setting, what, f"{true:g}", f"{estimate.mean():.4f}", off, share, len(values)


def width_rows(name: str, clips: list, of_peak: float) -> Iterator[tuple]:
    """Rows of a mixture of smears, from heatmaps rendered at detections, with noise added."""
    generator = np.random.default_rng(7)
    positions = np.concatenate([exact for _, _, exact, _ in clips[:20]])
    at = np.rint(positions[np.isfinite(positions[..., 0])]).astype(int)
    sigmas, shares = (np.array(v) for v in zip(*WIDTHS[name], strict=True))
    drawn = generator.choice(len(sigmas), len(at), p=shares)
    tables = np.stack([response_table(sigma) for sigma in sigmas])
    maps = IMPULSE * tables[drawn, at[:, 1]][:, :, None] * tables[drawn, at[:, 0]][:, None, :]
    maps += of_peak * maps.max(axis=(1, 2), keepdims=True) * generator.normal(size=maps.shape)
    widths = fitted_widths(maps.astype(np.float32).reshape(-1, 1, SIZE, SIZE))
    found = as_set(widths[np.isfinite(widths)])
    label = f"{name}; pixel noise {100 * of_peak:g} % of the peak"
    n = int(np.isfinite(widths).sum())
    near = np.abs(np.array(found.sigma_px)[:, None] - sigmas).argmin(axis=1)
    for i, (sigma, share) in enumerate(zip(sigmas, shares, strict=True)):
        got = sum(s for s, n in zip(found.share, near, strict=True) if n == i)
        off = abs(got - share)
        yield label, f"share of sigma_in {sigma:g}", f"{share:g}", f"{got:.4f}", f"{off:.4f}", "", n
    exact = np.nanmean(np.abs(widths - sigmas[drawn]))
    yield label, "width_px of each heatmap", "", "", f"{exact:.4f}", "", n


def main() -> None:
    """Print the CSV, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True, help="a store of Penn Action")
    parser.add_argument("--clips", type=int, default=60, help="a replicate (default 60)")
    parser.add_argument("--replicates", type=int, default=8, help="a setting (default 8)")
    parser.add_argument("--out", type=Path, help="CSV file to write besides printing")
    options = parser.parse_args()
    with open_store(options.store) as store:
        clips = clips_of(store)
    lines: list[tuple] = [COLUMNS]
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)

    def rows() -> Iterator[tuple]:
        for name in SETTINGS:
            yield from rows_of(name, clips, options.clips, options.replicates)
        for name in WIDTHS:
            for of_peak in (0.0, 0.02):
                yield from width_rows(name, clips, of_peak)

    for row in rows():
        lines.append(row)
        writer.writerow(row)
        sys.stdout.flush()
    if options.out:
        with options.out.open("w", newline="") as file:
            csv.writer(file).writerows(lines)


if __name__ == "__main__":
    main()
