"""What streaming is timed against makes the same numbers, or the comparison would be unfair."""

import threading

import numpy as np

from pose_smoother import heatmap
from tests.trainer.fake_store import make_store
from trainer.bench import streaming
from trainer.bench.streaming import (
    NOISE,
    Epochs,
    Onward,
    drawn,
    naive_reader,
    render_goals,
    resident_reader,
    scipy_maps,
    some_windows,
    stream_goals,
    stream_of,
)


def test_scipy_s_maps_are_the_renderer_s():
    windows = some_windows(make_store(), 2)
    noisy, sigma_px = drawn(windows, slice(0, 2))
    found = scipy_maps(noisy, windows.annotated, sigma_px).numpy()
    for sigma in NOISE.sigma_in_px:
        chosen = (windows.annotated & (sigma_px == sigma)).numpy()
        expected = heatmap.render(noisy.numpy(), chosen, sigma)
        np.testing.assert_allclose(found[chosen], expected[chosen], rtol=0, atol=1e-5)
    assert not found[~windows.annotated.numpy()].any()


def test_all_sides_read_what_they_say(tmp_path):
    store = make_store()
    read, n = naive_reader(store, tmp_path, 8)
    read()
    assert n == 8
    frames = {w + t for w in store.windows("train", 1)[:8].tolist() for t in range(5)}
    assert {int(file.stem) for file in tmp_path.iterdir()} == frames
    gather, n = resident_reader(store, 8)
    gather()
    assert n == 8
    epochs = Epochs(stream_of(store, "stored"), max_batches=2)
    epochs()
    assert epochs.n_windows == 32


def test_goals_name_both_sides_and_are_ratios(monkeypatch):
    monkeypatch.setattr(streaming, "N_NAIVE", 2)
    goals = render_goals(0.0) + stream_goals(make_store(), 0.0)
    assert [goal.goal for goal in goals] == [100, 0.9, 30, 0.4]
    assert all(goal.measured > 0 and goal.unit == "x" and goal.against_s > 0 for goal in goals)


def test_turns_go_on_where_the_last_one_ended_and_stop_their_reader():
    stream = stream_of(make_store(n_clips=10, n_frames=40), "stored")
    seen = []
    epoch = stream.epoch

    def told(number):
        for batch in epoch(number):
            seen.append((number, batch.window.tolist()))
            yield batch

    stream.epoch = told
    onward = Onward(stream, stream.n_batches - 1)
    onward()
    onward()
    assert [number for number, _ in seen] == [0] * stream.n_batches + [1] * (stream.n_batches - 2)
    assert len({tuple(windows) for _, windows in seen}) == len(seen)
    onward.close()
    assert "heatmap reader" not in {thread.name for thread in threading.enumerate()}


def test_long_epochs_are_timed_in_parts(monkeypatch):
    monkeypatch.setattr(streaming, "N_NAIVE", 2)
    monkeypatch.setattr(streaming, "BATCHES_A_TURN", 2)
    goals = stream_goals(make_store(), 0.0)
    assert all("turns of 32 windows" in goal.note for goal in goals)
    assert all(goal.cpu_ratio is not None for goal in goals)
