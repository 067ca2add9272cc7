"""Bringing the databases online here, at the end of a failover: ordered, answered, and ordered
again where it failed (R15).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event, SetAlarm
from dr_sim.recovery import events, telling
from dr_sim.recovery.alert_texts import error_text
from dr_sim.recovery.alerts import Danger
from dr_sim.recovery.commands import Disconnect, Recover
from dr_sim.recovery.refusals import IN_USE_ERRORS
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay

_OVER = (
    Danger.NOT_RECOVERED,
    Danger.CHAIN,
    Danger.SILENCE,
    Danger.LEFT_BEHIND,
    Danger.UNPROTECTED,
    Danger.ONLY_WAY,
)
"""What is no danger any longer once a database is online here."""


class Online:
    """unanswered: databases that have yet to be recovered; unrecovered: those that could not be.
    ordered_before: those that an earlier incarnation may have ordered.
    """

    __slots__ = (
        "_databases",
        "_errors",
        "_in_use",
        "_retry_us",
        "ordered_before",
        "unanswered",
        "unrecovered",
    )

    def __init__(self, databases: dict[str, DatabaseReplay], retry_us: int) -> None:
        self._databases = databases
        self._retry_us = retry_us
        self.unanswered: set[str] = set()
        self.unrecovered: set[str] = set()
        # readers had to be disconnected: they came between the last restore and the order
        self._in_use: set[str] = set()
        self.ordered_before: set[str] = set()
        self._errors: dict[str, str] = {}  # what the engine said last of those not recovered

    def begin(self, later: set[str], again: bool, out: list[Command]) -> None:
        """Order all but those that come later. again: an earlier incarnation may have done so."""
        names = [
            name for name, db in self._databases.items() if not db.promoted and name not in later
        ]
        if again:
            self.ordered_before.update(names)
        for name in names:
            self.order(name, out)

    def order(self, name: str, out: list[Command]) -> None:
        self.unanswered.add(name)
        self._databases[name].order_online(out)

    def again(self, out: list[Command]) -> None:
        for name in self._databases:
            if name in self.unrecovered:
                if name in self._in_use:
                    out.append(Disconnect(name))
                out.append(Recover(name))

    def recovered(self, e: events.Recovered, out: list[Command]) -> None:
        db = self._databases.get(e.database)
        if db is None:
            return
        db.brought_online(e.fork, e.fork_point_lsn)
        for danger in _OVER:
            db.alerts.over(danger, out)
        self.unanswered.discard(e.database)
        self.unrecovered.discard(e.database)

    def failed(self, e: events.RecoverFailed, out: list[Command]) -> None:
        """Told, and tried again at every retry; the other databases do not wait for it. It may have
        been recovered by an order from before a restart, whose answer was lost: so it is looked at.
        """
        db = self._databases.get(e.database)
        if db is None:
            return
        if e.error_number in IN_USE_ERRORS and e.database not in self._in_use:
            self._in_use.add(e.database)
            out.extend((Disconnect(e.database), Recover(e.database)))
            return
        self._errors[e.database] = error_text(e.error_number, e.error_text)
        self.tell(e.database, e, out)
        self.unanswered.discard(e.database)
        self.unrecovered.add(e.database)
        out.append(SetAlarm("", Timer.RECOVER, e.mono_us + self._retry_us))
        db.look_at_copy(out)

    def tell(self, name: str, e: Event, out: list[Command]) -> None:
        """Raise event 5, and again at every retry."""
        telling.tell_not_recovered(self._databases[name], self._errors[name], e, out)

    def nothing_to_recover(self) -> list[str]:
        """Return those that could not be recovered because there is no copy of them here, or none
        that is one of the primary; they are not ordered again until they are restored.
        """
        names = [
            name
            for name, db in self._databases.items()
            if name in self.unrecovered and not db.state.exists
        ]
        self.unrecovered.difference_update(names)
        return names

    def observed(self, e: events.Inventory) -> list[events.Recovered]:
        """A later look at what is there: a database that is online here has been recovered by an
        order from before a restart, whoever was told. If there was none, somebody brought it online
        by mistake.
        """
        found = []
        for name, state in e.databases.items():
            db = self._databases.get(name)
            if db is None or name not in self.ordered_before:
                continue
            if not db.promoted and state.exists and not state.restoring:
                found.append(
                    events.Recovered(
                        e.mono_us, e.utc_us, e.incarnation, name, state.fork, state.redo_lsn
                    )
                )
        return found
