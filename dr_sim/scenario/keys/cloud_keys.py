"""The sections of a scenario that are about the cloud manager: what may stand there, the plain
values they become, and checks across them.

The cloud manager is part of a run if any of these sections is written; without them nothing of it
is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Annotated, Any, Literal

from dr_sim.cloud.texts import OPERATORS, wrong_caller, wrong_name
from dr_sim.errors import Problem
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.checks.idle_keys import check_idle
from dr_sim.scenario.checks.limit_checks import own_of
from dr_sim.scenario.checks.machine_checks import check_machines
from dr_sim.scenario.checks.tenant_checks import (
    check_named_tenants,
    check_tenants,
)
from dr_sim.scenario.cloud_model import (
    Cloud,
    CloudClient,
    CloudJobs,
    CloudMirror,
    CloudNetwork,
)
from dr_sim.scenario.fields.fields import did_you_mean
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.quantities import (
    NEVER,
    Count,
    Duration,
    DurationOrNone,
    Period,
    PeriodOrAtOnce,
    Ppm,
    RoundTrip,
)
from dr_sim.scenario.fields.values import (
    NameList,
    NamesOrAll,
    Positive,
    Rate,
    Tenants,
    names_or,
)
from dr_sim.scenario.keys.machine_keys import SECTIONS as MACHINE_SECTIONS
from dr_sim.scenario.keys.machine_keys import machines_of
from dr_sim.scenario.keys.section import Section, about
from dr_sim.scenario.reading.tree import Node
from dr_sim.scenario.sla_measures import (
    needs_cloud,
    needs_machines,
)
from dr_sim.units import format_duration

SECTIONS = (
    "networks",
    "cloud",
    "jobs",
    "changes",
    "clients",
    *MACHINE_SECTIONS,
)
MAIN = "main"
FARMS = ("content", "services", "directory")
MOST_IN_A_NETWORK = 1_000  # as networks.*.most_machines
"""The network that is there if none is named, and its farms."""

SharedOrTenants: Any = names_or("shared")

scripts_are_real: ContextVar[bool] = ContextVar(
    "scripts_are_real", default=False
)
"""Whether real scripts run, as in `dr-sim cloud serve`: they take the time that they need."""


class OwnMachinesKeys(Section):
    compute: Count = about(
        "number of physical machines of the class compute, at each site, "
        "on which only its machines run; its machines then run on no "
        "others"
    )
    storage: Count = about("the same, of the class storage")


class NetworkKeys(Section):
    tenants: SharedOrTenants = about(
        "shared, or the tenants to which it is dedicated"
    )
    farms: NameList = about(
        "its farms; changes are made to farms and to databases"
    )
    databases: NamesOrAll = about(
        "its databases; all: those that no network names (they are in "
        "the first network with `all`)"
    )
    most_machines: Annotated[Count, Positive] = about(
        "largest number of virtual machines that its balancer and "
        "switches support, at each of its sites"
    )
    own_machines: OwnMachinesKeys = about(
        "physical machines that are its alone"
    )
    quotas: dict[str, Annotated[Count, Positive]] = about(
        "largest number of virtual machines that the farms of each "
        "tenant may have, at each of its sites; {}: no quotas"
    )


class CloudMirrorKeys(Section):
    mode: Literal["jobs", "reconcile", "runbook"] = about(
        "how changes reach the secondary. jobs: each job is done there "
        "too; reconcile: both sides are compared and corrected; runbook: "
        "people do it"
    )
    every: PeriodOrAtOnce = about(
        "changes are mirrored at whole multiples of this; 0 s: at once"
    )
    audit: PeriodOrAtOnce = about(
        "interval of comparisons of both sides; 0 s: never"
    )
    limit: Annotated[Period, Positive] = about(
        "drift beyond this is reported to somebody"
    )
    on_failure: Literal["retry", "skip", "rebuild"] = about(
        "what to do if a change still fails at the secondary after all "
        "attempts. retry: try it again when the mirror is next due; "
        "skip: leave it out, so that it stays missing and counts as "
        "drift until a failover makes the thing again; rebuild: make the "
        "thing again at once. Mode jobs accepts all three, the other "
        "modes only retry"
    )


class ProvisionKeys(Section):
    at_most: DurationOrNone = about(
        "how long a failover waits for the configuration of its site "
        "before it continues without; none: as long as it takes"
    )
    otherwise: Literal["redirect"] = about(
        "what the failover does after that time; redirect: it redirects "
        "users, and the rest is configured afterwards"
    )


class CloudKeys(Section):
    at: Literal["apart", "primary", "secondary"] = about(
        "where the cloud manager runs"
    )
    rtt: RoundTrip = about(
        "round-trip time between it and its callers, and its agents"
    )
    answers_in: Duration = about("time to answer a call")
    restart_after: Duration = about(
        "time until a crashed cloud manager is back"
    )
    mirror: CloudMirrorKeys = about("how changes reach the secondary")
    provision: ProvisionKeys = about(
        "what a failover does about changes that did not"
    )


class JobsKeys(Section):
    time_limit: Annotated[Duration, Positive] = about(
        "a job that runs longer is ended, and its clean-up runs"
    )
    retry: Annotated[Period, Positive] = about(
        "time between attempts, and between questions"
    )
    attempts: Annotated[Count, Positive] = about("attempts at one job")
    start: Duration = about("time to start the process of a script")
    clean_up: Duration = about("time that a clean-up takes")
    at_once: Annotated[Count, Positive] = about(
        "largest number of scripts at one time at one side of a network"
    )
    set: Law = about("time to set one thing to its state at the other side")
    rebuild: Law = about("time to make one thing again from nothing")
    by_hand: Law = about("time that people need for one change")
    forgotten: Ppm = about(
        "share of the changes that people report as done but have forgotten"
    )


class ChangesKeys(Section):
    rate: Rate = about("rate of administrative changes at the primary")
    takes: Law = about(
        "time that the script of a change takes, at each side"
    )
    fail: Ppm = about("share of the attempts that fail")


class ClientKeys(Section):
    calls: Rate = about("rate of calls, evenly spaced")
    actions: Ppm = about(
        "share of the calls that request a change; the others ask for "
        "the state of a request"
    )
    timeout: Annotated[Duration, Positive] = about(
        "time after which a call without an answer is given up"
    )
    retries: Count = about(
        "largest number of times that a call is tried again"
    )
    tenant: Tenants = about(
        "the tenant that it belongs to; none: it may use every network"
    )


# ---- to plain values
def cloud_of(root: Any, standbys: Sequence[str]) -> Cloud | None:
    """Return the cloud manager; None if it is no part of the run. root: schema.Root. standbys:
    their places, the preferred one first; none where the service has only stores.
    """
    keys = root.cloud
    if keys is None:
        return None
    mirror, jobs = keys.mirror, root.jobs
    at_most = keys.provision.at_most
    networks = _networks(root)
    return Cloud(
        at=keys.at,
        rtt_us=keys.rtt,
        answers_us=keys.answers_in,
        restart_us=keys.restart_after,
        mirror=CloudMirror(
            mirror.mode,
            mirror.every,
            mirror.audit,
            mirror.limit,
            mirror.on_failure,
        ),
        provision_us=None if at_most == NEVER else at_most,
        jobs=CloudJobs(
            time_limit_us=jobs.time_limit,
            retry_us=jobs.retry,
            attempts=jobs.attempts,
            start_us=jobs.start,
            clean_up_us=jobs.clean_up,
            at_once=jobs.at_once,
            set=jobs.set,
            rebuild=jobs.rebuild,
            by_hand=jobs.by_hand,
            forgotten_ppm=jobs.forgotten,
        ),
        changes_num=root.changes.rate[0],
        changes_den_us=root.changes.rate[1],
        takes=root.changes.takes,
        fail_ppm=root.changes.fail,
        networks=networks,
        clients=tuple(
            CloudClient(
                name,
                client.calls[0],
                client.calls[1],
                client.actions,
                client.timeout,
                client.retries,
                client.tenant,
            )
            for name, client in root.clients.items()
        ),
        machines=machines_of(root, networks),
        places=tuple(standbys),
    )


def _networks(root: Any) -> tuple[CloudNetwork, ...]:
    order = {name: i for i, name in enumerate(root.databases)}
    named = {
        name
        for network in root.networks.values()
        for name in network.databases
    }
    rest = tuple(i for name, i in order.items() if name not in named)
    found = []
    if not root.networks:
        return (CloudNetwork(MAIN, (), FARMS, rest, MOST_IN_A_NETWORK),)
    for name, keys in root.networks.items():
        mine = (
            tuple(order[database] for database in keys.databases)
            if keys.databases
            else rest
        )
        if not keys.databases:
            rest = ()  # those that nobody names are in the first network that takes all
        found.append(
            CloudNetwork(
                name,
                keys.tenants,
                keys.farms,
                mine,
                keys.most_machines,
                own_of(keys),
                tuple(keys.quotas.items()),
            )
        )
    return tuple(found)


# ---- checks
def things_by_network(root: Any) -> dict[str, tuple[str, ...]]:
    """Return what changes are made to, by network, as far as it could be read."""
    databases = tuple(getattr(root, "databases", None) or ())
    networks = getattr(root, "networks", None) or {}
    if not networks:
        return {MAIN: (*databases, *FARMS)}
    named: set[str] = set()
    for keys in networks.values():
        named.update(getattr(keys, "databases", None) or ())
    rest = tuple(name for name in databases if name not in named)
    found = {}
    for name, keys in networks.items():
        mine = getattr(keys, "databases", None)
        if not mine:
            mine, rest = rest, ()
        found[name] = (*mine, *(getattr(keys, "farms", None) or ()))
    return found


def things_in(root: Any) -> tuple[str, ...]:
    """Return what changes are made to; () where there is no cloud manager."""
    if getattr(root, "cloud", None) is None:
        return ()
    databases = getattr(root, "databases", None) or {}
    things = [
        thing
        for network in things_by_network(root).values()
        for thing in network
    ]
    return tuple(dict.fromkeys([*databases, *things]))


def check_sla(
    root: Any, tree: Node, sla: tuple[SlaLine, ...]
) -> list[Problem]:
    """Lines that only a cloud manager could meet or miss, or machines, where there are none."""
    problems = []
    for line in sla:
        told = ""
        if needs_machines(line.measure):
            if getattr(root, "deployment", None) is None:
                told = "is measured of machines, and there are none; write physical, images, farms"
        elif needs_cloud(line.measure) and not getattr(root, "cloud", None):
            told = (
                "is measured of a cloud manager, and there is none; "
                "write for example cloud: {}"
            )
        if told:
            told = f"sla: {line.measure} {told}"
            problems.append(Problem(line.file, line.line, 1, told))
    return problems


MOST_CHANGES = (
    2_000_000  # that are asked for in one run: each leaves about 25 records
)


def _clients(root: Any, tree: Node) -> list[Problem]:
    """Clients that do nothing, and more changes than can be played."""
    problems = []
    run_for = getattr(root, "run_for", None) or 0
    rate = getattr(getattr(root, "changes", None), "rate", None) or (0, 1)
    if rate[0] * run_for // rate[1] > MOST_CHANGES:
        told = f"changes.rate: the run would have more than {MOST_CHANGES:,} changes"
        problems.append(
            tree.at(("changes", "rate")).problem(f"{told}; write fewer")
        )
    for name, client in (getattr(root, "clients", None) or {}).items():
        node = tree.at(("clients", name))
        wrong = wrong_caller(name)
        if name == OPERATORS:
            wrong = f"{OPERATORS} ask for the changes of `changes`; write another name"
        if wrong:
            problems.append(node.key_problem(f"clients.{name}: {wrong}"))
        calls = getattr(client, "calls", None)
        if calls is None:
            continue  # it could not be read, which is said by itself
        if not calls[0]:
            told = f"clients.{name}.calls: a client that never calls does nothing"
            problems.append(
                node.at(("calls",)).problem(
                    f"{told}; write more than 0, or leave it out"
                )
            )
        actions = getattr(client, "actions", None) or 0
        if (
            calls[0] * run_for // calls[1] * actions // 1_000_000
            > MOST_CHANGES
        ):
            told = f"clients.{name}.calls: more than {MOST_CHANGES:,} would ask for a change"
            problems.append(
                node.at(("calls",)).problem(
                    f"{told}; write fewer, or fewer actions"
                )
            )
    return problems


def check_cloud(root: Any, tree: Node) -> list[Problem]:
    """Return what is wrong although each value is right by itself. root: schema.Root, or what could
    be read of it.
    """
    problems = []
    databases = tuple(getattr(root, "databases", None) or {})
    seen: dict[str, str] = {}
    networks = getattr(root, "networks", None) or {}
    for name, keys in networks.items():
        if wrong := wrong_name(name):
            told = f"networks.{name}: {wrong}"
            problems.append(tree.at(("networks", name)).key_problem(told))
        node = tree.at(("networks", name, "databases"))
        for database in getattr(keys, "databases", None) or ():
            if database not in databases:
                told = f"networks.{name}.databases: unknown database {database!r}; "
                problems.append(
                    node.problem(told + did_you_mean(database, databases))
                )
            elif database in seen:
                told = f"networks.{name}.databases: {database!r} is in {seen[database]!r} already"
                problems.append(
                    node.problem(f"{told}; a database is in one network")
                )
            seen.setdefault(database, name)
        both = [
            farm
            for farm in getattr(keys, "farms", None) or ()
            if farm in databases
        ]
        if both:
            told = f"networks.{name}.farms: {both[0]!r} is a database; give the farm another name"
            problems.append(
                tree.at(("networks", name, "farms")).problem(told)
            )
    problems += _left_out(root, tree)
    problems += _same_identifiers(root, tree)
    problems += _clients(root, tree)
    problems += check_named_tenants(root, tree)
    problems += check_tenants(root, tree, things_by_network(root))
    problems += _scripts(root, tree)
    problems += _on_failure(root, tree)
    problems += _nowhere(root, tree)
    problems += check_machines(root, tree, _farms_by_network(root))
    problems += check_idle(root, tree)
    return problems


def _farms_by_network(root: Any) -> dict[str, tuple[str, ...]]:
    networks = getattr(root, "networks", None) or {}
    if not networks:
        return {MAIN: FARMS}
    return {
        name: tuple(getattr(keys, "farms", None) or ())
        for name, keys in networks.items()
    }


def _left_out(root: Any, tree: Node) -> list[Problem]:
    """Databases that are in no network, where no network takes all: nobody could change them."""
    networks = getattr(root, "networks", None) or {}
    named: set[str] = set()
    for keys in networks.values():
        mine = getattr(keys, "databases", None)
        if not mine:
            return []  # it takes all, or could not be read
        named.update(mine)
    databases = getattr(root, "databases", None) or {}
    if not networks or not named <= set(databases):
        return []  # a name is wrong, which is said by itself
    left_out = [name for name in databases if name not in named]
    if not left_out:
        return []
    told = f"networks: database {left_out[0]!r} is in no network"
    remedy = "name it in one, or write databases: all in one"
    return [tree.at(("networks",)).problem(f"{told}; {remedy}")]


def _same_identifiers(root: Any, tree: Node) -> list[Problem]:
    """Things of two networks that would have one identifier: it is the names of both, joined."""
    seen: dict[str, tuple[str, str]] = {}
    for network, things in things_by_network(root).items():
        for thing in things:
            first = seen.setdefault(f"{network}-{thing}", (network, thing))
            if first[0] == network:
                continue
            told = f"networks.{network}: its {thing!r} and {first[1]!r} of {first[0]!r}"
            remedy = "give one another name"
            return [
                tree.at(("networks", network)).problem(
                    f"{told} would have the same identifier, {network}-{thing}; {remedy}"
                )
            ]
    return []


def _on_failure(root: Any, tree: Node) -> list[Problem]:
    """A policy for a change that is refused, where changes are not mirrored one by one."""
    mirror = getattr(getattr(root, "cloud", None), "mirror", None)
    policy = getattr(mirror, "on_failure", "retry")
    mode = getattr(mirror, "mode", "jobs")
    if policy == "retry" or mode == "jobs":
        return []
    told = f"cloud.mirror.on_failure: {policy} is for mode jobs, which mirrors changes one by one"
    node = tree.at(("cloud", "mirror", "on_failure"))
    return [
        node.problem(
            f"{told}; with mode {mode} write retry, or leave it out"
        )
    ]


def _nowhere(root: Any, tree: Node) -> list[Problem]:
    """A manager that stands at the standby of a service that has only stores."""
    copies = getattr(root, "copies", None) or {}
    replays = [
        name
        for name, keys in copies.items()
        if not getattr(keys, "store", None)
    ]
    at = getattr(getattr(root, "cloud", None), "at", "")
    if at != "secondary" or replays or not copies:
        return []
    told = "cloud.at: secondary, and this service has stores and no standby"
    return [
        tree.at(("cloud", "at")).problem(f"{told}; write apart or primary")
    ]


def _scripts(root: Any, tree: Node) -> list[Problem]:
    """Scripts that would be ended at the time limit as a rule: nothing would ever be done. How long
    a real script takes is not written in a scenario.
    """
    if scripts_are_real.get():
        return []
    jobs = getattr(root, "jobs", None)
    limit_us = getattr(jobs, "time_limit", None)
    start_us = getattr(jobs, "start", None)
    if limit_us is None or start_us is None:
        return []
    laws = {
        "changes.takes": getattr(
            getattr(root, "changes", None), "takes", None
        ),
        "jobs.set": getattr(jobs, "set", None),
        "jobs.rebuild": getattr(jobs, "rebuild", None),
    }
    for key, law in laws.items():
        if law is None or start_us + law.a <= limit_us:
            continue
        takes = format_duration(start_us + law.a)
        told = f"jobs.time_limit: with {key} a script takes longer than that ({takes})"
        remedy = f"it would be ended; write more, or a shorter {key}"
        return [
            tree.at(("jobs", "time_limit")).problem(f"{told}, and {remedy}")
        ]
    return []
