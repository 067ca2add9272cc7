"""The effect of a mistake on the service, on one database, on one tenant: degraded or down.

Those whose data it destroyed are degraded until it is put right: they are served, without that. If
they cannot work at all without it, they are down for as long. Then the service, and a database that
others share, are degraded. A part that a mistake did not touch was neither.
"""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim.measures.summary.types import MistakeSummary


def degraded(
    mistakes: Sequence[MistakeSummary], database: str, tenant: str
) -> list[tuple[int, bool]]:
    """Return how long each mistake degraded a part, and whether that was over; database and tenant
    '': the service. Of a part that none of the run's mistakes degraded: once, for no time.
    """
    found = [
        (m.degraded_us, m.right_us is not None)
        for m in mistakes
        if _touches(m, database, tenant) and not _stops(m, database, tenant)
    ]
    return found or [(0, True)] * bool(mistakes)


def down(
    mistakes: Sequence[MistakeSummary], database: str, tenant: str
) -> list[tuple[int, bool]]:
    """Return how long nobody of a part could work, for each mistake that was so, and whether that
    was over.
    """
    return [
        (m.lasted_us, m.right_us is not None)
        for m in mistakes
        if _stops(m, database, tenant)
    ]


def _touches(m: MistakeSummary, database: str, tenant: str) -> bool:
    if tenant:
        return tenant in m.tenants
    return database in ("", m.database)


def _stops(m: MistakeSummary, database: str, tenant: str) -> bool:
    if tenant:
        return tenant in m.stopped
    if database:
        return m.stops_database and database == m.database
    return m.stops_service
