"""Compares what was chosen with the best that was at hand then: the backup that gets a copy past a
place where no log does, and the files that are sent for a way back (R11).

A backup is at hand if the last that was said of it is that it is whole, and it was never handed to
the engine. So the monitors judge nothing that has been refused once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dr_sim.oracle.monitors.alert_rows import position_before
from dr_sim.oracle.monitors.replacing import could_be_taken
from dr_sim.oracle.monitors.story import (
    FULL,
    INCREMENTAL,
    LOG,
    Breach,
    Story,
    kind_in_name,
    lost_here,
)
from dr_sim.record.journal import Row

_TAKES_THE_COPY = ("truth.copy_gone", "seen.Drop", "seen.RestoreFailed")


@dataclass(frozen=True, slots=True)
class _Other:
    """A full or an incremental that is at hand, and not a log."""

    name: str
    kind: int
    fork: int
    base: int
    last_lsn: int
    size: int


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a copy stands: its fork, its LSN, and the base that an incremental must have."""

    fork: int
    lsn: int
    base: int


def _at_hand(story: Story, database: int, seq: int) -> list[_Other]:
    """Return the fulls and incrementals that could be restored for the first time at a row."""
    rows = story.of("seen.Validated", database)
    restores = story.of("seen.Restore", database)
    read = restores["name"][restores["seq"] < seq]
    mine = (rows["seq"] < seq) & (rows["header.kind"] != LOG)
    mine &= (rows["header.copy_only"] == 0) & ~np.isin(rows["name"], read)
    found: dict[int, _Other] = {}
    for place in np.flatnonzero(mine).tolist():
        name = int(rows["name"][place])
        if could_be_taken(story, database, name, seq):
            found[name] = _other(story, rows, place)
    return list(found.values())


def _other(story: Story, rows: dict[str, np.ndarray], place: int) -> _Other:
    return _Other(
        story.text(rows["name"][place]),
        *(
            int(rows[f"header.{field}"][place])
            for field in (
                "kind",
                "fork",
                "differential_base_lsn",
                "last_lsn",
                "nominal_bytes",
            )
        ),
    )


def _said_of(story: Story, database: int, row: Row) -> _Other | None:
    """Return the full or incremental that a row hands to the engine; None: it was never found to be
    whole.
    """
    rows = story.of("seen.Validated", database)
    named = rows["name"] == story.text_id(row.values["name"])
    mine = np.flatnonzero(named & (rows["seq"] < row.seq))
    return _other(story, rows, int(mine[-1])) if len(mine) else None


def _stands(story: Story, database: int, row: Row) -> _Stand | None:
    """Return where the copy stands at a row; None: it may be gone, or the manager has died since
    its last restore.
    """
    place = story.last_before("seen.Restored", database, row.seq)
    if place < 0:
        return None
    rows = story.of("seen.Restored", database)
    since = int(rows["seq"][place])
    if not story.up_between(int(rows["time_us"][place]), row.time_us):
        return None
    if story.any_between(_TAKES_THE_COPY, database, since, row.seq):
        return None
    base = int(rows["differential_base_lsn"][place])
    return _Stand(*position_before(story, database, row.seq), base)


def the_best_backup_gets_past(story: Story) -> Iterator[Breach]:
    """A copy that a full replaces gets the newest one. None is replaced where an incremental gets
    it past the place. Of several incrementals the smallest bridges.
    """
    ordered = story.count("seen.FailoverOrderedToPoint")
    if ordered or story.scenario.engine.postgres_rules:
        return  # an earlier full may be wanted, or a chain of incrementals
    for database in story.databases:
        for row in _restores_of_others(story, database):
            taken = _said_of(story, database, row)
            if taken is None:
                continue
            wrong = ""
            if taken.kind == INCREMENTAL:
                wrong = _larger(story, database, row, taken)
            elif row.values["replace"]:
                wrong = _needless_full(story, database, row, taken)
            if wrong:
                yield Breach("R11", row.seq, row.time_us, database, wrong)


def _restores_of_others(story: Story, database: int) -> list[Row]:
    """Return the rows that hand a full or an incremental to the engine; a run holds few of them."""
    whole = story.of("seen.Validated", database)
    others = np.unique(whole["name"][whole["header.kind"] != LOG])
    if len(others) < 2:
        return []  # there is nothing to choose from
    restores = story.of("seen.Restore", database)
    found = restores["seq"][np.isin(restores["name"], others)]
    return [story.journal.row(int(seq)) for seq in found]


