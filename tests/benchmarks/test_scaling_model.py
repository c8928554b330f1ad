"""The model of a build's costs: it is the committed one, and lies near what was measured."""

import pandas as pd
import pytest

from benchmarks.scaling_model import PAGE, RESULTS, Costs, _fit, costs, ratios, tables


def test_a_fit_finds_the_start_and_the_slope_that_made_its_numbers() -> None:
    frames = pd.Series([1_000, 20_000, 300_000])
    found = _fit(2.0 + 3e-4 * frames, pd.Series([1.0, 1.0, 1.0]), frames)
    assert found == pytest.approx((2.0, 3e-4))


def test_processor_seconds_are_two_starts_and_a_slope() -> None:
    cost = Costs(1.0, 1e-5, 0.5, 9e-5, *[1.0] * 7)
    assert cost.cpu_s(10_000, 4) == pytest.approx(1 + 4 * 0.5 + 1)


def test_the_page_and_the_grid_are_of_what_was_measured() -> None:
    cost, builds = costs(), pd.read_csv(RESULTS / "scaling_builds.csv")
    assert tables(cost, builds) in PAGE.read_text()
    grid = pd.read_csv(RESULTS / "scaling.csv")
    for row in grid.itertuples():
        assert cost.predict(row.frames, row.workers)["hours"] == pytest.approx(row.hours, rel=1e-3)


def test_the_model_is_within_a_tenth_of_every_build_also_of_those_that_it_did_not_see() -> None:
    found = ratios(costs(), pd.read_csv(RESULTS / "scaling_builds.csv"))
    assert found.shape == (3, 2)
    assert found.to_numpy().ravel() == pytest.approx([1.0] * 6, abs=0.1)
