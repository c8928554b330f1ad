"""A pass over a split without training: its loss, and the scores of what the model predicts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.codec import positions_px
from trainer.input.stream import Batch, WindowStream
from trainer.losses import BatchLoss
from trainer.precision import computing_in
from trainer.results.metrics import Scorer
from trainer.results.scores import Scores
from trainer.smoothers.holes import filled
from trainer.step import FirstBad, NotFinite

#: Noisy positions, float32 (B, T, K, 2) in pixels with NaN where not annotated -> smoothed ones.
Smoother = Callable[[NDArray[np.float32]], NDArray[np.float32]]

#: Windows whose positions are kept and scored together: scoring is many small operations, which
#: for DeciWatch cost a fifth of its forward pass batch by batch. The sums are of whole numbers.
_SCORED_AT_ONCE = 256


@dataclass(frozen=True)
class Evaluation:
    """What a pass found.

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
    references: Mapping[str, Smoother] | None = None,
    precision: str = "float32",
    on_batch: Callable[[Tensor], None] = lambda loss: None,
) -> Evaluation:
    """Judge a model on every window of a split.

    Parameters
    ----------
    missing_torso : as in ``Scorer``.
    references : smoothers to score on the same noisy positions.
    precision : of the model's matrix products; tests are made in float32, on every machine.
    on_batch : called after every batch with its loss.

    Raises
    ------
    NotFinite : the loss of a batch is not finite.
    RunError : a predicted position is not finite.
    """
    smoothers = dict(references or {})
    scorers = {
        name: Scorer(stream.clip_count, stream.device, missing_torso=missing_torso)
        for name in ("", *smoothers)
    }
    total = torch.zeros((), dtype=torch.float64, device=stream.device)
    bad = FirstBad(stream.device)
    waiting: list[tuple[Batch, Tensor]] = []
    model.eval()
    with torch.inference_mode():
        for index, batch in enumerate(stream.epoch(0)):
            with computing_in(precision, stream.device):
                loss, output = batch_loss(model, batch)
            bad.note(loss.isfinite(), index)
            total += loss * len(batch.window)
            # Heatmaps live until the next batch only; scoring needs none.
            positions = positions_px(output, stream.consumes)
            waiting.append((replace(batch, target=None, input=None), positions))
            if sum(len(held.window) for held, _ in waiting) >= _SCORED_AT_ONCE:
                _score(waiting, scorers, smoothers)
            on_batch(loss)
        _score(waiting, scorers, smoothers)
    if (first_bad := bad.index()) is not None:
        raise NotFinite(first_bad)
    scores = {name: scorer.scores() for name, scorer in scorers.items()}
    return Evaluation(float(total) / stream.n_windows, scores.pop(""), scores)


def _score(
    waiting: list[tuple[Batch, Tensor]],
    scorers: Mapping[str, Scorer],
    smoothers: Mapping[str, Smoother],
) -> None:
    """Score batches and their predictions together, and forget them."""
    if not waiting:
        return
    batch = _joined([held for held, _ in waiting])
    predicted = {"": torch.cat([positions for _, positions in waiting])}
    noisy = noisy_positions(batch) if smoothers else None
    for name, smooth in smoothers.items():
        assert noisy is not None
        predicted[name] = torch.from_numpy(smooth(noisy)).to(batch.window.device)
    for name, positions in predicted.items():
        scorers[name].update(positions, batch.keypoints, batch.annotated, batch.clip)
    waiting.clear()


def _joined(batches: list[Batch]) -> Batch:
    """One batch of several, without heatmaps."""
    names = [f.name for f in fields(Batch) if f.name not in ("target", "input")]
    joined = {name: torch.cat([getattr(batch, name) for batch in batches]) for name in names}
    if all(batch.detected is batch.annotated for batch in batches):
        joined["detected"] = joined["annotated"]  # nothing was missed: no hole is to be filled
    return Batch(**joined, target=None, input=None)


def noisy_positions(batch: Batch) -> NDArray[np.float32]:
    """What smoothers read: float32 (B, T, K, 2) in pixels on the host, NaN where not annotated.

    What a detector missed is filled by interpolation: it is scored, so it needs a position.
    """
    noisy = _on_host(batch.noisy, batch.detected)
    if batch.detected is batch.annotated:
        return noisy
    return filled(noisy, batch.annotated.cpu().numpy())


def true_positions(batch: Batch) -> NDArray[np.float32]:
    """What smoothers are fitted to and judged by, in the same form."""
    return _on_host(batch.keypoints, batch.annotated)


def _on_host(positions: Tensor, present: Tensor) -> NDArray[np.float32]:
    return positions.float().masked_fill(~present[..., None], torch.nan).cpu().numpy()
