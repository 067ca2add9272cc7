"""The cloud manager's world: its life, its callers, its agents, and what is really configured."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dr_sim.cloud import CloudManager
from dr_sim.cloud.commands import (
    COMMANDS,
    AnswerCall,
    AskScript,
    CleanUp,
    CopyImage,
    CopyScript,
    DoByHand,
    KillScript,
    Notify,
    ReadMachines,
    ReadSide,
    ReportDrift,
    ReportUpgrade,
    SiteProvisioned,
    StartScript,
    TellConfigurationTime,
)
from dr_sim.cloud.events import (
    EVENTS,
    AgentSaid,
    AgentsObserved,
    FoundAttempt,
    MappingEdited,
    SideRead,
    SilentAgent,
)
from dr_sim.cloud.jobs.job import ENDED, OPEN
from dr_sim.cloud.mirror.sending import WHOLE
from dr_sim.cloud.words import Notice
from dr_sim.machines import Alarm, Command, TakeInventory
from dr_sim.record.row_code import Recorder, Subject
from dr_sim.scenario.cloud_model import FIRST
from dr_sim.stores import MemoryStore, Store
from dr_sim.world.cloud.agents import Agent, Key, Said
from dr_sim.world.cloud.configuration import Configuration
from dr_sim.world.cloud.context import CloudContext
from dr_sim.world.cloud.front import ApiFront
from dr_sim.world.cloud.hardware import Hardware
from dr_sim.world.cloud.lives import CloudLives
from dr_sim.world.cloud.manager_config import cloud_config
from dr_sim.world.cloud.mishaps import Mishaps
from dr_sim.world.cloud.missing import Shortfall
from dr_sim.world.cloud.names import CloudNames, identifier
from dr_sim.world.cloud.people import People
from dr_sim.world.cloud.sites import CloudSites
from dr_sim.world.driver import Driver, LifeRecords, Place
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context

if TYPE_CHECKING:
    from dr_sim.world.link.link import PairLink
    from dr_sim.world.primary.primary import Primary
    from dr_sim.world.primary.primary_database import PrimaryDatabase

RECORDS = LifeRecords(
    up_and_down="truth.cloud_manager",
    commands_done="truth.cloud_commands_done",
    none_saved="truth.cloud_store_write",
    ignored="cloud.ignored",
)
_ANSWER = Class.ANSWER  # a member costs several times a name
_TO_AGENTS = (StartScript, AskScript, KillScript, CleanUp, CopyScript)
_OF_A_NETWORK = frozenset(
    cls
    for cls in (*EVENTS, *COMMANDS)
    if "network" in cls.__dataclass_fields__  # type: ignore[attr-defined]
)


class CloudWorld:
    """The world of the cloud manager. sites: which is active, which is second, and how that
    changes.
    """

    def __init__(
        self,
        context: Context,
        link: PairLink,
        primary: Primary,
        store: Store | None = None,
    ) -> None:
        scenario = context.scenario
        assert scenario.cloud is not None
        self.context = own = CloudContext(context)
        self._agenda = own.agenda
        self._note_drift = own.journal.noter("truth.cloud_drift")
        self.spec = spec = scenario.cloud
        self._start_utc_us = scenario.start_utc_us
        self.mishaps = Mishaps()
        self.names = CloudNames(spec.networks, scenario)
        self._index = self.names.index
        self.configurations = [
            Configuration(
                self.names.entities(network),
                spec,
                lambda: own.agenda._now,
                self._changed_in(i),
            )
            for i, network in enumerate(spec.networks)
        ]
        self._config = cloud_config(spec, scenario)
        self.hardware: Hardware | None = None
        if spec.machines is not None:
            assert self._config.machines is not None
            self.hardware = Hardware(
                self, spec.machines, self._config.machines
            )
        self.agents: dict[tuple[str, str], Agent] = {}
        for site in (FIRST, *spec.places):
            self.add_site(site)
        self.front = ApiFront(self)
        self.people = People(self)
        self.driver: Driver[CloudManager] = Driver(
            self._place(),
            self._build,
            store or MemoryStore(),
            spec.restart_us,
            RECORDS,
        )
        self.lives = CloudLives(self, self.driver)
        self.sites = CloudSites(self, link, primary)
        self._half_us = spec.rtt_us // 2  # one way
        self._is_apart = spec.at == "apart"  # nothing of a site cuts it off
        self._reaches_all = self._is_apart
        self.missing = Shortfall(self, self._config.usual)
        # by standby that is not mirrored: what was recorded last
        self._elsewhere_us: dict[str, int] = {}
        self._cut: dict[
            str, int
        ] = {}  # reasons for a site's agents to be out of reach
        self._paused: dict[
            str, PrimaryDatabase
        ] = {}  # job -> whose backups it paused
        self.driver.give(
            {
                **dict.fromkeys(_TO_AGENTS, self._to_agent),
                TakeInventory: self._take_inventory,
                AnswerCall: self.front.answer,
                ReadSide: self._read_side,
                DoByHand: self.people.asked,
                Notify: self._notified,
                ReportDrift: _recorded_only,
                SiteProvisioned: self.sites.provisioned,
                TellConfigurationTime: self.sites.foretold,
            }
        )
        if self.hardware is not None:
            self.driver.give(
                {
                    CopyImage: self.hardware.order_copy,
                    ReadMachines: self.hardware.read,
                    ReportUpgrade: self.hardware.farms.upgrade_stands,
                }
            )

    def _place(self) -> Place:
        context, index = self.context, self._index
        journal = context.journal

        def recorder(cls: type) -> Recorder:
            about = "network" if cls in _OF_A_NETWORK else ""
            if cls is Alarm:
                about = "scope"
            return journal.cloud_recorder(cls, Subject(about, index))

        def entity(event: Any) -> int:
            return index.get(getattr(event, "network", ""), -1)

        return Place(
            context.agenda,
            self.utc_us,
            index,
            recorder,
            entity,
            journal.note,
        )

    def _build(
        self, incarnation: int, stored: dict[str, str]
    ) -> CloudManager:
        return CloudManager(self._config, incarnation, stored)

    def newer_version(self) -> None:
        """Make the manager one of a newer version from its next life on."""
        self._config = replace(
            self._config, version=self._config.version + 1
        )

    def start(self) -> None:
        if self.hardware is not None:
            self.hardware.start()
        self.driver.start()
        self.front.start()
        self.note_elsewhere()

    def end(self) -> None:
        self.context.end()
        self.front.end()

    def catch_up(self) -> None:
        """Play all that is before the present; whoever asks something of it does this first."""
        self.context.catch_up()

    def soon(
        self, at_us: int, do: Callable[..., None], *values: object
    ) -> None:
        """Do something at that instant."""
        self._agenda.at(at_us, _ANSWER, -1, do, *values)

    def utc_us(self) -> int:
        """Return the time on the manager's wall clock."""
        return self._start_utc_us + self.context.agenda._now

    def add_site(self, site: str) -> None:
        """Give a site agents of every network, which know nothing yet."""
        for i, network in enumerate(self.spec.networks):
            self.agents[network.name, site] = Agent(
                self, i, site, self.configurations[i]
            )
        self.names.add_site(site)

    # ---- the manager's hands
    @property
    def may_die_midway(self) -> bool:
        """Return whether the manager may die in the middle of an event."""
        driver = self.driver
        return (
            driver.hooks.before_command is not None
            or type(driver.store) is not MemoryStore
        )

    def do_for_older(self, command: Command, incarnation: int) -> None:
        """Carry out what an older manager commands: agents know whose command it is."""
        if command.__class__ in _TO_AGENTS:
            self._send(command, incarnation)

    def reaches(self, site: str) -> bool:
        """Return whether messages between the manager and the agents of a site get through now."""
        if site in self._cut:
            return False
        return self._is_apart or self.sites.connected(site)

    def cut(self, site: str, by: int) -> None:
        """One reason more (1) or less (-1) for a site's agents to be out of reach."""
        reasons = self._cut.pop(site, 0) + by
        if reasons:
            self._cut[site] = reasons
        if self.hardware is not None:
            self.hardware.look_at(site)
        self._reaches_all = self._is_apart and not self._cut

    def _to_agent(self, command: Any) -> None:
        self._send(command, self.driver.incarnation)

    def _send(self, command: Any, incarnation: int) -> None:
        if not (self._reaches_all or self.reaches(command.site)):
            return
        agent = self.agents[command.network, command.site]
        agenda = self._agenda
        at = agenda._now + self._half_us
        agenda.at(at, _ANSWER, -1, agent.told, command, incarnation)

    def heard(self, agent: Agent, key: Key, said: Said) -> None:
        """Receive the answer of an agent."""
        if agent.dead:
            return
        if not (self._reaches_all or self.reaches(agent.site)):
            return
        agenda = self._agenda
        at = agenda._now + self._half_us
        agenda.at(at, _ANSWER, -1, self._heard, agent, key, said)

    def _heard(self, agent: Agent, key: Key, said: Said) -> None:
        now_us = self._agenda._now
        utc_us = self._start_utc_us + now_us
        event = AgentSaid(
            now_us, utc_us, 0, agent.name, agent.site, *key, *said
        )
        self.driver.tell(event)

    def _take_inventory(self, command: TakeInventory) -> None:
        at = self.context.now_us + self.spec.rtt_us
        self.context.agenda.at(
            at, _ANSWER, -1, self._observed, self.driver.incarnation
        )

    def _observed(self, incarnation: int) -> None:
        self.driver.answer(incarnation, AgentsObserved, *self._observe())
        if incarnation == self.driver.incarnation and self.lives.up:
            self.lives.looked()

    def _observe(
        self,
    ) -> tuple[tuple[FoundAttempt, ...], tuple[SilentAgent, ...]]:
        """Return the agents' answers about the attempts at jobs that the store has open and those
        that are not over, and who is silent.
        """
        stored = self.driver.store.load()
        wanted = _named(OPEN, stored)
        known = wanted | _named(ENDED, stored)
        said: list[FoundAttempt] = []
        silent: list[SilentAgent] = []
        for (network, site), agent in self.agents.items():
            if agent.dead or not self.reaches(site):
                silent.append(SilentAgent(network, site))
            else:
                said += agent.of_jobs(wanted)
                said += agent.not_over(known)
        return tuple(said), tuple(silent)

    def _read_side(self, command: ReadSide) -> None:
        at, life = (
            self.context.now_us + self.spec.rtt_us,
            self.driver.incarnation,
        )
        self.context.agenda.at(
            at, _ANSWER, -1, self._side_read, command, life
        )

    def _side_read(self, command: ReadSide, incarnation: int) -> None:
        index = self._index[command.network]
        agent = self.agents[command.network, command.site]
        entities = None
        if not agent.dead and self.reaches(command.site):
            side = self.configurations[index].sides[command.site]
            entities = side.found()
        self.driver.answer(
            incarnation,
            SideRead,
            command.network,
            command.site,
            command.number,
            entities,
        )

    def by_hand(self, work: DoByHand) -> None:
        """Let people do a piece of work at the second side: the change that it names, or they make
        the whole thing what it is at the other side.
        """
        index = self._index[work.network]
        configuration = self.configurations[index]
        if work.work.startswith(WHOLE):
            source = configuration.sides[configuration.source]
            value = source.things[work.entity].value
            self.missing.was_set((index, work.site, work.entity))
            configuration.set(work.site, work.entity, value)
            self._done_by_hand(index, work, f"set {value}")
            return
        change = work.work.partition(" ")[2]
        if (work.entity, change) in configuration.missing():
            self._hand(index, work.site, work.entity, change)

    def is_asked(self, work: DoByHand) -> None:
        """Take note that people have been asked for a piece of work."""
        if work.work.startswith(WHOLE):
            index = self._index[work.network]
            self.missing.set_is_ordered((index, work.site, work.entity))

    def forgotten(self, work: DoByHand) -> None:
        """Note that people say of work that it is done, and have not done it."""
        index = self._index[work.network]
        if work.work.startswith(WHOLE):
            self.missing.was_set((index, work.site, work.entity))
            self.configurations[index].tell()
        self.context.note(
            "truth.cloud_forgotten",
            index,
            work.site,
            work.entity,
            work.work,
        )

    def _done_by_hand(self, index: int, work: DoByHand, what: str) -> None:
        name = identifier(work.site, work.network, work.entity)
        side = self.configurations[index].sides[work.site]
        side.things[work.entity].ids = {name}
        self.context.note(
            "truth.cloud_effect",
            index,
            work.site,
            work.entity,
            what,
            "hand",
            json.dumps({"id": name}),
        )

    def edit_mapping(
        self, network: str, entity: str, site: str, leads_to: str
    ) -> None:
        """Let somebody change a row of the mapping table, and tell the manager."""
        index = self._index[network]
        astray = self.names.owner_of(leads_to) != site
        self.missing.lead_astray((index, site, entity), astray)
        self.lives.tell_until_heard(
            MappingEdited, network, entity, site, leads_to
        )
        configuration = self.configurations[index]
        if any(lacks == entity for lacks, _ in configuration.missing()):
            configuration.tell()  # other work brings it in

    def changed_by_hand(
        self, network: str, site: str, entity: str, change: str
    ) -> None:
        """Let somebody change a thing at one side without a report."""
        self._hand(self._index[network], site, entity, change)

    def _notified(self, command: Notify) -> None:
        """Take note of what the manager has found: it is set as a whole."""
        if command.notice is Notice.DIFFERENT:
            index = self._index[command.network]
            site = self.configurations[index].target
            self.missing.found((index, site, command.about))

    def _hand(
        self, index: int, site: str, entity: str, change: str
    ) -> None:
        configuration = self.configurations[index]
        if not configuration.apply(site, entity, change):
            return
        name = identifier(site, self.spec.networks[index].name, entity)
        configuration.sides[site].things[entity].ids = {name}
        self.context.note(
            "truth.cloud_effect",
            index,
            site,
            entity,
            change,
            "hand",
            json.dumps({"id": name}),
        )

    # ---- backups of a database that is moved
    def pause_backups(self, database: str, job: str) -> None:
        """Pause the backups of a database. A job that is tried again finds them paused."""
        if job in self._paused:
            return
        index = next(
            i
            for i, d in enumerate(self.context.scenario.databases)
            if d.name == database
        )
        moved = self.sites.primary.databases[index]
        moved.paused.append("move")
        self._paused[job] = moved

    def resume_backups(self, job: str) -> None:
        database = self._paused.pop(job, None)
        if database is not None:
            database.paused.remove("move")

    # ---- what is really so
    def _changed_in(self, index: int) -> Callable[[], None]:
        def changed() -> None:
            since_us, count = self.configurations[index].behind()
            alone = len(self.configurations) == 1
            same = alone and since_us < 0 and not self.missing.is_found()
            takes_us = 0 if same else self.missing.takes_us()
            self._note_drift(
                self._agenda._now, index, since_us, count, takes_us
            )
            self.note_elsewhere()

        return changed

    def note_elsewhere(self) -> None:
        """Record what a failover to a standby that is not mirrored would wait, if that is news."""
        for site in self.sites.not_mirrored():
            takes_us = self.missing.elsewhere_us(site)
            if self._elsewhere_us.get(site, 0) != takes_us:
                self._elsewhere_us[site] = takes_us
                self.context.note(
                    "truth.cloud_elsewhere", -1, site, takes_us
                )


def _named(prefix: str, stored: dict[str, str]) -> set[str]:
    """Return what is stored under keys with that prefix."""
    return {
        key.removeprefix(prefix) for key in stored if key.startswith(prefix)
    }


def _recorded_only(command: Command) -> None:
    """Do nothing more than record the command."""
