"""What a database's people are told that holds up no file: the primary's own errors, and logs that
come too late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.recovery import events
from dr_sim.recovery.alerts import (
    BACKUP_FAILED,
    CLOCKS_DIFFER,
    FELL_SHORT,
    LAGGING,
    WRITES_REFUSED,
    backup_failed_text,
    clocks_differ_text,
    fell_short_text,
    lagging_text,
    whole_minutes,
    writes_refused_text,
)
from dr_sim.recovery.commands import Command
from dr_sim.recovery.files import LOG, File
from dr_sim.recovery.limits import MINUTE_US

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay

CLOCKS_AGREE_US = 5 * MINUTE_US
"""Two sites' clocks must agree within 5 minutes, or nobody can log on from one to the other
(Kerberos).
"""


def primary_error(db: DatabaseReplay, e: events.PrimaryError, out: list[Command]) -> None:
    """Told as often as the primary tells: a backup fails at each of its times, a full log at each
    time of a log.
    """
    minutes = db.minutes(e.mono_us, e.utc_us)
    event_id, text = (
        BACKUP_FAILED,
        backup_failed_text(db.name, e.what, e.error_number, e.error_text),
    )
    if e.what == "writes":
        event_id, text = WRITES_REFUSED, writes_refused_text(db.name, e.error_number, e.error_text)
    db.alerts.tell(e.mono_us, e.utc_us, f"primary {e.what}", event_id, minutes, "", text, out)


def primary_is_well(db: DatabaseReplay, header: BackupHeader, out: list[Command]) -> None:
    """A backup that was begun after its like had failed there: that is over. One of the log frees a
    full log.
    """
    whats = [Kind(header.kind).word] + ["writes"] * (header.kind == LOG)
    for danger in [f"primary {what}" for what in whats]:
        begun = db.alerts.begun.get(danger)
        if begun is not None and header.started_utc_us >= begun[1]:
            db.alerts.clear(danger, out)


def watch_end(
    db: DatabaseReplay, e: events.Restored, file: File, header: BackupHeader, out: list[Command]
) -> None:
    """A success that stops before the backup's end: engines call it one where nobody has validated
    what they were given. The next log shows the hole, if there is a next one; a failover before
    that would promote it in silence.
    """
    if e.fork == header.fork and e.redo_lsn < header.last_lsn:
        minutes = db.minutes(e.mono_us, e.utc_us)
        text = fell_short_text(
            db.name, db.config.share_path + file.name, e.redo_lsn, header.last_lsn
        )
        db.alerts.tell(e.mono_us, e.utc_us, "short", FELL_SHORT, minutes, file.name, text, out)
    elif db.alerts.begun:  # it begins no later than where the database stood, and is all there
        db.alerts.clear("short", out)


def watch_lag(db: DatabaseReplay, e: events.Restored, file: File, out: list[Command]) -> None:
    """Logs that come, but too late, for longer than a retry: the link or the replay is too slow for
    the load. A backlog that drains after an outage is over sooner. A log is dated by the primary's
    clock: before anyone is told of lag, the primary is asked what its clock shows; and a log from
    the future tells by itself that one of the two is wrong.
    """
    rules = db.rules
    late_us = e.utc_us - file.modified_utc_us - rules.delay_us - rules.every_us
    too_new_us = file.modified_utc_us - e.utc_us + e.mono_us - file.landed_mono_us
    if (late_us <= rules.age_us and too_new_us <= CLOCKS_AGREE_US) or db.drain is not None:
        no_lag(db, out)
        return
    if not db.late_since_us:
        db.late_since_us = e.mono_us
        db.watch.ask_clock(out)
    if e.mono_us - max(db.late_since_us, db.late_told_us) < rules.retry_us:
        return
    db.late_told_us = e.mono_us
    minutes = db.minutes(e.mono_us, e.utc_us)
    path = db.config.share_path + file.name
    off_us = max(db.clock_off_us, too_new_us) if too_new_us > CLOCKS_AGREE_US else db.clock_off_us
    if abs(off_us) > CLOCKS_AGREE_US:
        late_us += off_us
    if late_us > rules.age_us:
        db.alerts.clear("clock", out)
        text = lagging_text(db.name, path, whole_minutes(late_us))
        db.alerts.tell(e.mono_us, e.utc_us, "lag", LAGGING, minutes, file.name, text, out)
    else:
        db.alerts.clear("lag", out)
        ahead = whole_minutes(abs(off_us)) * (1 if off_us > 0 else -1)
        text = clocks_differ_text(db.name, path, ahead)
        db.alerts.tell(e.mono_us, e.utc_us, "clock", CLOCKS_DIFFER, minutes, file.name, text, out)
    db.watch.ask_clock(out)  # it may be set right before the next retry


def no_lag(db: DatabaseReplay, out: list[Command]) -> None:
    """The log restored last was in time, or nothing is lacking."""
    db.late_since_us = db.late_told_us = db.clock_off_us = 0
    if db.alerts.begun:
        db.alerts.clear("lag", out)
        db.alerts.clear("clock", out)
