"""The table of the docs is that of the committed rows of each recording."""

import csv
import re
from typing import Any

import pytest

from benchmarks.recordings import summary
from tests.conftest import ROOT

_NUMBER = r"(\d*\.?\d+)"


def rows_of(method: str) -> list[dict[str, Any]]:
    """The committed rows of a method, with numbers where there are any."""
    with (ROOT / "benchmarks/results/recordings.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == method]
    texts = ("recording", "method")
    return [{k: v if k in texts else float(v) for k, v in row.items() if v} for row in rows]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        *(("README.md", method) for method in ("auto", "savgol", "kalman")),
        *(
            ("docs/which-smoother.md", m)
            for m in ("auto", "gaussian", "median,kalman", "gcv-spline")
        ),
    ],
)
def test_a_smoother_s_row_is_the_mean_over_its_recordings(name: str, method: str) -> None:
    page = (ROOT / name).read_text().replace("*", "")
    (cells,) = re.findall(rf"(?m)^\| `{re.escape(method)}`[^|]*\|(.*)\|$", page)[:1]
    shown = [float(re.findall(_NUMBER, cell)[0]) for cell in cells.split("|")]
    (line,) = summary(rows_of(method))
    pattern = rf"human {_NUMBER} .*animal {_NUMBER} "
    if name != "README.md":
        pattern += rf".* fast {_NUMBER} .*fast near {_NUMBER} "
    pattern += rf".*jitter {_NUMBER}  worse {_NUMBER} of 33, worst {_NUMBER}"
    (means,) = re.findall(pattern, line)
    assert shown == [float(mean) for mean in means]


@pytest.mark.parametrize("name", ["README.md", "docs/index.md"])
def test_a_sentence_says_by_how_much_the_error_falls(name: str) -> None:
    (line,) = summary(rows_of("auto"))
    (people, animals), (jitter,) = (
        re.findall(rf"human {_NUMBER} .*animal {_NUMBER} ", line)[0],
        re.findall(rf"jitter {_NUMBER} ", line),
    )
    text = " ".join((ROOT / name).read_text().split())
    assert f" {100 * (1 - float(animals)):.0f} to {100 * (1 - float(people)):.0f} %" in text
    assert f" {float(jitter):.2f}" in text
