"""Files that are kept: hashed again from time to time (R6), and deleted when nothing needs them
(R18).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from dr_sim.backups.plan import plan
from dr_sim.backups.retention import Shelf, Stored, prunable
from dr_sim.recovery import landing
from dr_sim.recovery.commands import Command, Delete, Save, SetAlarm, Validate
from dr_sim.recovery.files import BAD, FULL, LOG, LOST, UNKNOWN, VALID, File
from dr_sim.recovery.limits import DAY_US, next_multiple_us

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay


class Keeping:
    """shelf: the files that are whole; spoilt when one of them is so no longer. torn: those of the
    others that are known of; what is on neither is found by looking at each file.
    """

    __slots__ = ("db", "shelf", "torn")

    def __init__(self, db: DatabaseReplay) -> None:
        self.db = db
        self.shelf = Shelf()
        self.torn: list[File] = []

    def begin(self, mono_us: int, out: list[Command]) -> None:
        """Alarms stand at whole multiples of the monotonic clock, so a restart moves none."""
        every_us = self.db.rules.reverify_us
        if every_us:
            out.append(SetAlarm(self.db.name, "reverify", next_multiple_us(mono_us + 1, every_us)))
        out.append(SetAlarm(self.db.name, "prune", next_multiple_us(mono_us + 1, DAY_US)))

    def reverify(self, mono_us: int, out: list[Command]) -> None:
        """Hash again what a restore would need: what waits, and the newest full with all that
        follows it.
        """
        db = self.db
        every_us = db.rules.reverify_us
        out.append(SetAlarm(db.name, "reverify", next_multiple_us(mono_us + 1, every_us)))
        names = {file.name for file in db.pending if file.state == VALID}
        whole = {
            f.header.backup_id: f
            for f in db.files.values()
            if f.state == VALID and f.header is not None
        }
        headers = [file.header for file in whole.values() if file.header is not None]
        fulls = [(h.finished_utc_us, h.backup_id, h.fork) for h in headers if h.kind == FULL]
        if fulls:
            names.update(
                whole[step.backup_id].name for step in plan(headers, fork=max(fulls)[2]).steps
            )
        out.extend(Validate(db.name, name) for name in sorted(names))

    def prune(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Delete what is older than the retention and needed by no chain that is kept; the counters
        go with the files. Old files whose headers a restart has lost are looked into first, and go
        the next time.
        """
        db = self.db
        out.append(SetAlarm(db.name, "prune", next_multiple_us(mono_us + 1, DAY_US)))
        if db.drain is not None:
            return  # what lies here may be the way back
        retention_us = db.config.retention_us
        old_us = utc_us - retention_us
        names = None
        torn = self.torn = [f for f in self.torn if db.files.get(f.name) is f and f.state != VALID]
        if len(self.shelf) + len(torn) == len(db.files) and not any(
            f.state == UNKNOWN for f in torn
        ):
            names = self.shelf.prunable(utc_us, retention_us, db.config.keep_fulls, db.state)
        if names is None:
            names = self._look_at_each(utc_us, old_us, out)
        useless = [
            f
            for f in self.torn
            if f.modified_utc_us < old_us and (f.state == LOST or (f.done and f.state == BAD))
        ]
        names += [f.name for f in sorted(useless, key=File.age_order)]
        self._delete([
            file for file in map(db.files.__getitem__, names)
            if file is not db.restoring and (file.done or file.kind != LOG or file.state == LOST)
        ], out)  # fmt: skip

    def _look_at_each(self, utc_us: int, old_us: int, out: list[Command]) -> list[str]:
        db = self.db
        if any(f.state == UNKNOWN and f.modified_utc_us < old_us for f in db.files.values()):
            landing.look_into_unknown(db, out, old_us)
        self.torn = [f for f in db.files.values() if f.state != VALID or f.header is None]
        whole = cast(
            list[Stored],
            [f for f in db.files.values() if f.state == VALID and f.header is not None],
        )
        if not self.shelf.usual or len(self.shelf) != len(whole):
            self.shelf = Shelf.of(whole)
            names = self.shelf.prunable(utc_us, utc_us - old_us, db.config.keep_fulls, db.state)
            if names is not None:
                return names
        return prunable(whole, utc_us, utc_us - old_us, db.config.keep_fulls, db.state)

    def _delete(self, files: list[File], out: list[Command]) -> None:
        db = self.db
        database, cleared = db.name, bool(db.alerts.begun)
        for file in files:
            name = file.name
            del db.files[name]
            db.bad.pop(name, None)
            out.append(Delete(database, name))
            if file.attempts:
                out.append(Save(f"attempts/{database}/{name}", ""))
            if file.kind != LOG:
                out.append(Save(f"header/{database}/{name}", ""))
            if cleared:
                db.alerts.clear(name, out)
        self.shelf.remove(*[file.name for file in files])
