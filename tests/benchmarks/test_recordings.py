"""The table of the docs is that of the committed rows of each recording."""

import csv
import re
from typing import Any

import pytest

from benchmarks.recordings import summary
from tests.conftest import ROOT

_NUMBER = r"(\d*\.?\d+)"


def rows_of(method: str, table: str = "recordings") -> list[dict[str, Any]]:
    """The committed rows of a method, with numbers where there are any."""
    with (ROOT / f"benchmarks/results/{table}.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == method]
    texts = ("recording", "method")
    return [{k: v if k in texts else float(v) for k, v in row.items() if v} for row in rows]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        *(("README.md", method) for method in ("auto", "savgol", "kalman")),
        *(
            ("docs/which-smoother.md", m)
            for m in (
                *("auto", "gaussian", "savgol", "kalman", "hampel,kalman", "median,kalman"),
                *("gcv-spline", "median"),
            )
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


def shown_in(page: str, name: str) -> list[float]:
    """The first number of each cell of a row of which-smoother, without marks and empty cells."""
    (cells,) = re.findall(rf"(?m)^\| {re.escape(name)}[^|]*\|(.*)\|$", page)[:1]
    found = [re.findall(_NUMBER, cell) for cell in cells.replace("*", "").split("|")]
    return [float(numbers[0]) for numbers in found if numbers]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        *((f"live, {n}", f"auto, delay {n}") for n in (0, 1, 2, 4)),
        ("live, `delay_frames` 8", "auto, delay 8"),
        ("`smoothnet`, 300 steps", "run smoothnet-b300-real-seed0"),
        ("`resmlp`, 40 epochs", "run resmlp-real-seed0"),
        ("One-Euro, tuned on each recording", "One-Euro, tuned with the reference"),
    ],
)
def test_other_rows_of_the_page_are_means_too(name: str, method: str) -> None:
    (line,) = summary(rows_of(method))
    kinds = ("human", "animal", "fast", "fast near", "jitter", "worse", "worst")
    means = [re.findall(rf"(?:^| ){kind} {_NUMBER}", line) for kind in kinds]
    page = (ROOT / "docs/which-smoother.md").read_text()
    assert shown_in(page, name) == [float(mean[0]) for mean in means if mean]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("`auto`", "auto"),
        ("the best linear filter of each keypoint", "wiener"),
        ("the same, for what is fast alone", "wiener, fast"),
        ("without delay: the best weights", "causal, fast"),
        ("the first, and outliers are known beforehand", "wiener, no outliers"),
        ("`auto` on the reference with the recording's own errors", "auto, own noise"),
    ],
)
def test_how_far_it_can_go_is_of_the_committed_bounds(name: str, method: str) -> None:
    page = (ROOT / "docs/which-smoother.md").read_text()
    (line,) = summary(rows_of(method, "recordings_limit"))
    means = [re.findall(rf"(?:^| ){kind} {_NUMBER}", line) for kind in ("human", "animal", "fast")]
    bounds = page[page.index("## How far can it go?") :]
    assert shown_in(bounds, name) == [float(mean[0]) for mean in means]


def test_the_table_of_simulated_detectors_is_of_the_committed_rows() -> None:
    page = (ROOT / "docs/which-smoother.md").read_text()
    page = page[page.index("# And on simulated detectors?") :]
    with (ROOT / "benchmarks/results/simulated.csv").open() as file:
        rows = list(csv.DictReader(file))
    errors = {(r["smoother"], float(r["sigma_torso"]), float(r["correlation"])): r for r in rows}
    for name in dict.fromkeys(row["smoother"] for row in rows):
        cells = ((size, rho) for size in (0.05, 0.1, 0.16) for rho in (0.0, 0.6))
        wanted = [float(f"{float(errors[name, *cell]['error']):.0f}") for cell in cells]
        assert shown_in(page, f"`{name}`") == wanted, name
