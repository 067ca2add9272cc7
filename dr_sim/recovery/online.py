"""Bringing the databases online here, at the end of a failover: ordered, answered, and ordered
again where it failed (R15).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dr_sim.recovery import events
from dr_sim.recovery.alerts import NOT_RECOVERED, not_recovered_text
from dr_sim.recovery.commands import Command, Disconnect, Recover, SetAlarm, TakeInventory
from dr_sim.recovery.refusals import IN_USE_ERRORS

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay


class Online:
    """unanswered: databases that have yet to be recovered; unrecovered: those that could not be;
    in_use: those from which readers had to be disconnected, because they came between the last
    restore and the order to recover. ordered_before: those that an earlier incarnation may have
    ordered. errors: what the engine said last of each that could not be recovered.
    """

    __slots__ = (
        "databases",
        "errors",
        "in_use",
        "ordered_before",
        "retry_us",
        "unanswered",
        "unrecovered",
    )

    def __init__(self, databases: dict[str, DatabaseReplay], retry_us: int) -> None:
        self.databases = databases
        self.retry_us = retry_us
        self.unanswered: set[str] = set()
        self.unrecovered: set[str] = set()
        self.in_use: set[str] = set()
        self.ordered_before: set[str] = set()
        self.errors: dict[str, tuple[int, str]] = {}

    def begin(self, later: set[str], again: bool, out: list[Command]) -> None:
        """Order all but those that come later. again: an earlier incarnation may have done so."""
        names = [
            name for name, db in self.databases.items() if not db.promoted and name not in later
        ]
        if again:
            self.ordered_before.update(names)
        for name in names:
            self.order(name, out)

    def order(self, name: str, out: list[Command]) -> None:
        self.unanswered.add(name)
        self.databases[name].recovering = True
        out.append(Recover(name))

    def again(self, out: list[Command]) -> None:
        for name in self.databases:
            if name in self.unrecovered:
                if name in self.in_use:
                    out.append(Disconnect(name))
                out.append(Recover(name))

    def recovered(self, e: events.Recovered, out: list[Command]) -> None:
        db = self.databases.get(e.database)
        if db is None:
            return
        db.promoted = True
        db.state.restoring = False
        db.state.fork, db.state.redo_lsn = e.fork, e.fork_point_lsn
        for danger in ("recover", "chain", "silence", "left behind", "unprotected", "only way"):
            db.alerts.clear(danger, out)
        self.unanswered.discard(e.database)
        self.unrecovered.discard(e.database)

    def failed(self, e: events.RecoverFailed, out: list[Command]) -> None:
        """Told, and tried again at every retry; the other databases do not wait for it. It may have
        been recovered by an order from before a restart, whose answer was lost: so it is looked at.
        """
        db = self.databases.get(e.database)
        if db is None:
            return
        if e.error_number in IN_USE_ERRORS and e.database not in self.in_use:
            self.in_use.add(e.database)
            out.extend((Disconnect(e.database), Recover(e.database)))
            return
        self.errors[e.database] = (e.error_number, e.error_text)
        self.tell(e.database, e, out)
        self.unanswered.discard(e.database)
        self.unrecovered.add(e.database)
        out.append(SetAlarm("", "recover", e.mono_us + self.retry_us))
        db.looking = True
        out.append(TakeInventory())

    def tell(self, name: str, e: events.Event, out: list[Command]) -> None:
        """Raise event 5, and again at every retry."""
        db = self.databases[name]
        text = not_recovered_text(name, *self.errors[name])
        minutes = db.minutes(e.mono_us, e.utc_us)
        db.alerts.tell(e.mono_us, e.utc_us, "recover", NOT_RECOVERED, minutes, "", text, out)

    def of_nothing(self) -> list[str]:
        """Those that could not be recovered because there is no copy of them here, or none that is
        one of the primary.
        """
        return [
            name
            for name in self.databases
            if name in self.unrecovered and not self.databases[name].state.exists
        ]

    def observed(self, e: events.Inventory) -> list[events.Recovered]:
        """A later look at what is there: a database that is online here has been recovered by an
        order from before a restart, whoever was told. If there was none, somebody brought it online
        by mistake.
        """
        found = []
        for name, seen in json.loads(e.databases).items():
            db = self.databases.get(name)
            if name not in self.ordered_before:
                continue
            if db is not None and not db.promoted and seen["exists"] and not seen["restoring"]:
                found.append(
                    events.Recovered(
                        e.mono_us, e.utc_us, e.incarnation, name, seen["fork"], seen["redo_lsn"]
                    )
                )
        return found
