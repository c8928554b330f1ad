"""Smoothers on simulated detectors over six Penn Action actions, nothing tuned.

    python -m benchmarks.simulated LABELS --out benchmarks/results/simulated.csv

Annotated clips get Gaussian noise along each axis, as a share of the clip's torso: white, or AR(1).
Every filter of tracks with its defaults, two chains and ``auto`` smooth them. The error is the mean
distance from the annotation in thousandths of the torso, over all points of an action, then over
actions.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import pose_smoother as ps
from benchmarks.predict import torso_px
from pipeline.sources import SourceOptions, penn_action
from pose_smoother import seeds
from pose_smoother.smoothing.chain import track_filters
from trainer.runs.results_io import write_csv

Floats = NDArray[np.float64]

ACTIONS = ("baseball_pitch", "bench_press", "golf_swing", "jumping_jacks", "situp", "tennis_serve")
SIGMAS_TORSO = (0.05, 0.1, 0.16)
CORRELATIONS = (0.0, 0.6)
CHAINS = ("median,kalman", "hampel,kalman")


def clips(labels: Path, each: int) -> dict[str, list[Floats]]:
    """Annotated keypoints (T, K, 2) of the first clips of every action, without empty keypoints."""
    found: dict[str, list[Floats]] = {action: [] for action in ACTIONS}
    for item in penn_action.items(labels, SourceOptions()):
        for clip in penn_action.parse(item):
            there = np.isfinite(clip.keypoints).all(axis=(0, 2))
            own = found.get(clip.action, [])
            complete = (np.diff(clip.frames) == 1).all() and there.sum() >= 8
            if clip.action in found and len(own) < each and complete and len(clip.frames) >= 30:
                own.append(clip.keypoints[:, there] / torso_px(clip.keypoints))
    return found


def noise(shape: tuple[int, ...], correlation: float, rng: np.random.Generator) -> Floats:
    """Normal noise of unit variance over time, each frame's correlated with the last one's."""
    drawn = rng.normal(size=shape)
    for frame in range(1, len(drawn)):
        drawn[frame] *= np.sqrt(1 - correlation**2)
        drawn[frame] += correlation * drawn[frame - 1]
    return drawn


def rows(by_action: dict[str, list[Floats]], seed: int) -> Iterator[dict[str, Any]]:
    names = (*track_filters(), *CHAINS)
    progress = tqdm(total=len(SIGMAS_TORSO) * len(CORRELATIONS) * len(names), unit="smoother")
    for sigma in SIGMAS_TORSO:
        for correlation in CORRELATIONS:
            for name in names:
                errors = []
                for number, own in enumerate(by_action.values()):
                    rng = seeds.rng(seed, seeds.TEST_NOISE, 0, number)
                    distances = []
                    for true in own:  # in hundreds of pixels a torso, as in a picture
                        drawn = 100 * (true + sigma * noise(true.shape, correlation, rng))
                        found = ps.smooth(drawn, name, fps=30) / 100
                        distances.append(np.linalg.norm(found - true, axis=-1).ravel())
                    errors.append(1000 * float(np.concatenate(distances).mean()))
                progress.update()
                yield {
                    "sigma_torso": sigma,
                    "correlation": correlation,
                    "smoother": name,
                    "error": round(float(np.mean(errors)), 2),
                    **dict(zip(by_action, np.round(errors, 2).tolist(), strict=True)),
                }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("labels", type=Path, help="Penn Action's labels folder")
    parser.add_argument("--out", type=Path, required=True, help="CSV to write")
    parser.add_argument("--clips", type=int, default=10, help="of each action  [default: 10]")
    given = parser.parse_args()
    by_action = clips(given.labels, given.clips)
    found = list(rows(by_action, seed=0))
    write_csv(given.out, tuple(found[0]), found)
    for row in sorted(found, key=lambda r: (r["sigma_torso"], r["correlation"], r["error"])):
        print(*(row[key] for key in ("sigma_torso", "correlation", "smoother", "error")))
    print({action: len(own) for action, own in by_action.items()})


if __name__ == "__main__":
    main()
