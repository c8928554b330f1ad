"""Stores and runs that version 0.1.0 made are read as it read them (``v0_1/README.md``).

``python -m tests.golden.test_old_versions`` prints what ``v0_1/expected.json`` should hold. Do not
write that file again from later code: it holds what version 0.1.0 itself read.
"""

import csv
import hashlib
import json
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import pose_smoother as ps

# All that this test needs of the project: when modules move, change these lines and no others.
from pipeline.verify import differences, verify
from pose_smoother.store.names import CLIP_COLUMNS, FRAME_ARRAYS, SPLITS, STEPS
from pose_smoother.store.open import open_store
from trainer.evaluation.uncertainty import Regions
from trainer.inference.classical import parameters
from trainer.metrics.scores import Scores, value
from trainer.models import model_module
from trainer.report.collect import collect
from trainer.runs.data_summary import load_data
from trainer.runs.layout import HISTORY_KINDS
from trainer.runs.results_io import load, read_csv, read_results
from trainer.training.config import run_config
from trainer.training.retest import repeat_test

# End of these lines.

FOLDER = Path(__file__).with_name("v0_1")
RUNS = FOLDER / "runs"
STORES = [FOLDER / "store.zarr", FOLDER / "store.hdf5"]
RUN = RUNS / "3dconv-1.1-seed0"
BASELINES = RUNS / "baselines-1.1-seed0"
FILE = FOLDER / "expected.json"
EXPECTED: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}

PAIRS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO = ["nose", *(f"{side}_{name}" for name in PAIRS for side in ("left", "right"))]
MODELS = ("3dconv", "biconvlstm-c", "biconvlstm-s", "deciwatch", "resmlp")


def sha256(array: NDArray[Any]) -> str:
    """Of an array's dtype, shape and values; text as UTF-8."""
    if array.dtype == object:
        return hashlib.sha256("\0".join(map(str, array)).encode()).hexdigest()
    head = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def store_content(path: Path) -> dict[str, Any]:
    """The attributes of a store, and the hash of every array by name."""
    with open_store(path) as store:
        found = {f"clips/{name}": sha256(store.clips[name]) for name in CLIP_COLUMNS}
        for split in SPLITS:
            found |= {f"{split}/{name}": sha256(store.read(split, name)) for name in FRAME_ARRAYS}
            found |= {f"{split}/step{n}": sha256(store.windows(split, n)) for n in STEPS}
            found[f"{split}/labelled"] = sha256(store.labelled(split))
        return {"attributes": dict(store.attrs), "arrays": found}


def scores_content(file: Path) -> dict[str, str]:
    """The hash of every array of a file of scores, and two metrics."""
    scores = Scores.load(file)
    arrays = {"alphas": scores.alphas, **scores.sums}
    found = {name: sha256(array) for name, array in arrays.items()}
    found["missing_torso"] = scores.missing_torso
    return found | {
        "error_px": f"{value(scores, 'error_px'):.9g}",
        "pck@0.2 of wrists": f"{value(scores, 'pck', 0.2, 'wrist'):.9g}",
    }


def track() -> NDArray[np.float64]:
    """A person of 17 keypoints in 14 frames, float64 (14, 17, 2); NaN where missing."""
    rng = np.random.default_rng(5)
    body = rng.uniform(0, 100, (1, len(COCO), 2)) * [1, 3] + 200
    moved = body + np.cumsum(rng.normal(0, 2.0, (14, len(COCO), 2)), axis=0)
    moved[rng.random((14, len(COCO))) < 0.05] = np.nan
    return moved


def rule_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights that depend on each parameter's name and shape alone."""
    found = {}
    for name, parameter in model.state_dict().items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        scale = 1 / np.sqrt(max(1, parameter[0].numel())) if parameter.ndim else 1.0
        values = rng.normal(0, scale, tuple(parameter.shape)).astype(np.float32)
        found[name] = torch.from_numpy(values)
    return found


