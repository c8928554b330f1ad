"""The start of a run from another run's model instead of random weights."""

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
    """A trained model to continue from.

    Attributes
    ----------
    weights : of the model that the run's configuration names.
    identity : JSON-able, what else decides the run's numbers; added to its identity.
    metadata : JSON-able, for readers; added to ``config.json``.
    references : makes the smoothers that are tested on the same windows, once the model is trained.
    extra_stream : training windows that are read in turn with the run's own, or None.
    """

    weights: Mapping[str, Tensor]
    identity: Mapping[str, Any]
    metadata: Mapping[str, Any]
    references: Callable[[], Mapping[str, Smooth]]
    extra_stream: WindowStream | None = None


def folder_name(config: TrainConfig, start: WarmStart | None) -> str:
    """The name of a run's folder."""
    return config.run_name + ("" if start is None else SUFFIX)
