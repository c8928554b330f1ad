"""From the start of the process ``trainer train`` to the end of its first step."""

import subprocess
import sys
import tempfile

from pose_smoother.bench.timing import Timings, interleaved
from pose_smoother.errors import RunError
from pose_smoother.remote.path import PathOrUrl

_TIMEOUT_S = 300.0


def start_timings(
    store: PathOrUrl, model: str, experiment: str, device: str, repeats: int, budget_s: float
) -> Timings:
    """Seconds of the way "start", each in a process and a folder of its own.

    Raises
    ------
    RunError : the process failed; the message has what it printed.
    """

    def run() -> None:
        with tempfile.TemporaryDirectory() as out:
            command = [sys.executable, "-m", "trainer.bench.first_step", "train"]
            command += ["--model", model, "--exp", experiment, "--device", device]
            command += ["--store", str(store), "--out", out]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
            raise RunError(f"training {model} did not start (exit {done.returncode}): {last[0]}")

    return interleaved({"start": run}, repeats, warmups=1, budget_s=budget_s)
