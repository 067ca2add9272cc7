"""Checks of the sections about machines: what is wrong although each value is right by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.checks.farm_kinds import check_kind
from dr_sim.scenario.checks.limit_checks import check_limits, own_of
from dr_sim.scenario.cloud_model import FIRST
from dr_sim.scenario.fields.fields import did_you_mean, nearest
from dr_sim.scenario.fields.load_field import BUSIEST
from dr_sim.scenario.fields.quantities import BUILT
from dr_sim.scenario.keys.machine_keys import MOST_MACHINES, SECTIONS
from dr_sim.scenario.keys.section import Section
from dr_sim.scenario.machine_model import (
    CLASSES,
    ROLES,
    FarmLoad,
)
from dr_sim.scenario.reading.tree import Node
from dr_sim.units import HOUR_US, format_duration, format_size

_FIRST_OF_SECTIONS = ("physical", "images", "farms")


def check_machines(
    root: Any, tree: Node, farms_of: dict[str, tuple[str, ...]]
) -> list[Problem]:
    """Return what is wrong although each value is right by itself. root: schema.Root, or what could
    be read of it. farms_of: by network, the farms that it has.
    """
    if getattr(root, "deployment", None) is None:
        return []
    problems = list(_left_out(root, tree))
    if problems:
        return problems
    problems += _sites(root, tree)
    for name, farm in _items(root, "farms"):
        problems += _farm(root, tree, name, farm, farms_of)
        problems += _wrong_load(tree, name, farm)
        problems += check_kind(root, tree, name, farm)
    problems += check_limits(root, tree)
    problems += _databases(root, tree)
    problems += _too_long(root, tree)
    problems += _too_big(root, tree)
    return problems or list(_room(root, tree))


def check_built(root: Any, tree: Node) -> Iterator[Problem]:
    """A new secondary that is built, where there is nothing to build it of."""
    after = getattr(root, "after_failover", None)
    if getattr(after, "new_secondary", None) != BUILT:
        return
    if getattr(root, "deployment", None) is None:
        told = "after_failover.new_secondary: built, and there are no machines to build it of"
        yield tree.at(("after_failover", "new_secondary")).problem(
            f"{told}; write physical, images and farms, or a duration"
        )


def loads_in(root: Any) -> tuple[str, ...]:
    """Return the farms that follow a load, and those whose load could not be read."""
    loads = {
        name: getattr(farm, "load", None)
        for name, farm in _items(root, "farms")
    }
    return tuple(
        name
        for name, load in loads.items()
        if load is None or load.shape != "none"
    )


def farms_in(root: Any) -> dict[str, str]:
    """Return the farms that have machines, with their images, as far as they could be read."""
    return {
        name: getattr(farm, "image", None) or ""
        for name, farm in _items(root, "farms")
    }


def physical_in(root: Any) -> tuple[str, ...]:
    """Return the names of all physical machines, as far as they could be read."""
    found = []
    for site, keys in _items(root, "physical"):
        for name in CLASSES:
            count = min(getattr(keys, name, None) or 0, MOST_MACHINES)
            found += [f"{site}-{name}-{i + 1}" for i in range(count)]
    return tuple(found)


def _items(root: Any, section: str) -> list[tuple[str, Any]]:
    """Return the entries of a section that could be read."""
    found = getattr(root, section, None) or {}
    return [
        (name, keys) for name, keys in found.items() if keys is not None
    ]


def _left_out(root: Any, tree: Node) -> Iterator[Problem]:
    """Sections without which nothing can be deployed."""
    examples = {
        "physical": "physical: {A: {compute: 10}, B: {compute: 10}}",
        "images": "images: {web 12.3: {size: 40 GB, at: [A, B]}}",
        "farms": "farms: {content: {image: web 12.3, front_end: 12}}",
    }
    for section in _FIRST_OF_SECTIONS:
        if getattr(root, section, None) == {}:
            written = next(
                each for each in SECTIONS if tree.get(each) is not None
            )
            told = (
                f"{section}: none is written, so no machine can be deployed"
            )
            yield tree.at((written,)).key_problem(
                f"{told}; write for example {examples[section]}"
            )
            return


def _sites(root: Any, tree: Node) -> Iterator[Problem]:
    """Sites that there cannot be, and images where nobody has them."""
    if not isinstance(tree.at(("physical",)).value, dict):
        return  # told already: a mapping belongs here
    physical = dict(_items(root, "physical"))
    for site, keys in physical.items():
        node = tree.at(("physical", site))
        if len(site) != 1 or not "A" <= site <= "Z":
            told = f"physical: {site[:40]!r} is no site; sites are A, B, C and so on"
            if site in dict(_items(root, "copies")):
                told += ", so name the standby by a letter too, as in copies: {B: {}, C: {}}"
            yield node.key_problem(told)
        for name in CLASSES:
            count = getattr(keys, name, 0) or 0
            if count > MOST_MACHINES:
                told = f"physical.{site}.{name}: {count:,} machines are more than can be played"
                yield node.at((name,)).problem(
                    f"{told}; write {MOST_MACHINES:,} at most"
                )
    if FIRST not in physical:
        yield tree.at(("physical",)).problem(
            "physical: A is missing, where the primary is; write for example "
            "A: {compute: 10}"
        )
        return
    copies = dict(_items(root, "copies"))
    stores = [
        name for name in copies if getattr(copies[name], "store", None)
    ]
    for name, image in _items(root, "images"):
        node = tree.at(("images", name, "at"))
        at = getattr(image, "at", None) or ()
        for site in at:
            if site not in physical and site not in stores:
                told = (
                    f"images.{name}.at: {site!r} has no physical machines"
                )
                hint = did_you_mean(site, tuple(physical))
                yield node.problem(f"{told}; {hint}")
        if at and FIRST not in at:
            told = f"images.{name}.at: A is missing, from where other sites get it"
            yield node.problem(f"{told}; add A")


def _farm(
    root: Any,
    tree: Node,
    name: str,
    farm: Any,
    farms_of: dict[str, tuple[str, ...]],
) -> Iterator[Problem]:
    node = tree.at(("farms", name))
    images = tuple(dict(_items(root, "images")))
    network, image = (
        getattr(farm, "network", None),
        getattr(farm, "image", None),
    )
    if network is not None and network not in farms_of:
        told = f"farms.{name}.network: unknown network {network!r}"
        hint = did_you_mean(network, tuple(farms_of))
        yield node.at(("network",)).problem(f"{told}; {hint}")
    elif network is not None and name not in farms_of[network]:
        told = f"farms.{name}: the network {network!r} has no farm of that name"
        meant = nearest(name, farms_of[network])
        place = f"write it in networks.{network}.farms"
        yield node.key_problem(
            f"{told}; {place}"
            if meant is None
            else f"{told}; did you mean {meant!r}? Or {place}"
        )
    if image is not None and image not in images:
        told = f"farms.{name}.image: unknown image {image!r}"
        yield node.at(("image",)).problem(
            f"{told}; {did_you_mean(image, images)}"
        )
    goals = [getattr(farm, role, None) for role in ROLES]
    if not any(goals) and None not in goals:
        told = f"farms.{name}: a farm without machines does nothing"
        yield node.key_problem(f"{told}; write for example front_end: 12")
    if sum(goal or 0 for goal in goals) > MOST_MACHINES:
        told = f"farms.{name}: more machines than can be played"
        yield node.key_problem(
            f"{told}; write {MOST_MACHINES:,} in all at most"
        )


def _wrong_load(tree: Node, name: str, farm: Any) -> Iterator[Problem]:
    """Loads that nothing can follow."""
    load = getattr(farm, "load", None)
    per = getattr(farm, "per_machine", None)
    least = getattr(farm, "front_end", None)
    if load is None or per is None or least is None:
        return
    node = tree.at(("farms", name, "per_machine"))
    if not per[0]:
        yield node.problem(
            f"farms.{name}.per_machine: must be above 0, as in 50 per s"
        )
        return
    follows = FarmLoad(load, per[0], per[1], least)
    busiest = BUSIEST[load.shape] * load.num * HOUR_US // load.den_us
    if follows.needed(busiest) > MOST_MACHINES:
        told = f"farms.{name}.load: more machines than can be played would follow it"
        yield tree.at(("farms", name, "load")).problem(
            f"{told}, {MOST_MACHINES:,} in all; write less, or more of farms.{name}.per_machine"
        )


def _databases(root: Any, tree: Node) -> Iterator[Problem]:
    known = tuple(getattr(root, "databases", None) or ())
    seen: dict[str, str] = {}
    for name, farm in _items(root, "farms"):
        node = tree.at(("farms", name, "databases"))
        for database in getattr(farm, "databases", None) or ():
            if database not in known:
                told = (
                    f"farms.{name}.databases: unknown database {database!r}"
                )
                hint = did_you_mean(database, known)
                yield node.problem(f"{told}; {hint}")
            elif database in seen:
                told = f"farms.{name}.databases: {database!r} is in {seen[database]!r} already"
                yield node.problem(
                    f"{told}; one farm serves a database's users"
                )
            seen.setdefault(database, name)


def _too_long(root: Any, tree: Node) -> Iterator[Problem]:
    """Deployments that would be ended at the time limit as a rule."""
    limit_us = getattr(getattr(root, "jobs", None), "time_limit", None)
    rate = getattr(root.deployment, "install_rate", None)
    takes = getattr(root.deployment, "takes", None)
    if limit_us is None or not rate or takes is None:
        return
    for name, image in _items(root, "images"):
        size = getattr(image, "size", None) or 0
        usual_us = -(-size * 8 * 1_000_000 // rate) + takes.a
        if usual_us <= limit_us:
            continue
        told = f"images.{name}: a deployment of it takes {format_duration(usual_us)}"
        more = "longer than jobs.time_limit, so it would be ended"
        yield tree.at(("images", name)).key_problem(
            f"{told}, {more}; write a longer limit, or a higher deployment.install_rate"
        )


def _too_big(root: Any, tree: Node) -> Iterator[Problem]:
    """Images of which no machine can be made at the primary's site."""
    at_first = dict(_items(root, "physical")).get(FIRST)
    for name, image in _items(root, "images"):
        kind = getattr(image, "machine_class", "")
        size: Any = getattr(root.deployment, kind, None)
        if not _is_whole(image) or not _is_whole(size):
            continue
        node = tree.at(("images", name))
        told = f"images.{name}: a machine of it"
        if getattr(at_first, kind, None) == 0:
            yield node.key_problem(
                f"{told} runs on the class {kind}, and physical.A has none; write for example "
                f"physical: {{A: {{{kind}: 10}}}}"
            )
        elif image.cpus > size.cpus:
            yield node.key_problem(
                f"{told} needs {image.cpus} processor{'s' * (image.cpus != 1)}, and a physical "
                f"machine of the class {kind} has {size.cpus}; write fewer, or more of "
                f"deployment.{kind}.cpus"
            )
        elif image.ram > size.ram:
            yield node.key_problem(
                f"{told} needs {format_size(image.ram)} of memory, and a physical machine of "
                f"the class {kind} has {format_size(size.ram)}; write less, or more of "
                f"deployment.{kind}.ram"
            )


