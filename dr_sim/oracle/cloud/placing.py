"""The witness of placement: a machine goes where the fewest of its farm and role are, so that the
loss of one physical machine takes few of them (30 of docs/machines.md).

Theory of operation. The manager saves each placement. Several may be saved together, and it is not
known in which order they were made. But the last one that went to a physical machine found there
all others that are there afterwards. So any other one that has room even afterwards, and to which
it might have gone, must hold at least as many. What has been saved is compared with what really
runs by another law (11).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.oracle.cloud.saved import machines_saved
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.machine_model import Machines
from dr_sim.scenario.model import Scenario

_NOWHERE = ("waiting", "retired")
"""States in which a machine takes no room."""
At = tuple[str, str]  # a site and a machine there
Of = tuple[str, str]  # a farm and a role


@dataclass(frozen=True, slots=True)
class _Placed:
    """A machine that takes room. not_on: physical machines on which it must not be."""

    network: str
    of: Of
    image: str
    physical: str
    not_on: tuple[str, ...] = ()


def placing_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield the machines that were placed beside others of their kind for no reason. After the
    store was put back nobody knows what the manager knows.
    """
    spec = scenario.cloud
    if spec is None or spec.machines is None:
        return
    there: dict[At, _Placed] = {}
    for row in journal.rows(
        "truth.cloud_machine", "cloud.SaveAll", "truth.cloud_store_restored"
    ):
        if row.kind == "truth.cloud_store_restored":
            return
        if row.kind == "truth.cloud_machine":
            _runs_at_first(row, spec, there)
        else:
            new = _saved(row, there)
            for sentence in _crowded(new, there, spec):
                yield CloudBreach(
                    row.time_us, row.seq, "cloud 30", sentence
                )


def _runs_at_first(row: Row, spec: Cloud, there: dict[At, _Placed]) -> None:
    """Take up a machine that runs when the service is first started: it may never be saved."""
    v = row.values
    at = (v["site"], v["machine"])
    if row.time_us == 0 and at not in there:
        network = spec.networks[row.entity].name
        of = (v["farm"], v["role"])
        there[at] = _Placed(network, of, v["image"], v["physical"])


def _saved(row: Row, there: dict[At, _Placed]) -> list[At]:
    """Take up what is saved. Return the machines that were placed by it."""
    new = []
    for at, machine in machines_saved(row.values["entries"]):
        before = there.pop(at, None)
        if machine is None or not machine.physical:
            continue
        if machine.state in _NOWHERE:
            continue
        there[at] = _Placed(
            machine.network,
            (machine.farm, machine.role),
            machine.image,
            machine.physical,
            machine.not_on,
        )
        if before is None and machine.state == "provisioning":
            new.append(at)
    return new


def _crowded(
    new: list[At], there: dict[At, _Placed], spec: Cloud
) -> Iterator[str]:
    """Yield what is wrong with the places of new machines."""
    machines = spec.machines
    assert machines is not None
    for site, of in {(at[0], there[at].of) for at in new}:
        alike: Counter[str] = Counter()
        for where, each in there.items():
            if where[0] == site and each.of == of:
                alike[each.physical] += 1
        mine: dict[str, list[_Placed]] = defaultdict(list)
        for at in new:
            if at[0] == site and there[at].of == of:
                mine[there[at].physical].append(there[at])
        for physical, placed in mine.items():
            others = alike[physical] - 1
            for free in _free(site, placed, there, spec):
                if alike[free] < others:
                    farm, role = of
                    yield (
                        f"a {role} of {farm} is put on {physical} beside {others} others; "
                        f"{free} has room, and {alike[free]} of them"
                    )
                    break


def _free(
    site: str, placed: list[_Placed], there: dict[At, _Placed], spec: Cloud
) -> Iterator[str]:
    """Yield the physical machines on which each of these has room."""
    machines = spec.machines
    assert machines is not None
    excluded = {name for each in placed for name in each.not_on}
    images = [machines.image(each.image) for each in placed]
    cpus = max(image.cpus for image in images)
    ram = max(image.ram_bytes for image in images)
    kind = images[0].machine_class
    size = next(of for of in machines.classes if of.name == kind)
    for name in _of_class(site, kind, machines):
        if name in excluded:
            continue
        if owner_of(spec, name) != owner_of(spec, placed[0].physical):
            continue
        on_it = [
            machines.image(each.image)
            for where, each in there.items()
            if where[0] == site and each.physical == name
        ]
        free_cpus = size.cpus - sum(image.cpus for image in on_it)
        free_ram = size.ram_bytes - sum(image.ram_bytes for image in on_it)
        if free_cpus >= cpus and free_ram >= ram:
            yield name


def _of_class(site: str, kind: str, machines: Machines) -> list[str]:
    """Return the names of a site's physical machines of a class. A site without an entry has as
    many as the first one.
    """
    sites = {at.site: dict(at.counts) for at in machines.physical}
    counts = sites.get(site, dict(machines.physical[0].counts))
    return [f"{site}-{kind}-{n}" for n in range(1, counts.get(kind, 0) + 1)]


def owner_of(spec: Cloud, physical: str) -> str:
    """Return the network whose own a physical machine is; '' if it is nobody's own."""
    _, kind, number = physical.rsplit("-", 2)
    taken = 0
    for network in spec.networks:
        taken += dict(network.own).get(kind, 0)
        if int(number) <= taken:
            return network.name
    return ""
