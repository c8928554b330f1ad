"""How a batch is shared out, without any process."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from pose_smoother.errors import InvalidInputError
from tests.trainer.distributed.pair import CONFIGS, a_store
from trainer.distributed import environment
from trainer.distributed.dropout import SharedDropout
from trainer.distributed.loss import SharedLoss
from trainer.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from trainer.models import models
from trainer.training.config import open_stream
from trainer.training.model_setup import new_model


@pytest.mark.parametrize("n", [0, 1, 2, 7, 16])
@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_shares_are_everything_once_and_even(n, world):
    shares = [ProcessGroup(rank, world).shard(n) for rank in range(world)]
    assert [i for share in shares for i in range(n)[share]] == list(range(n))
    lengths = [share.stop - share.start for share in shares]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.run_name)
def test_the_shares_of_a_batch_are_the_batch_noise_and_all(config):
    store = a_store()
    whole = open_stream(config, store, "train")
    parts = [open_stream(config, store, "train") for _ in range(2)]
    shares = [part.epoch(1, 0, ProcessGroup(r, 2).shard) for r, part in enumerate(parts)]
    n_rows = []
    for batch, *own in zip(whole.epoch(1), *shares, strict=True):
        for name in ("window", "keypoints", "annotated", "detected", "noisy", "target", "input"):
            expected = getattr(batch, name)
            if expected is not None:
                both = torch.cat([getattr(part, name) for part in own])
                assert torch.equal(both, expected), name
        n_rows.append([len(part.window) for part in own])
    assert n_rows[0][0] != n_rows[0][1]
    if config.model == "resmlp":
        assert n_rows[-1] == [0, 1]


@pytest.mark.parametrize("rows", [slice(0, 2), slice(2, 5)])
def test_dropout_masks_are_cut_from_the_batchs(rows):
    model = new_model(CONFIGS[0])  # its attention drops out inside a function of torch
    coordinates = torch.rand(5, 5, 50)
    torch.manual_seed(3)
    whole = model(coordinates)
    torch.manual_seed(3)
    with SharedDropout(rows, 5):
        part = model(coordinates[rows])
    largest = float(whole.detach().abs().max())
    assert torch.allclose(part, whole[rows], rtol=0, atol=1e-4 * largest)  # rounding: 1e-5
    torch.manual_seed(3)
    assert not torch.allclose(model(coordinates[rows])[-1], whole[rows][-1], atol=1e-2)


def test_dropout_of_other_tensors_is_left_alone():
    values = torch.ones(7, 3)
    torch.manual_seed(1)
    expected = functional.dropout(values)
    torch.manual_seed(1)
    with SharedDropout(slice(0, 2), 5):
        assert torch.equal(functional.dropout(values), expected)


def test_no_model_mixes_windows_and_one_that_does_is_refused():
    for module in models().values():
        layers = module.build(25, 5).modules()
        assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in layers)
    with pytest.raises(InvalidInputError, match="batch normalisation"):
        SharedLoss(nn.Sequential(nn.BatchNorm1d(3)), lambda *_: None, ProcessGroup(0, 2))


def test_alone_nothing_is_exchanged():
    assert SINGLE_PROCESS.sync_stop(15, True) == (15, True)
    assert SINGLE_PROCESS.sync_stop(None) == (None, False)
    assert SINGLE_PROCESS.all_gather("own") == ["own"]
    assert SINGLE_PROCESS.run_on_main(lambda: 3) == 3


def test_half_of_torchruns_environment_is_reported(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")  # as some queues set it
    assert environment.n_processes() == 1
    monkeypatch.setenv("RANK", "1")
    assert (environment.n_processes(), environment.rank()) == (4, 1)
    monkeypatch.delenv("WORLD_SIZE")
    with pytest.raises(InvalidInputError, match="RANK is set and WORLD_SIZE is not a number"):
        environment.n_processes()


def test_only_the_first_process_reports_errors_that_all_have(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit) as left, environment.quiet_but_first():
        raise InvalidInputError("told by the first")
    assert left.value.code == 1
    with pytest.raises(KeyError), environment.quiet_but_first():
        raise KeyError("a defect")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(InvalidInputError), environment.quiet_but_first():
        raise InvalidInputError("told")
