"""Evaluation of a model by several processes: each takes some of the batches.

Scores are sums of whole numbers, so the total does not depend on the shares; what is computed
together is the same as in a single process, so even the predictions are the same bits.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from pose_smoother.errors import PoseSmootherError, RunError
from trainer.data.stream import Batch, WindowStream
from trainer.distributed.process_group import ProcessGroup
from trainer.evaluation.evaluate import AT_ONCE, Evaluation, Smooth, evaluate
from trainer.metrics.scores import Scores
from trainer.models import BatchLoss
from trainer.models.nonfinite import NonFiniteError


def evaluate_together(
    ranks: ProcessGroup,
    model: nn.Module,
    stream: WindowStream,
    batch_loss: BatchLoss,
    missing_torso: str,
    *,
    references: Mapping[str, Smooth] | None = None,
    precision: str = "float32",
    on_batch: Callable[[Tensor], None] = lambda loss: None,
) -> Evaluation:
    """``trainer.evaluation.evaluate.evaluate``, its batches shared out; the result is the same for
    all.

    ``on_batch`` is called equally often in every process, so that it may exchange something.

    Raises
    ------
    NonFiniteError, RunError : as there; those of one process are raised in all.
    """

    def evaluated(windows: WindowStream) -> Evaluation:
        return evaluate(
            model,
            windows,
            batch_loss,
            missing_torso,
            references=references,
            precision=precision,
            on_batch=on_batch,
        )

    if ranks.is_single:
        return evaluated(stream)
    part = BatchShare(stream, ranks)
    failed: int | str | None = None  # the batch that was not finite, or what else went wrong
    own: Evaluation | None = None
    try:
        own = evaluated(cast(WindowStream, part))
    except NonFiniteError as error:
        failed = part.first + error.batch
    except PoseSmootherError as error:
        failed = str(error)
    nothing = torch.zeros((), device=stream.device)
    for _ in range(part.n_left):  # of this process's turns, in an error or where others have more
        on_batch(nothing)
    for other in ranks.all_gather(failed):
        if isinstance(other, int):
            raise NonFiniteError(other)
        if other is not None:
            raise RunError(other)
    assert own is not None
    loss = float(ranks.total(np.array(own.loss)))
    references_scores = {name: _total(ranks, scores) for name, scores in own.references.items()}
    return Evaluation(loss, _total(ranks, own.scores), references_scores)


class BatchShare:
    """Some consecutive batches of a stream's epoch, in the form that ``evaluate`` reads.

    Consecutive, so that where heatmaps are stored each process reads its own blocks only.

    Attributes
    ----------
    first : number of the first batch.
    n_left : how often the process's turn still comes; all have as many turns.
    n_windows : of all processes' batches, so that losses are shares of the mean.
    """

    def __init__(self, stream: WindowStream, ranks: ProcessGroup) -> None:
        # Cut where a single process would: what is computed together then has the same bits.
        in_group = 1 if stream.consumes == "heatmaps" else -(-AT_ONCE // stream.batch_size)
        n_groups = -(-stream.n_batches // in_group)
        share = ranks.shard(n_groups)
        self.first = min(share.start * in_group, stream.n_batches)
        self._stream = stream
        self._n = min(share.stop * in_group, stream.n_batches) - self.first
        self.n_left = -(-n_groups // ranks.world_size) * in_group
        self.n_windows = stream.n_windows
        self.clip_count, self.device = stream.clip_count, stream.device
        self.consumes = stream.consumes

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """This process's batches; a turn counts as taken when its batch is done with."""
        if not self._n:
            return
        batches_left = cast("Generator[Batch]", self._stream.epoch(epoch, self.first))
        with closing(batches_left) as batches:
            for batch in islice(batches, self._n):
                yield batch
                self.n_left -= 1


def _total(ranks: ProcessGroup, own: Scores) -> Scores:
    return replace(own, sums={name: ranks.total(one) for name, one in own.sums.items()})
