"""Noise files and noises made up for tests."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pose_smoother.skeleton import KEYPOINTS
from trainer.noise.noise_file import PAIRS, VERSION, DetectorNoise, KeypointNoise

CLEAN = KeypointNoise((0.0, 0.0), (2.0, 2.0), 0.0, (9.0, 9.0), 0.0, 0.0)


def detector(swapped: float = 0.0, sigmas: Any = ((1.0, 1.0),), **every: Any) -> DetectorNoise:
    """One noise for all keypoints: ``CLEAN`` but for what is given; sigmas are (px, share)."""
    return DetectorNoise(
        (replace(CLEAN, **every),) * len(KEYPOINTS),
        (swapped,) * len(PAIRS),
        tuple(sigma for sigma, _ in sigmas),
        tuple(share for _, share in sigmas),
    )


def content(noise: DetectorNoise) -> dict[str, Any]:
    """What a noise file holds, as parsed."""
    rows = [{k: _listed(v) for k, v in asdict(row).items()} for row in noise.keypoints]
    return {
        "version": VERSION,
        "blur": {"sigma_in_px": list(noise.sigma_in_px), "share": list(noise.sigma_share)},
        "swapped": dict(zip(PAIRS, noise.swapped, strict=True)),
        "keypoints": dict(zip(KEYPOINTS, rows, strict=True)),
    }


def write(path: Path, noise: DetectorNoise) -> Path:
    """The noise as a file, written apart from the code under test."""
    tables = content(noise)
    lines = [f"version = {tables['version']}", "[blur]"]
    lines += [f"{key} = {value}" for key, value in tables["blur"].items()]
    lines += ["[swapped]", *(f"{key} = {value}" for key, value in tables["swapped"].items())]
    for name, row in tables["keypoints"].items():
        lines += [f"[keypoints.{name}]", *(f"{key} = {value}" for key, value in row.items())]
    path.write_text("\n".join(lines) + "\n")
    return path


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
