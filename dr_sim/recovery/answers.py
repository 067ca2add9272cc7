"""Answers from the primary's side, each handed to the part that has asked: a backup was taken or
failed, and what the primary's share holds.

In a failover the drain has asked, otherwise the repair; a log is requested by the watch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command
from dr_sim.recovery import events
from dr_sim.recovery.failover import draining
from dr_sim.recovery.files.file import LOG
from dr_sim.recovery.repair import repairs, rot

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


def backup_taken(
    db: DatabaseReplay, e: events.BackupTaken, out: list[Command]
) -> None:
    if e.kind == LOG:
        db.watch.log_answered()
    elif db.drain is not None:
        db.drain.taken(e)
    else:
        db.remake.taken(e, out)
        waits = db.repair.taken(e, out)
        rot.taken(db, e, out)
        if waits:
            db.advance(e, out)


def backup_failed(
    db: DatabaseReplay, e: events.BackupFailed, out: list[Command]
) -> None:
    if e.kind == LOG:
        db.watch.log_answered()
    elif db.drain is not None:
        db.drain.last.failed(e, out)
    else:
        db.remake.failed(e)
        if db.repair.refused(e, out):
            repairs.switch(db, e, out)


def share_answered(
    db: DatabaseReplay, e: events.ShareAnswered, out: list[Command]
) -> None:
    if db.drain is not None:
        draining.share_answered(db, db.drain, e, out)
    elif db.repair.share_answered(e, out):
        repairs.pursue(db, e, out)


def share_listed(
    db: DatabaseReplay, e: events.ShareListed, out: list[Command]
) -> None:
    db.fetching.listed(e)
    if db.drain is None:
        repairs.share_listed(db, e, out)
