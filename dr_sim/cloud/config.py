"""Configuration of the cloud manager: integers and names."""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.cloud.machines.machine_config import MachinesConfig
from dr_sim.cloud.words import MirrorMode, OnFailure


@dataclass(frozen=True, slots=True)
class EntityConfig:
    """A row of the configuration database as it was at first. ids: its identifiers at each site.
    tenants: whose it is; () where nobody says so.
    """

    name: str
    kind: str
    ids: tuple[tuple[str, str], ...]
    tenants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """A network and its second one: sites, the active one first."""

    name: str
    sites: tuple[str, str]
    entities: tuple[EntityConfig, ...]


@dataclass(frozen=True, slots=True)
class CallerConfig:
    """Who may call, about which networks, and for what. operations: None is all of them. tenants:
    for whom it calls; () is for the service itself.
    """

    name: str
    networks: tuple[str, ...]
    operations: tuple[str, ...] | None = None
    tenants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MirrorConfig:
    """every_us, audit_us: 0 is at once and never. limit_us: drift beyond it is reported."""

    mode: MirrorMode
    every_us: int
    audit_us: int
    limit_us: int
    on_failure: OnFailure


@dataclass(frozen=True, slots=True)
class JobsConfig:
    """at_once: scripts that run at one time at one side of a network."""

    time_limit_us: int
    retry_us: int
    attempts: int
    at_once: int


@dataclass(frozen=True, slots=True)
class UsualTimes:
    """How long the work of the manager usually takes. asks_us: from a question to an agent to its
    answer; starts_us: until a script has started; by_hand_us: for people, each piece of work.
    at_once: scripts that run at one time at one side of a network.
    """

    mode: MirrorMode
    at_once: int
    asks_us: int
    starts_us: int
    change_us: int
    set_us: int
    rebuild_us: int
    by_hand_us: int


@dataclass(frozen=True, slots=True)
class CloudConfig:
    networks: tuple[NetworkConfig, ...]
    callers: tuple[CallerConfig, ...]
    mirror: MirrorConfig
    jobs: JobsConfig
    operations: tuple[str, ...]  # that a caller may ask for
    usual: UsualTimes
    version: int = 1  # of the scripts: those of a newer manager are newer
    machines: MachinesConfig | None = None
