"""The alerts of the recovery manager: their ids, their levels, and the durable clocks that survive
a restart (R12, R13). Their texts are in alert_texts.py.

An alert that is raised again keeps the instant at which its danger was first reported. Its level
goes from error to critical by the time since that instant, not by the number of repetitions.

A manager may die when the clock of a danger is durable, and before anyone is alerted. Most alerts
are raised again at the next retry. One that no retry repeats is stored with its clock until it has
been raised, and a manager that resumes raises what is stored. So it may be raised twice.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, replace

from dr_sim.machines import Command, Event, Save
from dr_sim.recovery.commands import Level, RaiseAlert
from dr_sim.recovery.replay.limits import elapsed_us
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
    # a failover continued without files: still on their way, or here and not to be restored
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
    # silent machines are heard again: the failover is called off, or continues
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
    PAGES_ROT = (
        27  # pages at the primary have rotted, with the engine's error
    )
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
    PRIMARY_PAGES = "primary pages"
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


LACKS_COPY = (Danger.ROOM, Danger.UNPROTECTED, Danger.SET_UP)
"""Dangers that are over when a copy is here and the logs lead on."""

MOMENTS = frozenset({Danger.HEARD_AGAIN, Danger.GOES_BACK})
"""News rather than dangers: over as soon as people are told."""


@dataclass(frozen=True, slots=True)
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

    begun: for each danger, when it was first reported, on both clocks. unraised: alerts that no
    retry repeats, and that an earlier incarnation may not have raised.
    """

    __slots__ = ("begun", "critical_after_us", "database", "unraised")

    def __init__(
        self, database: str, critical_after_us: int, saved: dict[str, str]
    ) -> None:
        """saved: the whole store."""
        self.database = database
        self.critical_after_us = critical_after_us
        self.begun: dict[str, tuple[int, int]] = {}
        self.unraised: dict[str, Message] = {}
        text = saved.get(self._key, "")
        if text:
            stored = read(self._key, text, _stored_from_text)
            self.begun, self.unraised = stored

    def tell(
        self, e: Event, danger: str, alert: Message, out: list[Command]
    ) -> None:
        """Raise the alert, or raise it again. The first time, its clock is made durable before
        anyone is alerted.
        """
        if danger not in self.begun:
            self.begun[danger] = (e.mono_us, e.utc_us)
            out.append(self._save())
        self._raise(e, danger, alert, out)

    def tell_once(
        self,
        e: Event,
        danger: str,
        alert: Message,
        out: list[Command],
        kept: str = "",
    ) -> None:
        """Raise an alert that no retry repeats: its content is durable until it has been raised.
        kept: what is stored in the place of its text, where that has words of an engine.
        """
        self.begun.setdefault(danger, (e.mono_us, e.utc_us))
        self.unraised[danger] = replace(alert, text=kept or alert.text)
        out.append(self._save())
        self.unraised[danger] = alert
        self._raise_unraised(e, out)

    def resume(self, e: Event, minutes: int, out: list[Command]) -> None:
        """Raise, after a restart, what the incarnation before may not have raised. minutes: whole
        minutes since the last successful restore, as of now.
        """
        for danger, alert in self.unraised.items():
            self.unraised[danger] = replace(alert, minutes=minutes)
        if self.unraised:
            self._raise_unraised(e, out)

    def reword(self, danger: str, text: str) -> None:
        """Have an alert that was not raised say that instead."""
        self.unraised[danger] = replace(self.unraised[danger], text=text)

    def _raise_unraised(self, e: Event, out: list[Command]) -> None:
        for danger, alert in self.unraised.items():
            self._raise(e, danger, alert, out)
            if danger in MOMENTS:
                del self.begun[danger]
        self.unraised.clear()
        out.append(self._save())

    def _raise(
        self, e: Event, danger: str, alert: Message, out: list[Command]
    ) -> None:
        since = self.begun[danger]
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
            self.unraised.pop(danger, None)
            del self.begun[danger]
            out.append(self._save())

    @property
    def _key(self) -> str:
        return f"alert/{self.database}"

    def _save(self) -> Save:
        if not self.begun:
            return Save(self._key, "")
        stored: dict[str, list[object]] = {}
        for danger, clocks in self.begun.items():
            stored[danger] = [*clocks]
            alert = self.unraised.get(danger)
            if alert is not None:
                stored[danger] += [int(alert.id), alert.text, alert.name]
        return Save(self._key, json.dumps(stored, ensure_ascii=False))


def _stored_from_text(
    text: str,
) -> tuple[dict[str, tuple[int, int]], dict[str, Message]]:
    begun, unraised = {}, {}
    for danger, values in of_type(json.loads(text), dict).items():
        mono_us, utc_us, *alert = of_type(values, list)
        begun[danger] = of_type(mono_us, int), of_type(utc_us, int)
        if alert:
            number, words, name = alert
            unraised[danger] = Message(
                AlertId(of_type(number, int)),
                0,
                of_type(words, str),
                of_type(name, str),
            )
    return begun, unraised
