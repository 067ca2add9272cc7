"""Effects that last longer than a pair, and where they are felt in the next one.

An effect on a disk, a clock or a link is on something that outlives the pair (site.py, link.py): it
continues there by itself, and the next pair only records it. Any other effect begins again in the
next pair.

An effect on the link or the alert channel continues there. An effect on a site's disks or clock
goes on while the site is a side of the service. An effect that is not felt on the other side
(restores are slow, and nothing is restored there) waits until the site is on its old side again.
Effects on the old primary's databases and jobs end with them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dr_sim.scenario.model import Law, Scenario, ScriptedEvent

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair
    from dr_sim.world.roles.pair_context import Roles

LINK = "link"
EVERYWHERE = (LINK, "alerts")  # places that belong to no site


@dataclass(frozen=True, slots=True)
class Waiting:
    """An effect at a site that is on the other side now. until_us -1: to the run's end. on: the
    disks, clocks or links that it is on (Effect).
    """

    event: ScriptedEvent
    site: str
    until_us: int
    on: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class GoesOn:
    """An effect that continues in a pair. on: the disks, clocks or links that it is on already."""

    event: ScriptedEvent
    on: tuple[object, ...]


def what_lasts(
    pair: Pair, now_us: int, databases: Collection[str]
) -> list[Waiting]:
    """Return what outlasts the pair, with the place where it is."""
    going: list[Waiting] = []
    several = len(pair.together) > 1
    for effect in pair.effects:
        if effect.began_us > now_us or 0 <= effect.until_us <= now_us:
            continue
        event = _event_of(
            pair.context.scenario, pair.roles.events, effect.cause
        )
        place = event.kind.place(event.params)
        if place and getattr(event.params, "database", None) in (
            None,
            *databases,
        ):
            sites = {
                "primary": pair.roles.primary,
                "secondary": pair.roles.secondary,
            }
            if several and place == LINK:
                place = _link_of(pair.roles.secondary)
            site = sites.get(place, place)
            going.append(Waiting(event, site, effect.until_us, effect.on))
    return going


def felt(
    going: Sequence[Waiting], roles: Roles, now_us: int
) -> list[GoesOn]:
    """Return what of it is felt in a pair that begins now, as events of that pair."""
    found: list[GoesOn] = []
    for one in going:
        if 0 <= one.until_us <= now_us:
            continue
        params = _at_its_side(one, roles)
        if params is not None:
            left = (
                None
                if one.until_us < 0
                else Law("fixed", one.until_us - now_us)
            )
            params = params.model_copy(update={"duration": left})
            event = replace(one.event, at_us=now_us, params=params)
            found.append(GoesOn(event, one.on))
    return found


def not_felt(
    going: Sequence[Waiting], each: Sequence[Roles], now_us: int
) -> list[Waiting]:
    """Return what is felt in none of the pairs that begin now, and waits for its site's turn."""
    sites = {
        site for roles in each for site in (roles.primary, roles.secondary)
    }
    waiting = []
    for one in going:
        goes_on = one.site in sites and (
            one.until_us < 0 or one.until_us > now_us
        )
        if goes_on and all(
            _at_its_side(one, roles) is None for roles in each
        ):
            waiting.append(one)
    return waiting


def _link_of(place: str) -> str:
    return f"{LINK} of {place}"


def _event_of(
    scenario: Scenario, events: Sequence[ScriptedEvent], cause: int
) -> ScriptedEvent:
    if cause >= 0:
        return events[cause]
    fault = scenario.faults[-1 - cause]
    return ScriptedEvent(0, 0, fault.kind, fault.params)


def _at_its_side(one: Waiting, roles: Roles) -> Any | None:
    """The effect's parameters in that pair, None if it is not felt there. The link's two ends have
    changed places.
    """
    kind = one.event.kind
    if one.site in EVERYWHERE or one.site == _link_of(roles.secondary):
        return kind.turned(one.event.params)
    sides = {roles.primary: "primary", roles.secondary: "secondary"}
    side = sides.get(one.site)
    if side is None or (side == "primary" and roles.rank):
        return (
            None  # what affects the primary is felt once, in the first pair
        )
    return (
        one.event.params
        if kind.place(one.event.params) == side
        else kind.turned(one.event.params)
    )
