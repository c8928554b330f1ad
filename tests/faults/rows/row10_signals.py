"""Row 10: SIGTERM and Ctrl-C at random moments; saved in time, told by the exit code, goes on."""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import servers
from tests.faults.harness import Attempt
from tests.faults.runs import RUN, run_differences, train_words
from tests.faults.stores import content, differences, labels
from tests.faults.warm import Started, Warm

NUMBER, FAULT = 10, "SIGTERM and Ctrl-C"
TRIES, SHARE = 100, 2
_SAVED_WITHIN_S = 20.0
_CODES = {signal.SIGTERM: 75, signal.SIGINT: 130}
_CHAIN = 3


@dataclass
class Ready:
    """Both programs, what they give undisturbed, and in how many seconds."""

    programs: dict[str, Warm]
    labels: Path
    store: Path
    to_train: Path
    run: Path
    seconds: dict[str, float]


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Ready:
    """Undisturbed results."""
    programs = {name: servers.server(name) for name in ("pipeline", "trainer")}
    to_train, (run, seconds) = servers.store_to_train(), servers.undisturbed_run()
    source = labels(folder / "p", (24, 300, 40, 24, 12, 9))
    store = folder / "p" / "store"
    began = time.monotonic()
    servers.build(source, store)
    spent = {"trainer": seconds, "pipeline": time.monotonic() - began}
    return Ready(programs, source, store, to_train, run, spent)


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Stop a command some times; then let it end."""
    task = "pipeline" if index % 3 == 2 else "trainer"
    program, place = ready.programs[task], folder / "place"
    place.mkdir()
    target = place / ("store" if task == "pipeline" else RUN)
    words: list[object] = ["preprocess", "--penn-action", ready.labels, "--out", target]
    if task == "trainer":
        words = train_words(ready.to_train, place, minutes=5.0)
    found = Attempt(0)
    for _ in range(_CHAIN):
        number = (signal.SIGTERM, signal.SIGINT)[int(rng.integers(2))]
        started = program.start(words, folder / "log")
        if not _begun(started, target):
            started.wait()
            break
        time.sleep(rng.uniform(0, ready.seconds[task]))
        asked = time.monotonic()
        started.signal(number)
        ended = started.wait()
        spent = time.monotonic() - asked
        if ended.code == 0:
            break
        found.tries += 1
        case = f"{task}, {number.name}"
        found.notes["slowest to leave, s"] = max(spent, found.notes.get("slowest to leave, s", 0))
        if spent > _SAVED_WITHIN_S:
            found.problems.append(f"{case}: it left after {spent:.1f} s")
        if ended.code != _CODES[number] or "Traceback" in ended.said:
            found.problems.append(f"{case}: exit code {ended.code}: {ended.said[-300:]}")
        state = target / "state.json"
        if task == "trainer" and (
            not state.exists() or json.loads(state.read_bytes())["state"] != "preempted"
        ):
            told = state.read_text() if state.exists() else "no state.json"
            found.problems.append(f"{case}: {told}")
    ended = program.run(words, folder / "log")
    if ended.code != 0 and "already exists" not in ended.said:
        found.problems.append(f"{task}: the rerun ended with {ended.code}: {ended.said[-300:]}")
    elif task == "trainer":
        harm = run_differences(target, ready.run)
        found.problems += [f"{task}: {harm}"] if harm else []
    elif harm := differences(content(target), content(ready.store)):
        found.problems.append(f"{task}: {harm}")
    found.tries = max(1, found.tries)
    return found


def _begun(started: Started, target: Path) -> bool:
    """Wait until the command holds its output; before, a signal ends it as any other program."""
    owner = target.with_name(f".{target.name}.owner.json")
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            if json.loads(owner.read_text())["pid"] == started.pid:
                return True
        except (OSError, ValueError):
            pass
        if (target / "MANIFEST.json").exists():
            return False
        time.sleep(0.002)
    return False
