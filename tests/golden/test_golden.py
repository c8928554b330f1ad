"""Numbers that must never change unnoticed: old stores and runs stay comparable with new ones."""

import json
from functools import cache

import pytest

from tests.golden.regenerate import GOLDEN, numbers

SAVED = json.loads(GOLDEN.read_text())
found = cache(numbers)


@pytest.mark.parametrize("part", sorted(SAVED))
def test_as_saved(part: str) -> None:
    saved = SAVED[part]
    if part in ("detectors", "detections"):  # through exp, log and sums: not the last bits
        saved = pytest.approx(saved, rel=1e-5, abs=1e-9)
    assert found()[part] == saved, "see tests/golden/regenerate.py"


def test_the_two_shifting_scalars_share_their_randomness() -> None:
    fixed, random = SAVED["noise"]["1.2"], SAVED["noise"]["1.1"]
    assert fixed["positions"] == random["positions"]
    assert SAVED["noise"]["2.1"]["positions"] != random["positions"]
