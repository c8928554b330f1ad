"""Tables about the numbers' making: data and splits, runs, chosen parameters."""

from dataclasses import asdict
from typing import Any

from pose_smoother.store.config import NEIGHBOURS, StoreConfig
from pose_smoother.store.names import SPLITS, WINDOW_FRAMES
from pose_smoother.store.split_overlap import PERSONS_NOTE
from trainer.data.window_shares import share_size
from trainer.experiments import EXPERIMENTS, REAL, experiment
from trainer.report.collect import FREE_TO_DIFFER, Collection, Run, row_order
from trainer.report.published import Published
from trainer.report.tables.grid import figures, label
from trainer.report.tables.table import ABSENT, Row, Table
from trainer.runs.data_summary import Data
from trainer.training.config import train_config

_COUNTED = {
    "clips": "Clips",
    "videos": "Videos",
    "frames": "Frames",
    "windows_step1": "Windows, full frame rate",
    "windows_step2": "Windows, half frame rate",
}
_RUN_HEADS = {
    "state": "State",
    "epochs": "Epochs",
    "best_epoch": "Best epoch",
    "tested_steps": "Steps tested",
    "learning_rate_falls": "Rate falls after",
    "best_val_pck_0.2": "Best val PCK@0.2",
    "parameters": "Parameters",
    "seconds_per_epoch": "s/epoch",
    "published_minutes_per_epoch": "Thesis min/epoch",
    "device": "Device",
    "changed_settings": "Changed settings",
    "same_as": "The same run as",
}


def split_table(data: Data) -> Table:
    """The content of each split, and what is in more than one: the leak audit."""
    splits = list(SPLITS)
    rows, records = [], []
    for key, text in _COUNTED.items():
        counts = [data.splits[split][key] for split in splits]
        cells = [f"{n:,}" for n in (*counts, sum(counts))]
        # Clips that share a video or a frame are counted in each of its splits.
        shared = data.shared.get(key)
        rows.append(Row("value", text, (*cells, ABSENT if shared is None else f"{shared:,}")))
        records.append({"what": key, **dict(zip(splits, counts, strict=True)), "shared": shared})
    n_people, shared = data.counted["people"], data.shared["people"]
    blank = (ABSENT,) * len(splits)
    people = (*blank, f"{n_people:,}", f"{shared:,}") if n_people else (*blank, ABSENT, ABSENT)
    rows.append(Row("value", "People named by the data", people))
    records.append({"what": "people", **dict.fromkeys(splits), "shared": shared})
    return Table(
        "splits",
        "Data, splits and leak audit",
        (tuple((text, 1) for text in (*splits, "Sum of splits", "In more than one split")),),
        tuple(rows),
        ("what", *splits, "shared"),
        tuple(records),
        tuple(_split_notes(data)),
        "Counted",
    )


def _split_notes(data: Data) -> list[str]:
    notes = [_leak_note(data), "Windows overlap within a split: neighbours share frames."]
    if data.counted["people"]:
        notes.append(f"{PERSONS_NOTE[0].upper()}{PERSONS_NOTE[1:]}.")
    group_by = StoreConfig.from_attrs({"config": data.config}).group_by
    if group_by == NEIGHBOURS:
        notes.append("Penn Action: blocks of 20 neighbouring ids are in one split.")
    elif "penn-action" in data.datasets:
        notes.append(
            "Penn Action: split by clips, of which neighbouring ids are often cut from one source "
            "video; `preprocess --group-by neighbours` keeps those together."
        )
    return notes


def _leak_note(data: Data) -> str:
    if data.may_share:
        return (
            "This store was built by a protocol that lets splits share frames or videos on "
            "purpose: its test numbers are flattered."
        )
    if data.shared["frames"] or data.shared["videos"]:
        return "Splits share frames or videos against the rule: the test numbers are flattered."
    return "No frame and no video is in more than one split."


