"""Errors a user can act on: the commands print each as one line, without a traceback."""

from pose_smoother.text import one_line

#: Exit code of a command that is to be run again, with the same arguments: schedulers requeue it.
EXIT_TRY_AGAIN = 75


class PoseSmootherError(Exception):
    """An expected failure; its text says in one line what failed, where, and what to do.

    What the text quotes of a file, or of a library's error about it, cannot break that line.
    """

    def __str__(self) -> str:
        """The text, escaped where it is not printable."""
        return one_line(super().__str__())


class InvalidInputError(PoseSmootherError, ValueError):
    """A source file, an option or an argument cannot be used."""


class StoreError(PoseSmootherError):
    """A store is absent, incomplete, or of another contract version."""


class DamagedShardError(StoreError):
    """Stored bytes do not match their checksum; the text names the shard."""


class RunError(PoseSmootherError):
    """A run folder is absent, incomplete, or belongs to another configuration."""


class Interrupted(Exception):
    """A signal or a time limit ended the work: what was done is saved, and can be continued.

    Attributes
    ----------
    exit_code : of the process.
    """

    def __init__(self, message: str, exit_code: int = EXIT_TRY_AGAIN) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def unknown_name(kind: str, name: str, known: "list[str] | tuple[str, ...]") -> InvalidInputError:
    """The error for a name that is not registered; it lists the known ones."""
    return InvalidInputError(f"unknown {kind} {name!r}; known: {', '.join(known)}")
