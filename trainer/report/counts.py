"""What a report was counted from, clip by clip, in one small file next to its tables.

``counts.npz`` needs neither the runs nor their store: every number, interval and paired difference
is made again from it. Equal arrays are kept once: x.1 and x.2 are the same counts for whatever
reads positions only, and what is counted of the truth is the same in every row. A report of other
runs on the same store takes its rows from there (``add_counts``), and the curves, settings and
tuned parameters of the finished runs behind them (``run_records``).
"""

import hashlib
import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, RunError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.npz import open_archive, read_array
from pose_smoother.files.plain import Budget, read_plain
from trainer.metrics.scores import Scores, fault_of
from trainer.report.collect import Collection, StepBudget, check_same_settings
from trainer.report.run_records import baselines_of, baselines_record, run_of, run_record
from trainer.runs.data_summary import CLIP_KINDS, Data

COUNTS = "counts.npz"
_INDEX = "index"
_MAX_BYTES = 1 << 30


def save_counts(path: Path, found: Collection) -> None:
    """Write the counts of all rows, atomically; equal collections give equal bytes.

    Clips of which no row counts anything are left out.
    """
    every = [scores for seeds in found.scores.values() for scores in seeds.values()]
    counted = np.zeros(len(found.data.clips), bool)
    for scores in every:
        counted |= scores.annotated.any(axis=1)
    arrays: dict[str, NDArray[Any]] = {}
    rows = []
    for (model, experiment), seeds in sorted(found.scores.items()):
        for seed, scores in sorted(seeds.items()):
            kept = scores.subset(counted)
            names = {name: _keep(arrays, one) for name, one in kept.sums.items()}
            row = {"model": model, "experiment": experiment, "seed": seed, "sums": names}
            rows.append({**row, "alphas": kept.alphas.tolist(), "torso": kept.missing_torso})
    data = asdict(found.data)
    data["clips"] = found.data.clips[counted].to_dict("list")
    budgets = [[*key, *budget] for key, budget in sorted(found.budgets.items())]
    runs = [run_record(run) for run in found.runs if run.results is not None]
    baselines = [baselines_record(one) for one in found.baselines]
    listed = {"rows": rows, "data": data, "budgets": budgets, "runs": runs, "baselines": baselines}
    index = json.dumps(listed, sort_keys=True)
    buffer = io.BytesIO()
    content: dict[str, Any] = {_INDEX: np.array(index), **dict(sorted(arrays.items()))}
    np.savez_compressed(buffer, **content)
    write_atomic(path, buffer.getvalue())


def load_counts(path: Path) -> Collection:
    """Read what ``save_counts`` wrote: what was counted, and the finished runs behind it.

    A file of before runs were kept has none.

    Raises
    ------
    RunError : the file is absent, damaged, or holds no counts.
    """
    try:
        raw = read_plain(path, _MAX_BYTES)
        budget = Budget(len(raw), _MAX_BYTES)
        with open_archive(raw, _MAX_BYTES) as archive:
            text = read_array(archive, _INDEX, budget)
            index = json.loads(str(text))
            names = {name for row in index["rows"] for name in row["sums"].values()}
            arrays = {name: read_array(archive, name, budget) for name in sorted(names)}
        clips = pd.DataFrame(index["data"].pop("clips"), columns=list(CLIP_KINDS), dtype=object)
        runs = [run_of(record) for record in index.get("runs", [])]
        baselines = [baselines_of(record) for record in index.get("baselines", [])]
        found = Collection(Data(**index["data"], clips=clips), runs, baselines)
        for row in index["rows"]:
            scores = _scores(row, arrays, len(clips))
            found.scores.setdefault((row["model"], row["experiment"]), {})[row["seed"]] = scores
        for model, experiment, steps, *batch in index.get("budgets", []):
            (size,) = batch or (None,)
            step_budget = StepBudget(int(steps), None if size is None else int(size))
            found.budgets[str(model), str(experiment)] = step_budget
    except (OSError, InvalidInputError, RecursionError) as error:
        raise RunError(f"{path} is not a readable file of counts: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path} is damaged: expected the counts of a report ({error})") from None
    return found


def add_counts(found: Collection, path: Path) -> None:
    """Add the rows of an earlier report that a collection has not, as of runs on another machine.

    Raises
    ------
    RunError : as ``load_counts``; or they are of another store, or of other settings.
    """
    earlier = load_counts(path)
    if earlier.data.store_sha256 != found.data.store_sha256:
        raise RunError(f"{path} was counted on another store than the runs: report them apart")
    _add_runs(found, earlier)
    here = pd.MultiIndex.from_frame(found.data.clips.astype(str))
    rows = here.get_indexer(pd.MultiIndex.from_frame(earlier.data.clips.astype(str)))
    if (rows < 0).any():
        raise RunError(f"{path} is damaged: expected clips of the runs' store")
    for key, seeds in earlier.scores.items():
        if key in found.scores:
            continue
        found.scores[key] = {
            seed: replace(
                scores, sums={n: _spread(s, rows, len(here)) for n, s in scores.sums.items()}
            )
            for seed, scores in seeds.items()
        }
        if key in earlier.budgets:
            found.budgets[key] = earlier.budgets[key]


def _add_runs(found: Collection, earlier: Collection) -> None:
    """The runs behind the rows that will be added, in place of those that are unfinished here."""
    runs = [run for run in earlier.runs if (run.model, run.experiment) not in found.scores]
    mine = {(one.experiment, one.seed) for one in found.baselines}
    baselines = [b for b in earlier.baselines if (b.experiment, b.seed) not in mine]
    finished = [run for run in found.runs if run.results is not None]
    check_same_settings([*finished, *found.baselines, *runs, *baselines])
    replaced = {(run.model, run.experiment) for run in runs}
    kept = [run for run in found.runs if (run.model, run.experiment) not in replaced]
    found.runs = sorted([*kept, *runs], key=lambda run: run.name)
    found.baselines = sorted([*found.baselines, *baselines], key=lambda one: one.name)


def _spread(sums: NDArray[Any], rows: NDArray[np.intp], n_clips: int) -> NDArray[Any]:
    """Sums by clip at their rows among all clips, 0 in the others."""
    out = np.zeros((n_clips, *sums.shape[1:]), sums.dtype)
    out[rows] = sums
    return out


def _keep(arrays: dict[str, NDArray[Any]], one: NDArray[Any]) -> str:
    """The name under which an array is stored: that of its content."""
    content = f"{one.dtype.str} {one.shape} ".encode() + np.ascontiguousarray(one).tobytes()
    name = hashlib.sha256(content).hexdigest()[:16]
    arrays[name] = one
    return name


def _scores(row: dict[str, Any], arrays: dict[str, Any], n_clips: int) -> Scores:
    sums = {name: arrays[key] for name, key in row["sums"].items()}
    alphas = np.asarray(row["alphas"], np.float64)
    known = {"alphas": alphas, "missing_torso": np.asarray(row["torso"]), **sums}
    if fault := fault_of(known):
        raise ValueError(fault)
    scores = Scores(alphas, row["torso"], sums)
    if len(scores.annotated) != n_clips:
        raise ValueError(f"{len(scores.annotated)} clips, expected {n_clips}")
    return scores
