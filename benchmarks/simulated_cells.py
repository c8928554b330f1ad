"""``auto`` on simulated motion with normal noise, against the best of 21 filters.

    python -m benchmarks.simulated_cells --out benchmarks/results/simulated_cells.csv

Clips of synthetic motion that no training drew (three seeds of their own; cells depend on the
motion drawn), white or AR(1) noise of three sizes, in body sizes. A row for each cell: the error of
``auto`` over that of the filter that is best in the cell by the truth, and over that of each clip's
best filter (geometric mean). A seed's last row is clean input: the farthest that ``auto`` moves a
point, as a share of the body, in the clip where it is worst.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import pose_smoother as ps
from benchmarks.simulated import CORRELATIONS, Floats, noise
from pose_smoother.pretrained.features import body_size
from trainer.data.clean_motion import MotionPool
from trainer.runs.results_io import write_csv

SEEDS = (4242, 90210, 31337)
SIGMAS = (0.05, 0.1, 0.16)  # body sizes
KEYPOINTS, FRAMES, RATE = 13, 150, 30.0
FILTERS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("median", {"width_frames": width}) for width in (3, 5, 7)),
    *(("gaussian", {"sigma_frames": sigma}) for sigma in (0.7, 1.0, 1.5, 2.0, 3.0)),
    *(("savgol", {"width_frames": width, "polyorder": 2}) for width in (7, 11, 15)),
    *(("butterworth", {"cutoff_hz": cutoff}) for cutoff in (1.5, 3.0, 6.0)),
    *(("kalman", {"noise_ratio": ratio}) for ratio in (0.003, 0.01, 0.03, 0.1, 0.3)),
    ("mean", {}),
    ("hampel,kalman", {}),
)


def motions(n_clips: int, seed: int) -> list[Floats]:
    """Clean clips in body sizes, (T, K, 2) each."""
    pool, rng = MotionPool(seed, 4 * n_clips), np.random.default_rng(seed)
    drawn = [pool.draw(rng, FRAMES, KEYPOINTS, RATE).positions for _ in range(n_clips)]
    return [clip.astype(np.float64) / body_size(clip) for clip in drawn]


def smoothed(noisy: Floats, name: str = "auto", params: dict[str, Any] | None = None) -> Floats:
    """Smoothed at hundreds of pixels a body, as in a picture."""
    return np.asarray(ps.smooth(100.0 * noisy, name, fps=RATE, **(params or {}))) / 100.0


def cell(
    clips: list[Floats], sigma: float, correlation: float, progress: tqdm, seed: int
) -> dict[str, Any]:
    """One row: clips with noise of one size and kind."""
    rng = np.random.default_rng((seed, int(1000 * sigma), int(10 * correlation)))
    ours, others = [], []
    for clean in clips:
        noisy = clean + sigma * noise(clean.shape, correlation, rng)
        found = [smoothed(noisy), *(smoothed(noisy, name, params) for name, params in FILTERS)]
        errors = [float(np.linalg.norm(one - clean, axis=-1).mean()) for one in found]
        ours.append(errors[0])
        others.append(errors[1:])
        progress.update()
    table = np.array(others)
    best = np.log(np.array(ours) / table.min(axis=1)).mean()
    over_cell = np.mean(ours) / table.mean(axis=0).min()
    return {
        "sigma": sigma,
        "correlation": correlation,
        "over_best_of_cell": round(float(over_cell), 3),
        "over_best_of_clip": round(float(np.exp(best)), 3),
        "clean_moved": "",
    }


def clean_moved(clips: list[Floats]) -> list[float]:
    """The farthest that a point of each clean clip is moved, body sizes."""
    return [float(np.linalg.norm(smoothed(clip) - clip, axis=-1).max()) for clip in clips]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="CSV to write")
    parser.add_argument("--clips", type=int, default=16, help="[default: 16]")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help=f"[default: {SEEDS}]")
    given = parser.parse_args()
    cells = [(sigma, correlation) for correlation in CORRELATIONS for sigma in SIGMAS]
    rows = []
    with tqdm(total=len(cells) * given.clips * len(given.seeds), unit="clip") as progress:
        for seed in given.seeds:
            clips = motions(given.clips, seed)
            own = [cell(clips, *of, progress, seed) for of in cells]
            own.append({"sigma": 0.0, "clean_moved": round(max(clean_moved(clips)), 5)})
            rows += [{"seed": seed, **row} for row in own]
    columns = (
        "seed",
        "sigma",
        "correlation",
        "over_best_of_cell",
        "over_best_of_clip",
        "clean_moved",
    )
    write_csv(given.out, columns, [{key: row.get(key, "") for key in columns} for row in rows])
    for row in rows:
        print(*(row.get(key, "") for key in columns))


if __name__ == "__main__":
    main()
