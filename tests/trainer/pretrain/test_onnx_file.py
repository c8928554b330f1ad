"""The network that ships as ONNX: onnxruntime gives what numpy gives, for any shape."""

from pathlib import Path

import pytest

from pose_smoother.pretrained.network import WEIGHTS
from trainer.pretrain import onnx_file
from trainer.pretrain.export import export_weights
from trainer.pretrain.temporal_denoiser import TemporalDenoiser

pytest.importorskip("onnxruntime")


def test_the_file_that_ships_is_of_the_weights_that_ship():
    data = WEIGHTS.with_suffix(".onnx").read_bytes()
    assert len(data) < 1e6
    assert onnx_file.difference(data) < 1e-5


def test_other_weights_give_other_numbers(tmp_path: Path):
    export_weights(TemporalDenoiser(), tmp_path / "other.npz")
    data = WEIGHTS.with_suffix(".onnx").read_bytes()
    assert onnx_file.difference(data, tmp_path / "other.npz") > 1e-2


@pytest.mark.slow
def test_the_command_writes_what_it_checked(tmp_path: Path):
    onnx_file.main(["--out", str(tmp_path / "weights.onnx")])
    assert onnx_file.difference((tmp_path / "weights.onnx").read_bytes()) < 1e-5