def model_content(name: str) -> dict[str, Any]:
    """Shapes of a model's weights, and what it computes with the weights of ``rule_weights``."""
    module = model_module(name)
    model = module.build().eval()
    weights = rule_weights(model)
    model.load_state_dict(weights)
    shape = (2, 5, 25, 56, 56) if module.CONSUMES == "heatmaps" else (2, 5, 50)
    rng = np.random.default_rng(9)
    given = torch.from_numpy(rng.uniform(0, 1, shape).astype(np.float32))
    with torch.inference_mode():
        output = model(given)
    chosen = rng.integers(0, output.numel(), 40)
    return {
        "shapes": {name: list(kept.shape) for name, kept in weights.items()},
        "output": [round(float(v), 6) for v in output.flatten()[chosen]],
    }


def resmlp_run(folder: Path) -> Path:
    """The resmlp run in ``folder``, with weights of ``rule_weights``: its own take 37 MB."""
    run = Path(shutil.copytree(RUNS / "resmlp-1.1-seed0", folder / "resmlp-1.1-seed0"))
    weights = rule_weights(model_module("resmlp").build())
    torch.save({"epoch": 2, "val_pck_0.2": 1.0, "config": {}, "model": weights}, run / "best.pt")
    digest = hashlib.sha256((run / "best.pt").read_bytes()).hexdigest()
    (run / "best.pt.sha256").write_text(f"{digest}\n")
    return run


def smoothed_content(run: Path) -> list[list[float | None]]:
    """What a run makes of ``track``, a row for each frame; None where missing."""
    rows = np.round(ps.smooth(track(), run, names=COCO), 5).reshape(14, -1).tolist()
    return [[None if np.isnan(v) else v for v in row] for row in rows]


def content() -> dict[str, Any]:
    """Everything that ``expected.json`` holds."""
    table = load(RUNS)
    with tempfile.TemporaryDirectory() as folder:
        resmlp = smoothed_content(resmlp_run(Path(folder)))
    return {
        "stores": {path.name: store_content(path) for path in STORES},
        "scores": {str(f.relative_to(RUNS)): scores_content(f) for f in RUNS.glob("*/scores*.npz")},
        "n_results": {name: int(n) for name, n in table["model"].value_counts().items()},
        "error_px": dict(_error_rows(table)),
        "smoothed": {"3dconv": smoothed_content(RUN), "resmlp": resmlp},
        "regions": Regions.load(RUNS / "resmlp-1.1-seed0").factor.round(9).tolist(),
        "gaussian": parameters("gaussian", BASELINES),
        "models": {name: model_content(name) for name in MODELS},
    }


def _error_rows(table: Any) -> list[tuple[str, float]]:
    rows = table[(table["metric"] == "error_px") & (table["keypoint"] == "all")]
    return [(f"{r.model} {r.dataset}", r.value) for r in rows.itertuples()]


@pytest.mark.parametrize("path", STORES, ids=lambda p: p.name)
def test_a_store_is_read_as_then(path: Path) -> None:
    assert store_content(path) == EXPECTED["stores"][path.name]


@pytest.mark.parametrize("path", STORES, ids=lambda p: p.name)
def test_a_store_verifies(path: Path) -> None:
    audit = verify(path)
    assert audit.problems == {}
    assert audit.n_shards == 27
    assert audit.counted["frames"] == 244
    assert not any(audit.shared.values())


