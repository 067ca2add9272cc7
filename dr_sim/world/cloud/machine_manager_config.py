"""The machine manager's configuration, from the scenario."""

from __future__ import annotations

from collections.abc import Container

from dr_sim.cloud.machines.first_machines import with_first
from dr_sim.cloud.machines.machine_config import (
    FarmConfig,
    ImageConfig,
    LoadConfig,
    MachinesConfig,
    PhysicalConfig,
)
from dr_sim.scenario.cloud_model import Cloud, CloudNetwork
from dr_sim.scenario.machine_model import (
    FRONT_END,
    Farm,
    Image,
    Machines,
    PhysicalSite,
)
from dr_sim.scenario.model import Scenario
from dr_sim.world.cloud.loads import Week


def machines_config(
    spec: Cloud, scenario: Scenario, sites: tuple[str, str]
) -> MachinesConfig | None:
    """Return the configuration; None where there are no machines."""
    machines = spec.machines
    if machines is None:
        return None
    physical = {
        at.site: _physical(at, machines, spec.networks)
        for at in machines.physical
    }
    stores = {each.name for each in scenario.standbys if each.store}
    images = tuple(_image(image, stores) for image in machines.images)
    farms = tuple(
        _farm(farm, machines, scenario) for farm in machines.farms
    )
    apart = frozenset(of.name for of in spec.networks if of.own)
    quotas: dict[tuple[str, str], int] = {}
    for network in spec.networks:
        for tenant, quota in network.quotas:
            quotas[network.name, tenant] = quota
    config = MachinesConfig(
        physical=physical,
        images=images,
        farms=farms,
        attempts=spec.jobs.attempts,
        repair_after_us=machines.repair_us,
        retry_us=spec.jobs.retry_us,
        most_silent_ppm=machines.most_silent_ppm,
        most={
            network.name: network.most_machines for network in spec.networks
        },
        apart=apart,
        quotas=quotas,
    )
    return with_first(config, sites)


def _physical(
    at: PhysicalSite, machines: Machines, networks: tuple[CloudNetwork, ...]
) -> tuple[PhysicalConfig, ...]:
    """Return a site's physical machines. The first ones of a class are the networks' own, in the
    order of the networks.
    """
    sizes = {of.name: of for of in machines.classes}
    found = []
    for name, count in at.counts:
        size = sizes[name]
        owners: list[str] = []
        for network in networks:
            owners += [network.name] * dict(network.own).get(name, 0)
        owners += [""] * (count - len(owners))
        for number in range(1, count + 1):
            found.append(
                PhysicalConfig(
                    f"{at.site}-{name}-{number}",
                    name,
                    size.cpus,
                    size.ram_bytes,
                    owners[number - 1],
                )
            )
    return tuple(found)


def _image(image: Image, stores: Container[str]) -> ImageConfig:
    """stores: they have no install points. What lies there is found when it is at a site."""
    return ImageConfig(
        image.name,
        image.role,
        image.size_bytes,
        image.cpus,
        image.ram_bytes,
        image.machine_class,
        tuple(site for site in image.sites if site not in stores),
    )


def _farm(farm: Farm, machines: Machines, scenario: Scenario) -> FarmConfig:
    goals, follows = farm.goals, None
    if farm.load is not None:
        load = farm.load
        first = Week.of(load, scenario).levels[0]
        goals = tuple(
            {**dict(goals), FRONT_END: load.needed(first)}.items()
        )
        follows = LoadConfig(
            FRONT_END,
            load.per_num,
            load.per_den_us,
            load.least,
            machines.fewer_after_us,
        )
    return FarmConfig(
        farm.name,
        farm.network,
        farm.image,
        goals,
        _units(farm, scenario),
        follows,
        farm.tenant,
        farm.kind.rank,
    )


def _units(farm: Farm, scenario: Scenario) -> tuple[tuple[str, ...], ...]:
    """Return the databases of a farm in the groups in which they are moved: those of the same
    tenants together, and each one that names none by itself.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for i in farm.databases:
        database = scenario.databases[i]
        whose = database.tenants or ("", database.name)
        groups.setdefault(whose, []).append(database.name)
    return tuple(tuple(names) for names in groups.values())
