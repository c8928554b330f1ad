"""Asking an address again: one loop of tries, whatever the library below, and errors in one line.

The libraries have retries of their own, which would multiply with each other's and with these; they
are turned off where that can be (``objects.filesystem``), so that a user can be told how long a
command waits before it gives up.
"""

import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from pose_smoother.errors import InvalidInputError, PoseSmootherError
from pose_smoother.remote.address import RemotePath

T = TypeVar("T")

N_TRIES = 5
_FIRST_PAUSE_S = 0.5  # doubled after every try
_SILENCE_S = 10.0
SILENCE_VARIABLE = "POSE_REMOTE_TIMEOUT"
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs"}
#: Names, for the libraries that define them may be absent.
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")
_NOT_PASSING = (TypeError, AttributeError, NotImplementedError, ValueError)


class RemoteError(PoseSmootherError):
    """An address did not answer, or refused."""


class ContentMismatchError(OSError):
    """Other bytes arrived than were expected: cut short, or changed on the way."""


def timeout_s() -> float:
    """Seconds for which a server may be silent before a try is given up."""
    text = os.environ.get(SILENCE_VARIABLE, "")
    try:
        seconds = float(text) if text else _SILENCE_S
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise InvalidInputError(f"{SILENCE_VARIABLE} must be a number of seconds, got {text!r}")
    return seconds


def with_retries(place: RemotePath, action: Callable[[], T]) -> T:
    """What an action at an address gives, tried up to ``N_TRIES`` times with growing pauses.

    Raises
    ------
    FileNotFoundError, FileExistsError : as the action told; more tries would not change them.
    ContentMismatchError : every try brought other bytes than expected.
    RemoteError : no credentials, no access, no library for it, or no answer.
    """
    began = time.monotonic()
    pause_s = min(_FIRST_PAUSE_S, timeout_s() / 10)
    for attempt in range(1, N_TRIES + 1):
        try:
            return action()
        except (FileNotFoundError, FileExistsError):
            raise
        except (PoseSmootherError, Warning):
            raise
        except Exception as error:  # each library has exceptions of its own
            if (final := _final(place, error)) is not None:
                raise final from None
            if attempt == N_TRIES:
                if isinstance(error, ContentMismatchError):
                    raise
                raise RemoteError(_no_answer(place, error, time.monotonic() - began)) from None
        time.sleep(pause_s * random.uniform(0.75, 1.25))
        pause_s *= 2
    raise AssertionError("unreachable")


def _final(place: RemotePath, error: Exception) -> RemoteError | None:
    """The error to end with, where another try can't help; None where it can."""
    names = [kind.__name__ for kind in type(error).__mro__]
    if any(name in _NO_CREDENTIALS for name in names):
        return RemoteError(
            f"no credentials for {place} ({_short(error)}): set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or what else your object store asks for"
        )
    if isinstance(error, PermissionError):
        return RemoteError(f"{place}: access denied ({_short(error)}): check the credentials")
    if isinstance(error, ImportError):
        package = _PACKAGES.get(place.protocol, "")
        how = f"pip install {package}" if package not in ("", "s3fs") else ""
        how = how or "pip install 'pose-smoother[remote]'"
        return RemoteError(f"{place.protocol}:// needs a library that is not installed: {how}")
    if isinstance(error, _NOT_PASSING):
        return RemoteError(f"{place} can't be used: {_short(error)}")
    return None


def _no_answer(place: RemotePath, error: Exception, seconds: float) -> str:
    return (
        f"{place} did not answer within {seconds:.0f} s after {N_TRIES} tries: {_short(error)}: "
        "check the connection and run the same command again"
    )


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")
