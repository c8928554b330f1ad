"""Which noise a run sees: new in every epoch, or fixed once as in the thesis's own protocol.

The thesis drew its noise once, when it preprocessed, and for Penn Action one shift a keypoint for a
whole clip. A store that was cut the thesis's way is read that way too unless told otherwise, so
that the effects of the cut and of the noise can be measured apart.
"""

from pipeline.contract.errors import BadInput
from pipeline.contract.store import Store
from trainer.experiments import experiment
from trainer.input.noise import NoiseConfig

NOISES = ("auto", "fresh", "frozen")
#: What runs were made with before ``noise`` was a setting.
UNRECORDED_NOISE = "fresh"
#: Datasets whose clips had one shift a keypoint for all their frames in the thesis.
PER_CLIP_DATASETS = ("penn-action",)


def check_noise(noise: str) -> None:
    """Raise BadInput unless the name is one of ``NOISES``."""
    if noise not in NOISES:
        raise BadInput(f"unknown noise {noise!r}; known: {', '.join(NOISES)}")


def resolved_noise(noise: str, store: Store) -> str:
    """What "auto" means for a store: "frozen" for the thesis's protocol, else "fresh"."""
    if noise != "auto":
        return noise
    return "frozen" if store.attrs["config"].get("protocol") == "thesis" else "fresh"


def noise_config(name: str, noise: str, mu_in_px: float, store: Store) -> NoiseConfig:
    """The noise of an experiment on a store.

    Parameters
    ----------
    name : of the experiment.
    noise : one of ``NOISES``.
    mu_in_px : mean of the shift.
    """
    chosen = experiment(name)
    frozen = resolved_noise(noise, store) == "frozen"
    return NoiseConfig(
        chosen.k,
        chosen.sigma_in_px,
        mu_in_px,
        frozen=frozen,
        per_clip_datasets=PER_CLIP_DATASETS if frozen else (),
    )
