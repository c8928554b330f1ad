"""Garbage collection paused: a document's many lists hold no cycles, and each pass looks at all."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Within the context no garbage is collected, unless it was switched off before.

    Parsing a large JSON document makes lists and objects by the hundred thousand, for which the
    collector runs again and again: half of the time, for nothing. Threads that read at once may
    end each other's pause early, which costs time alone.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
