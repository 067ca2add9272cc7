"""The cloud manager's configuration, from the scenario."""

from __future__ import annotations

from dr_sim.cloud import (
    CallerConfig,
    CloudConfig,
    EntityConfig,
    JobsConfig,
    MirrorConfig,
    NetworkConfig,
)
from dr_sim.cloud.config import UsualTimes
from dr_sim.cloud.texts import OPERATORS
from dr_sim.cloud.words import MirrorMode, OnFailure
from dr_sim.scenario.cloud_model import (
    OPERATIONS,
    Cloud,
)
from dr_sim.scenario.model import Scenario
from dr_sim.world.cloud.machine_manager_config import machines_config
from dr_sim.world.cloud.names import (
    identifier,
    may_use,
    tenants_of,
    things_of,
)


def cloud_config(spec: Cloud, scenario: Scenario) -> CloudConfig:
    """Return the manager's configuration."""
    networks = []
    sites = spec.sites
    tenants = tenants_of(scenario)
    for network in spec.networks:
        entities: list[EntityConfig] = []
        for kind, names in things_of(network, scenario).items():
            for name in names:
                identifiers = tuple(
                    (site, identifier(site, network.name, name))
                    for site in sites
                )
                entities.append(
                    EntityConfig(
                        name, kind, identifiers, tenants.get(name, ())
                    )
                )
        networks.append(NetworkConfig(network.name, sites, tuple(entities)))
    everything = tuple(network.name for network in spec.networks)
    callers = [CallerConfig(OPERATORS, everything)]
    for client in spec.clients:
        allowed = tuple(n.name for n in spec.networks if may_use(client, n))
        callers.append(
            CallerConfig(client.name, allowed, None, client.tenants)
        )
    mirror, jobs = spec.mirror, spec.jobs
    return CloudConfig(
        networks=tuple(networks),
        callers=tuple(callers),
        mirror=MirrorConfig(
            MirrorMode(mirror.mode),
            mirror.every_us,
            mirror.audit_us,
            mirror.limit_us,
            OnFailure(mirror.on_failure),
        ),
        jobs=JobsConfig(
            jobs.time_limit_us, jobs.retry_us, jobs.attempts, jobs.at_once
        ),
        operations=tuple(name for name, _, _ in OPERATIONS),
        usual=usual_times(spec),
        machines=machines_config(spec, scenario, sites),
    )


def usual_times(spec: Cloud) -> UsualTimes:
    """Return how long the manager's work usually takes."""
    return UsualTimes(
        mode=MirrorMode(spec.mirror.mode),
        at_once=spec.jobs.at_once,
        asks_us=spec.rtt_us // 2 * 2,
        starts_us=spec.jobs.start_us,
        change_us=spec.takes.a,
        set_us=spec.jobs.set.a,
        rebuild_us=spec.jobs.rebuild.a,
        by_hand_us=spec.jobs.by_hand.a,
    )
