"""Worker processes: what a signal does while they are being started."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.worker_pool import Workers

PATIENCE_S = 300  # the machine may be busy
_INTERRUPTED = """
import multiprocessing.util, os, signal, sys, time
from pipeline.worker_pool import Workers

spawn = multiprocessing.util.spawnv_passfds
def interrupted(*args):  # the new process waits to be told what to be
    made = spawn(*args)
    if any("spawn_main" in str(word) for word in args[1]):  # and not what counts semaphores
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
    return made
multiprocessing.util.spawnv_passfds = interrupted

if __name__ == "__main__":
    try:
        with Workers(1) as workers:
            workers.call(300.0, os.getpid)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def test_a_signal_while_workers_start_leaves_none_with_half_of_its_start_up_data(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.py"
    script.write_text(_INTERRUPTED)
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("n_workers", [0, 2])
def test_what_a_worker_gives_back(n_workers: int) -> None:
    with Workers(n_workers) as workers:
        assert workers.call(300.0, divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            workers.call(300.0, divmod, 7, 0)
