"""Settings that decide a run, and what each can be.

Nothing heavy is imported, so that a command lists its choices, and refuses others, at once.
"""

from dataclasses import dataclass
from typing import Any

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.store.names import WINDOW_FRAMES

#: Where to compute; "auto" is a GPU where there is one.
DEVICES = ("auto", "cpu", "cuda")
#: Ground-truth heatmaps; "auto" renders them where the store's heatmaps are impulses.
TARGETS = ("auto", "stored", "rendered")
#: Which frames PCK scores where a torso keypoint is missing: none, or those with one side. In the
#: order of the axis N of ``Scores``.
MISSING_TORSO = ("skip", "one-side")
#: The learning rate over time, and the stopping rule (``trainer.training.schedule``).
SCHEDULES = ("plateau", "one-cycle")
#: Of matrix products in training (``trainer.models.precision``).
PRECISIONS = ("auto", "float32", "bfloat16")
#: How positions are read off a model's heatmaps (``trainer.inference.decode``).
DECODERS = ("subpixel", "argmax")
#: Where `train --log` sends each epoch's numbers, too; each is an extra of the installation.
TRACKERS = ("tensorboard", "mlflow", "wandb")
#: Settings of runs without a budget of steps; the identity of such a run does not hold them.
_NO_BUDGET = {"budget_steps": None, "validation_share": 1.0}


@dataclass(frozen=True)
class Augmentation:
    """The augmentation of training windows, each drawn for a complete window.

    Attributes
    ----------
    mirror, reverse : share of the windows that are mirrored (left and right keypoints
        exchanged), and that run backwards.
    rotate_deg : rotated by U(-rotate_deg, rotate_deg).
    shear : sheared by U(-shear, shear): x moves by this share of y.
    leave_out : in half of the windows each keypoint is left out of all frames with this
        probability, as if it were not annotated; the box is cut around the rest.
    """

    mirror: float
    reverse: float = 0.0
    rotate_deg: float = 0.0
    shear: float = 0.0
    leave_out: float = 0.0


#: By name. "poses" was chosen on validation windows: docs/experiments.md.
AUGMENTATIONS: dict[str, Augmentation | None] = {
    "none": None,
    "mirror": Augmentation(mirror=0.5),
    "poses": Augmentation(mirror=0.5, reverse=0.5, rotate_deg=20.0, shear=0.15, leave_out=0.1),
}


def augmentation(name: str) -> Augmentation | None:
    """An augmentation by name; None is "none".

    Raises
    ------
    InvalidInputError : an unknown name.
    """
    check_choice("augmentation", name, tuple(AUGMENTATIONS))
    return AUGMENTATIONS[name]


def check_choice(kind: str, name: str, known: tuple[str, ...]) -> None:
    """Raise InvalidInputError, which lists the known names, unless a name is one of them."""
    if name not in known:
        raise unknown_name(kind, name, known)


#: Nine times the longest that was of use; a model's weights grow with its window.
MAX_WINDOW_FRAMES = 243


def check_seed(seed: int) -> None:
    """Raise InvalidInputError for a seed that is negative, or has more than 63 bits."""
    if not 0 <= seed < 2**63:
        raise InvalidInputError(f"seed must be from 0 to 2^63 - 1, got {seed}")


def check_window(n_frames: int) -> None:
    """Raise InvalidInputError for a window shorter than those that stores list, or endless."""
    if not WINDOW_FRAMES <= n_frames <= MAX_WINDOW_FRAMES:
        raise InvalidInputError(
            f"a window has from {WINDOW_FRAMES} to {MAX_WINDOW_FRAMES} frames, got {n_frames}"
        )


def window_suffix(n_frames: int) -> str:
    """The end of the names of rows and folders: empty for the thesis's 5 frames, else "-w9"."""
    return "" if n_frames == WINDOW_FRAMES else f"-w{n_frames}"


def without_default_window(chosen: dict[str, Any]) -> dict[str, Any]:
    """Settings without a window of 5 frames: runs from before it was a setting do not record it."""
    is_default = chosen["window"] == WINDOW_FRAMES
    return {name: v for name, v in chosen.items() if name != "window" or not is_default}


def budget_suffix(n_steps: int | None) -> str:
    """What the names of rows and folders end with where training has a budget."""
    return "" if n_steps is None else f"-b{n_steps}"


def without_default_budget(chosen: dict[str, Any]) -> dict[str, Any]:
    """Settings as runs have always been named by: a run without a budget does not mention one."""
    return {
        name: v for name, v in chosen.items() if name not in _NO_BUDGET or v != _NO_BUDGET[name]
    }
