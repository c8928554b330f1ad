"""The six experiments: the shift of the input, its blur, and the frame rate; and ``real``.

Source: thesis section 1.2; DESIGN section 6. ``real`` is not of the thesis: its noise is that of
simulated detectors (``trainer.noise.simulated``).
"""

from dataclasses import dataclass

from pose_smoother.errors import unknown_name

RANDOM_SIGMA_PX = (1.0, 1.5, 2.0, 2.5, 3.0)
FIXED_SIGMA_PX = (1.0,)
#: The four models of the thesis, in its order. With the six experiments they make its 24 runs.
THESIS_MODELS = ("3dconv", "deciwatch", "biconvlstm-s", "biconvlstm-c")


@dataclass(frozen=True)
class Experiment:
    """One experiment ``k.y``.

    Attributes
    ----------
    name : as in the thesis, "1.1" ... "2.3"; or "real".
    k : shifting-scalar; keypoints are shifted by N(0, (3k)^2) pixels. 0 for "real".
    sigma_in_px : the blurs that are drawn from, uniformly, per keypoint and frame.
    step : frames from one frame of a window to the next; 2 is half the frame rate.
    """

    name: str
    k: float
    sigma_in_px: tuple[float, ...]
    step: int


EXPERIMENTS: tuple[Experiment, ...] = tuple(
    Experiment(f"{k}.{y}", float(k), sigma_in_px, step)
    for k in (1, 2)
    for y, sigma_in_px, step in (
        (1, RANDOM_SIGMA_PX, 1),
        (2, FIXED_SIGMA_PX, 1),
        (3, RANDOM_SIGMA_PX, 2),
    )
)
#: Not of the thesis; its heatmaps have the middle one of the random blurs.
REAL = Experiment("real", 0.0, (RANDOM_SIGMA_PX[len(RANDOM_SIGMA_PX) // 2],), 1)
#: The six of the thesis, which grids, sweeps and "all" are of, and the one that is not.
KNOWN = (*EXPERIMENTS, REAL)


def experiment(name: str) -> Experiment:
    """One experiment by name.

    Raises
    ------
    InvalidInputError : no such experiment; lists the known ones.
    """
    for known in KNOWN:
        if known.name == name:
            return known
    raise unknown_name("experiment", name, [known.name for known in KNOWN])
