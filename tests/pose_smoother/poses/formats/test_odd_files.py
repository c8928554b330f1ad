"""Odd files and what becomes of each: the table is ``files/odd.txt``.

A case is a line with the file's name and the options of ``read_poses``, a line with its content
(``odd_files.py``), and its outcome (``outcome.py``), ended by a blank line.
"""

import json
from pathlib import Path

import pytest

from tests.pose_smoother.poses.formats.odd_files import make
from tests.pose_smoother.poses.formats.outcome import outcome
from tests.pose_smoother.poses.formats.samples import FILES

CASES = [case.split("\n") for case in (FILES / "odd.txt").read_text().strip().split("\n\n")]


@pytest.mark.parametrize(("title", "text", "said"), [(c[0], c[1], c[2:]) for c in CASES])
def test_an_odd_file(title: str, text: str, said: list[str], tmp_path: Path) -> None:
    name, _, options = title.partition(" ")
    path = tmp_path / name
    make(path, json.loads(text))
    assert outcome(path, **json.loads(options or "{}")) == said
