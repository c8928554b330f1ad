"""Plug-ins: a module of a scanned folder registers itself by its ``NAME``."""

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType


def named_modules(package: str, path: Iterable[str]) -> dict[str, ModuleType]:
    """The modules of a package that have a ``NAME``, by that name, sorted.

    Parameters
    ----------
    package, path : the package's ``__name__`` and ``__path__``. A module without ``NAME``
        is not registered: it has code that several of the others use.
    """
    modules = [importlib.import_module(f"{package}.{m.name}") for m in pkgutil.iter_modules(path)]
    named = {module.NAME: module for module in modules if hasattr(module, "NAME")}
    return dict(sorted(named.items()))
