"""A detector's measured noise as a file: ``noise.toml``, written by ``trainer calibrate``.

What decides the noise is ``version``, ``[blur]``, ``[swapped]``, ``[keypoints]`` and
``[detector]``, which experiment ``real`` draws from and older files lack; all else in the file
(``[measured]``, comments) records where the numbers come from. A run's identity holds the hash of
what decides, so that an edited comment is no other noise.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import sha256_bytes, to_json
from pose_smoother.files.plain import read_plain
from pose_smoother.skeleton import KEYPOINTS, MIRROR, POOLED, POOLED_NAMES
from trainer.noise.detector_profiles import DetectorProfile

VERSION = 1
SUFFIX = ".toml"
MAX_BYTES = 16 << 20
#: Bounds that keep the integer arithmetic of ``trainer.noise.detector`` exact.
LARGEST_PX = 1000.0
LARGEST_SIGMA_PX = 28.0
#: Keypoints that have a left and a right one, by the name without its side.
PAIRS = tuple(name for name in POOLED_NAMES if POOLED.count(name) == 2)


#: Entries of ``[detector]`` and their bounds: sizes in bodies, shares, frames.
DETECTOR_NUMBERS = {
    "offset": (0.0, 10.0),
    "sd": (0.0, 10.0),
    "outlier_rate": (0.0, 1.0),
    "outlier_size": (0.0, 100.0),
    "burst_frames": (1.0, 1e4),
    "missing_rate": (0.0, 1.0),
    "missing_frames": (1.0, 1e4),
}


@dataclass(frozen=True)
class KeypointNoise:
    """A detector's errors at one keypoint, in heatmap pixels of the ground truth's box.

    Attributes
    ----------
    bias_px : mean error (x, y).
    spread_px : standard deviation (x, y) of ordinary errors.
    outliers : share of detections whose errors are wide.
    outlier_spread_px : standard deviation (x, y) of those.
    missing : share that the detector does not give.
    correlation : of ordinary errors from one source frame to the next (AR(1) coefficient).
    """

    bias_px: tuple[float, float]
    spread_px: tuple[float, float]
    outliers: float
    outlier_spread_px: tuple[float, float]
    missing: float
    correlation: float


@dataclass(frozen=True)
class DetectorNoise:
    """A detector's noise, keypoint by keypoint; hashable, so that device tables can be kept.

    Attributes
    ----------
    keypoints : one for each of the 25.
    swapped : by pair in the order of ``PAIRS``: share of frames in which left and right are at
        each other's position.
    sigma_in_px : blurs of the input, px.
    sigma_share : how often each is drawn; they sum to 1.
    detector : what experiment ``real`` draws near; None in files without it.
    """

    keypoints: tuple[KeypointNoise, ...]
    swapped: tuple[float, ...]
    sigma_in_px: tuple[float, ...]
    sigma_share: tuple[float, ...]
    detector: DetectorProfile | None = None

    @property
    def swapped_by_keypoint(self) -> tuple[float, ...]:
        """The pair's share for each of the 25; 0 for those without a side."""
        by_pair = dict(zip(PAIRS, self.swapped, strict=True))
        return tuple(
            0.0 if MIRROR[i] == i else by_pair[POOLED[i]] for i in range(len(self.keypoints))
        )

    @property
    def sha256(self) -> str:
        """Names the content: equal for two files that draw the same noise."""
        content = {"version": VERSION, **asdict(self)}
        if self.detector is None:  # the hash of older files stays
            del content["detector"]
        return sha256_bytes(to_json(content))


def read_noise(path: Path) -> DetectorNoise:
    """The noise of a file.

    Raises
    ------
    InvalidInputError : no such file, no TOML, or an entry that is absent, unknown or out of range.
    """
    try:
        content = tomllib.loads(read_plain(path, MAX_BYTES).decode())
    except FileNotFoundError:
        raise InvalidInputError(
            f"no noise file {path}: make one with `python -m trainer calibrate`"
        ) from (None)
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"{path} is no noise file: {error}") from None
    try:
        return parse_noise(content)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None


