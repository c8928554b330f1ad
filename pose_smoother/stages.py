"""How long each stage of a command took, in the log at debug level: what ``-v`` prints."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stage(log: logging.Logger, what: str) -> Iterator[None]:
    """Log the seconds of the body, by the clock and of this process's processor time."""
    began, begun_cpu = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - begun_cpu
        log.debug("%s: %.2f s, %.2f s of the processor", what, wall_s, cpu_s)
