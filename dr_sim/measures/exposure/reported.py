"""Reported exposure: what the recovery manager believes the exposure to be, from the events that it
has received and nothing else.

It believes in the unbroken chain of validated logs from where its copy of the database stands:
whatever that chain holds was there when the chain's last log was cut, by that log's own header. The
headers carry the primary's clock, so a wrong clock makes a wrong report: the difference to the true
curve is what nobody was told. Of a database that was not seeded it knows that there is nothing to
continue from until a full is restored: all since the beginning would be lost. So it is once it
learns that its copy is gone (event 19), unless a full lies here that it takes to be whole.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.exposure.exposure import (
    Curve,
    all_since_us,
    step_curve,
)
from dr_sim.measures.exposure.known_copy import believed_here, known_as_gone
from dr_sim.measures.tables import (
    Ints,
    Record,
    Tables,
    pick,
    tables,
    up_until_us,
)
from dr_sim.scenario.model import Scenario

_RESTORED, _VALIDATED, _FEWER, _LOST = range(4)
"""Kinds of news. _LOST: the copy is gone; _FEWER: a backup that was here may be gone or damaged."""
_BASE_IS_HERE = -1
"""The base of a full, which needs none, and of an incremental that was kept with its chain."""
_COLUMNS = (
    "name",
    "header.kind",
    "header.fork",
    "header.first_fork",
    "header.first_lsn",
    "header.last_lsn",
    "header.started_utc_us",
    "header.finished_utc_us",
    "header.differential_base_lsn",
)


class _Believed:
    """The chain of one database as its manager knows it: where it stands and when the last of it
    was cut.
    """

    __slots__ = (
        "ahead",
        "bases",
        "fork",
        "keeps",
        "last_lsn",
        "lost",
        "seeded",
        "sets",
        "since_utc_us",
        "without_base",
    )

    def __init__(self, seeded: bool, keeps: bool = False) -> None:
        """keeps: at a store a full can be restored as soon as it is whole."""
        self.seeded = seeded
        self.keeps = keeps
        self.lost = (
            False  # the copy is known to be gone, and no other is here yet
        )
        self.fork = 0
        self.last_lsn = -1  # -1: no position reported yet
        self.since_utc_us = 0
        # validated logs: first_lsn, last_lsn, fork, the fork it begins on, started
        self.ahead: list[tuple[int, int, int, int, int]] = []
        # fulls and incrementals by name id: last_lsn, their time
        self.sets: dict[int, tuple[int, int]] = {}
        # at a store: first LSNs of the backups on which an incremental can be restored
        self.bases = {_BASE_IS_HERE}
        # at a store: backups whose base is not here: base, first_lsn, fork, last_lsn, name
        self.without_base: list[tuple[int, int, int, int, int]] = []

    def stands_at(self, fork: int, lsn: int) -> None:
        """The copy stands behind the primary's first position."""
        self.fork, self.last_lsn = fork, lsn

    def validated(
        self,
        name: int,
        kind: int,
        forks: tuple[int, int],
        lsns: tuple[int, int],
        times: tuple[int, int],
        base_lsn: int = 0,
    ) -> None:
        """A backup was validated: from its first LSN to its last, begun and finished at times.
        forks: the one that it lies on, and the one on which it begins. base_lsn: of an incremental,
        where the backup begins on which it is based.
        """
        fork, first_fork = forks
        first_lsn, last_lsn = lsns
        started, finished = times
        if kind != Kind.LOG:
            self.sets[name] = (last_lsn, finished)
            if self.keeps:
                is_full = kind == Kind.FULL
                base = _BASE_IS_HERE if is_full else base_lsn
                self.without_base.append(
                    (base, first_lsn, fork, last_lsn, name)
                )
                self._with_bases()
            elif self.lost and kind == Kind.FULL:
                self.restorable(name, fork, last_lsn)
            return
        if self.last_lsn < 0 and not self.seeded:
            insort(
                self.ahead, (first_lsn, last_lsn, fork, first_fork, started)
            )
            return
        if (
            self.last_lsn < 0
        ):  # the first log of a seeded copy fits on what was seeded
            self.fork, self.last_lsn = fork, first_lsn
        # the next one, as nearly always
        if (
            not self.ahead
            and first_lsn == self.last_lsn
            and fork == self.fork
        ):
            self.last_lsn, self.since_utc_us = last_lsn, started
            return
        insort(self.ahead, (first_lsn, last_lsn, fork, first_fork, started))
        self._follow()

    def copy_lost(self, since_utc_us: int) -> None:
        """Believe in nothing but what is told from now on. since_utc_us: since when all is lost."""
        self.lost, self.seeded = True, False
        self.fork, self.last_lsn = 0, -1
        self.since_utc_us = since_utc_us
        self.ahead, self.sets = [], {}

    def restored(self, name: int, fork: int, redo_lsn: int) -> None:
        self.lost = False
        self.restorable(name, fork, redo_lsn)

    def restorable(self, name: int, fork: int, redo_lsn: int) -> None:
        """A full or an incremental can be restored up to that position."""
        last_lsn, finished = self.sets.get(name, (-1, 0))
        if last_lsn >= 0 and (
            fork != self.fork or redo_lsn > self.last_lsn
        ):
            self.fork, self.last_lsn, self.since_utc_us = (
                fork,
                redo_lsn,
                finished,
            )
            self._follow()

    def _with_bases(self) -> None:
        """Believe in the backups whose base is here, and in those on them."""
        while found := [x for x in self.without_base if x[0] in self.bases]:
            for backup in found:
                self.without_base.remove(backup)
                _, first_lsn, fork, last_lsn, name = backup
                self.bases.add(first_lsn)
                self.restorable(name, fork, last_lsn)

    def _follow(self) -> None:
        while self.ahead and self.ahead[0][0] <= self.last_lsn:
            _, last_lsn, fork, first_fork, started = self.ahead.pop(0)
            fits = self.fork in (fork, first_fork)
            if fits and last_lsn > self.last_lsn:
                self.fork, self.last_lsn = fork, last_lsn
                self.since_utc_us = started


