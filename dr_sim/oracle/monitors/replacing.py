"""Tells which full a copy is built from, and what may take the place of a copy (R11)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.alert_rows import (
    position_before,
)
from dr_sim.oracle.monitors.story import (
    FULL,
    INCREMENTAL,
    LOG,
    Breach,
    Story,
    kind_in_name,
    rot_said,
)
from dr_sim.record.journal import Row

NO_SEQ = 1 << 62
"""A seq after those of all rows."""
_SAY_OF_A_FULL = (
    "seen.Validated",
    "seen.Validate",
    "seen.ValidationFailed",
    "seen.Delete",
    "seen.Restore",
    "seen.Landed",
)


def dropped_after_its_replacement_is_here(story: Story) -> Iterator[Breach]:
    """A copy is dropped only when the full that replaces it has landed and is verified (R11). A
    store keeps no copy.
    """
    keeps_files = story.scenario.store is not None
    for row in story.rows("seen.Drop"):
        if keeps_files and not story.failing_over(row.seq):
            continue
        whole = story.of("seen.Validated", row.entity)
        before = (whole["seq"] < row.seq) & (whole["header.kind"] == FULL)
        names = set(whole["name"][before].tolist())
        # the next read is of the replacement
        reads = story.of("seen.Restore", row.entity)
        following = np.flatnonzero(reads["seq"] > row.seq)
        reading = (
            len(following)
            and int(reads["time_us"][following[0]]) == row.time_us
        )
        if reading and int(reads["name"][following[0]]) in names:
            continue
        if not reading and not story.up_between(
            row.time_us, row.time_us + 1
        ):  # it died before the next read: the one that found no room tells
            place = story.last_before("seen.NoRoom", row.entity, row.seq)
            refused = story.of("seen.NoRoom", row.entity)["name"]
            if place >= 0 and int(refused[place]) in names:
                continue
        yield Breach(
            "R11",
            row.seq,
            row.time_us,
            row.entity,
            "the copy is dropped before its replacement has landed and is verified",
        )


def the_newest_full_is_taken(story: Story) -> Iterator[Breach]:
    """A copy that is built from nothing is built from the newest full that is here and whole (R11).
    A replay delay, or an order to an earlier instant, may ask for an older one.
    """
    orders = story.rows("seen.FailoverOrderedToPoint")
    if story.scenario.replay.delay_us or orders:
        return
    for database in story.databases:
        restores = story.of("seen.Restore", database)
        for place in _built_from_nothing(story, database):
            seq = int(restores["seq"][place])
            name = int(restores["name"][place])
            if kind_in_name(story.text(name)) != FULL:
                continue
            newer = _newer_full(story, database, name, seq)
            if newer >= 0:
                yield Breach(
                    "R11",
                    seq,
                    int(restores["time_us"][place]),
                    database,
                    f"{story.text(name)} is restored, and {story.text(newer)} is newer, here and "
                    "whole",
                )


def _built_from_nothing(story: Story, database: int) -> range:
    """Return the places of the restores before the first one that succeeded."""
    seqs = story.of("seen.Restore", database)["seq"]
    done = story.of("seen.Restored", database)["seq"]
    first = int(done[0]) if len(done) else NO_SEQ
    return range(int(np.searchsorted(seqs, first)))


def _newer_full(story: Story, database: int, name: int, seq: int) -> int:
    """Return the name of a full that could be taken before that row and is newer than the one of
    that name; -1: there is none, or nobody knows how old that one is.
    """
    rows = story.of("seen.Validated", database)
    fulls = (rows["seq"] < seq) & (rows["header.kind"] == FULL)
    ends = rows["header.finished_utc_us"]
    mine = fulls & (rows["name"] == name)
    if not mine.any():
        return -1
    newer = fulls & (ends > ends[mine].max())
    for each in rows["name"][newer].tolist():
        if could_be_taken(story, database, each, seq):
            return int(each)
    return -1


def could_be_taken(
    story: Story,
    database: int,
    name: int,
    seq: int,
    kinds: tuple[str, ...] = _SAY_OF_A_FULL,
) -> bool:
    """Return whether the last that was said of a backup before that row is that it is whole.
    kinds: of the rows that say anything of it.
    """
    if _has_rotted(story, database, name, seq):
        return False
    last_seq, last_kind = -1, ""
    for kind in kinds:
        rows = story.of(kind, database)
        mine = rows["seq"][(rows["name"] == name) & (rows["seq"] < seq)]
        if len(mine) and int(mine[-1]) > last_seq:
            last_seq, last_kind = int(mine[-1]), kind
    return last_kind == "seen.Validated"


def _has_rotted(story: Story, database: int, name: int, seq: int) -> bool:
    """Return whether people had said, before that row, that a full holds rotten pages."""
    said = rot_said(story, database).get(story.text(name))
    return said is not None and said.seq < seq


def a_copy_does_not_go_back(story: Story) -> Iterator[Breach]:
    """A full replaces a copy only if it leads further, with what follows on it here, if somebody
    has ordered to restore it again up to an earlier instant, or if it holds pages that have rotted.
    """
    for row in (
        story.rows("seen.Restore") if _replaces_anything(story) else ()
    ):
        database = row.entity
        if not row.values["replace"] or _is_ordered_back(story, row):
            continue
        place = story.last_before("seen.Restored", database, row.seq)
        fork, redo = position_before(story, database, row.seq)
        if place < 0:
            continue
        since_us = int(
            story.of("seen.Restored", database)["time_us"][place]
        )
        if story.any_within(
            ("truth.copy_gone",), database, since_us, row.time_us
        ):
            continue
        reach = _reach(
            story,
            database,
            story.text_id(row.values["name"]),
            row.seq,
            fork,
        )
        if reach is not None and reach <= redo:
            yield Breach(
                "R11",
                row.seq,
                row.time_us,
                database,
                f"{row.values['name']} leads the copy to LSN {reach}; it stands at {redo}",
            )


def _is_ordered_back(story: Story, restore: Row) -> bool:
    """Return whether somebody had ordered, before that restore, to restore its database again, or
    had said that its pages have rotted.
    """
    rotten = any(
        said.seq < restore.seq
        and said.values["copy"]
        and said.entity == restore.entity
        for said in story.rows("seen.PagesRot")
    )
    return rotten or any(
        order.seq < restore.seq
        and order.values["anew"]
        and order.values["target"] in ("", restore.values["database"])
        for order in story.rows("seen.FailoverOrderedToPoint")
    )


def _replaces_anything(story: Story) -> bool:
    return bool(story["seen.Restore"]["replace"].any())


def _reach(
    story: Story, database: int, full: int, seq: int, fork: int
) -> int | None:
    """Return how far a full and what is here leads; None if it lies on another fork."""
    rows = story.of("seen.Validated", database)
    before = rows["seq"] < seq
    deleted = story.of("seen.Delete", database)
    gone = deleted["name"][deleted["seq"] < seq]
    here = before & ~np.isin(rows["name"], gone)
    mine = np.flatnonzero(before & (rows["name"] == full))
    if not len(mine) or int(rows["header.fork"][mine[-1]]) != fork:
        return None
    at = mine[-1]
    reach, stood_on = (
        int(rows["header.last_lsn"][at]),
        [int(rows["header.first_lsn"][at])],
    )
    kinds, first, last = (
        rows[f"header.{f}"] for f in ("kind", "first_lsn", "last_lsn")
    )
    bases = rows["header.differential_base_lsn"]
    while True:
        stands = (kinds == INCREMENTAL) & np.isin(bases, stood_on)
        further = (
            here
            & (last > reach)
            & ((kinds == LOG) & (first <= reach) | stands)
        )
        links = here & stands & ~np.isin(first, stood_on)
        if not story.scenario.engine.postgres_rules:
            links[:] = False
        if not further.any() and not links.any():
            return reach
        stood_on += first[links].tolist()
        reach = max([reach, *last[further].tolist()])
