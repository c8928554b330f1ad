"""A dataset is one file: what is in the folder has its options in every command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

DATASET = """
import numpy as np
from pipeline.sources import Clip, Item, SourceOption
NAME = "toy"
OPTIONS = (SourceOption(NAME, "Toy's folder."), SourceOption("toy-extra", "Toy's other folder."))
LABELLED = ("nose", "left_wrist")
def items(path, options):
    for file in sorted(path.glob("*.toy")):
        yield Item(file.name, file.read_bytes(), {"extra": options.paths["toy-extra"].name})
def parse(item):
    keypoints = np.full((8, 25, 2), np.nan)
    keypoints[:, 0], keypoints[:, 5] = [10.0, 20.0], [30.0, 60.0]
    frames = np.arange(1, 9, dtype=np.int32)
    name = item.context["extra"] + "-" + item.name[:-4]
    return [Clip(name, NAME, name, "wave", "", 30.0, frames, keypoints)]
"""


def run(folder: Path, *arguments: object) -> str:
    """A command of the program that is copied to a folder."""
    words = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    environment = os.environ | {"COLUMNS": "120", "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_file_adds_a_dataset_with_its_options(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline")
    (tmp_path / "pipeline/sources/toy.py").write_text(DATASET)
    for name in ("data", "extra"):
        (tmp_path / name).mkdir()
    for index in range(6):
        (tmp_path / "data" / f"{index}.toy").touch()
    for command in ("check", "preprocess"):
        text = run(tmp_path, command, "--help")
        assert "Toy's folder." in text
        assert "--toy-extra" in text
        assert "--brace-manual" in text
    words = ["--toy", tmp_path / "data", "--toy-extra", tmp_path / "extra"]
    assert "wave" in run(tmp_path, "check", *words)
    found = run(tmp_path, "preprocess", *words, "--out", tmp_path / "store")
    assert "total          6" in found
