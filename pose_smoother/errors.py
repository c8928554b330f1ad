"""Errors a user can act on: the commands print each as one line, without a traceback."""


class PoseSmootherError(Exception):
    """Anything expected to go wrong: its text says what, where and what to do, in one line."""


class InvalidInputError(PoseSmootherError):
    """A source file or option cannot be used."""


class StoreError(PoseSmootherError):
    """A store is absent, incomplete, or of another contract version."""


class DamagedShard(StoreError):
    """Stored bytes do not match their checksum; the text names the shard."""


class RunError(PoseSmootherError):
    """A run folder is absent, incomplete, or belongs to another configuration."""


class Stopped(Exception):
    """A signal asked to stop: what was done is kept, and the process leaves with ``exit_code``."""

    exit_code: int


def unknown_name(kind: str, name: str, known: "list[str] | tuple[str, ...]") -> InvalidInputError:
    """The error for a name that is not registered; it lists the known ones."""
    return InvalidInputError(f"unknown {kind} {name!r}; known: {', '.join(known)}")
