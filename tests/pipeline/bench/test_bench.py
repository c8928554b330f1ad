"""``pipeline bench``: its rows, and that the plain way makes what the store holds."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline import cli
from pipeline.bench import goals
from pipeline.bench.memory import PeakMemory, family
from pipeline.bench.naive import preprocess_plainly, save_npy
from pipeline.build import preprocess
from pipeline.config import BuildConfig
from pipeline.synthetic import write_sample
from pose_smoother.bench.goals import read_goals
from pose_smoother.store.names import SPLITS
from pose_smoother.store.open import open_store
from tests.warm_workers import warm_workers  # noqa: F401


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "sample"
    write_sample(folder, 10, 0)
    return folder


def test_bench_prints_and_writes_a_row_a_goal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.bench.cli._PLAIN_FRAMES", 6)
    arguments = ["bench", "--clips", "10", "--workers", "1", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.main, [*arguments, "--scratch", str(tmp_path)])
    assert result.exit_code == 0, result.output
    rows = read_goals(tmp_path / "out" / "goals_pipeline.csv")
    assert [row["goal"] for row in rows] == ["100", "20", "120", "1.5", "350"]
    assert all(float(row["measured"]) > 0 for row in rows)
    assert 200 < float(rows[-1]["measured"]) < 1000  # bytes a frame
    assert (tmp_path / "out" / "goals_pipeline.png").read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_the_plain_way_s_frames_are_the_store_s(sample: Path, tmp_path: Path) -> None:
    inputs = goals.sample_inputs(sample)
    written = preprocess_plainly(inputs, tmp_path, 8, save_npy)
    assert 8 <= written.n_frames == len(list(tmp_path.glob("*.npy")))
    preprocess(
        inputs, tmp_path / "store", BuildConfig(actions=("all",)), n_workers=1, progress=False
    )
    with open_store(tmp_path / "store") as store:
        stored = np.concatenate([store.read(split, "heatmaps") for split in SPLITS])
    for file in sorted(tmp_path.glob("*.npy"))[::25]:
        apart = np.abs(stored - np.load(file)).max(axis=(1, 2, 3))
        assert apart.min() < 1e-4


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux only")
def test_memory_of_children_counts() -> None:
    hold = "x = bytearray(80 << 20); x[::4096] = b'a' * len(x[::4096]); input()"
    with PeakMemory(every_s=0.02) as memory:
        child = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE)
        assert child.pid in family(os.getpid())
        deadline = time.monotonic() + 120
        while not memory.peak_bytes > 80 << 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        child.communicate(b"\n")
    assert memory.peak_bytes > 80 << 20
