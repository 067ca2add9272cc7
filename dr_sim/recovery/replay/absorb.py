"""Take quiet logs in one step: change a database's replay as logs that land whole and in order
would, without three events for each log.

The world may know that nothing else can happen until a log is restored, and that the same holds for
the next logs. If replay is quiet too, the answers to Landed, Validated and Restored are always the
same: Validate; Save, RenameWorkingCopy, Restore; Save. `absorb` leaves the state that those answers
would leave, and `usual_answers` returns the commands. Each run compares both, for a sample of the
logs, with a fresh machine that stands at the same place (`Standing`, world/lane/spot_check.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import BackupHeader, RestoreState
from dr_sim.machines import Command, Save, SetAlarm
from dr_sim.recovery.commands import RenameWorkingCopy, Restore, Validate
from dr_sim.recovery.files.file import File
from dr_sim.recovery.replay.replay import DatabaseReplay
from dr_sim.recovery.saved import last_restore_from_text, restore_text
from dr_sim.recovery.timers import Timer


def quiet(db: DatabaseReplay, fork: int, first_lsn: int) -> bool:
    """Return whether a new log, on that fork and from that LSN on, would be restored as soon as it
    has landed, with no other effect. Replay is as quiet afterwards as it was before.
    """
    state, files = db.state, db.files
    return (
        state.redo_lsn == first_lsn
        and state.fork == fork
        and state.exists
        and state.restoring
        and db.last is not None
        and files.in_hand is None
        and db.drain is None
        and db.watch.stuck is None
        and db.config.log_interval_us
        <= db.rules.age_us  # so it cannot be restored too late
        and not (
            db.lag.late
            or db.promoted
            or db.recovering
            or files.pending
            or files.bad
            or files.recopying
            or files.awaits_counts
            or db.alerts.begun
            or db.repair.on
            or db.beside.on
            or db.ways.steps
            or db.rules.delay_us
            or db.rules.every_us
        )
    )


def window_alarm_goes_to_us(
    db: DatabaseReplay, mono_us: int, landed_mono_us: int
) -> int:
    """Return the instant at which the alarm 'window' is set again if it goes off now and the last
    log landed at landed_mono_us. A result not later than mono_us means that it reports silence
    instead.
    """
    return (
        mono_us
        if db.drain is not None
        else landed_mono_us + db.log_window.look_after_us
    )


@dataclass(frozen=True, slots=True)
class AbsorbedLogs:
    """Quiet logs, each restored before the next one landed: all but the last as a run, if there are
    others; the last, with its header.

    landed_us, restored_us, finished_us, cut_us: the instants of each.
    """

    run: LogRun | None
    last: BackupHeader
    names: Sequence[str]
    cut_us: Sequence[int]
    finished_us: Sequence[int]
    landed_us: Sequence[int]
    restored_us: Sequence[int]


def absorb(
    db: DatabaseReplay, logs: AbsorbedLogs, utc_minus_mono_us: int
) -> tuple[str, list[str]]:
    """Record that quiet logs have landed and been restored. Return what was saved for them: the
    counter, which is the same for all, and the clock of the last restore of each.
    """
    start_us = utc_minus_mono_us
    columns = logs.restored_us, logs.finished_us, logs.cut_us, logs.names
    clocks = [
        restore_text(
            restored,
            restored + start_us,
            finished + start_us,
            cut + start_us,
            name,
        )
        for restored, finished, cut, name in zip(*columns, strict=True)
    ]
    landed_us = logs.landed_us
    db.log_window.stands_at(landed_us[-1])
    if logs.run is not None:
        db.files.absorb_run(logs.run, landed_us[:-1])
    newest = db.files.absorb(logs.names[-1], logs.last, landed_us[-1])
    db.progress.absorbed(newest)
    db.stands_at(
        replace(db.state, redo_lsn=logs.last.last_lsn),
        last_restore_from_text(clocks[-1]),
    )
    return "1", clocks


def holds_on_to_none(db: DatabaseReplay) -> bool:
    """Return whether nothing that is under way has chosen among the files that are done."""
    return not (
        db.drain is not None
        or db.promoted
        or db.recovering
        or db.repair.on
        or db.beside.on
        or db.ways.steps
    )


def hold_as_runs(db: DatabaseReplay, run: LogRun) -> None:
    """Hold the files of logs that took the steps by columns from now on. Nothing that the machine
    decides depends on it.
    """
    db.files.hold_as_runs(run)


# ---- for spot checks
@dataclass(frozen=True, slots=True)
class QuietLog:
    """A quiet log, and the monotonic instants at which it landed, its hash was known and it was
    restored.
    """

    name: str
    header: BackupHeader
    landed_us: int
    hashed_us: int
    restored_us: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The place at which the replay of a quiet database stands: all that the answers to the next
    log depend on.

    clock: the clock of the last restore, as it is in the store.
    """

    state: RestoreState
    clock: str
    landed_mono_us: int

    def after(
        self, header: BackupHeader, clock: str, landed_mono_us: int
    ) -> Standing:
        """Return the place at which replay stands when a log has been restored."""
        return Standing(
            replace(self.state, redo_lsn=header.last_lsn),
            clock,
            landed_mono_us,
        )


