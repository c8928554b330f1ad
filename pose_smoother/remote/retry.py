"""Retries of requests to an address, the same for every library, and their errors as one line.

The libraries' own retries would multiply with these; they are disabled where possible
(``objects.filesystem``), so that the longest wait of a command is known.
"""

import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from pose_smoother.errors import InvalidInputError, PoseSmootherError
from pose_smoother.remote.address import Address

T = TypeVar("T")

N_TRIES = 5
_FIRST_PAUSE_S = 0.5  # doubled after every attempt
_SILENCE_S = 10.0
SILENCE_VARIABLE = "POSE_REMOTE_TIMEOUT"
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs"}
#: By name: the libraries that define them may not be installed.
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")
_PERMANENT = (TypeError, AttributeError, NotImplementedError, ValueError)


class RemoteError(PoseSmootherError):
    """A server did not answer, or refused a request."""


class ContentMismatchError(PoseSmootherError, OSError):
    """The bytes received differ from those expected: truncated, or changed in transit."""


def timeout_s() -> float:
    """Seconds without an answer after which a request counts as failed."""
    text = os.environ.get(SILENCE_VARIABLE, "")
    try:
        seconds = float(text) if text else _SILENCE_S
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise InvalidInputError(f"{SILENCE_VARIABLE} must be a number of seconds, got {text!r}")
    return seconds


def with_retries(address: Address, action: Callable[[], T]) -> T:
    """The result of an action at an address, tried up to ``N_TRIES`` times with growing pauses.

    Raises
    ------
    FileNotFoundError, FileExistsError : as the action raised; another attempt wouldn't change it.
    ContentMismatchError : every attempt received other bytes than expected.
    RemoteError : no credentials, no access, no library for the protocol, or no answer.
    """
    began = time.monotonic()
    pause_s = min(_FIRST_PAUSE_S, timeout_s() / 10)
    for attempt in range(1, N_TRIES + 1):
        try:
            return action()
        except (FileNotFoundError, FileExistsError):
            raise
        except ContentMismatchError as error:
            if attempt == N_TRIES:
                raise ContentMismatchError(f"{address}: {error}") from None
        except (PoseSmootherError, Warning):
            raise
        except Exception as error:  # each library has its own exceptions
            if (final := _final(address, error)) is not None:
                raise final from None
            if attempt == N_TRIES:
                raise RemoteError(_no_answer(address, error, time.monotonic() - began)) from None
        time.sleep(pause_s * random.uniform(0.75, 1.25))
        pause_s *= 2
    raise AssertionError("unreachable")


def _final(address: Address, error: Exception) -> RemoteError | None:
    """The error to raise where another attempt can't help; None where it can."""
    names = [kind.__name__ for kind in type(error).__mro__]
    if any(name in _NO_CREDENTIALS for name in names):
        return RemoteError(
            f"no credentials for {address} ({_short(error)}): set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or the settings that your object store needs"
        )
    if isinstance(error, PermissionError):
        return RemoteError(f"{address}: access denied ({_short(error)}): check the credentials")
    if isinstance(error, ImportError):
        package = _PACKAGES.get(address.protocol, "")
        how = f"pip install {package}" if package not in ("", "s3fs") else ""
        how = how or "pip install 'pose-smoother[remote]'"
        return RemoteError(f"{address.protocol}:// needs a library that is not installed: {how}")
    if isinstance(error, _PERMANENT):
        return RemoteError(f"{address} can't be used: {_short(error)}")
    return None


def _no_answer(address: Address, error: Exception, seconds: float) -> str:
    return (
        f"{address} did not answer within {seconds:.0f} s after {N_TRIES} tries: {_short(error)}: "
        "check the connection and run the same command again"
    )


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")
