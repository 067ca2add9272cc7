"""The replicator stops after an unclean shutdown and stays so until a human resumes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class ReplicationStopped(Params):
    resumed_in: Law = default(
        "20 min",
        "assumed",
        "time from the first alert until somebody has resumed it",
    )
    at_latest: Law | None = Field(
        None,
        description="time after which somebody looks without an alert; "
        "if left out: never",
    )


def happen(event: Occurrence, params: ReplicationStopped) -> None:
    world = event.world
    people = world.hands.people
    stopped = True

    def resume() -> None:
        nonlocal stopped
        if stopped:
            stopped = False
            world.replication.resume()
            event.ends("replication stopped")

    def told() -> None:
        people.on_alert.remove(told)
        world.later(event.law(params.resumed_in, "resumed"), resume)

    event.begins("replication stopped")
    world.replication.stop()
    people.on_alert.append(told)
    if params.at_latest is not None:
        world.later(event.law(params.at_latest, "looked"), resume)


KIND = EventKind(
    "replication_stopped",
    ReplicationStopped,
    None,
    True,
    "an unclean stop of the replication service that waits for a person "
    "(event 2213), who comes after receiving an alert",
    "Windows DFS Replication event pages: 2213, the default in the 2012 release",
    happen,
    explains=(Explains.STOPPED,),
    affects=lambda params: COPY,
    at_stores=lambda params: True,
    draws=lambda r, db: {
        "resumed_in": r.choice(["0 s", "20 min"]),
        "at_latest": "3 h",
    },
)