def reported_exposure(
    record: Record, scenario: Scenario, database: int
) -> Curve:
    """Return what the manager would report for one database, from its first validated log on, while
    the primary is up.
    """
    t = tables(record)
    copies = t.of("truth.copy_there", database)["time_us"]
    believed = _Believed(
        scenario.databases[database].seeded or bool(len(copies)),
        scenario.store is not None,
    )
    # nothing is there, or all that the new primary began with
    known = not believed.seeded or scenario.leg_no > 1
    time_us: list[int] = [0] if known else []
    since_us: list[int] = (
        [_without_copy_us(believed, scenario, database)] if known else []
    )
    behind = t.of("truth.behind", database)["lacking_us"][:1].tolist()
    if behind:
        there = t.of("truth.copy_there", database)
        believed.stands_at(int(there["fork"][0]), int(there["lsn"][0]))
        since_us = behind
    for full in _kept_fulls(t, scenario, database):
        believed.validated(*full)
    if believed.since_utc_us:
        since_us = [believed.since_utc_us - scenario.start_utc_us]
    before = None
    for seq, at, what, *told in _told(t, scenario, database, believed):
        if what in (_RESTORED, _VALIDATED):
            _tell(believed, what, told)
        elif what == _LOST or believed.lost:
            all_us = all_since_us(scenario, database, 0)
            believed.copy_lost(scenario.start_utc_us + all_us)
            for backup in _usable(
                believed_here(t, scenario, database, seq)
            ):
                _tell(believed, _VALIDATED, backup)
        if believed.since_utc_us and believed.since_utc_us != before:
            before = believed.since_utc_us
            time_us.append(at)
            since_us.append(before - scenario.start_utc_us)
    return step_curve(
        np.array(time_us, np.int64),
        np.array(since_us, np.int64),
        up_until_us(t, scenario, database),
    )


