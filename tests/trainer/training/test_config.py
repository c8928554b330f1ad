"""A model's own settings, and those of runs from before a setting was one."""

import json

import pytest

from pose_smoother.errors import InvalidInputError, RunError
from tests.trainer.fake_store import make_store
from trainer.runs.folder import CONFIG, UNRECORDED, check_identity
from trainer.training.config import TrainConfig, chosen_store, identity, run_config, train_config


def test_a_model_without_settings_of_its_own_has_the_thesiss():
    assert train_config("deciwatch", "2.3") == TrainConfig("deciwatch", "2.3")


def test_what_is_chosen_goes_before_the_models_own():
    own = train_config("resmlp", "1.1")
    assert (own.batch_size, own.schedule, own.loss) == (512, "one-cycle", "likelihood")
    chosen = train_config("resmlp", "1.1", batch_size=64, schedule=None)
    assert (chosen.batch_size, chosen.schedule) == (64, "one-cycle")


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"schedule": "cosine"}, "unknown schedule 'cosine'"),
        ({"precision": "half"}, "unknown precision 'half'"),
        ({"augment": "flip"}, "unknown augmentation 'flip'"),
    ],
)
def test_an_unknown_name_is_reported(chosen, message):
    with pytest.raises(InvalidInputError, match=message):
        train_config("deciwatch", "1.1", **chosen)


def test_auto_precision_is_recorded_as_what_it_was(monkeypatch):
    monkeypatch.setattr(
        "trainer.training.config.resolved_precision", lambda name, device: "bfloat16"
    )
    store = make_store(5, 12)
    assert identity(train_config("resmlp", "1.1"), store)["precision"] == "bfloat16"


def test_a_run_from_before_these_were_settings_goes_on(tmp_path):
    store = make_store(5, 12)
    wanted = identity(TrainConfig("deciwatch", "1.1"), store)
    older = {name: value for name, value in wanted.items() if name not in UNRECORDED}
    record = {"identity": older, "machine": {}, "store": {"path": "store"}}
    (tmp_path / CONFIG).write_text(json.dumps(record))
    check_identity(tmp_path, wanted)
    assert run_config(tmp_path)[0] == TrainConfig("deciwatch", "1.1", noise="fresh")


def test_a_store_that_was_moved_is_named_by_the_option(tmp_path):
    with pytest.raises(RunError, match=r"old\.zarr, which is not there: --store says where"):
        chosen_store(tmp_path, tmp_path / "old.zarr", None)
    (tmp_path / "old.zarr").mkdir()
    assert chosen_store(tmp_path, tmp_path / "old.zarr", None) == tmp_path / "old.zarr"
    assert chosen_store(tmp_path, tmp_path / "old.zarr", tmp_path / "new") == tmp_path / "new"
