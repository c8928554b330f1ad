"""Write the golden file again: python -m tests.golden.regenerate

Only when a change of these numbers is meant: they make old runs and stores comparable with new
ones. Say in the changelog that results of earlier versions can't be repeated.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.splits import split_groups
from pose_smoother import seeds
from pose_smoother.boxes import boxes_around, nearest_pixel, to_heatmap
from pose_smoother.heatmap import render
from pose_smoother.store.names import SPLITS
from tests.trainer.made_noise import detector
from trainer.experiments import EXPERIMENTS
from trainer.noise.detector import detected_input
from trainer.noise.detector_profiles import PROFILES, draw_parameters
from trainer.noise.gaussian import NoiseConfig, noisy_input
from trainer.noise.realistic import simulate

GOLDEN = Path(__file__).with_name("golden.json")


def noise(k: float, sigmas: tuple[float, ...]) -> dict[str, Any]:
    """Noise of three windows, two frames and four keypoints, all starting at (28, 28)."""
    keypoints = torch.full((3, 2, 4, 2), 28, dtype=torch.int64)
    annotated = torch.ones(3, 2, 4, dtype=torch.bool)
    window = torch.tensor([0, 7, 123_456])
    config = NoiseConfig(k, sigmas)
    positions, sigma = noisy_input(keypoints, annotated, window, config, 3, seeds.TEST_NOISE, 0)
    return {"positions": positions.tolist(), "sigma_index": sigma.tolist()}


def detected() -> dict[str, Any]:
    """Two windows as a measured detector would give them, all keypoints at (27, 27)."""
    noise = detector(spread_px=(2.0, 3.5), outliers=0.05, outlier_spread_px=(8.0, 9.0))
    keypoints = torch.full((2, 5, 25, 2), 27)
    annotated = torch.ones(2, 5, 25, dtype=torch.bool)
    window = torch.tensor([3, 123_456])
    found, there, _ = detected_input(keypoints, annotated, window, noise, 3, seeds.TEST_NOISE, 0)
    return {"positions": found.flatten().tolist(), "n_detected": int(there.sum())}


def detectors() -> list[float]:
    """The parameters of simulated detectors: three near each measured row, twelve near any."""
    chosen = [(name, seed) for name in PROFILES for seed in range(3)]
    drawn = [
        draw_parameters(np.random.default_rng((1, seed)), PROFILES.get(name), 24.0 + seed)
        for name, seed in [*chosen, *(("any", seed) for seed in range(12))]
    ]
    return [float(v) for one in drawn for v in np.hstack(list(asdict(one).values()))]


def detections() -> list[float]:
    """By keypoint: means and spreads of simulated detections, of scores, and how many miss."""
    plain = draw_parameters(np.random.default_rng(0), PROFILES["openpose_moving"])
    plain = replace(plain, tail_dof=0.0, volatility=0.0, grid_step=0.0, score_knowledge=0.3)
    many = replace(plain, outlier_rate=0.2, missing_rate=0.2, limb_correlation=0.3)
    found: list[float] = []
    for index, (parameters, n_keypoints) in enumerate(
        [
            (plain, 6),
            (many, 6),
            (replace(many, mirror_share=0.9, burst_frames=0.5, missing_frames=0.5), 6),
            (replace(plain, tail_dof=3.0, lag_frames=0.4), 6),
            (replace(plain, tail_dof=1.0, volatility=0.5, speed_growth=1.5), 4),
            (replace(many, pose_locked=True, score_knowledge=2.0), 4),
            (replace(plain, grid_step=0.01, score_knowledge=-1.0), 3),
            (replace(many, keypoint_spread=0.0), 1),
        ]
    ):
        rng = np.random.default_rng((2, index))
        time = np.arange(90)[:, None, None]
        clean = 3 * rng.normal(size=(1, n_keypoints, 2)) + np.sin(time / 9 + rng.normal(size=2))
        made = simulate(clean.astype(np.float32), rng, parameters)
        values = [made.noisy.astype(np.float64), made.target.astype(np.float64)]
        found += [float(v) for one in values for v in np.nanmean(one, axis=0).ravel()]
        found += [float(v) for v in np.nanmean(np.diff(values[0], axis=0) ** 2, axis=0).ravel()]
        found += np.nan_to_num(made.scores, nan=-1.0).mean(axis=0, dtype=np.float64).tolist()
        found += np.isnan(made.noisy[..., 0]).sum(axis=0).tolist()
    return found


def numbers() -> dict[str, Any]:
    """Everything that must stay the same from version to version."""
    rng = np.random.default_rng(11)
    keypoints = rng.uniform(0, 400, (4, 25, 2))
    keypoints[rng.random((4, 25)) < 0.3] = np.nan
    boxes, _ = boxes_around(keypoints)
    pixels = nearest_pixel(to_heatmap(keypoints, boxes))
    corner = render(np.array([[0, 0], [3, 53]]), np.ones(2, bool))
    groups = [f"video{i // 2}" for i in range(40)]
    return {
        "noise": {e.name: noise(e.k, e.sigma_in_px) for e in EXPERIMENTS},
        "pixels": pixels.tolist(),
        "heatmap_values": [round(float(v), 4) for v in (corner[0, 0, 0], corner[1, 53, 3])],
        "splits": [SPLITS[i] for i in split_groups(groups, range(40), ["brace"] * 40, seed=5)],
        "window_order": seeds.rng(0, seeds.WINDOW_ORDER, 1, 0).permutation(12).tolist(),
        "train_order": seeds.rng(0, seeds.TRAIN_ORDER, 1).permutation(12).tolist(),
        "detected": detected(),
        "detectors": detectors(),
        "detections": detections(),
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(numbers(), indent=1) + "\n")
    print(f"wrote {GOLDEN}")
