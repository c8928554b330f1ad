"""Freed memory is kept: steps that equal those before fault few pages."""

import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys, torch
from trainer.run.memory import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
def step():
    big = [torch.ones(6_000_000) for _ in range(4)]
    return [t + 1 for t in big]
found = []
for _ in range(10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step()
    found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(found[5:]))  # now and then one tensor of a step is laid into fresh memory all the same
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", _FAULTS, how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip("not glibc: its malloc can't be told")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_step_faults_few_pages_where_freed_memory_is_kept() -> None:
    usual, kept = faults("usual"), faults("kept")
    assert kept < usual / 10