def run_table(found: Collection, published: Published) -> Table:
    """Every network run: how far it came, what it cost, what differs from the defaults."""
    records = [_run_record(run, published, found.data) for run in _in_order(found.runs)]
    rows = tuple(
        Row("value", record["run"], tuple(_text(record[name]) for name in _RUN_HEADS))
        for record in records
    )
    notes = (
        "The epoch with the best validation PCK@0.2 is the one tested; steps tested: of a training "
        "with a budget, those to its end. Seconds: training and "
        "validation on this machine; the thesis's minutes are of another machine, and of 345,120 "
        "windows.",
    )
    return Table(
        "runs",
        "Runs",
        (tuple((head, 1) for head in _RUN_HEADS.values()),),
        rows,
        ("run", *_RUN_HEADS),
        tuple(records),
        notes,
        "Run",
    )


def _in_order(runs: list[Run]) -> list[Run]:
    order = row_order()
    known = [run for run in runs if run.model in order]
    return sorted(known, key=lambda run: (order.index(run.model), run.experiment, run.seed))


def _run_record(run: Run, published: Published, data: Data) -> dict[str, Any]:
    history, timing = run.history, run.timing
    falls = history.loc[history["learning_rate_reduced"] == 1, "epoch"]
    seconds = timing["train_seconds"] + timing["val_seconds"]
    minutes = published.minutes.get(run.model)
    return {
        "run": run.name,
        "state": run.state,
        "epochs": len(history),
        "best_epoch": run.results["best_epoch"] if run.results else None,
        "tested_steps": _tested_steps(run, data),
        "learning_rate_falls": " ".join(map(str, falls)),
        "best_val_pck_0.2": float(history["val_pck_0.2"].max()) if len(history) else None,
        "parameters": run.record.get("n_parameters"),
        "seconds_per_epoch": float(seconds.mean()) if len(timing) else None,
        "published_minutes_per_epoch": float(minutes) if minutes else None,
        "device": run.record.get("machine", {}).get("device"),
        "changed_settings": changed_settings(run.record["identity"]),
        "same_as": (run.results or {}).get("same_as"),
    }


def _tested_steps(run: Run, data: Data) -> int | None:
    """The steps before the end of the best epoch, of a training with a budget."""
    identity, of = run.record["identity"], experiment(run.experiment)
    n_windows = data.splits["train"].get(f"windows_step{of.step}")
    if run.budget is None or run.results is None or n_windows is None or "window" in identity:
        return None
    share = share_size(n_windows, (WINDOW_FRAMES - 1) * of.step + 1)
    steps = run.results["best_epoch"] * -(-share // identity["batch_size"])
    return min(int(steps), run.budget.steps)


def changed_settings(identity: dict[str, Any]) -> str:
    """A run's settings, of those that may differ between rows, that are not the model's own."""
    default = asdict(train_config(identity["model"], identity["experiment"]))
    return " ".join(
        f"{name} {value}"
        for name, value in identity.items()
        if name in FREE_TO_DIFFER - {"seed", "precision"} and value != default.get(name, value)
    )


def _text(value: Any) -> str:
    if value is None or value == "":
        return ABSENT
    if isinstance(value, float):
        return figures(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def parameter_table(found: Collection) -> Table | None:
    """The parameters that tuning on validation windows chose; None without smoothers."""
    chosen = {
        (name, parameter, b.experiment, b.seed): value
        for b in found.baselines
        for name, params in b.params.items()
        for parameter, value in params.items()
    }
    if not chosen:
        return None
    order = row_order()
    lines = sorted({key[:2] for key in chosen}, key=lambda line: (order.index(line[0]), line[1]))
    experiments = [e.name for e in EXPERIMENTS]
    if any(key[2] == REAL.name for key in chosen):
        experiments.append(REAL.name)
    rows = []
    for name, parameter in lines:
        cells = [
            " ".join(
                f"{value:g}" for key, value in chosen.items() if key[:3] == (name, parameter, e)
            )
            for e in experiments
        ]
        rows.append(Row("value", f"{label(name)}: {parameter}", tuple(c or ABSENT for c in cells)))
    columns = ("model", "parameter", "experiment", "seed", "value")
    records = tuple(
        dict(zip(columns, (*key, value), strict=True)) for key, value in sorted(chosen.items())
    )
    notes = ("Chosen on validation windows alone; several values are of several seeds.",)
    return Table(
        "smoothers",
        "Parameters of the smoothers",
        (tuple((e, 1) for e in experiments),),
        tuple(rows),
        columns,
        records,
        notes,
        "Parameter",
    )
