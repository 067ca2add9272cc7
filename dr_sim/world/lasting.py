"""What lasts longer than a pair, and where it is felt in the next one.

What befell the link or the alert channel goes on there. What befell a site's disks or clock goes on
while the site is a side of the service. An effect that is not felt on the other side (restores are
slow, and nothing is restored there) waits until the site is on its old side again. What befell the
old primary's databases and jobs ends with them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dr_sim.scenario.model import Law, Scenario, ScriptedEvent

if TYPE_CHECKING:
    from dr_sim.world.pair import Pair, Roles

EVERYWHERE = ("link", "alerts")  # places that belong to no site


@dataclass(frozen=True, slots=True)
class Waiting:
    """An effect at a site that is on the other side now. until_us -1: to the run's end."""

    event: ScriptedEvent
    site: str
    until_us: int


def what_lasts(
    pair: Pair, now_us: int, databases: Collection[str], waiting: Sequence[Waiting]
) -> list[Waiting]:
    """Return what outlasts the pair, with the place where it is: its own, and what waited."""
    going = list(waiting)
    for effect in pair.effects:
        if effect.began_us > now_us or 0 <= effect.until_us <= now_us:
            continue
        event = _event_of(pair.context.scenario, pair.roles.events, effect.cause)
        place = event.kind.place(event.params)
        if place and getattr(event.params, "database", None) in (None, *databases):
            sites = {"primary": pair.roles.primary, "secondary": pair.roles.secondary}
            going.append(Waiting(event, sites.get(place, place), effect.until_us))
    return going


def felt(
    going: Sequence[Waiting], roles: Roles, now_us: int
) -> tuple[list[ScriptedEvent], list[Waiting]]:
    """What of it is felt in a pair that begins now, as events of that pair, and what waits for its
    site's turn.
    """
    found: list[ScriptedEvent] = []
    waiting: list[Waiting] = []
    for one in going:
        if 0 <= one.until_us <= now_us:
            continue
        params = _at_its_side(one, roles)
        if params is not None:
            left = None if one.until_us < 0 else Law("fixed", one.until_us - now_us)
            params = params.model_copy(update={"duration": left})
            found.append(replace(one.event, at_us=now_us, params=params))
        elif one.site in (roles.primary, roles.secondary):
            waiting.append(one)
    return found, waiting


def _event_of(scenario: Scenario, events: Sequence[ScriptedEvent], cause: int) -> ScriptedEvent:
    if cause >= 0:
        return events[cause]
    fault = scenario.faults[-1 - cause]
    return ScriptedEvent(0, 0, fault.kind, fault.params)


def _at_its_side(one: Waiting, roles: Roles) -> Any | None:
    """The effect's parameters in that pair, None if it is not felt there. The link's two ends have
    changed places.
    """
    kind = one.event.kind
    if one.site in EVERYWHERE:
        return kind.turned(one.event.params)
    sides = {roles.primary: "primary", roles.secondary: "secondary"}
    side = sides.get(one.site)
    if side is None:
        return None
    return (
        one.event.params if kind.place(one.event.params) == side else kind.turned(one.event.params)
    )
