"""Events and drawn faults of a run, with what each of them explains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dr_sim.measures.tables import Tables
from dr_sim.record.journal import Row
from dr_sim.scenario.kind import RECORDED_OUTAGE, EventKind, Explains
from dr_sim.scenario.model import DrawnFault, Scenario, ScriptedEvent


@dataclass(slots=True)
class Happening:
    """One event of the run: [begin_us, end_us), number 0 if it was drawn. explains: the causes in a
    ledger whose reason it is; fatal: it is a failure, so what it took stays lost.
    """

    number: int
    what: str
    begin_us: int
    end_us: int
    database: int
    detail: str
    explains: tuple[Explains, ...] = ()
    fatal: bool = False

    @property
    def label(self) -> str:
        return (
            f"event {self.number}"
            if self.number
            else f"drawn {self.what.replace('_', ' ')}"
        )


def happenings(
    t: Tables, scenario: Scenario, end_us: int
) -> list[Happening]:
    """Return everything that happened, in order; what has not ended lasts until end_us."""
    kinds = kinds_of(scenario)
    found: list[Happening] = []
    open_: dict[tuple[int, str, int], list[Happening]] = {}
    for row in t.rows("truth.event"):
        v = row.values
        key = (v["number"], v["what"], row.entity)
        if v["begins"]:
            one = Happening(
                v["number"],
                v["what"],
                row.time_us,
                end_us,
                row.entity,
                v["detail"],
            )
            kind = kinds.get(one.what)
            if kind is not None:
                one.explains = kind.explains
                one.fatal = kind.loses is not None
            elif one.what == RECORDED_OUTAGE:
                one.explains = (Explains.LINK_DOWN,)
            found.append(one)
            open_.setdefault(key, []).append(one)
        elif open_.get(key):
            open_[key].pop(0).end_us = row.time_us
    return found


def kinds_of(scenario: Scenario) -> dict[str, EventKind]:
    """Return every kind of event and fault that a scenario has, by name."""
    lines: list[ScriptedEvent | DrawnFault] = [
        *scenario.events,
        *scenario.faults,
    ]
    return {line.kind.name: line.kind for line in lines}


def lines_for(
    scenario: Scenario, why: Explains, database: str = ""
) -> Iterator[tuple[int, ScriptedEvent | DrawnFault]]:
    """Yield the lines that explain such a thing of a database (of any, if none is named), each with
    the number that its records bear: 0 for a fault that is drawn.
    """
    for event in scenario.events:
        if _explains(event, why, database):
            yield event.number, event
    for fault in scenario.faults:
        if _explains(fault, why, database):
            yield 0, fault


def _explains(
    line: ScriptedEvent | DrawnFault, why: Explains, database: str
) -> bool:
    if why not in line.kind.explains:
        return False
    return not database or getattr(line.params, "database", None) in (
        None,
        database,
    )


def turns_of(
    t: Tables, scenario: Scenario, why: Explains, database: str = ""
) -> Iterator[Row]:
    """Yield the records of the beginnings and ends of events that explain such a thing."""
    mine = {
        (line.kind.name, number)
        for number, line in lines_for(scenario, why, database)
    }
    for row in t.rows("truth.event"):
        if (row.values["what"], row.values["number"]) in mine:
            yield row
