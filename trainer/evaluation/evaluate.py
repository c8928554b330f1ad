"""A pass over a split without training: its loss, and the scores of what the model predicts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pose_smoother.filters.interpolate import interpolate_missing
from trainer.data.stream import Batch, WindowStream
from trainer.metrics.ground_truth import GroundTruth
from trainer.metrics.scorer import Scorer
from trainer.metrics.scores import Scores
from trainer.models import BatchLoss
from trainer.models.codec import positions_px
from trainer.models.nonfinite import FirstBad, NonFiniteError
from trainer.models.precision import computing_in

#: Noisy positions, float32 (B, T, K, 2) in pixels with NaN where not annotated -> smoothed ones.
Smooth = Callable[[NDArray[np.float32]], NDArray[np.float32]]

#: Windows that are scored together, and that a model of coordinates computes together: both are
#: many small operations, and DeciWatch takes half the time of batches of 16. Sums of scores are of
#: whole numbers; a model's output for a window depends on how many there are, by float32 rounding.
AT_ONCE = 256


@dataclass(frozen=True)
class Evaluation:
    """The result of a pass.

    Attributes
    ----------
    loss : mean over windows, in the terms that the model is trained in.
    scores : of the model.
    references : scores of the smoothers asked for, by name, on the same windows.
    """

    loss: float
    scores: Scores
    references: dict[str, Scores] = field(default_factory=dict)


def evaluate(
    model: nn.Module,
    stream: WindowStream,
    batch_loss: BatchLoss,
    missing_torso: str,
    *,
    references: Mapping[str, Smooth] | None = None,
    precision: str = "float32",
    on_batch: Callable[[Tensor], None] = lambda loss: None,
) -> Evaluation:
    """Evaluate a model on every window of a split.

    Parameters
    ----------
    missing_torso : as in ``Scorer``.
    references : smoothers to score on the same noisy positions.
    precision : of the model's matrix products; tests are made in float32, on every machine.
    on_batch : called after every batch with the loss that was computed last.

    Raises
    ------
    NonFiniteError : the loss of a batch is not finite.
    RunError : a predicted position is not finite.
    """
    evaluator = _Evaluator(model, stream, batch_loss, missing_torso, references or {}, precision)
    model.eval()
    at_once = AT_ONCE if stream.consumes == "coordinates" else 1  # heatmaps live until the next
    group: list[Batch] = []
    loss, n_evaluated = torch.zeros((), device=stream.device), 0
    with torch.inference_mode():
        for batch in stream.epoch(0):
            group.append(batch)
            if sum(len(one.window) for one in group) >= at_once:
                loss = evaluator.take(group, n_evaluated)
                n_evaluated += len(group)
                group = []
            on_batch(loss)
        if group:
            evaluator.take(group, n_evaluated)
    return evaluator.evaluation(stream.n_windows)


class _Evaluator:
    """The loss and the scores of a pass, group of batches by group of batches."""

    def __init__(
        self,
        model: nn.Module,
        stream: WindowStream,
        batch_loss: BatchLoss,
        missing_torso: str,
        smoothers: Mapping[str, Smooth],
        precision: str,
    ) -> None:
        device, self._consumes = stream.device, stream.consumes
        self._model, self._batch_loss, self._smoothers = model, batch_loss, smoothers
        self._computing = partial(computing_in, precision, device)
        self._scorers = {
            name: Scorer(stream.clip_count, device, missing_torso=missing_torso)
            for name in ("", *smoothers)
        }
        self._total = torch.zeros((), dtype=torch.float64, device=device)
        self._bad = FirstBad(device)
        self._waiting: list[tuple[Batch, Tensor]] = []

    def take(self, group: list[Batch], first: int) -> Tensor:
        """Evaluate some batches as one; their loss.

        Parameters
        ----------
        first : the number of the first of them.

        Raises
        ------
        NonFiniteError : the loss of one of several is not finite. ``evaluation`` raises that of
            single ones, so no one waits for the device.
        """
        batch = group[0] if len(group) == 1 else _joined(group)
        with self._computing():
            loss, output = self._batch_loss(self._model, batch)
        if len(group) > 1 and not loss.isfinite():
            raise NonFiniteError(first + self._culprit(group))
        self._bad.note(loss.isfinite(), first)
        self._total += loss * len(batch.window)
        # Scoring needs no heatmaps, and they live until the next batch only.
        positions = positions_px(output, self._consumes)
        self._waiting.append((replace(batch, target=None, input=None), positions))
        if sum(len(held.window) for held, _ in self._waiting) >= AT_ONCE:
            self._score()
        return loss

    def evaluation(self, n_windows: int) -> Evaluation:
        """The result of all batches.

        Raises
        ------
        NonFiniteError : the loss of a batch was not finite.
        RunError : a predicted position is not finite.
        """
        self._score()
        if (first_bad := self._bad.index()) is not None:
            raise NonFiniteError(first_bad)
        scores = {name: scorer.scores() for name, scorer in self._scorers.items()}
        return Evaluation(float(self._total) / n_windows, scores.pop(""), scores)

    def _culprit(self, group: list[Batch]) -> int:
        """The index of the batch whose own loss is not finite; 0 if none is."""
        for number, batch in enumerate(group):
            with self._computing():
                loss, _ = self._batch_loss(self._model, batch)
            if not loss.isfinite():
                return number
        return 0

    def _score(self) -> None:
        """Score the batches that wait and their predictions together, and forget them."""
        if not self._waiting:
            return
        batches, predictions = zip(*self._waiting, strict=True)
        self._waiting.clear()
        batch = _joined(batches)
        truth = GroundTruth(batch.keypoints, batch.annotated)
        self._scorers[""].update(torch.cat(predictions), truth, batch.clip)
        noisy = noisy_positions(batch) if self._smoothers else None
        for name, smooth in self._smoothers.items():
            assert noisy is not None
            smoothed = torch.from_numpy(smooth(noisy)).to(batch.window.device)
            self._scorers[name].update(smoothed, truth, batch.clip)


def _joined(batches: Sequence[Batch]) -> Batch:
    """One batch of several, without heatmaps."""
    if len(batches) == 1:
        return batches[0]
    names = [f.name for f in fields(Batch) if f.name not in ("target", "input")]
    joined = {name: torch.cat([getattr(batch, name) for batch in batches]) for name in names}
    if all(batch.detected is batch.annotated for batch in batches):
        joined["detected"] = joined["annotated"]  # nothing was missed: nothing is interpolated
    return Batch(**joined, target=None, input=None)


def noisy_positions(batch: Batch) -> NDArray[np.float32]:
    """The input of smoothers: float32 (B, T, K, 2) in pixels on the host, NaN where not annotated.

    What a detector missed is interpolated: it is scored, so it needs a position.
    """
    noisy = _on_host(batch.noisy, batch.detected)
    if batch.detected is batch.annotated:
        return noisy
    return interpolate_missing(noisy, wanted=batch.annotated.cpu().numpy(), unseen="middle")


def true_positions(batch: Batch) -> NDArray[np.float32]:
    """The ground truth that smoothers are fitted to and scored by, in the same form."""
    return _on_host(batch.keypoints, batch.annotated)


def _on_host(positions: Tensor, present: Tensor) -> NDArray[np.float32]:
    return positions.float().masked_fill(~present[..., None], torch.nan).cpu().numpy()
