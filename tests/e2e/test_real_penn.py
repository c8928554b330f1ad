"""The real Penn Action labels: the counts that the project promises, and both formats equal."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.build import preprocess
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.sources import SourceOptions
from pipeline.verify import differences, info, verify
from pose_smoother.skeleton import TORSO_SIDES
from pose_smoother.store.config import VIDEO
from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
from tests.warm_workers import warm_workers  # noqa: F401

ROOT = Path(__file__).parents[2]
PLURALS = {
    "baseball_pitch": "baseball pitches",
    "bench_press": "bench presses",
    "situp": "sit-ups",
}


def build(labels: Path, out: Path, store_format: str, actions: tuple[str, ...] | None) -> Path:
    inputs = Inputs({"penn-action": labels}, SourceOptions())
    preprocess(inputs, out, BuildConfig(actions=actions), store_format, 2, progress=False)
    return out


@pytest.fixture(scope="module")
def default_store(penn_labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default selection."""
    return build(penn_labels, tmp_path_factory.mktemp("real") / "store", "zarr", None)


def test_counts_of_the_default_selection(default_store: Path) -> None:
    with open_store(default_store) as store:
        found = info(store)
    assert found["total"]["clips"] == 407
    assert found["total"]["frames"] == 34_799 - 18
    assert found["left_out"]["frames: fewer than two annotated keypoints"] == 18
    assert found["left_out"]["clips: action not selected"] == 1_533 - 407
    assert found["total"]["windows"] == {"step1": 33_145, "step2": 31_511}
    for split, share in (("train", 60), ("val", 20), ("test", 20)):
        part = found["splits"][split]["windows"]["step1"]
        assert 100 * part / found["total"]["windows"]["step1"] == pytest.approx(share, abs=2)
    assert found["bytes"] / found["total"]["frames"] < 400


def test_the_default_selection_verifies(default_store: Path) -> None:
    audit = verify(default_store)
    assert audit.problems == {}
    assert audit.shared["frames"] == audit.shared["videos"] == 0


def test_both_formats_hold_equal_content(
    penn_labels: Path, default_store: Path, tmp_path: Path
) -> None:
    with open_store(default_store) as store:
        ids = store.clips["id"][store.clips["action"] == "situp"].tolist()[:25]
    (tmp_path / "labels").mkdir()
    for clip in ids:
        shutil.copy(penn_labels / f"{clip}.mat", tmp_path / "labels")
    paths = [build(tmp_path / "labels", tmp_path / f, f, None) for f in ("zarr", "hdf5")]
    with open_store(paths[0]) as first, open_store(paths[1]) as second:
        assert first.n_frames("train") > 500
        assert differences(first, second) == []


def brute_windows(store: Store, split: str, step: int) -> int:
    clip, frame = store.read(split, "clip"), store.read(split, "frame")
    where = {(int(c), int(f)) for c, f in zip(clip, frame, strict=True)}
    return sum(all((c, f + i) in where for i in range(4 * step + 1)) for c, f in where)


def test_window_counts_against_a_plain_search(default_store: Path) -> None:
    with open_store(default_store) as store:
        for step in (1, 2):
            assert len(store.windows("val", step)) == brute_windows(store, "val", step)


def test_the_outermost_keypoints_are_at_two_and_a_half_pixels(default_store: Path) -> None:
    with open_store(default_store) as store:
        exact = store.read("test", "keypoints_exact")
    np.testing.assert_allclose(np.nanmin(exact, axis=1), 2.5, atol=1e-4)
    np.testing.assert_allclose(np.nanmax(exact, axis=1), 52.5, atol=1e-4)


def clips_with_torso(store: Store, sides: int) -> np.ndarray:
    """Rows of the test clips with a window in which so many sides of a torso are annotated."""
    seen = store.read("test", "keypoints")[..., 0] >= 0
    whole = sum((seen[:, a] & seen[:, b]).astype(int) for a, b in TORSO_SIDES) >= sides
    first = store.windows("test", 1)
    shown = whole[first[:, None] + np.arange(5)].any(axis=1)
    return np.unique(store.clip_rows("test")[first[shown]])


def test_how_many_clips_pck_counts(penn_labels: Path, tmp_path: Path) -> None:
    """What README and docs/results say of the splits by clip."""
    results = " ".join((ROOT / "docs" / "results" / "README.md").read_text().split())
    for name, actions in (("default", None), ("nine", ("all",))):
        inputs = Inputs({"penn-action": penn_labels}, SourceOptions())
        config = BuildConfig(actions=actions, group_by=VIDEO, heatmaps="impulse")
        preprocess(inputs, tmp_path / name, config, "zarr", 2, progress=False)
        with open_store(tmp_path / name) as store:
            n_test = int((store.clips["split"] == "test").sum())
            both, one = (clips_with_torso(store, sides) for sides in (2, 1))
            assert f"{len(both)} of {n_test}" in results
            assert f"{len(one)} of {n_test}" in results
            if name == "nine":
                assert f"{len(both)} of the clips" in (ROOT / "README.md").read_text()
                continue
            of, in_test = store.clips["action"], store.clips["split"] == "test"
            for action, words in PLURALS.items():
                counts = (of[both] == action).sum(), (of[in_test] == action).sum()
                assert "{} of {} ".format(*counts) + words in results
