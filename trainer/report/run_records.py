"""Runs and baselines without their folders, as JSON: what the tables and Figure 1 show of them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from trainer.report.collect import Baselines, Run
from trainer.runs.layout import HISTORY_KINDS, TIMING_KINDS
from trainer.runs.results_io import TIDY_KINDS
from trainer.runs.schema import CONFIG_SCHEMA, RESULTS_SCHEMA, fault_of

#: Of a run's results what tables show besides its scores.
_RESULTS = ("best_epoch", "n_epochs", "beside", "same_as")


def run_record(run: Run) -> dict[str, Any]:
    """A finished run as JSON; of its test rows the coverage of its regions alone.

    The scores are kept beside, by clip. No path of a machine is in it.
    """
    results = dict(run.results or {})
    rows = [row for row in results["rows"] if row["metric"] == "coverage"]
    return {
        "name": run.name,
        "config": _without_store(run.record),
        "history": run.history.to_dict("list"),
        "timing": run.timing.to_dict("list"),
        "results": {k: v for k, v in results.items() if k in _RESULTS} | {"rows": rows},
    }


def baselines_record(baselines: Baselines) -> dict[str, Any]:
    """One experiment's smoothers as JSON; of the validation rows those of the identity function."""
    table = baselines.validation
    rows = None if table is None else table[table["model"] == "identity"].to_dict("list")
    return {
        "name": baselines.name,
        "config": _without_store(baselines.record),
        "params": baselines.params,
        "validation": rows,
    }


def run_of(record: Mapping[str, Any]) -> Run:
    """The inverse of ``run_record``.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError : the record is no run's.
    """
    config, results = _checked(record["config"], CONFIG_SCHEMA), record["results"]
    identity = config["identity"]
    return Run(
        str(record["name"]),
        str(identity["model"]),
        str(identity["experiment"]),
        int(identity["seed"]),
        config,
        _table(record["history"], HISTORY_KINDS),
        _table(record["timing"], TIMING_KINDS),
        _checked(results, RESULTS_SCHEMA),
        "finished",
    )


def baselines_of(record: Mapping[str, Any]) -> Baselines:
    """The inverse of ``baselines_record``; raises as ``run_of``."""
    config, rows = _checked(record["config"], CONFIG_SCHEMA), record["validation"]
    identity = config["identity"]
    return Baselines(
        str(record["name"]),
        str(identity["experiment"]),
        int(identity["seed"]),
        config,
        _checked(record["params"], {"*": dict}),
        None if rows is None else _table(rows, TIDY_KINDS),
    )


def _without_store(record: Mapping[str, Any]) -> dict[str, Any]:
    """What ``config.json`` holds but where the store lay, which ``Data`` describes."""
    return {name: value for name, value in record.items() if name != "store"}


def _checked(value: Any, schema: Any) -> dict[str, Any]:
    if fault := fault_of(value, schema):
        raise ValueError(fault)
    return dict(value)


def _table(columns: Mapping[str, Any], kinds: Mapping[str, str]) -> pd.DataFrame:
    """A table of exactly these columns, all of one length."""
    if set(columns) != set(kinds) or len({len(values) for values in columns.values()}) > 1:
        raise ValueError(f"expected columns of one length, {', '.join(kinds)}")
    dtypes = {name: "str" if kind == "text" else kind for name, kind in kinds.items()}
    return pd.DataFrame({name: columns[name] for name in kinds}).astype(dtypes)