def parse_noise(content: Mapping[str, Any]) -> DetectorNoise:
    """The noise of a parsed file.

    Raises
    ------
    InvalidInputError : names the entry, what was expected and what was found.
    """
    if content.get("version") != VERSION:
        raise InvalidInputError(f"expected version = {VERSION}, found {content.get('version')!r}")
    blur = _table(content, "blur", ("sigma_in_px", "share"))
    sigmas = _list(blur["sigma_in_px"], "blur.sigma_in_px", 0.0, LARGEST_SIGMA_PX)
    shares = _list(blur["share"], "blur.share", 0.0, 1.0)
    if not sigmas or len(sigmas) != len(shares) or 0.0 in sigmas:
        raise InvalidInputError(
            "expected blur.share to hold one share for each positive blur.sigma_in_px"
        )
    if abs(sum(shares) - 1.0) > 0.01:
        raise InvalidInputError(f"expected blur.share to sum to 1, found {sum(shares):g}")
    swapped = _table(content, "swapped", PAIRS)
    rows = _table(content, "keypoints", KEYPOINTS)
    return DetectorNoise(
        keypoints=tuple(_keypoint(rows, name) for name in KEYPOINTS),
        swapped=tuple(_number(swapped[name], f"swapped.{name}", 0.0, 1.0) for name in PAIRS),
        sigma_in_px=sigmas,
        sigma_share=tuple(share / sum(shares) for share in shares),
        detector=_detector(content) if "detector" in content else None,
    )


def _detector(content: Mapping[str, Any]) -> DetectorProfile:
    table = _table(content, "detector", ("shares", *DETECTOR_NUMBERS))
    shares = _list(table["shares"], "detector.shares", 0.0, 1.0)
    if len(shares) != 4 or abs(sum(shares) - 1.0) > 0.01:
        raise InvalidInputError(
            f"expected detector.shares to be four that sum to 1, found {shares}"
        )
    numbers = {
        name: _number(table[name], f"detector.{name}", *bounds)
        for name, bounds in DETECTOR_NUMBERS.items()
    }
    return DetectorProfile(shares=(shares[0], shares[1], shares[2], shares[3]), **numbers)


def _keypoint(rows: Mapping[str, Any], name: str) -> KeypointNoise:
    fields = tuple(KeypointNoise.__dataclass_fields__)
    row, where = _table(rows, name, fields, "keypoints."), f"keypoints.{name}"
    return KeypointNoise(
        bias_px=_pair(row["bias_px"], f"{where}.bias_px", -LARGEST_PX),
        spread_px=_pair(row["spread_px"], f"{where}.spread_px", 0.0),
        outliers=_number(row["outliers"], f"{where}.outliers", 0.0, 1.0),
        outlier_spread_px=_pair(row["outlier_spread_px"], f"{where}.outlier_spread_px", 0.0),
        missing=_number(row["missing"], f"{where}.missing", 0.0, 1.0),
        correlation=_number(row["correlation"], f"{where}.correlation", -0.999, 0.999),
    )


def _table(
    content: Mapping[str, Any], name: str, keys: tuple[str, ...], within: str = ""
) -> Mapping[str, Any]:
    """A table that holds exactly the keys given."""
    table = content.get(name)
    if not isinstance(table, dict):
        raise InvalidInputError(f"expected a table {within}{name}, found {table!r}")
    if wrong := [key for key in keys if key not in table]:
        raise InvalidInputError(f"{within}{name} lacks {', '.join(wrong)}")
    if wrong := [key for key in table if key not in keys]:
        raise InvalidInputError(
            f"{within}{name} holds {', '.join(wrong)}, which is unknown; known: {', '.join(keys)}"
        )
    return table


def _number(value: Any, where: str, low: float, high: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and low <= value <= high):
        raise InvalidInputError(
            f"expected {where} to be a number in {low:g} ... {high:g}, found {value!r}"
        )
    return float(value)


def _list(value: Any, where: str, low: float, high: float) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise InvalidInputError(f"expected {where} to be a list of numbers, found {value!r}")
    return tuple(_number(number, where, low, high) for number in value)


def _pair(value: Any, where: str, low: float) -> tuple[float, float]:
    numbers = _list(value, where, low, LARGEST_PX)
    if len(numbers) != 2:
        raise InvalidInputError(f"expected {where} to be [x, y], found {value!r}")
    return numbers[0], numbers[1]
