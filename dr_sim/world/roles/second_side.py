"""The choice of the second side behind a new primary: the old primary, a site that returns, or a
new one.

Theory of operation. After a failover, the old primary's place is the second side if its site is
there. If the old primary is stopped and complete, this is so at once. Otherwise a new machine has
to be set up, and it takes `after_failover.new_secondary`. If the site is lost, a new site is the
second side after the same time. If the lost site returns before the new one is in place, it becomes
the second side instead: the first to be ready. With `new_secondary: built` the cloud manager learns
of the site at once, and the site is in place when the machines of all farms run there. Each
database at the second side follows without a new seed or is seeded again, depending on what it
holds (succession.py). If the lost site returns after the new site is in place, it is a spare: it
keeps what it holds, and replaces the second side at once if the next primary's site is lost.

The record says what a returning site still holds of the lost data (truth.still_there). These data
are not merged, and a new seed overwrites them. If a site returns while the primary after it is lost
too, it is a spare, and is behind that primary once that one is back. The decision which of the two
should be the primary again is not made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dr_sim.world.kernel.occurrence import Occurrence
from dr_sim.world.roles.pair import Pair
from dr_sim.world.roles.succession import copies_at
from dr_sim.world.site import Site

if TYPE_CHECKING:
    from dr_sim.world.world import World

FIRST, SECOND, SPARE = "primary", "second side", "spare"
"""The roles of what is back."""


class SecondSides:
    def __init__(self, world: World) -> None:
        self._world = world
        self._spares: list[
            Pair
        ] = []  # whose primaries' sites are back, and have no role

    # ---- a change of roles
    def after(self, old: Pair) -> tuple[Site, int]:
        """Return (the site, when it is in place) in the pair that follows."""
        scenario, now = self._world.scenario, self._world.agenda.now_us
        wait_us = scenario.new_secondary_us
        later_us = scenario.run_for_us + 1
        if wait_us is not None and not scenario.new_secondary_built:
            later_us = now + wait_us
        if not old.site_lost:
            return (
                old.roles.primary_site,
                now if old.stands_ready else later_us,
            )
        if self._spares:
            return self._spares.pop(0).roles.primary_site, now
        if not scenario.brings_back:
            old.roles.primary_site.engine.close()
        return self._world.sites.put_up_another(), later_us

    def build(self, pair: Pair) -> None:
        """Begin to build the second side of a pair that waits for it. Where other copies stand
        behind the same primary it is built beside the one that is mirrored.
        """
        scenario, cloud = self._world.scenario, pair.cloud
        if not (scenario.new_secondary_built and pair.protection.waits):
            return
        if cloud is None or cloud.hardware is None:
            return
        site = pair.roles.secondary
        if len(pair.together) > 1:
            cloud.sites.build(pair.roles.primary, site)
        else:
            cloud.sites.stands(pair.roles.primary, site)
        cloud.hardware.farms.when_complete(
            site, lambda: self._built(pair, site)
        )

    def _built(self, pair: Pair, site: str) -> None:
        """Put a second side in place, unless another one stands there by now."""
        if not pair.protection.waits or pair.roles.secondary != site:
            return
        pair.protection.is_built()
        if pair.lead.before is not None:
            self._world.end_of(pair.lead.before)

    # ---- what was lost is back
    def back(
        self,
        event: Occurrence,
        what: str,
        site: str,
        machines: Sequence[str],
    ) -> None:
        pair, on = self._lost(what, site, machines), self._world.pair
        if pair is None:
            event.nothing(
                f"{f'site {site}' if site else f'no {what}'} is lost"
            )
            return
        name = pair.roles.primary
        event.begins(
            f"site {name} is back"
            if what == "site"
            else f"a host of site {name} is back"
        )
        # a host that is back where the primary runs on another one is no second side of it
        elsewhere = name != on.roles.primary
        waits = self._waiting_in(on) if elsewhere else None
        role = SPARE if waits is None else SECOND
        if pair is on:
            role = FIRST
        on.context.note("truth.returned", -1, what, name, role)
        if what == "site":
            pair.coming_back.site()
        else:
            pair.coming_back.host(machines)
        if pair is not on:
            note_what_is_there(pair, on)
        if waits is not None:
            self._stands_behind(pair, waits)
        elif role == SPARE and what == "site":
            self._spares.append(pair)

    def look(self) -> None:
        """A primary takes writes again: if it waits for its second side, a spare is that."""
        waits = self._waiting_in(self._world.pair)
        if self._spares and waits is not None:
            self._stands_behind(self._spares.pop(0), waits)

    def _waiting_in(self, on: Pair) -> Pair | None:
        """The pair behind that primary that waits for its second side."""
        return next(
            (pair for pair in on.together if pair.waits_for_second_side),
            None,
        )

    def _stands_behind(self, pair: Pair, waits: Pair) -> None:
        if waits.cloud is not None:
            waits.cloud.sites.leave(waits.roles.secondary)
        copies = copies_at(pair, waits.roles.heirs or {})
        waits.protection.second_side_is(pair.roles.primary_site, copies)
        before = waits.lead.before
        if before is not None:
            self._world.end_of(before)

    def _lost(
        self, what: str, site: str, machines: Sequence[str]
    ) -> Pair | None:
        """The pair whose primary is meant, the last one first."""
        for pair in reversed(self._world.pairs):
            named = pair.lead is pair and site in ("", pair.roles.primary)
            if named and pair.losses.has_lost(what, machines):
                return pair
        return None


def note_what_is_there(pair: Pair, on: Pair) -> None:
    """Record what the old primary, that is back, holds of what its failover has lost."""
    lost = {
        i: x
        for each in pair.together
        for i, x in each.promotion.lost.items()
    }
    for index, (user_bytes, transactions) in sorted(lost.items()):
        db = pair.primary.databases[index]
        if transactions and not db.failed:
            site = pair.roles.primary
            on.context.note(
                "truth.still_there", index, site, user_bytes, transactions
            )
