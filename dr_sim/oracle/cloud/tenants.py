"""The witness of tenants: no client of a tenant has a script run on what is another's (22).

A script that only begins may pause backups already, so what counts is that it begins, and on which
thing: the one whose identifier it was given. The number is that of docs/cloud.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.oracle.cloud.breach import Broken, CloudBreach, breaches
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.scenario.model import Scenario

_KINDS = (
    "cloud.Called",
    "cloud.AnswerCall",
    "cloud.StartScript",
    "cloud.MappingEdited",
    "truth.cloud_script",
)
_MAKES = "accepted"
_TELLS = ("again", "found")


@dataclass(slots=True)
class _Seen:
    """Holds what has been read of the journal so far. clients: by name, their tenants. owners: of
    each database. asker: of each change, the client that asked for it; about: the thing that it was
    asked for. wrong: things whose row of the mapping table people have set wrong, by network.
    """

    clients: dict[str, frozenset[str]]
    owners: dict[str, frozenset[str]]
    calls: dict[int, Row] = field(default_factory=dict)
    asker: dict[str, str] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    change_of: dict[str, str] = field(default_factory=dict)
    wrong: set[tuple[int, str]] = field(default_factory=set)


def tenants_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield everything that broke; nothing where no client is a tenant's."""
    spec = scenario.cloud
    if spec is None:
        return
    clients = {c.name: frozenset(c.tenants) for c in spec.clients}
    if not any(clients.values()):
        return
    owners = {d.name: frozenset(d.tenants) for d in scenario.databases}
    seen = _Seen(clients, owners)
    for row in journal.rows(*_KINDS):
        yield from breaches(row, _row(row, spec, seen))


def _row(row: Row, spec: Cloud, seen: _Seen) -> Broken:
    kind, v = row.kind, row.values
    if kind == "cloud.Called":
        seen.calls[v["call"]] = row
    elif kind == "cloud.AnswerCall":
        yield from _answered(row, seen)
    elif kind == "cloud.StartScript":
        seen.change_of[v["job"]] = v["change"]
    elif kind == "cloud.MappingEdited":
        network = spec.networks[row.entity].name
        if v["identifier"] != f"{network}-{v['entity']}-at-{v['site']}":
            seen.wrong.add((row.entity, v["entity"]))
    elif v["what"] == "begins":
        yield from _begins(row, seen)


def _answered(row: Row, seen: _Seen) -> Broken:
    """An answer tells a tenant's client of no job that another client asked for by an id."""
    v = row.values
    call = seen.calls.pop(v["call"], None)
    if call is None or not v["job"] or not call.values["request"]:
        return
    caller = call.values["caller"]
    change = seen.change_of.get(v["job"], v["job"])
    if v["outcome"] == _MAKES:
        seen.asker[change] = caller
        seen.about[change] = call.values["entity"]
    asker = seen.asker.get(change, caller)
    if (
        v["outcome"] in _TELLS
        and asker != caller
        and seen.clients.get(caller)
    ):
        yield (
            22,
            f"{caller} is told of {change}, which {asker} has asked for",
        )


def _begins(row: Row, seen: _Seen) -> Broken:
    v = row.values
    change = seen.change_of.get(v["job"], v["job"])
    asker = seen.asker.get(change, "")
    mine = seen.clients.get(asker, frozenset())
    if not mine:
        return  # the service itself has asked for it
    owners = seen.owners.get(v["entity_name"], frozenset())
    if owners <= mine:
        return
    if (row.entity, seen.about[change]) in seen.wrong:
        return  # a wrong row leads the work of that thing to another
    others = ", ".join(sorted(owners - mine))
    yield (
        22,
        f"{asker} has asked for {change}, which changes {v['entity_name']} of {others}",
    )
