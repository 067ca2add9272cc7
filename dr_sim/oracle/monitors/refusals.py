"""Monitors of refused orders (R14): what an order is refused for is true, and nobody without
permission has a database restored beside the service.

The words of a refusal say what they are about. So each kind of refusal is compared with what was
true when it was given: who may order, which phase the failover was in, what had been restored, and
which fulls were here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dr_sim.oracle.monitors.failover.back import nothing_was_restored
from dr_sim.oracle.monitors.needless import clocks_may_be_wrong
from dr_sim.oracle.monitors.story import (
    FULL,
    SLACK_US,
    Breach,
    Story,
    copy_is_rotten,
    lost_here,
    rot_said,
)
from dr_sim.record.journal import Row

BESIDE = "seen.RefuseBeside"
_TO_POINT = "seen.FailoverOrderedToPoint"
_ORDERED = ("seen.BesideOrdered", _TO_POINT)


@dataclass(frozen=True, slots=True)
class RefusedFor:
    """A kind of refusal. words: what it says; a group names the database or the phase. holds:
    returns whether it is true of a refusal; about: what the group holds.
    """

    words: re.Pattern[str]
    holds: Callable[[Story, Row, str], bool]


def refusals_are_true(story: Story) -> Iterator[Breach]:
    """Find the orders that are refused for a reason that is not true."""
    for row in story.rows("seen.RefuseOrder", BESIDE):
        said = row.values["reason"]
        for reason in _REASONS:
            found = reason.words.fullmatch(said)
            if found is None:
                continue
            if not reason.holds(story, row, found["about"]):
                yield Breach(
                    "R14",
                    row.seq,
                    row.time_us,
                    row.entity,
                    f"an order is refused, and what is said is not true: {said}",
                )
            break


def nobody_else_restores_beside(story: Story) -> Iterator[Breach]:
    """An order to restore beside the service is refused to those who may not give it."""
    operators = story.scenario.failover.operators
    for row in story.rows("seen.BesideOrdered"):
        until_us = row.time_us + SLACK_US
        if row.values["operator"] in operators or until_us > story.end_us:
            continue
        if not story.up_between(row.time_us, until_us):
            continue
        refused = any(
            row.seq < each.seq and each.time_us <= until_us
            for each in story.rows(BESIDE)
            if each.values["operator"] == row.values["operator"]
        )
        database = story.database(row.values["database"])
        promoted = story.of("truth.promoted", database)["seq"]
        if not refused and not (promoted < row.seq).any():
            yield Breach(
                "R14",
                row.seq,
                row.time_us,
                row.entity,
                f"an order of {row.values['operator']!r}, who may not give one, is not refused",
            )


# ---- what is true
def _may_not_order(story: Story, row: Row, about: str) -> bool:
    return row.values["operator"] not in story.scenario.failover.operators


def _is_in_phase(story: Story, row: Row, about: str) -> bool:
    return story.phase_at(row.seq) == about


def _nothing_is_here(story: Story, row: Row, about: str) -> bool:
    return nothing_was_restored(story, row.seq) or all(
        copy_is_rotten(story, database, row.time_us)
        for database in story.databases
    )


def _may_be_broken(story: Story, row: Row, about: str) -> bool:
    """Return whether anything of that database has been in trouble before."""
    database = story.database(about)
    if any(
        each.seq < row.seq and each.values["database"] == about
        for each in story.rows("seen.RaiseAlert")
    ):
        return True
    kinds = (
        "seen.RestoreFailed",
        "seen.ValidationFailed",
        "seen.TakeBackup",
        "truth.copy_gone",
        "truth.file_gone",
    )
    return story.any_between(kinds, database, -1, row.seq)


def _is_on_beside(story: Story, row: Row, about: str) -> bool:
    """Return whether a server has been asked for before, and the restore may be on still."""
    database = story.database(about)
    begun = story.of("seen.GetServerBeside", database)["seq"]
    return bool((begun < row.seq).any())


def _lacks_an_early_full(story: Story, row: Row, about: str) -> bool:
    """Return whether no full that was finished before the instant lies here whole. One that was
    lost, or damaged, since it was found whole does not count, nor does one of which people have
    said that it holds rotten pages.
    """
    database = story.database(about)
    said = rot_said(story, database)
    rotten = {name for name, told in said.items() if told.seq < row.seq}
    before_utc_us = _stop_of(story, row)
    if before_utc_us is None or clocks_may_be_wrong(story):
        return True
    fulls = [
        each
        for each in story.rows_of("seen.Validated", database)
        if each.values["header.kind"] == FULL
        and each.seq < row.seq
        and each.values["name"] not in rotten
        and _modified_utc_us(story, database, each) <= before_utc_us
    ]
    return not any(_lies_here(story, database, each, row) for each in fulls)


def _modified_utc_us(story: Story, database: int, found: Row) -> int:
    """Return when a file was last written, as its last landing says; a file that lay here at the
    start may be of any time.
    """
    landed = [
        each.values["modified_utc_us"]
        for each in story.rows_of("seen.Landed", database)
        if each.values["name"] == found.values["name"]
        and each.seq < found.seq
    ]
    return int(landed[-1]) if landed else 1 << 62


def _lies_here(story: Story, database: int, full: Row, row: Row) -> bool:
    """Return whether nothing can have happened to a full since it was found whole: its manager was
    up, and no file of this share was lost, landed again or failed.
    """
    if not story.up_between(full.time_us, row.time_us):
        return False
    if lost_here(story, database, full.time_us, row.time_us):
        return False
    name = full.values["name"]
    deleted = any(
        each.values["name"] == name
        for kind in (
            "seen.Delete",
            "seen.Landed",
            "seen.ValidationFailed",
            "seen.RestoreFailed",
            "seen.Recopy",
            "seen.Validate",
        )
        for each in story.rows_between(
            kind, database, full.seq, row.time_us
        )
        if each.seq < row.seq
    )
    return not deleted


def _may_hold_later(story: Story, row: Row, about: str) -> bool:
    """Return whether any backup that was finished after the instant was restored before, or is
    being restored.
    """
    database = story.database(about)
    before_utc_us = _stop_of(story, row)
    if before_utc_us is None or clocks_may_be_wrong(story):
        return True
    started_utc_us = story.scenario.start_utc_us
    return any(
        started_utc_us + each.time_us >= before_utc_us
        for kind in ("seen.Restored", "seen.Restore")
        for each in story.rows_of(kind, database)
        if each.seq < row.seq
    )


def _stop_of(story: Story, row: Row) -> int | None:
    """Return the instant that the refused order names; None if that order is not to be found."""
    orders = [
        each
        for each in story.rows(*_ORDERED)
        if each.seq < row.seq
        and each.time_us == row.time_us
        and each.values["operator"] == row.values["operator"]
    ]
    return int(orders[-1].values["stop_before_utc_us"]) if orders else None


_REASONS = (
    RefusedFor(re.compile(r"(?P<about>)not authorised"), _may_not_order),
    RefusedFor(re.compile(r"a failover is (?P<about>.*) already"), _is_in_phase),
    RefusedFor(
        re.compile(r"the chain of database \[(?P<about>.*)\] is broken: data would be lost"),
        _may_be_broken,
    ),
    RefusedFor(re.compile(r"(?P<about>)no usable copy of any database is here"), _nothing_is_here),
    RefusedFor(
        re.compile(r"database \[(?P<about>.*)\] is already being restored beside the service"),
        _is_on_beside,
    ),
    RefusedFor(
        re.compile(r"no usable full of database \[(?P<about>.*)\] that ended before .* is here"),
        _lacks_an_early_full,
    ),
    RefusedFor(
        re.compile(
            r"the copy of database \[(?P<about>.*)\] already holds data that were written after .*"
        ),
        _may_hold_later,
    ),
)  # fmt: skip
