"""The examples of docs/python.md run as they are written, and name every filter."""

import re
from pathlib import Path
from typing import Any

import pytest

import pose_smoother as ps
from pose_smoother.smoothing.chain import track_filters
from tests.pages import DOCS, blocks, run_python

FILE = DOCS / "python.md"
PAGE = FILE.read_text()


def test_the_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks(FILE):
        if block.language == "python":
            run_python(block, names)
    printed = capsys.readouterr().out
    assert "('nose',) 1 (300, 1, 2)" in printed
    assert "unknown filter 'gausian'; known: " in printed
    assert (tmp_path / "session_smooth.csv").stat().st_size > 1000


def test_what_the_page_names_exists() -> None:
    listed = PAGE.partition("## Filters\n")[2].partition(", and chains")[0]
    assert set(re.findall(r"`([a-z-]+)`", listed)) <= set(track_filters())
    for name in ps.__all__:
        assert name in PAGE or name.endswith("Error") or name.startswith("__"), name
