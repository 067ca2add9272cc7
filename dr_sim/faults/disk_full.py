"""Something else fills the disk of a share, or the one that holds the restored databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.quantities import ALL, AmountOrAll
from dr_sim.scenario.kind import COPY, PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.kernel.volume import Volume

PLACES = {
    "primary_share": "the primary's share",
    "secondary_share": "the landing share",
    "secondary_data": "the data disk",
}


class DiskFull(Params):
    disk: Literal["primary_share", "secondary_share", "secondary_data"] = (
        Field(description="the disk that has no room")
    )
    duration: Law
    amount: AmountOrAll = default(
        "all",
        "assumed",
        "share of the free room that is taken; on a disk without a "
        "capacity, always all of it",
    )


def happen(event: Occurrence, params: DiskFull) -> None:
    world = event.world
    volumes: dict[str, Volume] = {
        "primary_share": world.primary.share,
        "secondary_share": world.secondary.share,
        "secondary_data": world.secondary.data,
    }
    volume = volumes[params.disk]
    event.acts_on(volume)
    give_back: list[Callable[[], None]] = []
    event.for_a_time(
        params.duration,
        lambda: give_back.append(
            volume.take(None if params.amount == ALL else params.amount)
        ),
        lambda: give_back.pop()(),
        f"something else fills {PLACES[params.disk]}",
    )


def turned(params: DiskFull) -> DiskFull | None:
    """The disk with the landing share is that of the backups when the site is the primary; no other
    is modelled there.
    """
    other = {
        "primary_share": "secondary_share",
        "secondary_share": "primary_share",
    }
    return (
        params.model_copy(update={"disk": other[params.disk]})
        if params.disk in other
        else None
    )


KIND = EventKind(
    "disk_full",
    DiskFull,
    None,
    True,
    "a dump, a forgotten copy or files of another service fill the disk: "
    "backups fail with 3202, copies wait, and restores fail with 3257",
    "requirement R18; SQL Server 3202 with operating system error 112, and 3257; Windows DFS "
    "Replication events 4004 and 4502",
    happen,
    place=lambda params: (
        "primary" if params.disk == "primary_share" else "secondary"
    ),
    turned=turned,
    explains=(Explains.NO_ROOM,),
    affects=lambda params: (
        PRIMARY if params.disk == "primary_share" else COPY
    ),
    draws=lambda r, db: {
        "disk": r.choice(
            ["primary_share", "secondary_share", "secondary_data"]
        ),
        "duration": r.choice(["10 min", "90 min"]),
    },
)
