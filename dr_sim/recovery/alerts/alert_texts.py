"""The exact texts of the alerts (R13): people and their scripts read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dr_sim.recovery.failover.policy import NEVER_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_text(utc_us: int) -> str:
    """Write an instant as YYYY-MM-DDTHH:MM:SSZ, rounded down to the second."""
    return (_EPOCH + timedelta(seconds=utc_us // 1_000_000)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def long_text(us: int) -> str:
    """Write how long something takes as H:MM:SS, rounded down to the second."""
    minutes, seconds = divmod(us // 1_000_000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def way_text(place: str, lost_us: int | None, takes_us: int) -> str:
    """Say what a way back would cost. lost_us: None: all of a database."""
    lost = "all of a database" if lost_us is None else long_text(lost_us)
    if takes_us >= NEVER_US:
        return f"{place} loses {lost} and is never back: nobody configures its site"
    return f"{place} loses {lost} and is back in {long_text(takes_us)}"


# ---- parts that several texts share
def _passed(minutes: int) -> str:
    return f"[{minutes}] minutes have passed since the last successful restore."


def _while_restoring(error: str) -> str:
    return f"The SQL error provided while restoring is: {error}"


def _provided(error: str) -> str:
    return f"The SQL error provided is: {error}"


# ---- the chain of one database
def missing_text(
    database: str, last_log: str, path: str, minutes: int, error: str
) -> str:
    """Text (a). last_log: UTC time of the last restored log, as utc_text gives it."""
    return (
        f"For database [{database}] there is a missing transaction log between [{last_log}] and "
        f"transaction log [{path}]. {_passed(minutes)} {_while_restoring(error)}"
    )


def no_new_logs_text(database: str, minutes: int) -> str:
    """Text (b)."""
    return (
        f"For database [{database}] no new transaction logs have been produced in the last "
        f"[{minutes}] minutes."
    )


def overdue_text(
    database: str, minutes: int, interval: int, useless: str
) -> str:
    """minutes: since the last one was begun; interval: minutes between two of them; useless: the
    name of one that has come since and cannot be restored, '' if none.
    """
    that, why = "", ""
    if useless:
        that = " that can be restored"
        why = f" The backup on which [{useless}] stands is not here."
    return (
        f"For database [{database}] no full or incremental backup{that} has come: the last one was "
        f"begun [{minutes}] minutes ago, and one is due every [{interval}] minutes.{why}"
    )


def full_overdue_text(database: str, minutes: int, interval: int) -> str:
    """minutes: since the last one was begun; interval: minutes between two of them."""
    return (
        f"For database [{database}] no full backup has come to this store: the last one was begun "
        f"[{minutes}] minutes ago, and one is due every [{interval}] minutes."
    )


def errors_text(
    database: str, file: tuple[str, bool], minutes: int, error: str
) -> str:
    """Text (c). file: its full path, and whether it is a log: of a full or an incremental the text
    says that it is a backup file.
    """
    path, is_log = file
    what = "transaction log" if is_log else "backup file"
    return (
        f"Errors occurred for database [{database}] while restoring {what} [{path}]. "
        f"{_passed(minutes)} {_while_restoring(error)}"
    )


def damaged_text(database: str, path: str, minutes: int, error: str) -> str:
    return (
        f"For database [{database}] backup file [{path}] is damaged or missing and could not be "
        f"copied again. {_passed(minutes)} The error is: {error}"
    )


def no_room_text(database: str, path: str, minutes: int, error: str) -> str:
    return (
        f"For database [{database}] there is no room at the secondary to restore backup file "
        f"[{path}]. {_passed(minutes)} {_while_restoring(error)}"
    )


def set_up_text(database: str, path: str, minutes: int, error: str) -> str:
    return (
        f"For database [{database}] the secondary is not set up for the content of backup file "
        f"[{path}]: somebody has to act. {_passed(minutes)} {_while_restoring(error)}"
    )


def fell_short_text(
    database: str, path: str, lsn: int, last_lsn: int
) -> str:
    return (
        f"For database [{database}] backup file [{path}] was restored without an error, but the "
        f"database stands at [{lsn}] and the file ends at [{last_lsn}]: the data between are "
        "missing."
    )


def first_full_text(database: str, minutes: int) -> str:
    """Say that nothing has been restored since the secondary was put in place."""
    return (
        f"Database [{database}] is not protected yet: no full backup of it has been restored in "
        f"the [{minutes}] minutes since the secondary was put in place."
    )


def no_full_text(database: str) -> str:
    """A store holds logs at most."""
    return (
        f"Database [{database}] cannot be restored from here: this store holds no full backup "
        "of it."
    )


def hole_text(database: str) -> str:
    """A store lacks a log."""
    return (
        f"Database [{database}] cannot be restored from here to its newest log backup: a log "
        "backup before that is missing in this store."
    )


def copy_lost_text(database: str, minutes: int) -> str:
    return (
        f"Database [{database}] is not protected: its copy at the secondary is lost. "
        f"{_passed(minutes)}"
    )


# ---- lag
def lagging_text(database: str, path: str, minutes: int) -> str:
    return (
        f"For database [{database}] replay lags: transaction log [{path}] was restored "
        f"[{minutes}] minutes after it was finished."
    )


def landed_late_text(database: str, path: str, minutes: int) -> str:
    return (
        f"For database [{database}] backups come late: transaction log [{path}] landed [{minutes}] "
        "minutes after it was finished."
    )


def waiting_text(
    database: str, path: str, age: int, logs: int, minutes: int
) -> str:
    """age: minutes since the oldest log was finished; logs: how many wait."""
    return (
        f"For database [{database}] replay is stuck: [{logs}] backup files wait to be "
        f"restored, the oldest [{path}], which was finished [{age}] minutes ago. "
        f"{_passed(minutes)}"
    )


def clocks_differ_text(database: str, path: str, minutes: int) -> str:
    """minutes: by which the primary's clock is ahead; negative if it is behind."""
    which = (
        f"[{minutes}] minutes ahead of"
        if minutes >= 0
        else f"[{-minutes}] minutes behind"
    )
    return (
        f"For database [{database}] the primary's clock is {which} the clock here: correct the "
        f"wrong one. Until then the age of transaction log [{path}] is not known."
    )


