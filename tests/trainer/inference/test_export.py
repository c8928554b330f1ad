"""ONNX files: equal to torch, telling of themselves, and run without torch."""

import json
import logging
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from pose_smoother.errors import RunError
from pose_smoother.files.atomic import write_json
from pose_smoother.skeleton import KEYPOINTS
from tests.trainer.fake_store import make_store
from trainer import cli
from trainer.inference import export
from trainer.models import models
from trainer.runs import checkpoint
from trainer.training.config import TrainConfig, run_record
from trainer.training.model_setup import new_model

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

EXAMPLE = Path(__file__).parents[3] / "examples" / "onnx_without_torch.py"
WITHOUT_TORCH = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"torch", "trainer", "pipeline"}, loaded
"""


def make_run(folder: Path, model: str) -> tuple[Path, torch.nn.Module]:
    """A run's folder with a model's initial weights as its best epoch."""
    config = TrainConfig(model, "1.3", seed=4, device="cpu")
    network = new_model(config).eval()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", run_record(config, make_store(10, 16), 0))
    best = {"model": network.state_dict(), "epoch": 7, "config": asdict(config)}
    checkpoint.write_checkpoint(folder / checkpoint.BEST, best)
    return folder, network


def slightly_other(differing):
    """Outputs a ten-thousandth apart."""

    def compared(*arguments):
        difference, largest = differing(*arguments)
        return difference + 1e-4 * largest, largest

    return compared


#: One of coordinates, one of heatmaps and one with a loop; `test_models.py` exports all by torch.
QUICK = ("smoothnet", "3dconv", "biconvlstm-s")


def params():
    """Every model; those whose export takes seconds and adds no other kind are slow."""
    marks = {name: () if name in QUICK else pytest.mark.slow for name in models()}
    return [pytest.param(name, marks=mark) for name, mark in marks.items()]


@pytest.fixture(scope="module", params=params())
def exported(request, tmp_path_factory):
    folder, network = make_run(tmp_path_factory.mktemp(request.param), request.param)
    out = folder / "onnx" / "model.onnx"
    command = ["export", "--run", str(folder), str(out)]
    result = CliRunner().invoke(cli.main, command)
    assert result.exit_code == 0, result.output
    return out, network, result


def test_any_batch_gives_torch_s_numbers(exported):
    out, network, _ = exported
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    consumes = session.get_modelmeta().custom_metadata_map["consumes"]
    for n_windows in (1, 3):
        windows = export.example_input(consumes, 8)[:n_windows]
        with torch.inference_mode():
            expected = network(windows).numpy()
        [found] = session.run(None, {"noisy": windows.numpy()})
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_the_file_describes_itself_and_no_machine(exported):
    out, _, result = exported
    about = {prop.key: prop.value for prop in onnx.load(out).metadata_props}
    assert json.loads(about["keypoints"]) == list(KEYPOINTS)
    assert (about["experiment"], about["frame_step"], about["epoch"]) == ("1.3", "2", "7")
    assert about["contract"] == "1"
    wanted = {"coordinates": "px / 27.5 - 1", "heatmaps": "sigma 1, 1.5, 2, 2.5, 3 px"}
    assert wanted[about["consumes"]] in about["normalisation"]
    assert b"trainer/models" not in out.read_bytes()
    first, second = result.output.splitlines()
    assert first.startswith("max difference to torch: ")
    assert str(out) in second
    assert about["model"] in second


def test_the_example_runs_it_without_torch(exported):
    out, _, _ = exported
    command = [sys.executable, "-c", WITHOUT_TORCH, str(EXAMPLE), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out.parent, timeout=300)
    assert done.returncode == 0, done.stderr
    noisy, smoothed = done.stdout.splitlines()
    assert noisy == "noisy: off by 3.53 px on average"
    assert smoothed.startswith("smoothed: off by ")


def test_beyond_the_tolerance_nothing_is_written(tmp_path, monkeypatch):
    folder, _ = make_run(tmp_path / "run", "3dconv")
    # On some processors both round alike, and nothing would differ.
    monkeypatch.setattr(export, "compare", slightly_other(export.compare))
    out = tmp_path / "model.onnx"
    command = ["export", "--run", str(folder), str(out), "--tolerance", "0"]
    result = CliRunner().invoke(cli.main, command)
    assert result.exit_code == 1
    assert "expected at most 0 of the largest output" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_not_a_number_is_beyond_any_tolerance(tmp_path, monkeypatch):
    folder, _ = make_run(tmp_path / "run", "3dconv")
    monkeypatch.setattr(export, "compare", lambda *_: (float("nan"), float("nan")))
    with pytest.raises(RunError, match="differ by nan"):
        export.export_run(folder, tmp_path / "model.onnx")


def test_a_missing_library_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RunError, match=r"onnxruntime is not installed: .*extra `export`"):
        export.export_run(tmp_path, tmp_path / "model.onnx")


def test_logging_is_as_before(exported):
    assert logging.root.manager.disable == logging.NOTSET
