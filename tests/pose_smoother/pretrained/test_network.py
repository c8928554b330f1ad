"""How the pretrained network runs in numpy; ``tests/trainer/pretrain`` tests its numbers."""

import subprocess
import sys

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

import pose_smoother as ps

WATCHED = """
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
from pose_smoother.pretrained import network, smooth

def watched(plain):
    def call(*given):
        print({one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"})
        return plain(*given)
    return call

network.run_view = watched(network.run_view)
smooth.shrink_components = watched(smooth.shrink_components)
threadpool_limits(2, user_api="blas")
smooth.smooth_pretrained(np.random.default_rng(0).normal(size=(60, 5, 2)))
"""


def test_the_network_runs_with_one_thread() -> None:
    """More wait for each other: with two the same file took nearly three times as long."""
    command = [sys.executable, "-c", WATCHED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "{1}\n" * 3


def blas_threads() -> dict[str, int]:
    return {library["filepath"]: library["num_threads"] for library in threadpool_info()}


def test_smoothing_gives_the_threads_back() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        ps.smooth(np.random.default_rng(0).normal(size=(60, 5, 2)))
        after = blas_threads()
    assert {path: after[path] for path in before} == before
