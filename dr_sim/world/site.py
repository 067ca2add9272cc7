"""A site: its server, files, disks and clock. It outlives every pair that refers to it.

Theory of operation. A run begins with a primary at one site and its standbys at others. A failover
changes roles, and the sites stay as they are: each keeps its server with the databases in it, its
files, its disks with whatever fills them or slows them down, and its wall clock. A pair refers to
two sites, and nothing at a site is made again when a pair is put on (pair.py).

A site has disks for each of the two roles, with the size and the speed that the scenario gives to
that role. A primary has the share with its backups, and the disk of each machine that they are read
from. A standby has the landing share, the disk with the restored databases, and the speed at which
files are hashed and restored. They are made when the site has that role for the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dr_sim.engines.port import Engine
from dr_sim.engines.sides import Sides
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.sites import site_name
from dr_sim.stores import MemoryStore, Store
from dr_sim.world.kernel.agenda import Agenda, Class
from dr_sim.world.kernel.clock import Clock
from dr_sim.world.kernel.sharing import SharedRate
from dr_sim.world.kernel.volume import BackupShare, Volume
from dr_sim.world.kernel.wall_clock import WallClock
from dr_sim.world.link.link import Link

Slowness = Callable[[str, int], int]
"""A factor (in millionths) on the time of a restore, by the name of a draw and its occurrence."""


@dataclass(frozen=True, slots=True)
class PrimaryDisks:
    """The disks of a site as a primary. machines: by name, the disk that backups are read from."""

    share: BackupShare
    machines: dict[str, SharedRate]


@dataclass(frozen=True, slots=True)
class StandbyDisks:
    """The disks of a site as a standby. share: where files land; data: where the databases are
    restored; rate: the speed of both; slowness: everything that slows restores down now.
    """

    share: Volume
    data: Volume
    rate: SharedRate
    slowness: list[Slowness] = field(default_factory=list)


class Site:
    """One site. files: engines.port.Files, with what faults need (engines/files.py)."""

    def __init__(self, name: str, files: Any, engine: Engine) -> None:
        self.name = name
        self.files = files
        self.engine = engine
        self.wall = WallClock()
        self._as_primary: PrimaryDisks | None = None
        self._as_standby: StandbyDisks | None = None
        # by pair: where the recovery manager of that pair saves its state
        self._stores: dict[int, Store] = {}

    def primary_disks(
        self, scenario: Scenario, agenda: Agenda, clock: Clock
    ) -> PrimaryDisks:
        """Return the disks of the primary's role, as the scenario has them."""
        if self._as_primary is None:
            spec = scenario.primary
            rate = clock.disk(spec.disk_bytes_s)
            machines = {
                machine: SharedRate(agenda, Class.DISK, rate)
                for machine in scenario.machines
            }
            share = BackupShare(agenda, spec.share_capacity_bytes)
            self._as_primary = PrimaryDisks(share, machines)
        return self._as_primary

    def standby_disks(
        self, scenario: Scenario, agenda: Agenda, clock: Clock
    ) -> StandbyDisks:
        """Return the disks of the standby's role. scenario: as that standby has it."""
        if self._as_standby is None:
            spec = scenario.secondary
            rate = clock.disk(spec.disk_bytes_s)
            self._as_standby = StandbyDisks(
                Volume(spec.share_capacity_bytes),
                Volume(spec.data_capacity_bytes),
                SharedRate(agenda, Class.DISK, rate),
            )
        return self._as_standby

    def without_its_server(self, server: tuple[Any, Engine]) -> Site:
        """Return the same site with another server, as its own has got a site of its own."""
        site = Site(self.name, *server)
        site.wall = self.wall
        site._as_standby = self._as_standby
        site._stores = self._stores
        return site

    @property
    def landing_share(self) -> Volume:
        """Return the share in which files have landed; the site has been a standby's."""
        assert self._as_standby is not None
        return self._as_standby.share

    def store_of(self, pair: int, given: Store | None = None) -> Store:
        """Return the store of that pair's recovery manager, which runs here. given: one that is
        used instead of a new one in memory.
        """
        if pair not in self._stores:
            self._stores[pair] = given or MemoryStore()
        return self._stores[pair]


class Sites:
    """All sites of a run and the links between them, in the order in which they were put up."""

    def __init__(self, agenda: Agenda, sides: Sides) -> None:
        """sides: the servers of the first two sites, and the way to get another one."""
        self._agenda = agenda
        self._another = sides.another
        self._servers = _servers(sides)
        self._by_name: dict[str, Site] = {}
        # the written places up to the last one that replays
        self._standbys: set[str] = set()
        self._written = 0
        self._links: dict[frozenset[str], Link] = {}
        # by store, as it was before a restore: the machine onto which it was restored
        self._machines: dict[Site, Site] = {}

    def put_up(self, name: str, is_store: bool = False) -> Site:
        """Put up a site of the scenario with an empty server. The first one is the first primary's.
        is_store: it keeps backups and replays none.
        """
        self._by_name[name] = site = Site(name, *self.another_server())
        self._written = len(self._by_name)
        if not is_store:
            self._standbys = set(self._by_name)
        return site

    def another_server(self) -> tuple[Any, Engine]:
        """Return the files and the engine of an empty server."""
        return next(self._servers)

    def put_up_another(self) -> Site:
        """Put up a site with the next name that no other site has."""
        return self._new_site(*self.another_server())

    def _new_site(self, files: Any, engine: Engine) -> Site:
        number = len(self._by_name)
        while (name := site_name(number)) in self._by_name:
            number += 1
        self._by_name[name] = site = Site(name, files, engine)
        return site

    def machine_of(self, store: Site) -> Site:
        """Return the site of the machine onto which a store was restored: the server with the
        databases stands there from now on. The store is left with its files, which lie in a share
        of their own, and can be restored onto another machine.
        """
        if store in self._machines:
            return self._machines[store]
        machine = self._new_site(store.files, store.engine)
        self._machines[store] = machine
        self._by_name[store.name] = store.without_its_server(
            self._another(store.files)
        )
        return machine

    def at(self, name: str) -> Site:
        """Return the site of that name."""
        return self._by_name[name]

    def order(self, site: Site) -> tuple[int, int]:
        """Return the place of a site in the order of preference: the sites of the scenario as they
        are written there. New ones, which are standbys, come after the last standby that is
        written, so before the stores behind it.
        """
        place = list(self._by_name).index(site.name)
        if place < self._written:
            return 0 if site.name in self._standbys else 2, place
        return 1, place

    def link(self, one: str, other: str) -> Link:
        """Return the link between two sites; the direction does not matter."""
        ends = frozenset((one, other))
        if ends not in self._links:
            self._links[ends] = Link(self._agenda)
        return self._links[ends]


def _servers(sides: Sides) -> Iterator[tuple[Any, Engine]]:
    yield sides.primary_files, sides.primary
    yield sides.secondary_files, sides.secondary
    while True:
        yield sides.another()
