"""Pages that rot at the primary, what notices them, and the orders that people give.

Theory of operation. A disk changes pages of a database behind the engine's back. Nobody sees it
until something reads them: a query, a check, or a backup that verifies the checksums of pages. A
full that does not verify holds the pages as they are, with the right hash. Logs hold changes and no
pages, so a copy that logs feed stays sound.

Then people look at each full and at each copy, and decide. They tell the recovery manager of each
place which fulls hold such pages, and whether its copy does. Then they try the ways back that the
scenario names, in order: to fail over, as planned, to a copy that is sound; to restore the service
from a sound full and the logs, up to the end; to restore the database beside the service, and to
copy sound pages back. If a place refuses, the next one is tried. Each full that the primary takes
from then on is looked at as well, until its pages are sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dr_sim.engines.model import ModelEngine
from dr_sim.recovery.events import (
    BesideOrdered,
    PagesRot,
    PagesSound,
    PrimaryTrouble,
)
from dr_sim.scenario.model import BackupCost
from dr_sim.scenario.rot import RotWay
from dr_sim.world.hands.beside import CopyingBack, StopBeside
from dr_sim.world.hands.people import OrderedFailover
from dr_sim.world.primary import backup_mishaps

if TYPE_CHECKING:
    from dr_sim.world.kernel.context import Context
    from dr_sim.world.primary.backup_file import BackupFile
    from dr_sim.world.primary.primary_database import Job, PrimaryDatabase
    from dr_sim.world.roles.pair import Pair


@dataclass(frozen=True, slots=True)
class RotSpec:
    """Pages that rot. page: the first of them. backups_verify: a full reads their checksums, and
    fails.
    """

    database: str
    damaged_bytes: int
    page: int
    backups_verify: bool


@dataclass(frozen=True, slots=True)
class ReplyToRot:
    """The reply to rotten pages. ways: tried one after the other. place: where; '': at each place
    that has such a way. cost: of copying sound pages back.
    """

    ways: Sequence[RotWay]
    decided_us: int
    place: str
    cost: BackupCost


@dataclass(frozen=True, slots=True)
class _Tries:
    """The ways back that have not been tried yet, each with its place."""

    left: list[tuple[RotWay, Pair]]


class RottenPages:
    """The rotten pages of one database at one primary. lead: the first of the pairs of that
    primary.
    """

    def __init__(
        self, lead: Pair, spec: RotSpec, reply: ReplyToRot
    ) -> None:
        self._lead = lead
        self._spec = spec
        self._reply = reply
        self._index = lead.index_of(spec.database)
        self._fulls: list[BackupFile] = []
        self._noticed = self._known = False
        lead.shared.note("truth.rot", self._index, spec.damaged_bytes)
        self._engine.rot(spec.database)
        self._db.rot = self

    @property
    def _db(self) -> PrimaryDatabase:
        return self._lead.primary.databases[self._index]

    @property
    def _engine(self) -> ModelEngine:
        engine = self._lead.shared.primary_engine
        assert isinstance(engine, ModelEngine)
        return engine

    @property
    def _is_on(self) -> bool:
        """Return whether the database with these pages serves as the primary."""
        db = self._db
        serves = not db.failed and db.writes_until_us is None
        return db.rot is self and serves and self._lead.is_on()

    # ---- backups
    def backup_reads(self, job: Job) -> bool:
        """Return whether a full has failed over these pages, as it verifies checksums."""
        if not self._spec.backups_verify or job.order.elsewhere:
            return False
        error = self._engine.rot_found(
            self._spec.database, self._spec.page, job.path
        )
        backup_mishaps.fails(self._lead.primary, job, error)
        self._notice("a backup")
        return True

    def full_made(self, file: BackupFile, context: Context) -> None:
        """Note a full that holds these pages. context: in which it is recorded."""
        context.note("truth.backup_rotten", self._index, file.number)
        self._fulls.append(file)
        if self._known:
            self._say(False)

    # ---- somebody notices
    def read_by(self, what: str) -> None:
        """Let a query or a check read these pages."""
        if not self._noticed and self._is_on:
            error = self._engine.rot_found(
                self._spec.database, self._spec.page
            )
            self._lead.primary.error_hook(
                self._db,
                PrimaryTrouble.PAGES.value,
                error.number,
                error.text,
            )
            self._notice(what)

    def _notice(self, by: str) -> None:
        if self._noticed:
            return
        self._noticed = True
        self._lead.shared.note("truth.rot_noticed", self._index, by)
        self._lead.later(self._reply.decided_us, self._decided)

    def _decided(self) -> None:
        """Say which fulls and copies hold these pages, and try the first way."""
        if not self._is_on:
            return
        self._known = True
        self._say(True)
        self._try(_Tries(list(self._ways())))

    def _say(self, looked_at_copies: bool) -> None:
        """Tell each recovery manager which fulls hold these pages, and whether its copy does. One
        whose site is lost is told when it is back.
        """
        for pair in self._lead.together:
            if not pair.retired:
                say_rot(
                    pair,
                    self._spec.database,
                    [file.name for file in self._fulls],
                    looked_at_copies and holds_rot(pair, self._index),
                )
        for file in self._fulls:
            file.set_aside = True

    # ---- the ways back
    def _ways(self) -> Iterator[tuple[RotWay, Pair]]:
        """Yield each way at each place where it may lead back."""
        pairs = [
            pair
            for pair in self._lead.together
            if self._reply.place in ("", pair.roles.secondary)
        ]
        standbys = [p for p in pairs if p.context.scenario.store is None]
        stores = [p for p in pairs if p not in standbys]
        for way in self._reply.ways:
            at_stores = [] if way is RotWay.FAILOVER else stores
            for pair in (*at_stores, *standbys):
                yield way, pair

    def _try(self, tries: _Tries) -> None:
        """Order the next of these ways. After the last one a primary that was stopped for one of
        them serves again, with its rotten pages.
        """
        left = tries.left
        while left and not self._leads_back(*left[0]):
            del left[0]
        lead = self._lead
        if not left or not lead.is_on() or self._db.rot is not self:
            lead.unfencing.by_people()
            return
        way, pair = left[0]
        if way is RotWay.RESTORE_PAGES and pair.hands.beside.is_on(
            self._index
        ):
            retry_us = pair.context.scenario.replay.retry_us
            lead.later(retry_us, partial(self._try, tries))
            return
        del left[0]
        if not pair.context.scenario.failover.approves:
            return
        next_one = partial(self._try, tries)
        if way is RotWay.RESTORE_PAGES:
            self._order_pages(pair, tries, next_one)
        else:
            self._order_failover(pair, way is RotWay.FAILOVER, next_one)

    def _leads_back(self, way: RotWay, pair: Pair) -> bool:
        """Return whether people would try that way there: nobody fails over to a copy that holds
        these pages.
        """
        if not pair.stands_by:
            return False
        return way is not RotWay.FAILOVER or not holds_rot(
            pair, self._index
        )

    def _order_failover(
        self, pair: Pair, planned: bool, next_one: Callable[[], None]
    ) -> None:
        people = pair.hands.people
        operator = pair.context.scenario.failover.on_duty
        people.if_refused(next_one)
        people.order_failover_and(
            OrderedFailover(operator, planned, next_one)
        )

    def _order_pages(
        self, pair: Pair, tries: _Tries, next_one: Callable[[], None]
    ) -> None:
        """Order a restore beside the service, up to now. next_one: called if it is refused, or
        given up.
        """
        context, hands = self._lead.shared, pair.hands
        utc_us = context.primary_utc_us()
        at_us = context.first_stamped_us(utc_us)
        commits = context.workloads[self._index].commits(at_us)
        copy = CopyingBack(
            [StopBeside(utc_us, commits)],
            self._spec.damaged_bytes,
            self._reply.cost,
            next_one,
            lambda: any(other.stands_by for _, other in tries.left),
            self._pages_restored,
        )
        hands.beside.expect(self._index, copy)
        hands.people.if_refused(next_one)
        hands.people.order(
            BesideOrdered,
            pair.context.scenario.failover.on_duty,
            self._spec.database,
            utc_us,
        )

    def _pages_restored(self) -> None:
        """Note that sound pages are in the place of the rotten ones."""
        if self._db.rot is not self:
            return
        self._engine.restore_pages(self._spec.database)
        self._db.rot = None
        self._lead.shared.note(
            "truth.pages_restored", self._index, self._spec.damaged_bytes
        )
        for pair in self._lead.together:
            pair.hands.people.tell(PagesSound, self._spec.database)


def holds_rot(pair: Pair, index: int) -> bool:
    """Return whether the copy there holds pages that have rotted, as people find when they look."""
    return pair.context.witness.holds_rot(index)


def say_rot(
    pair: Pair, database: str, fulls: Sequence[str], copy: bool
) -> None:
    """Tell the recovery manager of a place which fulls hold rotten pages."""
    index = pair.index_of(database)
    pair.context.witness.rot_is_known(index)
    pair.context.note("truth.rot_known", index, len(fulls), int(copy))
    pair.hands.people.tell(PagesRot, database, tuple(fulls), copy)


def say_what_is_known(pair: Pair) -> None:
    """Tell the manager of a place that has changed roles which of the fulls that it continues with
    hold rotten pages, where people know.
    """
    for spec in pair.context.scenario.databases:
        if not pair.has(spec.name):
            continue
        files = pair.context.by_name[pair.index_of(spec.name)].values()
        known = [file.name for file in files if file.set_aside]
        if known:
            say_rot(pair, spec.name, sorted(known), False)
