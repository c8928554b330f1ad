"""The lock of a folder: what a killed owner leaves, the next one clears away."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.lock import exclusive_lock, owner_file, read_owner

_KILLED_WHILE_IT_NOTES = """
import os, sys
from pathlib import Path
from pose_smoother.files.lock import exclusive_lock

os.fdopen = lambda *_: os._exit(9)  # the note's file exists, nothing is written yet
with exclusive_lock(Path(sys.argv[1])):
    pass
"""


def test_an_owner_killed_while_it_writes_its_note_leaves_nothing_to_the_next(tmp_path: Path):
    target = tmp_path / "a-store-with-a-name-that-is-longer-than-most.zarr"
    words = [sys.executable, "-c", _KILLED_WHILE_IT_NOTES, str(target)]
    assert subprocess.run(words, check=False).returncode == 9
    assert read_owner(owner_file(target)) is None, "a note without content names nobody"
    with exclusive_lock(target):
        owner = read_owner(owner_file(target))
        assert owner is not None
        assert owner["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_place_of_the_note_is_refused_and_not_followed(tmp_path: Path):
    foreign = tmp_path / "foreign.txt"
    foreign.write_text("mine")
    owner_file(tmp_path / "store").symlink_to(foreign)
    with pytest.raises(PoseSmootherError, match="is a link"), exclusive_lock(tmp_path / "store"):
        pass
    assert foreign.read_text() == "mine"
