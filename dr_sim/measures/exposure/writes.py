"""The times at which a database took no writes because its transaction log was full.

By SQL Server's rules (9002) it was up and reads continued: apart from the outage of a failover
nothing failed, nobody is sent anywhere, and it ends by itself with the next log backup. By
PostgreSQL's rules the server had fallen: the same time is an outage too, see outcome.py. Commits
that were refused are no data loss, as nobody was told that they are safe.
"""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import Record, tables
from dr_sim.scenario.model import Scenario


@dataclass(slots=True)
class RefusedWrites:
    """[begin_us, end_us), and how many commits were refused in it."""

    database: int
    begin_us: int
    end_us: int
    transactions: int


def refusals(record: Record, scenario: Scenario) -> list[RefusedWrites]:
    """Return the times of refused writes in order; of one that began before measure_from_us the
    rest, with all its commits. The world ends every one.
    """
    t = tables(record)
    found: list[RefusedWrites] = []
    begun: dict[int, int] = {}
    for row in t.rows("truth.writes"):
        if row.values["refused"]:
            begun[row.entity] = row.time_us
        else:
            begin = max(begun.pop(row.entity), scenario.measure_from_us)
            if row.time_us > begin:
                found.append(
                    RefusedWrites(
                        row.entity,
                        begin,
                        row.time_us,
                        row.values["transactions"],
                    )
                )
    return found


def any_refused_us(found: list[RefusedWrites]) -> int:
    """Return how long at least one database refused writes."""
    spans = sorted((refused.begin_us, refused.end_us) for refused in found)
    return sum(end - begin for begin, end in maximal(spans))
