"""When something stands behind a new primary: what ends the time unprotected.

The words of the mission: after a failover a new recovery network is established, and until that is
done the service is unprotected. So in a service that has standbys a database is protected when the
first backup of its new primary is restored at one of them. A store does not end that time: it is a
way back, which is counted elsewhere (ways open, exposure).

A service that has stores alone never has a recovery network. There a database is protected when the
first backup of its new primary lies at a store that can restore it: a loss of the site would cost
what was written since.
"""

from __future__ import annotations

from dr_sim.measures.tables import (
    Ints,
    Tables,
    pick,
    restored_of_primary_us,
)
from dr_sim.scenario.model import Scenario


def counts(scenario: Scenario) -> bool:
    """Return whether a place can end the time unprotected. scenario: as that place has it."""
    return scenario.store is None or not scenario.has_standbys


def protected_us(
    t: Tables, scenario: Scenario, database: int
) -> int | None:
    """Return when the first backup of a leg's own primary protected a database at a place; None if
    none ever did.
    """
    if scenario.store is None:
        times = restored_of_primary_us(t, database)
    elif counts(scenario):
        times = _in_the_store_us(t, database)
    else:
        return None
    return int(times[0]) if len(times) else None


def _in_the_store_us(t: Tables, database: int) -> Ints:
    """Return when backups of a leg's own primary came to lie at a store that can restore them."""
    rows = _of_the_site(t, database)
    begins = t.of("truth.begins", database)
    if not len(begins["fork"]):
        return rows["time_us"]
    return pick(rows, rows["fork"] == begins["fork"][0])["time_us"]


def begins_with_all(t: Tables, scenario: Scenario, database: int) -> bool:
    """Return whether a place holds all that a leg's primary began with, when the leg begins: a copy
    that follows, or a store whose chain leads on.
    """
    if scenario.store is None:
        return scenario.databases[database].seeded
    rows = _of_the_site(t, database)
    return bool((rows["time_us"] <= 0).any())


def _of_the_site(t: Tables, database: int) -> dict[str, Ints]:
    """Return the rows of what would survive the loss of the site, of those by which that holds all
    that the leg's primary began with.
    """
    rows = t.of("truth.survivable", database)
    rows = pick(rows, t.has_text(rows["class"], "site"))
    begins = t.of("truth.begins", database)
    if not len(begins["seq"]):
        return rows
    known = rows["seq"] > begins["seq"][0]
    return pick(rows, known & (rows["commits"] >= begins["commits"][0]))
