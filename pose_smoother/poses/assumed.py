"""What was assumed while reading a file: notes, and warnings where an ordinary file needs none."""

import logging
from collections.abc import Iterable

#: The level of notes in the log: the commands print them, a program that uses the library does not.
NOTE = 25
logging.addLevelName(NOTE, "NOTE")


class Caution(str):
    """An assumption that ordinary files do not need: a warning, where the others are notes."""


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