def _needless_full(
    story: Story, database: int, row: Row, taken: _Other
) -> str:
    """Return what is wrong with a full that takes the place of a copy; '' if nothing."""
    others = _at_hand(story, database, row.seq)
    for each in others:
        same = each.kind == FULL and each.fork == taken.fork
        if same and each.last_lsn > taken.last_lsn:
            return (
                f"{taken.name} takes the place of the copy, and {each.name} is newer, here "
                "and whole"
            )
    stands = _stands(story, database, row)
    if stands is None or _may_start_over(story, database, row):
        return ""
    for each in _bridges(story, database, row, stands, others):
        return (
            f"the copy is replaced by {taken.name}; {each.name}, which is here and whole, "
            "would get it past the place"
        )
    return ""


def _may_start_over(story: Story, database: int, row: Row) -> bool:
    """Return whether the policy starts over from a full, or a full was asked for."""
    replay = story.scenario.replay
    if "resync" in (replay.on_hole, replay.otherwise):
        return True
    place = story.last_before("seen.Restored", database, row.seq)
    since = int(story.of("seen.Restored", database)["seq"][place])
    found = story.between("seen.TakeBackup", database, since, row.seq)
    asked = story.of("seen.TakeBackup", database)["kind"][found]
    return bool((asked == FULL).any())


def _larger(story: Story, database: int, row: Row, taken: _Other) -> str:
    """Return what is wrong with an incremental that bridges; '' if nothing."""
    replay = story.scenario.replay
    if replay.on_hole != "bridge" or replay.otherwise == "skip_ahead":
        return ""  # who skips ahead goes as far as he can
    if not story.log_interval_us(database) or story.failing_over(row.seq):
        return ""
    stands = _stands(story, database, row)
    if stands is None or not _follows_on_a_log(story, database, row):
        return ""
    others = _at_hand(story, database, row.seq)
    for each in _bridges(story, database, row, stands, others):
        if each.size < taken.size:
            return (
                f"{taken.name} bridges, and {each.name}, which is here and whole, is smaller "
                "and gets past the place too"
            )
    return ""


def _follows_on_a_log(story: Story, database: int, row: Row) -> bool:
    """Return whether a log was restored last. After a full a whole way is taken, to its end."""
    place = story.last_before("seen.Restored", database, row.seq)
    last = story.of("seen.Restored", database)["name"][place]
    return kind_in_name(story.text(last)) == LOG


def _bridges(
    story: Story,
    database: int,
    row: Row,
    stands: _Stand,
    others: list[_Other],
) -> Iterator[_Other]:
    """Yield the incrementals that fit a copy and get it past the first hole before it."""
    behind = _behind_the_hole(story, database, row.seq, stands)
    for each in others:
        fits = each.kind == INCREMENTAL and each.base == stands.base
        if fits and each.fork == stands.fork and each.last_lsn >= behind:
            yield each


def _behind_the_hole(
    story: Story, database: int, seq: int, stands: _Stand
) -> int:
    """Return where the first log begins that is whole and cannot be replayed from there; the next
    LSN if there is none.
    """
    rows = story.of("seen.Validated", database)
    logs = (rows["seq"] < seq) & (rows["header.kind"] == LOG)
    logs &= rows["header.fork"] == stands.fork
    logs &= rows["header.last_lsn"] > stands.lsn
    first, last = (
        rows["header.first_lsn"][logs],
        rows["header.last_lsn"][logs],
    )
    reached = stands.lsn
    for place in np.argsort(first, kind="stable").tolist():
        if int(first[place]) > reached:
            return int(first[place])
        reached = max(reached, int(last[place]))
    return reached + 1


