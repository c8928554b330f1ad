"""Filters of keypoints over time: each module of this folder that has a ``NAME`` is one.

The folder is scanned; a module without ``NAME`` holds what several filters share. To add a filter,
add one file (and its test): see ``base.FilterModule`` for what it offers. scipy is imported only
inside the functions that need it, so that no filter costs the start of another.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from pose_smoother.errors import unknown_name
from pose_smoother.filters.base import FilterModule, Params, Smooth, Windows
from pose_smoother.filters.table_chains import CHAINS, TableChain
from pose_smoother.registry import named_modules

__all__ = [
    "FilterModule",
    "Params",
    "Smooth",
    "Windows",
    "filter_module",
    "filters",
    "fit_windows",
    "table_filter",
    "table_filters",
]


@cache
def filters() -> dict[str, Any]:
    """Every filter's module by name: the rows of the tables in their order, then the others."""
    found = named_modules(__name__, __path__)
    last = len(found)
    return dict(sorted(found.items(), key=lambda one: (getattr(one[1], "TABLE_ROW", last), one[0])))


def filter_module(name: str) -> Any:
    """One filter's module.

    Raises
    ------
    InvalidInputError : no filter has this name; the text lists those there are.
    """
    try:
        return filters()[name]
    except KeyError:
        raise unknown_name("filter", name, list(filters())) from None


@cache
def table_filters() -> dict[str, Any]:
    """The filters and chains that are rows of the results tables, in the tables' order."""
    found = {name: module for name, module in filters().items() if hasattr(module, "TABLE_ROW")}
    for names, row in CHAINS:
        chain = TableChain([filter_module(name) for name in names], row)
        found[chain.NAME] = chain
    return dict(sorted(found.items(), key=lambda one: one[1].TABLE_ROW))


def table_filter(name: str) -> Any:
    """One filter of the results tables.

    Raises
    ------
    InvalidInputError : no filter of the tables has this name; the text lists those there are.
    """
    try:
        return table_filters()[name]
    except KeyError:
        raise unknown_name("smoother", name, list(table_filters())) from None


def fit_windows(module: Any, noisy: Windows, truth: Windows) -> Callable[..., Smooth]:
    """A function that makes the filter from one point of its grid.

    Parameters
    ----------
    noisy, truth : training windows, float32 (N, T, K, 2) both, heatmap pixels, NaN where not
        annotated. Only a filter that learns reads them.
    """
    if hasattr(module, "fit_windows"):
        made: Callable[..., Smooth] = module.fit_windows(noisy, truth)
        return made
    return partial(partial, module.smooth_windows)
