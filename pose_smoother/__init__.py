"""Better keypoints from any pose detector: read them, smooth them, write them.

    import pose_smoother as ps

    poses = ps.read_poses("session.csv")
    ps.write_poses(ps.smooth(poses), "session_smooth.csv")

Names are imported when they are first used, so that importing the package costs nothing. Below it
are what the programs ``pipeline`` and ``trainer`` share: stores, remote files, atomic writes.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pose_smoother.errors import (
        InvalidInputError,
        PoseSmootherError,
        RunError,
        StoreError,
    )
    from pose_smoother.inspection.inspect import inspect
    from pose_smoother.inspection.report import Inspection
    from pose_smoother.poses.formats import read_poses, write_poses
    from pose_smoother.poses.tracks import Poses, Track
    from pose_smoother.smoothing.live import Live
    from pose_smoother.smoothing.runs import load_results, load_run
    from pose_smoother.smoothing.smooth import smooth
    from pose_smoother.store.open import open_store

__all__ = [
    "Inspection",
    "InvalidInputError",
    "Live",
    "PoseSmootherError",
    "Poses",
    "RunError",
    "StoreError",
    "Track",
    "__version__",
    "inspect",
    "load_results",
    "load_run",
    "open_store",
    "read_poses",
    "smooth",
    "write_poses",
]

#: The module of each public name.
_MODULES = {
    **dict.fromkeys(("InvalidInputError", "PoseSmootherError", "RunError", "StoreError"), "errors"),
    **dict.fromkeys(("load_results", "load_run"), "smoothing.runs"),
    **dict.fromkeys(("Poses", "Track"), "poses.tracks"),
    "Inspection": "inspection.report",
    "Live": "smoothing.live",
    "inspect": "inspection.inspect",
    "open_store": "store.open",
    **dict.fromkeys(("read_poses", "write_poses"), "poses.formats"),
    "smooth": "smoothing.smooth",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("pose-smoother")
    elif name in _MODULES:
        value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
