"""A run in legs: from its start to the failover, and from each promotion on until the next, the
roles taken anew.

After a promotion the survivor is the primary, and users write to it. As soon as a new secondary is
in place it takes backups on its own schedule: log backups go on from those before. Where the old
primary ended exactly where the new one begins, as it does after a planned failover, it follows: the
new primary's logs are restored there, and a new recovery network is established as soon as the
first of them is. Any other database is seeded over the link with a full (R16). Until then the
service is unprotected. A leg is a world of its own that begins at the promotion: the same
databases, schedules and link, the rest of the scenario's events and time. What goes over is in
world/succession.py: both servers with their databases, forks, LSNs and commits numbered on. No
backup file does (new shares, a new recovery manager with an empty store). Failback is a failover of
a later leg, ordered (planned or not) or forced by a loss.

The sites have names: A and B at first. At each failover the primary and the secondary change
places; a site that was lost is not used again, and the new secondary is at one with the next
letter. What lasts longer than a leg goes on in the next one where its place is still used: on the
link and in the alert channel always, a site's disks and clocks while it is a side of the service.
An effect that is not felt on the other side (restores are slow, and nothing is restored there)
waits until the site is on its old side again. What befell the old primary's databases and jobs ends
with them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from dr_sim.record.journal import Journal
from dr_sim.scenario.model import DatabaseSpec, Law, Outages, Recorded, Scenario, ScriptedEvent
from dr_sim.world.occurrence import Effect

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
EVERYWHERE = ("link", "alerts")  # places that belong to no site


@dataclass(frozen=True, slots=True)
class Waiting:
    """An effect at a site that is on the other side now. until_us: in the whole run's time; -1: its
    end.
    """

    event: ScriptedEvent
    site: str
    until_us: int


@dataclass(slots=True)
class Leg:
    """One leg. scenario: as it is in this leg, its instant 0 being begins_us of the whole run.
    primary, secondary: the sites' names. effects: what lasted beyond a moment in it.
    """

    number: int
    begins_us: int
    scenario: Scenario
    journal: Journal
    effects: list[Effect] = field(default_factory=list)
    primary: str = "A"
    secondary: str = "B"
    sites: int = 2  # that were used so far
    waiting: list[Waiting] = field(default_factory=list)

    def follow(self, databases: Collection[str]) -> None:
        """The old primary's copies of these go on as the new secondary's: they need no seed."""
        of = self.scenario
        self.scenario = replace(
            of, databases=tuple(replace(d, seeded=d.name in databases) for d in of.databases)
        )

    def follow_as_recorded(self) -> None:
        """As `follow`, of a leg that was played before and whose journal is there."""
        rows = self.journal.rows("truth.begins")
        names = [d.name for d in self.scenario.databases]
        self.follow([names[row.entity] for row in rows if row.values["follows"]])


def first_leg(scenario: Scenario, journal: Journal, effects: list[Effect] | None = None) -> Leg:
    return Leg(1, 0, scenario, journal, effects or [])


def next_leg(leg: Leg) -> Leg | None:
    """The leg that follows, its journal and effects empty yet; None if there is none.

    There is one if a failover brought any database online and a new secondary is ever put in place:
    it begins with the last promotion. Only the databases that came online go on.
    """
    scenario = leg.scenario
    online = {row.entity: row.time_us for row in leg.journal.rows("truth.promoted")}
    if not online or scenario.new_secondary_us is None:
        return None
    begins_us = max(online.values())
    if begins_us >= scenario.run_for_us:
        return None
    lost = any(
        r.time_us <= begins_us and r.values["class"] == "site"
        for r in leg.journal.rows("truth.failed")
    )
    databases = tuple(
        _goes_on(d, begins_us) for i, d in enumerate(scenario.databases) if i in online
    )
    following = Leg(
        leg.number + 1,
        leg.begins_us + begins_us,
        scenario,
        Journal(),
        [],
        leg.secondary,
        site_name(leg.sites) if lost else leg.primary,
        leg.sites + lost,
    )
    carried, following.waiting = _carried(leg, following, begins_us, {d.name for d in databases})
    following.scenario = replace(
        scenario,
        leg_no=leg.number + 1,
        start_utc_us=scenario.start_utc_us + begins_us,
        run_for_us=scenario.run_for_us - begins_us,
        secondary_from_us=0 if _stands_ready(leg.journal, begins_us) else scenario.new_secondary_us,
        measure_from_us=max(0, scenario.measure_from_us - begins_us),
        databases=databases,
        recorded_link=_turned(scenario.recorded_link, begins_us),
        recorded_restores=_turned(scenario.recorded_restores, begins_us),
        recorded_outages=_later(scenario.recorded_outages, begins_us),
        carried_num=len(carried),
        events=(
            *carried,
            *(
                replace(e, at_us=e.at_us - begins_us)
                for e in scenario.events
                if e.at_us >= begins_us
            ),
        ),
    )
    return following


def _stands_ready(journal: Journal, at_us: int) -> bool:
    """Is the old primary there, stopped and with its machines? Then it is the new secondary at
    once.
    """
    lost = any(
        r.time_us <= at_us and r.values["class"] != "database" for r in journal.rows("truth.failed")
    )
    return not lost and any(r.time_us <= at_us for r in journal.rows("truth.fenced"))


def site_name(number: int) -> str:
    """The number-th site's, from 0 on: A, B, ... Z, site 27, ..."""
    return _LETTERS[number] if number < len(_LETTERS) else f"site {number + 1}"


