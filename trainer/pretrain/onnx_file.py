"""Write the network that ships as ONNX, equal to the numpy code, for any number of keypoints.

    python -m trainer.pretrain.onnx_file --out weights.onnx

Its inputs are those of `pose_smoother.pretrained.features.Prepared`, its output is that of
`pose_smoother.pretrained.network.Network`: features and `combine` stay in numpy.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pose_smoother.cli_support import say
from pose_smoother.errors import RunError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.pretrained.features import Floats, Prepared, prepare
from pose_smoother.pretrained.network import WEIGHTS, Network, read_weights
from trainer.pretrain.distil import load_shipped

INPUTS = ("inputs", "neighbours", "valid")
OUTPUT = "raw"
OPSET = 18
TOLERANCE = 1e-5  # of the largest output


def onnx_bytes(weights: Path = WEIGHTS) -> bytes:
    """The network of a file as ONNX: one individual, any number of keypoints and frames."""
    net = load_shipped(weights).eval()
    ready = prepare(_detections(60, 5))
    given = tuple(torch.from_numpy(np.asarray(v)[None]) for v in _inputs(ready))
    keypoints, frames = torch.export.Dim("keypoints", min=2), torch.export.Dim("frames", min=8)
    shapes = ({1: keypoints, 2: frames}, {1: keypoints, 2: keypoints}, {1: keypoints})
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program: Any = torch.onnx.export(
            net, given, input_names=list(INPUTS), output_names=[OUTPUT], opset_version=OPSET,
            dynamic_shapes=shapes, dynamo=True, verbose=False,
        )  # fmt: skip
    proto = program.model_proto
    for node in proto.graph.node:  # notes: this machine's paths
        del node.metadata_props[:]
    data: bytes = proto.SerializeToString()
    return data


def difference(data: bytes, weights: Path = WEIGHTS) -> float:
    """Largest difference to numpy, as a share of the largest output, over three shapes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    network, worst = Network(read_weights(weights)), 0.0
    for frames, keypoints in ((8, 2), (130, 17), (61, 5)):
        given = _inputs(prepare(_detections(frames, keypoints)))
        expected = network(*given)
        named = {name: np.asarray(v)[None] for name, v in zip(INPUTS, given, strict=True)}
        found = session.run([OUTPUT], named)[0][0]
        worst = max(worst, float(np.abs(found - expected).max() / np.abs(expected).max()))
    return worst


def _inputs(ready: Prepared) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    return ready.inputs(), ready.neighbours, ready.valid


def _detections(frames: int, keypoints: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(frames)
    t = np.arange(frames)[:, None, None]
    x = 300.0 + 40.0 * np.sin(t / 9.0 + rng.normal(size=(1, keypoints, 2)))
    noisy: NDArray[np.float64] = x + rng.normal(size=x.shape)
    return noisy


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, check the file, and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.pretrain.onnx_file", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="default: those that ship")
    options = parser.parse_args(arguments)
    try:
        data = onnx_bytes(options.weights)
        apart = difference(data, options.weights)
    except ModuleNotFoundError as error:
        raise RunError(
            f"{error.name} is not installed: pip install 'pose-smoother[export]'"
        ) from None
    if not apart <= TOLERANCE:
        raise RunError(f"onnxruntime and numpy differ by {apart:.2g}: nothing was written")
    write_atomic(options.out, data)
    say(f"{options.out}: {len(data):,} bytes, within {apart:.1g} of numpy")


if __name__ == "__main__":
    main()
