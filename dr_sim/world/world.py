"""The world of one run: everything built from a scenario, wired together, and run to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dr_sim.backups.model import Kind
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.sides import Sides, model_sides
from dr_sim.machines import Machine
from dr_sim.oracle.witness import Witness
from dr_sim.record.journal import KIND_ID, Journal
from dr_sim.recovery.events import HeartbeatBack, HeartbeatLost
from dr_sim.scenario.model import DatabaseSpec, Scenario
from dr_sim.stores import MemoryStore, Store
from dr_sim.streams import BLOCK_WORDS, Streams
from dr_sim.units import DAY_US
from dr_sim.world.agenda import Agenda, Class
from dr_sim.world.backup_file import BackupFile
from dr_sim.world.clock import Clock
from dr_sim.world.cloud.service import SITES, CloudWorld
from dr_sim.world.context import Context
from dr_sim.world.directory import Directory
from dr_sim.world.driver import Driver
from dr_sim.world.express import ExpressLane
from dr_sim.world.folder import folders_of
from dr_sim.world.hands import Hands, Surroundings, place_of
from dr_sim.world.happenings import Happenings
from dr_sim.world.heartbeat import Heartbeats
from dr_sim.world.link import Link
from dr_sim.world.occurrence import Effect
from dr_sim.world.outside import Outside
from dr_sim.world.own_logic import builder
from dr_sim.world.primary import Primary
from dr_sim.world.primary_database import FIRST_LSN, PrimaryDatabase
from dr_sim.world.promotion import Promotion
from dr_sim.world.pruning import RETENTION, Pruning, due_at_primary
from dr_sim.world.reach import Reach
from dr_sim.world.recorded import Recordings
from dr_sim.world.remote import Remote
from dr_sim.world.replication import Replication
from dr_sim.world.secondary import Break, Secondary
from dr_sim.world.seeding import seed
from dr_sim.world.succession import Heir
from dr_sim.world.users import Users
from dr_sim.world.waves import WaveLane
from dr_sim.world.workload import Workload


class World:
    """Build it, `run()` it, read its `journal`."""

    def __init__(
        self,
        scenario: Scenario,
        block_words: int = BLOCK_WORDS,
        express: bool = True,
        sides: Sides | None = None,
        store: Store | None = None,
        heirs: Mapping[str, Heir] | None = None,
    ) -> None:
        """express: quiet logs take the lanes (world/express.py, world/waves.py) and go together
        (world/pruning.py), unless the scenario asks for steps; the records are the same without it.
        sides: the engines of both sides (default: models in memory). store: the recovery manager's
        (default: in memory). heirs: the databases that an earlier leg leaves, by name
        (world/succession.py); the others are created.
        """
        heirs = heirs or {}
        express = express and not scenario.steps
        sides = sides or model_sides(scenario.replay.validate_hash, scenario.engine.imitates)
        journal = Journal()
        agenda = Agenda()
        names = [d.name for d in scenario.databases]
        workloads = [_workload(d, scenario, heirs.get(d.name)) for d in scenario.databases]
        acks = [w.ack_instant for w in workloads]
        folders = folders_of(scenario)
        self.context = context = Context(
            scenario=scenario,
            agenda=agenda,
            journal=journal,
            streams=Streams(scenario.seed, scenario.replication_no, block_words, scenario.leg_no),
            witness=Witness(
                names,
                _emitter(journal),
                lambda db, fork, n: acks[db](n),
                scenario.replay.validate_hash,
            ),
            primary_files=sides.primary_files,
            secondary_files=sides.secondary_files,
            primary_engine=sides.primary,
            secondary_engine=sides.secondary,
            workloads=workloads,
            clock=Clock(journal, scenario.engine.timing == "measured"),
            by_name=[{} for _ in names],
            primary_shares=[folder.primary_share for folder in folders],
            secondary_shares=[folder.secondary_share for folder in folders],
        )
        self.journal = journal
        self._index = {name: i for i, name in enumerate(names)}
        self._happenings = Happenings(self)
        self.mistakes: dict[str, int] = {}  # of each database the last, when by the primary's clock
        self.effects: list[Effect] = []  # what was to last
        self.on_offer: list[Callable[[BackupFile], bool]] = []
        self.on_landing: list[Callable[[BackupFile], None]] = []
        self.link = Link(context, scenario.link)
        self.primary = Primary(context, self._offer)
        self.secondary = Secondary(
            context, lambda database, name: self.hands.attempts_in_store(database, name)
        )
        self.replication = Replication(context, self.link, self._land, self.secondary.share)
        self.users = Users(context)
        remote = Remote(context, self.link, self.primary, self.replication)
        fork = max((heir.lineage.fork for heir in heirs.values()), default=1)
        reach = self.secondary.reach = Reach(context, self.primary, remote, self.link)
        self.promotion = promotion = Promotion(
            context, self.primary, remote, self.users, reach, fork + 1
        )
        self._heirs = heirs
        self.driver: Driver[Machine] = Driver(
            place_of(context),
            builder(scenario),
            store or MemoryStore(),
            scenario.manager_restart_us,
        )
        self.heartbeats = Heartbeats(context, self.link, self._silent, self._heard)
        self.directory = Directory(context, self.link, self.primary)
        self.cloud: CloudWorld | None = None
        # there is one world for each leg: the cloud manager lives in the first one's, to its end
        if scenario.cloud is not None and scenario.leg_no == 1:
            self.cloud = CloudWorld(context, self.link, self.primary)
        around = Surroundings(
            self.secondary, remote, promotion, self.heartbeats, self.directory, self.cloud
        )
        self.hands = Hands(context, self.driver, around)
        self.primary.error_hook = self._primary_error
        self.primary.log_space.fallen = self._fallen
        self.outside = Outside(context, self.primary, self.secondary, self.hands.people)
        self.primary.stepped_hook = self.outside.stir
        self.driver.hooks.on_death.append(self.outside.turn)
        self.primary.finished_hook = self.secondary.full_hook = self.outside.turn
        self.express: ExpressLane | None = None
        self.waves: WaveLane | None = None
        if isinstance(sides.primary, ModelEngine):  # on real files nothing is taken as done
            self._open_lanes(promotion, express and scenario.replay.validate_hash)
        if express:
            self.hands.prune_together(Pruning(context, self.primary, self.secondary))

    def _open_lanes(self, promotion: Promotion, used: bool) -> None:
        self.express = ExpressLane(
            self.context,
            self.primary,
            self.link,
            self.replication,
            self.secondary,
            self.driver,
            promotion,
            self.on_offer,
        )
        self.waves = WaveLane(self.express)
        self.primary.express = self._take if used else None

    def _take(self, db: PrimaryDatabase) -> int:
        """By the lanes, if one takes it: -1 if not."""
        assert self.express is not None and self.waves is not None
        last_us = self.waves.take(db)
        return last_us if last_us >= 0 else self.express.take(db)

    # ---- the run
    def run(self, progress: Callable[[float], None] | None = None) -> Journal:
        """From instant 0 to the scenario's end. progress is told the part that is done, 0 to 1, now
        and then.
        """
        scenario, agenda = self.context.scenario, self.context.agenda
        engine = self.context.primary_engine
        self.context.note("truth.engine", -1, engine.name, engine.version)
        seed(self.context, self.primary.databases, self.secondary, self._heirs)
        if scenario.secondary_from_us:
            self._alone()
            agenda.at(scenario.secondary_from_us, Class.HOUSEKEEPING, -1, self._no_longer_alone)
        else:
            self._protect()
        self._happenings.start()
        self.directory.start()
        if self.cloud is not None:
            self.cloud.start()
        Recordings(self.context, self.link, self.secondary).start()
        self._daily(DAY_US)
        steps = 100 if progress is not None else 1
        for step in range(1, steps + 1):
            agenda.run_until(scenario.run_for_us * step // steps)
            if progress is not None:
                progress(step / steps)
        self._end()
        return self.journal

    def _alone(self) -> None:
        """There is no other side yet: nobody watches, and nothing is backed up or sent."""
        self.driver.down += 1
        self.replication.stop()
        for db in self.primary.databases:
            self.primary.log_space.changed(db)

    def _no_longer_alone(self) -> None:
        self.driver.down -= 1
        self.replication.resume()
        self._protect()

    def _protect(self) -> None:
        """Backups by their schedules, and who watches over them."""
        now = self.context.now_us
        self.primary.start()
        # a new recovery network is established: nothing waits for the schedule's next full
        if self.context.scenario.leg_no > 1:
            for db in self.primary.databases:
                if not db.spec.seeded:
                    self.context.agenda.at(now, Class.JOB, db.index, self._seed_anew, db)
        self.context.agenda.at(now, Class.ANSWER, -1, self.driver.start)
        if self.context.scenario.monitor.enabled:
            self.outside.start()

    def _seed_anew(self, db: PrimaryDatabase) -> None:
        if not db.failed and db.writes_until_us is None:
            self.primary.begin(db, Kind.FULL)

    def _daily(self, at_us: int) -> None:
        self.context.agenda.at(at_us, Class.HOUSEKEEPING, -1, self._prune, at_us)

    def _prune(self, at_us: int) -> None:
        self._daily(at_us + DAY_US)
        self.journal.pack()
        for db in self.primary.databases:
            if db.failed in ("host", "site"):
                continue  # who would delete there is dead
            files = due_at_primary(self.context, db, self.replication)
            if self.hands.pruning is not None:
                self.hands.pruning.at_primary(files)
                continue
            for file in files:
                self.primary.delete(file, RETENTION)

    def _end(self) -> None:
        context = self.context
        if self.cloud is not None:
            self.cloud.end()
        for db in self.primary.databases:
            t = context.now_us if db.writes_until_us is None else db.writes_until_us
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
        self.journal.pack()

    # ---- for events and faults
    def later(self, delay_us: int, do: Callable[[], None]) -> None:
        self.context.agenda.at(self.context.now_us + delay_us, Class.FAULT, -1, do)

    def has(self, database: str) -> bool:
        """Is that database a part of the service now?"""
        return database in self._index

    def index_of(self, database: str) -> int:
        return self._index[database]

    def files_at(self, where: str, database: int) -> list[BackupFile]:
        """What lies at 'primary' or 'secondary', oldest first."""
        files = sorted(self.context.by_name[database].values(), key=lambda f: f.number)
        return [f for f in files if (f.at_secondary if where == "secondary" else f.at_primary)]

    def _offer(self, file: BackupFile) -> None:
        for take in list(self.on_offer):
            if take(file):
                return
        self.replication.offer(file)

    def _land(self, file: BackupFile, data: bytes) -> None:
        self.secondary.land(file, data)
        for take in list(self.on_landing):
            take(file)

    def lose_primary(
        self, what: str, hit: list[PrimaryDatabase], machines: Sequence[str] = ()
    ) -> None:
        """The failure itself: from this instant nothing is acknowledged there.

        machines: those that die. They fall silent, whether or not a database lives on them."""
        if what == "site" and self.primary.share_up:
            self._happenings.site_lost()
        # whatever of it was lost before, now the rest goes too
        if what == "site" and self.primary.share_up:
            self.primary.share_up = False
            self.link.down()
            self.replication.hold()
            if self.cloud is not None:
                self.cloud.site_lost(SITES[0])
        for db in hit:
            if db.failed:
                db.failed = max(db.failed, what, key=("database", "host", "site").index)
        hit = [db for db in hit if not db.failed]
        self._idle_machines_down(machines)
        if hit:
            self._databases_down(what, hit)
        for machine in (*(db.spec.machine for db in hit), *machines):
            self.heartbeats.machine_down(machine)

    def _idle_machines_down(self, machines: Sequence[str]) -> None:
        """Record the dead machines that no database lives on: no other record tells of them."""
        used = {db.spec.machine for db in self.primary.databases}
        for machine in machines:
            if machine not in used and not self.heartbeats.is_down(machine):
                self.context.note("truth.machine_lost", -1, machine)

    def _databases_down(self, what: str, hit: list[PrimaryDatabase]) -> None:
        context = self.context
        everything = all(db.failed or db in hit for db in self.primary.databases)
        for entity in [-1] if everything else [db.index for db in hit]:
            context.note("truth.failed", entity, what)
        for db in hit:
            self.primary.fail(db, what)
            self.users.lost(db.index)

    def _fallen(self, db: PrimaryDatabase, down: bool) -> None:
        """The server of a database falls: nobody is served, and its machine's beats stop. Or it is
        up again.
        """
        self.context.note("truth.down", db.index, int(down))
        self.primary.fallen(db, down)
        if down:
            self.users.lost(db.index)
            self.heartbeats.server_down(db.spec.machine)
        else:
            self.users.back(db.index)
            self.heartbeats.server_up(db.spec.machine)

    def _primary_error(self, db: PrimaryDatabase, what: str, number: int, text: str) -> None:
        self.hands.other_side.primary_error(db.spec.name, what, number, text)

    def wipe_secondary(self, database: int, why: str) -> None:
        """The secondary's copy of a database and all its files there are gone: its host is lost, or
        its disks are.
        """
        for file in self.files_at("secondary", database):
            self.secondary.delete(file, why)
        self.break_standby(database, Break.DROPPED, why)

    def break_standby(self, database: int, how: Break, why: str) -> None:
        """The secondary's copy of a database is of no use any more; the files in the landing share
        stay.
        """
        if self.users.redirected or self.hands.is_promoted(database):
            return  # it is no copy any more
        self.secondary.break_copy(database, how, why)

    def commit_mistake(self, database: str, what: str) -> None:
        """A wrong change is the first commit that is acknowledged from now on."""
        context, index = self.context, self._index[database]
        context.note("truth.mistake", index, context.workloads[index].commits(context.now_us), what)
        self.mistakes[database] = context.primary_utc_us()  # as its log says

    def order_failover_to_point(
        self, operator: str, target: str | None, stop_before_utc_us: int | None
    ) -> None:
        """stop_before_utc_us None: before the last mistake, where there was one."""
        context = self.context
        if stop_before_utc_us is None:
            at = [utc for name, utc in self.mistakes.items() if target in (None, name)]
            if not at:
                return  # there is nothing to stop before
            stop_before_utc_us = max(at)
        stop_us = context.first_stamped_us(stop_before_utc_us)
        for name, index in self._index.items():
            if target in (None, name) and operator in context.scenario.failover.operators:
                commits = context.workloads[index].commits(stop_us)
                context.note("truth.stop_ordered", index, operator, commits, stop_us)
                context.witness.stop_ordered(index, commits)
        self.hands.people.order_failover_to_point(operator, target or "", stop_before_utc_us)

    def _silent(self, machine: str, last_seen_us: int) -> None:
        self.driver.tell_new(HeartbeatLost, machine, last_seen_us)

    def _heard(self, machine: str) -> None:
        self.driver.tell_new(HeartbeatBack, machine)


def _workload(database: DatabaseSpec, scenario: Scenario, heir: Heir | None) -> Workload:
    if heir is None:
        return Workload(database, scenario)
    return Workload(database, scenario, heir.lineage.commits, heir.lineage.lsn - FIRST_LSN)


def _emitter(journal: Journal) -> Callable[[str, int, int, tuple[Any, ...]], None]:
    """What writes the witness's records into the journal."""
    survivable, append, texts = KIND_ID["truth.survivable"], journal.append, journal.texts

    def emit(kind_name: str, time_us: int, database: int, values: tuple[Any, ...]) -> None:
        if kind_name == "truth.survivable":
            cls, fork, commits, lacking_us = values
            append(survivable, time_us, database, texts[cls], fork, commits, lacking_us)
        else:
            journal.note(kind_name, time_us, database, *values)

    return emit
