"""Chains of filters that are rows of the results tables, tuned together on validation windows."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from pose_smoother.filters.base import Params, Windows
from pose_smoother.filters.parameters import Parameter

#: (filters in their order, position among the rows of the tables).
CHAINS = ((("median", "kalman"), 9), (("hampel", "kalman"), 10))


class TableChain:
    """Filters in a row, as one filter of the tables (``base.FilterModule``).

    Its name joins theirs by "+", for lists of names have commas. Parameters have the name of their
    filter before them: ``median.width_frames``.

    Parameters
    ----------
    modules : the filters in their order.
    row : the position among the rows of the tables.
    """

    def __init__(self, modules: Sequence[Any], row: int) -> None:
        self._modules = {module.NAME: module for module in modules}
        self.NAME = "+".join(self._modules)
        self.LABEL = ", then ".join(module.LABEL for module in modules)
        self.TABLE_ROW = row
        self.PARAMETERS: Mapping[str, Parameter] = {
            f"{name}.{key}": parameter
            for name, module in self._modules.items()
            for key, parameter in module.PARAMETERS.items()
        }
        self.GRID: tuple[Params, ...] = tuple(
            {
                f"{name}.{key}": value
                for name, point in zip(self._modules, points, strict=True)
                for key, value in point.items()
            }
            for points in product(*(module.GRID for module in modules))
        )

    def smooth_windows(self, noisy: Windows, **params: Any) -> Windows:
        """Windows through every filter; NaN stays NaN."""
        for name, module in self._modules.items():
            own = {
                key.removeprefix(f"{name}."): value
                for key, value in params.items()
                if key.startswith(f"{name}.")
            }
            noisy = module.smooth_windows(noisy, **own)
        return noisy
