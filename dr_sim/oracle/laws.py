"""Laws that every run must keep, and the acts that break them.

Each function compares one act (a hand-over to the engine, a restore, a promotion) with the history
of the database as the witness knows it, before the witness records the act. It yields the laws that
the act breaks, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dr_sim.backups.model import Kind, RestoreState
from dr_sim.oracle.survival import History
from dr_sim.oracle.surviving import SurvivingFile
from dr_sim.oracle.witnessed import HandOver

_FULL, _LOG = Kind.FULL, Kind.LOG

INVARIANTS = {
    "attempts": "the read counter went up in the store before the file was handed over (R5)",
    "damaged_file": "nothing is handed over that validation should have caught (R6)",
    "other_database": "nothing is handed over that is a backup of another database (R17)",
    "gap": "no log is handed over that begins past the position (R7)",
    "wrong_fork": "nothing is handed over that lies on another path of forks than the position",
    "replayed_twice": "no log or incremental that is restored "
    "already is handed over or restored again",
    "regression": "the position goes back by the restore of a full only",
    "position": "after a restore the database stands where "
    "the file ends; a failed one moves nothing",
    "prefix": "what the database holds is exactly a prefix of the primary's history",
    "short_restore": "after a restore the database holds all commits that the file reaches to",
    "short_recovery": "a promotion leaves nothing behind that had survived and could be replayed",
    "unacknowledged": "a promoted database holds no commit that the primary never acknowledged",
    "past_the_stop": "a promotion that was ordered to stop before an instant holds no later commit",
    "rot": "once people have said which fulls hold rotten pages, nothing is restored from them, "
    "and no database with such pages is promoted",
    "beside": "what is copied back comes from all commits before the mistake, and from no other",
    "after_promotion": "nothing is restored into a promoted database, nor is it promoted again",
    "fast_path": "what a fast path recorded is what the recovery machine does, step by step",
}


@dataclass(frozen=True, slots=True)
class BrokenLaw:
    """A law that an act breaks, and how."""

    invariant: str  # a key of INVARIANTS
    detail: str


@dataclass(slots=True)
class RestoreSeen:
    """A restore that the engine reports as successful, and what the database says afterwards.

    known: the file, None if it is none of this history. reaches: the commits that the file brings,
    or up to where the restore was asked to stop. prefix: whether the database holds a prefix of the
    primary's history. rotten: it does, but for pages that had rotted at the primary: no logic can
    see that.
    """

    file: int
    known: SurvivingFile | None
    state: RestoreState
    commits: int
    reaches: int
    prefix: bool
    rotten: bool = False

    @property
    def full(self) -> bool:
        """Return whether a full was restored, which may take the database back."""
        return self.known is not None and self.known.kind is _FULL

    @property
    def whole(self) -> bool:
        """Return whether the database holds all that the file reaches to."""
        return self.known is None or self.commits == self.reaches


# ---- hand-overs
def broken_by_hand_over(
    d: History, handed: HandOver, validated: bool
) -> Iterator[BrokenLaw]:
    """Yield what is wrong with a file that the engine is about to open for restore. validated:
    files are validated before they are restored.
    """
    file = handed.file
    f = d.files.get(file)
    before = d.strays.get(file, 0) if f is None else f.attempts
    if handed.attempts_in_store <= before:
        yield BrokenLaw(
            "attempts",
            f"file {file}: {handed.attempts_in_store} in the store, {before} at the last read",
        )
    unseen = not handed.validated or f is None or f.spoilt
    if f is not None and f.unheard:
        unseen = False
    if unseen and validated and not handed.bytes_intact:
        yield BrokenLaw(
            "damaged_file",
            f"file {file}: handed over, validated {int(handed.validated)}",
        )
    content = d.files.get(file if handed.content < 0 else handed.content)
    if d.rot_known and content is not None and content.rotten:
        yield BrokenLaw(
            "rot", f"file {file}: handed over, its pages have rotted"
        )
    if handed.of_another:
        yield BrokenLaw(
            "other_database",
            f"file {file}: it holds backup {handed.content}, of another database",
        )
    if d.promoted:
        yield BrokenLaw("after_promotion", f"file {file}: handed over")
    if f is not None:
        yield from _misplaced(d, file, d.files.get(handed.content, f))
    elif file in d.foreign:
        yield BrokenLaw(
            "wrong_fork",
            f"file {file}: fork {d.foreign[file]}, the primary is on {d.primary_fork}",
        )


def _misplaced(
    d: History, file: int, f: SurvivingFile
) -> Iterator[BrokenLaw]:
    """Yield why a file cannot follow on what the database holds."""
    if f.kind is _FULL or not d.exists:
        return
    if f.restored and f.last_lsn <= d.lsn:
        yield BrokenLaw(
            "replayed_twice",
            f"file {file}: ends at {f.last_lsn}, position {d.lsn}",
        )
    elif f.fork != d.fork and not d.on_path(f.fork, d.fork, d.lsn):
        yield BrokenLaw(
            "wrong_fork",
            f"file {file}: fork {f.fork}, position {d.fork, d.lsn}",
        )
    elif f.first_lsn > d.lsn and f.kind is _LOG:
        yield BrokenLaw(
            "gap",
            f"file {file}: begins at {f.first_lsn}, position {d.lsn}",
        )


# ---- restores
def broken_by_restore(
    d: History, seen: RestoreSeen, validated: bool
) -> Iterator[BrokenLaw]:
    """Yield what is wrong with a restore. validated: files are validated before they are
    restored.
    """
    state = seen.state
    if not seen.full and d.exists and _goes_back(d, state):
        yield BrokenLaw(
            "regression",
            f"file {seen.file}: {d.fork, d.lsn} -> {state.fork, state.redo_lsn}",
        )
    if seen.known is not None:
        yield from _not_as_the_file(d, seen, seen.known, validated)
    if not validated:
        return
    if not seen.prefix and not seen.rotten:
        yield BrokenLaw(
            "prefix",
            f"file {seen.file}: {_commits(seen.commits)}, but not the primary's",
        )
    elif not seen.whole:
        yield BrokenLaw(
            "short_restore",
            f"file {seen.file}: {_commits(seen.commits)} of {seen.reaches}",
        )


def _goes_back(d: History, state: RestoreState) -> bool:
    """Return whether a state lies behind the database's position, or on another path of forks."""
    if state.redo_lsn < d.lsn:
        return True
    return state.fork != d.fork and not d.on_path(state.fork, d.fork, d.lsn)


