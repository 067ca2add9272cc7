"""Why the data loss of a database is unknown, or why all of it is lost, in words."""

from __future__ import annotations

from dr_sim.backups.said import said
from dr_sim.measures.outage_now.outage_from_store import ways_back
from dr_sim.measures.outcome.phases import nothing_there
from dr_sim.measures.tables import Tables
from dr_sim.scenario.model import Scenario

_OFF = ("abandoned", "watching")
"""Phases in which no failover is on."""


def _never_restored(t: Tables, scenario: Scenario, database: int) -> str:
    name = scenario.databases[database].name
    where = "in this store" if scenario.store else "at the secondary"
    told = f"no copy of {name} was ever restored {where}"
    if any(row.entity in (database, -1) for row in t.rows("truth.failed")):
        return f"{told}: all of it is lost"
    return f"{told}; the stopped primary still holds it"


def _goes_on(t: Tables, scenario: Scenario, database: int) -> bool:
    """Return whether a failover is on when the run ends, and a whole full lies there that it may
    still restore.
    """
    phases = [row.values["phase"] for row in t.rows("seen.EnterPhase")]
    if not phases or phases[-1] in _OFF:
        return False
    *_, last = ways_back(t, scenario, database)
    return last.takes_us is not None


def why_unknown(t: Tables, scenario: Scenario, database: int) -> str:
    """Return why the loss of a database that was not promoted is unknown, or why so much of it is
    lost.
    """
    spec = scenario.databases[database]
    restored = len(t.of("truth.restored", database)["seq"])
    awaited = spec.seeded or restored or _goes_on(t, scenario, database)
    if not awaited:
        return _never_restored(t, scenario, database)
    failed = [
        r.values
        for r in t.rows("seen.RecoverFailed")
        if r.entity == database
    ]
    if failed:
        error = said(failed[-1]["error_number"], failed[-1]["error_text"])
        return f"{spec.name} could not be brought online: {error}"
    phases = [r.values["phase"] for r in t.rows("seen.EnterPhase")]
    if not phases and nothing_there(t):
        return f"nothing was left from which {spec.name} could be restored: all of it is lost"
    if not phases:
        return "no failover had been begun when the run ended"
    if phases[-1] in _OFF:
        declined = any(
            not r.values["approve"] for r in t.rows("seen.OperatorAnswered")
        )
        return (
            "the operator did not agree to fail over"
            if declined
            else "the failover was abandoned"
        )
    return "the run ended before the promotion"
