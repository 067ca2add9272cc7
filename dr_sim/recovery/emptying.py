"""Emptying the pipes of all databases in a failover: their drains (drain.py), their tails, and the
limit for both (R15).

The tail of each database is asked for as soon as that database's drain is done, and always: whether
the old primary's log can still be read is known only by trying. Its file is then waited for like
any other on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.recovery import events
from dr_sim.recovery.alerts import ONLY_WAY, WAITS, only_way_text, waits_text
from dr_sim.recovery.commands import AskShare, Command, SetAlarm, TakeTail
from dr_sim.recovery.drain import Drain
from dr_sim.recovery.files import INCREMENTAL
from dr_sim.recovery.limits import elapsed_us
from dr_sim.recovery.refusals import Refusal
from dr_sim.recovery.waiting import stopped

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay


class Emptying:
    """since: when draining began, on both clocks: its limit counts from there. emptied: databases
    whose drain is done: their tails have been asked for. tails: those that are still awaited.
    tail_tries: how often one was cut off. later: databases that the others do not wait for, as
    nothing could be brought online of them yet; waits_on: those whose only way back is waited for
    beyond the limit.
    """

    __slots__ = (
        "databases",
        "emptied",
        "later",
        "limit_us",
        "retry_us",
        "since",
        "tail_tries",
        "tails",
        "waits_on",
    )

    def __init__(self, databases: dict[str, DatabaseReplay], limit_us: int, retry_us: int) -> None:
        self.databases = databases
        self.limit_us = limit_us
        self.retry_us = retry_us
        self.since = (0, 0)
        self.emptied: set[str] = set()
        self.tails: set[str] = set()
        self.tail_tries: dict[str, int] = {}
        self.later: set[str] = set()
        self.waits_on: set[str] = set()

    def start(self, mono_us: int, utc_us: int, planned: bool, out: list[Command]) -> None:
        """One limit for draining and the tails, and no other for a restart in the middle of
        them.
        """
        left_us = max(0, self.limit_us - elapsed_us(mono_us, utc_us, *self.since))
        out.append(SetAlarm("", "drain", mono_us + left_us))
        for db in self.databases.values():
            if not db.promoted:
                db.drain = Drain(db, planned)
                db.drain.start(mono_us, utc_us, out)

    def idle(self) -> bool:
        """Is there nothing to replay or to wait for, but for tails?"""
        return all(name in self.later or self._is_empty(db) for name, db in self.databases.items())

    def done(self) -> bool:
        """Are the tails there too?"""
        return self.idle() and not self.tails - self.later

    @staticmethod
    def _is_empty(db: DatabaseReplay) -> bool:
        return db.drain is None or db.promoted or db.drain.idle()

    def take_tails(self, planned: bool, out: list[Command]) -> None:
        """Of each database that has been emptied. A planned failover takes a last incremental of
        one without logs, so that it loses nothing either.
        """
        for name, db in self.databases.items():
            if (
                name in self.emptied
                or not self._is_empty(db)
                or (name in self.later and not db.state.exists)
            ):
                continue
            self.emptied.add(name)
            if db.drain is None or db.promoted or stopped(db):
                continue
            if db.config.log_interval_us:
                self.tails.add(name)
                out.append(TakeTail(name))
            elif planned:
                db.drain.take_last(INCREMENTAL, out)

    def tail(
        self, e: events.TailTaken | events.TailFailed, planned: bool, out: list[Command]
    ) -> None:
        """One that was cut off truncated nothing: it is taken again at once. A planned failover
        does not go on without it, unless no log backup can be taken at all: then a last incremental
        does instead.
        """
        db = self.databases.get(e.database)
        if (
            isinstance(e, events.TailFailed)
            and e.reason == "cut off"
            and e.database in self.tails
            and db is not None
        ):
            tries = self.tail_tries[e.database] = self.tail_tries.get(e.database, 0) + 1
            if tries <= db.rules.attempts:
                out.append(TakeTail(e.database))
                return
        if planned and isinstance(e, events.TailFailed) and Refusal.of(e.reason).passes:
            if e.database in self.tails:
                out.append(SetAlarm("", "tail", e.mono_us + self.retry_us))
            return
        awaited = e.database in self.tails
        self.tails.discard(e.database)
        if db is None or db.drain is None:
            return
        if planned and awaited and isinstance(e, events.TailFailed):
            db.drain.take_last(INCREMENTAL, out)
        if isinstance(e, events.TailFailed):
            db.drain.without_tail = True
        elif e.name and e.name not in db.files:
            db.drain.waiting[e.name] = e.utc_us

    def tails_again(self, out: list[Command]) -> None:
        """A retry: whatever was in the way of the tails of a planned failover may be over by
        now.
        """
        out.extend(TakeTail(name) for name in self.databases if name in self.tails)

    # ---- the limit
    def wait_no_longer(self, e: events.Alarm, out: list[Command]) -> None:
        """What has not come by now stays behind; no time is left for the tails of those that have
        nothing to replay. But the only way back to a database is waited for, and that is told: by
        that database alone, if others can be brought online.
        """
        open_ones = {
            n: db
            for n, db in self.databases.items()
            if db.drain is not None and not (db.promoted or db.recovering)
        }
        kept = {
            name for name, db in open_ones.items() if db.drain is not None and db.drain.only_way
        }
        for name, db in open_ones.items():
            assert db.drain is not None
            if name in kept:
                self._tell_only_way(db, e, out)
                continue
            tail_was_not_asked_for = name not in self.emptied
            db.drain.wait_no_longer(name in self.tails)
            self.tails.discard(name)
            self.emptied.add(name)
            if tail_was_not_asked_for and self._replays_on(db):
                self.tails.add(name)
                out.append(TakeTail(name))
            db.advance(e.mono_us, e.utc_us, out)
        self.waits_on |= kept
        if self.tails:
            out.append(SetAlarm("", "drain", e.mono_us + self.limit_us))
        if kept:
            out.append(SetAlarm("", "drain", e.mono_us + self.retry_us))
        if any(
            db.state.exists or db.restoring is not None
            for name, db in open_ones.items()
            if name not in kept
        ):
            self.later |= kept

    @staticmethod
    def _replays_on(db: DatabaseReplay) -> bool:
        """Does what has landed take longer than the limit? Then there is time for its tail: for one
        limit more at the most.
        """
        return db.restoring is not None and db.config.log_interval_us > 0 and not stopped(db)

    def _tell_only_way(self, db: DatabaseReplay, e: events.Event, out: list[Command]) -> None:
        assert db.drain is not None
        names = len(db.drain.waiting.keys() | db.recopying | db.drain.held.keys())
        minutes = db.minutes(e.mono_us, e.utc_us)
        db.alerts.tell(
            e.mono_us,
            e.utc_us,
            "only way",
            ONLY_WAY,
            minutes,
            "",
            only_way_text(db.name, names),
            out,
        )

    def look_further(self, e: events.Event, out: list[Command]) -> bool:
        """Look for what does not come by itself. Once the base of an only way back is restored, the
        limit counts anew for the rest of it; True then.
        """
        restored = {name for name in self.waits_on if self.databases[name].state.exists}
        for name in restored:
            self.databases[name].alerts.clear("only way", out)
        if restored:
            self.waits_on -= restored
            self.since = (e.mono_us, e.utc_us)
            out.append(SetAlarm("", "drain", e.mono_us + self.limit_us))
        for db in self.databases.values():
            if db.drain is not None and not (db.promoted or db.recovering):
                db.drain.look_further(e.mono_us, out)
        return bool(restored)

    # ---- databases of which nothing could be brought online
    def restore_first(self, name: str, e: events.Event, out: list[Command]) -> None:
        """There is no copy of it here: restore what is here, what lands, and what the primary's
        share holds.
        """
        db = self.databases[name]
        self.later.add(name)
        self.emptied.discard(name)
        db.recovering = False
        db.fetching.there = None
        db.drain = Drain(db, False)
        db.drain.start(e.mono_us, e.utc_us, out)
        out.append(SetAlarm("", "drain", e.mono_us + self.limit_us))

    def restored_by_now(self) -> list[str]:
        """Databases of which there is a copy by now, with all that could be had."""
        return [
            name
            for name, db in self.databases.items()
            if name in self.later
            and db.state.exists
            and self._is_empty(db)
            and name in self.emptied
            and name not in self.tails
        ]

    def without_a_way(self) -> list[str]:
        """Those for which nothing is here and nothing is awaited."""
        return [
            n
            for n, db in self.databases.items()
            if n in self.later and not db.state.exists and self._is_empty(db)
        ]

    def wait_on(self, e: events.Alarm, out: list[Command]) -> None:
        """A planned failover waits for what it would lose, asks again, and tells that it waits."""
        out.append(SetAlarm("", "drain", e.mono_us + self.limit_us))
        for name, db in self.databases.items():
            if db.drain is None or db.promoted:
                continue
            waits = len(db.drain.waiting.keys() | db.recopying) + (
                name in self.tails or db.drain.lacks_last
            )
            if waits or db.drain.reachable is None:
                text = waits_text(name, waits)
                minutes = db.minutes(e.mono_us, e.utc_us)
                db.alerts.tell(e.mono_us, e.utc_us, "left behind", WAITS, minutes, "", text, out)
            out.append(AskShare(name))
            if name in self.tails:
                out.append(TakeTail(name))
            else:
                db.drain.again(e.mono_us, e.utc_us, out)

    def lose_patience(self, e: events.FailoverOrdered, out: list[Command]) -> None:
        """Someone who may says that it is to go on, whatever is lost: within the limit it does."""
        for name, db in self.databases.items():
            if db.drain is not None:
                db.drain.patient = False
                if db.drain.reachable is None:
                    out.append(AskShare(name))
        out.append(SetAlarm("", "drain", e.mono_us + self.limit_us))

    # ---- the end
    def tell_left(self, e: events.Event, out: list[Command]) -> None:
        """Of those that are brought online now: the others are not given up."""
        for name in self.databases:
            if name not in self.later:
                self.tell_left_of(name, e, out)

    def tell_left_of(self, name: str, e: events.Event, out: list[Command]) -> None:
        db = self.databases[name]
        if db.drain is not None and not db.promoted:
            db.drain.tell_left(e, out)

    def called_off(self) -> None:
        self.tails.clear()
        self.emptied.clear()
        self.later.clear()
        self.waits_on.clear()
