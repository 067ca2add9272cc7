"""The cloud manager and what is around it, as the rest of dr_sim sees it: plain values in integers
(see model.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.scenario.machine_model import Machines
from dr_sim.scenario.model import Law

OPERATIONS: tuple[tuple[str, str, bool], ...] = (
    ("rotate_secret", "database", True),
    ("change_schema", "database", True),
    ("move_database", "database", False),
    ("add_site_collection", "farm", True),
    ("set_version", "farm", True),
    ("add_machine", "farm", True),
)
"""Names what a caller may ask for: (name, of what kind of thing, whether random changes are of it).
"""


FIRST, SECOND = "A", "B"
"""Names the sites as they are at first: the primary's, and the secondary's where no copies are
named.
"""


@dataclass(frozen=True, slots=True)
class CloudNetwork:
    """tenants: () is shared. databases: indices. most_machines: at one site. own: how many physical
    machines of a class are its alone at each site; () where it has none. quotas: how many machines
    a tenant's farms may have at each site; () where nobody has a quota.
    """

    name: str
    tenants: tuple[str, ...]
    farms: tuple[str, ...]
    databases: tuple[int, ...]
    most_machines: int
    own: tuple[tuple[str, int], ...] = ()
    quotas: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CloudClient:
    name: str
    calls_num: int
    calls_den_us: int
    actions_ppm: int
    timeout_us: int
    retries: int
    tenants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CloudJobs:
    time_limit_us: int
    retry_us: int
    attempts: int
    start_us: int
    clean_up_us: int
    at_once: int
    set: Law
    rebuild: Law
    by_hand: Law
    forgotten_ppm: int


@dataclass(frozen=True, slots=True)
class CloudMirror:
    mode: str
    every_us: int
    audit_us: int
    limit_us: int
    on_failure: str


@dataclass(frozen=True, slots=True)
class Cloud:
    """provision_us: None waits as long as it takes. places: of the standbys when the run begins,
    the preferred one first: that is the second side. A service that has only stores has none.
    """

    at: str
    rtt_us: int
    answers_us: int
    restart_us: int
    mirror: CloudMirror
    provision_us: int | None
    jobs: CloudJobs
    changes_num: int
    changes_den_us: int
    takes: Law
    fail_ppm: int
    networks: tuple[CloudNetwork, ...]
    clients: tuple[CloudClient, ...]
    machines: Machines | None = None
    places: tuple[str, ...] = (SECOND,)

    @property
    def sites(self) -> tuple[str, str]:
        """Return the active site and the second one ('': there is none), as they are at first."""
        return FIRST, next(iter(self.places), "")

    @property
    def home(self) -> str:
        """Return the site where the cloud manager stands; '' if it stands apart."""
        homes = dict(zip(("primary", "secondary"), self.sites, strict=True))
        return homes.get(self.at, "")
