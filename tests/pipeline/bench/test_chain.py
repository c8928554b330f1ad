"""What rounds of preprocessing and of the plain way come to, and that both sides leave nothing."""

from pathlib import Path

import pytest

from pipeline.bench.chain import PLAIN, Round, measure_chain
from pipeline.bench.goals import (
    chain_goals,
    cpu_times,
    every_times,
    sample_inputs,
    times,
)
from pipeline.bench.naive import save_npy
from pipeline.synthetic import write_sample
from tests.warm_workers import warm_workers  # noqa: F401

#: Two rounds: ours makes 1,000 frames; the plain way 100, of whose time some is looking for files.
ROUNDS = [
    Round(PLAIN, 100, 12.0, 6.0, 4.0, 0.0, opened_s=2.0, opened_cpu_s=1.0),
    Round("zarr", 1000, 2.0, 3.0, 0.0, 0.0, bytes_a_frame=300.0, peak_gb=0.2),
    Round("zarr", 1000, 4.0, 3.0, 0.0, 0.0, bytes_a_frame=300.0, peak_gb=0.3),
    Round(PLAIN, 100, 22.0, 6.0, 4.0, 0.0, opened_s=2.0, opened_cpu_s=1.0),
]


def test_what_does_not_grow_with_the_frames_counts_once() -> None:
    assert ROUNDS[0].seconds_of(1000) == 2 + 100
    assert ROUNDS[0].seconds_of(1000, flushed=True) == 2 + 140
    assert ROUNDS[0].cpu_seconds_of(1000) == 1 + 50
    assert ROUNDS[1].seconds_of(2000) == 4


def test_a_round_s_sides_are_compared_with_each_other() -> None:
    assert every_times(ROUNDS, "zarr") == [102 / 2, 202 / 4]
    assert times(ROUNDS, "zarr") == pytest.approx((51 + 50.5) / 2)
    assert times(ROUNDS, "zarr", flushed=True) == pytest.approx((142 / 2 + 242 / 4) / 2)
    assert cpu_times(ROUNDS, "zarr") == pytest.approx(17)


def test_goals_of_the_rounds() -> None:
    speed, full, memory, size = chain_goals(ROUNDS, "zarr", 2, "np.save")
    assert speed.measured == pytest.approx(50.75)
    assert speed.cpu_ratio == pytest.approx(17)
    assert (speed.what_s, speed.against_s, speed.repeats) == (3, 152, 2)
    assert "200 frames, unflushed" in speed.note
    assert (full.measured, memory.measured, size.measured) == (3 * 360, 0.3, 300)


def test_every_side_is_timed_once_a_round_in_turns(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", 10, 0)
    inputs = sample_inputs(tmp_path / "sample")
    rounds = measure_chain(inputs, tmp_path, ("zarr", "hdf5"), 1, 4, save_npy, 1)
    assert [one.side for one in rounds] == [PLAIN, "zarr", "hdf5"]
    plain, zarr, hdf5 = rounds
    assert 4 <= plain.n_frames < zarr.n_frames == hdf5.n_frames
    assert all(one.cpu_s > 0 and one.opened_s < one.wall_s for one in rounds)
    assert 200 < zarr.bytes_a_frame < 1000
    assert [file.name for file in tmp_path.iterdir()] == ["sample"]
