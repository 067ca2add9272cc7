"""The sites that the manager uses: of each network the active one, the second one and the source of
what is mirrored, and those that get machines beside them.

Theory of operation. The mirror of a network knows its sides (`Direction`). A new site that is built
beside a second one is no side yet: it gets machines, and nothing is mirrored to it. Which sites
those are, the manager is told, and it is saved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from dr_sim.cloud.commands import TellConfigurationTime
from dr_sim.cloud.config import UsualTimes
from dr_sim.cloud.events import ConfigurationTimeAsked, SitesToBuild
from dr_sim.cloud.mirror.foretelling import would_take_us
from dr_sim.cloud.mirror.mirror import Mirror
from dr_sim.cloud.out import Out

BUILT = "built"
"""Key in the store: of the sites that get machines beside the two sides."""


class UsedSites:
    """mirrors: by network. usual: how long the steps of configuring a site usually take."""

    def __init__(
        self,
        mirrors: Mapping[str, Mirror],
        stored: Mapping[str, str],
        usual: UsualTimes,
    ) -> None:
        self._mirrors = mirrors
        self._usual = usual
        self._built: list[str] = json.loads(stored.get(BUILT) or "[]")

    # ---- what others ask
    def of(self, network: str, in_failover: bool) -> tuple[str, ...]:
        """Return the sites of a network that are in use, the active one first. In a failover
        nothing begins at the sites beside it.
        """
        direction = self._mirrors[network].direction
        second = (direction.target,) if direction.target else ()
        beside = () if in_failover else self._built
        sites = (direction.active, *second, *beside)
        return tuple(dict.fromkeys(sites))

    def agents(self, given_up: str) -> set[tuple[str, str]]:
        """Return the agents, by network and site, that have something to do. given_up: a site whose
        agents have not.
        """
        return {
            (mirror.name, site)
            for mirror in self._mirrors.values()
            for site in (
                mirror.direction.active,
                mirror.direction.source,
                mirror.direction.target,
                *self._built,
            )
            if site != given_up
        }

    def is_built(self, site: str) -> bool:
        return site in self._built

    def are_all(self, site: str) -> bool:
        """Return whether a site is a side of every network."""
        directions = [m.direction for m in self._mirrors.values()]
        return all(site in (of.target, of.active) for of in directions)

    def without_second(self) -> str:
        """Return the active site, if a failover has ended and there is no second side yet; else
        ''.
        """
        directions = [m.direction for m in self._mirrors.values()]
        if any(direction.target for direction in directions):
            return ""
        return directions[0].active

    # ---- what is asked of the manager
    def time_asked(self, e: ConfigurationTimeAsked, out: Out) -> None:
        """Say how long a failover to a site would wait for its configuration."""
        usual, site = self._usual, e.site
        mirrors = self._mirrors.values()
        lacks = [mirror.known.lacks(site, usual) for mirror in mirrors]
        takes_us = would_take_us(usual, lacks)
        sides = {mirror.direction.active for mirror in mirrors}
        sides |= {mirror.direction.target for mirror in mirrors}
        if site not in sides:
            takes_us += usual.asks_us  # what its agents are doing
        out.commands.append(TellConfigurationTime(site, takes_us))

    def to_build(self, e: SitesToBuild, out: Out) -> None:
        """Take up the sites that get machines beside the sides."""
        self._builds(list(e.sites), out)

    def takes_over(self, site: str, out: Out) -> None:
        """A failover goes to a site: it is not built beside another one any more."""
        self._builds([each for each in self._built if each != site], out)

    def _builds(self, sites: list[str], out: Out) -> None:
        if sites != self._built:
            self._built = sites
            out.saves[BUILT] = json.dumps(sites) if sites else ""
