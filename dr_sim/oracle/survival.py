"""The furthest position of each database that would survive: any legal restore reaches it. The
witness keeps it up to date.

A restore starts from the secondary's present state or from scratch, and uses every intact file. For
failures of class 'site' these are the files at the secondary; for 'host' the files in the primary's
share count as well. Among positions on one path of forks, the furthest is always the best start for
logs, and whether an incremental fits depends only on its base. So one *front* per class is enough:
quiet files move it in O(1). A front is *stuck* while an intact file lies beyond it (a hole, a
missing base). Only then, and after damage, is it computed again from all files.

A base is there in four cases: its full is there; the secondary's copy carries it; it is an
incremental whose own base is there (by PostgreSQL's rule; by SQL Server's rule no incremental is a
base); or logs that can be replayed bring it (a log carries the base under which it was cut). The
last case is searched for only if it would take an incremental further. This is part of the
independent oracle: it shares no code with recovery/ or with the chain logic.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, Protocol

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import Kind
from dr_sim.backups.run_tables import ByNumber
from dr_sim.engines.commits import MASK, content, mark
from dr_sim.oracle.surviving import Front, SurvivingFile, SurvivingRun

_FULL, _INCREMENTAL, _LOG = Kind.FULL, Kind.INCREMENTAL, Kind.LOG

KEPT_CHAINS = 2
"""Files that end before the last but one full that was intact on both sides are forgotten (assumed:
should both of the newest fulls be damaged later, the answer is too low, never too high).
"""


_BEGIN, _END = attrgetter("first_lsn"), attrgetter("last_lsn")


class WitnessedReading(Protocol):
    """A statement of a database about what it holds (engines.port.WitnessReading)."""

    commits: int
    digest: int


class Branch(NamedTuple):
    """Where a fork began: the fork that it left, and the LSN and the number of commits there."""

    left: int
    lsn: int
    commits: int


class _Reached(NamedTuple):
    """How far a database gets. An LSN of -1: nothing can be restored."""

    lsn: int
    commits: int
    fork: int


class History:
    """One database: its forks, its files, the state of its copy at the secondary, and the fronts.

    show(time_us, history, front) is called each time a front has reached another commit.
    """

    __slots__ = (
        "anchors",
        "base_lsn",
        "bases",
        "claimed",
        "commits",
        "due_commits",
        "exists",
        "files",
        "foreign",
        "fork",
        "gone",
        "has_base",
        "host",
        "hung_commits",
        "in_runs",
        "index",
        "keeps_log",
        "links",
        "log_lsn",
        "log_whole",
        "lsn",
        "name",
        "parents",
        "primary_fork",
        "promoted",
        "rot_known",
        "rotten",
        "show",
        "site",
        "somewhere",
        "sound",
        "stop_commits",
        "stopped",
        "stopped_commits",
        "stops_lsn",
        "strays",
        "whole",
    )

    def __init__(
        self,
        index: int,
        name: str,
        show: Callable[[int, History, Front], None],
        links: bool,
    ) -> None:
        """links: incrementals stand on incrementals (PostgreSQL's rule)."""
        self.index = index
        self.links = links
        self.name = name
        self.show = show
        self.parents: dict[int, Branch] = {}  # by the fork that began
        # fork -> the digest with which it really began, where that is known
        self.anchors: dict[int, int] = {}
        self.primary_fork = 1
        self.log_lsn = 0  # where the primary's log begins: all before it has been backed up
        # until a backup has it; else (recovery model SIMPLE, no log backups) no tail can be taken
        self.keeps_log = True
        # what the files reach to and the log after it leave nothing out, as far as has been shown
        self.log_whole = True
        self.promoted = False
        self.clear()

    def clear(self) -> None:
        self.files: ByNumber[SurvivingFile] = ByNumber(self._spread)
        self.in_runs: dict[LogRun, SurvivingRun] = {}
        # those of which intact bytes lie somewhere, and some that have gone since
        self.somewhere: list[SurvivingFile] = []
        # how many of them have been forgotten at least, as no intact bytes of them lie anywhere
        self.gone = 0
        # those of them that are fulls and not copy-only
        self.bases: list[SurvivingFile] = []
        # first_lsn of the newest fulls that once were intact on both sides
        self.whole: list[int] = []
        # attempts of files that never were finished, or are none of this history
        self.strays: dict[int, int] = {}
        # the forks of files that are none of this history
        self.foreign: dict[int, int] = {}
        self.site = Front("site")
        self.host = Front("host")
        self.exists = False  # the secondary's copy, from here on
        self.sound = True  # it is a prefix of the primary's history
        self.rotten = False  # it holds pages that had rotted at the primary
        # people have said which fulls hold such pages
        self.rot_known = False
        self.fork = self.lsn = self.commits = 0
        self.base_lsn = 0  # of the full that it carries; without has_base that is copy-only
        self.has_base = False
        self.claimed = 0  # commits that it should hold, by what was restored without an error
        # no backup that ends past it can be restored at the secondary, as that is set up
        self.stops_lsn = -1
        # the same before the last change of it, and when that was
        self.stopped = (-1, 0)
        # where restores stopped because of it, once recovery has begun
        self.stopped_commits = -1
        # what a promotion owes, once recovery has begun
        self.due_commits = -1
        # a restore hung and was ended, and no other has come since: what it holds
        self.hung_commits = -1
        self.stop_commits = -1  # a failover was ordered that holds no more than these; -1: none was

    # ---- forks
    def on_path(self, of: int, fork: int, lsn: int) -> bool:
        """Return whether the position (fork, lsn) lies in the history of fork `of`."""
        limit = lsn
        while of != fork:
            parent = self.parents.get(of)
            if parent is None:
                return False
            of, limit = parent.left, parent.lsn
        return lsn <= limit

    def digest(self, fork: int, commits: int) -> int:
        """Return the digest of exactly commits 0..commits-1 along the fork's history."""
        if fork not in self.parents:
            return mark(self.name, fork, commits)
        digest = 0
        while fork in self.parents:
            parent, _, begins = self.parents[fork]
            if commits > begins:
                digest += content(self.name, fork, begins, commits)
                commits = begins
            if commits == begins and fork in self.anchors:
                return digest + self.anchors[fork] & MASK
            fork = parent
        return digest + mark(self.name, fork, commits) & MASK

    # ---- files come and go
    def lies_somewhere(self, f: SurvivingFile) -> None:
        if not f.listed:
            f.listed = True
            self.somewhere.append(f)

    def _spread(self, run: LogRun, made: list[SurvivingFile]) -> None:
        """Each log of a run is looked at by itself from now on."""
        somewhere: list[SurvivingFile] = []
        for f in self.somewhere:
            if isinstance(f, SurvivingRun) and f.run is run:
                somewhere += made
            else:
                somewhere.append(f)
        self.somewhere = somewhere
        self.in_runs.pop(run, None)

    def one_by_one(self) -> list[SurvivingFile]:
        """Return the same as `that_lie_somewhere`, with each log of a run by itself."""
        self.files.spread()
        return self.that_lie_somewhere()

    def that_lie_somewhere(self) -> list[SurvivingFile]:
        """Look once more at those that have gone, and not again: someone else may take a hundred
        thousand backups elsewhere. A run of logs is one of them.
        """
        lie = [f for f in self.somewhere if f.primary or f.secondary]
        self.gone = 0
        if len(lie) < len(self.somewhere):
            for f in self.somewhere:
                f.listed = f.primary or f.secondary
            self.somewhere = lie
        return lie

    def usable(self, t: int, front: Front, f: SurvivingFile) -> None:
        """One more intact file for that front."""
        same = f.fork == front.fork
        if (
            same
            and f.kind is _LOG
            and f.first_lsn <= front.lsn
            and not front.stuck
        ):
            if front.follows(f):  # the quiet path
                self.show(t, self, front)
        elif front.stuck:
            if f.kind is not _LOG or f.first_lsn <= front.lsn:
                self.compute(t, front)
        elif not same and f.kind is not _LOG:
            self.compute(t, front)
        elif f.last_lsn > front.lsn or not same:
            if not self._fits(front, f, same):
                if f.kind is _LOG:
                    front.stuck = True
                else:
                    self.compute(t, front)  # do logs bring its base?
                return
            front.fork, front.lsn, front.commits = (
                f.fork,
                f.last_lsn,
                f.commits,
            )
            self._show(t, front)

    def _fits(self, front: Front, f: SurvivingFile, same: bool) -> bool:
        """Return whether f, which ends past the front, can be restored from there (or from its
        base).
        """
        if f.kind is _LOG:
            return f.first_lsn <= front.lsn and (
                same or self.on_path(f.fork, front.fork, front.lsn)
            )
        return f.kind is _FULL or f.base_lsn in self._bases(front)

    def _bases(self, front: Front) -> set[int]:
        """Bases on which an incremental can be restored: those of intact fulls, the one that is
        restored, and incrementals on these, which by PostgreSQL's rule are bases in turn.
        """
        host = front is self.host
        bases = {
            f.first_lsn
            for f in self.bases
            if f.secondary or (host and f.primary)
        }
        on_copy = {self.base_lsn} if self.sound and self.has_base else set()
        if not self.links:
            return bases | on_copy
        # in the order in which they were made
        for f in self.that_lie_somewhere():
            there = f.secondary or (host and f.primary)
            if f.kind is not _INCREMENTAL or not there:
                continue
            if f.base_lsn in bases:
                bases.add(f.first_lsn)
            elif f.base_lsn in on_copy and f.last_lsn > self.lsn:
                on_copy.add(f.first_lsn)  # the copy is not past it yet
        return bases | on_copy

    def lost(self, t: int, f: SurvivingFile, where: str) -> None:
        """Intact bytes of f are no longer there."""
        if where == "primary":
            was, f.primary = f.primary, False
        else:
            was, f.secondary = f.secondary, False
        needless = self.needless(f)
        for front in (
            (self.host, self.site) if where != "primary" else (self.host,)
        ):
            if was and not (needless and not front.by_logs):
                self.compute(t, front)

    def needless(self, f: SurvivingFile) -> bool:
        """Return whether what the secondary holds reaches further than f, and f is no base."""
        return (
            self.exists
            and self.sound
            and f.fork == self.fork
            and f.last_lsn <= self.lsn
            and f.kind is not _FULL
        )

    def afresh(self, t: int) -> None:
        self.compute(t, self.site)
        self.compute(t, self.host)

    def log_follows(self) -> bool:
        """Return whether the primary's log continues from where the front of class 'host' ends.
        Then a tail makes it whole.
        """
        return self.keeps_log and self.host.lsn >= self.log_lsn

    def compute(self, t: int, front: Front) -> None:
        """The front from all there is: the best start, then every log that fits."""
        there = self._there(front)
        bases = self._bases(front)
        reached = self._replayed(there, self._best_start(there, bases))
        front.by_logs = False
        if any(
            f.kind is _INCREMENTAL
            and f.last_lsn > reached.lsn
            and f.base_lsn not in bases
            for f in there
        ):
            there = self._there(front, one_by_one=True)
            far = self._by_logs(there)
            if far is not None and far.last_lsn > reached.lsn:
                front.by_logs = True
                start = _Reached(far.last_lsn, far.commits, far.fork)
                reached = self._replayed(there, start)
        front.lsn, front.commits, front.fork = reached
        front.stuck = any(f.last_lsn > front.lsn for f in there)
        self._show(t, front)

    def _there(
        self, front: Front, one_by_one: bool = False
    ) -> list[SurvivingFile]:
        """Return the files from which a front is computed."""
        host, fork = front is self.host, self.primary_fork
        if any(run.alike.fork != fork for run in self.files.runs):
            one_by_one = True  # the path of forks may hold a part of it
        lie = self.one_by_one() if one_by_one else self.that_lie_somewhere()
        return [
            f
            for f in lie
            if (f.secondary or (host and f.primary))
            and (f.fork == fork or self.on_path(fork, f.fork, f.last_lsn))
        ]

    def commits_before(self, limit_lsn: int) -> int:
        """Return what can be restored at the secondary from backups there that end no further than
        that LSN.
        """
        fork = self.primary_fork
        there = [
            f
            for f in self.one_by_one()
            if f.secondary
            and f.last_lsn <= limit_lsn
            and (f.fork == fork or self.on_path(fork, f.fork, f.last_lsn))
        ]
        start = self._best_start(there, self._bases(self.site))
        return self._replayed(there, start).commits

    def commits_up_to(self, stop_commits: int, host: bool) -> int:
        """Return what can be restored of the first that many commits: only a log can be restored in
        part. host: from the primary's share too.
        """
        fork = self.primary_fork
        there = [
            f
            for f in self.one_by_one()
            if (f.secondary or (host and f.primary))
            and (f.kind is _LOG or f.commits <= stop_commits)
            and (f.fork == fork or self.on_path(fork, f.fork, f.last_lsn))
        ]
        front = self.host if host else self.site
        start = self._best_start(there, self._bases(front))
        return min(stop_commits, self._replayed(there, start).commits)

    def _best_start(
        self, there: list[SurvivingFile], bases: set[int]
    ) -> _Reached:
        """The furthest position without a log: the copy as it stands, a full, or an incremental on
        one of the bases.
        """
        fork = self.primary_fork
        best = _Reached(-1, 0, fork)
        if self._copy_is_of_use():
            best = _Reached(self.lsn, self.commits, self.fork)
        for f in there:
            if f.last_lsn > best.lsn and (
                f.kind is _FULL
                or (f.kind is _INCREMENTAL and f.base_lsn in bases)
            ):
                best = _Reached(f.last_lsn, f.commits, f.fork)
        return best

    def _copy_is_of_use(self) -> bool:
        """Return whether the secondary's copy is sound and on the primary's path of forks."""
        return (
            self.exists
            and self.sound
            and self.on_path(self.primary_fork, self.fork, self.lsn)
        )

    def _replayed(
        self, there: list[SurvivingFile], start: _Reached
    ) -> _Reached:
        """Return where every log that fits leads from a position."""
        if start.lsn < 0:
            return start
        lsn, commits, fork = start
        for f in sorted(
            (f for f in there if f.kind is _LOG and f.last_lsn >= lsn),
            key=_BEGIN,
        ):
            if f.first_lsn > lsn:
                break
            if (f.last_lsn > lsn or f.fork != fork) and self.on_path(
                f.fork, fork, lsn
            ):
                lsn, commits, fork = f.last_lsn, f.commits, f.fork
        return _Reached(lsn, commits, fork)

    def _by_logs(self, there: list[SurvivingFile]) -> SurvivingFile | None:
        """The file that gets furthest, bases that logs bring included; None if none can be
        restored.

        In the order of their ends: what leads to a position ends before it. For each base that a
        database may carry (a copy-only full's is none, and gives way to newer ones only) the
        furthest position with it counts.
        """
        tops: dict[tuple[int, bool], int] = {}
        held = self._copy_is_of_use()
        far: SurvivingFile | None = None
        for lsn, group in groupby(sorted(there, key=_END), key=_END):
            if held and lsn > self.lsn:
                tops[self.base_lsn, self.has_base] = self.lsn
                held = False
            here: list[tuple[int, bool]] = []
            for f in group:
                if f.kind is _FULL:
                    found = [(f.first_lsn, not f.copy_only)]
                elif f.kind is _INCREMENTAL:
                    stands = (f.base_lsn, True) in tops
                    found = [(f.base_lsn, True)] if stands else []
                    if stands and self.links and not f.copy_only:
                        found.append((f.first_lsn, True))
                else:
                    over = [
                        base
                        for base, top in tops.items()
                        if f.first_lsn <= top
                    ]
                    found = [
                        (f.carries_lsn, True)
                        if f.carries_lsn > base[0]
                        else base
                        for base in over
                    ]
                if found:
                    far = f
                    here += found
            tops.update(dict.fromkeys(here, lsn))
        return far

    def _show(self, t: int, front: Front) -> None:
        if (
            front.commits != front.shown_commits
            or front.fork != front.shown_fork
        ):
            front.shown_commits, front.shown_fork = (
                front.commits,
                front.fork,
            )
            self.show(t, self, front)

    def forget_gone(self, number: int, f: SurvivingFile) -> None:
        """Forget a file of which no intact bytes lie anywhere, if the copy is past it: nothing is
        restored from it any more.
        """
        if f.primary or f.secondary or not self.needless(f):
            return
        if isinstance(f, SurvivingRun):
            self.files.let_go(f.run)
            del self.in_runs[f.run]
        else:
            del self.files[number]
        self.gone += 1
        if 2 * self.gone > len(self.somewhere):
            self.that_lie_somewhere()

    def forget(self, full: SurvivingFile) -> None:
        """Forget old chains when a full has become intact on both sides. One that had rotted, and
        was sent again, is no other full.
        """
        if full.first_lsn in self.whole:
            return
        self.whole.append(full.first_lsn)
        if len(self.whole) > KEPT_CHAINS:
            self.whole = sorted(self.whole)[-KEPT_CHAINS:]
            cut = self.whole[0]
            self._forget_runs(cut)
            self.files.drop_apart(lambda f: not _outlives(f, cut))
            self.bases = [f for f in self.bases if _outlives(f, cut)]
            self.somewhere = [
                f for f in self.somewhere if _outlives(f, cut)
            ]

    def _forget_runs(self, cut_lsn: int) -> None:
        """Forget the runs that do not outlive that LSN; look at the logs of one over which it goes
        one by one.
        """
        for run in list(self.files.runs):
            first, last = run.lsn[0], run.lsn[-1]
            if run.lsn[1] > cut_lsn or first >= cut_lsn:
                continue
            if last <= cut_lsn and run.lsn[-2] < cut_lsn:
                self.files.let_go(run)
                del self.in_runs[run]
            else:
                self.files.spread(run)


def _outlives(f: SurvivingFile, cut_lsn: int) -> bool:
    """Return whether a file ends after that LSN or begins there."""
    return f.last_lsn > cut_lsn or f.first_lsn >= cut_lsn
