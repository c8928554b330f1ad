"""The picture of scaling: its caption states how the measured points lie to the model."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.scaling_picture import _RESULTS, lines, ratios

PAGE = Path(__file__).parents[2] / "docs/scaling.md"


def test_the_caption_states_the_ratios_and_the_model_is_a_line() -> None:
    model, builds = (pd.read_csv(_RESULTS / f"scaling{name}.csv") for name in ("", "_builds"))
    found = ratios(model, builds)
    stated = [f"{ratio:.2f}"[0 if ratio >= 1 else 1 :] for ratio in found]
    stated[:2] = [f"{ratio:.1f}" for ratio in found[:2]]
    assert f"{', '.join(stated[:3])} and {stated[3]} times" in " ".join(PAGE.read_text().split())
    start, slope = lines(model, 2)
    rows = model[model["workers"] == 2]
    expected = (start + slope * rows["frames"]) / 3600
    assert expected.tolist() == pytest.approx(rows["hours"].tolist(), rel=1e-3)