# ---- what goes on
def _goes_on(database: DatabaseSpec, elapsed_us: int) -> DatabaseSpec:
    """The same database later: nothing of it is at the secondary as far as is known, and a recorded
    series goes on where it was.
    """
    volume = database.log_volume
    if volume.shape == "series":
        steps = elapsed_us // volume.series_interval_us % len(volume.series_bytes)
        volume = replace(
            volume, series_bytes=volume.series_bytes[steps:] + volume.series_bytes[:steps]
        )
    return replace(database, seeded=False, log_volume=volume)


def _turned(series: Recorded, elapsed_us: int) -> Recorded:
    """A recorded series goes on where it was, to its step."""
    if not series.values:
        return series
    steps = elapsed_us // series.step_us % len(series.values)
    return replace(series, values=series.values[steps:] + series.values[:steps])


def _later(outages: Outages, elapsed_us: int) -> Outages:
    """Recorded outages go on, one that is under way with what is left of it."""
    if not outages.spans:
        return outages
    period, by = outages.period_us, elapsed_us % outages.period_us
    shifted = (
        (begin - by + turn, end - by + turn) for begin, end in outages.spans for turn in (0, period)
    )
    spans = sorted(
        (max(0, begin), min(period, end)) for begin, end in shifted if begin < period and end > 0
    )
    return Outages(period, tuple(spans))


def _carried(
    leg: Leg, following: Leg, begins_us: int, databases: set[str]
) -> tuple[list[ScriptedEvent], list[Waiting]]:
    """Return what of this leg's effects is felt from the beginning of the next one on, and what
    waits for its site's turn.
    """
    going = list(leg.waiting)
    for effect in leg.effects:
        if effect.began_us > begins_us or 0 <= effect.until_us <= begins_us:
            continue
        event = _event_of(leg.scenario, effect.cause)
        place = event.kind.place(event.params)
        if place and getattr(event.params, "database", None) in (None, *databases):
            site = {"primary": leg.primary, "secondary": leg.secondary}.get(place, place)
            until_us = -1 if effect.until_us < 0 else leg.begins_us + effect.until_us
            going.append(Waiting(event, site, until_us))
    felt: list[ScriptedEvent] = []
    waiting: list[Waiting] = []
    for one in going:
        if 0 <= one.until_us <= following.begins_us:
            continue
        params = _at_its_side(one, following)
        if params is not None:
            left = None if one.until_us < 0 else Law("fixed", one.until_us - following.begins_us)
            felt.append(
                replace(one.event, at_us=0, params=params.model_copy(update={"duration": left}))
            )
        elif one.site in (following.primary, following.secondary):
            waiting.append(one)
    return felt, waiting


def _event_of(scenario: Scenario, cause: int) -> ScriptedEvent:
    if cause >= 0:
        return scenario.events[cause]
    fault = scenario.faults[-1 - cause]
    return ScriptedEvent(0, 0, fault.kind, fault.params)


def _at_its_side(one: Waiting, leg: Leg) -> Any | None:
    """The effect's parameters in that leg, None if it is not felt there. The link's two ends have
    changed places.
    """
    kind = one.event.kind
    if one.site in EVERYWHERE:
        return kind.turned(one.event.params)
    side = (
        "primary" if one.site == leg.primary else "secondary" if one.site == leg.secondary else ""
    )
    if not side:
        return None
    return (
        one.event.params if kind.place(one.event.params) == side else kind.turned(one.event.params)
    )
