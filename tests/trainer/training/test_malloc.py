"""Freed memory is kept: a step gives malloc's memory back to the system, or does not.

Judged by what malloc itself counts (mallinfo2), not by page faults: some machines count none.
"""

import json
import subprocess
import sys

import pytest

_STEPS = """
import ctypes, json, sys, torch
from trainer.training.malloc import disable_malloc_trim

class Mallinfo2(ctypes.Structure):
    _fields_ = [(n, ctypes.c_size_t) for n in (
        "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split())]

try:
    mallinfo2 = ctypes.CDLL(None).mallinfo2
except AttributeError:
    sys.exit(3)
mallinfo2.restype = Mallinfo2
def held():  # bytes that malloc has from the system
    info = mallinfo2()
    return info.arena + info.hblkhd
if sys.argv[1] == "kept" and not disable_malloc_trim():
    sys.exit(3)
found = []
for _ in range(4):
    big = [torch.ones(10_000_000) for _ in range(2)]  # 40 MB each: over glibc's own threshold's cap
    during = held()
    del big
    found.append((during, held()))
print(json.dumps(found))
"""


def held_in_steps(how: str) -> list[tuple[int, int]]:
    """Bytes that malloc has from the system while a step's tensors live, and once they're freed."""
    command = [sys.executable, "-c", _STEPS, how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip("not glibc 2.33 or newer: its malloc can't be told, or doesn't count")
    assert done.returncode == 0, done.stderr
    return [(during, after) for during, after in json.loads(done.stdout)]


def test_a_step_gives_its_memory_back_unless_set_to_keep_it() -> None:
    assert all(during - after > 79_000_000 for during, after in held_in_steps("usual"))


def test_freed_memory_is_kept_for_the_next_step() -> None:
    assert all(after == during for during, after in held_in_steps("kept"))
