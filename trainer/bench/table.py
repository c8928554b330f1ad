"""The table of ``trainer bench``: what is timed for which models, and what was wanted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from tqdm import tqdm

from pipeline.contract.goals import Goal, speed_up
from pipeline.contract.store import Store
from pipeline.contract.timing import Timings
from trainer.bench.passes import pass_timings
from trainer.bench.recurrent import PLAIN, recurrent_timings
from trainer.bench.start import start_timings
from trainer.bench.steps import step_timings
from trainer.bench.streaming import render_goals, stream_goals
from trainer.bench.turns import BARE, WHOLE
from trainer.models import model_module, models
from trainer.run.config import TrainConfig, train_config
from trainer.train import n_threads, ready_memory

EXPERIMENT = "1.1"  # random smear: the most work of the six
RECURRENT_BATCH = 4
#: Windows whose noise, or whose scores, are made together: see the stream, and ``evaluate``.
AT_ONCE = 256
_MANY = 400  # turns at most: the budget ends most parts before

STEP_GOAL = {"heatmaps": 1.05, "coordinates": 1.25}
PASS_GOAL = 1.1
RECURRENT_GOAL = {"cpu": 2.0, "cuda": 4.0}
START_GOAL_S = 5.0


@dataclass(frozen=True)
class Part:
    """Something to time: what a bar calls it, and what it gives when it is run."""

    name: str
    run: Callable[[float], list[Goal]]


def parts(store: Store, device: str, names: Sequence[str]) -> list[Part]:
    """What there is to time for some models on a device ("cpu", "cuda", "auto").

    Raises
    ------
    BadInput : a name that no model has, or no such device.
    """
    chosen: list[Part] = []
    configs = [train_config(name, EXPERIMENT, device=device) for name in names]
    for config in configs:
        chosen.append(Part(f"{config.model}, training", partial(_step, config, store)))
        for split in ("val", "test"):
            run = partial(_pass, config, store, split)
            chosen.append(Part(f"{config.model}, {split}", run))
    where = train_config(next(iter(models())), EXPERIMENT, device=device).torch_device
    for name in PLAIN:
        if name in names:
            chosen.append(Part(f"{name}, both passes", partial(_recurrent, name, where)))
    start = "deciwatch" if "deciwatch" in names or not names else names[0]
    chosen.append(Part("start", partial(_start, store, start, device)))
    chosen.append(Part("rendering", render_goals))
    chosen.append(Part("streaming", partial(stream_goals, store)))
    return chosen


def measured(chosen: Sequence[Part], minutes: float) -> Iterator[Goal]:
    """Time the parts, each with an equal share of the minutes; some need more than that."""
    budget_s = 60 * minutes / max(1, len(chosen))
    with tqdm(total=len(chosen), unit="part", disable=None) as bar:
        for part in chosen:
            bar.set_description(part.name)
            yield from part.run(budget_s)
            bar.update()


def _step(config: TrainConfig, store: Store, budget_s: float) -> list[Goal]:
    with _as_trained(config):
        timings = step_timings(config, store, _MANY, budget_s)
        note = _conditions(config)
    goal = STEP_GOAL[model_module(config.model).CONSUMES]
    against = "forward + backward + optimizer, resident batch"
    return [_ratio(config, f"training step, {config.model}", against, goal, timings, note)]


def _pass(config: TrainConfig, store: Store, split: str, budget_s: float) -> list[Goal]:
    with _as_trained(config):
        timings = pass_timings(config, store, split, _MANY, budget_s)
        note = _conditions(config)
    what = {"val": "validation", "test": "test with two references"}[split]
    against = "forward pass alone"
    return [_ratio(config, f"{what}, {config.model}", against, PASS_GOAL, timings, note)]


def _ratio(
    config: TrainConfig, what: str, against: str, goal: float, timings: Timings, note: str
) -> Goal:
    # Noise is made, and predictions are scored, for this many batches at once.
    every = max(1, AT_ONCE // config.batch_size)
    return Goal(
        what,
        against,
        goal,
        at_least=False,
        measured=timings.ratio(WHOLE, BARE, every),
        what_s=timings.median(WHOLE),
        against_s=timings.median(BARE),
        repeats=timings.repeats,
        note=note,
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
    ready_memory(config)
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
