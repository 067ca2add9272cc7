"""The secondary's questions to the primary's site over the management path: jobs, files, backups,
the tail.

The path is that of the heartbeats: their own, or the data link. A dead site answers nothing; a dead
host's share still answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.engines.port import EngineError
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.link.link import PairLink
from dr_sim.world.link.replication import Replication
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.covering import Covering
from dr_sim.world.primary.own_backups import OwnBackupsAtPrimary
from dr_sim.world.primary.primary import Primary
from dr_sim.world.primary.primary_database import Order

NOTHING_NEW = "nothing new"
"""Why no tail is taken: everything that was written is in a backup that has landed."""


class Remote:
    def __init__(
        self,
        context: Context,
        link: PairLink,
        primary: Primary,
        replication: Replication,
    ) -> None:
        self._context = context
        self._link = link
        self._primary = primary
        self._replication = replication
        self._tail_asked: dict[
            int, list[Callable[[BackupFile | None], None]]
        ] = {}
        self._tails: dict[int, BackupFile] = {}
        self._covering = [Covering(files) for files in context.by_name]
        # of a store with a schedule of its own: takes its backups
        self.own_backups: OwnBackupsAtPrimary | None = None
        # is that database back, and closed until somebody has answered?
        self.may_open: Callable[[int], bool] = lambda database: False

    def path_up(self) -> bool:
        """Return whether questions get there and answers come back, as far as the network is
        concerned.
        """
        own = self._context.scenario.heartbeat.own_path
        return self._primary.share_up and (
            own or (self._link.forward_up and self._link.back_up)
        )

    @property
    def round_trip_us(self) -> int:
        """Return how much longer a question and its answer take than the usual round trip."""
        return (
            self._link.distance_us
            if self._context.scenario.heartbeat.own_path
            else self._link.wait_us
        )

    def takes_writes(self, database: int) -> bool:
        """Return whether a database is reached over the data link from here, and takes writes."""
        db, link = self._primary.databases[database], self._link
        open_ = not db.failed and db.writes_until_us is None
        return open_ and link.forward_up and link.back_up

    def writes_more(self, database: int) -> None:
        """Note that more is going to be written to a database than was known."""
        self._primary.log_space.burst(self._primary.databases[database])

    def order_arrives(self) -> bool:
        """Return whether an order gets there; its answer may still be lost."""
        return self._primary.share_up and (
            self._context.scenario.heartbeat.own_path or self._link.back_up
        )

    def ask_primary(
        self, database: int, fork: int, lsn: int
    ) -> tuple[bool, str, bool, bool, str, int]:
        """Return (reachable, covering name, copying, remakeable, why jobs are paused, the time on
        the clock there).
        """
        db = self._primary.databases[database]
        if not self.path_up() or db.failed:
            return False, "", False, False, "", 0
        covering = self._covering[database].look(fork, lsn)
        copying = covering is not None and self._replication.on_its_way(
            covering
        )
        engine, of_log = (
            self._context.primary_engine,
            (db.spec.name, self._chain),
        )
        remakeable = (
            not (db.simple or db.log_broken)
            and engine.log_has_begun(*of_log)
            and engine.log_starts_at(*of_log) <= lsn
        )
        return (
            True,
            covering.name if covering else "",
            copying,
            remakeable,
            db.paused[-1] if db.paused else "",
            self._context.primary_utc_us(),
        )

    def recopy(self, file: BackupFile | None) -> str:
        """Send the file again; return why not."""
        if not self.path_up():
            return "unreachable"
        if file is None or not self._replication.at_source(file):
            return "missing"
        if not self._replication.on_its_way(file):
            self._replication.offer(file)
        return ""

    def take_backup(
        self,
        database: int,
        kind: Kind,
        answer: Callable[[BackupFile | None], None],
    ) -> str:
        if not self.path_up():
            return "unreachable"
        db = self._primary.databases[database]
        own = self._own(kind)
        if own is not None:
            return own.take(db, kind, answer)
        return self._primary.backups.begin(db, kind, answer)

    def _own(self, kind: Kind) -> OwnBackupsAtPrimary | None:
        """Return what takes backups of that kind for this place alone; None: it gets those of the
        databases' schedules.
        """
        own = self.own_backups
        return own if own is not None and own.makes(kind) else None

    @property
    def _chain(self) -> str:
        """Return the chain whose logs come here."""
        own = self._own(Kind.LOG)
        return "" if own is None else own.chain

    def ask_share(self, database: int) -> tuple[bool, list[BackupFile]]:
        if not self.path_up():
            return False, []
        waiting = self._replication.waiting(database)
        # a full that was cut off is not finished
        return True, [
            file for file in waiting if file.whole or file.kind is Kind.LOG
        ]

    def list_share(
        self, database: int
    ) -> tuple[bool, dict[str, BackupHeader]]:
        """Return the headers of the whole backups in the primary's share, oldest first, read out of
        their bytes.
        """
        if not self.path_up():
            return False, {}
        context, found = self._context, {}
        for file in sorted(
            context.by_name[database].values(), key=lambda f: f.number
        ):
            if not file.at_primary or not file.whole:
                continue
            with suppress(
                EngineError
            ):  # a header that is damaged is left out
                found[file.name] = context.primary_engine.read_header(
                    context.at_primary(file)
                )
        return True, found

    def fetch(self, database: int, names: Sequence[str]) -> dict[str, str]:
        """Send these files first and in that order; return why not, by name."""
        if not self.path_up():
            return dict.fromkeys(names, "unreachable")
        by_name = self._context.by_name[database]
        files = [
            file
            for name in names
            if (file := by_name.get(name)) is not None and file.at_primary
        ]
        self._replication.prefer(database, files)
        there = {file.name for file in files}
        return {name: "missing" for name in names if name not in there}

    def take_tail(
        self, database: int, answer: Callable[[BackupFile | None], None]
    ) -> str:
        """Take the tail-log backup; return why not. It needs the log's files: there is none after a
        host or a site is lost.

        If it is asked for again (after a crash, or by a failover that waits), it is the same tail:
        there is only one.
        """
        db = self._primary.databases[database]
        if not self.path_up():
            return "unreachable"
        if db.failed in ("host", "site"):
            return f"{db.failed} lost: the log cannot be read"
        if db.writes_until_us is None:
            return "not fenced: it still takes writes"
        if self.may_open(database):
            return "not fenced: it is back, and may take writes again"
        if db.spec.log.kind == "none":
            return "takes no log backups"
        if database in self._tails:
            self._context.agenda.at(
                self._context.now_us,
                Class.ANSWER,
                database,
                answer,
                self._tails[database],
            )
            return ""
        if database in self._tail_asked:
            self._tail_asked[database].append(answer)
            return ""
        _, lsn = self._primary.written(db)
        if lsn <= self._primary.log_space.log_from(
            db, self._chain
        ) and not db.crosses_fork(self._chain):
            on_way = [
                f
                for f in self._replication.waiting(database)
                if f.kind is Kind.LOG and f.whole
            ]
            if not on_way:
                return NOTHING_NEW
            # an ordinary log backup that finished after the share was listed holds the end of the
            # log
            self._context.agenda.at(
                self._context.now_us,
                Class.ANSWER,
                database,
                answer,
                on_way[-1],
            )
            return ""
        self._tail_asked[database] = [answer]
        order = Order(
            Kind.LOG,
            lambda file: self._tail_done(database, file),
            tail=True,
        )
        own = self._own(Kind.LOG)
        if own is not None:
            order.only_for = own.only_for
        reason = self._primary.backups.begin_order(db, order)
        if reason:
            del self._tail_asked[database]
        return reason

    def has_tail(self, database: int) -> bool:
        """Return whether the database's tail has been taken: it has stopped where that ends."""
        return database in self._tails

    def forget_tails(self) -> None:
        """Note that the primary takes writes again: its next tail is another one."""
        self._tails.clear()

    def _tail_done(self, database: int, file: BackupFile | None) -> None:
        if file is not None:
            self._tails[database] = file
        for answer in self._tail_asked.pop(database):
            answer(file)
