"""The legs of a run: its stretches between two changes of roles, read from the record.

A run has one journal. Each pair of a primary and the copy behind it writes its own rows there
(dr_sim/record/pairs.py), and a new pair begins with a truth.roles row. A leg is what one pair has
recorded, in the time since the pair began: the measures of one stretch know of no other, and
whole.py joins them. The first leg is the run's beginning; a run whose roles never change has no
other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dr_sim.record.journal import Journal, Row
from dr_sim.record.pairs import PAIR_BITS, pair_of, rows_of_pair
from dr_sim.scenario.model import DatabaseSpec, Scenario

FIRST_SITES = ("A", "B")


@dataclass(slots=True)
class Leg:
    """One leg. begins_us: in the run's time, which is instant 0 of its scenario and its journal.
    primary, secondary: the sites' names; the secondary is the last one that was it. goes_on:
    (number, kind) of the events that had begun in an earlier leg and go on in it.
    """

    number: int
    begins_us: int
    scenario: Scenario
    journal: Journal
    primary: str = FIRST_SITES[0]
    secondary: str = FIRST_SITES[1]
    goes_on: tuple[tuple[int, str], ...] = ()


def legs_of(journal: Journal, scenario: Scenario) -> list[Leg]:
    """Return the legs of a run, the first one first."""
    roles = list(journal.rows("truth.roles"))
    legs = [Leg(1, 0, scenario, rows_of_pair(journal, 0))]
    begins = [(pair_of(row.entity), row) for row in journal.rows("truth.begins")]
    for row in roles:
        pair = pair_of(row.entity)
        mine = [each for number, each in begins if number == pair]
        legs.append(_later(journal, scenario, row, mine))
    return legs


def _later(journal: Journal, scenario: Scenario, roles: Row, begins: list[Row]) -> Leg:
    pair, begins_us = pair_of(roles.entity), roles.time_us
    follows = {row.entity - (pair << PAIR_BITS): bool(row.values["follows"]) for row in begins}
    databases = sorted(follows)
    mine = rows_of_pair(journal, pair, begins_us, databases)
    # a site that was back before the one that was to be the second side
    taken = list(mine.rows("truth.second_side"))
    from_us = roles.values["secondary_from_us"] - begins_us
    part = replace(
        scenario,
        leg_no=pair + 1,
        begins_us=begins_us,
        start_utc_us=scenario.start_utc_us + begins_us,
        run_for_us=scenario.run_for_us - begins_us,
        secondary_from_us=min([from_us, *(row.time_us for row in taken)]),
        measure_from_us=max(0, scenario.measure_from_us - begins_us),
        databases=tuple(_in_leg(scenario.databases[i], follows[i]) for i in databases),
    )
    goes_on = tuple(
        (row.values["number"], row.values["what"]) for row in mine.rows("truth.goes_on")
    )
    secondary = taken[-1].values["site"] if taken else roles.values["secondary"]
    sites = roles.values["primary"], secondary
    return Leg(pair + 1, begins_us, part, mine, *sites, goes_on)


def _in_leg(database: DatabaseSpec, follows: bool) -> DatabaseSpec:
    """The same database; its copy stands behind the primary from the beginning, or not."""
    return replace(database, seeded=follows)
