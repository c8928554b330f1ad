"""The options of ``sweep`` for the machine that makes its runs."""

import secrets
from pathlib import Path
from typing import Any

import click

from pose_smoother.cli_support import options
from pose_smoother.errors import InvalidInputError
from trainer.sweep.launchers import CLUSTERS, LAUNCHERS, Launcher

#: Names of the options that ``launcher_of`` takes.
WHERE = (
    "launcher",
    "cluster",
    "runs_per_gpu",
    "gpus",
    "partition",
    "job_minutes",
    "queue_options",
)
CLUSTER = options(
    click.option(
        "--launcher",
        default="local",
        show_default=True,
        type=click.Choice(LAUNCHERS),
        help="Runs are processes of this machine, or jobs of a queue (SLURM).",
    ),
    click.option(
        "--again/--once",
        "again",
        default=None,
        help="Start a run again that was preempted or whose process died.  [default: on a cluster "
        "again, here once]",
    ),
    click.option(
        "--nproc-per-node",
        default=1,
        show_default=True,
        type=click.IntRange(1),
        help="Processes that train each model together, by torchrun; a GPU for each.",
    ),
    click.option(
        "--runs-per-gpu",
        default=1,
        show_default=True,
        type=click.IntRange(1),
        help="Runs that a job of a cluster makes at once.",
    ),
    click.option(
        "--gpus",
        default=0,
        show_default=True,
        type=click.IntRange(0),
        help="GPUs of a job.",
    ),
    click.option(
        "--cluster",
        default="auto",
        show_default=True,
        type=click.Choice(CLUSTERS),
        help="Of submitit: SLURM, or processes of this machine, to try it; auto: SLURM where it "
        "is.",
    ),
    click.option("--partition", default=None, help="Of SLURM."),
    click.option(
        "--job-minutes",
        default=1440,
        show_default=True,
        type=click.IntRange(1),
        help="A job's time; one that needs more is saved and submitted again.",
    ),
    click.option(
        "--queue-option",
        "queue_options",
        multiple=True,
        metavar="NAME=VALUE",
        help="Anything else that submitit knows, such as slurm_account=me or mem_gb=16; may be "
        "given several times.",
    ),
)


def launcher_of(
    out: Path,
    threads: int,
    *,
    launcher: str,
    cluster: str,
    runs_per_gpu: int,
    gpus: int,
    partition: str | None,
    job_minutes: int,
    queue_options: tuple[str, ...],
) -> Launcher:
    """The launcher that the options describe.

    Parameters
    ----------
    threads : CPU cores of each run, all its processes together.

    Raises
    ------
    InvalidInputError : an option that is no NAME=VALUE, or one of another launcher.
    """
    from trainer.sweep.launchers.local import Local
    from trainer.sweep.launchers.queue import Queue

    if (partition or queue_options) and launcher != "submitit":
        raise InvalidInputError("--partition and --queue-option go with --launcher submitit")
    if launcher == "local":
        return Local(out, threads)
    stop_file = out / ".logs" / f"stop-{secrets.token_hex(4)}"
    parameters: dict[str, Any] = {
        "timeout_min": job_minutes,
        "cpus_per_task": threads * runs_per_gpu,
        "gpus_per_node": gpus,
        "name": "pose-sweep",
        **dict(_pair(text) for text in queue_options),
    }
    if partition is not None:
        parameters["slurm_partition"] = partition
    return Queue(out, threads, runs_per_gpu, cluster, parameters, stop_file)


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InvalidInputError(f"expected --queue-option NAME=VALUE, got {text!r}")
    return name, int(value) if value.isdecimal() else value
