"""Configuration of the machine manager: integers and names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """An image, and what a machine that is made of it needs. sites: where an install point has it
    at first.
    """

    name: str
    role: str
    size_bytes: int
    cpus: int
    ram_bytes: int
    machine_class: str
    sites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhysicalConfig:
    """A physical machine. owner: the network whose machines alone run on it; '' is nobody's."""

    name: str
    machine_class: str
    cpus: int
    ram_bytes: int
    owner: str = ""


@dataclass(frozen=True, slots=True)
class LoadConfig:
    """How machines of a role follow their farm's load: one for each per_num requests every
    per_den_us, at least so many, and fewer only if the load has asked for fewer for so long.
    """

    role: str
    per_num: int
    per_den_us: int
    least: int
    fewer_after_us: int


@dataclass(frozen=True, slots=True)
class FarmConfig:
    """A farm: its network, the image of its machines, how many of each role it is to have at first,
    and the databases that it serves. units: those databases, in groups that are moved together.
    load: None where people set all goals. tenant: whose it is; '': nobody's alone. rank: its
    machines are made before those of a higher rank, which depend on it.
    """

    name: str
    network: str
    image: str
    goals: tuple[tuple[str, int], ...]
    units: tuple[tuple[str, ...], ...] = ()
    load: LoadConfig | None = None
    tenant: str = ""
    rank: int = 0


@dataclass(frozen=True, slots=True)
class FirstMachine:
    """A virtual machine that runs when the service is first started."""

    name: str
    network: str
    site: str
    farm: str
    role: str
    image: str
    physical: str


@dataclass(frozen=True, slots=True)
class MachinesConfig:
    """physical: by site; a site that is not named has what the first one has. first: what runs
    when the service is first started. most_silent_ppm: where a larger part of a network's
    machines at a site is silent nothing is repaired there. most: how many machines a network may
    have at a site, where it has a limit. apart: networks with physical machines of their own.
    quotas: how many machines the farms of a tenant may have in a network at a site, by both.
    """

    physical: Mapping[str, tuple[PhysicalConfig, ...]]
    images: tuple[ImageConfig, ...]
    farms: tuple[FarmConfig, ...]
    attempts: int
    repair_after_us: int
    retry_us: int
    most_silent_ppm: int
    most: Mapping[str, int] = field(default_factory=dict)
    first: tuple[FirstMachine, ...] = field(default=())
    apart: frozenset[str] = frozenset()
    quotas: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def rank(self, farm: str) -> int:
        """Return the place of a farm in the order in which machines are made."""
        return next((of.rank for of in self.farms if of.name == farm), 0)

    def tenant(self, farm: str) -> str:
        """Return whose a farm is; '': nobody's alone."""
        found = (of.tenant for of in self.farms if of.name == farm)
        return next(found, "")

    def owner(self, network: str) -> str:
        """Return whose physical machines a network's machines run on; '': those of nobody."""
        return network if network in self.apart else ""

    def at(self, site: str) -> tuple[PhysicalConfig, ...]:
        """Return the physical machines of a site."""
        found = self.physical.get(site)
        if found is not None:
            return found
        like = next(iter(self.physical))
        return tuple(
            PhysicalConfig(
                site + each.name.removeprefix(like),
                each.machine_class,
                each.cpus,
                each.ram_bytes,
                each.owner,
            )
            for each in self.physical[like]
        )
