"""A fault that passes is asked again; one that doesn't ends at once, in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.path import RemotePath
from pose_smoother.remote.retry import (
    N_TRIES,
    ContentMismatchError,
    RemoteError,
    timeout_s,
    with_retries,
)

PLACE = RemotePath("s3://bucket/x")


class NoCredentialsError(Exception):
    """As botocore's, by its name."""


def failing(times: int, error: Exception, calls: list[int]) -> Callable[[], str]:
    def action() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return "answer"

    return action


@pytest.mark.parametrize(
    "error", [OSError("500"), TimeoutError(), ContentMismatchError("short"), EOFError()]
)
def test_passing_faults_are_tried_again(error: Exception, cache: Path) -> None:
    calls: list[int] = []
    assert with_retries(PLACE, failing(N_TRIES - 1, error, calls)) == "answer"
    assert len(calls) == N_TRIES


def test_a_warning_made_an_error_is_raised_at_once(cache: Path) -> None:
    calls: list[int] = []
    with pytest.raises(DeprecationWarning, match="goes away"):
        with_retries(PLACE, failing(99, DeprecationWarning("goes away"), calls))
    assert len(calls) == 1


def test_the_tries_end(cache: Path) -> None:
    calls: list[int] = []
    with pytest.raises(RemoteError, match=r"s3://bucket/x did not answer within 0 s after 5 tries"):
        with_retries(PLACE, failing(99, OSError("500\nline"), calls))
    assert len(calls) == N_TRIES


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NoCredentialsError(), "no credentials for s3://bucket/x"),
        (PermissionError("403"), "access denied"),
        (ImportError("s3fs"), r"pip install 'pose-smoother\[remote\]'"),
        (ValueError("Protocol not known"), "can't be used"),
    ],
)
def test_what_another_try_can_t_help_ends_at_once(error: Exception, text: str, cache: Path) -> None:
    calls: list[int] = []
    with pytest.raises(RemoteError, match=text):
        with_retries(PLACE, failing(99, error, calls))
    assert len(calls) == 1


def test_an_absent_object_is_reported_as_such(cache: Path) -> None:
    calls: list[int] = []
    with pytest.raises(FileNotFoundError):
        with_retries(PLACE, failing(99, FileNotFoundError("x"), calls))
    assert len(calls) == 1


def test_the_silence_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_REMOTE_TIMEOUT", "2.5")
    assert timeout_s() == 2.5
    monkeypatch.setenv("POSE_REMOTE_TIMEOUT", "soon")
    with pytest.raises(InvalidInputError, match="POSE_REMOTE_TIMEOUT"):
        timeout_s()
