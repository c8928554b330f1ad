"""What kinds of detectors the simulator draws, number by number from measured recordings.

Every row of `PROFILES` is one group of recordings of real detectors with independent references
(the table "What the noise is" of the project's notes on real detections). Sizes are fractions of
the body size (about a human torso). `draw_parameters` spreads the measured numbers, because the
detectors that a user brings are other ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DetectorProfile:
    """Measured noise of one group of recordings; sizes are fractions of the body size.

    Attributes
    ----------
    offset, sd : float
        Constant offset of a keypoint, robust standard deviation of the rest.
    shares : tuple of 4 float
        Shares of the variance: white, time constant 1.5-4 frames, about 10 frames, over 25 frames.
    outlier_rate, outlier_size, burst_frames : float
        Share of points beyond 5 sd, their mean distance, mean length of a burst in frames.
    missing_rate, missing_frames : float
        Share of points without a detection, mean length of a run of them in frames.
    lag_frames : float
        Lag of the detector's own smoothing, frames; 0 where it has none.
    grid : float
        Chance that the detector snaps to a grid.
    speed_growth : float
        By how much the error of the fastest tenth of frames exceeds that of the slowest half.
    unit : float
        The torso or body that the table counts in, in root mean square distances of the keypoints
        from their centre, which the simulator counts in (two paws are far from a whole body).
    """

    offset: float
    sd: float
    shares: tuple[float, float, float, float]
    outlier_rate: float
    outlier_size: float
    burst_frames: float
    missing_rate: float
    missing_frames: float = 3.0
    lag_frames: float = 0.0
    grid: float = 0.1
    speed_growth: float = 1.0
    unit: float = 1.0


PROFILES = {
    "openpose_moving": DetectorProfile(
        0.024, 0.0265, (0.14, 0.38, 0.28, 0.20), 0.060, 0.31, 3.6, 0.061, grid=0.8, unit=0.9
    ),
    "openpose_still": DetectorProfile(
        0.013, 0.012, (0.06, 0.39, 0.55, 0.00), 0.085, 0.06, 2.0, 0.015, grid=0.8, unit=0.9
    ),
    "openpose_signers": DetectorProfile(
        0.019, 0.0066, (0.10, 0.07, 0.52, 0.31), 0.028, 0.04, 2.5, 0.022, grid=0.8, unit=1.4
    ),
    "openpose_rendered": DetectorProfile(
        0.057, 0.014, (0.04, 0.05, 0.61, 0.30), 0.016, 0.10, 6.0, 0.0, grid=0.8, unit=1.45
    ),
    "openpose_60fps": DetectorProfile(
        0.028, 0.033, (0.00, 0.87, 0.13, 0.00), 0.012, 0.35, 2.2, 0.021, grid=0.5, unit=0.9
    ),
    "rcnn": DetectorProfile(
        0.051, 0.013, (0.10, 0.34, 0.39, 0.16), 0.034, 0.08, 4.6, 0.0, unit=1.45
    ),
    "mediapipe": DetectorProfile(
        0.042, 0.016, (0.03, 0.12, 0.63, 0.23), 0.027, 0.09, 3.7, 0.0, unit=1.45
    ),
    "mediapipe_smoothed": DetectorProfile(
        0.039, 0.015, (0.0, 0.09, 0.71, 0.19), 0.025, 0.07, 9.4, 0.0, lag_frames=0.4, unit=1.45
    ),
    "mediapipe_signers": DetectorProfile(
        0.021, 0.0075, (0.10, 0.10, 0.54, 0.26), 0.025, 0.05, 2.7, 0.0, unit=1.4
    ),
    "mouse": DetectorProfile(
        0.001, 0.0031, (0.28, 0.72, 0.0, 0.0), 0.029, 0.03, 1.7, 0.0, unit=2.6
    ),
    "paw": DetectorProfile(0.008, 0.010, (0.06, 0.46, 0.01, 0.47), 0.045, 0.24, 6.1, 0.0, unit=4.0),
    "pupil": DetectorProfile(
        0.027, 0.027, (0.33, 0.33, 0.16, 0.18), 0.048, 0.19, 1.8, 0.0, unit=2.6
    ),
}


@dataclass(frozen=True)
class DetectorParameters:
    """The numbers of one simulated detector; see `DetectorProfile` for those with the same name.

    Attributes
    ----------
    keypoint_spread : float
        Standard deviation of the logarithm of a keypoint's own noise level.
    tau_frames : tuple of 3 float
        Time constants of the short, middle and long components, frames.
    tail_dof : float
        Degrees of freedom of the Student t of the white component; 0 means Gaussian.
    volatility : float
        Standard deviation of the logarithm of a slowly changing noise level.
    limb_correlation : float
        Share of the variance that neighbouring keypoints have in common, 0 to 1.
    mirror_share : float
        Share of bursts that are on the keypoint of the other side.
    grid_step : float
        Step of the grid that positions snap to, 0 for none.
    score_knowledge : float
        How strongly a score falls with the error; negative where the detector gives no scores.
    pose_locked : bool
        Whether the short and middle components stand still while a keypoint rests.
    """

    offset: float
    sd: float
    shares: tuple[float, float, float, float]
    tau_frames: tuple[float, float, float]
    keypoint_spread: float
    tail_dof: float
    volatility: float
    speed_growth: float
    limb_correlation: float
    outlier_rate: float
    outlier_size: float
    burst_frames: float
    mirror_share: float
    missing_rate: float
    missing_frames: float
    grid_step: float
    lag_frames: float
    score_knowledge: float
    pose_locked: bool


def _lognormal(rng: np.random.Generator, median: float, sigma: float) -> float:
    return float(median * np.exp(sigma * rng.normal()))


def draw_parameters(
    rng: np.random.Generator, profile: DetectorProfile | None = None, frame_rate: float = 30.0
) -> DetectorParameters:
    """Draw a detector.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    profile : DetectorProfile, optional
        The measured group to draw near. Without it a third of the draws are of broad ranges and
        the rest near a random row of `PROFILES`.
    frame_rate : float
        Frames per second; time constants were measured at about 30.

    Returns
    -------
    DetectorParameters
    """
    if profile is None:
        names = list(PROFILES)
        profile = PROFILES[names[rng.integers(len(names))]]
        if rng.random() < 0.35:
            profile = _broad_profile(rng)
    shares = rng.dirichlet(10.0 * np.asarray(profile.shares) + 0.05)
    rate = frame_rate / 30.0
    knowledge = -1.0 if rng.random() < 0.3 else float(rng.choice([0.0, 0.3, 1.0, 2.0]))
    sd = _lognormal(rng, profile.unit * profile.sd, 0.5)
    grid_step = min(_lognormal(rng, 0.007, 0.6), sd) if rng.random() < profile.grid else 0.0
    return DetectorParameters(
        offset=_lognormal(rng, profile.unit * profile.offset, 0.4),
        sd=sd,
        shares=(float(shares[0]), float(shares[1]), float(shares[2]), float(shares[3])),
        tau_frames=(
            rate * float(rng.uniform(1.5, 4.0)),
            rate * float(rng.uniform(8.0, 17.0)),
            rate * float(rng.uniform(25.0, 60.0)),
        ),
        keypoint_spread=float(rng.uniform(0.1, 0.5)),
        tail_dof=float(rng.choice([0.0, 0.0, 3.0, 5.0])),
        volatility=float(rng.choice([0.0, 0.3, 0.5])),
        speed_growth=_lognormal(rng, profile.speed_growth, 0.5),
        limb_correlation=float(rng.uniform(0.0, 0.5)),
        outlier_rate=0.0
        if rng.random() < 0.2
        else _lognormal(rng, 1.5 * profile.outlier_rate, 0.6),
        outlier_size=_lognormal(rng, profile.unit * profile.outlier_size, 0.6),
        burst_frames=_lognormal(rng, 1.8 * profile.burst_frames, 0.4),
        mirror_share=0.2,
        missing_rate=(
            0.0 if rng.random() < 0.3 else _lognormal(rng, max(profile.missing_rate, 0.003), 0.7)
        ),
        missing_frames=_lognormal(rng, profile.missing_frames, 0.5),
        grid_step=grid_step,
        lag_frames=profile.lag_frames * float(rng.uniform(0.5, 1.5)),
        score_knowledge=knowledge,
        pose_locked=bool(rng.random() < 0.3),
    )


def _broad_profile(rng: np.random.Generator) -> DetectorProfile:
    """A detector that is none of the measured ones; also the chapter's large white noise."""
    sd = float(np.exp(rng.uniform(np.log(0.002), np.log(0.12))))
    if rng.random() < 0.35:
        shares = (1.0, 0.0, 0.0, 0.0)
    else:
        a = rng.dirichlet([0.6, 1.2, 1.0, 0.6])
        shares = (float(a[0]), float(a[1]), float(a[2]), float(a[3]))
    return DetectorProfile(
        offset=0.02,
        sd=sd,
        shares=shares,
        outlier_rate=float(rng.choice([0.0, rng.uniform(0.0, 0.08)])),
        outlier_size=float(np.exp(rng.uniform(np.log(0.04), np.log(0.5)))),
        burst_frames=float(np.exp(rng.uniform(np.log(1.5), np.log(8.0)))),
        missing_rate=float(rng.choice([0.0, rng.uniform(0.0, 0.1)])),
        grid=0.25,
        speed_growth=float(rng.uniform(0.0, 2.0)),
    )
