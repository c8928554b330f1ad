"""Actions in a forked process that may crash, hang or eat memory; each is judged by itself."""

import json
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pose_smoother.errors import PoseSmootherError

#: What an action returns in words, such as how much it wrote; raising is an outcome, too.
Action = Callable[[], str]


@dataclass
class Outcome:
    """What came of an action.

    Attributes
    ----------
    kind : "done", "refused" (a PoseSmootherError), "error" (any other), "crash" or "hang".
    text : what it said.
    grown_mib : by how much the process's peak of memory grew.
    """

    kind: str
    text: str
    seconds: float
    grown_mib: float

    def problem(self, max_seconds: float, max_mib: float) -> str:
        """What is wrong with it; "" for a finished action and for a clear refusal, in budget."""
        if self.kind not in ("done", "refused"):
            return f"{self.kind}: {self.text[-300:]}"
        if self.kind == "refused" and not (0 < len(self.text) < 1_500 and self.text.isprintable()):
            return f"no line: {self.text[:300]!r}"
        if self.seconds > max_seconds:
            return f"took {self.seconds:.1f} s of processor time: {self.text[:100]}"
        if self.grown_mib > max_mib:
            return f"took {self.grown_mib:.0f} MiB: {self.text[:100]}"
        return ""


def run_all(actions: Sequence[Action], patience_s: float = 60.0) -> list[Outcome]:
    """Run actions one after another in a forked process; one that dies is replaced.

    Parameters
    ----------
    patience_s : of the wall, for each action.
    """
    outcomes: list[Outcome] = []
    while len(outcomes) < len(actions):
        outcomes += _run_until_death(actions[len(outcomes) :], patience_s)
    return outcomes


def _run_until_death(actions: Sequence[Action], patience_s: float) -> list[Outcome]:
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking where threads are
        child = os.fork()
    if child == 0:
        os.close(read)
        try:
            for action in actions:
                os.write(write, json.dumps(vars(_judged(action))).encode() + b"\n")
        finally:
            os._exit(0)
    os.close(write)
    outcomes: list[Outcome] = []
    with os.fdopen(read, "rb", buffering=0) as pipe:
        waiting = b""
        while len(outcomes) < len(actions):
            ready, _, _ = select.select([pipe], [], [], patience_s)
            if not ready:
                os.kill(child, signal.SIGKILL)
                outcomes.append(Outcome("hang", f"no end within {patience_s:g} s", patience_s, 0))
                break
            if not (piece := pipe.read(1 << 16)):
                outcomes.append(Outcome("crash", "the process died", 0, 0))
                break
            *lines, waiting = (waiting + piece).split(b"\n")
            outcomes += [Outcome(**json.loads(line)) for line in lines]
    os.waitpid(child, 0)
    return outcomes


def _judged(action: Action) -> Outcome:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    try:
        kind, text = "done", action()
    except PoseSmootherError as error:
        kind, text = "refused", str(error)
    except BaseException as error:
        kind, text = "error", f"{type(error).__name__}: {error}"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    return Outcome(kind, text[:4_000], time.process_time() - began, grown / 1024)
