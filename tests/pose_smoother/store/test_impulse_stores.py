"""Stores that hold positions in the place of heatmaps: whatever reads them gets the same."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.build import preprocess
from pipeline.cli import main
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.sources import SourceOptions
from pipeline.verify import differences, verify
from pose_smoother.errors import DamagedShardError
from pose_smoother.store.names import FRAME_ARRAYS, SPLITS
from pose_smoother.store.open import formats, open_store, read_manifest
from tests.pipeline.penn_files import write_labels
from tests.warm_workers import warm_workers  # noqa: F401
from trainer.data.stream import WindowStream
from trainer.noise.gaussian import NoiseConfig

NOISE = NoiseConfig(k=1, sigma_in_px=(1.0,), mu_in_px=3.0)


def build(labels: Path, out: Path, store_format: str, heatmaps: str) -> Path:
    inputs = Inputs({"penn-action": labels}, SourceOptions())
    config = BuildConfig(heatmaps=heatmaps)
    preprocess(inputs, out, config, store_format, 1, progress=False)
    return out


@pytest.fixture(scope="module", params=sorted(formats()))
def stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A dense store and one of impulses, of the same annotations."""
    folder = tmp_path_factory.mktemp("stores")
    labels = write_labels(folder / "labels", [60, 300, 40, 30, 45, 4, 70])
    dense, impulse = (
        build(labels, folder / form, request.param, form) for form in ("dense", "impulse")
    )
    return dense, impulse


def test_every_array_is_the_dense_store_s(stores: tuple[Path, Path]) -> None:
    with open_store(stores[0]) as dense, open_store(stores[1]) as impulse:
        for split in SPLITS:
            for name in FRAME_ARRAYS:
                expected, found = dense.read(split, name), impulse.read(split, name)
                assert found.dtype == expected.dtype
                assert found.tobytes() == expected.tobytes()
        assert differences(dense, impulse) == []


def test_rows_that_were_read_stay_what_they_are(stores: tuple[Path, Path]) -> None:
    with open_store(stores[1]) as store:
        first = store.read("train", "heatmaps", 0, 5)
        before = first.copy()
        store.read("train", "heatmaps", 250, 263)
    np.testing.assert_array_equal(first, before)


def test_no_heatmap_is_stored(stores: tuple[Path, Path]) -> None:
    sizes = []
    for path in stores:
        manifest = read_manifest(path)
        parts = [*manifest["files"], *manifest["shards"]]
        sizes.append(sum(entry["bytes"] for entry in manifest["files"].values()))
        assert any("heatmaps" in part for part in parts) == (path.name == "dense")
        assert not verify(path).problems
    assert sizes[1] < sizes[0]


def test_both_stream_the_same_tensors(stores: tuple[Path, Path]) -> None:
    with open_store(stores[0]) as dense, open_store(stores[1]) as impulse:
        both = [
            WindowStream(store, "train", 1, NOISE, seed=1, targets="stored")
            for store in (dense, impulse)
        ]
        n_batches = 0
        for one, other in zip(*(stream.epoch(0) for stream in both), strict=True):
            assert one.target is not None
            assert other.target is not None
            assert one.target.any()
            assert bool((one.target == other.target).all())
            assert one.window.tolist() == other.window.tolist()
            n_batches += 1
    assert n_batches > 2


def test_a_position_off_the_heatmap_is_damage(
    stores: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(stores[1]) as store:
        read = store._read_rows
        monkeypatch.setattr(
            store,
            "_read_rows",
            lambda split, name, *at: read(split, name, *at) + 56 * (name == "keypoints"),
        )
        with pytest.raises(DamagedShardError, match="train/keypoints"):
            store.read("train", "heatmaps", 0, 4)


def test_the_command_goes_on_with_its_own_form_alone(tmp_path: Path) -> None:
    labels, store = write_labels(tmp_path / "labels", [9] * 6), tmp_path / "store"

    def command(*options: str) -> tuple[int, str]:
        words = ["preprocess", "--penn-action", str(labels), "--out", str(store), *options]
        done = CliRunner().invoke(main, words)
        return done.exit_code, done.output

    assert command("--heatmaps", "impulse")[0] == 0
    (store / "train" / "keypoints" / "zarr.json").unlink()
    assert "again" in command("--heatmaps", "impulse")[1]
    assert not verify(store).problems
    code, said = command()
    assert code == 1
    assert 'was made with stored_heatmaps "impulse", not "dense"' in said
