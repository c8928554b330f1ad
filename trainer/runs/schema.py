"""What the JSON files of a run hold, checked when they are read: runs are passed on, and damaged.

A schema is a kind (``int``, ``str``, ``NUMBER``, ...), a tuple of kinds, ``[schema]`` for a list,
``{"*": schema}`` for a table with any keys, or ``{key: schema}``, where ``key?`` may be absent.
"""

import math
from typing import Any


class NUMBER:
    """A finite number."""


class NAME:
    """Text that is one part of a file's name."""


ROW = {
    **dict.fromkeys(("model", "experiment", "split", "dataset", "keypoint", "metric"), str),
    "seed": int,
    "alpha": (NUMBER, None),
    "value": NUMBER,
    "n": int,
}
CONFIG_SCHEMA = {
    "identity": {"*": (str, NUMBER, bool, None, list)},
    "contract?": int,
    "machine?": {"*": (str, int, None)},
    "store?": {"path": str, "config?": dict, "provenance?": dict},
    "n_parameters?": (int, None),
    "pool_frames?": int,
}
STATE_SCHEMA = {"state": str, "error?": str}
RESULTS_SCHEMA = {
    "rows": [ROW],
    "references?": [ROW],
    "validation?": [ROW],
    "best_epoch?": int,
    "n_epochs?": int,
    "test_loss?": NUMBER,
    "params?": {"*": dict},
    "beside?": [NAME],
    "same_as?": str,
}
_COUNTS = {"*": int}
DATA_SCHEMA = {
    "store_sha256": str,
    "format": str,
    "config": dict,
    "splits": dict.fromkeys(("train", "val", "test"), _COUNTS),
    "shared": _COUNTS,
    "counted": _COUNTS,
    "may_share": bool,
}
REGIONS_SCHEMA = {"shares": [NUMBER], "factor": [[NUMBER]]}

_WORDS = {NUMBER: "a finite number", NAME: "a name", None: "null", int: "a whole number"}


def fault_of(value: Any, schema: Any, where: str = "it") -> str:
    """What is wrong with a value, without quoting it; "" if nothing is."""
    fault = _fault(value, schema)
    return fault and where + fault


def _fault(value: Any, schema: Any) -> str:
    """Where within a value and what is wrong, as ``[3].n is not a whole number``; "" if nothing."""
    if isinstance(schema, list):
        if not isinstance(value, list):
            return " is not a list"
        for i, inner in enumerate(value):
            if fault := _fault(inner, schema[0]):
                return f"[{i}]{fault}"
        return ""
    if isinstance(schema, dict):
        return _fault_of_object(value, schema)
    kinds = schema if isinstance(schema, tuple) else (schema,)
    for kind in kinds:
        if _is(value, kind):
            return ""
    return " is not " + " or ".join(_WORDS.get(kind) or kind.__name__ for kind in kinds)


def _fault_of_object(value: Any, schema: dict[str, Any]) -> str:
    if not isinstance(value, dict):
        return " is not an object"
    if "*" not in schema:
        absent = sorted(key for key in schema if key not in value and not key.endswith("?"))
        if absent:
            return f" has no {', '.join(absent)}"
    for key, inner in value.items():
        of_key = schema.get("*") or schema.get(key) or schema.get(f"{key}?", Any)
        if of_key is not Any and (fault := _fault(inner, of_key)):
            return f".{key:.40}{fault}"
    return ""


def _is(value: Any, kind: Any) -> bool:
    if kind is None:
        return value is None
    if kind is NUMBER:
        return type(value) in (int, float) and math.isfinite(value) and abs(value) < 2**63
    if kind is NAME:
        return isinstance(value, str) and bool(value) and not set(value) & set("/\\\0")
    if kind is int:
        return type(value) is int and abs(value) < 2**63
    return isinstance(value, kind)