def _room(root: Any, tree: Node) -> Iterator[Problem]:
    """Farms for which the primary's site has no room: the run would begin without them."""
    if not all(_is_whole(getattr(root, name, None)) for name in SECTIONS):
        return
    left = _slots(root)
    networks = dict(_items(root, "networks"))
    for name, farm in _items(root, "farms"):
        image = root.images[farm.image]
        wanted = sum(getattr(farm, role) for role in ROLES)
        owner = farm.network if own_of(networks.get(farm.network)) else ""
        for _ in range(wanted):
            slot = next(
                (
                    slot
                    for slot in left[owner, image.machine_class]
                    if slot[0] >= image.cpus and slot[1] >= image.ram
                ),
                None,
            )
            if slot is None:
                key = f"physical.A.{image.machine_class}"
                where = "at A"
                if owner:
                    key = f"networks.{owner}.own_machines.{image.machine_class}"
                    where = f"on the physical machines of {owner} at A"
                many = (
                    f"{wanted:,} machines have"
                    if wanted != 1
                    else "machine has"
                )
                told = f"farms.{name}: its {many} no room {where}"
                yield tree.at(("farms", name)).key_problem(
                    f"{told}; write fewer, or more of {key}"
                )
                return
            slot[0] -= image.cpus
            slot[1] -= image.ram


def _is_whole(keys: Any) -> bool:
    """Tell whether all that is written there could be read."""
    if isinstance(keys, dict):
        return all(_is_whole(each) for each in keys.values())
    if not isinstance(keys, Section):
        return keys is not None
    return all(
        _is_whole(getattr(keys, name, None))
        for name in type(keys).model_fields
    )


def _slots(root: Any) -> dict[tuple[str, str], list[list[int]]]:
    """Return processors and memory of the primary's physical machines, by the network whose alone
    they are ('': nobody's) and by class.
    """
    found: dict[tuple[str, str], list[list[int]]] = {}
    for name in CLASSES:
        size = getattr(root.deployment, name)
        left = getattr(root.physical[FIRST], name)
        for network, keys in _items(root, "networks"):
            mine = dict(own_of(keys)).get(name, 0)
            found[network, name] = [
                [size.cpus, size.ram] for _ in range(mine)
            ]
            left -= mine
        found["", name] = [[size.cpus, size.ram] for _ in range(left)]
    return found
