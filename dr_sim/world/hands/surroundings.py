"""The surroundings of the hands of a recovery manager."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dr_sim.engines.port import Engine
from dr_sim.world.link.directory import Directory
from dr_sim.world.link.heartbeat import Heartbeats
from dr_sim.world.link.remote import Remote
from dr_sim.world.roles.claims import Claims
from dr_sim.world.roles.promotion import Promotion
from dr_sim.world.secondary.secondary import Secondary

Configure = Callable[[Callable[[int], None]], None]
"""Has a site configured; what it is given is called then, with the number of changes. Or asks how
long that would take, and what it is given is called with that.
"""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The surroundings of the hands: the standby's side, the other side, and those who are notified
    of a failover. place: where the standby is. configure: has the site that a failover goes to
    configured, where there is a cloud manager; foretell: asks how long that would take. machine_us:
    until there is a machine to restore onto, where the place is a store. another: an empty server
    of its own, and its files. unfence: has the old primary serve again; what it is given is called
    with '' or why it does not. alone: there is no other copy. there: whether this place is.
    """

    place: str
    secondary: Secondary
    remote: Remote
    promotion: Promotion
    heartbeats: Heartbeats
    directory: Directory
    claims: Claims
    configure: Configure | None = None
    foretell: Configure | None = None
    machine_us: int = 0
    another: Callable[[], tuple[Any, Engine]] = field(kw_only=True)
    unfence: Callable[[Callable[[str], None]], None] = field(kw_only=True)
    alone: bool = field(kw_only=True)
    there: Callable[[], bool] = field(kw_only=True)