def _kept_fulls(
    t: Tables, scenario: Scenario, database: int
) -> Iterator[
    tuple[int, int, tuple[int, int], tuple[int, int], tuple[int, int], int]
]:
    """Yield the fulls and incrementals that a store has kept of an earlier primary, as _Believed is
    told of them: they are not validated again. Stated simplifications: their times are those of a
    clock that is right, and the bases of the incrementals were kept too.
    """
    if scenario.store is None:
        return
    carried = t.of("truth.carried", database)
    here = carried["file"][carried["here"] == 1]
    made = t.of("truth.backup_finished", database)
    kept = np.isin(made["file"], here) & (made["kind"] != Kind.LOG)
    made = pick(made, kept)
    for i in np.argsort(made["last_lsn"], kind="stable").tolist():
        fork = int(made["fork"][i])
        utc_us = scenario.start_utc_us + int(made["time_us"][i])
        yield (
            int(made["name"][i]),
            int(made["kind"][i]),
            (fork, fork),
            (int(made["first_lsn"][i]), int(made["last_lsn"][i])),
            (utc_us, utc_us),
            _BASE_IS_HERE,
        )


def _without_copy_us(
    believed: _Believed, scenario: Scenario, database: int
) -> int:
    """Since when all would be lost until a backup has come: a copy that follows holds all that the
    new primary began with.
    """
    if believed.seeded:
        return 0
    return all_since_us(scenario, database, 0)


def _tell(believed: _Believed, what: int, told: Sequence[int]) -> None:
    """told: the columns of _COLUMNS."""
    name, kind, fork, first_fork, first, last, started, finished, base = (
        told
    )
    if what == _RESTORED:
        believed.restored(name, fork, last)
        return
    forks, lsns, times = (
        (fork, first_fork),
        (first, last),
        (started, finished),
    )
    believed.validated(name, kind, forks, lsns, times, base)


def _usable(here: dict[str, Ints]) -> Iterator[Sequence[int]]:
    """Yield the backups of which a copy can be restored: the fulls, the incrementals on them and on
    each other, the logs.
    """
    kinds, last = here["header.kind"], here["header.last_lsn"]
    starts: set[int] = set()
    for i in np.lexsort((last, kinds)).tolist():
        base = int(here["header.differential_base_lsn"][i])
        if kinds[i] == Kind.INCREMENTAL and base not in starts:
            continue
        if kinds[i] != Kind.LOG:
            starts.add(int(here["header.first_lsn"][i]))
        yield [int(here[column][i]) for column in _COLUMNS]


def _told(
    t: Tables, scenario: Scenario, database: int, believed: _Believed
) -> list[tuple[int, ...]]:
    """Return what the manager heard, in order: row, instant, what, and the columns of a backup."""
    v, r = t.of("seen.Validated", database), t.of("seen.Restored", database)
    # the restore of a log is no news: the manager has known since it was validated
    sets = v["name"][v["header.kind"] != Kind.LOG]
    r = pick(r, np.isin(r["name"], sets))
    columns = (v[column] for column in _COLUMNS)
    rows = _zip(v["seq"], v["time_us"], _VALIDATED, *columns)
    restored = (r["name"], 0, r["fork"], 0, 0, r["redo_lsn"], 0, 0, 0)
    rows += _zip(r["seq"], r["time_us"], _RESTORED, *restored)
    gone = (
        []
        if believed.keeps
        else known_as_gone(t, scenario, database, believed.seeded)
    )
    if gone:
        rows += [(*row, _LOST) for row in gone]
        failed = t.of("seen.ValidationFailed", database)
        rows += _zip(failed["seq"], failed["time_us"], _FEWER)
        looks = t.rows("seen.Inventory")
        rows += [(row.seq, row.time_us, _FEWER) for row in looks]
    rows.sort()
    return rows


def _zip(*parts: Ints | int) -> list[tuple[int, ...]]:
    n = next(len(p) for p in parts if not isinstance(p, int))
    return list(
        zip(
            *(
                ([p] * n) if isinstance(p, int) else p.tolist()
                for p in parts
            ),
            strict=True,
        )
    )
