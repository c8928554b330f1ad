"""What was assumed while reading a file: notes, and warnings where an ordinary file needs none."""

import logging
from collections.abc import Iterable

#: The level of notes in the log: the commands print them, a program that uses the library does not.
NOTE = 25
logging.addLevelName(NOTE, "NOTE")


class Caution(str):
    """An assumption that ordinary files do not need: a warning, where the others are notes."""


def about(what: str, texts: Iterable[str]) -> list[str]:
    """Sentences that begin with what they are about; a `Caution` stays one."""
    return [type(text)(f"{what}: {text}") for text in texts]


class NotesOnce(logging.Filter):
    """Passes each note once: many files of one kind are read by the same assumptions."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is no note, or a new one."""
        if record.levelno != NOTE or not isinstance(record.args, tuple) or not record.args:
            return True
        text = str(record.args[-1])
        if text in self._seen:
            return False
        self._seen.add(text)
        record.msg = f"{record.msg} (not repeated for other files)"
        return True


def log_assumed(log: logging.Logger, texts: Iterable[str], where: object = "") -> None:
    """Log what was assumed, each sentence as a note or a warning.

    Parameters
    ----------
    where : the file, for the beginning of each line.
    """
    for text in texts:
        level = logging.WARNING if isinstance(text, Caution) else NOTE
        if str(where):
            log.log(level, "%s: %s", where, text)
        else:
            log.log(level, "%s", text)
