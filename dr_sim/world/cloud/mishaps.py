"""Mishaps of scripts and disturbed messages: each lasts for a time in the cloud manager's world.

Apart from what they happen to, so that an event can name them where no cloud manager is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dr_sim.scenario.model import Law


@dataclass(slots=True)
class Mishap:
    """A mishap of scripts while it is on. script: only scripts of that name; '' any. limit: the
    most scripts that it hits, -1: all.
    """

    kind: str
    site: str
    script: str
    limit: int = -1

    def affects(self, kind: str, site: str, script: str) -> bool:
        wanted = (
            self.kind == kind
            and self.site in ("", site)
            and self.script in ("", script)
        )
        if not wanted or not self.limit:
            return False
        self.limit -= 1
        return True


@dataclass(slots=True)
class Mishaps:
    """The mishaps that are on."""

    on: list[Mishap] = field(default_factory=list)

    def affects(self, kind: str, site: str, script: str) -> bool:
        return any(mishap.affects(kind, site, script) for mishap in self.on)


@dataclass(slots=True)
class Disturbance:
    """A disturbance of a share of the messages while it is on. kind: 'lost request', 'lost answer',
    'hung request', 'duplicate', 'late duplicate', 'other parameters', 'other tenant', 'other
    thing', 'other identifier'. lane: names its draws. delay: of late messages.
    """

    kind: str
    share_ppm: int
    lane: str
    delay: Law
