"""What is stuck, silent or damaged: limits, retries and alerts of one database (R6, R8, R9, R12).

Theory of operation. At any time at most one thing keeps the chain from going on: a log that is
damaged, a log that the engine refuses, or a hole before the first log that waits. `look` finds it
and notes since when (a `Stuck`). One alarm, 'retry', stands at the next instant at which something
is due: a retry, or the limit. At the limit the alert is raised and a repair begins; from then on
the alert is raised again at every retry until the database's position has moved past the place.
Silence (no log landed within the window) is told apart, by the alarm 'window', which is set once in
a window and not for every log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.chain import Fit, applies
from dr_sim.recovery import events, landing
from dr_sim.recovery.alerts import (
    DAMAGED,
    ERRORS,
    HOLE,
    MISSING,
    NO_NEW_LOGS,
    NOT_PROTECTED,
    SET_UP,
    damaged_text,
    errors_text,
    missing_text,
    no_new_logs_text,
    not_protected_text,
    set_up_text,
    utc_text,
    whole_minutes,
)
from dr_sim.recovery.commands import AskPrimary, Command, SetAlarm, TakeBackup
from dr_sim.recovery.files import BAD, CHECKING, LOG, LOST, VALID, File
from dr_sim.recovery.limits import DAY_US, age_us, elapsed_us, limit_at_us
from dr_sim.recovery.refusals import IN_USE_ERRORS, needs_somebody, passes_here
from dr_sim.recovery.remake import danger_of
from dr_sim.recovery.waiting import rebuild, strayed

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay


class Stuck:
    """What the chain waits for: `file` (None: a hole), at the position stuck_lsn.

    over: a limit was reached; lost: the primary said that the range cannot be had as a log any
    more.
    """

    __slots__ = (
        "file",
        "limit_at_us",
        "lost",
        "noticed_mono_us",
        "over",
        "retry_at_us",
        "since_utc_us",
        "stuck_lsn",
    )

    def __init__(self, file: File | None, stuck_lsn: int, since_utc_us: int, mono_us: int) -> None:
        self.file = file
        self.stuck_lsn = stuck_lsn
        self.since_utc_us = since_utc_us
        self.noticed_mono_us = mono_us
        self.limit_at_us = 0
        self.retry_at_us = 0
        self.over = False
        self.lost = False


class Watch:
    __slots__ = (
        "armed_at_us",
        "asked",
        "asked_lsn",
        "db",
        "landed_mono_us",
        "log_requested",
        "stuck",
    )

    def __init__(self, db: DatabaseReplay) -> None:
        self.db = db
        self.stuck: Stuck | None = None
        self.landed_mono_us = 0  # when the last new log landed
        # what the question to the primary that is out is about: 'chain', 'silence' or 'clock'
        self.asked = ""
        self.asked_lsn = 0
        self.log_requested = False
        self.armed_at_us = -1

    # ---- silence (R9)
    @property
    def window_us(self) -> int:
        """A window shorter than the schedule would cry without end: then it is counted from when a
        log was due.
        """
        window_us, interval_us = self.db.rules.window_us, self.db.config.log_interval_us
        return window_us if interval_us < window_us else interval_us + window_us

    def begin(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """After a start: when the last log landed is known from the last restore, or from the files
        that lie here. Where replay lags on purpose a restore says little: its log may have landed
        so much earlier.
        """
        db = self.db
        if not db.config.log_interval_us:
            return
        last = db.last
        assert last is not None
        lag_us = db.rules.delay_us + db.rules.every_us
        newest = max(
            (f.modified_utc_us for f in db.files.values() if f.kind == LOG),
            default=last.modified_utc_us,
        )
        quiet_us = elapsed_us(mono_us, utc_us, last.mono_us, last.utc_us)
        if newest > last.modified_utc_us:
            quiet_us = min(quiet_us + lag_us, max(0, utc_us - newest))
        elif last.name:
            quiet_us = max(quiet_us, min(quiet_us + lag_us, utc_us - newest))
        if quiet_us < self.window_us:
            db.alerts.clear("silence", out)
        self.landed_mono_us = mono_us - quiet_us
        out.append(SetAlarm(db.name, "window", max(mono_us, self.landed_mono_us + self.window_us)))

    def log_landed(self, mono_us: int, out: list[Command]) -> None:
        self.landed_mono_us = mono_us
        if self.db.alerts.begun:
            self.db.alerts.clear("silence", out)

    def window(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        db = self.db
        if db.drain is not None:
            return
        at = self.landed_mono_us + self.window_us
        if at <= mono_us:
            quiet = whole_minutes(mono_us - self.landed_mono_us)
            text = no_new_logs_text(db.name, quiet)
            db.alerts.tell(
                mono_us, utc_us, "silence", NO_NEW_LOGS, db.minutes(mono_us, utc_us), "", text, out
            )
            newest = max((h.last_lsn for f in db.pending if (h := f.header) is not None), default=0)
            self._ask("silence", max(newest, db.state.redo_lsn), out)
            if self.stuck is None:
                db.repair.retry(mono_us, utc_us, out)
            at = mono_us + db.rules.retry_us
        db.progress.window(mono_us, utc_us, out)
        out.append(SetAlarm(db.name, "window", at))

    def goes_on(self, mono_us: int, out: list[Command]) -> None:
        """A failover that has been called off held every alarm."""
        self.stuck = None
        self.armed_at_us = -1
        if self.db.config.log_interval_us:
            out.append(
                SetAlarm(self.db.name, "window", max(mono_us, self.landed_mono_us + self.window_us))
            )

    # ---- what the chain waits for
    @property
    def breaks_the_chain(self) -> bool:
        """Is what keeps it from going on more than readers? A failover disconnects these."""
        if self.stuck is None:
            return False
        file = self.stuck.file
        return file is None or not file.refused or file.error_number not in IN_USE_ERRORS

    def look(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Find what keeps the chain from going on, now that something changed; arm the alarm for
        what comes next.
        """
        db = self.db
        if db.drain is not None or db.promoted:
            return
        found, file = self._culprit()
        stuck = self.stuck
        lsn = db.state.redo_lsn if db.state.exists else -1
        if stuck is not None and found and file is not None and file is stuck.file:
            stuck.stuck_lsn = lsn  # logs before it went on: it waits, and is told of, as before
        if stuck is not None and (not found or stuck.stuck_lsn != lsn):
            stuck = None
            self.moved(out)
            if not found and db.state.exists:
                db.repair.needless(out)
        if found and (stuck is None or stuck.file is not file):
            self._notice(file, lsn, mono_us, utc_us, out)
        elif stuck is not None and not stuck.over and self._attempts_over():
            self._reach_limit(mono_us, utc_us, out)
        self._arm(mono_us, out)

    def restored(self, out: list[Command]) -> None:
        """A backup has been restored. With a replay delay that may be one before the damaged log
        that was told of.
        """
        file = self.stuck.file if self.stuck is not None else None
        if file is None or file.done or file.state not in (BAD, CHECKING):
            self.moved(out)

    def moved(self, out: list[Command]) -> None:
        """The chain goes on."""
        self.stuck = None
        self.db.alerts.clear("chain", out)

    def _culprit(self) -> tuple[bool, File | None]:
        db = self.db
        blocker: File | None = None
        for waiting in db.pending:
            assert waiting.header is not None
            fit = applies(waiting.header, db.state)
            if fit is Fit.STALE or fit is Fit.EMPTY or strayed(db, waiting, fit):
                continue
            if fit is Fit.APPLIES:
                if waiting.refused:
                    return True, waiting
                blocker = None
                break
            if blocker is None:
                blocker = waiting
            if waiting.header.first_lsn > db.state.redo_lsn:
                break
        damaged = [f for f in db.bad.values() if f.kind == LOG and not f.done]
        if damaged:
            first = min(damaged, key=File.age_order)
            if blocker is None or first.modified_utc_us <= blocker.modified_utc_us:
                return True, first
        if db.restoring is not None and self.stuck is not None:
            return True, self.stuck.file  # not over before its restore is answered
        if blocker is not None and self.stuck is None and self._landed_before(blocker):
            return False, None
        return blocker is not None, None

    def _landed_before(self, blocker: File) -> bool:
        """Is an earlier log here and being hashed? Files that cross together land within moments,
        in any order: what seems to be missing has perhaps only not been looked at.
        """
        until = blocker.modified_utc_us
        files = self.db.files.values()
        return any(
            f.state == CHECKING and f.kind == LOG and not f.done and f.modified_utc_us <= until
            for f in files
        )

    def _notice(
        self, file: File | None, lsn: int, mono_us: int, utc_us: int, out: list[Command]
    ) -> None:
        db = self.db
        last = db.last
        assert last is not None
        if file is not None:
            since = file.modified_utc_us
        else:  # when the missing one was finished is unknown: an interval after the one before it
            since = last.modified_utc_us + db.config.log_interval_us if last.name else utc_us
        stuck = self.stuck = Stuck(file, lsn, since, mono_us)
        noticed = mono_us if file is None else file.landed_mono_us
        stuck.limit_at_us = limit_at_us(mono_us, utc_us, noticed, since, db.rules.age_us)
        stuck.retry_at_us = mono_us + db.rules.retry_us
        landing.look_into_unknown(db, out)
        if file is None:
            self._ask("chain", max(lsn, 0), out)
        if stuck.limit_at_us <= mono_us or self._attempts_over():
            self._reach_limit(mono_us, utc_us, out)

    def _attempts_over(self) -> bool:
        file = self.stuck.file if self.stuck is not None else None
        return (
            file is not None
            and max(file.attempts if file.refused else 0, file.failures) > self.db.rules.attempts
        )

    def _reach_limit(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        db = self.db
        stuck = self.stuck
        assert stuck is not None
        stuck.over = True
        stuck.retry_at_us = mono_us + db.rules.retry_us
        self.tell_chain(stuck.file, mono_us, utc_us, out)
        if self._up_to_primary() and not stuck.lost:
            self._ask("chain", max(stuck.stuck_lsn, 0), out)
        elif not self._may_come(stuck):
            db.repair.start(mono_us, utc_us, out)

    def _may_come(self, stuck: Stuck) -> bool:
        """It is on its way again, its refusal passes (readers, no room), or somebody has to act
        here: no other backup would fare better.
        """
        file = stuck.file
        return file is not None and (
            file.name in self.db.recopying
            or (
                file.refused
                and (passes_here(file.error_number) or needs_somebody(file.error_number))
            )
        )

    def _up_to_primary(self) -> bool:
        """Whether a repair is needed depends on what the primary still has: a hole, or a backup
        that was cut off.
        """
        file = self.stuck.file if self.stuck is not None else None
        return file is None or (file.outcome == "no_manifest" and not file.refused)

    def tell_chain(self, file: File | None, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Raise alert (c) for a file, (a) for a hole before what waits (R13)."""
        db = self.db
        last = db.last
        assert last is not None
        minutes = db.minutes(mono_us, utc_us)
        if file is not None:
            path = db.config.share_path + file.name
            text = errors_text(db.name, path, minutes, file.error_number, file.error_text)
            db.alerts.tell(mono_us, utc_us, "chain", ERRORS, minutes, file.name, text, out)
            return
        if not db.state.exists:
            self.tell_unprotected(mono_us, utc_us, out)
            return
        after = next(
            (f for f in db.pending if (h := f.header) is not None and h.fork == db.state.fork),
            db.pending[0],
        )
        assert after.header is not None
        message = (
            f"The log begins at LSN {after.header.first_lsn}; the database is at LSN "
            f"{db.state.redo_lsn}."
        )
        since = utc_text(last.started_utc_us) if last.name else "none"
        text = missing_text(
            db.name, since, db.config.share_path + after.name, minutes, HOLE, message
        )
        db.alerts.tell(mono_us, utc_us, "chain", MISSING, minutes, after.name, text, out)

    def tell_unprotected(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """There is no copy here that logs could be missing from. Of a first full on its way once,
        until it is restored.
        """
        db = self.db
        assert db.last is not None
        first = not db.last.name
        if first and "unprotected" in db.alerts.begun:
            return
        minutes = db.minutes(mono_us, utc_us)
        text = not_protected_text(db.name, minutes, first)
        db.alerts.tell(mono_us, utc_us, "unprotected", NOT_PROTECTED, minutes, "", text, out)

    def tell_set_up(self, file: File, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Raise event 20 for a full or an incremental that is refused until somebody acts; it is
        tried at every retry.
        """
        db = self.db
        minutes = db.minutes(mono_us, utc_us)
        path = db.config.share_path + file.name
        text = set_up_text(db.name, path, minutes, file.error_number, file.error_text)
        db.alerts.tell(mono_us, utc_us, "set-up", SET_UP, minutes, file.name, text, out)
        out.append(SetAlarm(db.name, "room", file.retry_at_mono_us))

    def begin_unprotected(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """After a start that finds no copy here: it is told once the age limit has passed. Of a
        database without logs, whose files come once a day, a day later.
        """
        db = self.db
        assert db.last is not None
        passed_us = elapsed_us(mono_us, utc_us, db.last.mono_us, db.last.utc_us)
        limit_us = db.rules.age_us + (0 if db.config.log_interval_us else DAY_US)
        out.append(SetAlarm(db.name, "unprotected", mono_us + max(0, limit_us - passed_us)))

    # ---- retries (R8, R12)
    def retry(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """The alarm went off: whatever is due by now."""
        db = self.db
        self.armed_at_us = -1
        if db.drain is not None:
            return
        self.look(mono_us, utc_us, out)
        stuck = self.stuck
        if (
            stuck is not None
            and not stuck.over
            and (stuck.limit_at_us <= mono_us or self._attempts_over())
        ):
            self._reach_limit(mono_us, utc_us, out)
        elif stuck is not None and stuck.retry_at_us <= mono_us:
            stuck.retry_at_us = mono_us + db.rules.retry_us
            if stuck.over:
                self.tell_chain(stuck.file, mono_us, utc_us, out)
                db.repair.retry(mono_us, utc_us, out)
                if not self._may_come(stuck) and not self._up_to_primary():
                    db.repair.start(mono_us, utc_us, out)
            if not db.repair.policy and (
                stuck.file is None or (stuck.over and self._up_to_primary())
            ):
                self._ask("chain", max(stuck.stuck_lsn, 0), out)
        for file in sorted(db.bad.values(), key=File.age_order):
            if file.retry_at_mono_us <= mono_us and file.state == BAD:
                self._retry_damaged(file, mono_us, utc_us, out)
        if db.remake.lost:
            db.remake.retry(mono_us, utc_us, out)
        db.advance(mono_us, utc_us, out)
        self._arm(mono_us, out)

    def _retry_damaged(self, file: File, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Copied again while its attempts allow (R8). Then a log that the chain waits for is left
        to the repair; any other log is told of for the last time, and a full or an incremental is
        asked for anew (remake.py).
        """
        db = self.db
        file.retry_at_mono_us = mono_us + db.rules.retry_us
        hopeless = file.failures > db.rules.attempts
        arrives = file.name in db.recopying  # the copy that was asked for is on its way
        waited_for = file.kind == LOG and not file.done
        if file.outcome == "no_manifest":
            file.failures += not waited_for  # no copy of it will ever be whole
        elif not hopeless:
            landing.recopy(db, file.name, out)
        if waited_for:
            return
        too_old = (
            age_us(mono_us, utc_us, file.landed_mono_us, file.modified_utc_us) >= db.rules.age_us
        )
        told_at_the_end = hopeless and file.kind == LOG
        if told_at_the_end or (
            too_old and not hopeless and not arrives and file.kind not in db.remake.lost
        ):
            self.tell_damaged(mono_us, utc_us, file, out)
        if hopeless:
            del db.bad[file.name]
            file.state = LOST
            if file.kind == LOG:
                db.alerts.clear(file.name, out)
            else:
                db.remake.give_up(file, mono_us, utc_us, out)

    def tell_damaged(self, mono_us: int, utc_us: int, file: File, out: list[Command]) -> None:
        """Raise event 4 for a file that the chain does not wait for now, but may need later."""
        db = self.db
        minutes = db.minutes(mono_us, utc_us)
        path = db.config.share_path + file.name
        text = damaged_text(db.name, path, minutes, file.error_number, file.error_text)
        danger = file.name if file.kind == LOG else danger_of(file.kind)
        db.alerts.tell(mono_us, utc_us, danger, DAMAGED, minutes, file.name, text, out)

    def _arm(self, mono_us: int, out: list[Command]) -> None:
        if self.armed_at_us == mono_us:
            return  # it is about to go off at this very instant, and arms itself anew
        stuck = self.stuck
        remake = self.db.remake
        due = [f.retry_at_mono_us for f in self.db.bad.values()] + [
            remake.retry_at_us[kind] for kind in remake.lost
        ]
        if stuck is not None:
            due.append(stuck.retry_at_us)
            if not stuck.over:
                due.append(stuck.limit_at_us)
            if stuck.file is not None and stuck.file.refused:
                due.append(stuck.file.retry_at_mono_us)
        due = [at for at in due if at > mono_us]
        if due and (at := min(due)) != self.armed_at_us:
            self.armed_at_us = at
            out.append(SetAlarm(self.db.name, "retry", at))

    # ---- the primary
    def _ask(self, about: str, lsn: int, out: list[Command]) -> None:
        if not self.asked:
            self.asked, self.asked_lsn = about, lsn
            out.append(AskPrimary(self.db.name, self.db.state.fork, lsn))

    def ask_clock(self, out: list[Command]) -> None:
        """What does the primary's clock show? Any answer tells; where a question is out already,
        that one will.
        """
        self._ask("clock", max(self.db.state.redo_lsn, 0), out)

    def answered(self, e: events.PrimaryAnswered, out: list[Command]) -> None:
        """Copy again what is there and not on its way; have made again what still can be; else it
        is lost.
        """
        db = self.db
        about, self.asked = self.asked, ""
        stuck = self.stuck
        if e.reachable:
            db.clock_off_us = e.clock_there_utc_us - e.utc_us
        if about == "clock":
            # it came in the way of a question that was due
            if stuck is not None and stuck.file is None:
                self._ask("chain", max(stuck.stuck_lsn, 0), out)
            return
        if not e.reachable or db.drain is not None or (about == "chain" and stuck is None):
            return
        name = e.covering_name
        file = db.files.get(name)
        if name and (file is None or max(file.failures, file.contradictions) <= db.rules.attempts):
            if not e.copying and (file is None or file.state in (BAD, LOST)):
                if file is not None:
                    file.done = False  # it is needed after all
                landing.recopy(db, name, out)
            elif file is not None and file.state == VALID and not _covers(file, self.asked_lsn):
                if not e.copying:
                    landing.contradicted(db, e, file, out)
            elif file is not None and file.state == VALID and file.done:
                rebuild(db)  # it lies here, taken for done: what is needed is decided anew
                db.advance(e.mono_us, e.utc_us, out)
        elif e.remakeable and not name:
            if not e.jobs_paused and not self.log_requested:
                self.log_requested = True
                out.append(TakeBackup(db.name, LOG))
        elif about == "chain" and stuck is not None:
            stuck.lost = True
            if stuck.over:
                db.repair.start(e.mono_us, e.utc_us, out)
        elif about == "silence" and stuck is None and not name and self._stale(e):
            db.repair.start(e.mono_us, e.utc_us, out)

    def _stale(self, e: events.PrimaryAnswered) -> bool:
        """No log goes on from here, here or there (the recovery model was switched, or someone else
        took the log), and the last restore is older than a log may become.
        """
        db = self.db
        last = db.last
        assert last is not None
        return elapsed_us(e.mono_us, e.utc_us, last.mono_us, last.utc_us) >= db.rules.age_us


def _covers(file: File, lsn: int) -> bool:
    header = file.header
    return header is not None and header.first_lsn <= lsn < header.last_lsn
