"""The independent oracle: it knows every commit and every file, and checks the recovery logic
against them.

The world reports the truth to it as it happens (witnessed.py). It shares no code with recovery/ or
with the chain logic and never speaks to them. After each restore and promotion the database's own
reading must be the mark of a prefix of the primary's history along its forks
(dr_sim/engines/commits.py); before each hand-over the read counter must have gone up. All rules,
and what breaks them, are in laws.py: the witness notes what happened, after it has asked them. A
broken rule is a Violation and a truth.violation row: a bug has been found.

The witness also reports what would survive a failure now (survival.py), in a truth.survivable row
each time that this changes. A failure of class 'database' loses nothing as long as the log
continues from where the files end. So that quiet logs cost no extra row, that class has rows only
while the log does not continue, and one row (no commit lacking, -1) when it does again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.engines.commits import MASK, rot
from dr_sim.oracle.laws import (
    BesideSeen,
    BrokenLaw,
    PromotionSeen,
    RestoreSeen,
    broken_by_copying_back,
    broken_by_failed_restore,
    broken_by_hand_over,
    broken_by_promotion,
    broken_by_restore,
)
from dr_sim.oracle.quiet_logs import (
    delete_unnoticed,
    hold_as_runs,
    is_quiet,
    take_quiet_logs,
)
from dr_sim.oracle.survival import Branch, History, WitnessedReading
from dr_sim.oracle.surviving import Front, SurvivingFile
from dr_sim.oracle.witnessed import (
    Carried,
    HandOver,
    LastOfStretch,
    Lineage,
    WitnessedLogs,
)

_FULL, _LOG = Kind.FULL, Kind.LOG


@dataclass(slots=True)
class Violation:
    time_us: int
    db: int
    invariant: str  # a key of laws.INVARIANTS
    detail: str


class Witness:
    """The oracle of one run: see the module. Instants are microseconds since the scenario's start;
    databases and files are given by their indexes.

    emit(kind name, time_us, db, values) writes a record. ack_instant(db, fork, commits) is the
    instant at which commit number `commits` of that fork's history is acknowledged: the first one
    that a survivor with that many commits lacks. validated: files are validated before they are
    restored. If not, the engine's handling of damaged files is no bug of the recovery logic: it
    shows in the content of a promoted database (truth.silent_recovery). links: incrementals may be
    based on incrementals (PostgreSQL's rule). forgets: old files are forgotten once newer fulls are
    intact on both sides; not so where somebody may order to go back to an instant before those.
    """

    def __init__(
        self,
        database_names: list[str],
        emit: Callable[[str, int, int, tuple[int | str, ...]], object],
        ack_instant: Callable[[int, int, int], int],
        validated: bool = True,
        links: bool = False,
        forgets: bool = True,
    ) -> None:
        self.violations: list[Violation] = []
        self._databases = [
            History(i, name, self._show, links)
            for i, name in enumerate(database_names)
        ]
        self._emit = emit
        self._ack_instant = ack_instant
        self._validated = validated
        self._forgets = forgets

    # ---- files
    def made(
        self, t: int, db: int, file: int, header: BackupHeader, commits: int
    ) -> None:
        """Record that a backup is finished and whole in the primary's share. After a promotion the
        old primary's backups do not count, nor does a backup of a fork that the primary is not on
        (a rehearsal's, for example): it is not part of this history.
        """
        d = self._databases[db]
        f = _of_this_history(d, file, header, commits)
        if f is None:
            return
        d.lies_somewhere(f)
        if f.kind is not _LOG:
            if f.kind is _FULL and not f.copy_only:
                d.bases.append(f)
        elif not f.copy_only and f.last_lsn > d.log_lsn:
            d.log_lsn = f.last_lsn
        d.usable(t, d.host, f)
        if d.log_follows() is not d.log_whole:
            self._log_turned(t, d)

    def made_rotten(
        self, db: int, file: int, header: BackupHeader, commits: int
    ) -> None:
        """Record that a full is finished that holds pages which have rotted at the primary. No
        database that is restored from it is the primary's history.
        """
        d = self._databases[db]
        f = _of_this_history(d, file, header, commits)
        if f is not None:
            f.primary, f.rotten = False, True

    def rot_is_known(self, db: int) -> None:
        """Record that people have said which fulls hold such pages, and have looked at the copy.
        From now on nothing is to be restored from them, or promoted with them.
        """
        self._databases[db].rot_known = True

    def holds_rot(self, db: int) -> bool:
        """Return whether the copy holds pages that had rotted at the primary."""
        d = self._databases[db]
        return d.exists and d.rotten

    def landed(self, t: int, db: int, file: int, intact: bool) -> None:
        """Record that a file has landed at the secondary, perhaps again, and whether it is intact.
        A file that was never finished does not count.
        """
        d = self._databases[db]
        f = d.files.get(file)
        if f is None:
            return
        f.spoilt = not intact
        f.was_whole, f.unheard = f.secondary and f.spoilt, False
        if f.spoilt:
            d.lost(t, f, "secondary")
            self._log_turned(t, d)
        elif not f.secondary and not f.rotten:
            f.secondary = True
            d.lies_somewhere(f)
            d.usable(t, d.site, f)
            if not f.primary:
                d.usable(t, d.host, f)
                self._log_turned(t, d)
            elif f.kind is _FULL and not f.copy_only and self._forgets:
                d.forget(f)

    def nobody_hears(self, db: int, file: int) -> None:
        """Record that no manager is up to hear that a file has landed. A damaged copy in the place
        of a whole one of that name is like damage at rest then: nothing tells it from what was
        validated.
        """
        f = self._databases[db].files.get(file)
        if f is not None:
            f.unheard = f.was_whole

    def damaged(self, t: int, db: int, file: int, where: str) -> None:
        """Record damage. where: 'primary' or 'secondary'; 'transit' changes nothing yet: the file
        will land and not be intact.
        """
        f = self._databases[db].files.get(file)
        if f is not None and where != "transit":
            self._databases[db].lost(t, f, where)
            self._log_turned(t, self._databases[db])

    def gone(self, t: int, db: int, file: int, where: str) -> None:
        """Record that a file was deleted or lost. where: 'primary' or 'secondary'."""
        d = self._databases[db]
        f = d.files.get(file)
        if f is not None:
            d.lost(t, f, where)
            self._log_turned(t, d)
            d.forget_gone(file, f)

    def log_kept(self, t: int, db: int, kept: bool) -> None:
        """Record whether the primary keeps the database's log until a backup has it, or truncates
        it at its checkpoints.
        """
        d = self._databases[db]
        d.keeps_log = kept
        if d.host.lsn >= 0:
            self._log_turned(t, d)

    # ---- quiet logs in one step
    def quiet(
        self, db: int, state: RestoreState, reading: WitnessedReading
    ) -> bool:
        """Return whether whole logs from that state on, each made, landed and restored before the
        next, would move the fronts and show nothing else. state and reading are the database's at
        the secondary.
        """
        return is_quiet(self._databases[db], state, reading)

    def shipped(
        self,
        db: int,
        logs: WitnessedLogs,
        hashed_us: int,
        last: LastOfStretch,
    ) -> tuple[list[int], list[int]]:
        """Record quiet logs: they were made, landed intact and were restored at the first attempt,
        each before the next was made. The last was handed over at hashed_us; `last` says when it
        was restored and what it left. As digests telescope, what it leaves is right only if each
        log before it was.

        Return for failures of class 'host', as each log was made, and of class 'site', as each
        landed: the instant of the first commit that a survivor lacks from then on, -1 where that is
        unchanged.
        """
        lacking_us = take_quiet_logs(
            self._databases[db], logs, self._ack_instant
        )
        last_file = logs.last.backup_id
        self.handed_over(hashed_us, db, HandOver(last_file, 1, True, True))
        self.restored(last.at_us, db, last_file, last.state, last.reading)
        return lacking_us

    def hold_as_runs(self, db: int, run: LogRun) -> None:
        """Hold logs that were recorded one by one by columns from now on. Nothing is shown."""
        hold_as_runs(self._databases[db], run)

    def not_missed(
        self, db: int, files: Iterable[int | LogRun], where: str
    ) -> bool:
        """Record that files were deleted at once, as `gone` does for each, if that shows nothing.
        Return False, with nothing recorded, if it would show something.
        """
        return delete_unnoticed(self._databases[db], files, where)

    # ---- the secondary
    def opened(self, t: int, db: int, fork: int) -> None:
        """Begin with nothing restored at the secondary; the primary is on that fork."""
        d = self._databases[db]
        d.clear()
        d.promoted, d.primary_fork = False, fork
        self._afresh(t, d)

    def seeded(
        self,
        t: int,
        db: int,
        fork: int,
        lsn: int,
        commits: int,
        base_lsn: int,
    ) -> None:
        """Begin a run, or after a promotion the watch over a new pair, with a full restored at the
        secondary.
        """
        d = self._databases[db]
        d.clear()
        d.promoted, d.primary_fork = False, fork
        d.exists = d.has_base = True
        d.fork, d.lsn, d.commits = fork, lsn, commits
        d.base_lsn = base_lsn
        self._afresh(t, d)

    def succeeded(
        self, t: int, db: int, of: Lineage, copy: RestoreState | None
    ) -> None:
        """Begin the watch over a new pair, after a promotion. copy: the old primary's database,
        left restoring exactly where the new primary's fork begins; None: nothing is restored at the
        new secondary.
        """
        d = self._databases[db]
        d.clear()
        d.parents = dict(of.parents)
        d.anchors = {**of.anchors, of.fork: of.digest}
        d.promoted, d.primary_fork, d.log_lsn = False, of.fork, of.lsn
        if copy is None:
            self._afresh(t, d)
        else:
            self.stands_there(t, db, copy, of.commits)

    def stands_there(
        self, t: int, db: int, copy: RestoreState, commits: int
    ) -> None:
        """Note a copy at the secondary that no restore has brought: so many commits of the
        primary's history.
        """
        d = self._databases[db]
        d.exists, d.fork, d.lsn = True, copy.fork, copy.redo_lsn
        d.commits = d.claimed = commits
        d.base_lsn = copy.differential_base_lsn
        d.has_base = d.base_lsn != 0
        self._afresh(t, d)

    def lineage(
        self, db: int, fork: int, lsn: int, reading: WitnessedReading
    ) -> Lineage:
        """Return the origin, for the next witness, of a database that was promoted on that fork,
        which begins at that LSN.
        """
        parents = dict(self._databases[db].parents)
        parents[fork] = Branch(parents[fork].left, lsn, reading.commits)
        anchors = dict(self._databases[db].anchors)
        return Lineage(
            fork, lsn, reading.commits, reading.digest, parents, anchors
        )

    def is_prefix(
        self, db: int, fork: int, reading: WitnessedReading
    ) -> bool:
        """Return whether that is what the history along a fork held after that many commits."""
        digest = self._databases[db].digest(fork, reading.commits)
        return reading.digest == digest

    def carried(
        self,
        t: int,
        db: int,
        files: Sequence[Carried],
        copy_commits: int | None = None,
    ) -> None:
        """Note the backups of an earlier primary with which a place continues. copy_commits: its
        copy stands behind the new primary's first position, and holds so many; None: it has none.
        """
        d = self._databases[db]
        if copy_commits is not None:
            d.commits = d.claimed = copy_commits
        for each in files:
            f = d.files[each.file] = SurvivingFile(
                each.header, each.commits
            )
            f.primary, f.secondary = each.primary, each.secondary
            f.rotten = each.rotten
            if f.rotten:
                f.primary = f.secondary = False
            d.lies_somewhere(f)
            if f.kind is _FULL and not f.copy_only:
                d.bases.append(f)
        self._afresh(t, d)

    def handed_over(self, t: int, db: int, handed: HandOver) -> None:
        """Check a file that the engine is about to open for restore."""
        d = self._databases[db]
        for law in broken_by_hand_over(d, handed, self._validated):
            self._broken(t, d, law)
        f = d.files.get(handed.file)
        if f is None:
            d.strays[handed.file] = handed.attempts_in_store
        else:
            f.attempts = handed.attempts_in_store

    def restored(
        self,
        t: int,
        db: int,
        file: int,
        state: RestoreState,
        reading: WitnessedReading,
        stop_commits: int | None = None,
    ) -> None:
        """Check a restore that the engine reports as successful; state and reading are its own.
        stop_commits: it was asked to stop there, in the middle of a log.
        """
        d = self._databases[db]
        if d.promoted:
            self._fault(t, d, "after_promotion", f"file {file}: restored")
            return
        f = d.files.get(file)
        reaches = 0 if f is None else f.commits
        if stop_commits is not None:
            reaches = min(reaches, stop_commits)
        right = d.digest(state.fork, reading.commits)
        prefix = reading.digest == right
        begins_rotten = f is not None and f.rotten
        if begins_rotten or d.rotten:
            d.rotten = reading.digest == (right + rot(d.name)) & MASK
        seen = RestoreSeen(
            file, f, state, reading.commits, reaches, prefix, d.rotten
        )
        for law in broken_by_restore(d, seen, self._validated):
            self._broken(t, d, law)
        quiet = self._stands_where(d, seen)
        if f is not None:
            f.restored = True
            d.claimed = f.commits if seen.full else max(d.claimed, reaches)
        if not quiet:
            self._afresh(t, d)

    def _stands_where(self, d: History, seen: RestoreSeen) -> bool:
        """Note where the database stands after a restore. Return whether that is nothing new for
        what would survive.
        """
        state = seen.state
        sound = seen.prefix and (seen.whole or not self._validated)
        quiet = (
            sound
            and d.sound
            and not seen.full
            and d.exists
            and state.redo_lsn <= d.site.lsn
            and not d.site.by_logs
            and not d.host.by_logs
        )
        d.hung_commits = -1
        d.exists = True
        d.sound = sound
        d.fork, d.lsn = state.fork, state.redo_lsn
        d.commits = seen.commits
        same_base = self._carries(d, seen)
        return quiet and same_base

    def _carries(self, d: History, seen: RestoreSeen) -> bool:
        """Note which base the database carries after a restore. Return whether it is the one that
        it carried before, or a full has brought it.
        """
        base_lsn = seen.state.differential_base_lsn
        if seen.full:
            assert seen.known is not None
            d.has_base = not seen.known.copy_only
            d.base_lsn = base_lsn if d.has_base else seen.known.first_lsn
            return True
        if base_lsn == d.base_lsn or not (base_lsn or d.has_base):
            return True
        d.base_lsn, d.has_base = base_lsn, base_lsn != 0
        return False

    def restore_failed(self, t: int, db: int, state: RestoreState) -> None:
        """Check a restore that the engine refused or that was killed: the database must stand where
        it stood, or be gone.
        """
        d = self._databases[db]
        if d.promoted or not d.exists:
            return
        if not state.exists:
            d.exists = d.has_base = d.rotten = False
            d.fork = d.lsn = d.commits = d.base_lsn = d.claimed = 0
            self._afresh(t, d)
            return
        for law in broken_by_failed_restore(d, state):
            self._broken(t, d, law)

    def stops_at(self, t: int, db: int, lsns: Iterable[int]) -> None:
        """Record that the secondary is not set up for changes in the primary's log at these LSNs:
        no logic can restore a backup there that ends past the first of them.
        """
        d, first = self._databases[db], min(lsns, default=-1)
        if first != d.stops_lsn:
            d.stopped = (d.stops_lsn, t)
        d.stops_lsn = first

    def restore_hung(self, db: int) -> None:
        """Record that a restore was ended because it lasted as long as the scenario allows in a
        failover: only what the database holds is due, until a restore moves it on.
        """
        d = self._databases[db]
        d.hung_commits = d.commits

    def recovery_begins(self, t: int, db: int, retry_us: int) -> None:
        """Record that nothing more is restored before the promotion: what has landed by now is due,
        up to where the engine refuses every log until somebody acts. Who acts later is too late,
        and so is who acts after the last retry, as they come at intervals of retry_us.
        """
        d = self._databases[db]
        d.due_commits = d.site.commits
        stopped_lsn, until_us = d.stopped
        stops = [d.stops_lsn]
        if t - until_us <= retry_us:
            stops.append(stopped_lsn)
        reached = [d.commits_before(lsn) for lsn in stops if lsn >= 0]
        d.stopped_commits = min(reached, default=-1)

    def promoted(
        self,
        t: int,
        db: int,
        fork: int,
        reading: WitnessedReading,
        drained_class: str,
        acknowledged_commits: int,
    ) -> None:
        """Check a database that was brought online at the secondary, on a new fork. drained_class:
        the class of failure that the data within reach of recovery would have survived.
        """
        d = self._databases[db]
        if d.promoted:
            self._fault(
                t, d, "after_promotion", f"promoted again, fork {fork}"
            )
            return
        n = reading.commits
        right = d.digest(d.fork, n)
        prefix = reading.digest == right
        rotten = reading.digest == (right + rot(d.name)) & MASK
        if rotten:
            self._emit("truth.rot_promoted", t, db, (n,))
        elif not prefix or n < d.claimed:
            self._emit(
                "truth.silent_recovery", t, db, (d.claimed, n, int(prefix))
            )
        _, survived = self.survivable(
            db, drained_class, acknowledged_commits
        )
        seen = PromotionSeen(
            n, survived, drained_class, acknowledged_commits, prefix
        )
        seen.rotten, seen.rot_known = rotten, d.rot_known
        for law in broken_by_promotion(d, seen, self._validated):
            self._broken(t, d, law)
        d.parents[fork] = Branch(d.fork, d.lsn, n)
        d.log_lsn = d.lsn
        d.clear()
        d.promoted, d.primary_fork = True, fork

    def stop_ordered(self, db: int, commits: int) -> int:
        """Record that an authorised operator ordered a failover with that many commits and no more:
        no more are due, and no more may be there. -1: no such order holds any more. Return what was
        ordered before.
        """
        d = self._databases[db]
        before, d.stop_commits = d.stop_commits, commits
        return before

    def copies_back(
        self,
        t: int,
        db: int,
        fork: int,
        reading: WitnessedReading,
        commits: int,
    ) -> None:
        """Check a database that was restored beside the service, and from which what was lost is
        about to be copied back. commits: those before the mistake, which it is to hold, and no
        other.
        """
        d = self._databases[db]
        right = d.digest(fork, reading.commits)
        prefix = reading.digest == right
        if (
            not d.rot_known
            and reading.digest == (right + rot(d.name)) & MASK
        ):
            prefix = True  # nobody could know that its full holds rot
        seen = BesideSeen(reading.commits, commits, prefix)
        for law in broken_by_copying_back(seen, self._validated):
            self._broken(t, d, law)

    def writes_changed(self, t: int, db: int) -> None:
        """Record that commits are refused from now on, or continue: the instant of the first commit
        that a survivor would lack changes.
        """
        d = self._databases[db]
        for front in (d.site, d.host):
            self._show(t, d, front)

    # ---- answers
    def survivable(
        self, db: int, cls: str, acknowledged_commits: int = 0
    ) -> tuple[int, int]:
        """Return (fork, commits) that would survive a failure of class 'site', 'host' or 'database'
        now.

        'database': the log survives, so all acknowledged commits survive, as long as the files
        reach to where the log begins. Over a hole in the chain no tail helps, and the answer is
        that of 'host'.
        """
        d = self._databases[db]
        front = d.site if cls == "site" else d.host
        if cls == "database" and d.log_follows():
            return d.primary_fork, max(acknowledged_commits, front.commits)
        return front.fork, front.commits

    def _show(self, t: int, d: History, front: Front) -> None:
        lacking = self._ack_instant(d.index, front.fork, front.commits)
        self._emit(
            "truth.survivable",
            t,
            d.index,
            (front.name, front.fork, front.commits, lacking),
        )
        if front is d.host and not d.log_whole:
            self._emit(
                "truth.survivable",
                t,
                d.index,
                ("database", front.fork, front.commits, lacking),
            )

    def _afresh(self, t: int, d: History) -> None:
        d.afresh(t)
        self._log_turned(t, d)

    def _log_turned(self, t: int, d: History) -> None:
        """Record a change: the log continues from where the files end, or no longer does."""
        if d.log_follows() is d.log_whole:
            return
        d.log_whole = not d.log_whole
        front = d.host
        row = ("database", d.primary_fork, -1, -1)
        if not d.log_whole:
            row = (
                "database",
                front.fork,
                front.commits,
                self._ack_instant(d.index, front.fork, front.commits),
            )
        self._emit("truth.survivable", t, d.index, row)

    def told_otherwise(self, t: int, db: int, difference: str) -> None:
        """Record that a spot check found rows of a fast path that differ from the machine."""
        self._fault(t, self._databases[db], "fast_path", difference)

    def _broken(self, t: int, d: History, law: BrokenLaw) -> None:
        self._fault(t, d, law.invariant, law.detail)

    def _fault(
        self, t: int, d: History, invariant: str, detail: str
    ) -> None:
        self.violations.append(Violation(t, d.index, invariant, detail))
        self._emit("truth.violation", t, d.index, (invariant, detail))


def _of_this_history(
    d: History, file: int, header: BackupHeader, commits: int
) -> SurvivingFile | None:
    """Note a backup that is finished at the primary; None: it is not part of the history."""
    if d.promoted:
        return None
    if header.fork != d.primary_fork:
        d.foreign[file] = header.fork
        return None
    f = d.files[file] = SurvivingFile(header, commits)
    return f
