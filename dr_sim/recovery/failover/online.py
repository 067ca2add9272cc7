"""Bringing the databases online here, at the end of a failover: ordered, answered, and ordered
again where it failed (R15).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.said import said
from dr_sim.machines import CancelAlarm, Command, Event, SetAlarm
from dr_sim.recovery import events
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import FILE_MISSING, Danger
from dr_sim.recovery.commands import LookAtCopy, Recover
from dr_sim.recovery.repair.refusals import IN_USE_ERRORS
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay

_OVER = (
    Danger.NOT_RECOVERED,
    Danger.CHAIN,
    Danger.SILENCE,
    Danger.LEFT_BEHIND,
    Danger.UNPROTECTED,
    Danger.ROOM,
    Danger.SET_UP,
    Danger.ONLY_WAY,
    Danger.PRIMARY_PAGES,
)
"""The dangers that end once a database is online here."""

_NOTHING_HERE = said(
    FILE_MISSING, "Nothing of the database is here, and nothing is awaited."
)
"""The error after a restart, which does not know what the engine has said."""

_ROTTEN = "Its copy here holds pages that had rotted at the primary."
_TOO_LATE = (
    "Its copy here holds writes from after the instant that was ordered."
)


class Online:
    """The databases that are to be brought online.

    unanswered: those that have yet to be recovered; unrecovered: those that could not be;
    ordered_before: those that an earlier incarnation may have ordered. looks: those whose copies
    are looked at first.
    """

    __slots__ = (
        "_databases",
        "_errors",
        "_in_use",
        "_retry_us",
        "looks",
        "ordered_before",
        "unanswered",
        "unrecovered",
    )

    def __init__(
        self, databases: dict[str, DatabaseReplay], retry_us: int
    ) -> None:
        self._databases = databases
        self._retry_us = retry_us
        self.unanswered: set[str] = set()
        self.unrecovered: set[str] = set()
        # readers had to be disconnected: they came between the last restore and the order
        self._in_use: set[str] = set()
        self.ordered_before: set[str] = set()
        self.looks: set[str] = set()
        # the last error of the engine for each database that was not recovered
        self._errors: dict[str, str] = {}

    def begin(
        self, later: set[str], again: bool, out: list[Command]
    ) -> None:
        """Order all databases but those that come later. again: an earlier incarnation may have
        ordered them.
        """
        names = [
            name
            for name, db in self._databases.items()
            if not (db.promoted or name in later or name in self.looks)
        ]
        if again:
            self.ordered_before.update(names)
        for name in names:
            self.order(name, out)

    def useless(self, later: set[str]) -> list[str]:
        """Return the databases that are due, and whose copies may not be brought online as they
        are.
        """
        not_due = later | self.looks | self.unanswered
        names = [
            name
            for name, db in self._databases.items()
            if not (db.promoted or name in not_due)
            and db.must_not_come_online
        ]
        self.unrecovered.difference_update(names)
        return names

    def order(self, name: str, out: list[Command]) -> None:
        self.unanswered.add(name)
        self._databases[name].order_online(out)

    def may_have_been_ordered(self, name: str) -> None:
        """Note that an earlier incarnation may have ordered that database."""
        self.ordered_before.add(name)

    def look_first(self, name: str, out: list[Command]) -> None:
        """Look whether an order of an earlier incarnation is being carried out, before anything is
        restored.
        """
        self.looks.add(name)
        self.ordered_before.add(name)
        self._databases[name].hold_for_recovery()
        out.append(LookAtCopy(name))

    def looked(self, name: str) -> bool:
        """Return whether the copy was looked at for that reason."""
        was_looked_at = name in self.looks
        self.looks.discard(name)
        return was_looked_at

    def again(self, out: list[Command]) -> None:
        for name in self._databases:
            if name in self.unrecovered:
                if name in self._in_use:
                    self._databases[name].disconnect_readers(out)
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
        """Report a database that could not be recovered, and try again at every retry; the other
        databases do not wait for it. An order from before a restart, whose answer was lost, may
        have recovered it: so its state is looked at.
        """
        db = self._databases.get(e.database)
        if db is None:
            return
        if (
            e.error_number in IN_USE_ERRORS
            and e.database not in self._in_use
        ):
            self._in_use.add(e.database)
            db.disconnect_readers(out)
            out.append(Recover(e.database))
            return
        self._errors[e.database] = said(e.error_number, e.error_text)
        self.tell(e.database, e, out)
        self.unanswered.discard(e.database)
        self.unrecovered.add(e.database)
        out.append(SetAlarm("", Timer.RECOVER, e.mono_us + self._retry_us))
        db.look_at_copy(out)

    def tell(self, name: str, e: Event, out: list[Command]) -> None:
        """Raise event 5, and again at every retry."""
        db = self._databases[name]
        if db.must_not_come_online:
            self._errors[name] = _ROTTEN if db.rotten.copy else _TOO_LATE
        error = self._errors.setdefault(name, _NOTHING_HERE)
        telling.tell_not_recovered(db, error, e, out)

    @property
    def none_is_under_way(self) -> bool:
        """Return whether it is certain that nothing is online here, nor will be by an order."""
        online = any(db.promoted for db in self._databases.values())
        return not (online or self.unanswered or self.ordered_before)

    def called_off(self, out: list[Command]) -> None:
        """Order nothing again: the failover is left."""
        self.looks.clear()
        if not self.unrecovered and not self._errors:
            return
        for name in self._errors:
            self._databases[name].alerts.over(Danger.NOT_RECOVERED, out)
        self.unrecovered.clear()
        self._in_use.clear()
        self._errors.clear()
        out.append(CancelAlarm("", Timer.RECOVER))

    def nothing_to_recover(self) -> list[str]:
        """Return the databases that could not be recovered because there is no copy of them here,
        or only one that is online as a primary. They are not ordered again until they are restored.
        """
        names = [
            name
            for name, db in self._databases.items()
            if name in self.unrecovered and not db.state.exists
        ]
        self.unrecovered.difference_update(names)
        return names

    def observed(self, e: events.Inventory) -> list[events.Recovered]:
        """Compare with a later inventory: a database that is online here was recovered by an order
        from before a restart. If there was no such order, somebody brought it online by mistake.
        """
        found = []
        for name, state in e.databases.items():
            db = self._databases.get(name)
            if db is None or name not in self.ordered_before:
                continue
            if not db.promoted and state.exists and not state.restoring:
                found.append(
                    events.Recovered(
                        e.mono_us,
                        e.utc_us,
                        e.incarnation,
                        name,
                        state.fork,
                        state.redo_lsn,
                    )
                )
        return found
