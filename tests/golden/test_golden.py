"""Numbers that must never change unnoticed: old stores and runs stay comparable with new ones."""

import json

import pytest

from tests.golden.regenerate import GOLDEN, numbers

SAVED = json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("part", sorted(SAVED))
def test_as_saved(part: str) -> None:
    assert numbers()[part] == SAVED[part], "see tests/golden/regenerate.py"


def test_the_two_shifting_scalars_share_their_randomness() -> None:
    fixed, random = SAVED["noise"]["1.2"], SAVED["noise"]["1.1"]
    assert fixed["positions"] == random["positions"]
    assert SAVED["noise"]["2.1"]["positions"] != random["positions"]
