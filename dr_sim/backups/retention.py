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

from collections.abc import Sequence

from dr_sim.backups.model import (
    RestoreState,
)
from dr_sim.backups.retention_rules import generally_gone
from dr_sim.backups.shelf import Shelf
from dr_sim.backups.stored import Stored, gone_of, in_order


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
        found = generally_gone(files, old_before_us, keep_fulls, standby)
        gone = [gone_of(file) for file in found]
    return in_order(gone)
