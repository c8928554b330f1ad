"""A client of a Dask cluster: the scheduler at an address, or workers that are started here."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pose_smoother.errors import InvalidInputError, PoseSmootherError
from pose_smoother.extras import missing_extra

if TYPE_CHECKING:
    from distributed import Client

LOCAL = "local"
CONNECT_TIMEOUT_S = 15.0
WORKERS_TIMEOUT_S = 120.0  # for a queue to start the first worker
_CLOSE_TIMEOUT_S = 5.0


class ClusterError(PoseSmootherError):
    """The cluster can't be reached, has no workers, or was lost."""


@contextmanager
def connected(address: str, n_workers: int) -> "Iterator[Client]":
    """A client of a cluster that has a worker.

    Parameters
    ----------
    address : of a scheduler, such as ``tcp://host:8786``; ``local`` starts a cluster here.
    n_workers : of a local cluster.

    Raises
    ------
    InvalidInputError : Dask is not installed.
    ClusterError : nobody answers at the address, or no worker came.
    """
    if problem := missing_extra("distributed"):
        raise InvalidInputError(f"--scheduler: {problem}, here and where the workers run")
    from distributed import Client, LocalCluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions that differ
        _silence_logs()
        cluster = None
        try:
            if address == LOCAL:
                cluster = LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    memory_limit=0,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                )
            client = Client(cluster or address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError, RuntimeError, TypeError) as error:
            if cluster is not None:
                cluster.close(timeout=_CLOSE_TIMEOUT_S)
            raise ClusterError(
                f"no Dask scheduler answers at {address} within {CONNECT_TIMEOUT_S:g} s "
                f"({' '.join(str(error).split())[:160]}): start one with `dask scheduler`"
            ) from None
        try:
            _wait_for_worker(client, address)
            yield client
        finally:
            with suppress(Exception):
                client.close(timeout=_CLOSE_TIMEOUT_S)
            if cluster is not None:
                with suppress(Exception):
                    cluster.close(timeout=_CLOSE_TIMEOUT_S)


def _wait_for_worker(client: "Client", address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_TIMEOUT_S)
    except TimeoutError:
        raise ClusterError(
            f"the scheduler at {address} got no worker within {WORKERS_TIMEOUT_S:g} s: "
            f"start some with `dask worker {address} --nthreads 1`"
        ) from None


def _silence_logs() -> None:
    """Turn off Dask's own log lines: what a user must know is one line."""
    for name in ("distributed", "bokeh", "tornado", *logging.root.manager.loggerDict):
        if name.split(".")[0] in ("distributed", "bokeh", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
