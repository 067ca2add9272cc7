"""Transaction logs of limited size: when they are full, what that refuses, and what frees them.

A log holds everything written since the cut of the last log backup that finished; only a log backup
truncates it. It is full at the last instant at which it holds no more than its limit. From then on
commits are refused, of users and of maintenance, and are not made up for later. The instant is
known in advance, so one entry stands on the agenda and nothing ticks. The primary's error log
reports it at once, and again at each time of a log backup until commits continue.

By SQL Server's rules that is all: commits are refused (9002), and reads continue. By PostgreSQL's
rules the server falls: it panics, since it can no longer write its log. Reads fail too, its backup
jobs die, and its machine's heartbeats stop. Everything that it acknowledged is whole, on its disk
and in the share. A log backup is still tried at its time: it makes a little room and has the closed
segments archived. When one has succeeded the server is started again, which takes as long as
bringing a database online elsewhere (failover.recover).
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.backups.model import Kind
from dr_sim.units import HOUR_US
from dr_sim.world.kernel.agenda import Class, Entry
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.primary_database import FIRST_LSN, PrimaryDatabase


class LogSpace:
    """The log space of all databases. told(db, number, text): the primary's error log has a new
    line. catch_up(db): the engine commits everything acknowledged so far.
    """

    def __init__(
        self,
        context: Context,
        told: Callable[[PrimaryDatabase, int, str], None],
        catch_up: Callable[[PrimaryDatabase], object],
    ) -> None:
        self._context = context
        self._told = told
        self._catch_up = catch_up
        self._alarms: dict[int, Entry] = {}
        # by database: the room that something else has left on its log's disk
        self._caps: dict[int, list[int]] = {}
        self._full_from_us: dict[int, int] = {}
        self._restarts: dict[int, Entry] = {}
        self.chains = {"": context.of_kind(Kind.LOG)}
        """The chains that get the log, by name: it is kept until each has it. And the context in
        which the logs of each are recorded.
        """
        self._falls = context.scenario.engine.postgres_rules
        self.fallen: Callable[[PrimaryDatabase, bool], None] = (
            lambda db, down: None
        )
        """Called when the server of a database falls, and when it is up again."""

    def limit_bytes(self, db: PrimaryDatabase) -> int:
        """Return the most that its log may hold; 0: not limited, or no log is kept (recovery model
        SIMPLE, or no full since).
        """
        if db.simple or db.log_broken:
            return 0
        caps = self._caps.get(db.index, [])
        own = db.spec.log_capacity_bytes
        return min([*caps, own] if own else caps, default=0)

    def log_from(self, db: PrimaryDatabase, chain: str) -> int:
        """Return the LSN of the first byte that the next log of that chain holds. The range of its
        first log backup begins at 0, which is no LSN: there is no byte there.
        """
        engine = self._context.primary_engine
        return max(FIRST_LSN, engine.log_starts_at(db.spec.name, chain))

    def used_bytes(self, db: PrimaryDatabase, at_us: int) -> int:
        return (
            self._context.workloads[db.index].lsn(at_us)
            + FIRST_LSN
            - min(self.log_from(db, chain) for chain in self.chains)
        )

    def full(self, db: PrimaryDatabase) -> bool:
        return db.index in self._full_from_us

    def changed(self, db: PrimaryDatabase) -> None:
        """Compute again when the log is full: it was truncated, or its limit or the writes have
        changed.
        """
        entry = self._alarms.pop(db.index, None)
        if entry is not None:
            entry.cancel()
        limit = self.limit_bytes(db)
        if db.failed or db.writes_until_us is not None:
            return
        now = self._context.now_us
        if self.full(db):
            if limit and self.used_bytes(db, now) >= limit:
                return
            if self._falls:
                self._start_again(db)
                return
            self._resume(db)
        if not limit:
            return
        at_us = self._full_at_us(db, limit)
        if at_us is not None:
            self._alarms[db.index] = self._context.agenda.at(
                at_us, Class.FAULT, db.index, self._fill, db
            )

    def burst(self, db: PrimaryDatabase) -> None:
        """Note that more is going to be written than was known."""
        if not self.full(db):
            self.changed(db)

    def _full_at_us(self, db: PrimaryDatabase, limit: int) -> int | None:
        """Return the last instant at which the log holds no more than that, at the earliest now;
        None if it never does before the run's end.
        """
        low, high = self._context.now_us, self._context.scenario.run_for_us
        if self.used_bytes(db, high) <= limit:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if self.used_bytes(db, middle) <= limit:
                low = middle
            else:
                high = middle
        return low

    def _fill(self, db: PrimaryDatabase) -> None:
        del self._alarms[db.index]
        self._catch_up(db)
        now = self._full_from_us[db.index] = self._context.now_us
        self._context.workloads[db.index].refuse_from(now)
        self._context.note("truth.writes", db.index, 1, 0)
        self._context.witness.writes_changed(now, db.index)
        if self._falls:
            self.fallen(db, True)
        self.tell(db)

    def _start_again(self, db: PrimaryDatabase) -> None:
        """Start the server again, since there is room, unless that is under way."""
        if db.index not in self._restarts:
            context = self._context
            draw = context.streams.of(db.spec.name, "start again", "")
            takes_us = draw.law(
                context.now_us // HOUR_US, context.scenario.failover.recover
            )
            at = context.now_us + takes_us
            self._restarts[db.index] = self._context.agenda.at(
                at, Class.FAULT, db.index, self._started, db
            )

    def _started(self, db: PrimaryDatabase) -> None:
        del self._restarts[db.index]
        self._resume(db)
        self.fallen(db, False)
        self.changed(db)

    def tell(self, db: PrimaryDatabase) -> None:
        error = self._context.primary_engine.no_space(
            "log", db=db.spec.name
        )
        self._told(db, error.number, error.text)

    def _resume(self, db: PrimaryDatabase) -> None:
        now = self._context.now_us
        del self._full_from_us[db.index]
        refused = self._context.workloads[db.index].accept_from(now)
        self._context.note("truth.writes", db.index, 0, refused)
        self._context.witness.writes_changed(now, db.index)

    def stopped(self, db: PrimaryDatabase) -> None:
        """Note that the database writes no more, for another reason: an outage of its own."""
        entry = self._alarms.pop(db.index, None)
        if entry is not None:
            entry.cancel()
        restart = self._restarts.pop(db.index, None)
        if restart is not None:
            restart.cancel()
        if self.full(db):
            self._resume(db)

    def cap(
        self, db: PrimaryDatabase, room_bytes: int
    ) -> Callable[[], None]:
        """Fill the log's disk except that much room beyond what the log holds now. Return a
        function that gives the room back.
        """
        caps = self._caps.setdefault(db.index, [])
        most = self.used_bytes(db, self._context.now_us) + room_bytes
        caps.append(most)
        self.changed(db)

        def back() -> None:
            caps.remove(most)
            self.changed(db)

        return back
