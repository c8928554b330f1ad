"""Interpolation between a window's ends, and what two exact frames of five are worth."""

import numpy as np

from benchmarks.clean_ends import interpolated, row
from tests.trainer.fake_store import make_store


def test_every_frame_is_on_the_line_between_the_ends() -> None:
    windows = np.random.default_rng(0).normal(0, 1, (3, 5, 2, 2)).astype(np.float32)
    windows[0, 4, 1] = np.nan
    found = interpolated(windows)
    for t in range(5):
        expected = windows[:, 0] + t / 4 * (windows[:, 4] - windows[:, 0])
        np.testing.assert_allclose(found[:, t], expected, atol=1e-6)
    assert np.isnan(found[0, :, 1]).all()


def test_clean_ends_are_exact_in_two_of_five_frames_and_ignore_k() -> None:
    store = make_store(n_clips=10, n_frames=24)
    rows = {
        (r["ends"], r["experiment"]): r
        for r in (
            row(store, experiment, ends)
            for experiment in ("1.1", "2.1")
            for ends in ("clean", "noisy")
        )
    }
    clean = rows["clean", "1.1"]
    assert clean["pck_0.05"] >= 40
    assert {**rows["clean", "2.1"], "experiment": "1.1"} == clean
    assert rows["noisy", "2.1"]["pck_0.1"] < rows["noisy", "1.1"]["pck_0.1"] < clean["pck_0.1"]
