"""The drains of all databases in a failover (drain.py), their tails, and the limit for both (R15).

The tail of each database is always requested, as soon as the drain of that database is done: only
an attempt shows whether the old primary's log can still be read. The failover then waits for the
tail's file like for any other file in transfer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dr_sim.machines import Alarm, Command, Event, SetAlarm
from dr_sim.recovery import events
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import Danger
from dr_sim.recovery.commands import AskShare, TakeTail
from dr_sim.recovery.failover import draining
from dr_sim.recovery.failover.drain import Drain
from dr_sim.recovery.files.file import INCREMENTAL
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair.refusals import Refusal
from dr_sim.recovery.replay.limits import elapsed_us
from dr_sim.recovery.replay.waiting import stopped
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


class Emptying:
    """The drains of all databases.

    since: when draining began, on both clocks; the limit counts from there. later: databases that
    the others do not wait for, as nothing of them could be brought online yet.
    """

    __slots__ = (
        "_databases",
        "_emptied",
        "_is_over",
        "_limit_us",
        "_retry_us",
        "_tail_tries",
        "_tail_until_us",
        "_tails",
        "_waits_on",
        "later",
        "since",
    )

    def __init__(
        self,
        databases: dict[str, DatabaseReplay],
        limit_us: int,
        retry_us: int,
        since: tuple[int, int] = (0, 0),
        later: Iterable[str] = (),
    ) -> None:
        """since, later: as an earlier incarnation has stored them."""
        self._databases = databases
        self._limit_us = limit_us
        self._retry_us = retry_us
        self.since = since
        # databases whose drain is done: their tails have been asked for
        self._emptied: set[str] = set()
        self._tails: set[str] = set()  # tails that are still awaited
        self._tail_tries: dict[
            str, int
        ] = {}  # how often each tail was cut off
        # a restart found the limit over: what became of the tails is not known
        self._is_over = False
        self.later = {name for name in later if name in databases}
        # databases whose only way back is waited for beyond the limit
        self._waits_on: set[str] = set()
        # until when tails that were asked for at the limit are waited for
        self._tail_until_us: dict[str, int] = {}

    def begin(self, e: Event) -> None:
        """Count the limit from now."""
        self.since = (e.mono_us, e.utc_us)

    def start(self, e: Event, planned: bool, out: list[Command]) -> None:
        """Start one limit for draining and the tails together; a restart in the middle of them does
        not start another.
        """
        left_us = self._left_us(e)
        self._is_over = not left_us
        out.append(SetAlarm("", Timer.DRAIN, e.mono_us + left_us))
        for db in self._databases.values():
            if not db.promoted:
                db.start_draining(planned, e, out)

    def _left_us(self, e: Event) -> int:
        """Return what is left of the limit."""
        passed_us = elapsed_us(e.mono_us, e.utc_us, *self.since)
        return max(0, self._limit_us - passed_us)

    def _open(self) -> Iterator[tuple[str, DatabaseReplay, Drain]]:
        """Yield the databases that are being drained and are not online yet."""
        for name, db in self._databases.items():
            if db.drain is not None and not db.promoted:
                yield name, db, db.drain

    # ---- is it done?
    def idle(self) -> bool:
        """Return whether there is nothing to replay or to wait for, except tails."""
        # those that were never empty yet come first, as they are the likely ones
        likely = (n for n in self._databases if n not in self._emptied)
        if any(map(self._is_busy, likely)):
            return False
        return not any(map(self._is_busy, self._emptied))

    def done(self) -> bool:
        """Return whether the tails are there too."""
        return self.idle() and not self._tails - self.later

    def _is_busy(self, name: str) -> bool:
        return name not in self.later and not self._is_empty(
            self._databases[name]
        )

    @staticmethod
    def _is_empty(db: DatabaseReplay) -> bool:
        return db.drain is None or db.promoted or db.drain.idle()

    def _concerned(self, e: Event) -> Iterable[str]:
        """Return the databases that an event may have moved on: the one that it names, or all."""
        name = (
            e.scope if isinstance(e, Alarm) else getattr(e, "database", "")
        )
        return (name,) if name in self._databases else self._databases

    # ---- tails
    def take_tails(
        self, e: Event, planned: bool, out: list[Command]
    ) -> None:
        """Ask for the tail of each database that has been emptied. For a database without logs a
        planned failover takes a last incremental, so that it loses nothing either. What a store
        takes says nothing of what the primary has.
        """
        for name in self._concerned(e):
            db = self._databases[name]
            waits_for_copy = name in self.later and not db.state.exists
            if (
                name in self._emptied
                or not self._is_empty(db)
                or waits_for_copy
            ):
                continue
            self._emptied.add(name)
            if db.drain is None or db.promoted or stopped(db):
                continue
            if db.config.log_interval_us or db.rules.keeps:
                self._tails.add(name)
                out.append(TakeTail(name))
            elif planned:
                db.drain.last.ask(INCREMENTAL, out)

    def tail_taken(self, e: events.TailTaken) -> None:
        """Wait for the tail's file, if it is not here yet. If it is here and damaged, it was sent
        while it was being written: the whole file follows. A tail that has been given up by now is
        not waited for.
        """
        db = self._databases.get(e.database)
        if db is None or db.drain is None:
            return
        if e.database not in self._tails:
            db.drain.tail_has_come(e.name)
            return
        self._tails.discard(e.database)
        if not e.name:
            return
        file = db.files.get(e.name)
        if file is None or file.content in (Content.BAD, Content.LOST):
            db.drain.await_file(e.name, e.utc_us)

    def tail_failed(
        self, e: events.TailFailed, planned: bool, out: list[Command]
    ) -> None:
        """Ask at once for a tail that was cut off, since it truncated nothing. A planned failover
        does not continue without the tail, unless no log backup can be taken at all: then it takes
        a last incremental instead.
        """
        name, refusal = e.database, e.reason.refusal
        db, awaited = self._databases.get(name), name in self._tails
        if awaited and db is not None and refusal is Refusal.CUT_OFF:
            tries = self._tail_tries[name] = (
                self._tail_tries.get(name, 0) + 1
            )
            if tries <= db.rules.attempts:
                out.append(TakeTail(name))
                return
        if planned and refusal.passes:
            if awaited:
                out.append(
                    SetAlarm("", Timer.TAIL, e.mono_us + self._retry_us)
                )
            return
        self._tails.discard(name)
        if db is None or db.drain is None:
            return
        if planned and awaited and not db.drain.last.wanted:
            db.drain.last.ask(INCREMENTAL, out)
        db.drain.lacks_tail()

    def tails_again(self, out: list[Command]) -> None:
        """Retry: whatever was in the way of the tails of a planned failover may be over by now."""
        out.extend(
            TakeTail(name)
            for name in self._databases
            if name in self._tails
        )

    # ---- the limit
    def wait_no_longer(self, e: Event, out: list[Command]) -> None:
        """Leave behind what has not come by now; no time is left for the tails of databases that
        have nothing to replay. Only the last way back to a database is still waited for, and that
        is reported. If others can be brought online, only that database waits.
        """
        open_ones = [
            (n, db, drain)
            for n, db, drain in self._open()
            if not db.recovering
        ]
        kept = {name for name, _, drain in open_ones if drain.only_way}
        for name, db, drain in open_ones:
            if name in kept:
                names = len(
                    drain.waiting.keys()
                    | db.files.recopying
                    | drain.held.keys()
                    | drain.hashed_yet
                )
                if names:  # else the share's answer will tell whether there is a way
                    telling.tell_only_way(db, names, e, out)
                elif drain.undecided:
                    out.append(AskShare(name))
                continue
            if e.mono_us < self._tail_until_us.get(name, 0):
                continue
            tail_was_not_asked_for = name not in self._emptied
            asks = tail_was_not_asked_for and _replays_on(db)
            lacks = name in self._tails
            if tail_was_not_asked_for and not asks:
                lacks = self._is_over and self._may_lack_tail(db)
            draining.wait_no_longer(db, drain, lacks)
            self._tails.discard(name)
            self._emptied.add(name)
            if asks:
                self._tails.add(name)
                self._tail_until_us[name] = e.mono_us + self._limit_us
                out.append(TakeTail(name))
            db.advance(e, out)
        self._waits_on |= kept
        ends_us = [
            until_us
            for until_us in self._tail_until_us.values()
            if until_us > e.mono_us
        ]
        if kept:
            ends_us.append(e.mono_us + self._retry_us)
        if ends_us:
            out.append(SetAlarm("", Timer.DRAIN, min(ends_us)))
        if any(
            db.state.exists or db.files.in_hand is not None
            for name, db, _ in open_ones
            if name not in kept
        ):
            self.later |= kept

    def _may_lack_tail(self, db: DatabaseReplay) -> bool:
        """Return whether nothing shows that the tail is restored: no log that was begun since
        draining began.
        """
        if not db.config.log_interval_us or stopped(db):
            return False
        return db.last is None or db.last.started_utc_us < self.since[1]

    def look_further(self, e: Event, out: list[Command]) -> bool:
        """Look for files that do not come by themselves. Return True if the base of an only way
        back is restored: then the limit counts again for the rest of it.
        """
        restored = {
            name
            for name in self._waits_on
            if self._databases[name].state.exists
        }
        for name in restored:
            self._databases[name].alerts.over(Danger.ONLY_WAY, out)
        if restored:
            self._waits_on -= restored
            self.begin(e)
            out.append(
                SetAlarm("", Timer.DRAIN, e.mono_us + self._limit_us)
            )
        for name in self._concerned(e):
            db = self._databases[name]
            drain = db.drain
            if drain is not None and not db.promoted and not db.recovering:
                draining.look_further(db, drain, out)
        return bool(restored)

    # ---- databases that what has landed leads further
    def restore_landed(
        self, name: str, e: Event, out: list[Command]
    ) -> None:
        """Restore what has landed while the manager was down, and bring the database online after
        that. The limit does not begin anew.
        """
        db = self._databases[name]
        self.later.add(name)
        db.restore_after_all()
        db.start_draining(False, e, out)
        out.append(SetAlarm("", Timer.DRAIN, e.mono_us + self._left_us(e)))

    # ---- databases of which nothing could be brought online
    def restore_first(
        self, name: str, e: Event, out: list[Command]
    ) -> None:
        """Restore the database first, as there is no copy of it here: from what is here, what
        lands, and what the primary's share holds.
        """
        db = self._databases[name]
        self.later.add(name)
        self._emptied.discard(name)
        db.restore_after_all()
        db.start_draining(False, e, out)
        out.append(SetAlarm("", Timer.DRAIN, e.mono_us + self._limit_us))

    def restored_by_now(self) -> list[str]:
        """Return the databases that have a copy by now, restored as far as possible."""
        return [
            name
            for name, db in self._databases.items()
            if name in self.later
            and db.state.exists
            and self._is_empty(db)
            and name in self._emptied
            and name not in self._tails
        ]

    def comes_now(self, name: str) -> None:
        """Bring the database online now: it is no longer one of the later ones."""
        self.later.discard(name)

    def without_a_way(self) -> list[str]:
        """Return the databases for which nothing is here and nothing is awaited."""
        return [
            name
            for name, db in self._databases.items()
            if name in self.later
            and not db.state.exists
            and self._is_empty(db)
        ]

    # ---- a planned failover
    def wait_on(self, e: Event, out: list[Command]) -> None:
        """Continue waiting for what a planned failover would lose: ask again, and report that it
        waits.
        """
        out.append(SetAlarm("", Timer.DRAIN, e.mono_us + self._limit_us))
        for name, db, drain in self._open():
            waits = len(
                drain.waiting.keys() | db.files.recopying | drain.owed()
            )
            waits += name in self._tails or drain.last.is_lacking
            waits += db.files.in_hand is not None  # its restore may hang
            if waits or drain.undecided:
                telling.tell_waits(db, waits, e, out)
            out.append(AskShare(name))
            if name in self._tails:
                out.append(TakeTail(name))
            else:
                draining.again(db, drain, e, out)

    def lose_patience(self, e: Event, out: list[Command]) -> None:
        """Continue within the limit, whatever is lost: an authorised operator ordered it."""
        for name, db in self._databases.items():
            if db.drain is not None:
                db.drain.lose_patience()
                if db.drain.undecided:
                    out.append(AskShare(name))
        out.append(SetAlarm("", Timer.DRAIN, e.mono_us + self._limit_us))

    def wait_for_nothing(self) -> None:
        """Wait for nothing any more that would be lost: the primary has died."""
        for _, _, drain in self._open():
            drain.lose_patience()

    # ---- the end
    def tell_left(self, e: Event, out: list[Command]) -> None:
        """Report what stays behind, for the databases that are brought online now: the others are
        not given up.
        """
        for name in self._databases:
            if name not in self.later:
                self.tell_left_of(name, e, out)

    def tell_left_of(self, name: str, e: Event, out: list[Command]) -> None:
        db = self._databases[name]
        if db.drain is not None and not db.promoted:
            draining.tell_left(db, db.drain, e, out)

    def called_off(self) -> None:
        self._tails.clear()
        self._emptied.clear()
        self.later.clear()
        self._waits_on.clear()
        self._tail_until_us.clear()


def _replays_on(db: DatabaseReplay) -> bool:
    """Return whether checking and replaying what has landed takes longer than the limit. Then there
    is time for the database's tail, for at most one more limit.
    """
    checks = db.drain is not None and db.drain.checks
    busy = checks or db.files.in_hand is not None
    return busy and db.config.log_interval_us > 0 and not stopped(db)
