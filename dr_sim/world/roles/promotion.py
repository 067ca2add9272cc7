"""The change from one primary to the next: fencing, bringing databases online, the loss, two
primaries at once.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.engines.port import EngineError
from dr_sim.oracle.witnessed import Lineage
from dr_sim.units import HOUR_US, SECOND_US
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.link.remote import Remote
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.primary import Primary
from dr_sim.world.roles.reach import Reach
from dr_sim.world.secondary.secondary_work import StopAt
from dr_sim.world.users import Users

Online = tuple[int, str, int, int]
"""(0, '', fork, the LSN at which it begins), or (error number, text, 0, 0)."""


class Promotion:
    """A promotion. fork: the one on which it brings databases online; the primary is on the one
    before.
    """

    def __init__(
        self,
        context: Context,
        primary: Primary,
        remote: Remote,
        users: Users,
        reach: Reach,
        fork: int,
    ) -> None:
        self._context = context
        self._primary = primary
        self._remote = remote
        self._users = users
        # up to where each database's restored state reaches
        self._cut_us = [context.now_us] * len(context.scenario.databases)
        self._promoted: dict[
            int, tuple[int, int]
        ] = {}  # database -> commits it holds, cut
        self.online_us: dict[
            int, int
        ] = {}  # database -> when it was brought online
        # database -> its origin as the next primary
        self.lineages: dict[int, Lineage] = {}
        # database -> users' bytes and commits that the old primary has and this one does not
        self.lost: dict[int, tuple[int, int]] = {}
        self._two_primaries = False
        self.reach = reach
        self._fork = fork
        self.fenced = (
            False  # the primary got the order to stop, and has stopped
        )
        self._stopped_before = (
            False  # another copy had fenced the primary before
        )
        # called when a database has been brought online
        self.online_hook: Callable[[], None] = lambda: None
        # called when users have been sent over
        self.redirected_hook: Callable[[], None] = lambda: None
        self.confirmed = (
            False  # an answer has said that the primary is stopped
        )
        self.confirmed_hook: Callable[[], None] = lambda: None
        # until then an order to stop is on its way, or carried out
        self.fence_due_us = 0
        # is a database back after a failure, and takes no writes yet?
        self.is_closed: Callable[[int], bool] = lambda database: False
        # called when a fence has arrived, and the primary has stopped
        self.fenced_hook: Callable[[], None] = lambda: None

    def restored(
        self, file: BackupFile, stop: StopAt | None = None
    ) -> None:
        self._cut_us[file.database] = max(
            0, file.ends_us if stop is None else stop.at_us
        )

    def holds_until_us(self, database: int) -> int:
        """Return the instant up to which the database's copy holds what was written."""
        return self._cut_us[database]

    def begins_behind(self, database: int, cut_us: int) -> None:
        """Note that the copy holds what was written up to that instant only."""
        self._cut_us[database] = cut_us

    # ---- fence
    def fence(self, planned: bool) -> tuple[int, str]:
        """Fence the old primary. Return (how long until the answer, '' or why it failed). A fence
        that arrives works even if its answer does not.
        """
        spec = self._context.scenario.failover
        takes_us = spec.fence_us + self._remote.round_trip_us
        alive = [db for db in self._primary.databases if not db.failed]
        self._note_stopped_before()
        if self._remote.order_arrives() and any(
            db.failed != "host" for db in self._primary.databases
        ):
            arrived_us = (
                self._context.now_us + self._remote.round_trip_us // 2
            )
            self.fence_due_us = arrived_us + spec.fence_us
            self._context.agenda.at(
                self.fence_due_us,
                Class.FAULT,
                -1,
                self._fenced,
                planned,
            )
            if self._remote.path_up():
                self._confirm_after(takes_us)
                return takes_us, ""
            return spec.fence_timeout_us, "no answer"
        if not alive and self._primary.share_up and self._remote.path_up():
            self._confirm_after(takes_us)
            return (
                takes_us,
                "",
            )  # the machines are dead and their power switch says so
        return spec.fence_timeout_us, "unreachable"

    def _note_stopped_before(self) -> None:
        """Note since when the primary takes no writes, if another copy has fenced it before."""
        stopped = [
            db.writes_until_us
            for db in self._primary.databases
            if not db.failed
            and db.writes_until_us is not None
            and not self.is_closed(db.index)
        ]
        if stopped and not self.fenced and not self._stopped_before:
            self._stopped_before = True
            self._context.note("truth.stopped_before", -1, min(stopped))

    def _confirm_after(self, takes_us: int) -> None:
        at_us = self._context.now_us + takes_us
        self._context.agenda.at(
            at_us, Class.HOUSEKEEPING, -1, self._confirmed
        )

    def _confirmed(self) -> None:
        self.confirmed = True
        self.confirmed_hook()

    def _fenced(self, planned: bool) -> None:
        stopped = False
        self._primary.quiesced = planned
        for db in self._primary.databases:
            if not db.failed and db.writes_until_us is None:
                stopped = True
                self._primary.stop_writes(db)
                self._users.lost(db.index)
        self.fenced = True
        self._context.note("truth.fenced", -1, int(stopped))
        self._end_two_primaries()
        self.fenced_hook()

    def unfenced(self) -> None:
        """Note that the primary takes writes again."""
        self.fenced = self.confirmed = self._stopped_before = False

    def called_off(self) -> None:
        """Note that a failover was called off: an order to stop before an instant holds no more."""
        context = self._context
        for index in range(len(context.scenario.databases)):
            context.witness.stop_ordered(index, -1)

    # ---- promote
    def is_promoted(self, database: int) -> bool:
        """Return whether a failover has brought the database online here."""
        return database in self._promoted

    def bring_online(self, database: int) -> Online:
        """Have the engine bring the database online."""
        spec, fork = self._primary.databases[database].spec, self._fork
        try:
            return (
                0,
                "",
                fork,
                self._context.secondary_engine.recover(
                    spec.name, fork, spec.size_bytes
                ),
            )
        except EngineError as error:
            return error.number, error.text, 0, 0

    def recover_us(self, database: int) -> int:
        """Return how long it takes to bring a database online: by the law, and to undo the writes
        of open transactions.
        """
        context = self._context
        failover = context.scenario.failover
        name = self._primary.databases[database].spec.name
        draw = context.streams.of(name, "recover", "")
        undo = 0
        if not context.scenario.engine.postgres_rules:
            written = context.workloads[database].undo_bytes(
                self._cut_us[database]
            )
            undo = written * SECOND_US // failover.undo_bytes_s
        return draw.law(context.now_us // HOUR_US, failover.recover) + undo

    def recover(self, database: int, outcome: Online) -> Online:
        """Record that a database has been brought online, or not; return outcome."""
        if outcome[0]:
            return outcome
        context, lsn = self._context, outcome[3]
        db = self._primary.databases[database]
        engine = context.secondary_engine
        now = context.now_us
        reading = engine.read_witness(db.spec.name)
        workload = context.workloads[database]
        stop = now if db.writes_until_us is None else db.writes_until_us
        acknowledged = workload.commits(stop)
        context.witness.promoted(
            now,
            database,
            self._fork,
            reading,
            self.reach.due_class(database),
            acknowledged,
        )
        self.lineages[database] = context.witness.lineage(
            database, self._fork, lsn, reading
        )
        cut = min(self._cut_us[database], stop)
        lacking = min(workload.ack_instant(reading.commits), stop)
        # it holds less than was restored, and said nothing
        if reading.commits < workload.commits(cut):
            cut = lacking
        context.note(
            "truth.promoted",
            database,
            self._fork,
            lsn,
            reading.commits,
            lacking,
            workload.user_bytes(stop) - workload.user_bytes(cut),
            workload.maintenance_bytes(stop)
            - workload.maintenance_bytes(cut),
            acknowledged - reading.commits,
        )
        self._promoted[database] = (acknowledged, stop)
        self.lost[database] = (
            workload.user_bytes(stop) - workload.user_bytes(cut),
            acknowledged - reading.commits,
        )
        self.online_us[database] = now
        self._users.online(database)
        if db.writes_until_us is None and not self._two_primaries:
            self._two_primaries = True
            context.note("truth.two_primaries", -1, 1)
        self.online_hook()
        return outcome

    def redirect(self, done: Callable[[], None]) -> None:
        def arrived() -> None:
            # nobody writes to the old primary any more
            for db in self._primary.databases:
                self._primary.stop_writes(db)
            self._end_two_primaries()
            done()
            self.redirected_hook()

        self._users.redirect(arrived)

    def _end_two_primaries(self) -> None:
        """Discard and count everything that the old primary acknowledged after the promotion."""
        if not self._two_primaries:
            return
        self._two_primaries = False
        context = self._context
        context.note("truth.two_primaries", -1, 0)
        for database in sorted(self._promoted):
            commits, since = self._promoted[database]
            db = self._primary.databases[database]
            until = db.writes_until_us
            if until is None or until <= since:
                continue
            workload = context.workloads[database]
            more = workload.commits(until) - commits
            if more:
                discarded = workload.user_bytes(
                    until
                ) - workload.user_bytes(since)
                last = workload.ack_instant(commits + more - 1)
                maintenance = workload.maintenance_bytes(
                    until
                ) - workload.maintenance_bytes(since)
                context.note(
                    "truth.discarded",
                    database,
                    self._fork - 1,
                    discarded,
                    maintenance,
                    more,
                    last,
                )
                lost_bytes, lost = self.lost[database]
                self.lost[database] = lost_bytes + discarded, lost + more
