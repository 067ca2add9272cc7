"""A run in legs: from its start to the failover, and from each promotion on until the next, the roles taken anew.

After a promotion the survivor is the primary: as soon as a new secondary is in place it takes backups on its own
schedule, and a new recovery network is seeded over the link with a full (R16). Until that is restored the service is
unprotected. Nothing of an earlier leg can reach a later one (new shares, a new recovery manager with an empty store, new
machines), so a leg is a world of its own that begins at the promotion: the same databases, schedules and link, the rest
of the scenario's events and time. Each leg numbers its forks and commits from the beginning. Failback is a failover of
a later leg, ordered (planned or not) or forced by a loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dr_sim.journal import Journal
from dr_sim.scenario.model import Database, Scenario


@dataclass(slots=True)
class Leg:
    """One leg. scenario: as it is in this leg, its instant 0 being begins_us of the whole run."""

    number: int
    begins_us: int
    scenario: Scenario
    journal: Journal


def first_leg(scenario: Scenario, journal: Journal) -> Leg:
    return Leg(1, 0, scenario, journal)


def next_leg(leg: Leg) -> tuple[int, Scenario] | None:
    """(when the next leg begins in the whole run, its scenario); None if there is none.

    There is one if a failover brought any database online and a new secondary is put in place before the run ends: the
    leg begins then. Only the databases that came online go on. An event between promotion and beginning meets the new
    primary with nothing behind it, as it would at the beginning.
    """
    scenario = leg.scenario
    online = {row.entity: row.time_us for row in leg.journal.rows("truth.promoted")}
    if not online or scenario.new_secondary_us is None:
        return None
    promoted_us = max(online.values())
    begins_us = promoted_us + scenario.new_secondary_us
    if begins_us >= scenario.run_for_us:
        return None
    following = replace(
        scenario,
        leg_no=leg.number + 1,
        start_utc_us=scenario.start_utc_us + begins_us,
        run_for_us=scenario.run_for_us - begins_us,
        measure_from_us=max(0, scenario.measure_from_us - begins_us),
        databases=tuple(_goes_on(d, begins_us) for i, d in enumerate(scenario.databases) if i in online),
        events=tuple(replace(e, at_us=max(0, e.at_us - begins_us)) for e in scenario.events if e.at_us >= promoted_us),
    )
    return leg.begins_us + begins_us, following


def _goes_on(database: Database, elapsed_us: int) -> Database:
    """The same database later: nothing of it is at the secondary, and a recorded series goes on where it was."""
    volume = database.log_volume
    if volume.shape == "series":
        steps = elapsed_us // volume.series_interval_us % len(volume.series_bytes)
        volume = replace(volume, series_bytes=volume.series_bytes[steps:] + volume.series_bytes[:steps])
    return replace(database, seeded=False, log_volume=volume)
