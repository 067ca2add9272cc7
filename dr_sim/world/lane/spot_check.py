"""Spot checks of the fast path: are the rows that it wrote what the recovery machine would have
done?

Theory of operation. The lanes (express.py, waves.py) write rows of events and commands, but no
machine received the events, and none gave the commands. So every run checks a sample. Before a lane
takes the first log of a database (after each start of the recovery manager) a fresh machine is
asked: it stands where the real one stands, receives the events of that log step by step, and must
give the commands that the lane knows how to write. Afterwards the written rows are read back. Those
of each database's first stretch and of some drawn stretches are fed, event by event, to a fresh
machine. Its commands must be the rows that follow, and at the end it must stand where the real one
was put.

A difference is a violation: a bug, exit code 4. From then on the lanes are closed. The rest of the
run takes the ordinary steps, so its record is what the machine does, right or wrong, and the
witness judges that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.machines import Machine
from dr_sim.record.kinds import SEEN_CLASS
from dr_sim.recovery import events as e
from dr_sim.recovery.commands import Command, Save
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.recovery.replay.absorb import (
    QuietLog,
    Standing,
    standing,
    unlike,
    unlike_file,
    usual_answers,
)
from dr_sim.world.driver import Driver
from dr_sim.world.hands import entity_of
from dr_sim.world.kernel.context import Context
from dr_sim.world.lane.quiet_logs import Left, Lives
from dr_sim.world.lane.quiet_rows import QuietRows
from dr_sim.world.own_logic import absorbing
from dr_sim.world.primary import naming
from dr_sim.world.primary.primary_database import PrimaryDatabase

# logs of a database's first stretch, beside its last log and the first with an alarm
FIRST_LOGS = 2
SAMPLED_LOGS = (
    1  # logs of another stretch that is drawn, beside its last log
)
ONE_IN = 16  # one of this many other stretches is drawn
_Row = tuple[int, ...]
Told = e.Event | Command


@dataclass(slots=True)
class Spots:
    """The sampled logs of a stretch, in groups of consecutive ones, and the place of the database
    before the stretch.
    """

    db: PrimaryDatabase
    before: Standing
    groups: list[range]


@dataclass(slots=True)
class Written:
    """The place of a stretch's lines, counted back from the last line: of logs, and of alarms, with
    their number.
    """

    first_log: int
    first_ring: int
    rings: int


class DifferenceError(Exception):
    """The record differs from what the machine does."""


class SpotCheck:
    """The spot checks of a run. closed: a difference was found. looked_at: how many logs were fed
    to fresh machines.
    """

    def __init__(
        self, context: Context, driver: Driver[Machine], rows: QuietRows
    ) -> None:
        self._context = context
        self._journal = context.journal
        self._driver = driver
        self._rows = rows
        self._draws = context.streams.of("", "spot check")
        self._stretches = 0
        # by database: the incarnation of the recovery manager that was asked last
        self._asked: dict[int, int] = {}
        self._begun: set[int] = (
            set()
        )  # databases whose first stretch is over
        self.closed = False
        self.looked_at = 0

    # ---- before: would the machine do what the lane can write?
    def usual(
        self, db: PrimaryDatabase, size_bytes: int, at_us: int
    ) -> bool:
        """Return whether a fresh machine answers a log that is cut now as the lane would
        write it.
        """
        incarnation = self._driver.incarnation
        if self._asked.get(db.index) == incarnation:
            return not self.closed
        self._asked[db.index] = incarnation
        at = standing(self._manager.databases[db.spec.name])
        log = self._made_up(db, at, size_bytes, at_us)
        try:
            self._ask(db, at, log)
        except DifferenceError as difference:
            self.found(db, str(difference))
        return not self.closed

    def _made_up(
        self, db: PrimaryDatabase, at: Standing, size_bytes: int, at_us: int
    ) -> QuietLog:
        """Return a log from the place of the database on; each of its steps takes a microsecond."""
        start, state = self._context.scenario.start_utc_us, at.state
        header = BackupHeader(
            db.spec.name,
            db.next_number,
            Kind.LOG,
            state.fork,
            state.redo_lsn,
            state.redo_lsn + size_bytes,
            state.differential_base_lsn,
            0,
            0,
            state.fork,
            0,
            start + at_us,
            start + at_us + 1,
            nominal_bytes=size_bytes,
        )
        name = naming.name(self._context, db, at_us, Kind.LOG)
        return QuietLog(name, header, at_us + 2, at_us + 3, at_us + 4)

    def _ask(
        self, db: PrimaryDatabase, at: Standing, log: QuietLog
    ) -> None:
        machine = self._manager.stand_in(db.spec.name, at)
        answers = usual_answers(
            machine.databases[db.spec.name],
            log,
            self._context.scenario.start_utc_us,
        )
        told = [
            *self._steps_of(log, at.state.differential_base_lsn),
            self._alarm(db, log.restored_us),
        ]
        for event, wanted in zip(told, answers, strict=True):
            given = machine.handle(event)
            if given == wanted:
                continue
            for lane, real in zip(
                [*wanted, None], [*given, None], strict=False
            ):
                if lane != real:
                    raise DifferenceError(
                        f"log {log.name}, {type(event).__name__}: the fast path would "
                        f"record {_shown(lane)}, "
                        f"the machine gives {_shown(real)}"
                    )

    # ---- the sample
    def choose(
        self, db: PrimaryDatabase, num_logs: int, rung: Sequence[int]
    ) -> Spots | None:
        """Choose logs of a stretch of num_logs logs that is about to be taken. rung: the logs
        during which an alarm goes off, in order.
        """
        if db.index not in self._begun:
            self._begun.add(db.index)
            rung_later = [log for log in rung if log >= FIRST_LOGS]
            logs = {
                *range(min(FIRST_LOGS, num_logs)),
                *rung_later[:1],
                num_logs - 1,
            }
        else:
            self._stretches += 1
            if self._draws.below(2 * self._stretches, ONE_IN):
                return None
            first = self._draws.below(2 * self._stretches + 1, num_logs)
            logs = {
                *range(first, min(first + SAMPLED_LOGS, num_logs)),
                num_logs - 1,
            }
        before = standing(self._manager.databases[db.spec.name])
        return Spots(db, before, _consecutive(sorted(logs)))

    # ---- after: are the rows what the machine does?
    def look(
        self, spots: Spots, lives: Lives, left: Left, written: Written
    ) -> None:
        """Check the sampled logs of a stretch that was taken and whose rows are written."""
        for group in spots.groups:
            try:
                self._look_at(spots, group, lives, left, written)
            except DifferenceError as difference:
                self.found(spots.db, str(difference))
                return

    def _look_at(
        self,
        spots: Spots,
        group: range,
        lives: Lives,
        left: Left,
        written: Written,
    ) -> None:
        name = spots.db.spec.name
        at = spots.before
        if group.start:
            earlier = group.start - 1
            at = at.after(
                left.shipped.header(earlier),
                left.clocks[earlier],
                lives.landed[earlier],
            )
        logs = [
            QuietLog(
                left.names[k],
                left.shipped.header(k),
                lives.landed[k],
                lives.hashed[k],
                lives.restored[k],
            )
            for k in group
        ]
        machine = self._manager.stand_in(name, at)
        saved = self._follow(
            machine, spots.db, logs, self._rows_of(group, written)
        )
        self.looked_at += len(logs)
        self._files_alike(machine, name, logs, saved)
        if group.stop == len(left.names):
            self._left_alike(machine, name, logs[-1].name)

    def _rows_of(self, group: range, written: Written) -> list[_Row]:
        """Return the rows of events and commands of these logs, and of alarms between the first's
        and the last's, in order.
        """
        first = written.first_log
        before = -1
        if group.start:
            (earlier,) = self._rows.written(
                first + group.start - 1, first + group.start
            )
            before = max(row[1] for row in earlier)
        found = [
            row
            for line in self._rows.written(
                first + group.start, first + group.stop
            )
            for row in line
        ]
        end = max(row[1] for row in found)
        rings = (
            self._rows.rings_written(
                written.first_ring, written.first_ring + written.rings
            )
            if written.rings
            else []
        )
        found += [
            row for line in rings for row in line if before < row[1] < end
        ]
        return sorted(
            (row for row in found if row[0] in SEEN_CLASS),
            key=lambda row: row[1],
        )

    def _follow(
        self,
        machine: RecoveryManager,
        db: PrimaryDatabase,
        logs: Sequence[QuietLog],
        rows: Sequence[_Row],
    ) -> dict[str, str]:
        """Feed each event to the machine and compare its commands with the rows that follow. Return
        what it saved.
        """
        state = self._manager.databases[db.spec.name].state
        steps = deque(
            step
            for log in logs
            for step in self._steps_of(log, state.differential_base_lsn)
        )
        saved: dict[str, str] = {}
        place = 0
        while place < len(rows):
            row = rows[place]
            if SEEN_CLASS[row[0]] is e.Alarm:
                event: e.Event = self._alarm(db, row[2])
            elif steps:
                event = steps.popleft()
            else:
                raise DifferenceError(
                    f"row {row[1]}, {self._recorded(row)}, was recorded; nothing of the "
                    "kind happened"
                )
            self._same(
                rows, place, event, (row[1], event.mono_us, db.index)
            )
            place += 1
            for command in machine.handle(event):
                seq = rows[place - 1][1] + 1
                self._same(
                    rows,
                    place,
                    command,
                    (seq, event.mono_us, entity_of(command, db.index)),
                )
                place += 1
                if isinstance(command, Save):
                    saved[command.key] = command.value
        if steps:
            raise DifferenceError(
                f"{_shown(steps[0])} happened and was not recorded"
            )
        return saved

    def _same(
        self,
        rows: Sequence[_Row],
        place: int,
        told: Told,
        head: tuple[int, int, int],
    ) -> None:
        """Compare a row with an event or command. head: the seq, instant and entity that the row
        must have.
        """
        recorded = rows[place] if place < len(rows) else ()
        if recorded == self._journal.as_row(told, *head):
            return
        what = (
            "happened"
            if isinstance(told, e.Event)
            else "is what the machine did"
        )
        if not recorded:
            raise DifferenceError(
                f"row {head[0]}: nothing was recorded; {_shown(told)} {what}"
            )
        raise DifferenceError(
            f"row {recorded[1]}: {self._recorded(recorded)} was recorded; {_shown(told)} {what}"
        )

    def _left_alike(
        self,
        machine: RecoveryManager,
        database: str,
        log: str,
    ) -> None:
        """Check that the real machine stands where the steps would have left it."""
        what = unlike(
            self._manager.databases[database],
            machine.databases[database],
            log,
        )
        if what:
            raise DifferenceError(f"after log {log}: {what}")

    def _files_alike(
        self,
        machine: RecoveryManager,
        database: str,
        logs: Sequence[QuietLog],
        saved: dict[str, str],
    ) -> None:
        """Check that the real machine knows of these logs what the steps would have left, and that
        the store holds what they saved. The clock of the last restore has been saved again since.
        """
        real, stepped = (
            self._manager.databases[database],
            machine.databases[database],
        )
        for log in logs:
            what = unlike_file(real, stepped, log.name)
            if what:
                raise DifferenceError(f"after log {log.name}: {what}")
        store, name = self._driver.store, logs[-1].name
        last = real.last is not None and real.last.name == name
        for key, value in saved.items():
            if key == f"restored/{database}" and not last:
                continue
            if store.get(key) != value:
                raise DifferenceError(
                    f"after log {name}: the store holds {store.get(key)!r} under {key}, "
                    f"the machine saved {value!r}"
                )

    # ---- the events of a log's life
    def _steps_of(
        self, log: QuietLog, base_lsn: int
    ) -> tuple[e.Event, ...]:
        """Return the events of a log's life. base_lsn: of the full that the copy carries."""
        start, incarnation, header = (
            self._context.scenario.start_utc_us,
            self._driver.incarnation,
            log.header,
        )
        database, name = header.database, log.name
        landed, hashed, restored = (
            log.landed_us,
            log.hashed_us,
            log.restored_us,
        )
        return (
            e.Landed(
                landed,
                start + landed,
                0,
                database,
                name,
                header.finished_utc_us,
                header.nominal_bytes,
            ),
            e.Validated(
                hashed, start + hashed, incarnation, database, name, header
            ),
            e.Restored(
                restored,
                start + restored,
                incarnation,
                database,
                name,
                header.fork,
                header.last_lsn,
                base_lsn,
            ),
        )

    def _alarm(self, db: PrimaryDatabase, at_us: int) -> e.Alarm:
        start = self._context.scenario.start_utc_us
        return e.Alarm(
            at_us,
            start + at_us,
            self._driver.incarnation,
            db.spec.name,
            "window",
        )

    # ---- a difference
    def found(self, db: PrimaryDatabase, difference: str) -> None:
        """Report a difference, which is a bug: the lanes are closed from now on."""
        self.closed = True
        self._context.witness.told_otherwise(
            self._context.now_us, db.index, difference
        )

    def _recorded(self, row: _Row) -> str:
        return _shown(self._journal.as_told(row))

    @property
    def _manager(self) -> RecoveryManager:
        manager = absorbing(self._driver.machine)
        assert manager is not None
        return manager


def _shown(told: Told | None) -> str:
    return "nothing" if told is None else repr(told)


def _consecutive(numbers: Sequence[int]) -> list[range]:
    """Return numbers in their order as ranges."""
    ranges: list[range] = []
    for number in numbers:
        if ranges and ranges[-1].stop == number:
            ranges[-1] = range(ranges[-1].start, number + 1)
        else:
            ranges.append(range(number, number + 1))
    return ranges
