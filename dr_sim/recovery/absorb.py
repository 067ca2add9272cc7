"""Quiet logs in one step: what logs that land whole and in order do to a database's replay, without three events for each.

The world may know that nothing else can happen until a log is restored, and so for the next one. If replay is quiet too,
Landed, Validated and Restored would each be answered as always: Validate; Save, RenameWorkingCopy, Restore; Save. `absorb`
leaves the state that they would leave. A test steps both ways through the same runs and compares the records of every event and command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from dr_sim.backups.model import BackupHeader
from dr_sim.backups.retention import Stored
from dr_sim.recovery.files import LOG, VALID, File
from dr_sim.recovery.replay import DatabaseReplay
from dr_sim.recovery.saved import last_restore_from_text, restore_text


def quiet(db: DatabaseReplay, fork: int, first_lsn: int) -> bool:
    """Would a new log, on that fork from that LSN on, be restored as soon as it has landed, and that be all? What is
    absorbed leaves replay as quiet as it was."""
    state = db.state
    return (
        state.redo_lsn == first_lsn
        and state.fork == fork
        and state.exists
        and state.restoring
        and db.last is not None
        and db.restoring is None
        and db.drain is None
        and db.watch.stuck is None
        and db.config.log_interval_us <= db.rules.age_us  # so it cannot be restored too late
        and not (
            db.late_since_us or db.promoted or db.recovering or db.pending or db.bad or db.recopying or db.alerts.begun or db.repair.policy or db.repair.steps
            or db.rules.delay_us or db.rules.every_us or db.counts
        )
    )  # fmt: skip


def window_alarm_goes_to_us(db: DatabaseReplay, mono_us: int, landed_mono_us: int) -> int:
    """Where the alarm 'window' is set anew if it goes off then and a log last landed at that instant. Not later than
    mono_us: it tells of silence instead."""
    return mono_us if db.drain is not None else landed_mono_us + db.watch.window_us


def absorb(
    db: DatabaseReplay, logs: Sequence[tuple[str, BackupHeader]], landed: Sequence[int], restored: Sequence[int],
    utc_minus_mono_us: int,
) -> tuple[str, list[str]]:  # fmt: skip
    """Logs have landed and been restored, each before the next had landed. What was saved of each: its counter, which is
    the same for all, and the clock of the last restore."""
    taken: list[File] = []
    clocks = []
    for (name, header), landed_us, restored_us in zip(logs, landed, restored, strict=True):
        modified_utc_us = header.finished_utc_us
        file = File(name, LOG, modified_utc_us, header.nominal_bytes, landed_us)
        file.header = header
        file.state = VALID
        file.done = True
        file.attempts = 1
        db.files[name] = file
        taken.append(file)
        clocks.append(restore_text(restored_us, restored_us + utc_minus_mono_us, modified_utc_us, header.started_utc_us, name))
    db.keeping.shelf.add_logs(cast(list[Stored], taken))
    db.watch.landed_mono_us = landed[-1]
    db.progress.newest = taken[-1]
    db.state.redo_lsn = logs[-1][1].last_lsn
    db.last = last_restore_from_text(clocks[-1])
    return "1", clocks
