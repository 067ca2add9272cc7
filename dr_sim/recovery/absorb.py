"""Quiet logs in one step: what logs that land whole and in order do to a database's replay, without
three events for each.

The world may know that nothing else can happen until a log is restored, and so for the next one. If
replay is quiet too, Landed, Validated and Restored would each be answered as always: Validate;
Save, RenameWorkingCopy, Restore; Save. `absorb` leaves the state that they would leave.
`usual_answers` are those commands. Each run compares them, and some of what was absorbed, with what
a fresh machine does that stands at the same place (`Standing`, world/spot_check.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dr_sim.backups.model import BackupHeader, RestoreState
from dr_sim.machines import Command, Save, SetAlarm
from dr_sim.recovery.commands import RenameWorkingCopy, Restore, Validate
from dr_sim.recovery.files import File
from dr_sim.recovery.replay import DatabaseReplay
from dr_sim.recovery.saved import last_restore_from_text, restore_text
from dr_sim.recovery.timers import Timer


def quiet(db: DatabaseReplay, fork: int, first_lsn: int) -> bool:
    """Would a new log, on that fork from that LSN on, be restored as soon as it has landed, and
    that be all? What is absorbed leaves replay as quiet as it was.
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
        and db.config.log_interval_us <= db.rules.age_us  # so it cannot be restored too late
        and not (
            db.lag.since_us
            or db.promoted
            or db.recovering
            or files.pending
            or files.bad
            or files.recopying
            or files.awaits_counts
            or db.alerts.begun
            or db.repair.on
            or db.ways.steps
            or db.rules.delay_us
            or db.rules.every_us
        )
    )


def window_alarm_goes_to_us(db: DatabaseReplay, mono_us: int, landed_mono_us: int) -> int:
    """Where the alarm 'window' is set anew if it goes off then and a log last landed at that
    instant. Not later than mono_us: it tells of silence instead.
    """
    return mono_us if db.drain is not None else landed_mono_us + db.watch.window_us


def absorb(
    db: DatabaseReplay,
    logs: Sequence[tuple[str, BackupHeader]],
    landed: Sequence[int],
    restored: Sequence[int],
    utc_minus_mono_us: int,
) -> tuple[str, list[str]]:
    """Logs have landed and been restored, each before the next had landed. What was saved of each:
    its counter, which is the same for all, and the clock of the last restore.
    """
    clocks = []
    for (name, header), restored_us in zip(logs, restored, strict=True):
        clocks.append(
            restore_text(
                restored_us,
                restored_us + utc_minus_mono_us,
                header.finished_utc_us,
                header.started_utc_us,
                name,
            )
        )
    db.watch.stands_at(landed[-1])
    db.progress.absorbed(db.files.absorb(logs, landed))
    db.stands_at(
        replace(db.state, redo_lsn=logs[-1][1].last_lsn), last_restore_from_text(clocks[-1])
    )
    return "1", clocks


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
    """Where the replay of a quiet database stands: all that the next log's answers depend on.

    clock: of the last restore, as the store has it.
    """

    state: RestoreState
    clock: str
    landed_mono_us: int

    def after(self, header: BackupHeader, clock: str, landed_mono_us: int) -> Standing:
        """Where it stands when a log has been restored."""
        return Standing(replace(self.state, redo_lsn=header.last_lsn), clock, landed_mono_us)


def standing(db: DatabaseReplay) -> Standing:
    assert db.last is not None
    return Standing(replace(db.state), db.last.text(), db.watch.landed_mono_us)


def stand(db: DatabaseReplay, at: Standing) -> None:
    """A new replay, which knows of no file, stands there."""
    db.stands_at(replace(at.state), last_restore_from_text(at.clock))
    db.watch.stands_at(at.landed_mono_us)


def usual_answers(db: DatabaseReplay, log: QuietLog, utc_minus_mono_us: int) -> list[list[Command]]:
    """The commands that Landed, Validated, Restored, and then the alarm 'window', of a quiet log
    are answered with.
    """
    database, name, header, restored_us = db.name, log.name, log.header, log.restored_us
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
        [SetAlarm(database, Timer.WINDOW, window_alarm_goes_to_us(db, restored_us, log.landed_us))],
    ]


def unlike(db: DatabaseReplay, stepped: DatabaseReplay, name: str) -> str:
    """What differs between a replay that has absorbed that log, its last, and one that has taken
    the steps; '' if nothing.
    """
    for replay in (db, stepped):
        if name not in replay.files:
            return (
                f"the machine {'after the steps ' if replay is stepped else ''}knows of no such log"
            )
    pairs = {
        "state": (db.state, stepped.state),
        "last restore": (db.last, stepped.last),
        "last landing": (db.watch.landed_mono_us, stepped.watch.landed_mono_us),
        "files that wait": (_names(db.files.pending), _names(stepped.files.pending)),
        "file that is being restored": (db.files.in_hand, stepped.files.in_hand),
        "alerts": (db.alerts.begun, stepped.alerts.begun),
    }
    mine, theirs = db.files[name], stepped.files[name]
    pairs.update(
        {
            f"{field} of the file": (getattr(mine, field), getattr(theirs, field))
            for field in File.__slots__
        }
    )
    for what, (absorbed, after_steps) in pairs.items():
        if absorbed != after_steps:
            return f"{what} is {absorbed!r} in the machine, {after_steps!r} after the steps"
    return ""


def _names(files: Sequence[File]) -> list[str]:
    return [file.name for file in files]
