"""Fulls and incrementals that no copy makes complete: reported at every retry, and requested again.

A full may be damaged or missing at its source, or it ran without an error but holds nothing.
Another copy of the file does not help then. The next backup may be a day or a week away, so another
one of its kind is requested at once. An alert reports the missing backup and becomes critical
(event 4), until a later one of that kind, or a full, is here and complete. If the new one is no
better, it is requested again an hour later. While a repair runs, the repair requests what it needs
itself. Where incrementals stand on each other, the next one would stand on the lost one: then a
full is requested in its place (bases.py). A full whose pages have rotted is requested again after
waits that grow (rotten.py).

When the primary has taken such a backup is durable, so a restart does not request another one while
that one is on its way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind
from dr_sim.machines import Command, Event, Save
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.commands import TakeBackup
from dr_sim.recovery.files.bases import can_be_restored, leads_past
from dr_sim.recovery.files.file import FULL, File
from dr_sim.recovery.replay.limits import MINUTE_US, elapsed_us
from dr_sim.recovery.saved import of_type, read

if TYPE_CHECKING:
    from dr_sim.backups.model import BackupHeader
    from dr_sim.recovery import events
    from dr_sim.recovery.replay.replay import DatabaseReplay

AGAIN_US = 60 * MINUTE_US
"""The time between two requests that bring nothing (assumed: a full keeps the primary's disk busy
for minutes to an hour).
"""


@dataclass(frozen=True, slots=True)
class _Taken:
    """Records when the primary had taken a backup, on both clocks, for how long it may be on its
    way, and its name.
    """

    mono_us: int
    utc_us: int
    after_us: int
    name: str


def _stored(text: str) -> dict[Kind, _Taken]:
    found = of_type(json.loads(text), dict)
    return {
        Kind(int(kind)): _taken(of_type(each, list))
        for kind, each in found.items()
    }


def _taken(values: list[object]) -> _Taken:
    *numbers, name = values
    mono_us, utc_us, after_us = (of_type(each, int) for each in numbers)
    return _Taken(mono_us, utc_us, after_us, of_type(name, str))


class Remake:
    """Backups that are to be taken again. lost: by kind, the newest file that cannot be had."""

    __slots__ = (
        "_asked",
        "_db",
        "_full_after_us",
        "_key",
        "_retry_at_us",
        "_taken",
        "lost",
    )

    def __init__(self, db: DatabaseReplay, saved: dict[str, str]) -> None:
        self._db = db
        self.lost: dict[Kind, File] = {}
        self._retry_at_us: dict[Kind, int] = {}  # when it is reported again
        self._asked: set[Kind] = (
            set()
        )  # kinds that were asked for and are being taken
        self._full_after_us = AGAIN_US  # how long a full may be on its way
        self._key = f"remake/{db.name}"
        text = saved.get(self._key, "")
        # the last one of each kind that was taken; until then none is asked for again
        self._taken: dict[Kind, _Taken] = (
            read(self._key, text, _stored) if text else {}
        )

    @property
    def full(self) -> str:
        """Return the name of the full that was taken last, as asked for here; '' if none."""
        taken = self._taken.get(FULL)
        return "" if taken is None else taken.name

    def retries(self) -> list[int]:
        """Return when something is reported again."""
        return [self._retry_at_us[kind] for kind in self.lost]

    def gave_up(self, file: File, e: Event, out: list[Command]) -> None:
        """Record that no copy of that full or incremental will ever be whole."""
        kind = file.kind
        self._full_after_us = AGAIN_US
        if kind not in self.lost:
            telling.tell_damaged(self._db, file, e, out)
            self._retry_at_us[kind] = e.mono_us + self._db.rules.retry_us
        if (
            kind not in self.lost
            or self.lost[kind].modified_utc_us <= file.modified_utc_us
        ):
            self.lost[kind] = file
        self._ask(kind, e, out)

    def retry(self, e: Event, out: list[Command]) -> None:
        """Report it again, and ask again if it is time."""
        for kind, file in self.lost.items():
            if self._retry_at_us[kind] <= e.mono_us:
                self._retry_at_us[kind] = (
                    e.mono_us + self._db.rules.retry_us
                )
                telling.tell_damaged(self._db, file, e, out)
                self._ask(kind, e, out)

    def _ask(self, kind: Kind, e: Event, out: list[Command]) -> None:
        db, lost = self._db, self.lost.get(kind)
        if lost is not None:
            kind = leads_past(db, lost)
        another_asks = db.repair.on or db.drain is not None
        too_early = kind in self._asked or self._is_coming(kind, e)
        if kind is FULL and not db.rotten.may_ask(e):
            return
        if another_asks or db.machine_silent or too_early:
            return
        self._asked.add(kind)
        out.append(TakeBackup(db.name, kind))

    def _is_coming(self, kind: Kind, e: Event) -> bool:
        """Return whether one that was taken may be on its way still."""
        taken = self._taken.get(kind)
        if taken is None:
            return False
        since_us = elapsed_us(
            e.mono_us, e.utc_us, taken.mono_us, taken.utc_us
        )
        return since_us < taken.after_us

    def ask_for_full(
        self, e: Event, after_us: int, out: list[Command]
    ) -> None:
        """Ask for a full: what has come stands on a backup that is not here. after_us: how long the
        full may be on its way.
        """
        self._full_after_us = max(AGAIN_US, after_us)
        self._ask(Kind.FULL, e, out)

    def taken(self, e: events.BackupTaken, out: list[Command]) -> None:
        """Note that the primary has taken a backup that was asked for here."""
        if e.kind in self._asked:
            self._asked.discard(e.kind)
            after_us = AGAIN_US
            if e.kind is Kind.FULL:
                after_us = self._full_after_us
            taken = _Taken(e.mono_us, e.utc_us, after_us, e.name)
            self._taken[e.kind] = taken
            self._save(out)

    def _save(self, out: list[Command]) -> None:
        values = {
            int(kind): [of.mono_us, of.utc_us, of.after_us, of.name]
            for kind, of in self._taken.items()
        }
        out.append(Save(self._key, json.dumps(values) if values else ""))

    def failed(self, e: events.BackupFailed) -> None:
        """Ask for it again at the next retry."""
        self._asked.discard(e.kind)

    def validated(
        self, kind: Kind, header: BackupHeader, out: list[Command]
    ) -> None:
        """Note that a backup of that kind is here and whole: what was lost before it is not needed
        any more. One that stands on a backup that is not here is of no use.
        """
        if kind in self.lost and not can_be_restored(self._db, header):
            return
        came = False
        for each in (
            (Kind.FULL, Kind.INCREMENTAL) if kind is Kind.FULL else (kind,)
        ):
            file = self.lost.get(each)
            if (
                file is None
                or file.modified_utc_us <= header.finished_utc_us
            ):
                self.lost.pop(each, None)
                came |= self._taken.pop(each, None) is not None
                self._db.alerts.over(telling.no_whole(each), out)
        if came:
            self._save(out)
