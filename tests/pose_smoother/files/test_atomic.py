"""Flushing: everything of a finished folder, and no error lost."""

import errno
import os

import pytest

from pose_smoother.files import atomic
from pose_smoother.files.atomic import fsync_tree


@pytest.fixture
def tree(tmp_path):
    """Files in folders, some of them empty."""
    for name in ("a/b/c/0", "a/b/c/1", "a/zarr.json", "d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_every_file_and_folder_is_flushed_once(tree, monkeypatch):
    flushed = []

    def note(handle):
        flushed.append(os.fstat(handle).st_ino)

    monkeypatch.setattr(atomic.os, "fsync", note)
    fsync_tree(tree)
    assert sorted(flushed) == sorted(path.stat().st_ino for path in [tree, *tree.rglob("*")])


@pytest.mark.parametrize("name", ["a/b/c/1", "empty"])
def test_a_flush_that_fails_is_an_error(tree, monkeypatch, name):
    def fail(path):
        if path == tree / name:
            raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(atomic, "fsync_folder", fail)
    with pytest.raises(OSError, match="Input/output error"):
        fsync_tree(tree)
