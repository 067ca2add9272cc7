"""A site that was lost is back, with its disks as they were when it died."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.kind import PRIMARY, EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class SiteReturns(Params):
    site: str | None = Field(
        None,
        description="the site: A is the first primary's; if left out: "
        "the site that was lost last",
    )


def happen(event: Occurrence, params: SiteReturns) -> None:
    event.world.back_hook(event, "site", params.site or "", ())


KIND = EventKind(
    "site_returns",
    SiteReturns,
    "site",
    False,
    "the site of the lost primary returns: its share, its files and its "
    "databases, at their last durable write. Its servers start and first "
    "ask the other side: if no failover has begun, they accept writes "
    "again; otherwise they stay closed. After a failover the site "
    "becomes the second side, if that is not in place yet",
    "PostgreSQL's manual, 'Failover': an old primary that starts again must be informed that it "
    "is the primary no more; Uptime Institute 2025: 54 % of the costly site outages are power, "
    "which comes back",
    happen,
    affects=lambda params: PRIMARY,
    brings_back="site",
)
