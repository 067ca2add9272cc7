"""The witness of failovers that do not end (15): as long as the manager has not ended one, no
second side is configured and nothing counts as drift, so somebody must be notified of that.

The limit of drift runs from when the failover begins, and once more from when a new second side is
really in place. Only truth excuses: the manager was down, or its store was put back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.model import Scenario
from dr_sim.units import MINUTE_US, clock

OPEN = "failover not ended"


@dataclass(slots=True)
class _Failover:
    """A failover to a site. starts_us: from when on the limit runs. end_us: when the manager says
    that it has ended, or it is overtaken by another one.
    """

    site: str
    seq: int
    starts_us: list[int]
    end_us: int


def failover_is_told(
    journal: Journal, scenario: Scenario, down: list[tuple[int, int]]
) -> Iterator[CloudBreach]:
    """down: when the manager was down."""
    spec = scenario.cloud
    assert spec is not None
    may_take_us = spec.mirror.limit_us + spec.jobs.retry_us + MINUTE_US
    notices = [
        row
        for row in journal.rows("cloud.Notify")
        if row.values["notice"] == OPEN
    ]
    for failover in _failovers(journal, scenario):
        for start_us in failover.starts_us:
            deadline_us = start_us + may_take_us
            for since_us, until_us in down:
                both_us = min(until_us, failover.end_us)
                both_us -= max(since_us, start_us)
                deadline_us += max(0, both_us)
            if failover.end_us <= deadline_us:
                continue
            told = {
                row.entity
                for row in notices
                if start_us <= row.time_us <= deadline_us
            }
            for network, each in enumerate(spec.networks):
                if network not in told:
                    yield CloudBreach(
                        deadline_us,
                        failover.seq,
                        "cloud 15",
                        f"{each.name} has no second side as the failover to {failover.site} "
                        f"has not ended since {clock(start_us)} into the run, "
                        "and nobody is told",
                    )


def _failovers(journal: Journal, scenario: Scenario) -> Iterator[_Failover]:
    ends = [row.time_us for row in journal.rows("truth.end")]
    run_ends_us = max(ends, default=scenario.run_for_us)
    open_: _Failover | None = None
    kinds = (
        "truth.cloud_provision",
        "truth.cloud_second_side",
        "truth.cloud_stands",
        "truth.cloud_store_restored",
        "cloud.SiteProvisioned",
    )
    for row in journal.rows(*kinds):
        begins = (
            row.kind == "truth.cloud_provision" and row.values["begins"]
        )
        if open_ is not None and _ends(row, open_):
            open_.end_us = row.time_us
            yield open_
            open_ = None
        if open_ is None:
            if begins:
                site = row.values["site"]
                open_ = _Failover(site, row.seq, [row.time_us], run_ends_us)
        elif row.kind == "truth.cloud_second_side":
            open_.starts_us.append(row.time_us)
        elif row.kind == "truth.cloud_store_restored":
            # its manager has forgotten it, and is told of it once more
            open_.starts_us = [row.time_us]
    if open_ is not None:
        yield open_


def _ends(row: Row, failover: _Failover) -> bool:
    if row.kind == "truth.cloud_stands":
        return True
    if row.kind == "truth.cloud_provision":
        site = row.values["site"]
        return bool(row.values["begins"]) and site != failover.site
    return (
        row.kind == "cloud.SiteProvisioned"
        and row.values["site"] == failover.site
    )
