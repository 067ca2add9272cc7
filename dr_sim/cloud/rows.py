"""The rows of the configuration database and of the queue, read from what a manager has stored.

They are for people who look. The manager itself keeps its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dr_sim.cloud.config import CloudConfig, NetworkConfig
from dr_sim.cloud.jobs.job import OPEN, CloudJob
from dr_sim.cloud.mirror.mirror import SWITCH, row_of, sides_of
from dr_sim.cloud.mirror.table import table_of


@dataclass(frozen=True, slots=True)
class ThingRow:
    """A row of a database or a farm. version: how many changes were made to it at the active side.
    identifiers: by site, as the mapping table has them now; '' where it has none.
    """

    name: str
    kind: str
    tenants: tuple[str, ...]
    version: int
    identifiers: dict[str, str]


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job that is not over. attempt: the number of its last attempt, 0 before the first. It has
    no state: that its script runs is not stored.
    """

    job: str
    site: str
    thing: str
    script: str
    attempt: int


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """A row of a network. active: the site where changes are made. second: the site that they are
    mirrored to; '' if there is none. jobs: those that are not over, the oldest first.
    """

    name: str
    active: str
    second: str
    mirror_on: bool
    things: tuple[ThingRow, ...]
    jobs: tuple[JobRow, ...]


def network_rows(
    config: CloudConfig, stored: Mapping[str, str]
) -> tuple[NetworkRow, ...]:
    """Return a row for each network, with its things and its open jobs."""
    jobs = [
        CloudJob.from_text(key.removeprefix(OPEN), text)
        for key, text in stored.items()
        if key.startswith(OPEN) and text
    ]
    jobs.sort(key=lambda job: job.order)
    return tuple(
        _network_row(network, stored, jobs) for network in config.networks
    )


def _network_row(
    network: NetworkConfig, stored: Mapping[str, str], jobs: list[CloudJob]
) -> NetworkRow:
    name = network.name
    active, _, second = sides_of(network, stored)
    return NetworkRow(
        name,
        active,
        second,
        stored.get(SWITCH + name) != "off",
        tuple(_thing_rows(network, stored)),
        tuple(_job_row(job) for job in jobs if job.network == name),
    )


def _thing_rows(
    network: NetworkConfig, stored: Mapping[str, str]
) -> list[ThingRow]:
    table = table_of(network, stored)
    sites = table.sites
    rows = []
    for entity in network.entities:
        row = row_of(network.name, entity.name, entity.kind, stored)
        ids = {site: table.row(entity.name, site) for site in sites}
        rows.append(
            ThingRow(
                entity.name, entity.kind, entity.tenants, row.version, ids
            )
        )
    return rows


def _job_row(job: CloudJob) -> JobRow:
    return JobRow(job.id, job.site, job.entity, job.script, job.attempt)
