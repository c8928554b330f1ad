"""The models: each module of this folder that has a ``NAME`` is one, found by scanning the folder.

A module without ``NAME`` holds what several models share. To add a model, add one file (and its
test): ``NAME``, ``CONSUMES`` and ``build`` are all that the trainer asks of it. It may also have a
``PRESET`` of settings and ``LOSSES`` of its own.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, Protocol, cast

from torch import Tensor, nn

from pose_smoother.errors import unknown_name
from pose_smoother.registry import named_modules
from trainer.data.batch import Batch

#: (model, batch) -> (scalar loss, the model's output)
BatchLoss = Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]


class ModelModule(Protocol):
    """The interface of a model's module.

    Attributes
    ----------
    NAME : the model's name on the command line and in every table.
    CONSUMES : ``"heatmaps"``: forward maps float32 (B, T, K, 56, 56) to the same shape; or
        ``"coordinates"``: forward maps float32 (B, T, 2K) to the same shape, x0, y0, x1, y1, ... as
        ``px / 27.5 - 1``, a keypoint without a position at 0. Nothing else is read or rendered.
    """

    NAME: str
    CONSUMES: Literal["heatmaps", "coordinates"]

    def build(self, n_keypoints: int = 25, n_frames: int = 5) -> nn.Module:
        """A new model, its weights drawn from torch's global generator."""


def preset(name: str) -> dict[str, Any]:
    """A model's own settings, by the names of ``TrainConfig``: its module's ``PRESET``.

    The thesis's settings (DESIGN section 8) hold for what is not in it, and for models without.

    Raises
    ------
    InvalidInputError : no model has this name.
    """
    return dict(getattr(model_module(name), "PRESET", {}))


def own_losses(module: ModelModule) -> Mapping[str, BatchLoss]:
    """A model's own losses by name: its module's ``LOSSES``; most models have none."""
    return getattr(module, "LOSSES", {})


@cache
def models() -> dict[str, ModelModule]:
    """Registered models by name, sorted."""
    return cast(dict[str, ModelModule], named_modules(__name__, __path__))


def model_module(name: str) -> ModelModule:
    """The module of one model.

    Raises
    ------
    InvalidInputError : no model has this name; the text lists those there are.
    """
    try:
        return models()[name]
    except KeyError:
        raise unknown_name("model", name, list(models())) from None
