"""``benchmarks.gpu`` from end to end on the CPU, so that it doesn't fail when it meets a GPU."""

import csv
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks import gpu
from tests.trainer.fake_store import make_store
from trainer.models import models


@pytest.fixture
def only_deciwatch(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"deciwatch": models()["deciwatch"]}
    monkeypatch.setattr(gpu, "models", lambda: kept)
    monkeypatch.setattr(gpu, "PLAIN", {})
    monkeypatch.setattr(gpu, "_WARM", 2)
    monkeypatch.setattr(gpu, "open_store", lambda path: make_store(n_clips=10, n_frames=20))


@pytest.mark.usefixtures("only_deciwatch")
def test_checks_times_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["--store", "s", "--out", str(tmp_path / "runs"), "--results", str(tmp_path)]
    command += ["--device", "cpu", "--seconds", "0", "--no-compile", "--no-train"]
    assert gpu.main([*command, "--minutes", "0"]) == 75  # out of time before the first
    assert gpu.main([*command, "--minutes", "9"]) == 0
    rows = list(csv.DictReader((tmp_path / "gpu.csv").read_text().splitlines()))
    ways = {(row["precision"], row["way"]) for row in rows}
    assert ways == {
        (precision, way)
        for precision in ("float32", "bfloat16")
        for way in ("as trained", "bare", "as trained, unwaited")
    }
    assert all(float(row["s_per_epoch_of_207072"]) > 0 for row in rows)
    assert (tmp_path / "goals_gpu.csv").exists()
    monkeypatch.setattr(gpu, "whole_and_bare", None)  # nothing is timed a second time
    monkeypatch.setattr(gpu, "unwaited", None)
    assert gpu.main([*command, "--minutes", "9"]) == 0


def test_a_device_that_computes_otherwise_is_reported(
    only_deciwatch: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(n_clips=10, n_frames=20)
    assert gpu.check_agreement(store, "cpu") == []
    taken = iter(range(9))
    first = gpu._first_batch

    def other(*arguments: Any) -> Any:
        batch = first(*arguments)
        if next(taken) % 2:
            batch.noisy.add_(1)
        return batch

    monkeypatch.setattr(gpu, "_first_batch", other)
    assert any("noisy differs" in problem for problem in gpu.check_agreement(store, "cpu"))


def test_without_a_gpu_it_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert gpu.main(["--store", "s", "--out", "o", "--results", "r"]) == 1
    assert capsys.readouterr().err == "error: no CUDA device here\n"


def test_training_is_given_the_minutes_left_and_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def run(command: list[str], check: bool) -> SimpleNamespace:
        asked.extend(command)
        folder = tmp_path / "runs" / "deciwatch-1.1-seed0"
        folder.mkdir(parents=True)
        (folder / "results.csv").write_text("model\n")
        (folder / "best.pt").write_text("weights")
        return SimpleNamespace(returncode=75)

    monkeypatch.setattr(gpu.subprocess, "run", run)
    paths = ["--store", "s", "--out", str(tmp_path / "runs"), "--results", str(tmp_path)]
    arguments = gpu.parsed([*paths, "--exps", "1.1"])
    monkeypatch.setattr(gpu, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    assert gpu.train_runs(arguments, 1300.0) == 75
    assert asked[asked.index("--max-minutes") + 1] == "4.50"
    with tarfile.open(tmp_path / "runs.tar.gz") as archive:
        assert archive.getnames() == ["deciwatch-1.1-seed0/results.csv"]
