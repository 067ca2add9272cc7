"""The rules of retention: which backup files may be deleted, by age and count, never one that a
chain or an uncopied file still needs (R18).

Theory of operation. A file is young until retention_us after it finished. Every position at which a
young file ends and that could be restored before must be restorable afterwards. What that takes
from the old files, on each path of forks: the young logs are followed back through logs without a
hole; the newest full, or incremental with its base, that ends in there is the anchor. The anchor
and the old logs after it stay; a hole in the young logs is bridged by young files only, so nothing
older helps. Every incremental that stays keeps its base, and what that stands on in turn. Beside
that stay: the newest file and the way to the last position that can be restored on its fork,
however old (backups may have stopped); the newest fulls up to a count; what has not been copied
yet; what a standby at a given position may still need; and, where backups of a fork and of one that
it came from stay, the logs across the failovers between them, as nothing else tells that they
belong together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from dr_sim.backups.chain import (
    NO_FORKS,
    ends_of_history,
    forks_of,
    leads_to,
    on_path,
    order,
    stands_on_full,
    type_forks,
)
from dr_sim.backups.log_run import FEWEST, LogRun
from dr_sim.backups.model import (
    BackupHeader,
    Kind,
    RestoreState,
    finishing_order,
)
from dr_sim.backups.plan import plan

_LOG = Kind.LOG


class Stored(Protocol):
    """A whole file in a share. copied: it lies intact on the other side too (or need not)."""

    @property
    def name(self) -> str: ...
    @property
    def header(self) -> BackupHeader: ...
    @property
    def copied(self) -> bool: ...


@dataclass(slots=True)
class StoredFile:
    """The plainest Stored."""

    name: str
    header: BackupHeader
    copied: bool = True


def prunable(
    files: Sequence[Stored],
    now_utc_us: int,
    retention_us: int,
    keep_fulls: int,
    standby: RestoreState | None = None,
) -> list[str]:
    """Names of the files that may be deleted, the oldest first.

    files: all intact files of one database on one side (leave damaged ones out: they anchor
    nothing). keep_fulls: the number of fulls, copy-only ones not counted, that stay at any age.
    standby: where the database stands that is fed from these files: what it may still have to
    restore stays.
    """
    old_before_us = now_utc_us - retention_us
    gone = Shelf.of(files).gone(old_before_us, keep_fulls, standby)
    if gone is None:
        gone = _generally_gone(files, old_before_us, keep_fulls, standby)
    return _in_order(gone)


def _in_order(gone: list[Stored]) -> list[str]:
    gone.sort(key=lambda file: (file.header.finished_utc_us, file.name))
    return [file.name for file in gone]


class _Rest:
    """The logs of a run from a place on: those before have gone."""

    __slots__ = ("begin", "run")

    def __init__(self, run: LogRun) -> None:
        self.run = run
        self.begin = 0

    def __len__(self) -> int:
        return len(self.run) - self.begin

    def logs(self) -> Iterator[Stored]:
        run = self.run
        for i in range(self.begin, len(run)):
            yield StoredFile(run.name(i), run.header(i))


def _is(each: Stored | _Rest, name: str) -> bool:
    """Return whether that is the log of that name, which is not in a run."""
    return not isinstance(each, _Rest) and each.name == name


class Shelf:
    """The whole files of one database in one share, kept from day to day so that retention need not
    look at each.

    usual: each log begins where the one before it ended, on one fork, and was finished after it. If
    that is not so the shelf is empty and says nothing, until a new one is made.
    """

    __slots__ = (
        "_finished_utc_us",
        "_fork",
        "_in_runs",
        "_logs",
        "_others",
        "_reached",
        "usual",
    )

    def __init__(self, files: Iterable[Stored] = ()) -> None:
        self.usual = True
        self._logs: deque[Stored | _Rest] = deque()
        self._in_runs = (
            0  # logs that are held as runs, less one for each run
        )
        self._others: dict[str, Stored] = {}  # fulls and incrementals
        self._fork = self._reached = self._finished_utc_us = (
            0  # of the last log
        )
        for file in files:
            self.add(file)

    @classmethod
    def of(cls, files: Sequence[Stored]) -> Shelf:
        """A shelf of these files, whatever order they come in."""
        shelf = cls(files)
        return (
            shelf
            if shelf.usual
            else cls(sorted(files, key=lambda file: order(file.header)))
        )

    def __len__(self) -> int:
        return len(self._logs) + self._in_runs + len(self._others)

    def logs(self) -> Iterator[Stored]:
        """Go through the logs, the oldest first."""
        for each in self._logs:
            if isinstance(each, _Rest):
                yield from each.logs()
            else:
                yield each

    def spoil(self) -> None:
        """Something unusual has happened to a file."""
        self.usual = False
        self._in_runs = 0
        self._logs.clear()
        self._others.clear()

    def add(self, file: Stored) -> None:
        """A file is here, and whole."""
        header = file.header
        if not self.usual:
            return
        if header.kind is not _LOG:
            self._others[file.name] = file
            return
        first, fork = header.first_lsn, header.fork
        if (
            header.first_fork != fork
            or header.last_lsn < first
            or (
                self._logs
                and (
                    first != self._reached
                    or fork != self._fork
                    or header.finished_utc_us < self._finished_utc_us
                )
            )
        ):
            self.spoil()
        else:
            self._logs.append(file)
            self._fork, self._reached, self._finished_utc_us = (
                fork,
                header.last_lsn,
                header.finished_utc_us,
            )

    def add_run(self, run: LogRun) -> None:
        """Whole logs are here, each of which was finished after the one before it."""
        if len(run) < FEWEST:
            for file in _Rest(run).logs():
                self.add(file)
            return
        last = len(run) - 1
        self.add(StoredFile(run.name(0), run.header(0)))
        if not self.usual:
            return
        self._logs[-1] = _Rest(run)
        self._in_runs += last
        self._reached, self._finished_utc_us = (
            run.lsn[-1],
            run.finished_utc_us(last),
        )

    def hold_as_run(self, run: LogRun) -> None:
        """Hold logs that lie here one by one as a run from now on."""
        logs = list(self._logs)
        names = run.names()
        at = next(
            (i for i, each in enumerate(logs) if _is(each, names[0])), -1
        )
        these = logs[at : at + len(names)]
        if (
            at < 0
            or len(these) < len(names)
            or not all(map(_is, these, names))
        ):
            return
        logs[at : at + len(names)] = [_Rest(run)]
        self._logs = deque(logs)
        self._in_runs += len(names) - 1

    def remove(self, *names: str) -> None:
        """Files are here no more: fulls, incrementals, or the first logs; any other is unusual."""
        others = self._others
        for name in names:
            first = self._first_name()
            if first is not None and first == name:
                self._take_first()
            elif others.pop(name, None) is None:
                self.spoil()

    def _first_name(self) -> str | None:
        """Return the name of the oldest log."""
        if not self._logs:
            return None
        first = self._logs[0]
        if isinstance(first, _Rest):
            return first.run.name(first.begin)
        return first.name

    def _take_first(self) -> None:
        """Take the oldest log away."""
        first = self._logs[0]
        if isinstance(first, _Rest) and len(first) > 1:
            first.begin += 1
            self._in_runs -= 1
        else:
            self._logs.popleft()

    def prunable(
        self,
        now_utc_us: int,
        retention_us: int,
        keep_fulls: int,
        standby: RestoreState | None = None,
        uncopied: Collection[str] = (),
    ) -> list[str] | None:
        """Return what `prunable` (the function) returns for all files here; None where they must
        be looked at one by one. uncopied: the names of those that are yet to be copied.
        """
        gone = self.gone(
            now_utc_us - retention_us, keep_fulls, standby, uncopied
        )
        return None if gone is None else _in_order(gone)

    def gone(
        self,
        old_before_us: int,
        keep_fulls: int,
        standby: RestoreState | None,
        uncopied: Collection[str] = (),
    ) -> list[Stored] | None:
        """Return what goes, where a full or incremental among the old is one from which the logs
        lead on to the end, and every incremental that stays has its base. None: that is not so.
        """
        if not self._logs:
            return None
        old_logs: list[Stored] = []
        begin = -1  # where all logs begin
        first_end = -1  # where the first young one ends
        for file in self.logs():
            if begin < 0:
                begin = file.header.first_lsn
            if file.header.finished_utc_us >= old_before_us:
                first_end = file.header.last_lsn
                break
            old_logs.append(file)
        known = sorted(
            (file.header for file in self._others.values()), key=order
        )
        fork, reached = self._fork, self._reached
        if first_end < 0 or any(
            h.fork != fork or h.first_fork != fork or h.last_lsn > reached
            for h in known
        ):
            return None
        old = {
            h.backup_id for h in known if h.finished_utc_us < old_before_us
        }
        old_end = old_logs[-1].header.last_lsn if old_logs else begin
        needed_from = _needed_from(known, old, begin, first_end, old_end)
        if needed_from is None:
            return None
        kept = {
            h.backup_id
            for h in known
            if h.backup_id not in old or h.last_lsn == needed_from
        }
        kept |= _newest_fulls(known, keep_fulls)
        kept |= {
            file.header.backup_id
            for file in self._others.values()
            if not file.copied or file.name in uncopied
        }
        if standby is not None and standby.exists:
            kept |= _ahead(known, standby)
            needed_from = min(needed_from, standby.redo_lsn)
        for h in reversed(
            known
        ):  # so that a base that is an incremental has its turn after it
            if h.kind is Kind.INCREMENTAL and h.backup_id in kept:
                bases = _bases_under(h, known)
                if not bases and _may_be_led_to(h, known):
                    return None
                kept.update(base.backup_id for base in bases)
        gone = [
            file
            for file in old_logs
            if file.header.last_lsn <= needed_from
            and file.copied
            and file.name not in uncopied
        ]
        return gone + [
            file
            for file in self._others.values()
            if file.header.backup_id not in kept
        ]


def _needed_from(
    known: Sequence[BackupHeader],
    old: set[int],
    begin: int,
    first_end: int,
    old_end: int,
) -> int | None:
    """Return where the anchor ends: the newest old full, or incremental with its base, that ends in
    there. Beyond all old logs if there is none and nothing old can be needed: nothing restores from
    the start before the first young full ends. None: it is not that simple.
    """
    for header in reversed(known):
        if (
            header.backup_id not in old
            or not begin <= header.last_lsn <= first_end
        ):
            continue
        if header.kind is Kind.FULL or _has_its_chain(header, known):
            alike = sum(h.last_lsn == header.last_lsn for h in known)
            return header.last_lsn if alike == 1 else None
        if _may_be_led_to(header, known):
            return None
    fulls = [h for h in known if h.kind is Kind.FULL]
    starts = min((h.last_lsn for h in fulls), default=old_end)
    reach = max(
        (h.last_lsn for h in known if h.backup_id in old), default=old_end
    )
    if (
        any(h.backup_id in old for h in fulls)
        or max(reach, old_end) > starts
    ):
        return None
    return max(reach, old_end) + 1


def _may_be_led_to(
    incremental: BackupHeader, known: Sequence[BackupHeader]
) -> bool:
    """Return whether there is a full from which logs could lead to where it ends."""
    return any(
        h.kind is Kind.FULL and h.last_lsn <= incremental.last_lsn
        for h in known
    )


def _has_its_chain(
    incremental: BackupHeader,
    known: Sequence[BackupHeader],
    forks: type_forks = NO_FORKS,
) -> bool:
    """Return whether everything is here that an incremental depends on, down to a full."""
    under = _bases_under(incremental, known, forks)
    while under and under[0].kind is Kind.INCREMENTAL:
        under = _bases_under(under[0], known, forks)
    return bool(under)


def _bases_under(
    incremental: BackupHeader,
    known: Sequence[BackupHeader],
    forks: type_forks = NO_FORKS,
) -> list[BackupHeader]:
    """Return what an incremental names as its base: fulls (one may stand in several files), else
    one incremental. Empty if it is not here.
    """
    under = [h for h in known if _stands_on(incremental, h, forks)]
    fulls = [h for h in under if h.kind is Kind.FULL]
    return fulls or sorted(under, key=order)[-1:]


def _stands_on(
    above: BackupHeader, base: BackupHeader, forks: type_forks
) -> bool:
    """Return whether that backup is the one that an incremental names as its base by its LSN."""
    if (
        base.first_lsn != above.differential_base_lsn
        or base.last_lsn >= above.last_lsn
    ):
        return False
    if base.kind is Kind.INCREMENTAL:
        possible = base.first_lsn < above.first_lsn and not stands_on_full(
            above
        )
    else:
        possible = base.kind is Kind.FULL and not base.copy_only
    return possible and leads_to(
        base.fork, base.last_lsn, above.fork, forks
    )


def _generally_gone(
    files: Sequence[Stored],
    old_before_us: int,
    keep_fulls: int,
    standby: RestoreState | None,
) -> list[Stored]:
    headers = {file.header.backup_id: file.header for file in files}
    old = {
        i
        for i, header in headers.items()
        if header.finished_utc_us < old_before_us
    }
    if not old:
        return []
    known = list(headers.values())
    forks = forks_of(known)
    newest = max(known, key=finishing_order)
    kept = headers.keys() - old | {newest.backup_id}
    kept |= {file.header.backup_id for file in files if not file.copied}
    kept |= _newest_fulls(known, keep_fulls)
    for end in ends_of_history(known, forks):
        path = on_path(known, end, forks)
        anchor = _anchor(path, old, known, forks)
        if anchor is not None:
            kept.add(anchor.backup_id)
            kept.update(
                h.backup_id
                for h in path
                if h.kind is Kind.LOG and h.last_lsn > anchor.last_lsn
            )
        is_newest = leads_to(newest.fork, newest.last_lsn, end, forks)
        if is_newest and (anchor is None or not _unbroken(anchor, path)):
            kept.update(
                step.backup_id for step in plan(known, fork=end).steps
            )
    if standby is not None and standby.exists:
        kept |= _ahead(known, standby)
    kept |= _bases_of([headers[i] for i in sorted(kept)], known, forks)
    kept |= _tellers_of_forks(known, kept, forks)
    return [file for file in files if file.header.backup_id not in kept]


def _newest_fulls(headers: Sequence[BackupHeader], count: int) -> set[int]:
    fulls = [
        header
        for header in headers
        if header.kind is Kind.FULL and not header.copy_only
    ]
    fulls.sort(key=finishing_order)
    return {full.backup_id for full in fulls[max(len(fulls) - count, 0) :]}


def _anchor(
    path: Sequence[BackupHeader],
    old: set[int],
    headers: Sequence[BackupHeader],
    forks: type_forks,
) -> BackupHeader | None:
    """The newest old backup from which logs without a hole lead into the young logs of a path. An
    incremental whose base is not here (someone took a full to a place of his own) needs older logs
    to be led to: it is the last resort.
    """
    logs = [header for header in path if header.kind is Kind.LOG]
    young = [log for log in logs if log.backup_id not in old]
    if not young:
        return None
    begin = min(log.first_lsn for log in young)
    first_end = young[0].last_lsn
    for log in reversed(
        logs
    ):  # by falling end: once one ends before the run begins, all do
        if log.last_lsn < begin:
            break
        begin = min(begin, log.first_lsn)
    others = [header for header in path if header.kind is not Kind.LOG]
    last_resort: BackupHeader | None = None
    for anchor in reversed(path):
        if anchor.last_lsn < begin:
            break
        if (
            anchor.last_lsn > first_end
            or anchor.backup_id not in old
            or anchor.kind is Kind.LOG
        ):
            continue
        if anchor.kind is Kind.FULL or _has_its_chain(
            anchor, others, forks
        ):
            return anchor
        if last_resort is None and _way_to(anchor, headers):
            last_resort = anchor
    return last_resort


def _way_to(
    incremental: BackupHeader, headers: Sequence[BackupHeader]
) -> list[BackupHeader]:
    """A way to where an incremental ends although its base is lost: logs after an older full carry
    the base forward.
    """
    way = plan(
        [h for h in headers if h.last_lsn <= incremental.last_lsn],
        fork=incremental.fork,
    )
    return (
        way.steps
        if way.reaches == (incremental.fork, incremental.last_lsn)
        else []
    )


def _unbroken(anchor: BackupHeader, path: Sequence[BackupHeader]) -> bool:
    """Do the logs lead from the anchor to the end of the path?"""
    reached = anchor.last_lsn
    for log in path:  # by end: if one that begins later is met first, there is a hole before it
        if log.kind is Kind.LOG and log.last_lsn > reached:
            if log.first_lsn > reached:
                return False
            reached = log.last_lsn
    return reached >= path[-1].last_lsn


def _ahead(
    headers: Sequence[BackupHeader], standby: RestoreState
) -> set[int]:
    """Logs and incrementals past a standby's position, on any fork: whatever goes on from there has
    higher LSNs.
    """
    return {
        h.backup_id
        for h in headers
        if h.kind is not Kind.FULL and h.last_lsn > standby.redo_lsn
    }


def _bases_of(
    kept: Sequence[BackupHeader],
    headers: Sequence[BackupHeader],
    forks: type_forks,
) -> set[int]:
    """Return what the incrementals among the kept stand on, and what that stands on in turn, or
    where it is lost the way by older ones.
    """
    needed: set[int] = set()
    others = [header for header in headers if header.kind is not Kind.LOG]
    standing = [
        header for header in kept if header.kind is Kind.INCREMENTAL
    ]
    while standing:
        incremental = standing.pop()
        bases = _bases_under(incremental, others, forks) or _way_to(
            incremental, headers
        )
        standing += [
            base
            for base in bases
            if base.kind is Kind.INCREMENTAL
            and base.backup_id not in needed
        ]
        needed.update(base.backup_id for base in bases)
    return needed


def _tellers_of_forks(
    headers: Sequence[BackupHeader], kept: set[int], forks: type_forks
) -> set[int]:
    """The logs that tell how the forks of kept files hang together."""
    if not forks:
        return set()
    tellers: dict[int, int] = {}
    for header in sorted(headers, key=order):
        if header.first_fork != header.fork and forks[header.fork] == (
            header.first_fork,
            header.fork_point_lsn,
        ):
            tellers.setdefault(header.fork, header.backup_id)
    present = {
        header.fork for header in headers if header.backup_id in kept
    }
    needed: set[int] = set()
    for fork in present:
        way: list[int] = []
        # headers of damaged origin may name forks in a circle
        while fork in tellers and tellers[fork] not in way:
            way.append(tellers[fork])
            fork = forks[fork][0]
            if fork in present:
                needed.update(way)
    return needed