# ---- the primary
ERROR_NOT_KEPT = "not kept over the restart of the recovery manager. See the log of the primary."
"""In the place of an engine's words, which are not stored."""


def backup_failed_text(database: str, what: str, error: str) -> str:
    """what: the kind of backup."""
    return f"For database [{database}] the {what} backup failed at the primary. {_provided(error)}"


def writes_refused_text(database: str, error: str) -> str:
    return f"For database [{database}] the primary refuses writes. {_provided(error)}"


def pages_rot_text(database: str, error: str) -> str:
    return (
        f"For database [{database}] pages have rotted at the primary, and full backups since then "
        f"may hold them. {_provided(error)}"
    )


# ---- a failover
def not_recovered_text(database: str, error: str) -> str:
    return f"Database [{database}] could not be recovered at the secondary. {_provided(error)}"


def left_behind_text(database: str, on_their_way: int, here: int) -> str:
    return (
        f"For database [{database}] the failover continued without [{on_their_way + here}] files: "
        f"[{on_their_way}] still in transfer, [{here}] here but damaged, refused or behind a "
        "hole."
    )


def waits_text(database: str, names: int) -> str:
    return (
        f"For database [{database}] the planned failover waits for [{names}] files that are "
        "still to come or to be restored."
    )


def only_way_text(database: str, names: int) -> str:
    return (
        f"For database [{database}] nothing has been restored at the secondary: the failover "
        f"waits beyond its limit for [{names}] files that are the only way back."
    )


# ---- the service as a whole
def not_fenced_text(reason: str) -> str:
    return (
        f"The old primary could not be fenced: {reason}. If it is alive, two primaries may accept "
        "writes."
    )


def two_primaries_text(machine: str) -> str:
    return (
        f"Machine [{machine}] of the old primary is heard again and was not fenced: two primaries "
        "may accept writes."
    )


def heard_again_text(goes_on: bool) -> str:
    what = (
        "continues, because the old primary has been fenced"
        if goes_on
        else "is called off"
    )
    return (
        f"The machines of the primary are heard again: the failover {what}."
    )


def goes_back_text(why: str) -> str:
    return f"The failover is called off, because {why}: the old primary is ordered to serve again."


def not_unfenced_text(reason: str) -> str:
    return f"The old primary was stopped, and does not serve again yet: {reason}."


def nothing_here_text() -> str:
    return (
        "The primary is silent, and no database has been restored at the secondary yet: there is "
        "nothing to fail over to."
    )
