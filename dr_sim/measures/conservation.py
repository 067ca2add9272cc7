"""Conservation: every log byte that the primary acknowledged is restored, landed, in flight, lost
or discarded.

Theory of operation. The workload says how much was written, as a function of time alone
(truth.commits_total). Where it went is read from other records: from what backups hold and where
they lie, by LSN; and from what a promotion reported as lost, by time. Position p of the log is byte
p - 1 of all that was written, so the parts must add up to the total to the byte; what has not been
cut yet is what is left, and never negative. They need not, by construction: a log that begins after
its predecessor's end, a restore that reaches further than was written, a loss that is reckoned from
another instant than the engine's position, each leaves a rest.

Of a database that was not promoted the parts lie one after the other along its log:
  restored   the secondary's copy holds it, by the last truth.restored
  landed     an intact full or log at the secondary holds it (an incremental holds pages, no log: it
             counts once restored)
  in_flight  only the primary holds it: in a log backup, or not cut yet
  lost       the same, where the primary has failed and what held it has gone with it
Of one that was promoted: restored, up to where the new fork begins; lost and discarded, as they
were reported. Beside the sum, each log backup must begin where the last one ended (or the log was
truncated): a byte is backed up once. It costs a sort of the logs of a run, once, after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.formatting.words import counted
from dr_sim.measures.tables import (
    Ints,
    Record,
    Tables,
    failed_for_good,
    pick,
    tables,
)
from dr_sim.record.sets import among
from dr_sim.scenario.model import Scenario

# where every database's log begins (world/primary/primary.py), unless a failover has brought it
# online
FIRST_LSN = 1


@dataclass(slots=True)
class Conservation:
    """Where one database's acknowledged log bytes are at the end of a leg. wrong: what does not add
    up, in words.
    """

    database: int
    acknowledged: int
    restored: int = 0
    landed: int = 0
    in_flight: int = 0
    lost: int = 0
    discarded: int = 0
    wrong: list[str] = field(default_factory=list)
    first_lsn: int = FIRST_LSN  # where the log of this leg begins
    commits_before: int = 0  # of earlier legs

    @property
    def unaccounted(self) -> int:
        return (
            self.acknowledged
            - self.restored
            - self.landed
            - self.in_flight
            - self.lost
            - self.discarded
        )

    def parts(self) -> dict[str, int]:
        names = (
            "acknowledged",
            "restored",
            "landed",
            "in_flight",
            "lost",
            "discarded",
        )
        return {f"{name}_bytes": getattr(self, name) for name in names}


def conservation(record: Record, scenario: Scenario) -> list[Conservation]:
    """One for each database; none of a journal that tells of no totals (each run ends with
    them).
    """
    t = tables(record)
    if not len(t["truth.end"]["seq"]) or not len(
        t["truth.commits_total"]["seq"]
    ):
        return []
    return [_of(t, i) for i in range(len(scenario.databases))]


def _of(t: Tables, database: int) -> Conservation:
    total = next(
        (
            r.values
            for r in t.rows("truth.commits_total")
            if r.entity == database
        ),
        None,
    )
    if total is None:
        return Conservation(
            database, 0, wrong=["nothing tells how much was written"]
        )
    begins = next(
        (r.values for r in t.rows("truth.begins") if r.entity == database),
        {"lsn": FIRST_LSN, "commits": 0},
    )
    found = Conservation(
        database,
        total["user_bytes"] + total["maintenance_bytes"],
        first_lsn=begins["lsn"],
        commits_before=begins["commits"],
    )
    logs = _tiles(t, database, found)
    promoted = next(
        (
            r.values
            for r in t.rows("truth.promoted")
            if r.entity == database
        ),
        None,
    )
    if promoted is None:
        _along_the_log(t, found, logs)
    else:
        _as_reported(t, found, promoted, total["commits"])
        _rolled_back(t, found, total)
    if found.unaccounted:
        found.wrong.append(
            f"{counted(found.unaccounted, 'byte')} of {found.acknowledged:,} are unaccounted for: "
            f"{found.parts()}"
        )
    return found


def _tiles(
    t: Tables, database: int, found: Conservation
) -> tuple[Ints, Ints, Ints]:
    """(first, end, file) of every stretch of the log that left it, in order; file -1: by
    truncation.
    """
    made, cut = (
        t.of("truth.backup_finished", database),
        t.of("truth.log_truncated", database),
    )
    made = pick(made, made["kind"] == Kind.LOG)
    begins = found.first_lsn
    first = np.maximum(
        np.concatenate((made["first_lsn"], cut["first_lsn"])), begins
    )
    end = np.maximum(
        np.concatenate((made["last_lsn"], cut["last_lsn"])), begins
    )
    file = np.concatenate(
        (made["file"], np.full(len(cut["seq"]), -1, np.int64))
    )
    order = np.lexsort((-file, first, end))
    first, end, file = first[order], end[order], file[order]
    due = (
        np.concatenate((np.full(1, begins, np.int64), end))[:-1]
        if len(end)
        else end
    )
    # a truncation may overtake the log backup that is being made: it takes the same bytes away once
    # more
    for i in np.flatnonzero((first > due) | ((first < due) & (file >= 0)))[
        :3
    ].tolist():
        found.wrong.append(
            f"the log in file {file[i]} begins at {first[i]}, the one before ended at {due[i]}"
        )
    return first, end, file


def _along_the_log(
    t: Tables, found: Conservation, logs: tuple[Ints, Ints, Ints]
) -> None:
    database, (first, end, file), begins = (
        found.database,
        logs,
        found.first_lsn,
    )
    copy = _copy_reaches(t, database, begins)
    if (
        copy > begins
        and copy not in t.of("truth.backup_finished", database)["last_lsn"]
    ):
        found.wrong.append(
            f"the secondary's copy stands at {copy}, where no backup ends"
        )
    found.restored = copy - begins
    holding = _landed(t, database)
    here_first = np.maximum(
        np.concatenate((holding["first_lsn"], [begins])), begins
    )
    here_first = np.where(
        np.concatenate((holding["kind"], [Kind.LOG])) == Kind.FULL,
        begins,
        here_first,
    )
    here_end = np.concatenate((holding["last_lsn"], [copy]))
    found.landed = _covered(here_first, here_end) - found.restored
    share, log = _primary_holds(t, database)
    backed_up = _covered(
        np.concatenate((here_first, first)), np.concatenate((here_end, end))
    )
    kept = among(file, share)
    in_share = _covered(
        np.concatenate((here_first, first[kept])),
        np.concatenate((here_end, end[kept])),
    )
    beyond = max(int(end[-1]) if len(end) else begins, int(here_end.max()))
    uncut = begins + found.acknowledged - beyond
    if uncut < 0:
        found.wrong.append(
            f"a backup reaches to {beyond}, only {found.acknowledged} B were written"
        )
    only_there = in_share - found.restored - found.landed
    elsewhere = (
        backed_up - in_share + uncut
    )  # in its log, or, of what has left that, in its data files
    found.in_flight = only_there + (elsewhere if log else 0)
    found.lost = 0 if log else elsewhere


def _copy_reaches(t: Tables, database: int, begins: int) -> int:
    """The position of the secondary's copy; the log's beginning if it has been dropped (what then
    survives is less), or is behind that.
    """
    restored, left = (
        t.of("truth.restored", database),
        t.of("truth.survivable", database),
    )
    if not len(restored["seq"]):
        return begins
    left_commits = left["commits"][t.has_text(left["class"], "site")]
    dropped = (
        len(left_commits) and left_commits[-1] < restored["commits"][-1]
    )
    return begins if dropped else max(begins, int(restored["redo_lsn"][-1]))


def _landed(t: Tables, database: int) -> dict[str, Ints]:
    """Find, of each full and log that lies intact at the secondary at the end, its landing."""
    rows = t.of("truth.landed", database)
    rows = pick(rows, rows["kind"] != Kind.INCREMENTAL)
    _, backwards = np.unique(rows["file"][::-1], return_index=True)
    last = np.zeros(len(rows["file"]), np.bool_)
    last[len(last) - 1 - backwards] = True
    rows = pick(rows, last & (rows["intact"] == 1))
    spoilt: dict[int, int] = {}
    for kind in ("truth.file_gone", "truth.damaged"):
        bad = t.of(kind, database)
        there = t.has_text(bad["where"], "secondary")
        for file, seq in zip(
            bad["file"][there].tolist(),
            bad["seq"][there].tolist(),
            strict=True,
        ):
            spoilt[file] = max(spoilt.get(file, 0), seq)
    if not spoilt:
        return rows
    seqs = zip(rows["file"].tolist(), rows["seq"].tolist(), strict=True)
    return pick(
        rows,
        np.array([spoilt.get(f, -1) < seq for f, seq in seqs], np.bool_),
    )


def _primary_holds(t: Tables, database: int) -> tuple[Ints, bool]:
    """(the files that are in the primary's share at the end, whether its data and log survive)."""
    failed = {
        failure_class for _, failure_class in failed_for_good(t, database)
    }
    if "site" in failed:
        return np.empty(0, np.int64), False
    gone = t.of("truth.file_gone", database)
    deleted = gone["file"][t.has_text(gone["where"], "primary")]
    files = t.of("truth.backup_finished", database)["file"]
    return files[~among(files, deleted)], "host" not in failed


def _covered(first: Ints, end: Ints) -> int:
    """Return how many positions lie in at least one of [first, end)."""
    order = np.argsort(first, kind="stable")
    first, end = first[order], end[order]
    before = np.concatenate((first[:1], np.maximum.accumulate(end)[:-1]))
    return int(np.maximum(end - np.maximum(first, before), 0).sum())


def _as_reported(
    t: Tables, found: Conservation, promoted: dict[str, int], commits: int
) -> None:
    thrown = [
        r.values
        for r in t.rows("truth.discarded")
        if r.entity == found.database
    ]
    found.restored = promoted["fork_point_lsn"] - found.first_lsn
    found.lost = (
        promoted["user_bytes_lost"] + promoted["maintenance_bytes_lost"]
    )
    found.discarded = sum(
        v["user_bytes"] + v["maintenance_bytes"] for v in thrown
    )
    transactions = (
        promoted["commits"]
        + promoted["transactions_lost"]
        + sum(v["transactions"] for v in thrown)
    )
    if transactions != commits:
        found.wrong.append(
            f"{transactions} transactions are held, lost or discarded, {commits} were acknowledged"
        )


def _rolled_back(
    t: Tables, found: Conservation, total: dict[str, int]
) -> None:
    """A log that was applied up to a damage may end within a transaction. Recovery rolls that back,
    and it is reported as lost, but the position stays: of the bytes up to there at most one
    transaction's are held no more, nor those of the microsecond in which it was acknowledged.
    """
    silent = any(
        r.entity == found.database for r in t.rows("truth.silent_recovery")
    )
    commits = total["commits"] - found.commits_before
    if silent and commits > 0:
        end_us = max(1, int(t["truth.end"]["time_us"][-1]))
        most = -(-total["user_bytes"] // commits) - (
            -total["user_bytes"] // end_us
        )
        if 0 < -found.unaccounted <= most:
            found.restored += found.unaccounted
