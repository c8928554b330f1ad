"""Versions for records: Python's, those of what is installed, nothing for the rest."""

import platform
from importlib.metadata import version

from pose_smoother.bench.goals import versions_words
from pose_smoother.versions import package_versions


def test_installed_packages_are_listed_in_order_and_others_left_out() -> None:
    found = package_versions("numpy", "no-such-distribution", "click")
    expected = {
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "click": version("click"),
    }
    assert list(found.items()) == list(expected.items())


def test_in_words() -> None:
    words = versions_words("numpy", "no-such-distribution")
    assert words == f"Python {platform.python_version()}, numpy {version('numpy')}"
