"""The consequences of pages that rot at the primary: what people say of fulls and of the copy here
is applied (W3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event
from dr_sim.recovery import events
from dr_sim.recovery.alerts.alerts import Danger
from dr_sim.recovery.files import kept
from dr_sim.recovery.repair import standby

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


def said(
    db: DatabaseReplay, e: events.PagesRot, out: list[Command]
) -> None:
    """Set the fulls aside that people name; restore the copy again if it holds such pages."""
    news = frozenset(e.fulls) - db.rotten.names
    db.rotten.said(e, out)
    set_aside(db)
    if db.repair.coming in news or db.remake.full in news:
        _asked_in_vain(db, e, out)
    db.beside.rot_is_known()
    if db.rules.keeps:
        kept.begin(db, e, out)  # no full may be left
    db.advance(e, out)


def taken(
    db: DatabaseReplay, e: events.BackupTaken, out: list[Command]
) -> None:
    """Handle a full that was asked for: people may have named it already."""
    if e.name in db.rotten:
        _asked_in_vain(db, e, out)


def _asked_in_vain(
    db: DatabaseReplay, e: Event, out: list[Command]
) -> None:
    """Wait for that full no longer; the next one is asked for after a wait."""
    if db.repair.coming in db.rotten:
        db.repair.useless(out)
    db.rotten.asked_in_vain(e, out)


def sound_again(
    db: DatabaseReplay, e: events.PagesSound, out: list[Command]
) -> None:
    """Note that the primary's pages are sound again. What people have said of fulls stays true."""
    db.alerts.over(Danger.PRIMARY_PAGES, out)
    db.rotten.sound(out)


def set_aside(db: DatabaseReplay) -> None:
    """Set those of the fulls here aside that people have named."""
    for name in db.rotten.names:
        file = db.files.get(name)
        if file is not None:
            db.files.set_aside(file)


def begin_again(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Restore the copy again: it holds pages that have rotted."""
    db.lose_copy()
    standby.begin_again(db, e, out)
    if db.files.in_hand is None:
        db.advance(e, out)
