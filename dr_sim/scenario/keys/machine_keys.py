"""The sections of a scenario that are about machines: what may stand there, and the plain values
they become (checks across them: checks/machine_checks.py).

Machines are part of a run if any of these sections is written; then there is a cloud manager, too.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from dr_sim.scenario.cloud_model import CloudNetwork
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.load_field import LoadField
from dr_sim.scenario.fields.quantities import (
    Bandwidth,
    Count,
    Duration,
    Period,
    Ppm,
    Size,
)
from dr_sim.scenario.fields.values import (
    NameList,
    NamesOrAll,
    Positive,
    Rate,
    Tenants,
)
from dr_sim.scenario.keys.section import Section, about
from dr_sim.scenario.machine_model import (
    CLASSES,
    ROLES,
    Farm,
    FarmKind,
    FarmLoad,
    Image,
    MachineClass,
    Machines,
    PhysicalSite,
)

SECTIONS = ("physical", "images", "farms", "deployment")
MOST_MACHINES = 2_000  # virtual or physical, at one site


class PhysicalKeys(Section):
    compute: Count = about(
        "number of physical machines of the class compute"
    )
    storage: Count = about(
        "number of physical machines of the class storage"
    )


class ImageKeys(Section):
    role: Literal[
        "front_end", "application", "timer", "search", "directory"
    ] = about(
        "the role that it is made for; a farm's machines of other roles "
        "use the farm's image too"
    )
    size: Annotated[Size, Positive] = about(
        "number of bytes that are copied to a site's install point, and "
        "from there to a physical machine"
    )
    cpus: Annotated[Count, Positive] = about(
        "processors that a machine with this image needs"
    )
    ram: Annotated[Size, Positive] = about(
        "memory that a machine with this image needs"
    )
    machine_class: Literal["compute", "storage"] = about(
        "the class of physical machines on which it runs", alias="class"
    )
    at: NameList = about(
        "sites whose install points have it when the run begins; it is "
        "copied to others over the link. A store may have it, too: then it "
        "is at the site of the machine onto which the store is restored"
    )


class FarmKeys(Section):
    network: str = about("the network that its machines are in")
    image: str = about("the image that its machines are made of")
    kind: Literal["content", "federated", "network"] = about(
        "content: it serves users; federated: it serves the other farms "
        "of its network, for example with search or profiles; network: it "
        "serves all other farms of its network, federated ones too, and a "
        "network has at most one. Without them the others are degraded, so "
        "their machines are made first"
    )
    tenant: Tenants = about(
        "the tenant that it belongs to: its machines count towards the "
        "tenant's quota (networks.*.quotas), and without quotas it changes "
        "nothing; none: it belongs to no single tenant"
    )
    databases: NamesOrAll = about(
        "the databases whose users it serves; all: those of its network "
        "that no farm names (the network's first farm with `all` serves "
        "them)"
    )
    front_end: Count = about(
        "number of front ends, which serve the users; with a load: the "
        "smallest number"
    )
    load: LoadField = about(
        "rate of requests that its users make; the number of front ends "
        "follows it; none: people set the number"
    )
    per_machine: Rate = about(
        "rate of requests that one front end should serve, if the number "
        "follows a load"
    )
    application: Count = about("number of application servers")
    timer: Count = about("number of timer machines")
    search: Count = about("number of search machines")
    directory: Count = about("number of directory machines")


class SizeKeys(Section):
    cpus: Annotated[Count, Positive] = about("processors of each machine")
    ram: Annotated[Size, Positive] = about("memory of each")


class DeploymentKeys(Section):
    takes: Law = about(
        "time that the scripts of a deployment take, after the copy of its image"
    )
    remove: Law = about("time to remove a machine")
    install_rate: Annotated[Bandwidth, Positive] = about(
        "rate at which an image comes from the install point to a physical machine"
    )
    silent_for: Duration = about(
        "time after which a silent machine is known to be silent"
    )
    repair_after: Annotated[Period, Positive] = about(
        "time after which a silent machine is replaced"
    )
    most_silent: Ppm = about(
        "if a larger share of a network's machines at a site is silent, "
        "none is replaced, because this is a site loss"
    )
    load_every: Annotated[Period, Positive] = about(
        "interval over which the load of a farm is measured, again and "
        "again"
    )
    fewer_after: Duration = about(
        "time for which the load must need fewer front ends before fewer "
        "are wanted"
    )
    compute: SizeKeys = about(
        "size of a physical machine of the class compute"
    )
    storage: SizeKeys = about(
        "size of a physical machine of the class storage"
    )


# ---- to plain values
def machines_of(
    root: Any, networks: tuple[CloudNetwork, ...]
) -> Machines | None:
    """Return the machines; None if they are no part of the run. root: schema.Root."""
    keys = root.deployment
    if keys is None:
        return None
    classes = tuple(_class(name, getattr(keys, name)) for name in CLASSES)
    physical = tuple(_site(site, of) for site, of in root.physical.items())
    images = tuple(_image(name, of) for name, of in root.images.items())
    return Machines(
        classes=classes,
        physical=physical,
        images=images,
        farms=_farms(root, networks),
        takes=keys.takes,
        remove=keys.remove,
        install_bit_s=keys.install_rate,
        silent_us=keys.silent_for,
        repair_us=keys.repair_after,
        most_silent_ppm=keys.most_silent,
        load_every_us=keys.load_every,
        fewer_after_us=keys.fewer_after,
    )


def _class(name: str, size: Any) -> MachineClass:
    return MachineClass(name, size.cpus, size.ram)


def _image(name: str, of: Any) -> Image:
    return Image(
        name, of.role, of.size, of.cpus, of.ram, of.machine_class, of.at
    )


def _site(site: str, of: Any) -> PhysicalSite:
    counts = tuple((name, getattr(of, name)) for name in CLASSES)
    return PhysicalSite(site, counts)


def _farms(
    root: Any, networks: tuple[CloudNetwork, ...]
) -> tuple[Farm, ...]:
    order = {name: i for i, name in enumerate(root.databases)}
    in_network = {network.name: network.databases for network in networks}
    named = {
        name for farm in root.farms.values() for name in farm.databases
    }
    taken = {order[name] for name in named}
    rest = {}
    for name, databases in in_network.items():
        rest[name] = tuple(i for i in databases if i not in taken)
    found = []
    for name, farm in root.farms.items():
        mine = tuple(order[database] for database in farm.databases)
        kind = FarmKind(farm.kind)
        if not farm.databases and kind.serves_users:
            mine, rest[farm.network] = rest[farm.network], ()
        goals = tuple((role, getattr(farm, role)) for role in ROLES)
        found.append(
            Farm(
                name,
                farm.network,
                farm.image,
                tuple((role, count) for role, count in goals if count),
                mine,
                _load(farm),
                next(iter(farm.tenant), ""),
                kind,
            )
        )
    return tuple(found)


def _load(farm: Any) -> FarmLoad | None:
    if farm.load.shape == "none":
        return None
    num, den_us = farm.per_machine
    return FarmLoad(farm.load, num, den_us, farm.front_end)
