"""Restores that hang in a failover: people are alerted, and at last the restore is ended, so that
the failover continues (R12, R15).

Theory of operation. Everything that has landed is replayed, however long that takes; but one
restore that never ends would hold the service down for ever. From the drain's limit on, the
restores under way are looked at at every retry. One that lasts for longer than an age limit is
reported (event 18). One that has lasted for longer than `restore_limit` hangs: its session is
ended, which leaves the database where it stood. The restore is tried once more, as its obstacle may
be gone, this time for no longer than the drain's limit. If it hangs again, its content stays behind
and is reported. The restore of a full is never ended: it would leave nothing that could be brought
online. A restore that waits for a worker does not hang: its time begins when it gets one. A planned
failover loses nothing, so it ends no restore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event, SetAlarm
from dr_sim.recovery import events
from dr_sim.recovery.commands import EndRestore
from dr_sim.recovery.files.file import FULL
from dr_sim.recovery.replay.limits import age_us
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.config import FailoverConfig
    from dr_sim.recovery.files.file import File
    from dr_sim.recovery.replay.replay import DatabaseReplay

NEVER_BEGUN_US = -1


class Hanging:
    """Restores that take long."""

    __slots__ = ("_config", "_databases", "_retry_us", "_waits_since")

    def __init__(
        self,
        databases: dict[str, DatabaseReplay],
        config: FailoverConfig,
        retry_us: int,
    ) -> None:
        self._databases = databases
        self._config = config
        self._retry_us = retry_us
        # by database, the file that waits for a worker, and when it was first seen to
        self._waits_since: dict[str, tuple[str, int]] = {}

    def look(self, e: Event, out: list[Command]) -> None:
        """Look at the restores after the drain's limit, and at every retry while anything is being
        restored.
        """
        unfinished = False
        for name, db in self._databases.items():
            if db.drain is None or db.promoted or db.drain.idle():
                continue
            unfinished = True
            file = db.files.in_hand
            if file is not None:
                begun_before_us = NEVER_BEGUN_US
                if file.kind is not FULL:
                    begun_before_us = e.mono_us - self._limit_of(db, file)
                out.append(
                    EndRestore(
                        name,
                        file.name,
                        max(NEVER_BEGUN_US, begun_before_us),
                    )
                )
        if unfinished:
            out.append(
                SetAlarm("", Timer.HANGS, e.mono_us + self._retry_us)
            )

    def _limit_of(self, db: DatabaseReplay, file: File) -> int:
        """Return how long the file's restore may last: less when it is tried again."""
        ended = db.drain is not None and file.name in db.drain.ended
        return (
            self._config.drain_limit_us
            if ended
            else self._config.restore_limit_us
        )

    def goes_on(
        self, e: events.RestoreGoesOn, out: list[Command]
    ) -> File | None:
        """Note that a restore has not lasted long enough, or waits for a worker. Return the
        file to report if it takes longer than an age limit.
        """
        db = self._databases[e.database]
        file = db.files.in_hand
        if file is None or file.name != e.name or db.drain is None:
            return None
        since_us = e.begun_mono_us
        if since_us < 0:
            seen, since_us = self._waits_since.get(db.name, ("", e.mono_us))
            since_us = since_us if seen == file.name else e.mono_us
            self._waits_since[db.name] = file.name, since_us
        elif file.kind is not FULL:
            ends_us = since_us + self._limit_of(db, file) + 1
            if e.mono_us < ends_us < e.mono_us + self._retry_us:
                out.append(SetAlarm("", Timer.HANGS, ends_us))
        old = (
            age_us(e.mono_us, e.utc_us, since_us, e.utc_us)
            >= db.rules.age_us
        )
        return file if old else None
