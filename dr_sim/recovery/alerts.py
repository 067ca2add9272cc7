"""The alerts of the recovery manager: their ids, their levels, and the durable clocks that survive
a restart (R12, R13). Their texts are in alert_texts.py.

An alert that is raised again keeps the instant at which its danger was first reported. Its level
goes from error to critical by the time since that instant, not by the number of repetitions.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass

from dr_sim.machines import Command, Event, Save
from dr_sim.recovery.commands import Level, RaiseAlert
from dr_sim.recovery.limits import elapsed_us
from dr_sim.recovery.saved import of_type, read

SOURCE = "DR Log Replay"

PROPERTIES_MISMATCH, HOLE, FILE_MISSING = 60002, 60004, 60005
"""Error numbers of dr_sim that the recovery manager assigns itself; all others come with the
events.
"""


class AlertId(enum.IntEnum):
    """Event ids of the source `DR Log Replay`, as docs/alerts.md lists them."""

    MISSING = 1  # a log is missing from the chain (text a)
    NO_NEW_LOGS = 2  # no new logs have been produced (text b)
    ERRORS = 3  # a log could not be restored or validated (text c)
    # a full or incremental, or a file kept for later, is damaged or missing for good
    DAMAGED = 4
    NOT_RECOVERED = 5  # a database could not be recovered in a failover
    # a failover went on without files: still on their way, or here and not to be restored
    LEFT_BEHIND = 6
    WAITS = (
        7  # a planned failover waits for files that it would otherwise lose
    )
    LAGGING = (
        8  # logs are restored, but later than the age limit, and that lasts
    )
    BACKUP_FAILED = 9  # at the primary, with the engine's error
    WRITES_REFUSED = 10  # by the primary, with the engine's error
    NO_ROOM = 11  # a full does not fit on the disk here
    NOT_FENCED = 12  # it is not certain that the old primary has stopped
    TWO_PRIMARIES = (
        13  # one that was not fenced is heard again after the failover
    )
    # silent machines are heard again: the failover is called off, or goes on
    HEARD_AGAIN = 14
    NOTHING_HERE = (
        15  # the primary is silent, and nothing has been restored here yet
    )
    CLOCKS_DIFFER = 16  # the clocks of the two sides differ, so the ages of logs mean nothing
    FELL_SHORT = (
        17  # a backup was restored without an error, but not to its end
    )
    WAITING = 18  # logs that have landed wait, the oldest for longer than the age limit
    NOT_PROTECTED = 19  # there is no restored copy: its first full has not come, or it is lost
    SET_UP = 20  # a full or incremental is refused until somebody sets up the secondary
    ONLY_WAY = 21  # a failover waits beyond its limit for the only way back to a database
    OVERDUE = 22  # no full or incremental of a database without logs has come as scheduled
    LANDED_LATE = 23  # logs land later than they should, where none is restored at once
    GOES_BACK = 25  # a failover is left, and the old primary that it stopped serves again
    NOT_UNFENCED = 26  # that primary does not serve again yet
    FULL_OVERDUE = 24  # no full has come to a store as scheduled, while other backups have


class Danger(enum.StrEnum):
    """The dangers that people are alerted to for as long as they last. A damaged file is one more
    danger, identified by its name.
    """

    CHAIN = "chain"
    SILENCE = "silence"
    OVERDUE = "overdue"
    FULL_OVERDUE = "full overdue"
    LAG = "lag"
    LANDING = "landing"
    CLOCK = "clock"
    SHORT = "short"
    ROOM = "room"
    SET_UP = "set-up"
    UNPROTECTED = "unprotected"
    NO_WHOLE_FULL = "no whole full"
    NO_WHOLE_INCREMENTAL = "no whole incremental"
    PRIMARY_FULL = "primary full"
    PRIMARY_INCREMENTAL = "primary incremental"
    PRIMARY_LOG = "primary log"
    PRIMARY_WRITES = "primary writes"
    NOT_RECOVERED = "recover"
    LEFT_BEHIND = "left behind"
    ONLY_WAY = "only way"
    # of the service as a whole
    FENCE = "fence"
    TWO_PRIMARIES = "two primaries"
    HEARD_AGAIN = "heard again"
    NOTHING_HERE = "nothing here"
    GOES_BACK = "goes back"
    NOT_UNFENCED = "not unfenced"


@dataclass(slots=True)
class Message:
    """The content of an alert. minutes: whole minutes since the last successful restore (R12);
    name: the file concerned, '' if none.
    """

    id: AlertId
    minutes: int
    text: str
    name: str = ""


class AlertBook:
    """The alerts of one database ('': of the service) that are up now.

    begun: for each danger, when it was first reported, on both clocks.
    """

    __slots__ = ("begun", "critical_after_us", "database")

    def __init__(
        self, database: str, critical_after_us: int, saved: dict[str, str]
    ) -> None:
        """saved: the whole store."""
        self.database = database
        self.critical_after_us = critical_after_us
        self.begun: dict[str, tuple[int, int]] = {}
        text = saved.get(self._key, "")
        if text:
            self.begun = read(self._key, text, _begun_from_text)

    def tell(
        self, e: Event, danger: str, alert: Message, out: list[Command]
    ) -> None:
        """Raise the alert, or raise it again. The first time, its clock is made durable before
        anyone is alerted.
        """
        since = self.begun.get(danger)
        if since is None:
            since = self.begun[danger] = (e.mono_us, e.utc_us)
            out.append(self._save())
        lasted_us = elapsed_us(e.mono_us, e.utc_us, *since)
        level = (
            Level.CRITICAL
            if lasted_us >= self.critical_after_us
            else Level.ERROR
        )
        out.append(
            RaiseAlert(
                SOURCE,
                self.database,
                alert.id,
                level,
                alert.minutes,
                alert.name,
                alert.text,
            )
        )

    def over(self, danger: str, out: list[Command]) -> None:
        """Record that the danger has ended."""
        if danger in self.begun:
            del self.begun[danger]
            out.append(self._save())

    @property
    def _key(self) -> str:
        return f"alert/{self.database}"

    def _save(self) -> Save:
        return Save(
            self._key,
            json.dumps(self.begun, ensure_ascii=False)
            if self.begun
            else "",
        )


def _begun_from_text(text: str) -> dict[str, tuple[int, int]]:
    begun = {}
    for danger, clocks in of_type(json.loads(text), dict).items():
        mono_us, utc_us = of_type(clocks, list)
        begun[danger] = of_type(mono_us, int), of_type(utc_us, int)
    return begun
