"""The page ``report.html``: all tables and figures in one file that opens offline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from pose_smoother.errors import InvalidInputError
from trainer.experiments import EXPERIMENTS
from trainer.report.collect import FREE_TO_DIFFER, Collection
from trainer.report.intervals import Number
from trainer.report.tables.grid import label
from trainer.report.tables.metadata_tables import changed_settings
from trainer.report.tables.table import UNDER_A_VALUE, Table, measured_rows

TEMPLATE = "report.html"

#: Section -> (heading, what it shows), in the page's order.
SECTIONS: dict[str, tuple[str, str]] = {
    "accuracy": (
        "Test accuracy",
        "Every network next to the identity function and smoothers that were tuned on validation "
        "alone. A network that does not beat the mean has not learned to smooth. PCK scores frames "
        "with a whole torso, which many clips do not have; the second normalisation needs one "
        "side.",
    ),
    "differences": (
        "Differences",
        "Intervals of single rows may overlap while their difference is sure: rows are compared on "
        "the same videos, so compare them here.",
    ),
    "keypoints": ("By keypoint", "Which keypoints are hard."),
    "training": (
        "Training",
        "Losses and validation PCK@0.2 by epoch. A dot: the learning rate fell after this epoch. "
        "Grey: the identity function on the same validation windows.",
    ),
    "measures": (
        "Other measures",
        "How far off, how jittery, how late, over all annotated keypoints.",
    ),
    "checks": (
        "Checks",
        "Whether the complete chain agrees with theory, and which of the thesis's orders hold.",
    ),
    "data": ("Data", "What was trained, tuned and tested on."),
    "runs": ("Runs", "What each network cost, and what tuning chose."),
    "twins": ("By keypoint, other thresholds", "Tables 3 and 4 at PCK@0.05 and PCK@0.2."),
}
FIGURES = {
    "pck": ("accuracy", "PCK@0.1 of every row with its 95 % interval, next to the thesis."),
    "figure1": ("training", "Figure 1. Evolution of losses and validation PCK@0.2."),
}


@dataclass(frozen=True)
class Making:
    """The origin of the numbers.

    Attributes
    ----------
    store, versions, settings : names and values.
    commands : that make the same numbers again; STORE and RUNS are folders.
    """

    store: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    commands: tuple[str, ...]


def require_jinja2() -> None:
    """Say how to install jinja2 where it is absent.

    Raises
    ------
    InvalidInputError : it is not installed.
    """
    if find_spec("jinja2") is None:
        raise InvalidInputError(
            "report needs jinja2: python -m pip install 'pose-smoother[report]'"
        )


def page(
    found: Collection,
    sections: Mapping[str, Sequence[Table]],
    figures: Mapping[str, str],
    notes: Sequence[str],
    results: Sequence[Number] = (),
) -> str:
    """The page as HTML: first what was measured, at the end what is missing.

    Parameters
    ----------
    sections : tables by the sections of ``SECTIONS``.
    figures : name -> SVG element.
    notes : what was left out, and why.
    results : every number, for the best row of each experiment.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("trainer.report").joinpath("templates", TEMPLATE).read_text("utf-8")
    drawn: dict[str, list[Any]] = {}
    for name, svg in figures.items():
        section, caption = FIGURES[name]
        drawn.setdefault(section, []).append((name, caption, Markup(svg)))
    measured = {
        key: [table for table in map(measured_rows, listed) if table is not None]
        for key, listed in sections.items()
    }
    shown = {
        key: (*SECTIONS[key], drawn.get(key, []), measured.get(key, []))
        for key in SECTIONS
        if drawn.get(key) or measured.get(key)
    }
    return environment.from_string(source).render(
        sections=shown,
        missing=missing_lines(found),
        best=best_rows(results),
        n_grid=found.n_grid,
        n_done=found.n_grid - len(found.missing),
        without_smoothers=_without_smoothers(found),
        seeds=sorted({seed for by_seed in found.scores.values() for seed in by_seed}),
        datasets=found.data.datasets,
        notes=notes,
        making=making(found),
        group_starts=group_starts,
        under_a_value=UNDER_A_VALUE,
    )


def best_rows(results: Sequence[Number]) -> list[str]:
    """For each experiment, the row with the most keypoints within 0.1 of the torso."""
    by_experiment: dict[str, dict[str, float]] = {}
    for one in results:
        at = (one.metric, one.alpha, one.keypoint, one.dataset)
        if at == ("pck", 0.1, "all", "all"):
            by_experiment.setdefault(one.experiment, {})[one.model] = one.value
    lines = []
    for experiment, value in sorted(by_experiment.items()):
        best = max(value, key=lambda model: value[model])
        line = f"Experiment {experiment}: {label(best)} {value[best]:.1f} % PCK@0.1"
        if "identity" in value and best != "identity":
            line += f", the identity function {value['identity']:.1f} %"
        lines.append(line)
    return lines


def group_starts(table: Table) -> set[int]:
    """Columns in which a group of the first header row starts, except the first."""
    starts, at = set(), 0
    for _, span in table.heads[0]:
        starts.add(at)
        at += span
    return starts - {0} if len(table.heads) > 1 else set()


def making(found: Collection) -> Making:
    """Versions, settings and commands, without any path of the machine."""
    records = [run.record for run in found.runs] + [b.record for b in found.baselines]
    versions: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.get("versions", {}).items():
            versions.setdefault(name, set()).add(version)
    store = {"format": found.data.format, "sha256": found.data.store_sha256[:16]}
    return Making(
        store={**{name: str(value) for name, value in found.data.config.items()}, **store},
        versions={name: ", ".join(sorted(some)) for name, some in versions.items()},
        settings={
            name: str(value)
            for name, value in records[0]["identity"].items()
            if name not in FREE_TO_DIFFER and name != "store_sha256"
        },
        commands=tuple(_commands(found)),
    )


def _commands(found: Collection) -> list[str]:
    """One command a run; settings besides seed, model and experiment are in the table of runs."""
    lines = []
    for b in found.baselines:
        lines.append(
            f"python -m trainer baselines --exp {b.experiment} --seed {b.seed} "
            "--store STORE --out RUNS"
        )
    for run in found.runs:
        if run.results is not None:
            text = changed_settings(run.record["identity"])
            changed = f"  # changed: {text}" if text else ""
            lines.append(
                f"python -m trainer train --model {run.model} --exp {run.experiment} "
                f"--seed {run.seed} --store STORE --out RUNS{changed}"
            )
    return [*lines, "python -m trainer report RUNS --out REPORT"]


def missing_lines(found: Collection) -> list[str]:
    """Networks without results, a line a network and state."""
    by_state: dict[tuple[str, str], list[str]] = {}
    for (model, name), state in found.missing.items():
        by_state.setdefault((model, state), []).append(name)
    return [
        f"{label(model)} {', '.join(names)}: {state}" for (model, state), names in by_state.items()
    ]


def _without_smoothers(found: Collection) -> list[str]:
    """Experiments without baselines."""
    return [e.name for e in EXPERIMENTS if ("identity", e.name) not in found.scores]