def _not_as_the_file(
    d: History, seen: RestoreSeen, f: SurvivingFile, validated: bool
) -> Iterator[BrokenLaw]:
    """Yield where a restore has not left what the file is good for."""
    state = seen.state
    if (
        f.restored
        and f.kind is not _FULL
        and f.first_lsn < f.last_lsn <= d.lsn
    ):
        yield BrokenLaw(
            "replayed_twice",
            f"file {seen.file}: restored again, position {d.lsn}",
        )
    short = state.redo_lsn != f.last_lsn and seen.reaches == f.commits
    if validated and (
        short or state.redo_lsn > f.last_lsn or state.fork != f.fork
    ):
        ends = f"file ends at {f.fork, f.last_lsn}"
        yield BrokenLaw(
            "position",
            f"file {seen.file}: database at {state.fork, state.redo_lsn}, {ends}",
        )


def broken_by_failed_restore(
    d: History, state: RestoreState
) -> Iterator[BrokenLaw]:
    """Yield what is wrong with a database that is there after a restore that failed."""
    if state.fork != d.fork or state.redo_lsn != d.lsn:
        moved = f"{d.fork, d.lsn} -> {state.fork, state.redo_lsn}"
        yield BrokenLaw(
            "position",
            f"a failed restore moved the database: {moved}",
        )


# ---- promotions
@dataclass(slots=True)
class PromotionSeen:
    """Commits that a promoted database holds, beside those that it should.

    survived: the commits that were within reach of recovery, and lived through a failure of
    drained_class. acknowledged: those that the primary had acknowledged. prefix: whether the
    database holds a prefix of the primary's history. rotten: it does, but for pages that had rotted
    at the primary. rot_known: people had said so.
    """

    commits: int
    survived: int
    drained_class: str
    acknowledged: int
    prefix: bool
    rotten: bool = False
    rot_known: bool = False


def broken_by_promotion(
    d: History, seen: PromotionSeen, validated: bool
) -> Iterator[BrokenLaw]:
    """Yield what is wrong with what a promoted database holds. validated: files are validated
    before they are restored.
    """
    n = seen.commits
    if seen.rotten and seen.rot_known:
        yield BrokenLaw(
            "rot",
            f"promoted with {_commits(n)}, and with rotten pages",
        )
    if validated and not seen.prefix and not seen.rotten:
        yield BrokenLaw(
            "prefix",
            f"promoted with {_commits(n)}, but not the primary's",
        )
    due = _due(d, seen)
    if n < due:
        yield BrokenLaw(
            "short_recovery",
            f"promoted with {_commits(n)}, {due} had survived ({seen.drained_class})",
        )
    if 0 <= d.stop_commits < n:
        yield BrokenLaw(
            "past_the_stop",
            f"promoted with {_commits(n)}, {d.stop_commits} were ordered",
        )
    if n > seen.acknowledged:
        yield BrokenLaw(
            "unacknowledged",
            f"promoted with {_commits(n)}, {seen.acknowledged} acknowledged",
        )


def _due(d: History, seen: PromotionSeen) -> int:
    """Return the commits that a promotion owes: those that had survived, and could be restored."""
    most = [seen.survived]
    if seen.drained_class == "site":
        most.append(d.due_commits)
    if d.stops_lsn >= 0:
        most.append(d.commits_before(d.stops_lsn))
    most.append(d.stopped_commits)
    most.append(d.hung_commits)
    if d.stop_commits >= 0:
        host = seen.drained_class != "site"
        most.append(d.commits_up_to(d.stop_commits, host))
    return min(limit for limit in most if limit >= 0)


# ---- what is copied back
@dataclass(frozen=True, slots=True)
class BesideSeen:
    """Commits that a database restored beside the service holds, and those before the mistake,
    which it should hold. prefix: whether it holds a prefix of the primary's history.
    """

    commits: int
    before: int
    prefix: bool


def broken_by_copying_back(
    seen: BesideSeen, validated: bool
) -> Iterator[BrokenLaw]:
    """Yield what is wrong with a database from which what was lost is about to be copied back.
    validated: files are validated before they are restored.
    """
    right = seen.prefix or not validated
    if right and seen.commits == seen.before:
        return
    held = "the primary's" if seen.prefix else "not the primary's"
    yield BrokenLaw(
        "beside",
        f"restored beside with {_commits(seen.commits)}, {held}; "
        f"{seen.before} were before",
    )


def _commits(number: int) -> str:
    return f"{number} commit{'s' * (number != 1)}"
