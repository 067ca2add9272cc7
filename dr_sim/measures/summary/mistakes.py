"""Wrong changes that were committed, and whether a failover left them behind."""

from __future__ import annotations

from dr_sim.measures.summary.types import MistakeSummary
from dr_sim.measures.whole import Whole


def mistakes_summary(whole: Whole) -> list[MistakeSummary]:
    """Return each mistake of the run: when, in which database, what, and whether it is still there.

    A mistake is commit number n. A database that is promoted with n commits or fewer does not hold
    it.
    """
    found = []
    for leg, t in whole.each:
        promoted = {
            row.entity: row.values["commits"]
            for row in t.rows("truth.promoted")
        }
        for row in t.rows("truth.mistake"):
            if not whole.still_in(leg, row.time_us):
                continue
            kept = promoted.get(row.entity)
            gone = kept is not None and kept <= row.values["commit"]
            found.append(
                MistakeSummary(
                    leg.begins_us + row.time_us,
                    leg.scenario.databases[row.entity].name,
                    row.values["what"],
                    gone,
                )
            )
    return found
