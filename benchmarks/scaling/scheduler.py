"""The Dask scheduler fed with shards that do nothing: seconds and memory of each.

Two ways: as a build feeds it (``DaskWorkers``: twice as many tasks on their way as there are
threads), and everything at once.
"""

import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from distributed import Client
from distributed import wait as wait_for

from benchmarks.scaling.rows import cpu_s, held_mib, peak_mib, write_rows
from pipeline.cluster import task
from pipeline.cluster.compatibility import BuildToken
from pipeline.cluster.workers import DaskWorkers

_LIMIT_S = 900
_SCHEDULER = (
    "import asyncio, os, logging\nfrom distributed import Scheduler\nlogging.disable()\n"
    "async def main():\n"
    "    async with Scheduler(host='127.0.0.1', port=0, dashboard=False) as made:\n"
    "        print(made.address, os.getpid(), flush=True)\n"
    "        await made.finished()\n"
    "asyncio.run(main())\n"
)
_WORKER = (
    "import asyncio, sys, logging\nfrom distributed import Worker\nlogging.disable()\n"
    "async def main():\n"
    "    worker = Worker(sys.argv[1], nthreads=int(sys.argv[2]), memory_limit=0, dashboard=False)\n"
    "    await worker\n    await worker.finished()\n"
    "asyncio.run(main())\n"
)


def no_op(*job: Any) -> tuple[int, None]:
    """A shard that does nothing; the same arguments travel."""
    return len(job), None


def feed_bounded(client: Client, n_tasks: int) -> None:
    """As ``pipeline.shards`` does."""
    odd: Any = task
    odd.run_task = no_op
    workers = DaskWorkers(client, BuildToken(Path("note"), "said", {}))
    running: set[Future[Any]] = set()
    workers.__enter__()
    for index in range(n_tasks):
        running.add(workers.submit(1.0, no_op, index))
        if len(running) >= 2 * workers.n_workers:
            _, running = wait(running, return_when=FIRST_COMPLETED)
    wait(running)


def feed_at_once(client: Client, n_tasks: int) -> None:
    """Everything at once, and every result kept until the end."""
    wait_for(client.map(no_op, range(n_tasks), pure=False), timeout=_LIMIT_S)


def measure(n_tasks: int, n_threads: int, way: str) -> dict[str, object]:
    """Feed a new scheduler with two workers."""
    scheduler = subprocess.Popen(
        [sys.executable, "-c", _SCHEDULER], stdout=subprocess.PIPE, text=True
    )
    assert scheduler.stdout is not None
    address, pid = scheduler.stdout.readline().split()
    command = [sys.executable, "-c", _WORKER, address, str(n_threads // 2)]
    workers: list[subprocess.Popen[Any]] = [subprocess.Popen(command) for _ in range(2)]
    try:
        with Client(address) as client:
            client.wait_for_workers(2)
            before, spent = (held_mib(pid), held_mib()), (cpu_s(pid), cpu_s())
            began = time.perf_counter()
            {"bounded": feed_bounded, "at once": feed_at_once}[way](client, n_tasks)
            seconds = time.perf_counter() - began
            return {
                "way": way,
                "tasks": n_tasks,
                "threads": n_threads,
                "seconds": round(seconds, 2),
                "scheduler_cpu_ms_a_task": round(1e3 * (cpu_s(pid) - spent[0]) / n_tasks, 4),
                "client_cpu_ms_a_task": round(1e3 * (cpu_s() - spent[1]) / n_tasks, 4),
                "scheduler_before_mib": round(before[0], 1),
                "scheduler_peak_mib": round(peak_mib(pid), 1),
                "client_before_mib": round(before[1], 1),
                "client_peak_mib": round(peak_mib(), 1),
            }
    finally:
        workers.append(scheduler)
        for process in workers:
            process.kill()
            process.wait()


def main(sizes: list[int], threads: int) -> None:
    """Each size in each way, each in a process of its own; at the end the table."""
    import json

    rows = []
    for n_tasks in sizes:
        for way in ("at once", "bounded"):
            code = (
                "import json\nfrom benchmarks.scaling.scheduler import measure\n"
                f"print(json.dumps(measure({n_tasks}, {threads}, {way!r})))"
            )
            done = subprocess.run(
                [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
            )
            rows.append(json.loads(done.stdout))
            print(rows[-1], flush=True)
    print(write_rows("scaling_scheduler.csv", rows))
