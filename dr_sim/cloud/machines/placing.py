"""Placement: the choice of a physical machine for a virtual one.

Theory of operation. A machine goes to a physical machine of its image's class with room for its
processors and its memory, but not to one on which it failed before. A network with its own physical
machines uses only those, and no other network uses them. Among the rest, the physical machine with
the fewest machines of the same farm and role is chosen, so that the loss of one physical machine
takes few of them; then the one with the most free processors. Doubtful physical machines come last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from dr_sim.cloud.machines.machine_config import ImageConfig, PhysicalConfig


@dataclass(slots=True)
class Used:
    """Part of one physical machine that is taken. alike: machines there, by farm and role."""

    cpus: int = 0
    ram_bytes: int = 0
    alike: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, image: ImageConfig, farm: str, role: str) -> None:
        self.cpus += image.cpus
        self.ram_bytes += image.ram_bytes
        self.alike[farm, role] += 1


@dataclass(frozen=True, slots=True)
class WantedPlace:
    """A machine that looks for a place. not_on: physical machines on which it failed. owner: whose
    physical machines it runs on; '': those that are nobody's alone.
    """

    image: ImageConfig
    farm: str
    role: str
    not_on: Collection[str] = ()
    owner: str = ""


def place(
    wanted: WantedPlace,
    physical: Iterable[PhysicalConfig],
    used: dict[str, Used],
    doubted: Collection[str] = (),
) -> str:
    """Return the name of the physical machine; '' if none has room."""
    best: tuple[bool, int, int, int] | None = None
    found = ""
    for order, each in enumerate(physical):
        of = used.get(each.name) or Used()
        if not _fits(wanted, each, of):
            continue
        rank = (
            each.name in doubted,
            of.alike[wanted.farm, wanted.role],
            of.cpus - each.cpus,
            order,
        )
        if best is None or rank < best:
            best, found = rank, each.name
    return found


def _fits(wanted: WantedPlace, physical: PhysicalConfig, of: Used) -> bool:
    image = wanted.image
    return (
        physical.machine_class == image.machine_class
        and physical.owner == wanted.owner
        and physical.name not in wanted.not_on
        and of.cpus + image.cpus <= physical.cpus
        and of.ram_bytes + image.ram_bytes <= physical.ram_bytes
    )
