"""The context of a pair: what its parts share, made from the scenario and from what an earlier pair
leaves.

Each pair sees the scenario as its standby does, writes rows of its own into the journal, and has a
witness and draws of its own. Pairs behind one primary share what users write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dr_sim.backups.run_tables import ByName
from dr_sim.oracle.witness import Witness
from dr_sim.record.journal import Journal
from dr_sim.record.kinds import KIND_ID
from dr_sim.record.pairs import AnyJournal, PairJournal
from dr_sim.scenario.keys.backup_stores import as_the_primary_has_it
from dr_sim.scenario.keys.standbys import as_seen_at
from dr_sim.scenario.model import DatabaseSpec, Scenario, ScriptedEvent
from dr_sim.streams import Streams, streams_at
from dr_sim.world.hands.pages import Pages
from dr_sim.world.kernel.agenda import Agenda
from dr_sim.world.kernel.clock import Clock
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.workload import Before, Workload
from dr_sim.world.link.folder import folders_of
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.primary_database import FIRST_LSN
from dr_sim.world.roles.succession import Heir
from dr_sim.world.site import Site, Sites

if TYPE_CHECKING:
    from dr_sim.world.cloud.service import CloudWorld


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground that all pairs of a run stand on. express: quiet logs may take the lanes. pages:
    the operator's, by the place whose draws their answers are.
    """

    scenario: Scenario
    sites: Sites
    agenda: Agenda
    journal: Journal
    streams: Streams
    express: bool
    pages: dict[str, Pages] = field(default_factory=dict)


@dataclass(slots=True)
class Roles:
    """Who is who in a pair. begins_us: from when on users write to that primary; ready_us: when the
    second side is in place; heirs: what an earlier pair leaves, by name (None: it is the first
    pair, and every database is created); events: the scenario's, and after them what continues from
    before. rank: the place of this standby in the order of those behind the same primary, 0 is
    preferred; numbers: of all their pairs, in that order (none: it is the only one). before: by
    name, what was written to a database before, where one of the copies catches up on that. cloud:
    the cloud manager, which outlives every failover.
    """

    number: int
    primary_site: Site
    secondary_site: Site
    begins_us: int = 0
    ready_us: int = 0
    heirs: Mapping[str, Heir] | None = None
    events: list[ScriptedEvent] = field(default_factory=list)
    cloud: CloudWorld | None = None
    rank: int = 0
    numbers: tuple[int, ...] = ()
    before: Mapping[str, Before] = field(default_factory=dict)

    @property
    def primary(self) -> str:
        """Return the name of the primary's site."""
        return self.primary_site.name

    @property
    def secondary(self) -> str:
        return self.secondary_site.name


def context_of(
    ground: Ground, roles: Roles, lead: Context | None
) -> Context:
    """Return what the parts of a pair share. lead: of the first pair behind the same primary, if
    this is another one.
    """
    scenario = _scenario_of(ground, roles)
    names = [d.name for d in scenario.databases]
    journal: AnyJournal = ground.journal
    if roles.number:
        journal = PairJournal(ground.journal, roles.number)
    workloads = lead.workloads if lead else _workloads(scenario, roles)
    acks = [w.ack_instant for w in workloads]
    by_name: list[ByName[BackupFile]] = [ByName() for _ in names]
    folders = folders_of(scenario)
    primary_shares = [folder.primary_share for folder in folders]
    secondary_shares = [folder.secondary_share for folder in folders]
    return Context(
        scenario=scenario,
        agenda=ground.agenda,
        journal=journal,
        streams=streams_at(ground.streams, scenario.draws_at),
        witness=Witness(
            names,
            _emitter(journal),
            lambda db, fork, n: acks[db](n),
            scenario.replay.validate_hash,
            scenario.engine.postgres_rules,
            forgets=not scenario.goes_back,
        ),
        primary_site=roles.primary_site,
        secondary_site=roles.secondary_site,
        workloads=workloads,
        clock=Clock(journal, scenario.engine.timing == "measured"),
        by_name=by_name,
        primary_shares=primary_shares,
        secondary_shares=secondary_shares,
        out_of_service=_out_of_service(names, roles),
    )


def _scenario_of(ground: Ground, roles: Roles) -> Scenario:
    """Return the scenario as the standby of that pair has it."""
    standbys = max(1, len(roles.numbers))
    scenario = as_seen_at(
        ground.scenario, roles.secondary, roles.rank, standbys
    )
    scenario = as_the_primary_has_it(scenario, ground.scenario)
    if roles.heirs is None:
        return scenario
    return _as_it_goes_on(scenario, roles.number, roles.heirs)


def _out_of_service(names: list[str], roles: Roles) -> frozenset[int]:
    """Return the databases that no failover has brought online."""
    heirs = roles.heirs
    if heirs is None:
        return frozenset()
    return frozenset(i for i, name in enumerate(names) if name not in heirs)


def _workloads(scenario: Scenario, roles: Roles) -> list[Workload]:
    heirs = roles.heirs or {}
    workloads = []
    for database in scenario.databases:
        heir = heirs.get(database.name)
        workloads.append(_workload(database, scenario, heir, roles))
    return workloads


def pages_at(ground: Ground, scenario: Scenario) -> Pages:
    """Return the operator's pages that share the draws of the place that a scenario is for."""
    return ground.pages.setdefault(scenario.draws_at, Pages())


def _as_it_goes_on(
    scenario: Scenario, number: int, heirs: Mapping[str, Heir]
) -> Scenario:
    """Return the scenario of a later pair: the databases in service are seeded if their copy goes
    on with the primary's logs.
    """

    def goes_on(database: DatabaseSpec) -> DatabaseSpec:
        heir = heirs.get(database.name)
        return replace(
            database, seeded=heir is not None and heir.copy is not None
        )

    databases = tuple(goes_on(d) for d in scenario.databases)
    return replace(scenario, leg_no=number + 1, databases=databases)


def _workload(
    database: DatabaseSpec,
    scenario: Scenario,
    heir: Heir | None,
    roles: Roles,
) -> Workload:
    if heir is None:
        return Workload(database, scenario)
    of = heir.lineage
    return Workload(
        database,
        scenario,
        of.commits,
        of.lsn - FIRST_LSN,
        roles.begins_us,
        roles.before.get(database.name),
    )


def _emitter(
    journal: AnyJournal,
) -> Callable[[str, int, int, tuple[Any, ...]], None]:
    """Return the function that writes the witness's records into the journal."""
    survivable, append, texts = (
        KIND_ID["truth.survivable"],
        journal.append,
        journal.texts,
    )

    def emit(
        kind_name: str, time_us: int, database: int, values: tuple[Any, ...]
    ) -> None:
        if kind_name == "truth.survivable":
            cls, fork, commits, lacking_us = values
            append(
                survivable,
                time_us,
                database,
                texts[cls],
                fork,
                commits,
                lacking_us,
            )
        else:
            journal.note(kind_name, time_us, database, *values)

    return emit
