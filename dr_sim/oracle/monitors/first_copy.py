"""Monitors of how a place without a copy gets its first one: backups that survive at the primary
come before a new full, unless what follows their full outweighs it (R9, R11).

What the share holds is read from the truth, and weighed with the restore costs of the scenario. A
decision that is close may go either way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dr_sim.oracle.monitors.lacking import full_sent_again
from dr_sim.oracle.monitors.needless import clocks_may_be_wrong
from dr_sim.oracle.monitors.story import (
    FULL,
    INCREMENTAL,
    LOG,
    SECOND_US,
    SLACK_US,
    Breach,
    Ints,
    Story,
    rot_said,
)
from dr_sim.record.journal import Row

_CLOSE = 10
"""A decision is close if the two times differ by less than one part in so many."""
_LATER = ("unreachable", "overrun")
"""How a refusal begins that does not say that the primary takes no full."""


@dataclass(frozen=True, slots=True)
class _Weight:
    """How long the restores of a chain take: that of its full, and those of what follows."""

    full_us: int
    rest_us: int

    @property
    def is_light(self) -> bool:
        return self.rest_us * _CLOSE < self.full_us * (_CLOSE - 1)

    @property
    def is_heavy(self) -> bool:
        return self.rest_us * (_CLOSE - 1) > self.full_us * _CLOSE


def surviving_backups_come_first(story: Story) -> Iterator[Breach]:
    """Where no copy is here, no new full is asked for while the primary's share holds a full and
    logs that lead up to now and weigh less (R11).
    """
    if story.scenario.store is not None or clocks_may_be_wrong(story):
        return
    for row in story.rows("seen.TakeBackup"):
        if row.values["kind"] != FULL or not _seeks_first(story, row):
            continue
        if _is_unreachable(story, row) or _one_is_taken(story, row):
            continue
        name, weight = _chain_there(story, row)
        if weight is not None and weight.is_light:
            yield Breach(
                "R11",
                row.seq,
                row.time_us,
                row.entity,
                f"no copy is here, and a full is asked for; {name} and its logs lie in the "
                "primary's share, and lead up to now",
            )


def no_chain_outweighs_a_new_full(story: Story) -> Iterator[Breach]:
    """Where no copy is here and the primary takes fulls, no older full is sent again whose logs
    outweigh a new one (R11).
    """
    if story.scenario.store is not None:
        return
    for row in story.rows("seen.Recopy", "seen.Fetch"):
        full = full_sent_again(row)
        if not full or not _seeks_first(story, row):
            continue
        if _takes_none(story, row) or _is_here(story, row, full):
            continue
        name, weight = _chain_there(story, row)
        if name == full and weight is not None and weight.is_heavy:
            yield Breach(
                "R11",
                row.seq,
                row.time_us,
                row.entity,
                f"{full} is sent again for a first copy, and its logs outweigh a new full",
            )


def _is_here(story: Story, row: Row, full: str) -> bool:
    """Return whether that full has landed in this manager's sight: only its damaged copy is sent
    again.
    """
    failed = story.rows_of("seen.ValidationFailed", row.entity)
    return any(
        each.seq < row.seq and each.values["name"] == full
        for each in failed
    )


def _seeks_first(story: Story, row: Row) -> bool:
    """Return whether the last inventory before that row shows that no copy is here, none has been
    restored since, and no failover is on.
    """
    if row.entity < 0 or story.failing_over(row.seq):
        return False
    seen = [r for r in story.rows("seen.Inventory") if r.seq < row.seq]
    if not seen:
        return False
    found = json.loads(seen[-1].values["databases"])
    here = found.get(story.name(row.entity))
    if here is None or here["exists"]:
        return False
    restored = story.of("seen.Restored", row.entity)["seq"]
    since = (restored > seen[-1].seq) & (restored < row.seq)
    return not bool(since.any())


def _is_unreachable(story: Story, row: Row) -> bool:
    """Return whether the answer to that request is that the primary cannot be reached."""
    for answer in story.rows_of("seen.BackupFailed", row.entity):
        if answer.seq > row.seq and answer.values["kind"] == FULL:
            return bool(answer.values["reason"].startswith(_LATER[0]))
    return False


def _one_is_taken(story: Story, row: Row) -> bool:
    """Return whether a full is being taken at the primary at that row."""
    begun = story.of("truth.backup_begin", row.entity)
    mine = (begun["kind"] == FULL) & (begun["seq"] < row.seq)
    over: list[Ints] = []
    for kind in ("truth.backup_finished", "truth.backup_cut_off"):
        rows = story.of(kind, row.entity)
        over.append(rows["file"][rows["seq"] < row.seq])
    return not np.isin(begun["file"][mine], np.concatenate(over)).all()


def _takes_none(story: Story, row: Row) -> bool:
    """Return whether the primary takes no full: its machine is silent, or it has refused one since
    no copy is here.
    """
    machine = story.scenario.databases[row.entity].machine
    if machine in story.silent_at(row.seq):
        return True
    since = [r.seq for r in story.rows("seen.Inventory") if r.seq < row.seq]
    return any(
        since[-1] < each.seq < row.seq
        and each.values["kind"] == FULL
        and not each.values["reason"].startswith(_LATER)
        for each in story.rows_of("seen.BackupFailed", row.entity)
    )


def _chain_there(story: Story, row: Row) -> tuple[str, _Weight | None]:
    """Return the newest full in the primary's share, and the weight of the chain on it; None: it is
    not known to be usable, or does not lead up to now by logs alone.
    """
    made = story.of("truth.backup_finished", row.entity)
    before = made["seq"] < row.seq
    fulls = np.flatnonzero(before & (made["kind"] == FULL))
    if not len(fulls):
        return "", None
    newest = int(fulls[-1])
    name = story.text(int(made["name"][newest]))
    doubtful = _doubtful(story, row)
    said = rot_said(story, row.entity).get(name)
    is_rotten = said is not None and said.seq < row.seq
    unsure = made["file"][newest] in doubtful or is_rotten
    if unsure or _was_refused(story, row, name):
        return name, None
    after = before & (made["seq"] > made["seq"][newest])
    if (after & (made["kind"] == INCREMENTAL)).any():
        return name, None
    if (made["fork"][after] != made["fork"][newest]).any():
        return name, None
    logs = np.flatnonzero(before & (made["kind"] == LOG))
    reach, used = int(made["last_lsn"][newest]), []
    for place in logs[np.argsort(made["first_lsn"][logs])].tolist():
        first, last = made["first_lsn"][place], made["last_lsn"][place]
        if last <= reach:
            continue
        if first > reach or made["file"][place] in doubtful:
            return name, None
        reach = int(last)
        used.append(place)
    end = used[-1] if used else newest
    if not _is_recent(story, row, int(made["time_us"][end])):
        return name, None
    sizes = made["nominal_bytes"]
    rest_us = sum(_restore_us(story, LOG, int(sizes[i])) for i in used)
    full_us = _restore_us(story, FULL, int(sizes[newest]))
    return name, _Weight(full_us, rest_us)


def _is_recent(story: Story, row: Row, finished_us: int) -> bool:
    interval_us = story.log_interval_us(row.entity)
    age_us = story.scenario.replay.age_us
    due_us = row.time_us - interval_us - age_us + SLACK_US
    return interval_us > 0 and finished_us >= due_us


def _doubtful(story: Story, row: Row) -> set[int]:
    """Return the files that do not lie at the primary, or of which something has been wrong."""
    found: set[int] = set()
    for kind in (
        "truth.damaged",
        "truth.backup_empty",
        "truth.backup_cut_off",
    ):
        rows = story.of(kind, row.entity)
        found.update(rows["file"][rows["seq"] < row.seq].tolist())
    landed = story.of("truth.landed", row.entity)
    torn = (landed["intact"] == 0) & (landed["seq"] < row.seq)
    found.update(landed["file"][torn].tolist())
    gone = story.of("truth.file_gone", row.entity)
    there = gone["where"] == story.text_id("primary")
    there &= gone["seq"] < row.seq
    found.update(gone["file"][there].tolist())
    return found


def _was_refused(story: Story, row: Row, name: str) -> bool:
    """Return whether the engine has refused that full, or a hash has failed."""
    return any(
        each.seq < row.seq and each.values["name"] == name
        for kind in ("seen.RestoreFailed", "seen.ValidationFailed")
        for each in story.rows_of(kind, row.entity)
    )


def _restore_us(story: Story, kind: int, size_bytes: int) -> int:
    """Return the usual time of a restore at that place."""
    spec = story.scenario.secondary
    cost = spec.restore[kind]
    rate_bytes_s = min(cost.rate_bytes_s, spec.disk_bytes_s)
    return cost.fixed_us + size_bytes * SECOND_US // rate_bytes_s
