"""The express lane: the whole lives of quiet logs, one after the other, in one step.

When a log is cut and nothing else can happen until it would be restored, its instants follow at once: finished, landed,
hashed, restored, each by the arithmetic of a flow that is alone (sharing.py). Then no event, command, flow or agenda entry
is needed: the lane writes the very rows that the steps would write, in their order, and leaves every part of the world
and the recovery manager in the state that they would leave. It goes on with the next log, a *stretch* of them, until
something else is on the agenda. Whatever is not as quiet as that takes the steps: of a log that the lane does not
take it changes nothing. A run with the lane and one without have the same digest; tests hold that.

The one thing that may come between is the database's alarm 'window', which goes off with every third log or so and,
while logs land, only moves itself on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dr_sim.backups.model import Kind
from dr_sim.engines.files import MemoryFiles
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.shipping import fits, ship
from dr_sim.journal import KIND_ID
from dr_sim.recovery.absorb import absorb, window_alarm_goes_to_us
from dr_sim.recovery.replay import DatabaseReplay
from dr_sim.stores import MemoryStore
from dr_sim.world.agenda import Class
from dr_sim.world.backup_file import FILE_BITS, BackupFile
from dr_sim.world.context import Context
from dr_sim.world.hands import Hands
from dr_sim.world.link import Link
from dr_sim.world.primary import Primary
from dr_sim.world.primary_database import PrimaryDatabase
from dr_sim.world.promotion import Promotion
from dr_sim.world.replication import Replication
from dr_sim.world.schedule import next_start
from dr_sim.world.secondary import Secondary
from dr_sim.world.sharing import MICRO

_LOG = Kind.LOG
_ALARM, _SET_ALARM = KIND_ID["seen.Alarm"], KIND_ID["seen.SetAlarm"]

_LINE = (
    "index", "start", "incarnation", "database", "number", "name", "fork", "first_lsn", "last_lsn", "commits", "base",
    "differential_base", "cut", "finished", "landed", "hashed", "restored",
    "at_cut", "at_finish", "at_landing", "at_told", "at_hash", "at_restore",  # the seq of the first row written there
    "sending", "there", "counter_key", "counter", "clock_key", "clock",
)  # fmt: skip
"""What differs from log to log, or from stretch to stretch."""

_SIZE = "last_lsn-first_lsn"
_CARRIED = "carried"
"""Stands for the base that a log tells of, which is 'base', or 0 by the rules of an engine whose logs tell of none."""
_ROWS = (
    ("truth.backup_begin", "at_cut", "cut", "index", "number", "2", "fork", "first_lsn", "last_lsn", "commits"),
    ("truth.backup_finished", "at_finish", "finished", "index",
     "number", "2", "fork", "first_lsn", "last_lsn", "commits", _SIZE, "name"),
    ("truth.file_state", "at_finish+1", "finished", "index", "number", "sending"),
    ("truth.transfer_bytes", "at_landing", "landed", "index", "number", _SIZE),
    ("truth.file_state", "at_landing+1", "landed", "index", "number", "there"),
    ("truth.landed", "at_landing+2", "landed", "index", "number", "2", "fork", "first_lsn", "last_lsn", "1", "name"),
    ("seen.Landed", "at_told", "landed", "index",
     "landed", "landed+start", "0", "database", "name", "finished+start", _SIZE),
    ("seen.Validate", "at_told+1", "landed", "index", "database", "name"),
    ("seen.Validated", "at_hash", "hashed", "index", "hashed", "hashed+start", "incarnation", "database", "name",
     "database", "number", "2", "fork", "first_lsn", "last_lsn", "base", _CARRIED, "0", "fork", "0",
     "cut+start", "finished+start", "0", "0", _SIZE),
    ("seen.Save", "at_hash+1", "hashed", "-1", "counter_key", "counter"),
    ("seen.RenameWorkingCopy", "at_hash+2", "hashed", "index", "database", "name", "1"),
    ("seen.Restore", "at_hash+3", "hashed", "index", "database", "name", "0"),
    ("truth.restored", "at_restore", "restored", "index", "number", "fork", "last_lsn", "commits"),
    ("seen.Restored", "at_restore+1", "restored", "index",
     "restored", "restored+start", "incarnation", "database", "name", "fork", "last_lsn", "differential_base"),
    ("seen.Save", "at_restore+2", "restored", "-1", "clock_key", "clock"),
)  # fmt: skip
"""The rows of a log's life; truth.survivable rows of the witness and those of the alarm 'window' come between."""


@dataclass(slots=True)
class _Stretch:
    """Quiet logs of one database: what is the same for all of them, and when the alarm 'window' goes off next."""

    db: PrimaryDatabase
    replay: DatabaseReplay
    counter_key: str  # of the store, without the file's name
    clock_key: str
    fixed_us: int  # of a log backup, before its bytes
    rates: tuple[int, int, int, int]  # of backup, transfer, hash and restore
    copy_rate: int  # 0: it takes no time
    ahead: tuple[int, int]  # instant and priority of what comes next on the agenda
    priority: int  # of the end of a restore
    alarm_us: int
    rung: bool = False


