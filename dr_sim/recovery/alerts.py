"""The alerts of replay: exact texts, levels, and the durable clocks that survive a restart (R12,
R13).

Source is `DR Log Replay`. Event ids:
  1  a log is missing from the chain             (text a)
  2  no new logs have been produced              (text b)
  3  a log could not be restored or validated    (text c)
  4  a full or incremental, or a file kept for later, is damaged or missing and could not be copied
     again
  5  a database could not be recovered in a failover
  6  a failover went on without files: still on their way, or here and not to be restored
  7  a planned failover waits for files that it would lose otherwise
  8  logs are restored, but later than the age limit, and that lasts
  9  a backup failed at the primary, in the engine's words
 10  the primary refuses writes, in the engine's words
 11  a full does not fit on the disk here
 16  the clocks of the two sides differ, so that ages of logs say nothing
 17  the engine has taken a backup without an error, and stands before the end of it
 18  logs that have landed wait to be restored, the oldest for longer than the age limit
 19  the secondary holds no restored copy of the database: its first full has not come, or its copy
     is lost
 20  a full or an incremental is refused until somebody sets the secondary up as the primary is
 21  a failover waits beyond its limit for the only way back to a database
and of the service as a whole, without a database's name:
 12  the old primary could not be fenced for certain
 13  two primaries: one that was not fenced is heard again after the failover
 14  machines that were silent are heard again: the failover is called off, or goes on
An alert that is raised again keeps the instant at which its danger was first told: its level goes
from error to critical by that, not by its own repetition.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from dr_sim.recovery.commands import Command, RaiseAlert, Save
from dr_sim.recovery.limits import MINUTE_US, elapsed_us

SOURCE = "DR Log Replay"
MISSING, NO_NEW_LOGS, ERRORS, DAMAGED, NOT_RECOVERED, LEFT_BEHIND, WAITS, LAGGING = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
)
BACKUP_FAILED, WRITES_REFUSED, NO_ROOM = 9, 10, 11
NOT_FENCED, TWO_PRIMARIES, HEARD_AGAIN, NOTHING_HERE = 12, 13, 14, 15
CLOCKS_DIFFER = 16
FELL_SHORT = 17
WAITING = 18
NOT_PROTECTED = 19
SET_UP = 20
ONLY_WAY = 21

PROPERTIES_MISMATCH, HOLE, FILE_MISSING = 60002, 60004, 60005
"""dr_sim's own error numbers that the recovery manager gives itself; the others come with what it
is told.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_text(utc_us: int) -> str:
    """YYYY-MM-DDTHH:MM:SSZ, the second begun."""
    return (_EPOCH + timedelta(seconds=utc_us // 1_000_000)).strftime("%Y-%m-%dT%H:%M:%SZ")


def missing_text(
    database: str, last_log: str, path: str, minutes: int, number: int, message: str
) -> str:
    """Text (a). last_log: UTC time of the last restored log, as utc_text gives it."""
    return (
        f"For database [{database}] there is a missing transaction log between "
        f"[{last_log}] and transaction log "
        f"[{path}]. [{minutes}] minutes have passed since the last successful restore. "
        f"The SQL error provided while restoring is: {number} {message}"
    )


def no_new_logs_text(database: str, minutes: int) -> str:
    """Text (b)."""
    return (
        f"For database [{database}] no new transaction logs have been produced in the last "
        f"[{minutes}] minutes."
    )


def errors_text(database: str, path: str, minutes: int, number: int, message: str) -> str:
    """Text (c)."""
    return (
        f"Errors occurred for database [{database}] while restoring transaction log [{path}]. "
        f"[{minutes}] minutes have passed since the last successful restore. "
        f"The SQL error provided while restoring is: {number} {message}"
    )


def damaged_text(database: str, path: str, minutes: int, number: int, message: str) -> str:
    """Text of event 4."""
    return (
        f"For database [{database}] backup file [{path}] is damaged or missing and could "
        "not be copied again. "
        f"[{minutes}] minutes have passed since the last successful restore. The error "
        f"is: {number} {message}"
    )


def not_recovered_text(database: str, number: int, message: str) -> str:
    """Text of event 5."""
    return (
        f"Database [{database}] could not be recovered at the secondary. The SQL error "
        f"provided is: {number} {message}"
    )


def left_behind_text(database: str, on_their_way: int, here: int) -> str:
    """Text of event 6."""
    return (
        f"For database [{database}] the failover went on without [{on_their_way + here}] "
        f"files: [{on_their_way}] still on "
        f"their way, [{here}] here but damaged, refused or beyond a hole."
    )


def waits_text(database: str, names: int) -> str:
    """Text of event 7."""
    return (
        f"For database [{database}] the planned failover waits for [{names}] files that are "
        "still to come."
    )


def lagging_text(database: str, path: str, minutes: int) -> str:
    """Text of event 8."""
    return (
        f"For database [{database}] replay lags: transaction log [{path}] was restored "
        f"[{minutes}] minutes after it was finished."
    )


def clocks_differ_text(database: str, path: str, minutes: int) -> str:
    """Text of event 16. minutes: by which the primary's clock is ahead; negative if it is
    behind.
    """
    which = f"[{minutes}] minutes ahead of" if minutes >= 0 else f"[{-minutes}] minutes behind"
    return (
        f"For database [{database}] the primary's clock is {which} the clock here: set "
        "right the one that is wrong. "
        f"Until then the age of transaction log [{path}] cannot be told."
    )


def backup_failed_text(database: str, what: str, number: int, message: str) -> str:
    """Text of event 9. what: the kind of backup."""
    return (
        f"For database [{database}] the {what} backup failed at the primary. The SQL error "
        f"provided is: {number} {message}"
    )


def writes_refused_text(database: str, number: int, message: str) -> str:
    """Text of event 10."""
    return (
        f"For database [{database}] the primary refuses writes. The SQL error provided is: "
        f"{number} {message}"
    )


def no_room_text(database: str, path: str, minutes: int, number: int, message: str) -> str:
    """Text of event 11."""
    return (
        f"For database [{database}] there is no room at the secondary to restore backup "
        f"file [{path}]. "
        f"[{minutes}] minutes have passed since the last successful restore. "
        f"The SQL error provided while restoring is: {number} {message}"
    )


def only_way_text(database: str, names: int) -> str:
    """Text of event 21."""
    return (
        f"For database [{database}] nothing has been restored at the secondary: the "
        "failover waits beyond its limit for "
        f"[{names}] files that are the only way back."
    )


def fell_short_text(database: str, path: str, lsn: int, last_lsn: int) -> str:
    """Text of event 17."""
    return (
        f"For database [{database}] backup file [{path}] was restored without an error, "
        "but the database stands at "
        f"[{lsn}] and the file ends at [{last_lsn}]: what lies between is missing."
    )


def not_protected_text(database: str, minutes: int, first: bool) -> str:
    """Text of event 19. first: nothing has been restored yet since the secondary was put in place,
    [minutes] ago.
    """
    if first:
        return (
            f"Database [{database}] is not protected yet: no full backup of it has been "
            f"restored in the [{minutes}] "
            f"minutes since the secondary was put in place."
        )
    return (
        f"Database [{database}] is not protected: its copy at the secondary is lost. "
        f"[{minutes}] minutes have passed since the last successful restore."
    )


def set_up_text(database: str, path: str, minutes: int, number: int, message: str) -> str:
    """Text of event 20."""
    return (
        f"For database [{database}] the secondary is not set up for what backup file "
        f"[{path}] holds: somebody has to act. "
        f"[{minutes}] minutes have passed since the last successful restore. "
        f"The SQL error provided while restoring is: {number} {message}"
    )


def waiting_text(database: str, path: str, age: int, logs: int, minutes: int) -> str:
    """Text of event 18. age: minutes since the oldest log was finished; logs: how many wait."""
    return (
        f"For database [{database}] replay does not get on: [{logs}] backup files wait to "
        "be restored, the oldest "
        f"[{path}], which was finished [{age}] minutes ago. "
        f"[{minutes}] minutes have passed since the last successful restore."
    )


def not_fenced_text(reason: str) -> str:
    """Text of event 12."""
    return (
        f"The old primary could not be fenced: {reason}. If it is alive, two primaries may "
        "accept writes."
    )


def two_primaries_text(machine: str) -> str:
    """Text of event 13."""
    return (
        f"Machine [{machine}] of the old primary is heard again and was not fenced: two "
        "primaries may accept writes."
    )


def heard_again_text(goes_on: bool) -> str:
    """Text of event 14."""
    what = "goes on, for the old primary has been fenced" if goes_on else "is called off"
    return f"The machines of the primary are heard again: the failover {what}."


def nothing_here_text() -> str:
    """Text of event 15."""
    return (
        "The primary is silent, and no database has been restored at the secondary yet: there "
        "is nothing to fail over to."
    )


class AlertBook:
    """The alerts of one database ('': of the service) that are up now: by danger, when each was
    first raised.

    Dangers: 'chain' (events 1 and 3: replay is stuck), 'silence' (2), 'recover' (5), 'primary
    <what>' (9, 10), 'room' (11), 'short' (17), and one per damaged file (4).
    """

    __slots__ = ("begun", "critical_after_us", "database")

    def __init__(self, database: str, critical_after_us: int, saved: str) -> None:
        self.database = database
        self.critical_after_us = critical_after_us
        self.begun: dict[str, tuple[int, int]] = {}
        if saved:
            self.begun = {danger: (mono, utc) for danger, (mono, utc) in json.loads(saved).items()}

    def tell(
        self,
        mono_us: int,
        utc_us: int,
        danger: str,
        event_id: int,
        minutes: int,
        name: str,
        text: str,
        out: list[Command],
    ) -> None:
        """Raise it, or raise it again. The first time, its clock is made durable before anyone is
        told.
        """
        since = self.begun.get(danger)
        if since is None:
            since = self.begun[danger] = (mono_us, utc_us)
            out.append(self._save())
        lasted = elapsed_us(mono_us, utc_us, *since)
        level = "critical" if lasted >= self.critical_after_us else "error"
        out.append(RaiseAlert(SOURCE, self.database, event_id, level, minutes, name, text))

    def clear(self, danger: str, out: list[Command]) -> None:
        """Its condition has ended."""
        if danger in self.begun:
            del self.begun[danger]
            out.append(self._save())

    def _save(self) -> Save:
        return Save(
            f"alert/{self.database}",
            json.dumps(self.begun, ensure_ascii=False) if self.begun else "",
        )


def whole_minutes(us: int) -> int:
    return us // MINUTE_US
