"""Results on disk: CSV files that spreadsheets and pandas read alike, and all runs as one table.

Cells of text that a spreadsheet would take for a formula get a leading apostrophe, and so do those
that begin with one already: dropping one leading apostrophe gives every text back.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from pose_smoother.errors import PoseSmootherError, RunError
from pose_smoother.files.atomic import write_atomic, write_json
from pose_smoother.files.plain import read_plain
from trainer.metrics.tidy_rows import COLUMNS
from trainer.runs.layout import MAX_FILE_BYTES
from trainer.runs.schema import RESULTS_SCHEMA, fault_of

RESULTS_CSV = "results.csv"
RESULTS_JSON = "results.json"

#: Columns of ``results.csv`` and their kinds; ids and experiments ("1.1") are text.
TIDY_KINDS: dict[str, str] = {
    **dict.fromkeys(COLUMNS, "text"),
    "seed": "int64",
    "alpha": "float64",
    "value": "float64",
    "n": "int64",
}
_NEEDS_APOSTROPHE = ("=", "+", "-", "@", "'")


def escape_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_NEEDS_APOSTROPHE) else text


def unescape_cell(cell: str) -> str:
    """The inverse of ``escape_cell``."""
    return cell.removeprefix("'")


def csv_bytes(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as UTF-8 CSV: floats so that they read back exactly, None as an empty cell.

    Raises
    ------
    ValueError : a row has keys other than ``columns``, or a text has a control character, which
        readers of CSV treat in different ways.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return out.getvalue().encode()


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, atomically; see ``csv_bytes``."""
    write_atomic(path, csv_bytes(columns, rows))


def read_csv(path: Path, kinds: Mapping[str, str]) -> pd.DataFrame:
    """A CSV file written by ``write_csv``, with exactly the columns and kinds given.

    Parameters
    ----------
    kinds : column -> "text", or a numpy dtype; an empty cell is NaN in a float column.

    Raises
    ------
    RunError : the file is absent, has other columns, or a cell that is not of its kind.
    """
    try:
        with damage_reported(path):
            raw = io.BytesIO(read_plain(path, MAX_FILE_BYTES))
            table = pd.read_csv(raw, dtype=str, keep_default_na=False, encoding="utf-8")
            if list(table.columns) != list(kinds):
                raise RunError(f"{path} is damaged: expected the columns {', '.join(kinds)}")
            columns = {name: _typed(table[name], kind) for name, kind in kinds.items()}
    except FileNotFoundError:
        raise RunError(f"no {path}: the run is not complete") from None
    return pd.DataFrame(columns)


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Write ``results.json``, then ``results.csv`` from its rows.

    Parameters
    ----------
    results : JSON-able; ``rows`` holds the tidy rows.
    """
    write_json(folder / RESULTS_JSON, dict(results))
    write_csv(folder / RESULTS_CSV, COLUMNS, results["rows"])


def read_results(folder: Path) -> dict[str, Any]:
    """The content of a finished run's ``results.json``.

    Raises
    ------
    RunError : the run is not finished, or the file is damaged.
    """
    return read_json(folder / RESULTS_JSON, "the run is not finished", RESULTS_SCHEMA)


def read_json(path: Path, if_absent: str, schema: Any = dict) -> dict[str, Any]:
    """A JSON object of a run folder.

    Parameters
    ----------
    if_absent : a hint for the error of a missing file.
    schema : what it must hold (``trainer.runs.schema``).

    Raises
    ------
    RunError : the file is absent or damaged; nothing of its content is quoted.
    """
    try:
        with damage_reported(path):
            value = json.loads(read_plain(path, MAX_FILE_BYTES))
            fault = fault_of(value, schema)
    except FileNotFoundError:
        raise RunError(f"no {path}: {if_absent}") from None
    if fault:
        raise RunError(f"{path} is damaged: {fault}")
    return dict(value)


@contextmanager
def damage_reported(path: Path) -> Iterator[None]:
    """Raise RunError, "<path> is damaged", for errors over a file's content; none of it is quoted.

    What is no error of the content passes: a file that is absent, a warning made an error.
    """
    try:
        yield
    except (FileNotFoundError, Warning, RunError):
        raise
    except PoseSmootherError as error:
        raise RunError(f"{path} is damaged: {error}") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror or error})") from None
    except KeyError as error:
        raise RunError(f"{path} is damaged: it has no {error}") from None
    except json.JSONDecodeError as error:
        raise RunError(f"{path} is damaged: not JSON ({error})") from None
    except Exception:  # whatever a parser raises on such a file
        raise RunError(f"{path} is damaged: it does not hold what it should") from None


def load(runs: str | Path) -> pd.DataFrame:
    """All finished runs and baselines of a folder as one tidy table.

    Parameters
    ----------
    runs : the folder given to ``--out``; each folder in it with a ``results.csv`` is read.

    Returns
    -------
    DataFrame with the columns ``model, experiment, seed, split, dataset, keypoint, metric, alpha,
    value, n``; experiments are text, ``alpha`` is NaN for metrics that have none, ``value`` is in
    percent for PCK.

    Raises
    ------
    RunError : no such folder, no results in it, or a file that can't be read.
    """
    runs = Path(runs)
    files = sorted(runs.glob(f"*/{RESULTS_CSV}"))
    if not files:
        raise RunError(f"no */{RESULTS_CSV} in {runs}: train a model or compute baselines first")
    return pd.concat([read_csv(file, TIDY_KINDS) for file in files], ignore_index=True)


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if any(unicodedata.category(letter) == "Cc" for letter in value):
        raise ValueError(f"{value[:80]!r} has a control character and can't be a cell")
    return escape_cell(value)


def _typed(column: pd.Series, kind: str) -> pd.Series:
    if kind == "text":
        return column.map(unescape_cell)
    if kind.startswith("float"):
        column = column.replace("", "nan")
    return pd.Series(column.to_numpy().astype(kind), index=column.index)
