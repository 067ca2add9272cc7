"""The offer of a copy before a failover: up to when it holds all writes, and how long it would take
to bring it online.

Theory of operation. The files that have landed here and are known to be complete are planned as a
restore would use them: from the position of the copy, or from a full. The end of that plan is the
offered recovery point, and its steps cost what restores are known to cost. A store whose only full
is still being hashed includes this full, and the time that the hash still needs. Files that may
still come from the primary's share do not count, because nobody knows whether the share answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.backups.plan import Plan
from dr_sim.recovery.config import FailoverCosts
from dr_sim.recovery.files.file import FULL, LOG, File
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair.ways import furthest_way
from dr_sim.recovery.replay.waiting import reached_utc_us

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class CopyEstimate:
    """One database: up to when it could have all writes, by the primary's clock; how long its
    restores take by themselves, and what they read. after_us: what is waited for before.
    """

    holds_until_utc_us: int
    takes_us: int
    reads_bytes: int
    after_us: int = 0


def restores_us(each: Sequence[CopyEstimate], costs: FailoverCosts) -> int:
    """Return how long the restores of all databases take together: the longest of them, all of them
    by so many workers, or all bytes from the one device.
    """
    longest_us = max((one.takes_us for one in each), default=0)
    shared_us = -(-sum(one.takes_us for one in each) // costs.workers)
    size = sum(one.reads_bytes for one in each)
    read_us = (
        _moved_us(size, costs.device_bytes_s) if costs.one_device else 0
    )
    waits_us = max((one.after_us for one in each), default=0)
    return waits_us + max(longest_us, shared_us, read_us)


def estimate(
    db: DatabaseReplay, costs: FailoverCosts, mono_us: int
) -> CopyEstimate | None:
    """Return what that database could be had from here; None: nothing of it."""
    files = [
        file
        for file in db.files.values()
        if file.content is Content.WHOLE and file.header is not None
    ]
    headers = [file.header for file in files if file.header is not None]
    way = furthest_way(db, headers)
    if way.reaches is None:
        return _hashed_yet(db, costs, mono_us)
    takes_us = sum(
        db.rules.restore[step.kind].takes_us(step.nominal_bytes)
        for step in way.steps
    )
    size = sum(step.nominal_bytes for step in way.steps)
    return CopyEstimate(_holds_until(db, way), takes_us, size)


def _holds_until(db: DatabaseReplay, way: Plan) -> int:
    if way.steps:
        last = way.steps[-1]
        return (
            last.started_utc_us
            if last.kind is LOG
            else last.finished_utc_us
        )
    restored = db.last
    assert restored is not None
    # a copy that was here at the first look holds nothing that was written since
    return reached_utc_us(db) if restored.name else restored.utc_us


def _hashed_yet(
    db: DatabaseReplay, costs: FailoverCosts, mono_us: int
) -> CopyEstimate | None:
    """Count on the newest full that is being hashed, and on the logs that were cut after it."""
    fulls = [
        file for file in db.files.not_in_runs() if is_hashed_yet(db, file)
    ]
    if not fulls:
        return None
    full = max(fulls, key=File.age_order)
    logs = [
        log.header
        for log in db.files.pending
        if log.header is not None
        and log.modified_utc_us > full.modified_utc_us
    ]
    takes_us = db.rules.restore[FULL].takes_us(full.size_bytes)
    takes_us += sum(
        db.rules.restore[LOG].takes_us(log.nominal_bytes) for log in logs
    )
    size = full.size_bytes + sum(log.nominal_bytes for log in logs)
    hashed_us = full.landed_mono_us + _moved_us(
        full.size_bytes, costs.hash_bytes_s
    )
    holds = [full.modified_utc_us, *(log.started_utc_us for log in logs)]
    return CopyEstimate(
        max(holds), takes_us, size, max(0, hashed_us - mono_us)
    )


def is_hashed_yet(db: DatabaseReplay, file: File) -> bool:
    """Return whether that file is a full of a store whose hash is not known yet."""
    return (
        db.rules.keeps
        and file.kind is FULL
        and file.content is Content.CHECKING
    )


def _moved_us(size_bytes: int, rate_bytes_s: int) -> int:
    return -(-size_bytes * _SECOND_US // rate_bytes_s)
