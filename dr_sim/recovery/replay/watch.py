"""The watch over a database's chain: what is stuck, with limits and retries (R6, R8, R9, R12).

Theory of operation. At any time at most one thing keeps the chain from continuing: a log that is
damaged, a log that the engine refuses, or a hole before the first log that waits. `look` finds it
and notes since when (a `Stuck`). One alarm, 'retry', is set at the next instant at which something
is due: a retry, or the limit. At the limit the alert is raised and a repair begins; from then on
the alert is raised again at every retry until the database's position has moved past the place.

Where replay waits on purpose (a delay, a restore job), a hole is found as soon as the logs behind
it have landed, not when replay comes to it: should the site be lost, so is all that lies behind it.

Silence is detected separately (log_window.py). The consequences are in retries.py.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.backups.chain import Fit, applies
from dr_sim.machines import Command, Event, SetAlarm
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import Danger
from dr_sim.recovery.commands import AskPrimary, TakeBackup
from dr_sim.recovery.files.file import LOG, File
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair.refusals import (
    IN_USE_ERRORS,
    needs_somebody,
    passes_here,
)
from dr_sim.recovery.replay.limits import limit_at_us
from dr_sim.recovery.replay.waiting import strayed
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


class Finding(enum.Enum):
    """The result of a look at the chain."""

    NOTHING_NEW = enum.auto()
    GOES_ON = enum.auto()  # nothing holds it up any more
    STUCK = enum.auto()  # on something new
    TOO_OFTEN = enum.auto()  # what it is stuck on has been tried too often


class AskedAbout(enum.Enum):
    """The subject of the question to the primary that is out."""

    CHAIN = enum.auto()
    SILENCE = enum.auto()
    CLOCK = enum.auto()


@dataclass(frozen=True, slots=True)
class Obstacle:
    """The obstacle that a look finds: `file` (None: a hole), at the position lsn. before: the log
    that ends where the hole begins, and waits itself; None: the database stands there.
    """

    file: File | None
    lsn: int
    before: File | None = None

    def fork(self, stands_on: int) -> int:
        """Return the fork of the position. stands_on: that of the database."""
        before = self.before
        if before is None or before.header is None:
            return stands_on
        return before.header.fork


@dataclass(slots=True)
class Stuck:
    """The obstacle in the chain: `file` (None: a hole), at the position stuck_lsn on that fork.

    over: a limit was reached; lost: the primary answered that no log holds the range any more.
    """

    file: File | None
    fork: int
    stuck_lsn: int
    limit_at_us: int
    retry_at_us: int
    over: bool = False
    lost: bool = False

    @property
    def attempts(self) -> int:
        """Return how often the obstacle was read or validated without success."""
        file = self.file
        if file is None:
            return 0
        return max(file.attempts if file.refused else 0, file.failures)

    @property
    def up_to_primary(self) -> bool:
        """Return whether the primary decides if a repair is needed: for a hole, or a backup that
        was cut off, it may still have the range.
        """
        file = self.file
        return file is None or (file.cut_off and not file.refused)


class Watch:
    """The watch over the chain of one database.

    stuck: the obstacle in the chain; asked, asked_lsn: the question to the primary that is out.
    """

    __slots__ = (
        "_armed_at_us",
        "_db",
        "_log_requested",
        "asked",
        "asked_lsn",
        "stuck",
    )

    def __init__(self, db: DatabaseReplay) -> None:
        self._db = db
        self.stuck: Stuck | None = None
        self.asked: AskedAbout | None = None
        self.asked_lsn = 0
        self._log_requested = False
        self._armed_at_us = -1

    def goes_on(self) -> None:
        """Forget what was found before a failover that was called off."""
        self.stuck = None
        self._armed_at_us = -1

    # ---- what the chain waits for
    @property
    def breaks_the_chain(self) -> bool:
        """Return whether a planned failover would lose data. It disconnects readers, and its tail
        covers the range of a log whose backup was cut off, as the next log would (R10).
        """
        stuck = self.stuck
        if stuck is None:
            return False
        file = stuck.file
        if file is None:
            return True
        if file.refused:
            return file.failure.error_number not in IN_USE_ERRORS
        return stuck.lost or not file.cut_off

    def look(self, e: Event, out: list[Command]) -> Finding:
        """Find what keeps the chain from continuing after a change."""
        obstacle = self._culprit()
        stuck: Stuck | None = self.stuck
        file = obstacle.file if obstacle is not None else None
        if (
            stuck is not None
            and obstacle is not None
            and file is not None
            and file is stuck.file
        ):
            # logs before the obstacle continued: it waits, and is reported, as before
            stuck.stuck_lsn = obstacle.lsn
            stuck.fork = obstacle.fork(self._db.state.fork)
        moved = stuck is not None and (
            obstacle is None or stuck.stuck_lsn != obstacle.lsn
        )
        if moved:
            stuck = None
            self.moved(out)
        if obstacle is not None and (
            stuck is None or stuck.file is not file
        ):
            noticed: Stuck = self._noticed(obstacle, e)
            if stuck is not None and stuck.over:
                # another file holds it up at the same place: the alert continues at the next retry
                again_us = max(e.mono_us, stuck.retry_at_us)
                noticed.limit_at_us = min(noticed.limit_at_us, again_us)
            self.stuck = noticed
            return Finding.STUCK
        if stuck is not None and not stuck.over and self._too_often(stuck):
            return Finding.TOO_OFTEN
        return (
            Finding.GOES_ON
            if moved and obstacle is None
            else Finding.NOTHING_NEW
        )

    def restored(self, out: list[Command]) -> None:
        """Note that a backup has been restored. With a replay delay it may lie before the damaged
        log, or the hole, that was reported.
        """
        if self.hole_stands:
            return
        file = self.stuck.file if self.stuck is not None else None
        held_up = (Content.BAD, Content.CHECKING)
        if file is None or file.done or file.content not in held_up:
            self.moved(out)

    def moved(self, out: list[Command]) -> None:
        """Note that the chain continues."""
        self.stuck = None
        self._db.alerts.over(Danger.CHAIN, out)

    def holds_up(self, file: File) -> bool:
        """Return whether the chain is stuck on that log, or on something before it."""
        stuck = self.stuck
        if stuck is None:
            return False
        if stuck.file is not None:
            return stuck.file.age_order() <= file.age_order()
        header = file.header
        return header is None or header.last_lsn > stuck.stuck_lsn

    @property
    def hole_is_ahead(self) -> bool:
        """Return whether the chain has a hole that replay, which waits on purpose, has yet to come
        to.
        """
        stuck, state = self.stuck, self._db.state
        return (
            self.hole_stands
            and stuck is not None
            and stuck.stuck_lsn > state.redo_lsn
        )

    @property
    def hole_stands(self) -> bool:
        """Return whether the chain has a hole that the database's position has not passed."""
        stuck, state = self.stuck, self._db.state
        if stuck is None or stuck.file is not None:
            return False
        return state.exists and stuck.stuck_lsn >= state.redo_lsn

    def _culprit(self) -> Obstacle | None:
        """Return what holds the chain up, if anything does."""
        db, stuck = self._db, self.stuck
        files = db.files
        here = db.state.redo_lsn if db.state.exists else -1
        blocker, refused = self._blocker()
        if refused:
            return Obstacle(blocker, here)
        damaged = [
            f for f in files.bad.values() if f.kind is LOG and not f.done
        ]
        if blocker is None:
            damaged += files.lost_logs()  # a later log would show the hole
        if damaged:
            covered_utc_us = self._covered_until()
            damaged = [
                f for f in damaged if f.modified_utc_us > covered_utc_us
            ]
        if damaged:
            first = min(damaged, key=File.age_order)
            if (
                blocker is None
                or first.modified_utc_us <= blocker.modified_utc_us
            ):
                return Obstacle(first, here)
        if (
            files.in_hand is not None
            and stuck is not None
            and not self._has_come(stuck)
        ):
            if self.hole_is_ahead:
                return self._hole_ahead()
            return Obstacle(
                stuck.file, here
            )  # not over before its restore is answered
        if blocker is not None:
            landed = stuck is None and self._landed_before(blocker)
            return None if landed else Obstacle(None, here)
        return self._hole_ahead()

    def _covered_until(self) -> int:
        """Return the instant up to which the logs that wait lead on from the database's position
        without a hole, -1: none does. A damaged log that was finished before holds nothing that is
        lacking (R10): a later one covers its range.
        """
        db = self._db
        until_utc_us = -1
        if not db.state.exists:
            return until_utc_us
        fork, end_lsn = db.state.fork, db.state.redo_lsn
        for waiting in db.files.pending:
            header = waiting.header
            assert header is not None
            on_path = fork in (header.fork, header.first_fork)
            if header.first_lsn > end_lsn or not on_path:
                break
            if header.last_lsn > end_lsn:
                fork, end_lsn = header.fork, header.last_lsn
                until_utc_us = max(until_utc_us, header.started_utc_us)
        return until_utc_us

    def _hole_ahead(self) -> Obstacle | None:
        """Return the first hole between logs that wait on purpose. They may lead from one fork to
        the next, where the database catches up behind a new primary.
        """
        db = self._db
        if not db.replay_waits or not db.state.exists:
            return None
        fork, end_lsn = db.state.fork, db.state.redo_lsn
        before: File | None = None
        for waiting in db.files.pending:
            header = waiting.header
            assert header is not None
            if header.first_lsn > end_lsn:
                landed = self.stuck is None and self._landed_before(waiting)
                return None if landed else Obstacle(None, end_lsn, before)
            if fork not in (header.fork, header.first_fork):
                return None
            fork = header.fork
            if header.last_lsn > end_lsn:
                end_lsn, before = header.last_lsn, waiting
        return None

    def _has_come(self, stuck: Stuck) -> bool:
        """Return whether the file that the chain waited for is whole by now, and waits for its turn
        itself. What holds it up then is the restore that is on.
        """
        file = stuck.file
        if file is None or file is self._db.files.in_hand:
            return False
        return file.content is Content.WHOLE and not file.refused

    def _blocker(self) -> tuple[File | None, bool]:
        """Return the first log that waits and does not apply; or, with True, one that applies and
        is refused.
        """
        db = self._db
        blocker: File | None = None
        for waiting in db.files.pending:
            assert waiting.header is not None
            fit = applies(waiting.header, db.state)
            if (
                fit is Fit.STALE
                or fit is Fit.EMPTY
                or strayed(db, waiting, fit)
            ):
                continue
            if fit is Fit.APPLIES:
                return (waiting, True) if waiting.refused else (None, False)
            if blocker is None:
                blocker = waiting
            if waiting.header.first_lsn > db.state.redo_lsn:
                break
        return blocker, False

    def _landed_before(self, blocker: File) -> bool:
        """Return whether an earlier log is here and being hashed. Files that cross the link
        together land within moments, in any order: a log that seems to be missing has perhaps only
        not been validated.
        """
        until = blocker.modified_utc_us
        return any(
            file.content is Content.CHECKING
            and file.kind is LOG
            and not file.done
            and file.modified_utc_us <= until
            for file in self._db.files.not_in_runs()
        )

    def _noticed(self, obstacle: Obstacle, e: Event) -> Stuck:
        db, file = self._db, obstacle.file
        last = db.last
        assert last is not None
        if file is not None:
            dated = file.modified_utc_us
        elif obstacle.before is not None:
            dated = (
                obstacle.before.modified_utc_us + db.config.log_interval_us
            )
        elif last.name:
            # nobody knows when the missing one was finished: an interval after the one before it
            dated = last.modified_utc_us + db.config.log_interval_us
        else:
            dated = min([e.utc_us, *self._finished_behind(obstacle.lsn)])
        since = db.lag.finished_utc_us(e.utc_us, dated)
        noticed = e.mono_us if file is None else file.landed_mono_us
        limit_at = limit_at_us(
            e.mono_us, e.utc_us, noticed, since, db.rules.age_us
        )
        retry_at = e.mono_us + db.rules.retry_us
        fork = obstacle.fork(db.state.fork)
        return Stuck(file, fork, obstacle.lsn, limit_at, retry_at)

    def _finished_behind(self, lsn: int) -> list[int]:
        """Return when the logs behind a hole were finished: after the one that is missing."""
        db = self._db
        if not db.state.exists:
            return []
        return [
            file.modified_utc_us
            for file in db.files.pending
            if file.header is not None and file.header.first_lsn > lsn
        ]

    def _too_often(self, stuck: Stuck) -> bool:
        return stuck.attempts > self._db.rules.attempts

    def limit_is_due(self, e: Event) -> bool:
        """Return whether the obstacle is too old, or was tried too often, and nobody has been
        alerted yet. Another copy that has landed may be whole: its hash decides.
        """
        stuck = self.stuck
        if stuck is None or stuck.over or self._is_hashed_again(stuck):
            return False
        return stuck.limit_at_us <= e.mono_us or self._too_often(stuck)

    def _is_hashed_again(self, stuck: Stuck) -> bool:
        """Return whether another copy of a damaged log has landed and is being hashed."""
        file = stuck.file
        if file is None or file.name not in self._db.files.bad:
            return False
        return file.content is Content.CHECKING

    def reach_limit(self, e: Event, out: list[Command]) -> bool:
        """Record that the limit is reached. Return whether a repair is needed: not while the file
        may still come by itself.
        """
        stuck: Stuck | None = self.stuck
        assert stuck is not None
        stuck.over = True
        stuck.retry_at_us = e.mono_us + self._db.rules.retry_us
        telling.tell_chain(self._db, stuck.file, e, out)
        if stuck.up_to_primary and not stuck.lost:
            self.ask_about_chain(stuck, out)
            return False
        return not self.may_come(stuck)

    def try_again(self, stuck: Stuck, e: Event) -> bool:
        """Return whether a retry is due; the next one is counted from now."""
        if stuck.retry_at_us > e.mono_us:
            return False
        stuck.retry_at_us = e.mono_us + self._db.rules.retry_us
        return True

    def cannot_be_had(self, stuck: Stuck) -> None:
        """Note that the primary answered that no log will hold the range."""
        stuck.lost = True

    def may_come(self, stuck: Stuck) -> bool:
        """Return whether the file may still come: it is on its way again, its refusal passes
        (readers, no room), or somebody has to act here and no other backup would do better.
        """
        file = stuck.file
        if file is None:
            return False
        if file.name in self._db.files.recopying:
            return True
        number = file.failure.error_number
        return file.refused and (
            passes_here(number) or needs_somebody(number)
        )

    # ---- the alarm 'retry'
    def rang(self) -> None:
        self._armed_at_us = -1

    def arm(self, e: Event, out: list[Command]) -> None:
        if self._armed_at_us == e.mono_us:
            return  # the alarm is about to go off at this very instant, and is then set again
        db, stuck = self._db, self.stuck
        due = [file.retry_at_mono_us for file in db.files.bad.values()]
        due += db.remake.retries()
        if stuck is not None:
            due.append(stuck.retry_at_us)
            if not stuck.over:
                due.append(stuck.limit_at_us)
            if stuck.file is not None and stuck.file.refused:
                due.append(stuck.file.retry_at_mono_us)
        due = [at for at in due if at > e.mono_us]
        if due and (at := min(due)) != self._armed_at_us:
            self._armed_at_us = at
            out.append(SetAlarm(db.name, Timer.RETRY, at))

    # ---- the primary
    def ask(
        self, about: AskedAbout, at: tuple[int, int], out: list[Command]
    ) -> None:
        """at: the LSN that is asked about, and its fork."""
        if self.asked is None:
            lsn, fork = at
            self.asked, self.asked_lsn = about, lsn
            fork = self._fork_of_store() or fork
            out.append(AskPrimary(self._db.name, fork, lsn))

    def _fork_of_store(self) -> int:
        """Return the fork of the newest log of a store, which holds no copy; 0: it is none."""
        db = self._db
        if not db.rules.keeps or not db.files.pending:
            return 0
        header = db.files.pending[-1].header
        assert header is not None
        return header.fork

    def ask_about_chain(self, stuck: Stuck, out: list[Command]) -> None:
        """Ask the primary what it has of the missing range."""
        at = max(stuck.stuck_lsn, 0), stuck.fork
        self.ask(AskedAbout.CHAIN, at, out)

    def ask_about_silence(self, out: list[Command]) -> None:
        """Ask the primary what it has beyond all that is here."""
        db = self._db
        ends = [
            (h.last_lsn, h.fork)
            for f in db.files.pending
            if (h := f.header) is not None
        ]
        end = max([(db.state.redo_lsn, db.state.fork), *ends])
        self.ask(AskedAbout.SILENCE, end, out)

    def ask_clock(self, out: list[Command]) -> None:
        """Ask the primary what its clock shows. Any answer says so; if a question is already out,
        its answer will.
        """
        state = self._db.state
        self.ask(
            AskedAbout.CLOCK, (max(state.redo_lsn, 0), state.fork), out
        )

    def answered(self) -> AskedAbout | None:
        """Return the subject of the question that has been answered."""
        about, self.asked = self.asked, None
        return about

    def request_log(self, out: list[Command]) -> None:
        """Ask for a log backup that covers the missing range; one at a time."""
        if not self._log_requested:
            self._log_requested = True
            out.append(TakeBackup(self._db.name, LOG))

    def log_answered(self) -> None:
        """Note that the primary has taken the log, or has refused to."""
        self._log_requested = False
