"""Events about a restore beside the service, handed to the part that decides (beside.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dr_sim.machines import Command, Event
from dr_sim.recovery import events

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay


def rang(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'beside'."""
    db.beside.rang(e, out)


def _server_is_there(
    db: DatabaseReplay, e: events.ServerBesideIsThere, out: list[Command]
) -> None:
    db.beside.server_is_there(e, out)


def _restored(
    db: DatabaseReplay, e: events.RestoredBeside, out: list[Command]
) -> None:
    db.beside.restored(e, out)


def _refused(
    db: DatabaseReplay, e: events.NotRestoredBeside, out: list[Command]
) -> None:
    db.beside.refused(e, out)


def _copied_back(
    db: DatabaseReplay, e: events.CopiedBack, out: list[Command]
) -> None:
    db.beside.copied_back(e, out)


def _wrong(
    db: DatabaseReplay, e: events.BesideIsWrong, out: list[Command]
) -> None:
    db.beside.wrong(e, out)


def _not_copied_back(
    db: DatabaseReplay, e: events.NotCopiedBack, out: list[Command]
) -> None:
    db.beside.not_copied_back(e, out)


ON_EVENT: dict[
    type[Event], Callable[[DatabaseReplay, Any, list[Command]], None]
] = {
    events.ServerBesideIsThere: _server_is_there,
    events.RestoredBeside: _restored,
    events.NotRestoredBeside: _refused,
    events.CopiedBack: _copied_back,
    events.BesideIsWrong: _wrong,
    events.NotCopiedBack: _not_copied_back,
}
