"""Memory that a step frees is kept for the next one, instead of going to the system and back.

A heatmap model on the CPU makes and frees tensors of 25 MB and more, hundreds a step. glibc gives
such memory back at once, and every page of it is then cleared and mapped again: 800,000 page faults
a step of a bi-ConvLSTM (docs/performance.md). Kept, it costs nothing, for the next step is as large
as the last; the process holds its peak until it ends. Results don't change.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h
_LARGEST_INT = 2**31 - 1
_TOP_PAD_BYTES = 2**28


def disable_malloc_trim() -> bool:
    """Make glibc's malloc keep freed memory; False where the C library is another."""
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return False
    wanted = (
        (_M_MMAP_MAX, 0),
        (_M_TRIM_THRESHOLD, _LARGEST_INT),
        (_M_TOP_PAD, _TOP_PAD_BYTES),
    )
    return all(mallopt(option, value) == 1 for option, value in wanted)
