"""A folder of modules that register themselves."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from pose_smoother.registry import named_modules


def test_modules_with_a_name_are_found_sorted_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "house_of_names"
    folder.mkdir()
    texts = {"__init__": "", "a": 'NAME = "zebra"', "b": 'NAME = "ant"', "shared": "VALUE = 1"}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    package = import_module("house_of_names")
    found = named_modules(package.__name__, package.__path__)
    assert list(found) == ["ant", "zebra"]
    assert found["zebra"].__name__ == "house_of_names.a"
    for name in [name for name in sys.modules if name.startswith("house_of_names")]:
        del sys.modules[name]
