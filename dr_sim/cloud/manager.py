"""The cloud manager: one coordinator for many networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dr_sim.cloud.api import Api
from dr_sim.cloud.commands import (
    Notify,
    SiteProvisioned,
)
from dr_sim.cloud.config import CloudConfig
from dr_sim.cloud.events import (
    AgentSaid,
    AgentsObserved,
    Called,
    CallsAlike,
    ConfigurationTimeAsked,
    FoundAttempt,
    GoalsSet,
    HandsDone,
    ImageSaid,
    LoadSeen,
    MachinesBack,
    MachinesRead,
    MachinesSilent,
    MappingEdited,
    MirrorSwitched,
    ProvisionAsked,
    RollBackAsked,
    SideRead,
    SiteStands,
    SitesToBuild,
    UpgradeAsked,
)
from dr_sim.cloud.jobs.job import ENDED, CloudJob, moved_to
from dr_sim.cloud.jobs.job_dues import LOOK
from dr_sim.cloud.jobs.jobs import JobBook
from dr_sim.cloud.machines.machine_jobs import found_job
from dr_sim.cloud.machines.machines import LOOK_AT_MACHINES, MachineManager
from dr_sim.cloud.machines.upgrades import MOVE, DatabaseMove
from dr_sim.cloud.mirror.drift import LIMIT
from dr_sim.cloud.mirror.mapping import UntranslatableError
from dr_sim.cloud.mirror.mirror import (
    AUDIT,
    MIRROR_DUE,
    Mirror,
)
from dr_sim.cloud.mirror.sending import Means
from dr_sim.cloud.mirror.table import table_of
from dr_sim.cloud.out import Out
from dr_sim.cloud.used_sites import UsedSites
from dr_sim.cloud.words import (
    MACHINE_SCRIPTS,
    OF_MACHINES,
    JobKind,
    Notice,
)
from dr_sim.machines import (
    Alarm,
    CancelAlarm,
    Command,
    Event,
    SetAlarm,
    TakeInventory,
)

PROVISION = "provision"
"""Key in the store: of a failover that waits."""
FAILOVER = "failover"
"""Alarm of a failover that has not ended."""


class CloudManager:
    """One life of it. stored: what earlier lives have saved; the manager keeps it up to date, and
    it is the manager's own.
    """

    def __init__(
        self, config: CloudConfig, incarnation: int, stored: dict[str, str]
    ) -> None:
        self._incarnation = incarnation
        self._kept = stored
        self._limit_us = config.mirror.limit_us
        self._retry_us = config.jobs.retry_us
        self._mappings = mappings = {
            network.name: table_of(network, stored)
            for network in config.networks
        }
        self._book = JobBook(config, stored, mappings)
        self._api = Api(config, incarnation, stored, self._book, mappings)
        self._mirrors = {
            network.name: Mirror(
                config,
                network,
                stored,
                Means(self._book, mappings[network.name], incarnation),
            )
            for network in config.networks
        }
        self._every = tuple(self._mirrors.values())
        self._used = UsedSites(self._mirrors, stored, config.usual)
        self._book.may_begin = self._may_begin
        self._book.is_stray = self._is_stray
        self._alarms: dict[tuple[str, str], Callable[[Out], None]] = {
            ("", LOOK): self._book.look,
            ("", FAILOVER): self._failover_is_open,
        }
        for name, mirror in self._mirrors.items():
            self._alarms[name, MIRROR_DUE] = mirror.due
            self._alarms[name, LIMIT] = mirror.watch.rings
            self._alarms[name, AUDIT] = mirror.audit
        self._machines: MachineManager | None = None
        if config.machines is not None:
            self._machines = MachineManager(
                config, stored, self._book, self._sides, self._add_move
            )
            self._machines.upgrades.awaits_move = self._awaits_move
            self._machines.upgrades.awaits_set = self._awaits_set
            self._alarms["", LOOK_AT_MACHINES] = self._machines.look
        waiting = stored.get(PROVISION)
        # to where, from where, it answers, since when
        self._provision: tuple[str, str, bool, int] | None = None
        if waiting:
            site, old, answers, since = json.loads(waiting)
            self._provision = (site, old, answers, since)
        self._handlers: dict[type[Event], Callable[[Any, Out], None]] = {
            Alarm: self._alarm,
            Called: self._called,
            CallsAlike: self._calls_alike,
            AgentSaid: self._said,
            AgentsObserved: self._observed,
            SideRead: self._side_read,
            HandsDone: self._hands_done,
            MirrorSwitched: self._switched,
            MappingEdited: self._mapping_edited,
            ProvisionAsked: self._provision_asked,
            SiteStands: self._stands,
            ConfigurationTimeAsked: self._used.time_asked,
            SitesToBuild: self._to_build,
        }
        if self._machines is not None:
            self._handlers[MachinesRead] = self._machines.read
            self._handlers[MachinesSilent] = self._machines.silent
            self._handlers[MachinesBack] = self._machines.back
            self._handlers[ImageSaid] = self._machines.image_said
            self._handlers[UpgradeAsked] = self._machines.asked
            self._handlers[RollBackAsked] = self._machines.roll_back_asked
            self._handlers[GoalsSet] = self._machines.goals_set
            self._handlers[LoadSeen] = self._machines.load_seen

    def resume(self) -> list[Command]:
        return [TakeInventory()]

    def handle(self, event: Event) -> list[Command]:
        if event.incarnation and event.incarnation != self._incarnation:
            return []
        out = Out(event.mono_us, event.utc_us)
        self._handlers[event.__class__](event, out)
        for mirror in self._every:
            if mirror.backlog.changed and self._machines is not None:
                self._machines.backlog_changed(mirror.name, out)
            if mirror.backlog.changed or mirror.comparison.unsure:
                mirror.report(out)
        if self._book.strays:
            self._move_strays(out)
        if self._provision is not None:
            self._book.release(out)
            self._maybe_provisioned(out)
        return out.all(self._kept) if out.saves else out.commands

    # ---- events
    def _alarm(self, e: Alarm, out: Out) -> None:
        self._alarms[e.scope, e.what](out)

    def _called(self, e: Called, out: Out) -> None:
        mirror = self._mirrors.get(e.network)
        self._api.called(e, mirror.direction.active if mirror else "", out)

    def _calls_alike(self, e: CallsAlike, out: Out) -> None:
        self._api.alike(e, out)

    def _said(self, e: AgentSaid, out: Out) -> None:
        job = self._book.said(e, out)
        if job is not None:
            self._ended(job, out)

    def _ended(self, job: CloudJob, out: Out) -> None:
        if self._machines is not None and job.kind in OF_MACHINES:
            self._machines.ended(job, out)
        elif self._is_left(job):
            self._mirrors[job.network].left_ended(job, out)
        else:
            self._mirrors[job.network].ended(job, out)
            moves = job.kind is JobKind.CHANGE and job.change.startswith(
                MOVE
            )
            if self._machines is not None and moves:
                self._machines.move_ended(job, out)

    def _add_move(self, move: DatabaseMove, out: Out) -> bool:
        """Add the job of a move at the active side; False if the mapping table knows no identifier
        of the database there.
        """
        active = self._sides(move.network)[0]
        mapping = self._mappings[move.network]
        try:
            identifier = mapping.identifier(move.database, active)
        except UntranslatableError:
            return False
        params = {"id": identifier, "farm": move.farm, "image": move.to}
        self._book.add(
            CloudJob(
                id=move.name,
                order=0,
                kind=JobKind.CHANGE,
                network=move.network,
                site=active,
                entity=move.database,
                script="move_database",
                params=json.dumps(params),
                change=move.name,
            ),
            out,
        )
        return True

    def _awaits_move(self, network: str, site: str, database: str) -> bool:
        """Return whether a move of a database is not in effect yet at that site."""
        mirror = self._mirrors[network]
        if site != mirror.direction.target:
            return False
        pending = mirror.backlog.of(database)
        return any(each.change.startswith(MOVE) for each in pending)

    def _awaits_set(self, network: str, site: str, database: str) -> bool:
        """Return whether a database is to be set as a whole at that site."""
        mirror = self._mirrors[network]
        at_target = site == mirror.direction.target
        return at_target and database in mirror.backlog.things

    def _sides(self, network: str) -> tuple[str, ...]:
        """Return the sites of a network that are in use, the active one first."""
        return self._used.of(network, self._provision is not None)

    def _observed(self, e: AgentsObserved, out: Out) -> None:
        in_use = self._agents_in_use()
        for each in e.attempts:
            if not each.script or self._is_known(each.job):
                continue
            if (each.network, each.site) in in_use:
                self._adopt(each, out)
        named = [(each.network, each.site) for each in e.silent]
        silent = [agent for agent in named if agent in in_use]
        first = self._book.asleep
        said = [each.said(e) for each in e.attempts]
        for job in self._book.wake(said, silent, out):
            self._ended(job, out)
        self._book.awake(out)
        if not first:
            return
        if self._provision is not None:
            for mirror in self._mirrors.values():
                mirror.provision(self._provision[0], out)
            self._watch_failover(out)
        elif (
            active := self._used.without_second()
        ):  # a caller that waits for that may not have been answered
            out.commands.append(SiteProvisioned(active, 0, 0, 0))
        for mirror in self._mirrors.values():
            mirror.wake(out)
        if self._machines is not None:
            self._machines.wake(out)

    def _agents_in_use(self) -> set[tuple[str, str]]:
        """Return the agents, by network and site, that have something to do. In a failover those of
        the side that it leaves have if they answer.
        """
        given_up = ""
        if self._provision is not None and not self._provision[2]:
            given_up = self._provision[1]
        return self._used.agents(given_up)

    def _adopt(self, found: FoundAttempt, out: Out) -> None:
        """Take up the job, which the store has forgotten, of an attempt that an agent knows."""
        if self._machines is not None and found.script in MACHINE_SCRIPTS:
            job = found_job(found)
            self._book.adopt(job, out)
            self._machines.taken_up(job, out)
        else:
            job = self._mirrors[found.network].found(found)
            self._book.adopt(job, out)

    def _is_known(self, job: str) -> bool:
        return job in self._book.open or ENDED + job in self._kept

    def _side_read(self, e: SideRead, out: Out) -> None:
        self._mirrors[e.network].side_read(e, out)

    def _hands_done(self, e: HandsDone, out: Out) -> None:
        self._mirrors[e.network].hands_done(e, out)

    def _switched(self, e: MirrorSwitched, out: Out) -> None:
        self._mirrors[e.network].switched(e.on, out)

    def _mapping_edited(self, e: MappingEdited, out: Out) -> None:
        self._mirrors[e.network].mapped(e, out)

    def _stands(self, e: SiteStands, out: Out) -> None:
        if self._used.are_all(e.site):
            return  # it is known
        if (
            self._provision is not None
        ):  # to a site that is the active one by now, as far as it got
            self._over(out)
        else:
            self._leave_second(out)
        for mirror in self._every:
            ids = e.identifiers.get(mirror.name, {})
            mirror.stands(e.site, dict(ids), out)
        if not self._book.asleep:
            out.commands.append(TakeInventory())
        self._sides_changed(out)

    def _leave_second(self, out: Out) -> None:
        """The second side is to be another one, although it stands: what is under way there is left
        to its agents.
        """
        for site in sorted(
            {m.direction.target for m in self._every} - {""}
        ):
            closed = self._book.withdraw(site, True, out)
            self._closed(closed, self._every[0].direction.active, out)

    def _sides_changed(self, out: Out) -> None:
        if self._machines is not None:
            self._machines.sides_changed(out)

    def _to_build(self, e: SitesToBuild, out: Out) -> None:
        self._used.to_build(e, out)
        self._sides_changed(out)

    # ---- a failover
    def _provision_asked(self, e: ProvisionAsked, out: Out) -> None:
        if self._provision is not None:
            if self._provision[0] == e.site:
                self._asked_again(e, out)
                return  # it is under way
            self._over(out)  # the store has forgotten how it ended
        mirrors = list(self._mirrors.values())
        if all(mirror.direction.active == e.site for mirror in mirrors):
            out.commands.append(
                SiteProvisioned(e.site, 0, 0, 0)
            )  # it has been done
            return
        old = mirrors[0].direction.source
        self._used.takes_over(e.site, out)
        self._goes_on((e.site, old, e.old_answers, out.utc_us), out)
        for mirror in mirrors:
            mirror.provision(e.site, out)
        closed = self._book.withdraw(old, not e.old_answers, out)
        for site in self._forgotten_sites(old, e.site):
            closed += self._book.withdraw(site, True, out)
        self._closed(closed, e.site, out)
        self._sides_changed(out)
        self._watch_failover(out)

    def _asked_again(self, e: ProvisionAsked, out: Out) -> None:
        """Wait no longer for the old side if it is lost by now."""
        assert self._provision is not None
        site, old, answers, since = self._provision
        if e.old_answers or not answers:
            return
        self._goes_on((site, old, False, since), out)
        self._closed(self._book.withdraw(old, True, out), site, out)

    def _goes_on(
        self, provision: tuple[str, str, bool, int], out: Out
    ) -> None:
        self._provision = provision
        out.saves[PROVISION] = json.dumps(list(provision))

    def _closed(self, closed: list[CloudJob], site: str, out: Out) -> None:
        """Jobs were closed as their side is left: what callers asked for is done at the new one."""
        for job in closed:
            if job.kind is JobKind.CHANGE:
                self._move_to(job, site, out)
            elif self._machines is not None and job.kind in OF_MACHINES:
                self._machines.closed(job, out)

    def _watch_failover(self, out: Out) -> None:
        """Set the alarm at which somebody is told of a failover that has not ended."""
        assert self._provision is not None
        wait_us = self._provision[3] + self._limit_us - out.utc_us
        at_us = out.mono_us + max(0, wait_us)
        out.commands.append(SetAlarm("", FAILOVER, at_us))

    def _failover_is_open(self, out: Out) -> None:
        """Tell somebody of a failover that has not ended, and again at every retry: no second side
        is configured before.
        """
        assert self._provision is not None
        site, _, _, since = self._provision
        for network in self._mirrors:
            about = f"to {site}"
            out.commands.append(
                Notify(network, Notice.FAILOVER_OPEN, about, since)
            )
        at_us = out.mono_us + self._retry_us
        out.commands.append(SetAlarm("", FAILOVER, at_us))

    def _forgotten_sites(self, old: str, new: str) -> list[str]:
        """Return the other sites of which the store has open jobs: it is an old copy."""
        sites = {job.site for job in self._book.open.values()}
        return sorted(
            site
            for site in sites - {old, new}
            if not self._used.is_built(site)
        )

    def _move_to(self, job: CloudJob, site: str, out: Out) -> None:
        """Do at the new side what a caller asked for and the old side did not do."""
        name = self._name_there(job.change, site, out)
        mirror = self._mirrors[job.network]
        params = mirror.translated(job.params, site)
        self._book.add(
            CloudJob(
                id=name,
                order=0,
                kind=JobKind.CHANGE,
                network=job.network,
                site=site,
                entity=job.entity,
                script=job.script,
                params=params,
                change=job.change,
            ),
            out,
        )
        self._api.moved(job.change, name, out)

    def _move_strays(self, out: Out) -> None:
        """Do at the active side what was asked for and came to nothing at a side that is none any
        more.
        """
        strays, self._book.strays = self._book.strays, []
        for job in strays:
            active = self._mirrors[job.network].direction.active
            there = self._is_known(moved_to(job.change, active))
            moved = there and job.site != active
            if not moved and not self._api.is_elsewhere(job):
                self._move_to(job, active, out)

    def _name_there(self, change: str, site: str, out: Out) -> str:
        """Return the name of the job that makes a change at a site: of one that is open, or a new
        one.
        """
        number = 1
        name = moved_to(change, site)
        while ENDED + name in self._kept or ENDED + name in out.saves:
            number += 1
            name = moved_to(change, site, number)
        return name

    def _is_stray(self, job: CloudJob) -> bool:
        """Return whether nobody wants a job where it is: one that was asked for is at a side that
        is not the active one, or is done elsewhere by now; what another one brings to a side is
        pending there no more.
        """
        if job.kind in OF_MACHINES:
            return False
        mirror = self._mirrors[job.network]
        if job.kind is not JobKind.CHANGE:
            return not mirror.wants(job)
        elsewhere = job.site != mirror.direction.active
        return elsewhere or self._api.is_elsewhere(job)

    def _is_left(self, job: CloudJob) -> bool:
        """Return whether a job is a stray from which nothing is mirrored. What was asked for is
        mirrored from the source, unless it is done elsewhere by now.
        """
        source = self._mirrors[job.network].direction.source
        if job.kind is JobKind.CHANGE and job.site == source:
            return self._api.is_elsewhere(job)
        return self._is_stray(job)

    def _may_begin(self, job: CloudJob) -> bool:
        """Return whether a job may begin. In a failover, what is asked for at the new side waits
        for all that is older: for what is pending of its thing, and for what runs at the old side.
        """
        if self._provision is None or job.kind is not JobKind.CHANGE:
            return True
        site, old, _, _ = self._provision
        if job.site != site or job.attempt:
            return True
        if self._book.of_lane(job.network, old, job.entity):
            return False
        return not self._mirrors[job.network].backlog.holds(job.entity)

    def _maybe_provisioned(self, out: Out) -> None:
        if self._provision is None:
            return
        site, old, _, _ = self._provision
        mirrors = list(self._mirrors.values())
        busy = any(
            job.site == old and job.kind not in OF_MACHINES
            for job in self._book.open.values()
        )
        if busy or not all(mirror.provisioned() for mirror in mirrors):
            return
        taken = [mirror.taken for mirror in mirrors]
        changes = sum(each.changes for each in taken)
        rebuilt = sum(each.rebuilt for each in taken)
        by_hand = sum(each.by_hand for each in taken)
        out.commands.append(
            SiteProvisioned(site, changes, rebuilt, by_hand)
        )
        self._over(out)

    def _over(self, out: Out) -> None:
        self._provision = None
        out.saves[PROVISION] = ""
        out.commands.append(CancelAlarm("", FAILOVER))
        for mirror in self._mirrors.values():
            mirror.finish(out)
        self._book.release(out)
