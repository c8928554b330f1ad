"""Selection of a run's noise: new in every epoch, fixed once as in the thesis, or a detector's own.

The thesis drew its noise once, when it preprocessed, and for Penn Action one shift a keypoint for a
clip. A store that was cut by the thesis's protocol is read with its noise too, unless --noise says
otherwise, so that the effects of the cut and of the noise can be measured separately. A noise file
of ``trainer calibrate`` replaces the experiment's k and sigma_in, not its frame rate. Experiment
``real`` has the noise of simulated detectors, near the file's own if there is one.
"""

from dataclasses import replace
from pathlib import Path

from pose_smoother.errors import InvalidInputError, RunError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.plain import read_plain
from pose_smoother.store.config import THESIS
from pose_smoother.store.store import Store
from trainer.experiments import REAL, experiment
from trainer.noise.gaussian import NoiseConfig
from trainer.noise.noise_file import MAX_BYTES, SUFFIX, DetectorNoise, read_noise
from trainer.noise.recorded import RECORDED, RecordedNoise, holds_detections, recorded_noise
from trainer.noise.simulated import SimulatedNoise

NOISES = ("auto", "fresh", "frozen")
#: A run's own copy of the noise file it was made with: a run needs nothing outside its folder.
NOISE_FILE = "noise.toml"
#: Before the hash of a noise file in a run's identity.
FROM_FILE = "sha256:"
#: Datasets whose clips had one shift a keypoint for all their frames in the thesis.
PER_CLIP_DATASETS = ("penn-action",)


def check_noise(noise: str, mu_in_px: float = 0.0, experiment: str = "") -> None:
    """Raise InvalidInputError unless the name is one of ``NOISES``, or of a noise file that can be
    used, and goes with the experiment.
    """
    if experiment == REAL.name and mu_in_px:
        raise InvalidInputError(
            f"--mu-in does not go with --exp {REAL.name}: its detectors have offsets of their own"
        )
    if is_file(noise):
        if read_noise(Path(noise)).detector is None and experiment == REAL.name:
            raise InvalidInputError(
                f"{noise} has no table [detector], from which --exp {REAL.name} draws: measure the "
                "detector again with `python -m trainer calibrate`, on videos of 60 frames and more"
            )
        if mu_in_px:
            raise InvalidInputError(f"--mu-in does not go with {noise}: its biases are in the file")
    elif noise not in (*NOISES, RECORDED):
        raise InvalidInputError(
            f"unknown noise {noise!r}; known: {', '.join(NOISES)}, or a file *{SUFFIX} made by "
            "`python -m trainer calibrate`"
        )


def is_file(noise: str) -> bool:
    """Whether a noise is the path of a noise file."""
    return noise.endswith(SUFFIX)


def resolved_noise(noise: str, store: Store) -> str:
    """The noise in a run's identity: the hash of a noise file; "auto" is resolved for the store.

    "auto" is "recorded" for a store that holds a detector's output, "frozen" for the thesis's
    protocol, else "fresh".
    """
    if is_file(noise):
        return FROM_FILE + read_noise(Path(noise)).sha256
    if noise != "auto":
        return noise
    if holds_detections(store):
        return RECORDED
    return "frozen" if store.config.protocol == THESIS else "fresh"


def noise_config(
    name: str, noise: str, mu_in_px: float, store: Store
) -> NoiseConfig | DetectorNoise | RecordedNoise | SimulatedNoise:
    """The noise of an experiment on a store.

    Parameters
    ----------
    name : of the experiment.
    noise : one of ``NOISES``, or the path of a noise file; then the experiment gives but its step,
        over which a correlation from frame to frame is taken to that power.
    mu_in_px : mean of the shift.
    """
    chosen = experiment(name)
    if is_file(noise):
        measured = read_noise(Path(noise))
        if chosen == REAL:
            return SimulatedNoise(chosen.sigma_in_px, detector=measured.detector)
        rows = (replace(k, correlation=k.correlation**chosen.step) for k in measured.keypoints)
        return replace(measured, keypoints=tuple(rows))
    resolved = resolved_noise(noise, store)
    if resolved == RECORDED:
        return recorded_noise(store, chosen.sigma_in_px)
    frozen = resolved == "frozen"
    if chosen == REAL:
        return SimulatedNoise(chosen.sigma_in_px, frozen)
    return NoiseConfig(
        chosen.k,
        chosen.sigma_in_px,
        mu_in_px,
        frozen=frozen,
        per_clip_datasets=PER_CLIP_DATASETS if frozen else (),
    )


def save_noise_file(folder: Path, noise: str) -> None:
    """Copy the noise file of a run into its folder; that of an earlier run is removed."""
    copy = folder / NOISE_FILE
    if not is_file(noise):
        copy.unlink(missing_ok=True)
    elif Path(noise).resolve() != copy.resolve():
        write_atomic(copy, read_plain(Path(noise), MAX_BYTES))


def load_noise_file(folder: Path, noise: str) -> str:
    """The noise of a finished or interrupted run, as its settings take it.

    Parameters
    ----------
    noise : what the run's identity holds.

    Raises
    ------
    RunError : the run's copy of its noise file is absent, or is no longer what it was.
    """
    if not noise.startswith(FROM_FILE):
        if noise not in (*NOISES, RECORDED):  # a path would be read wherever it leads
            raise RunError(f"{folder}/config.json is damaged: its noise is none that runs record")
        return noise
    file = folder / NOISE_FILE
    try:
        found = FROM_FILE + read_noise(file).sha256
    except InvalidInputError as error:
        raise RunError(f"{folder} was made with a noise file, but its copy: {error}") from None
    if found != noise:
        raise RunError(f"{file} is no longer the noise that {folder} was made with")
    return str(file)
