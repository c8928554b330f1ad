"""A file system that refuses is told in the user's words, by every command."""

import errno
import os

import click
import pytest
from click.testing import CliRunner

from pose_smoother.cli_support import OneLineErrors
from pose_smoother.files.atomic import WriteError, write_atomic
from pose_smoother.files.disk_errors import AtLeast, DiskError, translate_disk_errors


def refusal(number, path):
    return OSError(number, os.strerror(number), str(path))


def said_by_a_command(error):
    @click.group(cls=OneLineErrors)
    @click.option("--debug", is_flag=True)
    def main(debug):
        del debug

    @main.command()
    def work():
        raise error

    result = CliRunner().invoke(main, ["work"])
    assert result.exit_code == 1
    return result.output


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "error: disk full on"),
        (errno.EDQUOT, "error: quota used up on"),
        (errno.EROFS, "is read-only"),
        (errno.EIO, "reports an input/output error"),
    ],
)
def test_any_command_reports_a_refused_write_in_words(tmp_path, number, words):
    said = said_by_a_command(refusal(number, tmp_path / "report.html"))
    assert words in said
    assert str(tmp_path) in said
    assert "--debug" not in said


def test_a_refused_write_reports_what_the_file_needs_and_what_is_free(tmp_path):
    full = refusal(errno.ENOSPC, tmp_path / "x")
    said = said_by_a_command(WriteError.of(full, tmp_path / "x", 3 << 20))
    assert "needs 3.0 MiB, " in said
    assert " free)" in said


def test_where_nothing_is_known_of_the_size_a_block_is_needed(tmp_path):
    said = said_by_a_command(refusal(errno.ENOSPC, tmp_path / ".run.owner.json"))
    assert "needs at least 4.0 KiB, " in said


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT])
def test_an_error_that_may_be_of_reading_is_not_called_a_disk_error(tmp_path, number):
    said = said_by_a_command(refusal(number, tmp_path / "annotations.zip"))
    assert "file system" not in said
    assert "--debug" in said


def test_a_write_that_was_really_refused_names_file_and_size(monkeypatch, tmp_path):
    def refuse(fd):
        del fd
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(WriteError) as caught:
        write_atomic(tmp_path / "a", b"12345")
    assert (caught.value.filename, caught.value.n_bytes) == (str(tmp_path / "a"), 5)
    assert not list(tmp_path.iterdir())


def test_what_is_needed_may_be_a_lower_bound(tmp_path):
    with (
        pytest.raises(DiskError, match=r"needs at least 4.0 MiB, .* free\)\. All is kept\. Free"),
        translate_disk_errors(tmp_path, lambda: AtLeast(4 << 20), lambda: "All is kept."),
    ):
        raise refusal(errno.ENOSPC, tmp_path / "x")
