"""What a run sets out from when not from random weights: another run's model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from trainer.data.stream import WindowStream
from trainer.evaluation.evaluate import Smooth
from trainer.training.config import TrainConfig

SUFFIX = "-finetuned"


@dataclass(frozen=True)
class WarmStart:
    """A trained model to go on from.

    Attributes
    ----------
    weights : of a model as the run's configuration names it.
    identity : JSON-able, what else decides the run's numbers; joins its identity.
    about : JSON-able, what readers should know; joins ``config.json``.
    references : makes the smoothers that are tested beside the model, once it is trained.
    beside : training windows that are read in turn with the run's own, or None.
    """

    weights: Mapping[str, Tensor]
    identity: Mapping[str, Any]
    about: Mapping[str, Any]
    references: Callable[[], Mapping[str, Smooth]]
    beside: WindowStream | None = None


def folder_name(config: TrainConfig, start: WarmStart | None) -> str:
    """The name of a run's folder."""
    return config.run_name + ("" if start is None else SUFFIX)