@pytest.mark.parametrize("path", STORES, ids=lambda p: p.name)
def test_a_flipped_bit_of_a_store_is_still_found(path: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(path, tmp_path / path.name)
    largest = max(copy.rglob("*"), key=lambda p: p.stat().st_size if p.is_file() else 0)
    raw = bytearray(largest.read_bytes())
    raw[len(raw) // 2] ^= 1
    largest.write_bytes(raw)
    assert verify(copy).problems != {}


def test_both_stores_hold_the_same() -> None:
    with open_store(STORES[0]) as first, open_store(STORES[1]) as second:
        assert differences(first, second) == []


def test_results_load() -> None:
    table = load(RUNS)
    assert dict(table["model"].value_counts()) == EXPECTED["n_results"]
    assert dict(_error_rows(table)) == EXPECTED["error_px"]
    rows = [row for file in sorted(RUNS.glob("*/results.csv")) for row in _rows(file)]
    assert len(rows) == len(table)
    for row, loaded in zip(rows, table.to_dict("records"), strict=True):
        assert float(row["value"]) == loaded["value"]
        assert {k: row[k] for k in ("model", "experiment", "split", "keypoint", "metric")} == {
            k: loaded[k] for k in ("model", "experiment", "split", "keypoint", "metric")
        }


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("name", sorted(EXPECTED.get("scores", {})))
def test_scores_load(name: str) -> None:
    assert scores_content(RUNS / name) == EXPECTED["scores"][name]


def test_a_report_collects_the_runs() -> None:
    found = collect(RUNS)
    assert [run.name for run in found.runs] == ["3dconv-1.1-seed0", "resmlp-1.1-seed0"]
    assert [len(run.history) for run in found.runs] == [2, 2]
    assert {model for model, _ in found.scores} == {*EXPECTED["n_results"]} - {"mean"}
    assert found.notes == []


def test_the_tables_of_a_run_load() -> None:
    for folder in (RUN, RUNS / "resmlp-1.1-seed0"):
        history = read_csv(folder / "history.csv", HISTORY_KINDS)
        results = read_results(folder)
        assert results["n_epochs"] == len(history) == 2
        assert results["best_epoch"] in (1, 2)
        data = load_data(folder)
        assert (data.format, len(data.clips)) == ("zarr", 5)
        assert data.splits["test"]["windows_step1"] == 16


def test_regions_and_tuned_parameters_load() -> None:
    factor = Regions.load(RUNS / "resmlp-1.1-seed0").factor
    np.testing.assert_allclose(factor, EXPECTED["regions"], rtol=1e-8)
    assert parameters("gaussian", BASELINES) == EXPECTED["gaussian"]


def test_a_run_is_evaluated_again_on_its_store() -> None:
    config, _ = run_config(RUN, "cpu")
    with open_store(STORES[0]) as store:
        found = repeat_test(RUN, config, store).rows
    saved = read_results(RUN)["rows"]
    keys = ("dataset", "keypoint", "metric", "alpha", "n")
    assert [[row[k] for k in keys] for row in found] == [[row[k] for k in keys] for row in saved]
    # Other processors round otherwise, and a keypoint may then count for another PCK.
    for row, before in zip(found, saved, strict=True):
        if row["keypoint"] == "all":
            allowed = 0.5 if row["metric"].startswith("pck") else 1e-3
            assert row["value"] == pytest.approx(before["value"], abs=allowed), row


@pytest.mark.parametrize("model", ["3dconv", "resmlp"])
def test_a_run_smooths_as_then(model: str, tmp_path: Path) -> None:
    given = track()
    smoothed = ps.smooth(given, RUN if model == "3dconv" else resmlp_run(tmp_path), names=COCO)
    expected = np.array(EXPECTED["smoothed"][model], dtype=float).reshape(given.shape)
    np.testing.assert_allclose(smoothed, expected, atol=2e-3)
    assert np.nanmax(np.abs(smoothed - given)) > 1


@pytest.mark.parametrize("name", MODELS)
def test_a_model_takes_old_weights_and_computes_as_then(name: str) -> None:
    found, expected = model_content(name), EXPECTED["models"][name]
    assert found["shapes"] == expected["shapes"]
    largest = max(map(abs, expected["output"]))
    np.testing.assert_allclose(found["output"], expected["output"], atol=1e-4 * largest)


if __name__ == "__main__":
    print(json.dumps(content(), indent=1, sort_keys=True))