_Life = tuple[int, int, int, int, int, int, int]
"""One log: commits and LSN at its cut, then its instants: cut, finished, landed, hashed, restored."""


class ExpressLane:
    """taken: how many logs took it."""

    def __init__(
        self, context: Context, primary: Primary, link: Link, replication: Replication, secondary: Secondary, hands: Hands,
        promotion: Promotion, on_offer: list[Any],
    ) -> None:  # fmt: skip
        assert isinstance(context.primary_engine, ModelEngine) and isinstance(context.secondary_engine, ModelEngine)
        assert isinstance(context.primary_files, MemoryFiles) and isinstance(context.secondary_files, MemoryFiles)
        self._at, self._to = context.primary_engine, context.secondary_engine
        self._at_files, self._to_files = context.primary_files.data, context.secondary_files.data
        self._context = context
        self._witness = context.witness
        self._take_rows, self._texts = context.journal.take, context.journal.texts
        self._start_utc_us = context.scenario.start_utc_us
        self._primary = primary
        self._link = link
        self._replication = replication
        self._secondary = secondary
        self._hands = hands
        self._promotion = promotion
        self._on_offer = on_offer
        carried = "base" if self._at.carries_base else "0"
        rows = [tuple(carried if column is _CARRIED else column for column in row) for row in _ROWS]
        pattern = context.journal.pattern(_LINE, rows)
        self._line, self._lines = pattern.line, pattern.lines
        self.taken = 0

    def take(self, db: PrimaryDatabase) -> int:
        """A log of that database is due: its whole life, and those of the next ones, as long as nothing can come between.
        The instant at which the last of them was cut; -1: not even the first took the lane."""
        stretch = self._begin(db)
        if stretch is None:
            return -1
        cut_us, last_us = self._context.agenda._now, -1
        file = None
        while True:
            following = next_start(db.spec.log, cut_us, self._start_utc_us)
            life = self._life(stretch, cut_us)
            if life is None or (following is not None and life[-1] >= following):
                break  # the next is cut while this one is still on its way
            file = self._live(stretch, life)
            self.taken += 1
            last_us = cut_us
            if following is None:
                break
            cut_us = following
        if file is not None:
            self._promotion.restored(file)
            if self._primary.log_space.limit_bytes(db):
                self._primary.log_space.changed(db)
        if stretch.rung:
            hands, key = self._hands, (db.spec.name, "window")
            hands.alarms[key].cancel()
            hands.alarms[key] = self._context.agenda.at(stretch.alarm_us, Class.ALARM, db.index, hands.alarm, *key)
        return last_us

    def _begin(self, db: PrimaryDatabase) -> _Stretch | None:
        """None unless nothing is under way, planned or wrong, at either side or between them."""
        hands, manager, agenda = self._hands, self._hands.manager, self._context.agenda
        database = db.spec.name
        if (
            manager is None or db.running or db.paused or db.waiting or db.odd or self._on_offer
            or self._primary.log_space.full(db) or hands.before_command is not None or type(hands.store) is not MemoryStore
            or not self._secondary.idle or not self._replication.idle or not self._link.forward_up
            or self._context.primary_clock_us or self._context.secondary_clock_us
        ):  # fmt: skip
            return None
        fixed_us, rate = self._primary.lone_cost(db)
        rates = (rate, self._link.shared.lone_rate(self._link.cap_bit_s), *self._secondary.lone_rates())
        if not all(rates):
            return None  # as nearly always in a fleet: first of what takes longer to find out
        position = fits(self._at, self._to, database, *self._primary.written(db))
        if position is None or not manager.quiet(database, *position):
            return None
        ahead, alarm_us = agenda.ahead(hands.alarms.get((database, "window")))
        return _Stretch(
            db, manager.databases[database], f"attempts/{database}/", f"restored/{database}", fixed_us, rates,
            self._secondary.copy_rate, ahead, agenda.priority(Class.DISK, db.index), alarm_us,
        )  # fmt: skip

    def _life(self, stretch: _Stretch, cut_us: int) -> _Life | None:
        """The log that is cut then. None if something could come between, even if only at the same instant as one of its
        steps (the order is then the agenda's), or if it does not fit into the staging area."""
        db = stretch.db
        commits, lsn = self._primary.written_at(db, cut_us)
        size = lsn - stretch.replay.state.redo_lsn
        less = -size * MICRO  # each step is sharing.ends_us, written out: no rate is 0 here
        finish, send, hash_, restore = stretch.rates
        finished_us = cut_us + stretch.fixed_us - less // finish
        landed_us = finished_us - less * 8 // send
        hashed_us = landed_us - less // hash_
        copied_us = hashed_us - less // stretch.copy_rate if stretch.copy_rate else hashed_us
        fixed_us, amount = self._secondary.restore_cost(db.spec.name, _LOG, cut_us, 1, size)
        restored_us = copied_us + fixed_us - -amount * MICRO // restore
        if not (
            cut_us < finished_us < landed_us < hashed_us < restored_us
            and (restored_us, stretch.priority) < stretch.ahead
            and self._replication.room_for(db.index, size) and self._primary.share.fits(size)
            and (not stretch.copy_rate or self._secondary.share.fits(2 * size))
            and (stretch.alarm_us >= restored_us or self._alarm_moves_on(stretch, landed_us, restored_us))
        ):
            return None
        return commits, lsn, cut_us, finished_us, landed_us, hashed_us, restored_us

    def _alarm_moves_on(self, stretch: _Stretch, landed_us: int, restored_us: int) -> bool:
        """The alarm 'window' goes off by then: does it so once, and tells of no silence?"""
        return self._alarm_goes_to_us(stretch, landed_us if stretch.alarm_us >= landed_us else None) > restored_us

    def _alarm_goes_to_us(self, stretch: _Stretch, landed_us: int | None) -> int:
        landed_us = stretch.replay.watch.landed_mono_us if landed_us is None else landed_us
        return window_alarm_goes_to_us(stretch.replay, stretch.alarm_us, landed_us)

    def _live(self, stretch: _Stretch, life: _Life) -> BackupFile:
        """The log's life. First what it leaves behind, then its rows, in the order of the steps."""
        commits, lsn, cut_us, finished_us, *_ = life
        db, name = stretch.db, self._primary.name(stretch.db, cut_us, _LOG)
        start, database = self._start_utc_us, db.spec.name
        number = (db.index << FILE_BITS) | db.files_made
        header, data = ship(
            self._at, self._to, database, commits, lsn, number, start + cut_us, start + finished_us
        )
        file = BackupFile(number, db.index, database, _LOG, name, header, commits, cut_us)
        file.finished(header, data, commits)
        self._at_files[self._context.at_primary(file)] = self._to_files[self._context.at_secondary(file)] = data
        self._primary.made(db, file, cut_us)
        self._replication.sent(file)
        self._secondary.took(file)
        self._show(stretch, life, file)
        return file

    def _show(self, stretch: _Stretch, life: _Life, file: BackupFile) -> None:
        """The rows; the witness and the recovery manager learn of each step at its place among them."""
        witness, h = self._witness, file.header
        commits, lsn, cut_us, finished_us, landed_us, hashed_us, restored_us = life
        take, texts, ring = self._take_rows, self._texts, self._ring
        index, number, start, store = file.database, file.number, self._start_utc_us, self._hands.store
        if stretch.alarm_us < cut_us:
            ring(stretch, None)
        at_cut = take(1)
        if stretch.alarm_us < finished_us:
            ring(stretch, None)
        witness.made(finished_us, index, number, h, commits)
        at_finish, name, sending = take(2), texts[file.name], texts["sending"]
        if stretch.alarm_us < landed_us:
            ring(stretch, None)
        at_landing, there = take(3), texts["landed"]
        witness.landed(landed_us, index, number, True)
        at_told, database = take(2), texts[file.database_name]
        if stretch.alarm_us < hashed_us:
            ring(stretch, landed_us)
        counter, clock = absorb(stretch.replay, file.name, h, landed_us, restored_us, start)
        counter_key = stretch.counter_key + file.name
        store.save(counter_key, counter)
        store.save(stretch.clock_key, clock)
        at_hash, key, value = take(4), texts[counter_key], texts[counter]
        witness.handed_over(hashed_us, index, number, int(counter), True, True)
        if stretch.alarm_us < restored_us:
            ring(stretch, landed_us)
        state = self._to.state(file.database_name)
        witness.restored(restored_us, index, number, state, self._to.read_witness(file.database_name))
        at_restore = take(3)
        self._lines += self._line(
            index, start, self._hands.incarnation, database, number, name, h.fork, h.first_lsn, lsn, commits, h.checkpoint_lsn,
            state.differential_base_lsn, cut_us, finished_us, landed_us, hashed_us, restored_us,
            at_cut, at_finish, at_landing, at_told, at_hash, at_restore,
            sending, there, key, value, texts[stretch.clock_key], texts[clock],
        )  # fmt: skip

    def _ring(self, stretch: _Stretch, landed_us: int | None) -> None:
        """The alarm 'window' goes off and is set anew."""
        t = stretch.alarm_us
        goes_to_us = self._alarm_goes_to_us(stretch, landed_us)
        journal, db = self._context.journal, stretch.db
        scope, what = journal.texts[db.spec.name], journal.texts["window"]
        utc_us = self._start_utc_us + t
        journal.append(_ALARM, t, db.index, t, utc_us, self._hands.incarnation, scope, what)
        journal.append(_SET_ALARM, t, -1, scope, what, goes_to_us)
        stretch.alarm_us = goes_to_us
        stretch.rung = True
