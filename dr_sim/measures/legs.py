"""The legs of a run: its stretches between two changes of roles, read from the record.

A run has one journal. Each pair of a primary and the copy behind it writes its own rows there
(dr_sim/record/pairs.py), and a new pair begins with a truth.roles row. A leg is what one pair has
recorded, in the time since the pair began (of files that it has taken over from an earlier pair,
before that too): the measures of one stretch know of no other, and
whole.py joins them. The first leg is the run's beginning; a run whose roles never change has no
other. Where there are several standbys each is in a pair of its own, with all that the primary did
in its rows (dr_sim/world/roles/together.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dr_sim.measures.exposure.elsewhere import held_elsewhere
from dr_sim.measures.outcome.attempts import failed_attempts
from dr_sim.measures.tables import Tables
from dr_sim.record.journal import Journal, Row
from dr_sim.record.pairs import (
    NOTHING_BROUGHT,
    PAIR_BITS,
    Brought,
    PairRoles,
    carried_by_pair,
    pair_of,
    roles_by_pair,
    rows_of_pair,
)
from dr_sim.scenario.keys.standbys import (
    FIRST_PRIMARY,
    FIRST_SECONDARY,
    as_seen_at,
    first_places,
)
from dr_sim.scenario.model import DatabaseSpec, Scenario


@dataclass(slots=True, eq=False)
class Leg:
    """One leg. begins_us: in the run's time, which is instant 0 of its scenario and its journal.
    primary, secondary: the sites' names; the secondary is the last one that was it. goes_on:
    (number, kind) of the events that had begun in an earlier leg and continue in it. beside: where
    there are several standbys, the same stretch as the others have recorded it; the leg itself is
    that of the standby that took over, or else of the preferred one. tables: those of its journal,
    opened once for all measures.
    """

    number: int
    begins_us: int
    scenario: Scenario
    journal: Journal
    primary: str = FIRST_PRIMARY
    secondary: str = FIRST_SECONDARY
    goes_on: tuple[tuple[int, str], ...] = ()
    beside: tuple[Leg, ...] = ()
    tables: Tables = field(init=False)

    def __post_init__(self) -> None:
        self.tables = Tables(self.journal)

    @property
    def every(self) -> tuple[Leg, ...]:
        """That of each standby in the order of preference, the leg itself included."""
        return tuple(
            sorted((self, *self.beside), key=lambda leg: leg.scenario.rank)
        )


def legs_of(journal: Journal, scenario: Scenario) -> list[Leg]:
    """Return the legs of a run, the first one first."""
    roles = roles_by_pair(
        journal, (FIRST_PRIMARY, first_places(scenario)[0])
    )
    begins = [
        (pair_of(row.entity), row) for row in journal.rows("truth.begins")
    ]
    carried = carried_by_pair(journal, roles)
    stretches: dict[int, list[Leg]] = {}
    for pair, mine in roles.items():
        number = len(stretches) + (mine.lead not in stretches)
        of_pair = [row for number, row in begins if number == pair]
        stretches.setdefault(mine.lead, []).append(
            _leg(
                journal,
                scenario,
                mine,
                number,
                of_pair,
                carried.get(pair, NOTHING_BROUGHT),
            )
        )
    found: list[Leg] = []
    for legs in stretches.values():
        for leg in legs if found else []:
            held = held_elsewhere(found, leg)
            leg.scenario = replace(leg.scenario, held_elsewhere=held)
        found.append(_together(legs))
    return found


def _together(legs: list[Leg]) -> Leg:
    """One leg of those of all standbys: that of the one that took over, or has begun to."""
    main = max(legs, key=_took_over)
    main.beside = tuple(leg for leg in legs if leg is not main)
    failed = failed_attempts(main)
    if failed:
        main.scenario = replace(main.scenario, failed_attempts=failed)
    return main


def _took_over(leg: Leg) -> tuple[bool, int]:
    """Return the order in which standbys took over, for max(): the preferred standby's is the
    largest where none has done anything.
    """
    promoted = any(True for _ in leg.journal.rows("truth.promoted"))
    begun = [
        r.time_us
        for r in leg.journal.rows("seen.EnterPhase")
        if r.values["phase"] in _BEGUN
    ]
    return promoted, begun[-1] if begun else -1 - leg.scenario.rank


_BEGUN = ("fencing", "draining", "tail", "recovering")


def _leg(
    journal: Journal,
    scenario: Scenario,
    roles: PairRoles,
    number: int,
    begins: list[Row],
    carried: Brought,
) -> Leg:
    pair, begins_us = roles.number, roles.begins_us
    seen = as_seen_at(scenario, roles.secondary, roles.rank, roles.of)
    sites = roles.primary, roles.secondary
    if not begins:  # the run begins with it: every database is in service
        return Leg(number, 0, seen, rows_of_pair(journal, pair), *sites)
    follows = {
        row.entity - (pair << PAIR_BITS): bool(row.values["follows"])
        for row in begins
    }
    databases = sorted(follows)
    mine = rows_of_pair(journal, pair, begins_us, databases, carried)
    # a site that was back before the one that was to be the second side
    taken = list(mine.rows("truth.second_side"))
    from_us = roles.secondary_from_us - begins_us
    for row in taken:
        from_us = min(from_us, row.time_us)
    in_service = tuple(
        _in_leg(seen.databases[i], follows[i]) for i in databases
    )
    part = replace(
        seen,
        leg_no=number,
        begins_us=begins_us,
        start_utc_us=scenario.start_utc_us + begins_us,
        run_for_us=scenario.run_for_us - begins_us,
        secondary_from_us=from_us,
        measure_from_us=max(0, scenario.measure_from_us - begins_us),
        databases=in_service,
    )
    goes_on = tuple(
        (row.values["number"], row.values["what"])
        for row in mine.rows("truth.goes_on")
    )
    secondary = taken[-1].values["site"] if taken else roles.secondary
    return Leg(
        number, begins_us, part, mine, roles.primary, secondary, goes_on
    )


def _in_leg(database: DatabaseSpec, follows: bool) -> DatabaseSpec:
    """The same database; its copy stands behind the primary from the beginning, or not."""
    return replace(database, seeded=follows)
