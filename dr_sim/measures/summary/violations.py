"""The violations of a run: what the witness recorded, what the monitors of the requirements find in
the record, what does not add up, and the dangers that nobody was told of.
"""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim.measures.alerts.alerts import AlertQuality
from dr_sim.measures.alerts.owed import not_told
from dr_sim.measures.conservation import Conservation, conservation
from dr_sim.measures.legs import Leg
from dr_sim.measures.summary.types import ViolationSummary
from dr_sim.measures.tables import run_end_us
from dr_sim.measures.whole import Whole
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.oracle.monitors import Breach, Story, broken
from dr_sim.oracle.monitors.failover.left import left_alone
from dr_sim.units import clock


def conserved_in(whole: Whole) -> list[list[Conservation]]:
    """Account for each database's bytes, in each leg of each standby (Whole.every)."""
    return [conservation(t, leg.scenario) for leg, t in whole.every]


def laws_broken(
    whole: Whole, conserved: list[list[Conservation]]
) -> list[ViolationSummary]:
    """List what breaks a law of the record, whether or not anybody was notified. conserved: of
    conserved_in.
    """
    return [
        *_not_conserved(whole, conserved),
        *_requirements_broken(whole),
        *_took_over_twice(whole),
        *_cloud_invariants_broken(whole),
    ]


def seen_by_the_witness(whole: Whole) -> list[ViolationSummary]:
    """List the violations that the witness found."""
    return [
        ViolationSummary(
            leg.begins_us + r.time_us,
            r.values["invariant"],
            r.values["detail"],
        )
        for leg, t in whole.every
        for r in t.rows("truth.violation")
    ]


def _requirements_broken(whole: Whole) -> list[ViolationSummary]:
    """List what the monitors found (dr_sim/oracle/monitors): the requirement, the row that shows
    it, and one sentence.
    """
    found = [
        _requirement(leg, b)
        for leg, _ in whole.every
        for b in broken(leg.journal, leg.scenario)
        if whole.still_in(leg, b.time_us) or _is_at_work(leg, b)
    ]
    for leg in whole.legs:
        if leg.beside:
            each = [Story(of.journal, of.scenario) for of in leg.every]
            found += [_requirement(leg, b) for b in left_alone(each)]
    return found


def _is_at_work(leg: Leg, breach: Breach) -> bool:
    """Return whether a leg's own manager is there at that instant: it ends its failover after the
    next leg has begun with the first database that is online.
    """
    begin_us, end_us = Story(leg.journal, leg.scenario).life_at(
        breach.time_us
    )
    return begin_us < end_us


def _requirement(leg: Leg, breach: Breach) -> ViolationSummary:
    return ViolationSummary(
        leg.begins_us + breach.time_us,
        breach.requirement,
        f"row {breach.seq}: {breach.sentence}",
    )


def _took_over_twice(whole: Whole) -> list[ViolationSummary]:
    """List the failovers in which a second standby of one primary was brought online too."""
    out = []
    for leg in whole.legs:
        online = []
        for of, t in whole.at(leg):
            online += [
                (r.time_us, of.secondary)
                for r in t.rows("truth.promoted")[:1]
            ]
        for at_us, place in sorted(online)[1:]:
            said = f"{place} was brought online although {min(online)[1]} has taken over"
            out.append(ViolationSummary(leg.begins_us + at_us, "R16", said))
    return out


def _cloud_invariants_broken(whole: Whole) -> list[ViolationSummary]:
    """List what the witness of the cloud manager found (dr_sim/oracle/cloud/witness.py). It reads
    the whole run: events affect whichever primary there is.
    """
    return [
        ViolationSummary(
            b.time_us, b.invariant, f"row {b.seq}: {b.sentence}"
        )
        for b in cloud_broken(whole.journal, whole.legs[0].scenario)
    ]


def never_told(
    whole: Whole, qualities: Sequence[AlertQuality]
) -> list[ViolationSummary]:
    """List the lasting dangers of which nobody was notified in time."""
    out = []
    for (leg, t), quality in zip(whole.every, qualities, strict=True):
        for each in not_told(t, leg.scenario, quality.whole_run):
            if not whole.still_in(leg, each.deadline_us):
                continue
            name = leg.scenario.databases[each.database].name
            since = clock(leg.begins_us + each.onset_us)
            said = (
                f"{name} is in danger since {since}, and no alert says so"
            )
            out.append(
                ViolationSummary(
                    leg.begins_us + each.deadline_us, "S8", said
                )
            )
    return out


def _not_conserved(
    whole: Whole, conserved: list[list[Conservation]]
) -> list[ViolationSummary]:
    """List what does not add up at the end of a leg: it breaks an invariant too."""
    out = []
    for (leg, t), found in zip(whole.every, conserved, strict=True):
        at_us = leg.begins_us + run_end_us(t, leg.scenario)
        for c in found:
            name = leg.scenario.databases[c.database].name
            out += [
                ViolationSummary(at_us, "conservation", f"{name}: {w}")
                for w in c.wrong
            ]
    return out
