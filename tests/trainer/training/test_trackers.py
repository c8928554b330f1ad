"""Epochs sent to trackers: what each package is called with, and what happens without it."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pose_smoother.errors import PoseSmootherError
from trainer.settings import TRACKERS
from trainer.training import trackers
from trainer.training.trackers import tracking

ROWS = [{"epoch": e, "train_loss": 1.0 / e, "val_pck_0.2": 50, "note": "x"} for e in (1, 2)]


def send(name: str | None, folder: Path) -> None:
    with tracking(name, folder, {"seed": 0}) as on_epoch:
        for row in ROWS:
            on_epoch(row)


class Fake:
    """Records how it is called: every attribute is a method that returns the recorder."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.info = SimpleNamespace(run_id="r1")

    def __getattr__(self, name: str) -> Any:
        def called(*words: Any, **options: Any) -> "Fake":
            self.calls.append((name, words, options))
            return self

        return called


def test_mlflow_goes_on_with_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    send("mlflow", tmp_path)
    send("mlflow", tmp_path)
    starts = [options for name, _, options in fake.calls if name == "start_run"]
    assert starts == [
        {"run_id": None, "run_name": tmp_path.name}, {"run_id": "r1", "run_name": None},
    ]  # fmt: skip
    logged = [(w[0], o["step"]) for name, w, o in fake.calls if name == "log_metrics"]
    assert logged[:2] == [({"train_loss": 1.0 / e, "val_pck_0.2": 50.0}, e) for e in (1, 2)]
    assert [name for name, _, _ in fake.calls].count("log_params") == 1
    assert fake.calls[-1][0] == "end_run"


@pytest.mark.parametrize("address", [None, "http://127.0.0.1:5000"])
def test_mlflow_s_small_package_writes_a_folder_where_no_address_is_given(
    address: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    monkeypatch.setattr("os.environ", {} if address is None else {"MLFLOW_TRACKING_URI": address})
    monkeypatch.chdir(tmp_path)
    send("mlflow", tmp_path)
    uris = [words for name, words, _ in fake.calls if name == "set_tracking_uri"]
    assert uris == ([((tmp_path / "mlruns").as_uri(),)] if address is None else [])
    assert (os.environ.get("MLFLOW_ALLOW_FILE_STORE") == "true") == (address is None)


def test_the_real_mlflow_keeps_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    send("mlflow", tmp_path)
    run = mlflow.get_run((tmp_path / "mlflow-run-id.txt").read_text())
    assert run.data.metrics == {"train_loss": 0.5, "val_pck_0.2": 50.0}
    assert run.data.params == {"seed": "0"}


def test_a_tracker_that_fails_does_not_end_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Fake):
        def log(self, *words: Any, **options: Any) -> None:
            raise ConnectionError("no server")

        finish = log

    monkeypatch.setitem(sys.modules, "wandb", Failing())
    send("wandb", tmp_path)
    assert [record.getMessage() for record in caplog.records] == [
        "epoch 1 was not sent to wandb: ConnectionError: no server",
        "epoch 2 was not sent to wandb: ConnectionError: no server",
        "wandb was not closed: ConnectionError: no server",
    ]


def test_wandb_gets_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    send("wandb", tmp_path)
    (name, _, options), *rest = fake.calls
    assert (name, options["id"], options["resume"]) == ("init", tmp_path.name, "allow")
    assert [(one, o.get("step")) for one, _, o in rest] == [
        ("log", 1), ("log", 2), ("finish", None),
    ]  # fmt: skip


def test_tensorboard_writes_event_files(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    send("tensorboard", tmp_path)
    [file] = (tmp_path / "tensorboard").iterdir()
    assert b"val_pck_0.2" in file.read_bytes()


@pytest.mark.parametrize("name", TRACKERS)
def test_a_package_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in (name, "torch.utils.tensorboard"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PoseSmootherError, match=rf"pip install 'pose-smoother\[{name}\]'"):
        send(name, tmp_path)


def test_nothing_is_sent_without_a_tracker(tmp_path: Path) -> None:
    send(None, tmp_path)
    assert list(tmp_path.iterdir()) == []
