"""One pair: a primary and the copy behind it, with everything between them and everything that
watches them, from one change of roles to the next.

Everything is built from the scenario and connected here. succession.py moves databases from one
pair to the next, and lasting.py the effects on a place. world.py says when that happens, and holds
what the whole run shares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dr_sim.engines.model import ModelEngine
from dr_sim.machines import Machine
from dr_sim.recovery.events import HeartbeatBack, HeartbeatLost
from dr_sim.stores import Store
from dr_sim.world.driver import Driver
from dr_sim.world.hands import Hands, Surroundings, place_of
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.occurrence import Effect
from dr_sim.world.lane.express import ExpressLane, LaneParts
from dr_sim.world.lane.waves import WaveLane
from dr_sim.world.link.directory import Directory
from dr_sim.world.link.heartbeat import Heartbeats
from dr_sim.world.link.link import PairLink
from dr_sim.world.link.recorded import Recordings
from dr_sim.world.link.remote import Remote
from dr_sim.world.link.replication import Replication
from dr_sim.world.mistakes import MistakesMade
from dr_sim.world.outside import Outside
from dr_sim.world.own_logic import builder
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.daily import DailyWork
from dr_sim.world.primary.own_backups import (
    OwnBackupsAtPrimary,
    chain_of,
)
from dr_sim.world.primary.primary import Primary
from dr_sim.world.primary.primary_database import (
    OnlyFor,
    PrimaryDatabase,
)
from dr_sim.world.primary.primary_losses import PrimaryLosses
from dr_sim.world.primary.pruning import Pruning
from dr_sim.world.roles.claims import Claims
from dr_sim.world.roles.coming_back import ComingBack
from dr_sim.world.roles.left_behind import LeftBehind
from dr_sim.world.roles.pair_context import (
    Ground,
    Roles,
    context_of,
    pages_at,
)
from dr_sim.world.roles.passing_on import PassingOn
from dr_sim.world.roles.promotion import Promotion
from dr_sim.world.roles.protection import Protection
from dr_sim.world.roles.reach import Reach
from dr_sim.world.roles.seeding import seed, take_over
from dr_sim.world.roles.succession import Heir
from dr_sim.world.roles.together import hear_primary, shared_context
from dr_sim.world.roles.unfencing import Unfencing
from dr_sim.world.rot import say_what_is_known
from dr_sim.world.secondary.secondary import Secondary
from dr_sim.world.secondary.standby_copies import Break
from dr_sim.world.stores.kept_chain import manager_goes_on
from dr_sim.world.stores.store_feed import StoreFeed, feed
from dr_sim.world.users import Users

Back = Callable[[Any, str, str, Sequence[str]], None]
"""Told of an event by which what was lost is back: its occurrence, 'site' or 'host', the site's
name ('': the one that was lost last), the machines.
"""


class Pair:
    """Build it, then `start` it. world.py runs the agenda.

    Several standbys behind one primary are a pair each. The first of them, their lead, holds what
    they share: the primary, its users, and who has claimed to take over. together: all of them, the
    lead first. shared: the context in which the primary acts (world/roles/together.py).
    """

    def __init__(
        self,
        ground: Ground,
        roles: Roles,
        store: Store | None = None,
        lead: Pair | None = None,
    ) -> None:
        """store: the recovery manager's (default: in memory). lead: of the pairs beside it; None:
        itself.
        """
        self.roles = roles
        self.lead = lead or self
        self.together: list[Pair] = self.lead.together if lead else []
        self.together.append(self)
        self.losses = PrimaryLosses(self)
        self.sites = ground.sites
        self.context: Context = context_of(
            ground, roles, lead.context if lead else None
        )
        context = self.context
        scenario = context.scenario
        self._serving = [
            db
            for db in range(len(scenario.databases))
            if db not in context.out_of_service
        ]
        self.shared: Context = (
            shared_context(lead, ground, context, roles)
            if self._is_one_of_several
            else context
        )
        self.journal = context.journal
        self._index = {scenario.databases[i].name: i for i in self._serving}
        self.mistakes: MistakesMade = (
            lead.mistakes if lead else MistakesMade(self)
        )
        self.effects: list[Effect] = []  # what was to last
        self.protection = Protection(self)
        self.retired = False
        self.dismissed = False
        # where somebody stands in the old primary's place after a failover; None: nobody
        self.replaced_by: Roles | None = None
        # the pair whose failover has put this one on
        self.before: Pair | None = None
        # by earlier pairs, where there are any
        self.left_behind: LeftBehind | None = None
        # called when the primary's site is lost
        self.site_lost_hook: Callable[[], None] = lambda: None
        # called when what was lost is back: Back (world/roles/coming_back.py)
        self.back_hook: Back = lambda event, what, site, machines: None
        self.is_on: Callable[[], bool] = lambda: True
        self.on_offer: list[Callable[[BackupFile], bool]] = []
        self.on_landing: list[Callable[[BackupFile], None]] = []
        self._build_sides(lead)
        self._build_roles(lead)
        self._build_manager(store)
        self._build_hands(ground, lead)
        self._watch(lead)
        self._build_lanes(ground)

    @property
    def _is_one_of_several(self) -> bool:
        """Return whether other standbys stand beside this one."""
        return len(self.roles.numbers) > 1

    # ---- how it is built: each step needs the ones before it
    def _build_sides(self, lead: Pair | None) -> None:
        """Build both sides, and what carries backups from one to the other."""
        self.link = PairLink(
            self.context,
            self.sites.link(self._fed_from, self.roles.secondary),
            self._fed_from,
            self.roles.secondary,
        )
        self.primary: Primary = (
            lead.primary
            if lead
            else Primary(self.shared, self._offer_to_all)
        )
        for db in self.primary.databases:
            if db.index not in self._serving:
                # no failover brought it online: whatever comes back here, it does not
                db.failed, db.writes_until_us = (
                    "database",
                    self.roles.begins_us,
                )
                db.data_lost = True
        self.secondary = Secondary(
            self.context,
            lambda database, name: self.hands.attempts_in_store(
                database, name
            ),
        )
        source = self._store_before()
        self.replication: Replication = feed(
            self.context,
            self.link,
            self._land,
            self.secondary.share,
            None if source is None else source.context,
        )
        if source is not None and isinstance(self.replication, StoreFeed):
            source.on_landing.append(self.replication.lies_at_source)

    def _build_roles(self, lead: Pair | None) -> None:
        """Build what decides who is the primary, and what changes that."""
        context = self.context
        self.users: Users = (
            lead.users if lead else Users(self.shared, self._serving)
        )
        if lead is None:
            self.users.again_hook = self._users_again
        spec = context.scenario.failover
        self.claims: Claims = (
            lead.claims
            if lead
            else Claims(context.agenda, spec.lease_us, spec.silent_for_us)
        )
        self.passing_on: PassingOn = (
            lead.passing_on if lead else PassingOn(self)
        )
        if lead is None:
            self.claims.ended_hook = self.passing_on.ended
        self.unfencing: Unfencing = (
            lead.unfencing if lead else Unfencing(self)
        )
        self.remote = remote = Remote(
            context, self.link, self.primary, self.replication
        )
        self.own_backups = remote.own_backups = self._own_backups()
        heirs = (self.roles.heirs or {}).values()
        fork = max((heir.lineage.fork for heir in heirs), default=1)
        reach = self.secondary.reach = Reach(
            context, self.primary, remote, self.link
        )
        self.promotion = Promotion(
            context, self.primary, remote, self.users, reach, fork + 1
        )
        self.promotion.fenced_hook = self.unfencing.fenced

    def _build_manager(self, store: Store | None) -> None:
        """Build the life of the recovery manager, and what it hears."""
        context = self.context
        self.driver: Driver[Machine] = Driver(
            place_of(context),
            builder(context.scenario, self._index),
            self.roles.secondary_site.store_of(self.roles.number, store),
            context.scenario.manager_restart_us,
        )
        self.heartbeats = Heartbeats(
            context, self.link, self._silent, self._heard
        )
        self.coming_back = ComingBack(self)
        self.promotion.is_closed = lambda database: (
            database in self.lead.coming_back.closed
        )
        self.remote.may_open = lambda database: (
            self.lead.coming_back.may_open(database)
        )

    def _build_hands(self, ground: Ground, lead: Pair | None) -> None:
        """Build what carries out the manager's commands, and the cloud manager if there is one."""
        context, scenario = self.context, self.context.scenario
        self.directory = Directory(
            context, ground.streams, self.link, self.primary
        )
        self.cloud: CloudWorld | None = (
            lead.cloud if lead else self.roles.cloud
        )
        # the cloud manager lives in the first pair's journal, to the run's end
        if scenario.cloud is not None and not self.roles.number:
            # loaded for those who have one: it is a tenth of what a short run loads
            from dr_sim.world.cloud.service import CloudWorld

            self.cloud = CloudWorld(context, self.link, self.primary)
        around = Surroundings(
            self.roles.secondary,
            self.secondary,
            self.remote,
            self.promotion,
            self.heartbeats,
            self.directory,
            self.claims,
            None if self.cloud is None else self._provision,
            None if self.cloud is None else self._foretell,
            scenario.store.machine_us if scenario.store else 0,
            another=self.sites.another_server,
            unfence=lambda answer: self.unfencing.order(self, answer),
            alone=not self._is_one_of_several,
            there=lambda: self.stands_by,
        )
        self.hands: Hands = Hands(context, self.driver, around)
        self.hands.people.begun_hook = self.passing_on.begins
        self.hands.people.pages = pages_at(ground, scenario)
        if lead is not None:
            self.hands.people.repairs = lead.hands.people.repairs

    def _watch(self, lead: Pair | None) -> None:
        """Build the server that watches from outside, and listen to the primary's error log."""
        self.outside = Outside(
            self.context,
            self.primary,
            self.secondary,
            self.hands.people,
            self.promotion.online_us,
        )
        self.driver.hooks.on_death.append(self.outside.turn)
        self.secondary.full_hook = self.outside.turn
        if lead is None:
            hear_primary(self)

    def _build_lanes(self, ground: Ground) -> None:
        """Build the fast path, where it may be taken."""
        context, scenario = self.context, self.context.scenario
        self._recordings = Recordings(context, self.link, self.secondary)
        self._lanes_used = ground.express and scenario.replay.validate_hash
        self.express: ExpressLane | None = None
        self.waves: WaveLane | None = None
        # on real files nothing is taken as done, nor where there are several standbys, or a store
        alone = not self._is_one_of_several and scenario.store is None
        if isinstance(context.primary_engine, ModelEngine) and alone:
            self.open_lanes()
        if ground.express:
            self.hands.prune_together(
                Pruning(context, self.primary, self.secondary)
            )

    @property
    def _fed_from(self) -> str:
        """Return the name of the site that sends backups: the primary's, or that of a store."""
        store = self.context.scenario.store
        source = store.source if store is not None else ""
        return source or self.roles.primary

    def _store_before(self) -> Pair | None:
        """Return the pair of the store that feeds this one, where it is fed from a store."""
        store = self.context.scenario.store
        if store is None or not store.source:
            return None
        return next(
            pair
            for pair in self.together
            if pair.roles.secondary == store.source
        )

    def _own_backups(self) -> OwnBackupsAtPrimary | None:
        """Return what takes the backups of the schedule of a store; None: it has none of its
        own.
        """
        own = self.context.scenario.own_schedule
        if own is None:
            return None
        only_for = OnlyFor(
            self.roles.secondary,
            self.context,
            self._offer,
            own.cost,
            chain_of(self.context.scenario),
        )
        return OwnBackupsAtPrimary(self.primary, only_for, own)

    def _provision(self, done: Callable[[int], None]) -> None:
        """Let a failover wait until the site of the next primary is configured: the second side, or
        the machine onto which a store was restored.
        """
        assert self.cloud is not None
        site, store = self.roles.secondary_site, ""
        if self.is_store:
            site, store = self.sites.machine_of(site), site.name
        self.cloud.sites.provision(site.name, done, store)

    def _foretell(self, answer: Callable[[int], None]) -> None:
        """Ask how long a failover to here would wait until its site is configured."""
        assert self.cloud is not None
        self.cloud.sites.foretell(self.roles.secondary, answer)

    def open_lanes(self) -> None:
        parts = LaneParts(
            self.primary,
            self.link,
            self.replication,
            self.secondary,
            self.driver,
            self.promotion,
            self.on_offer,
        )
        self.express = ExpressLane(self.context, parts)
        self.express.quiet_hook = self.outside.rest
        self.waves = WaveLane(self.express)
        self.primary.express = self._take if self._lanes_used else None

    def _take(self, db: PrimaryDatabase) -> int:
        """Play a log by the lanes; -1 if none takes it."""
        assert self.express is not None and self.waves is not None
        last_us = self.waves.take(db)
        if last_us < 0:
            last_us = self.express.take(db)
        if last_us < 0:
            self.express.logs.past.stepped(db)
        return last_us

    # ---- its life
    def start(self, beside: Callable[[], None] = lambda: None) -> None:
        """Begin at this instant. beside: put what else begins with it on the agenda."""
        context, roles = self.context, self.roles
        if roles.number:
            context.note(
                "truth.roles",
                -1,
                roles.primary,
                roles.secondary,
                roles.ready_us,
            )
        if len(roles.numbers) > 1:
            values = (
                roles.secondary,
                roles.rank,
                len(roles.numbers),
                roles.numbers[0],
            )
            context.note("truth.standby", -1, *values)
        engine = context.primary_engine
        context.note("truth.engine", -1, engine.name, engine.version)
        if self.lead is self and roles.heirs is None:
            seed(
                [(pair.context, pair.secondary) for pair in self.together],
                self.primary.databases,
            )
        if roles.heirs is not None:
            take_over(
                context, self.primary.databases, self.secondary, roles.heirs
            )
            self._catch_up(roles.heirs)
        self.protection.begin()
        if roles.heirs is not None:
            say_what_is_known(self)
        beside()
        self.directory.start()
        if self.cloud is not None and not roles.number:
            self.cloud.start()
        elif self.cloud is not None and self.lead is self:
            self.cloud.sites.roles(self.primary, self.link)
        elif self.cloud is not None:
            self.cloud.sites.one_more(self.link)
        self._recordings.start()
        if self.lead is self:
            DailyWork(self).begin()

    def _catch_up(self, heirs: Mapping[str, Heir]) -> None:
        """Have sent what lies at the primary and lacks here: to a copy that is behind, or to one
        that is restored from backups at hand; and what a store has yet to get.
        """
        kept = [heir.kept for heir in heirs.values() if heir.kept]
        for chain in kept:
            assert isinstance(self.replication, StoreFeed)
            self.replication.goes_on(chain.feed, chain.files)
        if kept:
            manager_goes_on(kept[0].before, self)
        for name, heir in heirs.items():
            files = heir.at_hand.files if heir.at_hand is not None else ()
            if heir.behind is not None:
                cut_us = heir.behind.cut_us
                self.promotion.begins_behind(self._index[name], cut_us)
                files = heir.behind.files
            for file in files:
                if not file.at_secondary:
                    self._offer(file)

    @property
    def is_store(self) -> bool:
        """Return whether what stands behind the primary keeps files and replays none."""
        return self.context.scenario.store is not None

    @property
    def all_online(self) -> bool:
        """Return whether a failover has brought every database in service online."""
        return all(self.promotion.is_promoted(i) for i in self._serving)

    @property
    def handed_over(self) -> bool:
        """Return whether every database is online, and the old primary takes no more writes."""
        stopped = all(
            db.writes_until_us is not None for db in self.primary.databases
        )
        return self.all_online and stopped

    @property
    def site_lost(self) -> bool:
        """Return whether the primary's site is gone."""
        return not self.primary.share_up

    @property
    def stands_ready(self) -> bool:
        """Return whether the old primary stands ready, stopped and with its machines. Then it can
        be the second side at once.
        """
        lost = any(
            self.primary.databases[i].failed in ("host", "site")
            for i in self._serving
        )
        stopped = self.promotion.fenced or bool(
            self.lead.coming_back.closed
        )
        return stopped and not lost and not self.site_lost

    @property
    def waits_for_second_side(self) -> bool:
        """Return whether a serving primary waits for its second side to be put in place."""
        alive = any(not self.primary.stands(i) for i in self._serving)
        waits = self.protection.waits
        return waits and alive and not self.site_lost

    def crash_managers(self) -> None:
        """Kill the recovery manager, and one that has yet to end its failover."""
        self.driver.crash()
        if self.before is not None:
            self.before.driver.crash()

    @property
    def stands_by(self) -> bool:
        """Return whether the standby is there. Its site may be lost, or not be in place yet."""
        return not self.driver.down and not self.retired

    def retire(self) -> None:
        """End the pair's roles: nothing is restored, pruned or watched for it any more. Its manager
        continues until it is dismissed.
        """
        if not self.retired:
            self.retired = self.primary.over = True
            self.secondary.abort_all()
            self.outside.retire()

    def dismiss(self) -> None:
        """Dismiss the manager: nobody decides about this pair any more."""
        if not self.dismissed:
            self.dismissed = True
            self.driver.retire()
            self._recordings.stop()
            self.link.recorded = False

    def end(self) -> None:
        """End the run."""
        if self.lead is not self:
            return
        context = self.shared
        if self.cloud is not None and not self.roles.number:
            self.cloud.end()
        for db in (self.primary.databases[i] for i in self._serving):
            t = (
                context.now_us
                if db.writes_until_us is None
                else db.writes_until_us
            )
            if db.writes_until_us is None:
                self.primary.log_space.stopped(db)
            w = context.workloads[db.index]
            context.note(
                "truth.commits_total",
                db.index,
                w.commits(t),
                w.user_bytes(t),
                w.maintenance_bytes(t),
            )
        context.note("truth.end", -1)

    # ---- for events and faults
    def later(self, delay_us: int, do: Callable[[], None]) -> None:
        at = self.context.now_us + delay_us
        if self.cloud is None:
            self.context.agenda.at(at, Class.FAULT, -1, do)
        else:  # it may be about the cloud manager
            self.context.agenda.at(
                at, Class.FAULT, -1, self.cloud.context.asked, do
            )

    def has(self, database: str) -> bool:
        """Return whether that database is a part of the service now."""
        return database in self._index

    def index_of(self, database: str) -> int:
        return self._index[database]

    def indexes_of(self, target: str) -> list[int]:
        """Return the index of a database in service; '': of all of them."""
        return [
            i for name, i in self._index.items() if target in ("", name)
        ]

    def files_at(self, where: str, database: int) -> list[BackupFile]:
        """Return the files at 'primary' or 'secondary', oldest first."""
        files = sorted(
            self.context.by_name[database].values(),
            key=lambda f: (f.begun_us, f.number),
        )
        return [
            f
            for f in files
            if (f.at_secondary if where == "secondary" else f.at_primary)
        ]

    def _offer_to_all(self, file: BackupFile) -> None:
        """Offer a file of the primary, which is finished or can be seen, to each standby."""
        others = self.together
        if self.shared.by_name is self.context.by_name:
            # it is a file of this pair
            self._offer(file)
            others = others[1:]
        for pair in others:
            known = pair.context.by_name[file.database].get(file.name)
            if known is not None:  # it may have been deleted by now
                pair._offer(known)

    def _offer(self, file: BackupFile) -> None:
        for take in list(self.on_offer):
            if take(file):
                return
        self.replication.offer(file)

    def _land(self, file: BackupFile, data: bytes) -> None:
        self.secondary.land(file, data)
        for take in list(self.on_landing):
            take(file)

    def files_in_share(self) -> list[BackupFile]:
        """Return the files at the primary, of all databases, oldest first."""
        files = [
            file
            for i in self._serving
            for file in self.files_at("primary", i)
        ]
        return sorted(files, key=lambda f: (f.begun_us, f.number))

    def _users_again(self) -> None:
        if self.before is not None:
            self.before.users.served_by_the_next()

    def wipe_secondary(self, database: int, why: str) -> None:
        """Remove the secondary's copy of a database and all its files: its host is lost, or its
        disks are.
        """
        for file in self.files_at("secondary", database):
            self.secondary.delete(file, why)
        if self.left_behind is not None:
            self.left_behind.wiped(database, why)
        if self.context.scenario.store is None:
            self.break_standby(database, Break.DROPPED, why)

    def break_standby(self, database: int, how: Break, why: str) -> None:
        """Break the secondary's copy of a database; the files in the landing share stay."""
        if self.users.redirected or self.hands.is_promoted(database):
            return  # it is no copy any more
        if database not in self._serving:
            return
        self.secondary.break_copy(database, how, why)

    def _silent(self, machine: str, last_seen_us: int) -> None:
        self._record_silence()
        self.driver.tell_new(HeartbeatLost, machine, last_seen_us)

    def _heard(self, machine: str) -> None:
        self._record_silence()
        self.driver.tell_new(HeartbeatBack, machine)

    def _record_silence(self) -> None:
        """Record where claims are recorded whether this place hears the primary."""
        since_us = self.heartbeats.silent_since_us()
        silent_for_us = self.context.scenario.failover.silent_for_us
        self.claims.silence(
            self.roles.secondary,
            None if since_us is None else since_us + silent_for_us,
        )
