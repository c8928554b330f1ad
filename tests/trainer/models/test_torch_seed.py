"""Initial weights and draws depend on their seed and position alone."""

import torch

from pose_smoother.seeds import DROPOUT, INITIAL_WEIGHTS
from trainer.models import model_module
from trainer.models.torch_seed import initial_model, set_seed


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_initial_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    build = model_module("deciwatch").build
    one = weights(initial_model(build, 0))
    torch.manual_seed(2)
    assert torch.equal(one, weights(initial_model(build, 0)))
    assert not torch.equal(one, weights(initial_model(build, 1)))


def test_purposes_do_not_share_their_random_numbers():
    drawn = set()
    for position in [(0, DROPOUT, 1, 0), (0, INITIAL_WEIGHTS, 1, 0), (1, DROPOUT, 1, 0)]:
        set_seed(*position)
        drawn.add(torch.rand(()).item())
    assert len(drawn) == 3
