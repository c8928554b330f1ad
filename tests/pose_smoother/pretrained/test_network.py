"""How the pretrained network runs in numpy; ``tests/trainer/pretrain`` tests its numbers."""

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

import pose_smoother as ps
from pose_smoother.pretrained import network


def test_the_network_runs_with_one_thread_and_gives_the_others_back(monkeypatch):
    """More wait for each other: with two the same file took nearly three times as long."""
    seen = []
    plain = network.run_view

    def watched(*given):
        seen.append([library["num_threads"] for library in threadpool_info()])
        return plain(*given)

    monkeypatch.setattr(network, "run_view", watched)
    with threadpool_limits(2, user_api="blas"):
        before = [library["num_threads"] for library in threadpool_info()]
        ps.smooth(np.random.default_rng(0).normal(size=(60, 5, 2)))
        assert [library["num_threads"] for library in threadpool_info()] == before
    blas = [i for i, library in enumerate(threadpool_info()) if library["user_api"] == "blas"]
    assert blas
    assert all(numbers[i] == 1 for numbers in seen for i in blas)
    assert len(seen) == 2
