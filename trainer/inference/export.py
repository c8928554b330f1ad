"""A run's best epoch as an ONNX file, compared with torch before anything is written.

The file's metadata holds all that a program without torch or this project needs to feed it: the
keypoints' names and order, the window's length, and how positions become the model's input.
"""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pose_smoother.errors import RunError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.heatmap import IMPULSE, SIZE
from pose_smoother.skeleton import KEYPOINTS, N_KEYPOINTS
from pose_smoother.store.names import CONTRACT_VERSION, WINDOW_FRAMES
from trainer.data.render import render, response_tables
from trainer.experiments import experiment
from trainer.models import model_module
from trainer.models.codec import HALF_PX, to_coordinates
from trainer.runs.folder import versions
from trainer.training.config import TrainConfig, run_config
from trainer.training.model_setup import best_model

INPUT, OUTPUT = "noisy", "smoothed"
#: Largest difference to torch, as a share of the largest output: sums of some hundred float32
#: products, added in another order, differ by about 1e-6.
TOLERANCE = 1e-4
OPSET = 18
#: Batches compared; 2 is the one that the exporter traces.
CHECKED_WINDOWS = (1, 2, 3)
_MOST_WINDOWS = 2**31
_SHARE_PRESENT = 0.8


@dataclass(frozen=True)
class Exported:
    """An exported model, and how close it is to torch.

    Attributes
    ----------
    n_bytes : size of the file.
    difference : largest absolute difference of an output value, in the model's own units.
    largest : largest absolute output value.
    metadata : the metadata in the file.
    """

    n_bytes: int
    difference: float
    largest: float
    metadata: dict[str, str]


def export_run(folder: Path, out: Path, tolerance: float = TOLERANCE) -> Exported:
    """Write a run's best epoch as ONNX, with a batch of any size.

    Parameters
    ----------
    folder : the run.
    out : the ``.onnx`` file; it is not touched unless the check passes.
    tolerance : largest difference to torch, as a share of the largest output.

    Raises
    ------
    RunError : not a run, no best epoch yet, or onnxruntime gives other numbers than torch.
    """
    _need_libraries()
    config, _ = run_config(folder, "cpu")
    model, epoch = best_model(folder, config)
    consumes = model_module(config.model).CONSUMES
    metadata = describe(config, consumes, epoch)
    data = _onnx_bytes(model, example_input(consumes, 2, config.window), metadata)
    difference, largest = compare(model, data, consumes, config.window)
    if not difference <= tolerance * largest:  # in this form a NaN fails too
        raise RunError(
            f"onnxruntime and torch differ by {difference:.3g} (expected at most {tolerance:g} of "
            f"the largest output, {largest:.3g}): nothing was written to {out}"
        )
    write_atomic(out, data)
    return Exported(len(data), difference, largest, metadata)


def describe(config: TrainConfig, consumes: str, epoch: int) -> dict[str, str]:
    """The metadata of an exported file."""
    trained = experiment(config.experiment)
    half = f"{HALF_PX:g}"
    sigmas = ", ".join(f"{sigma:g}" for sigma in trained.sigma_in_px)
    meaning = {
        "coordinates": f"x0, y0, x1, y1, ... as px / {half} - 1; 0 where there is no keypoint",
        "heatmaps": f"{IMPULSE:g} at the keypoint's pixel, blurred by a Gaussian of sigma {sigmas} "
        "px; zeros where there is no keypoint; a position is the argmax",
    }
    return {
        "model": config.model,
        "experiment": config.experiment,
        "seed": str(config.seed),
        "epoch": str(epoch),
        "consumes": consumes,
        "normalisation": meaning[consumes],
        "half_px": half,
        "heatmap_px": str(SIZE),
        "sigma_in_px": json.dumps(trained.sigma_in_px),
        "n_frames": str(config.window),
        "frame_step": str(trained.step),
        "keypoints": json.dumps(KEYPOINTS),
        "contract": str(CONTRACT_VERSION),
        "versions": json.dumps(versions(), sort_keys=True),
    }


def example_input(consumes: str, n_windows: int, n_frames: int = WINDOW_FRAMES) -> Tensor:
    """Windows such as the model reads: keypoints anywhere, some missing; always the same ones.

    Returns
    -------
    float32 (B, T, 2K) for "coordinates", (B, T, K, 56, 56) for "heatmaps".
    """
    source = torch.Generator().manual_seed(n_windows)
    shape = (n_windows, n_frames, N_KEYPOINTS)
    positions = torch.randint(0, SIZE, (*shape, 2), generator=source)
    present = torch.rand(shape, generator=source) < _SHARE_PRESENT
    if consumes == "coordinates":
        return to_coordinates(positions, present)
    return render(positions, present, None, response_tables((1.0,)))


def compare(
    model: nn.Module, onnx_bytes: bytes, consumes: str, n_frames: int = WINDOW_FRAMES
) -> tuple[float, float]:
    """The largest difference between onnxruntime's and torch's outputs, and the largest output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    difference = largest = torch.zeros(())
    for n_windows in CHECKED_WINDOWS:
        windows = example_input(consumes, n_windows, n_frames)
        with torch.inference_mode():
            expected = model(windows)
        found = torch.from_numpy(session.run([OUTPUT], {INPUT: windows.numpy()})[0])
        difference = torch.maximum(difference, (found - expected).abs().max())  # keeps a NaN
        largest = torch.maximum(largest, expected.abs().max())
    return float(difference), float(largest)


def _onnx_bytes(model: nn.Module, sample: Tensor, metadata: dict[str, str]) -> bytes:
    # The exporter of torch.export: the older one, by tracing, cannot write 3dconv's channels-last
    # copies, and newer torch versions announce its end.
    import onnx

    with _quiet_exporter():
        program: Any = torch.onnx.export(
            model,
            (sample,),
            dynamo=True,
            # Without a largest size torch 2.6 fixes the batch at that of the sample.
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=_MOST_WINDOWS)},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            verbose=False,
        )
    proto = program.model_proto
    onnx.helper.set_model_props(proto, metadata)
    for node in proto.graph.node:  # notes: this machine's paths, up to 0.7 MB
        del node.metadata_props[:]
    onnx.checker.check_model(proto)
    buffer = io.BytesIO()
    onnx.save_model(proto, buffer)
    return buffer.getvalue()


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Without the exporter's hundred log lines and its warnings of its own deprecations."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _need_libraries() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise RunError(
            f"{error.name} is not installed: export needs the extra `export` "
            "(pip install 'pose-smoother[export]')"
        ) from None
