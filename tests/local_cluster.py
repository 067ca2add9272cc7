"""A Dask cluster of this machine, for the tests that play on one."""

from __future__ import annotations

from typing import Any


def local_cluster(workers: int, threads: int = 1) -> Any:
    """Return so many worker processes behind a scheduler that listens on loopback."""
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=workers,
        threads_per_worker=threads,
        processes=True,
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
        host="127.0.0.1",
    )


def address_of(cluster: Any) -> str:
    """Return what `--on` takes."""
    return str(cluster.scheduler_address).replace("tcp://", "dask://")
