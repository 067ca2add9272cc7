"""Events about a restore beside the service, handed to the part that decides (beside.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dr_sim.machines import Command, Event
from dr_sim.recovery import events
from dr_sim.recovery.repair.beside import Beside

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay

    Handler = Callable[[DatabaseReplay, Any, list[Command]], None]


def _to(handle: Callable[[Beside, Any, list[Command]], None]) -> Handler:
    """Return what hands an event of a database to that method of its part."""

    def handed(db: DatabaseReplay, e: Any, out: list[Command]) -> None:
        handle(db.beside, e, out)

    return handed


ON_EVENT: dict[type[Event], Handler] = {
    events.ServerBesideIsThere: _to(Beside.server_is_there),
    events.RestoredBeside: _to(Beside.restored),
    events.NotRestoredBeside: _to(Beside.refused),
    events.CopiedBack: _to(Beside.copied_back),
    events.BesideIsWrong: _to(Beside.wrong),
    events.NotCopiedBack: _to(Beside.not_copied_back),
    events.BesideCalledOff: _to(Beside.called_off),
}
