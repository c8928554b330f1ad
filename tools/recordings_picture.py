"""Draw one keypoint of five recordings, good and bad: detected, smoothed by ``auto``, reference.

    python tools/recordings_picture.py FOLDER docs/pictures/recordings.png

FOLDER holds the recordings (see ``benchmarks/recordings.py``); only the curves are drawn.
"""

import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

import pose_smoother as ps

CASES = (
    ("multicam_cam2_mpstatic", "good: another person, put back"),
    ("avatar1_mpfull", "good"),
    ("vicon_walk", "good"),
    ("slp_soup_mmpose", "bad: hardly better than detected"),
    ("avatar2_mpcoco", "bad: no better than detected, which is smooth already"),
)
FRAMES = 130


def main() -> None:
    """Draw the picture."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    figure, axes = plt.subplots(len(CASES), 1, figsize=(9, 11), layout="constrained")
    for axis, (name, verdict) in zip(axes, CASES, strict=True):
        with np.load(folder / f"{name}.npz") as stored:
            raw, reference = stored["keypoints"].astype(float), stored["reference"].astype(float)
            scores, names = stored["scores"].astype(float), stored["names"]
        smooth = ps.smooth(raw, scores=scores)
        both = np.isfinite(raw).all(axis=-1) & np.isfinite(reference).all(axis=-1)
        seen = both.sum(axis=0) > 0.8 * both.sum(axis=0).max()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # keypoints never seen
            spread = np.nanstd(reference[:FRAMES, :, 0], axis=0)
        keypoint = int(np.argmax(np.where(seen, np.nan_to_num(spread), -1.0)))
        shift = np.nanmedian(np.where(both[..., None], raw - reference, np.nan)[:, keypoint, 0])
        lines = ((raw, "0.6", 1.0), (reference + shift, "tab:green", 1.2), (smooth, "tab:red", 1.2))
        for (values, colour, width), label in zip(
            lines, ("detected", "reference, offset added", "auto"), strict=True
        ):
            axis.plot(values[:FRAMES, keypoint, 0], color=colour, linewidth=width, label=label)
        axis.set_title(f"{name}, {names[keypoint]}, x in px ({verdict})", fontsize=9, loc="left")
    axes[0].legend(fontsize=8, ncols=3, frameon=False)
    axes[-1].set_xlabel("frame")
    figure.savefig(out, dpi=90)


if __name__ == "__main__":
    main()
