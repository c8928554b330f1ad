"""The table of ``trainer bench``: what is timed for which models, and what was wanted."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from tqdm import tqdm

from pose_smoother.bench.goals import Goal, speed_up
from pose_smoother.bench.timing import Timings
from pose_smoother.progress_bars import bars_hidden
from pose_smoother.store.store import Store
from trainer.bench.passes import pass_timings
from trainer.bench.recurrent import PLAIN, recurrent_timings
from trainer.bench.start import start_timings
from trainer.bench.steps import step_timings
from trainer.bench.streaming import render_goals, stream_goals
from trainer.bench.turns import BARE, WHOLE
from trainer.evaluation.evaluate import AT_ONCE
from trainer.models import model_module, models
from trainer.training.config import TrainConfig, train_config
from trainer.training.train import n_threads, prepare_memory

EXPERIMENT = "1.1"  # random blur: the most work of the six
RECURRENT_BATCH = 2
_MANY = 400  # turns at most: the budget ends most parts before

STEP_GOAL = {"heatmaps": 1.05, "coordinates": 1.25}
PASS_GOAL = 1.1
RECURRENT_GOAL = {"cpu": 2.0, "cuda": 4.0}
START_GOAL_S = 5.0


@dataclass(frozen=True)
class Part:
    """Something to time: what a bar calls it, and what it gives when it is run.

    Attributes
    ----------
    weight : of the time there is, relative to other parts: what a turn costs, roughly.
    """

    name: str
    run: Callable[[float], list[Goal]]
    weight: float = 1.0


def parts(store: Store, device: str, names: Sequence[str]) -> list[Part]:
    """What there is to time for some models on a device ("cpu", "cuda", "auto").

    Raises
    ------
    InvalidInputError : a name that no model has, or no such device.
    """
    chosen: list[Part] = []
    configs = [train_config(name, EXPERIMENT, device=device) for name in names]
    for config in configs:
        weight = _weight(config.model)
        chosen.append(Part(f"{config.model}, training", partial(_step, config, store), 2 * weight))
        for split in ("val", "test"):
            run = partial(_pass, config, store, split)
            chosen.append(Part(f"{config.model}, {split}", run, weight))
    where = train_config(next(iter(models())), EXPERIMENT, device=device).torch_device
    for name in PLAIN:
        if name in names:
            run_both = partial(_recurrent, name, where)
            chosen.append(Part(f"{name}, both passes", run_both, _weight(name)))
    start = "deciwatch" if "deciwatch" in names or not names else names[0]
    chosen.append(Part("start", partial(_start, store, start, device)))
    chosen.append(Part("rendering", render_goals))
    chosen.append(Part("streaming", partial(stream_goals, store)))
    return chosen


def measured(chosen: Sequence[Part], minutes: float) -> list[Goal]:
    """Time the parts, the light ones first, and give their goals in the order of the parts.

    Each gets its share by weight of the minutes that are left. None is cut off: a part takes a
    warm-up and a turn at least.
    """
    left_s, weight = 60 * minutes, sum(part.weight for part in chosen)
    found: dict[int, list[Goal]] = {}
    with tqdm(total=len(chosen), unit="part", disable=bars_hidden()) as bar:
        for number in sorted(range(len(chosen)), key=lambda number: chosen[number].weight):
            part, begun = chosen[number], time.perf_counter()
            bar.set_description(part.name)
            found[number] = part.run(max(0.0, left_s) * part.weight / weight)
            left_s -= time.perf_counter() - begun
            weight -= part.weight
            bar.update()
    return [goal for number in range(len(chosen)) for goal in found[number]]


def _weight(model: str) -> float:
    """What a model's turn costs compared with others', roughly: only its share of the time."""
    if model in PLAIN:
        return 6.0
    return 2.0 if model_module(model).CONSUMES == "heatmaps" else 1.0


def _step(config: TrainConfig, store: Store, budget_s: float) -> list[Goal]:
    with _as_trained(config):
        timings = step_timings(config, store, _MANY, budget_s)
        note = _conditions(config)
    goal = STEP_GOAL[model_module(config.model).CONSUMES]
    against = "forward + backward + optimizer, resident batch"
    return [_ratio(config, f"training step, {config.model}", against, goal, timings, note)]


def _pass(config: TrainConfig, store: Store, split: str, budget_s: float) -> list[Goal]:
    what = {"val": "validation", "test": "test with two references"}[split]
    what = f"{what}, {config.model}"
    # A model of coordinates is evaluated some batches at a time: against as many at once, too.
    sizes = [config.batch_size]
    if model_module(config.model).CONSUMES == "coordinates" and config.batch_size < AT_ONCE:
        sizes.append(AT_ONCE)
    goals = []
    for size in sizes:
        with _as_trained(config):
            timings = pass_timings(config, store, split, _MANY, budget_s / len(sizes), size)
            note = _conditions(config)
        against = "forward pass alone"
        if len(sizes) > 1:
            against += f", {size} windows at a time"
        goals.append(_ratio(config, what, against, PASS_GOAL, timings, note))
    return goals


def _ratio(
    config: TrainConfig, what: str, against: str, goal: float, timings: Timings, note: str
) -> Goal:
    # Noise is made, predictions are scored, models of coordinates are evaluated, as many at once.
    every = max(1, AT_ONCE // config.batch_size)
    return Goal(
        what,
        against,
        goal,
        at_least=False,
        measured=timings.ratio(WHOLE, BARE, every),
        what_s=timings.mean(WHOLE),
        against_s=timings.mean(BARE),
        repeats=timings.repeats,
        note=note,
        cpu_ratio=timings.cpu_ratio(WHOLE, BARE, every),
    )


def _recurrent(name: str, device: torch.device, budget_s: float) -> list[Goal]:
    timings = recurrent_timings(name, device, RECURRENT_BATCH, _MANY, budget_s)
    note = f"batch {RECURRENT_BATCH}, {torch.get_num_threads()} threads, {device.type}"
    return [recurrent_goal(name, device, timings, note)]


def recurrent_goal(name: str, device: torch.device, timings: Timings, note: str) -> Goal:
    """A bi-ConvLSTM against the paper's equations, as ``recurrent_timings`` timed them."""
    what, against = f"forward + backward, {name}", "plain, gate by gate and frame by frame"
    return speed_up(what, against, RECURRENT_GOAL[device.type], timings, ("fast", "plain"), note)


def _start(store: Store, model: str, device: str, budget_s: float) -> list[Goal]:
    timings = start_timings(store.path, model, EXPERIMENT, device, 5, budget_s)
    n_frames = store.n_frames("train")
    return [
        Goal(
            f"start of training, {model}",
            "process start to first step",
            START_GOAL_S,
            at_least=False,
            measured=timings.median("start"),
            unit="s",
            what_s=timings.median("start"),
            repeats=timings.repeats,
            note=f"{store.format} store of {n_frames} training frames",
        )
    ]


@contextmanager
def _as_trained(config: TrainConfig) -> Iterator[None]:
    """Threads and memory as ``trainer train`` has them for a model."""
    prepare_memory(config)
    before, wanted = torch.get_num_threads(), n_threads(config)
    torch.set_num_threads(wanted or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _conditions(config: TrainConfig) -> str:
    n, where = torch.get_num_threads(), config.torch_device.type
    threads = f"{n} thread{'s'[: n > 1]}"
    return f"batch {config.batch_size}, {threads}, {config.resolved_precision}, {where}"
