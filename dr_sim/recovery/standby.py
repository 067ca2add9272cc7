"""A standby's database that is gone, or that nothing can be restored into any more: found, told of,
restored again.

Theory of operation. A restore that is refused because the copy is gone, dropped, brought online by
mistake or suspect, or an order to bring it online that fails, says nothing about the files here. So
they are looked at (an inventory) before anything is decided: what lies here is used at once,
without the link, the newest usable chain first. Only what is not there any more is forgotten. Until
a full has been restored event 19 is raised, again at every retry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import RestoreState
from dr_sim.recovery import events, waiting
from dr_sim.recovery.commands import Command, Save, SetAlarm, TakeInventory, Validate
from dr_sim.recovery.files import CHECKING, FULL, LOG, UNKNOWN, VALID, File

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay

ALARM = "standby"
type_found = list[tuple[str, int, int]]


def lost(db: DatabaseReplay, out: list[Command]) -> None:
    """The copy here is of no use: look at what is there."""
    db.state.exists = False
    db.replaces = True
    waiting.rebuild(db)
    look(db, out)


def look(db: DatabaseReplay, out: list[Command]) -> None:
    """Look at what is there; nothing is restored until that is known."""
    if not db.looking:
        db.looking = True
        out.append(TakeInventory())


def looked(
    db: DatabaseReplay, e: events.Event, state: RestoreState, found: type_found, out: list[Command]
) -> None:
    """What is observed beats what was believed of the copy and of the files."""
    db.looking = False
    names = {name for name, _, _ in found}
    for file in [file for file in db.files.values() if file.name not in names]:
        _forget(db, file, out)
    if db.state.exists and not (state.exists and state.restoring):
        db.state.exists = False
        db.replaces = True
        waiting.rebuild(db)
    if not db.state.exists:
        begin_again(db, e, out)
    db.advance(e.mono_us, e.utc_us, out)


def begin_again(db: DatabaseReplay, e: events.Event, out: list[Command]) -> None:
    """Tell, and have it restored anew: a failover does that itself."""
    tell(db, e, out)
    look_into_logs(db, out)
    if db.drain is not None:
        return
    if db.repair.policy:
        db.repair.pursue(e.mono_us, e.utc_us, out)
    else:
        db.repair.start(e.mono_us, e.utc_us, out)


def tell(db: DatabaseReplay, e: events.Event, out: list[Command]) -> None:
    """Raise event 19, and again at every retry."""
    db.watch.tell_unprotected(e.mono_us, e.utc_us, out)
    out.append(SetAlarm(db.name, ALARM, e.mono_us + db.rules.retry_us))


def alarm(db: DatabaseReplay, e: events.Alarm, out: list[Command]) -> None:
    """A retry while there is no copy."""
    if db.state.exists:
        return
    tell(db, e, out)
    if db.drain is None:
        db.repair.retry(e.mono_us, e.utc_us, out)
        db.advance(e.mono_us, e.utc_us, out)


def _forget(db: DatabaseReplay, file: File, out: list[Command]) -> None:
    """It is not here any more. Should it come again, its reads go on being counted (R5)."""
    del db.files[file.name]
    db.bad.pop(file.name, None)
    db.keeping.shelf.spoil()
    if file in db.pending:
        db.pending.remove(file)
    if file.attempts:
        db.counts[file.name] = str(file.attempts)
    if file.kind != LOG and file.header is not None:
        out.append(Save(f"header/{db.name}/{file.name}", ""))
    db.alerts.clear(file.name, out)


def look_into_logs(db: DatabaseReplay, out: list[Command]) -> None:
    """Read the headers of logs that a restart took for restored and that follow the newest full
    here.
    """
    fulls = [
        file.header
        for file in db.files.values()
        if file.kind == FULL and file.state == VALID and file.header is not None
    ]
    if not fulls:
        return
    since_utc_us = max(header.started_utc_us for header in fulls)
    for file in db.files.values():
        if file.state == UNKNOWN and file.modified_utc_us >= since_utc_us:
            file.state = CHECKING
            file.done = False
            out.append(Validate(db.name, file.name))
