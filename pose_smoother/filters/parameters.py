"""Parameters of filters: defaults, ranges, and the units in which they may be given."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pose_smoother.errors import InvalidInputError, unknown_name

#: Frames of the widest filter.
MOST_FRAMES = 61


@dataclass(frozen=True)
class Parameter:
    """One parameter of a filter.

    Attributes
    ----------
    default : None where the filter finds the value from the track.
    meaning : in a few words, with the unit.
    most : the largest value.
    zero : whether 0 is a value; negative numbers never are.
    whole, odd : whether only such numbers are values.
    """

    default: float | None
    meaning: str
    most: float = math.inf
    zero: bool = False
    whole: bool = False
    odd: bool = False

    def checked(self, name: str, value: Any) -> float | None:
        """The value as the filter takes it; ``name`` is what messages call the parameter.

        Raises
        ------
        InvalidInputError : it is not a number, or outside the range.
        """
        if value is None and self.default is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise InvalidInputError(f"{name} must be a number, got {value!r}") from None
        if not math.isfinite(number) or number < 0 or (number == 0 and not self.zero):
            kind = "a number from 0 on" if self.zero else "a positive number"
            raise InvalidInputError(f"{name} must be {kind}, got {number:g}")
        if self.whole and number != int(number):
            raise InvalidInputError(f"{name} must be a whole number, got {number:g}")
        if number > self.most or (self.odd and number % 2 == 0):
            rule = "odd and at most" if self.odd else "at most"
            raise InvalidInputError(f"{name} must be {rule} {self.most:g}, got {number:g}")
        return int(number) if self.whole else number


def defaults(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Every parameter's default by its name."""
    return {key: one.default for key, one in parameters.items()}


def resolve(
    filter_name: str,
    parameters: Mapping[str, Parameter],
    given: Mapping[str, Any],
    fps: float | None = None,
) -> dict[str, Any]:
    """The defaults, replaced by what is given, checked.

    A parameter in frames may be given in seconds (``sigma_s`` for ``sigma_frames``), one per frame
    in Hz (``min_cutoff_hz`` for ``min_cutoff_per_frame``); both need ``fps``. The other way round,
    ``cutoff_per_frame`` replaces ``cutoff_hz`` of a filter that is made in Hz.

    Raises
    ------
    InvalidInputError : an unknown parameter, a value outside its range, or no frame rate.
    """
    chosen = defaults(parameters)
    for key, value in given.items():
        known, factor = _in_own_unit(filter_name, key, parameters, fps)
        if factor is not None:
            value = Parameter(1.0, "", zero=True).checked(f"{key} of {filter_name}", value)
            value = _rounded(parameters[known], float(value or 0.0) * factor)
        chosen[known] = value
    return {
        key: parameters[key].checked(f"{key} of {filter_name}", value)
        for key, value in chosen.items()
    }


def _in_own_unit(
    filter_name: str, key: str, parameters: Mapping[str, Parameter], fps: float | None
) -> tuple[str, float | None]:
    """The parameter that a given key names, and the factor to its unit; None: it is in it."""
    if key in parameters:
        return key, None
    for ending, own in (("_s", "_frames"), ("_hz", "_per_frame"), ("_per_frame", "_hz")):
        stem = key.removesuffix(ending)
        if stem != key and stem + own in parameters:
            if fps is None:
                raise InvalidInputError(
                    f"{key} of {filter_name} needs the frame rate: give fps (--fps)"
                )
            return stem + own, 1 / fps if ending == "_hz" else fps
    raise unknown_name(f"parameter of {filter_name}", key, list(parameters) or ["none"])


def _rounded(parameter: Parameter, value: float) -> float:
    """The nearest value that the parameter may have."""
    if parameter.odd:
        return float(max(2 * math.floor(value / 2) + 1, 1))
    return float(round(value)) if parameter.whole else value


def from_text(texts: Iterable[str]) -> dict[str, str]:
    """Parameters given on a command line as ``sigma_frames=2``, by name; values still texts.

    Raises
    ------
    InvalidInputError : a text has no ``=`` or no number behind it.
    """
    found = {}
    for text in texts:
        key, _, value = text.partition("=")
        try:
            float(value)
        except ValueError:
            raise InvalidInputError(f"--param {text}: expected {key}=NUMBER") from None
        found[key.strip()] = value
    return found


def checked_rate(fps: float | None) -> float | None:
    """A frame rate that somebody gave; None where it is unknown, which NaN is, too.

    Raises
    ------
    InvalidInputError : it is not a positive number.
    """
    try:
        rate = math.nan if fps is None else float(fps)
    except (TypeError, ValueError, OverflowError):
        rate = -1.0
    if math.isnan(rate):
        return None
    if not (math.isfinite(rate) and rate > 0):
        raise InvalidInputError(f"fps must be a positive number, got {fps!s:.60}")
    return rate
