"""Longer windows: a row and a folder of their own, beside the thesis's 5 frames."""

from typing import Any

from pose_smoother.errors import InvalidInputError
from pose_smoother.store.names import WINDOW_FRAMES

#: Three times the longest that was ever of use; a model's weights grow with its window.
MAX_FRAMES = 243


def check_window(n_frames: int) -> None:
    """Raise InvalidInputError for a window shorter than those that stores list, or endless."""
    if not WINDOW_FRAMES <= n_frames <= MAX_FRAMES:
        raise InvalidInputError(
            f"a window has from {WINDOW_FRAMES} to {MAX_FRAMES} frames, got {n_frames}"
        )


def window_suffix(n_frames: int) -> str:
    """What the names of rows and folders end with where windows are longer than 5 frames."""
    return "" if n_frames == WINDOW_FRAMES else f"-w{n_frames}"


def without_usual_window(chosen: dict[str, Any]) -> dict[str, Any]:
    """Settings as runs have always been named by: windows of 5 frames go without saying."""
    usual = chosen["window"] == WINDOW_FRAMES
    return {name: v for name, v in chosen.items() if name != "window" or not usual}
