"""The way on where no log leads on: the file that gets the database furthest, and the plan that is
being carried out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dr_sim.backups.chain import Fit, applies, forks_of, type_forks
from dr_sim.backups.model import finishing_order
from dr_sim.backups.plan import Plan, plan, plan_from_newest_full
from dr_sim.backups.target import Told
from dr_sim.recovery.config import OnHole
from dr_sim.recovery.files.file import FULL, INCREMENTAL, LOG, File
from dr_sim.recovery.replay.waiting import reached_utc_us

if TYPE_CHECKING:
    from dr_sim.backups.model import BackupHeader
    from dr_sim.recovery.replay.replay import DatabaseReplay

Candidate = tuple[File | None, bool]
"""The file to restore, and whether it takes the place of what is there."""

NONE: Candidate = (None, False)


def furthest_way(
    db: DatabaseReplay, headers: Sequence[BackupHeader]
) -> Plan:
    """Return the way that gets furthest. A copy may stand on a fork that the primary has left, and
    no log may be here that shows how the forks hang together. Then what the primary writes now is
    had from its newest full alone.
    """
    if not db.state.exists:
        return plan_from_newest_full(headers)
    told = Told(forks=known_forks(db, headers))
    way = plan(headers, db.state, told=told)
    fulls = [header for header in headers if header.kind is FULL]
    newest = max(fulls, key=finishing_order, default=None)
    if (
        newest is None
        or newest.fork == way.fork
        or newest.finished_utc_us <= reached_utc_us(db)
    ):
        return way
    return plan_from_newest_full(headers)


def known_forks(
    db: DatabaseReplay, here: Iterable[BackupHeader]
) -> type_forks:
    """Return what these headers and those in the primary's share, if it has been listed, tell of
    forks: a log that crosses a fork point may be damaged here, and what follows it is not.
    """
    there = db.fetching.there or {}
    return forks_of([*here, *there.values()])


class Ways:
    """The plan of a database. steps: names of the fulls and incrementals that are still to be
    restored, next first.
    """

    __slots__ = ("_db", "steps")

    def __init__(self, db: DatabaseReplay) -> None:
        self._db = db
        self.steps: list[str] = []

    # ---- the plan
    def drop(self) -> None:
        """Drop the plan, which does not work."""
        self.steps = []

    def stepped(self, name: str) -> None:
        """Continue to the next step if the restored full or incremental was the plan's."""
        self.steps = (
            self.steps[1:] if self.steps and self.steps[0] == name else []
        )

    def next_step(self, mono_us: int) -> File | None:
        """Return the next step of the plan, unless it has become useless."""
        db = self._db
        file = db.files.get(self.steps[0])
        if (
            file is not None
            and file.ready(mono_us)
            and self._due([file], mono_us)
        ):
            header = file.header
            if header is not None and self.fits(header):
                return file
        self.steps = []
        return None

    def fits(self, header: BackupHeader) -> bool:
        """Return whether the engine would take this full or incremental now."""
        return self.fit(header) is Fit.APPLIES

    def fit(self, header: BackupHeader) -> Fit:
        """Return what the engine would say to this full or incremental now. An incremental of a
        later fork names its own fork alone: how that hangs on this copy's is known from the logs.
        """
        state = self._db.state
        if header.fork == state.fork:
            return applies(header, state)
        here = [
            other
            for file in self._db.files.values()
            if (other := file.header) is not None
        ]
        return applies(header, state, known_forks(self._db, here))

    # ---- the way past
    def candidate(self, mono_us: int) -> Candidate:
        """Return the file that gets the database on where no log does. A log that applies, and that
        a way would begin with, waits on purpose: for its delay, or for the job's hour.
        """
        found = self._candidate(mono_us)
        file = found[0]
        return NONE if file is not None and file.kind is LOG else found

    def _candidate(self, mono_us: int) -> Candidate:
        db = self._db
        if (
            not db.state.exists
            or db.drain is not None
            or not db.config.log_interval_us
        ):
            return self._by_plan(mono_us, db.state.redo_lsn + 1)
        policy, goal = db.repair.policy, self.goal()
        if policy is OnHole.BRIDGE:
            return self._bridge(mono_us, goal)
        if policy is OnHole.SKIP_AHEAD:
            return self._by_plan(mono_us, goal)
        return self._full_past(mono_us, goal)

    def goal(self) -> int:
        """Return the LSN that must be reached for the chain to continue: where the first log that
        waits begins; where replay has yet to come to the hole, the first one behind that.
        """
        db = self._db
        stuck = db.watch.stuck
        past_lsn = db.state.redo_lsn
        if stuck is not None and db.watch.hole_is_ahead:
            past_lsn = stuck.stuck_lsn
        beyond = [
            h.first_lsn
            for f in db.files.pending
            if (h := f.header) is not None and h.first_lsn > past_lsn
        ]
        refused = [
            h.last_lsn
            for f in db.files.pending
            if f.refused and (h := f.header) is not None
        ]
        return min(beyond + refused, default=db.state.redo_lsn + 1)

    def bridges(self, header: BackupHeader) -> bool:
        """Return whether that incremental leads over the hole."""
        return header.last_lsn >= self.goal() and self.fits(header)

    def leads_past(self, mono_us: int) -> bool:
        """Return whether the files here lead past the place, even if over another full."""
        return self._by_plan(mono_us, self.goal())[0] is not None

    def _bridge(self, mono_us: int, goal: int) -> Candidate:
        """Return the smallest incremental over the hole."""
        db = self._db
        fits = [
            (header.nominal_bytes, file.name)
            for file in db.files.values()
            if file.kind is INCREMENTAL
            and file.ready(mono_us)
            and (header := file.header) is not None
            and header.last_lsn >= goal
            and self.fits(header)
        ]
        return (db.files[min(fits)[1]], False) if fits else NONE

    def _full_past(self, mono_us: int, goal: int) -> Candidate:
        """Return the full that was asked for, or any other that lies past the place."""
        db = self._db
        asked_for, fork = db.repair.name, db.state.fork
        fulls = [
            (file.name == asked_for, header.last_lsn, file.name)
            for file in db.files.values()
            if file.kind is FULL
            and file.ready(mono_us)
            and (header := file.header) is not None
            and (
                file.name == asked_for
                or (header.fork == fork and header.last_lsn >= goal)
            )
        ]
        return (db.files[max(fulls)[2]], True) if fulls else NONE

    def _by_plan(self, mono_us: int, goal: int) -> Candidate:
        """Return the first step of the way that gets furthest; one that does not start over is
        preferred if it gets past the place too.
        """
        db = self._db
        if db.state.exists and not self._anything_ahead(mono_us):
            return NONE
        usable = [
            f
            for f in db.files.values()
            if f.header is not None and f.ready(mono_us)
        ]
        by_id = {
            f.header.backup_id: f
            for f in self._due(usable, mono_us)
            if f.header is not None
        }
        headers = [
            file.header
            for file in by_id.values()
            if file.header is not None
        ]
        way = self._way(headers, goal)
        if not way.steps or not self._passes(way, goal):
            return NONE
        self.steps = [
            by_id[step.backup_id].name
            for step in way.steps
            if step.kind is not LOG
        ]
        first = by_id[way.steps[0].backup_id]
        return first, first.kind is FULL and db.state.exists

    def _way(self, headers: list[BackupHeader], goal: int) -> Plan:
        state = self._db.state
        if state.exists:
            way = plan(
                [header for header in headers if header.kind is not FULL],
                state,
                told=Told(forks=known_forks(self._db, headers)),
            )
            if way.steps and self._passes(way, goal):
                return way
        return furthest_way(self._db, headers)

    def _due(self, files: list[File], mono_us: int) -> list[File]:
        """Return the files that bring the copy no further than it may go. A failover that stops
        before an instant takes no full or incremental that ends later. A copy that is rebuilt keeps
        its replay delay: files that are not old enough yet are left to the logs, unless there is no
        older full.
        """
        db = self._db
        stop_utc_us = db.stop_before_utc_us
        if stop_utc_us:
            files = [
                f
                for f in files
                if f.kind is LOG or f.modified_utc_us <= stop_utc_us
            ]
        if not db.rules.delay_us or db.state.exists or db.drain is not None:
            return files
        due = [
            f for f in files if f.kind is LOG or f.due_mono_us <= mono_us
        ]
        return due if any(f.kind is FULL for f in due) else files

    def _anything_ahead(self, mono_us: int) -> bool:
        """Return whether a full or an incremental ends past the position. Where no log applies, a
        way past needs one. Planning takes some 20 microseconds for each file, and while a repair
        waits it is done at every event.
        """
        state = self._db.state
        return any(
            file.kind is not LOG
            and file.ready(mono_us)
            and (header := file.header) is not None
            and (
                header.last_lsn > state.redo_lsn
                or header.fork != state.fork
            )
            for file in self._db.files.values()
        )

    def _passes(self, way: Plan, goal: int) -> bool:
        state = self._db.state
        if way.reaches is None or not state.exists:
            return way.reaches is not None
        return way.reaches[0] != state.fork or way.reaches[1] >= goal
