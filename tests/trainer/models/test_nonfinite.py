"""The windows that a number which is not finite comes from."""

import math

from tests.trainer.fake_store import make_store
from trainer.models import model_module
from trainer.models.nonfinite import bad_windows
from trainer.models.torch_seed import initial_model
from trainer.training.config import TrainConfig, open_stream
from trainer.training.losses import batch_loss_of

LOSS = batch_loss_of("mse", model_module("deciwatch"))


def test_the_windows_at_fault_are_found():
    stream = open_stream(TrainConfig("deciwatch", "1.1"), make_store(5, 12), "train")
    batch = next(iter(stream.epoch(1)))
    model = initial_model(model_module("deciwatch").build, seed=0)

    def third_is_bad(one, some):
        loss, output = LOSS(one, some)
        return loss * (math.nan if (some.window == batch.window[2]).any() else 1.0), output

    assert bad_windows(model, batch, third_is_bad) == [2]
    assert bad_windows(model, batch, LOSS) == list(range(len(batch.window)))
