"""The whole files of one database in one share, kept so that retention need not look at each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dr_sim.backups.chain import (
    order,
)
from dr_sim.backups.log_run import FEWEST, LogRun
from dr_sim.backups.model import (
    Kind,
    RestoreState,
)
from dr_sim.backups.retention_rules import (
    ahead,
    bases_under,
    lsn_needed_from,
    may_be_led_to,
    newest_fulls,
)
from dr_sim.backups.stored import (
    Gone,
    Stored,
    StoredFile,
    gone_of,
    in_order,
)

_LOG = Kind.LOG


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

    def first(self, number: int) -> Iterator[Gone]:
        """Return that number of the logs, the first ones, for deletion."""
        run = self.run
        these = range(self.begin, self.begin + number)
        names = run.names()[these.start : these.stop]
        return map(Gone, map(run.finished_utc_us, these), names)

    def finished_before(self, utc_us: int) -> int:
        """Return how many of them, the first ones, were finished before that instant."""
        run = self.run
        finished_us = utc_us - run.alike.utc_minus_mono_us
        return (
            bisect_left(run.finished_us, finished_us, self.begin)
            - self.begin
        )

    def ended_by(self, lsn: int) -> int:
        """Return how many of them, the first ones, end at that LSN or before it."""
        begin = self.begin + 1  # where the first ends
        return bisect_right(self.run.lsn, lsn, begin) - begin


def _order(each: Stored | LogRun) -> tuple[int, int, int, int]:
    """Return the place of a file among others, or of the first log of a run."""
    if isinstance(each, LogRun):
        return order(each.header(0))
    return order(each.header)


def _begins(each: Stored | _Rest) -> int:
    """Return the LSN at which the first log begins."""
    if isinstance(each, _Rest):
        return each.run.lsn[each.begin]
    return each.header.first_lsn


def _ends(each: Stored | _Rest, number: int) -> int:
    """Return the LSN at which the log of that number ends, counted from 1."""
    if isinstance(each, _Rest):
        return each.run.lsn[each.begin + number]
    return each.header.last_lsn


@dataclass(slots=True)
class _Old:
    """The old logs: of each thing that holds some, how many, the first ones of it.

    end: where the last of them ends, or where all logs begin. young_end: where the first log after
    them ends; -1: there is none.
    """

    parts: list[tuple[Stored | _Rest, int]]
    end: int
    young_end: int = -1

    def ended_by(self, lsn: int) -> Iterator[Gone]:
        """Go through those that end at that LSN or before it, and are copied."""
        for each, number in self.parts:
            if isinstance(each, _Rest):
                yield from each.first(min(number, each.ended_by(lsn)))
            elif each.copied and each.header.last_lsn <= lsn:
                yield gone_of(each)


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

    def __init__(self, files: Iterable[Stored | LogRun] = ()) -> None:
        self.usual = True
        self._logs: deque[Stored | _Rest] = deque()
        self._in_runs = (
            0  # logs that are held as runs, less one for each run
        )
        self._others: dict[str, Stored] = {}  # fulls and incrementals
        self._fork = self._reached = self._finished_utc_us = (
            0  # of the last log
        )
        for each in files:
            if isinstance(each, LogRun):
                self.add_run(each)
            else:
                self.add(each)

    @classmethod
    def of(cls, files: Sequence[Stored | LogRun]) -> Shelf:
        """A shelf of these files and of the logs of these runs, whatever order they come in."""
        shelf = cls(files)
        return shelf if shelf.usual else cls(sorted(files, key=_order))

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

    def remove_run(self, run: LogRun) -> None:
        """The logs of a run are here no more: see `remove`."""
        first = self._whole_run()
        if first is not None and first.run is run:
            self._take_run(first)
        elif self.usual:
            self.remove(*run.names())

    def _whole_run(self) -> _Rest | None:
        """Return the oldest logs, if they are a run of which none has gone."""
        first = self._logs[0] if self._logs else None
        if isinstance(first, _Rest) and not first.begin:
            return first
        return None

    def _take_run(self, first: _Rest) -> None:
        """Take the oldest logs away, which are a run."""
        self._logs.popleft()
        self._in_runs -= len(first) - 1

    def remove(self, *names: str) -> None:
        """Files are here no more: fulls, incrementals, or the first logs; any other is unusual."""
        others, at = self._others, 0
        while at < len(names):
            taken = self._take_first_run(names, at)
            if taken:
                at += taken
                continue
            name = names[at]
            first = self._first_name()
            if first is not None and first == name:
                self._take_first()
            elif others.pop(name, None) is None:
                self.spoil()
            at += 1

    def _take_first_run(self, names: Sequence[str], at: int) -> int:
        """Take the oldest logs away if they are a whole run that has the names from that place on;
        return how many they are.
        """
        first = self._whole_run()
        if first is None:
            return 0
        its = first.run.names()
        if list(names[at : at + len(its)]) != its:
            return 0
        self._take_run(first)
        return len(its)

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
        return None if gone is None else in_order(gone)

    def _old(self, old_before_us: int) -> _Old:
        """Return the logs that were finished before that instant. There is a log here."""
        old = _Old([], _begins(self._logs[0]))
        for each in self._logs:
            if isinstance(each, _Rest):
                number = each.finished_before(old_before_us)
                all_old = number == len(each)
            else:
                all_old = each.header.finished_utc_us < old_before_us
                number = int(all_old)
            if number:
                old.parts.append((each, number))
                old.end = _ends(each, number)
            if not all_old:
                old.young_end = _ends(each, number + 1)
                break
        return old

    def gone(
        self,
        old_before_us: int,
        keep_fulls: int,
        standby: RestoreState | None,
        uncopied: Collection[str] = (),
    ) -> list[Gone] | None:
        """Return what goes, where a full or incremental among the old is one from which the logs
        lead on to the end, and every incremental that stays has its base. None: that is not so.
        """
        if not self._logs:
            return None
        begin = _begins(self._logs[0])
        logs = self._old(old_before_us)
        known = sorted(
            (file.header for file in self._others.values()), key=order
        )
        fork, reached = self._fork, self._reached
        if logs.young_end < 0 or any(
            h.fork != fork or h.first_fork != fork or h.last_lsn > reached
            for h in known
        ):
            return None
        old = {
            h.backup_id for h in known if h.finished_utc_us < old_before_us
        }
        needed_from = lsn_needed_from(
            known, old, begin, logs.young_end, logs.end
        )
        if needed_from is None:
            return None
        kept = {
            h.backup_id
            for h in known
            if h.backup_id not in old or h.last_lsn == needed_from
        }
        kept |= newest_fulls(known, keep_fulls)
        kept |= {
            file.header.backup_id
            for file in self._others.values()
            if not file.copied or file.name in uncopied
        }
        if standby is not None and standby.exists:
            kept |= ahead(known, standby)
            needed_from = min(needed_from, standby.redo_lsn)
        for h in reversed(
            known
        ):  # so that a base that is an incremental has its turn after it
            if h.kind is Kind.INCREMENTAL and h.backup_id in kept:
                bases = bases_under(h, known)
                if not bases and may_be_led_to(h, known):
                    return None
                kept.update(base.backup_id for base in bases)
        gone = [
            each
            for each in logs.ended_by(needed_from)
            if each.name not in uncopied
        ]
        return gone + [
            gone_of(file)
            for file in self._others.values()
            if file.header.backup_id not in kept
        ]
