"""The express lane: the whole life of a quiet log in one step.

When a log is cut and nothing else can happen until it would be restored, its instants follow at once: finished, landed,
hashed, restored, each by the arithmetic of a flow that is alone (sharing.py). Then no event, command, flow or agenda entry
is needed: the lane writes the very rows that the steps would write, in their order, and leaves every part of the world
and the recovery manager in the state that they would leave. Whatever is not as quiet as that takes the steps: the
lane changes nothing before it is sure. A run with the lane and one without have the same digest; tests hold that.

The one thing that may come between is the database's alarm 'window', which is set in every third log or so and, while
logs land, only moves itself on.
"""

from __future__ import annotations

from typing import Any

from dr_sim.backups.model import Kind, RestoreState
from dr_sim.backups.names import backup_name
from dr_sim.engines.files import MemoryFiles
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.shipping import fits, ship
from dr_sim.journal import KIND_ID
from dr_sim.recovery.absorb import absorb, window_alarm_goes_to_us
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.world.agenda import NEVER_US, Class
from dr_sim.world.backup_file import FILE_BITS, BackupFile
from dr_sim.world.context import Context
from dr_sim.world.hands import Hands
from dr_sim.world.link import Link
from dr_sim.world.primary import NAME_MEMORY_US, Primary, PrimaryDatabase
from dr_sim.world.primary import SHARE as PRIMARY_SHARE
from dr_sim.world.promotion import Promotion
from dr_sim.world.replication import Replication
from dr_sim.world.secondary import SHARE as SECONDARY_SHARE
from dr_sim.world.secondary import Secondary

_LOG = Kind.LOG


