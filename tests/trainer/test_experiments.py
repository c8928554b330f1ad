"""The six experiments, written out once more from the thesis."""

import pytest

from pose_smoother.errors import InvalidInputError
from trainer.experiments import EXPERIMENTS, experiment

RANDOM = (1, 1.5, 2, 2.5, 3)


@pytest.mark.parametrize(
    ("name", "k", "sigma_in_px", "step"),
    [
        ("1.1", 1, RANDOM, 1),
        ("1.2", 1, (1,), 1),
        ("1.3", 1, RANDOM, 2),
        ("2.1", 2, RANDOM, 1),
        ("2.2", 2, (1,), 1),
        ("2.3", 2, RANDOM, 2),
    ],
)
def test_experiment(name, k, sigma_in_px, step):
    found = experiment(name)
    assert (found.name, found.k, found.sigma_in_px, found.step) == (name, k, sigma_in_px, step)


def test_there_are_six():
    assert len({found.name for found in EXPERIMENTS}) == 6


def test_an_unknown_name_lists_the_known():
    with pytest.raises(
        InvalidInputError, match=r"unknown experiment '3\.1'; known: 1\.1, 1\.2, .*2\.3"
    ):
        experiment("3.1")
