"""Machines, images and farms as the rest of dr_sim sees them: plain values in integers (see
cloud_model.py).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dr_sim.scenario.model import Law
from dr_sim.units import HOUR_US

ROLES = ("front_end", "application", "timer", "search", "directory")
FRONT_END = "front_end"
"""Names the roles of machines; users are served by those of the first."""
CLASSES = ("compute", "storage")
"""Names the classes of physical machines."""


class FarmKind(enum.StrEnum):
    """Kind of a farm: whom it serves. The order is that in which machines are made: those that
    follow depend on the first ones.
    """

    NETWORK = "network"
    FEDERATED = "federated"
    CONTENT = "content"

    @property
    def serves_users(self) -> bool:
        return self is FarmKind.CONTENT

    @property
    def rank(self) -> int:
        """Return its place in the order in which machines are made."""
        return list(FarmKind).index(self)


@dataclass(frozen=True, slots=True)
class MachineClass:
    """How large each physical machine of a class is."""

    name: str
    cpus: int
    ram_bytes: int


@dataclass(frozen=True, slots=True)
class PhysicalSite:
    """How many physical machines a site has, by class."""

    site: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Image:
    """sites: whose install points have it at first."""

    name: str
    role: str
    size_bytes: int
    cpus: int
    ram_bytes: int
    machine_class: str
    sites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that users make: num every den_us on average. shape: 'none' is not known, 'steady',
    'business_hours', by the hourly weights of a log volume, or 'series'.

    steps: of a series, the requests an hour from each instant on; num and den_us are then its
    most. repeat_us: after which it begins again; 0: never.
    """

    shape: str
    num: int = 0
    den_us: int = 1_000_000
    steps: tuple[tuple[int, int], ...] = ()
    repeat_us: int = 0


@dataclass(frozen=True, slots=True)
class FarmLoad:
    """A farm's load, which its front ends follow: one for each per_num requests every per_den_us,
    and at least so many.
    """

    load: Load
    per_num: int
    per_den_us: int
    least: int

    def needed(self, per_hour: int) -> int:
        """Return how many front ends that many requests an hour need."""
        each = self.per_num * HOUR_US
        return max(self.least, -(-per_hour * self.per_den_us // each))


@dataclass(frozen=True, slots=True)
class Farm:
    """goals: by role; of front ends, where they follow a load, the least. databases: indices, of
    those whose users it serves. load: None where people set all goals.
    """

    name: str
    network: str
    image: str
    goals: tuple[tuple[str, int], ...]
    databases: tuple[int, ...]
    load: FarmLoad | None = None
    tenant: str = ""  # whose it is; '': nobody's alone
    kind: FarmKind = FarmKind.CONTENT

    def goal(self, role: str) -> int:
        return dict(self.goals).get(role, 0)


@dataclass(frozen=True, slots=True)
class Machines:
    """install_bit_s: at which an image comes from the install point to a physical machine.
    load_every_us, fewer_after_us: how a load is measured and followed.
    """

    classes: tuple[MachineClass, ...]
    physical: tuple[PhysicalSite, ...]
    images: tuple[Image, ...]
    farms: tuple[Farm, ...]
    takes: Law
    remove: Law
    install_bit_s: int
    silent_us: int
    repair_us: int
    most_silent_ppm: int
    load_every_us: int
    fewer_after_us: int

    def image(self, name: str) -> Image:
        return next(image for image in self.images if image.name == name)

    def deploy_us(self, image: Image) -> int:
        """Return the usual time of a deployment: the copy of its image, and its scripts."""
        return self.copy_us(image) + self.takes.a

    def copy_us(self, image: Image) -> int:
        """Return how long an image takes from the install point to a physical machine."""
        return -(-image.size_bytes * 8 * 1_000_000 // self.install_bit_s)