class _Rows:
    """Where the rows of a log's life go, kind by kind."""

    __slots__ = (
        "alarm", "begin", "finished", "landed", "rename", "restore", "restored", "save", "seen_landed", "seen_restored",
        "sent", "set_alarm", "state", "validate", "validated",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        def of(kind_name: str) -> list[int]:
            return context.journal.by_hand(KIND_ID[kind_name])

        self.begin = of("truth.backup_begin")
        self.finished = of("truth.backup_finished")
        self.state = of("truth.file_state")
        self.sent = of("truth.transfer_bytes")
        self.landed = of("truth.landed")
        self.seen_landed = of("seen.Landed")
        self.validate = of("seen.Validate")
        self.validated = of("seen.Validated")
        self.save = of("seen.Save")
        self.rename = of("seen.RenameWorkingCopy")
        self.restore = of("seen.Restore")
        self.restored = of("truth.restored")
        self.seen_restored = of("seen.Restored")
        self.alarm = of("seen.Alarm")
        self.set_alarm = of("seen.SetAlarm")


class _Life:
    """When a log is cut, finished, landed, hashed and restored, and when the alarm 'window' goes off in between."""

    __slots__ = ("alarm_goes_to_us", "alarm_us", "cut_us", "finished_us", "hashed_us", "landed_us", "restored_us")

    def __init__(self, cut_us: int, finished_us: int, landed_us: int, hashed_us: int, restored_us: int) -> None:
        self.cut_us = cut_us
        self.finished_us = finished_us
        self.landed_us = landed_us
        self.hashed_us = hashed_us
        self.restored_us = restored_us
        self.alarm_us = NEVER_US
        self.alarm_goes_to_us = NEVER_US


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
        self._primary = primary
        self._link = link
        self._replication = replication
        self._secondary = secondary
        self._hands = hands
        self._promotion = promotion
        self._on_offer = on_offer
        self._rows = _Rows(context)
        self.taken = 0

    def take(self, db: PrimaryDatabase) -> bool:
        """A log of that database is due: its whole life, if nothing can come between."""
        hands, manager = self._hands, self._hands.manager
        if (
            manager is None or db.running or db.paused or db.waiting or db.cut_next_ppm or self._on_offer
            or hands.before_command is not None or not self._secondary.idle or not self._link.forward_up
        ):  # fmt: skip
            return False
        database = db.spec.name
        commits, lsn = self._primary.written(db)
        position = fits(self._at, self._to, database, commits, lsn)
        if position is None or not self._replication.free_for(lsn - position[1]):
            return False
        life = self._life(db, lsn - position[1])
        if life is None:
            return False
        name = self._name(db, life.cut_us)
        if not manager.quiet(database, name, *position) or not self._alone(db, life, manager):
            return False
        self._live(db, life, name, commits, lsn, manager)
        self.taken += 1
        return True

    def _life(self, db: PrimaryDatabase, size: int) -> _Life | None:
        """None if something else is under way, or if two steps fall on one instant (the order is then the agenda's)."""
        cut_us = self._context.agenda._now
        finished_us = self._primary.would_finish(db, cut_us, size)
        landed_us = self._link.shared.lone_end(finished_us, size * 8, self._link.cap_bit_s)
        hashed_us, restored_us = self._secondary.would_take(landed_us, db.spec.name, cut_us, size)
        if cut_us < finished_us < landed_us < hashed_us < restored_us:
            return _Life(cut_us, finished_us, landed_us, hashed_us, restored_us)
        return None

    def _name(self, db: PrimaryDatabase, cut_us: int) -> str:
        if cut_us - db.named_us > NAME_MEMORY_US:
            db.named.clear()
        return backup_name(db.spec.name, self._context.scenario.start_utc_us + cut_us, _LOG, 0, db.named)

    def _alone(self, db: PrimaryDatabase, life: _Life, manager: RecoveryManager) -> bool:
        """Nothing but the alarm 'window' is on the agenda up to the end, and that would only move on."""
        agenda, hands = self._context.agenda, self._hands
        key = (db.spec.name, "window")
        alarm = hands.alarms.get(key)
        clear, taken = agenda.clear_until(life.restored_us, Class.DISK, db.index, alarm)
        if taken is None:
            return clear
        alarm_us: int = taken[0]
        landed_us = life.landed_us if alarm_us >= life.landed_us else None
        goes_to_us = window_alarm_goes_to_us(manager.databases[db.spec.name], alarm_us, landed_us)
        if goes_to_us <= life.restored_us:
            agenda.put_back(taken)
            return False
        life.alarm_us = alarm_us
        life.alarm_goes_to_us = goes_to_us
        hands.alarms[key] = agenda.at(goes_to_us, Class.ALARM, db.index, hands.alarm, *key)
        return True

    # ---- the rows, in the order of the steps ------------------------------------------------------------------------------
    def _live(
        self, db: PrimaryDatabase, life: _Life, name: str, commits: int, lsn: int, manager: RecoveryManager
    ) -> None:  # fmt: skip
        context = self._context
        database, index = db.spec.name, db.index
        start_utc_us = context.scenario.start_utc_us
        number = (index << FILE_BITS) | db.files_made
        header, data = ship(
            self._at, self._to, database, commits, lsn, number, start_utc_us + life.cut_us, start_utc_us + life.finished_us
        )
        file = BackupFile(number, index, database, _LOG, name, header, commits)
        file.finished(header, data, commits)
        self._at_files[f"{PRIMARY_SHARE}/{name}"] = self._to_files[f"{SECONDARY_SHARE}/{name}"] = data
        self._primary.made(db, file, life.cut_us)
        self._replication.sent(file)
        self._secondary.took(file)
        self._promotion.restored(file)
        state = self._to.state(database)
        counter, clock = absorb(
            manager.databases[database], name, header, life.landed_us, life.restored_us, start_utc_us,
            state.differential_base_lsn,
        )  # fmt: skip
        counter_key, clock_key = f"attempts/{database}/{name}", f"restored/{database}"
        store = self._hands.store
        store[counter_key], store[clock_key] = counter, clock
        self._show_way(file, life)
        self._show_landing(file, life)
        self._show_validation(file, life, counter_key, counter)
        self._show_restore(file, life, state, clock_key, clock)

    def _show_way(self, file: BackupFile, life: _Life) -> None:
        """Cut, finished, sent, landed: what truly happens to it."""
        context, rows, h = self._context, self._rows, file.header
        journal, witness, texts = context.journal, context.witness, context.journal.texts
        index, number, size = file.database, file.number, file.nominal_bytes
        finished_us, landed_us = life.finished_us, life.landed_us
        place = (number, _LOG, h.fork, h.first_lsn, h.last_lsn)
        rows.begin.extend((journal.take(1), life.cut_us, index, *place, file.commits))
        if life.alarm_us < finished_us:
            self._show_alarm(file, life)
        witness.made(finished_us, index, number, h, file.commits)
        seq = journal.take(2)
        rows.finished.extend((seq, finished_us, index, *place, file.commits, size, texts[file.name]))
        rows.state.extend((seq + 1, finished_us, index, number, texts["sending"]))
        if life.alarm_us < landed_us:
            self._show_alarm(file, life)
        seq = journal.take(3)
        rows.sent.extend((seq, landed_us, index, number, size))
        rows.state.extend((seq + 1, landed_us, index, number, texts["landed"]))
        rows.landed.extend((seq + 2, landed_us, index, *place, 1, texts[file.name]))
        witness.landed(landed_us, index, number, True)

    def _show_landing(self, file: BackupFile, life: _Life) -> None:
        """The recovery manager is told that it has landed, and has it validated."""
        rows, journal, t = self._rows, self._context.journal, life.landed_us
        texts = journal.texts
        database, name = texts[file.database_name], texts[file.name]
        utc = self._context.scenario.start_utc_us + t
        seq = journal.take(2)
        rows.seen_landed.extend((seq, t, file.database, t, utc, 0, database, name, file.modified_utc_us, file.nominal_bytes))
        rows.validate.extend((seq + 1, t, file.database, database, name))
        if life.alarm_us < life.hashed_us:
            self._show_alarm(file, life)

    def _show_validation(self, file: BackupFile, life: _Life, counter_key: str, counter: str) -> None:
        """It is told that the hash agrees, counts the read, and hands it over."""
        rows, journal, t, h = self._rows, self._context.journal, life.hashed_us, file.header
        texts = journal.texts
        database, name, index = texts[file.database_name], texts[file.name], file.database
        seq = journal.take(4)
        rows.validated.extend((
            seq, t, index, t, self._context.scenario.start_utc_us + t, self._hands.incarnation, database, name,
            database, h.backup_id, _LOG, h.fork, h.first_lsn, h.last_lsn, h.checkpoint_lsn, h.database_backup_lsn,
            h.differential_base_lsn, h.first_fork, h.fork_point_lsn, h.started_utc_us, h.finished_utc_us, 0, 0, h.nominal_bytes,
        ))  # fmt: skip
        rows.save.extend((seq + 1, t, -1, texts[counter_key], texts[counter]))
        rows.rename.extend((seq + 2, t, index, database, name, 1))
        rows.restore.extend((seq + 3, t, index, database, name, 0))
        self._context.witness.handed_over(t, index, file.number, int(counter), True, True)
        if life.alarm_us < life.restored_us:
            self._show_alarm(file, life)

    def _show_restore(self, file: BackupFile, life: _Life, state: RestoreState, clock_key: str, clock: str) -> None:
        """The engine has it; the recovery manager is told, and saves the instant."""
        context, rows, journal, t = self._context, self._rows, self._context.journal, life.restored_us
        texts, index, number = journal.texts, file.database, file.number
        reading = self._to.read_witness(file.database_name)
        context.witness.restored(t, index, number, state, reading)
        seq = journal.take(3)
        fork, redo_lsn = state.fork, state.redo_lsn
        rows.restored.extend((seq, t, index, number, fork, redo_lsn, reading.commits))
        rows.seen_restored.extend((
            seq + 1, t, index, t, context.scenario.start_utc_us + t, self._hands.incarnation, texts[file.database_name],
            texts[file.name], fork, redo_lsn, state.differential_base_lsn,
        ))  # fmt: skip
        rows.save.extend((seq + 2, t, -1, texts[clock_key], texts[clock]))

    def _show_alarm(self, file: BackupFile, life: _Life) -> None:
        """The alarm 'window' goes off and is set anew."""
        rows, journal, t = self._rows, self._context.journal, life.alarm_us
        life.alarm_us = NEVER_US
        utc = self._context.scenario.start_utc_us + t
        scope, what = journal.texts[file.database_name], journal.texts["window"]
        seq = journal.take(2)
        rows.alarm.extend((seq, t, file.database, t, utc, self._hands.incarnation, scope, what))
        rows.set_alarm.extend((seq + 1, t, -1, scope, what, life.alarm_goes_to_us))
