"""Fulls and incrementals that no copy makes whole: told of at every retry, and asked for anew.

A full that is damaged at its source, missing there, or that ran without an error and holds nothing,
cannot be had by copying it again. The next one may be a day or a week away, so another of its kind
is asked for at once, and its absence is an alert that grows (event 4) until a later one of that
kind, or a full, is here and whole. If the one that was asked for is no better, it is asked for
again an hour later. While a repair is on, that asks for what it needs itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.recovery import events
from dr_sim.recovery.commands import Command, TakeBackup
from dr_sim.recovery.files import FULL, INCREMENTAL, LOST, File
from dr_sim.recovery.limits import MINUTE_US

if TYPE_CHECKING:
    from dr_sim.backups.model import BackupHeader
    from dr_sim.recovery.replay import DatabaseReplay

AGAIN_US = 60 * MINUTE_US
"""Between two requests that bring nothing (assumed: a full keeps the primary's disk busy for
minutes to an hour).
"""


class Remake:
    """lost: by kind, the newest file that cannot be had; retry_at_us: by kind, when it is told of
    again; asked: kinds that are being taken; ask_at_us: by kind, when it may be asked for again.
    """

    __slots__ = ("ask_at_us", "asked", "db", "lost", "retry_at_us")

    def __init__(self, db: DatabaseReplay) -> None:
        self.db = db
        self.lost: dict[int, File] = {}
        self.retry_at_us: dict[int, int] = {}
        self.asked: set[int] = set()
        self.ask_at_us: dict[int, int] = {}

    def give_up(self, file: File, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """No copy of that full or incremental will ever be whole."""
        file.state = LOST
        kind = file.kind
        if kind not in self.lost:
            self.db.watch.tell_damaged(mono_us, utc_us, file, out)
            self.retry_at_us[kind] = mono_us + self.db.rules.retry_us
        if kind not in self.lost or self.lost[kind].modified_utc_us <= file.modified_utc_us:
            self.lost[kind] = file
        self._ask(kind, mono_us, out)

    def retry(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Tell of it again, and ask again if it is time."""
        for kind, file in self.lost.items():
            if self.retry_at_us[kind] <= mono_us:
                self.retry_at_us[kind] = mono_us + self.db.rules.retry_us
                self.db.watch.tell_damaged(mono_us, utc_us, file, out)
                self._ask(kind, mono_us, out)

    def _ask(self, kind: int, mono_us: int, out: list[Command]) -> None:
        db = self.db
        if (
            db.repair.policy
            or db.drain is not None
            or db.machine_silent
            or kind in self.asked
            or mono_us < self.ask_at_us.get(kind, 0)
        ):
            return
        self.asked.add(kind)
        out.append(TakeBackup(db.name, kind))

    def taken(self, e: events.BackupTaken) -> None:
        if e.kind in self.asked:
            self.asked.discard(e.kind)
            self.ask_at_us[e.kind] = e.mono_us + AGAIN_US

    def failed(self, e: events.BackupFailed) -> None:
        """Asked for again at the next retry."""
        self.asked.discard(e.kind)

    def validated(self, kind: int, header: BackupHeader, out: list[Command]) -> None:
        """A backup of that kind is here and whole: what was lost before it is needed no more."""
        for each in (FULL, INCREMENTAL) if kind == FULL else (kind,):
            file = self.lost.get(each)
            if file is None or file.modified_utc_us <= header.finished_utc_us:
                self.lost.pop(each, None)
                self.ask_at_us.pop(each, None)
                self.db.alerts.clear(danger_of(each), out)


def danger_of(kind: int) -> str:
    """One danger a kind: an empty full after another is one danger that lasts."""
    return f"no whole {'full' if kind == FULL else 'incremental'}"
