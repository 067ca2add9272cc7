"""The configuration database is restored from an old copy.

At the event's instant the copy is made; `after` later it takes the database's place. So both are in
the run: one that would take its place after the run's end is refused where `after` is one length,
and does nothing where it is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import cloud_of
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class CloudStoreRestored(Params):
    after: Law = Field(
        description="time between the copy and its restore. The copy of "
        "the store is made at the event's instant"
    )


def happen(event: Occurrence, params: CloudStoreRestored) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    event.begins("a copy of the configuration database is made")
    cloud.lives.keep_copy()

    def restore() -> None:
        cloud.lives.restore_copy()
        event.ends("the copy took the place of the configuration database")

    event.world.later(event.law(params.after, "after"), restore)


KIND = EventKind(
    "cloud_store_restored",
    CloudStoreRestored,
    "after",
    True,
    "an old copy takes the place of the manager's store. Requests, jobs "
    "and changes after the copy are forgotten, although they were done. "
    "Agents report scripts that still run, and the next audit finds what "
    "was done. Settings that people made since the copy (rows of the "
    "mapping table, the mirror's switch) are as in the copy, permanently",
    "EnterpriseDB/barman issue 1102; bitnami/sealed-secrets issue 25: keys not in the backup",
    happen,
    needs_cloud=True,
    last=lambda params: params.after,
    draws=lambda r, db: {"after": r.choice(["1 s", "10 min", "1 h"])},
    heals=False,
)