def standing(db: DatabaseReplay) -> Standing:
    assert db.last is not None
    return Standing(
        replace(db.state), db.last.text(), db.log_window.landed_mono_us
    )


def stand(db: DatabaseReplay, at: Standing) -> None:
    """Put a new replay, which knows no file, at that place."""
    db.stands_at(replace(at.state), last_restore_from_text(at.clock))
    db.log_window.stands_at(at.landed_mono_us)


def usual_answers(
    db: DatabaseReplay, log: QuietLog, utc_minus_mono_us: int
) -> list[list[Command]]:
    """Return the commands that answer Landed, Validated and Restored of a quiet log, and then the
    alarm 'window'.
    """
    database, name, header, restored_us = (
        db.name,
        log.name,
        log.header,
        log.restored_us,
    )
    clock = restore_text(
        restored_us,
        restored_us + utc_minus_mono_us,
        header.finished_utc_us,
        header.started_utc_us,
        name,
    )
    return [
        [Validate(database, name)],
        [
            Save(f"attempts/{database}/{name}", "1"),
            RenameWorkingCopy(database, name, 1),
            Restore(database, name, False),
        ],
        [Save(f"restored/{database}", clock)],
        [
            SetAlarm(
                database,
                Timer.WINDOW,
                window_alarm_goes_to_us(db, restored_us, log.landed_us),
            )
        ],
    ]


def unlike(db: DatabaseReplay, stepped: DatabaseReplay, name: str) -> str:
    """Describe the difference between a replay that has absorbed that log as its last one and a
    replay that has taken the steps; '' if there is none.
    """
    pairs: dict[str, tuple[object, object]] = {
        "state": (db.state, stepped.state),
        "last restore": (db.last, stepped.last),
        "window for new logs": (
            db.log_window.standing(),
            stepped.log_window.standing(),
        ),
        "files that wait": (
            _names(db.files.pending),
            _names(stepped.files.pending),
        ),
        "file that is being restored": (
            db.files.in_hand,
            stepped.files.in_hand,
        ),
        "alerts": (db.alerts.begun, stepped.alerts.begun),
    }
    return unlike_file(db, stepped, name) or _first_of(pairs)


def unlike_file(
    db: DatabaseReplay, stepped: DatabaseReplay, name: str
) -> str:
    """Describe the difference between what both know of that log; '' if there is none."""
    mine, theirs = db.files.look(name), stepped.files.look(name)
    for file in (mine, theirs):
        if file is None:
            when = "" if file is mine else "after the steps "
            return f"the machine {when}knows of no such log"
    pairs = {
        f"{field} of the file": (
            getattr(mine, field),
            getattr(theirs, field),
        )
        for field in File.__slots__
    }
    return _first_of(pairs)


def _first_of(pairs: Mapping[str, tuple[object, object]]) -> str:
    """Describe the first pair of values that differ."""
    for what, (absorbed, after_steps) in pairs.items():
        if absorbed != after_steps:
            return f"{what} is {absorbed!r} in the machine, {after_steps!r} after the steps"
    return ""


def _names(files: Sequence[File]) -> list[str]:
    return [file.name for file in files]