# ---- what is sent for a way back
def files_are_sent_in_order(story: Story) -> Iterator[Breach]:
    """Files that are sent for a way back come in the order in which they are restored: each after
    the one that was begun before it, but for a full, at which another chain begins.
    """
    if any(
        row.values["detail"].startswith("clock of")
        for row in story.rows("truth.event")
    ):
        return  # names tell the time of a clock that was wrong
    for row in story.rows("seen.Fetch"):
        names = json.loads(row.values["names"])
        for before, name in pairwise(names):
            if name < before and kind_in_name(name) != FULL:
                yield Breach(
                    "R11",
                    row.seq,
                    row.time_us,
                    row.entity,
                    f"{name} is sent after {before}, and is restored before it",
                )
                break


def no_full_is_sent_in_vain(story: Story) -> Iterator[Breach]:
    """No full is sent if one that lies here leads as far with the same logs."""
    if story.count("seen.FailoverOrderedToPoint"):
        return
    for row in story.rows("seen.Fetch"):
        names = json.loads(row.values["names"])
        fulls = [name for name in names if kind_in_name(name) == FULL]
        if not fulls:
            continue
        if not _holds_a_full(story, row):
            continue
        here, there = _here_now(story, row), _listed(story, row)
        pool = [*here.values(), *there.values()]
        if len({each.fork for each in pool}) != 1:
            continue
        mine = [each for each in here.values() if each.kind == FULL]
        for name in fulls:
            if name not in there:
                continue
            goal = _leads_to(there[name], pool)
            for full in mine:
                if _leads_to(full, pool) >= goal:
                    yield Breach(
                        "R11",
                        row.seq,
                        row.time_us,
                        row.entity,
                        f"{name} is sent, and {full.name}, which is here and whole, leads as far",
                    )
                    return


@dataclass(frozen=True, slots=True)
class _Link:
    """One backup of a chain."""

    name: str
    kind: int
    fork: int
    first_lsn: int
    last_lsn: int
    base: int


_SAY = (
    "seen.Validated",
    "seen.Validate",
    "seen.ValidationFailed",
    "seen.Delete",
    "seen.Landed",
    "seen.RestoreFailed",
    "seen.NoRoom",
)


def _holds_a_full(story: Story, row: Row) -> bool:
    """Return whether any full of a database was found whole before a row, wherever it is now."""
    rows = story.of("seen.Validated", row.entity)
    fulls = (rows["header.kind"] == FULL) & (rows["seq"] < row.seq)
    return bool(fulls.any())


def _here_now(story: Story, row: Row) -> dict[str, _Link]:
    """Return the backups that were found whole in this life, of which nothing else was said, and
    that were not lost here since.
    """
    rows = story.of("seen.Validated", row.entity)
    begin_us = story.life_at(row.time_us)[0]
    mine = (rows["seq"] < row.seq) & (rows["time_us"] >= begin_us)
    found: dict[str, _Link] = {}
    for place in np.flatnonzero(mine).tolist():
        name = int(rows["name"][place])
        is_new = story.text(name) not in found
        if lost_here(
            story, row.entity, int(rows["time_us"][place]), row.time_us
        ):
            continue
        if is_new and could_be_taken(
            story, row.entity, name, row.seq, _SAY
        ):
            found[story.text(name)] = _Link(
                story.text(name),
                *(
                    int(rows[f"header.{field}"][place])
                    for field in (
                        "kind",
                        "fork",
                        "first_lsn",
                        "last_lsn",
                        "differential_base_lsn",
                    )
                ),
            )
    return found


def _listed(story: Story, row: Row) -> dict[str, _Link]:
    """Return the backups in the primary's share, as it was listed last before a row."""
    lists = [
        each
        for each in story.rows("seen.ShareListed")
        if each.entity == row.entity and each.seq < row.seq
    ]
    if not lists:
        return {}
    files = json.loads(lists[-1].values["files"])
    return {name: _link(name, text) for name, text in files.items()}


def _link(name: str, text: str) -> _Link:
    _, _, kind, fork, first, last, _, _, base, *_ = json.loads(text)
    return _Link(name, kind, fork, first, last, base)


def _leads_to(full: _Link, pool: list[_Link]) -> int:
    """Return how far a full leads with all that follows on it in a pool."""
    reached = full.last_lsn
    for each in sorted(pool, key=lambda link: link.last_lsn):
        by_log = each.kind == LOG and each.first_lsn <= reached
        stands = each.kind == INCREMENTAL and each.base == full.first_lsn
        if by_log or stands:
            reached = max(reached, each.last_lsn)
    return reached
