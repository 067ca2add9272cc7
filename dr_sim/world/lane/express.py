"""The express lane: the whole lives of quiet logs, one after the other, in one step.

When a log is cut and nothing else can happen until it would be restored, its instants follow at
once: finished, landed, hashed, restored, each by the arithmetic of a flow that is alone
(sharing.py). Then no event, command, flow or agenda entry is needed. The lane writes the same rows
as the ordinary steps, in their order, and leaves every part of the world and the recovery manager
in the same state. It continues with the next log (together they are a *stretch*) until something
else is on the agenda. Any other log takes the ordinary steps: the lane changes nothing for a log
that it does not take. A run with the lane and one without have the same digest; tests check that.

Only the database's alarm 'window' may come between. It goes off with about every third log, and
while logs land it only sets itself again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import repeat
from operator import sub

from dr_sim.backups.model import Kind, RestoreState
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.shipping import fits
from dr_sim.machines import Machine
from dr_sim.recovery.replay.absorb import window_alarm_goes_to_us
from dr_sim.recovery.replay.replay import DatabaseReplay
from dr_sim.scenario.schedule import next_start
from dr_sim.stores import MemoryStore
from dr_sim.world.driver import Driver
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.sharing import MICRO
from dr_sim.world.kernel.volume import NO_LIMIT_BYTES
from dr_sim.world.lane.quiet_logs import Left, Lives, QuietLogs
from dr_sim.world.lane.quiet_rows import POINTS, QuietRows, Ring, in_turn
from dr_sim.world.lane.spot_check import SpotCheck, Written
from dr_sim.world.link.link import PairLink
from dr_sim.world.link.replication import Replication
from dr_sim.world.own_logic import absorbing
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.primary import Primary
from dr_sim.world.primary.primary_database import FIRST_LSN, PrimaryDatabase
from dr_sim.world.primary.transfer_state import TransferState
from dr_sim.world.roles.promotion import Promotion
from dr_sim.world.secondary.secondary import Secondary

_LOG = Kind.LOG
_SENDING, _LANDED = (
    TransferState.SENDING.value,
    TransferState.LANDED.value,
)
_POINT = tuple(
    map(
        POINTS.index,
        ("at_cut", "at_finish", "at_landing", "at_hash", "at_restore"),
    )
)
"""The place of an alarm's rows, by how many of these have passed: the cut, the end of the backup,
the landing, the hash.
"""


@dataclass(slots=True)
class _Stretch:
    """Quiet logs of one database: the values that are the same for all of them, and when the alarm
    'window' goes off next.
    """

    db: PrimaryDatabase
    replay: DatabaseReplay
    fixed_us: int  # of a log backup, before its bytes
    rates: tuple[
        int, int, int, int
    ]  # of backup, transfer, hash and restore
    copy_rate: int  # 0: it takes no time
    ahead: tuple[
        int, int
    ]  # instant and priority of the next entry on the agenda
    priority: int  # of the end of a restore
    alarm_us: int
    state: RestoreState  # of the copy at the secondary


@dataclass(frozen=True, slots=True)
class LaneParts:
    """The parts of a pair that a log passes on its way. on_offer: what else takes a new file."""

    primary: Primary
    link: PairLink
    replication: Replication
    secondary: Secondary
    driver: Driver[Machine]
    promotion: Promotion
    on_offer: list[Callable[[BackupFile], bool]]


class ExpressLane:
    """The express lane. taken: the number of logs that took it."""

    def __init__(self, context: Context, parts: LaneParts) -> None:
        assert isinstance(
            context.primary_engine, ModelEngine
        ) and isinstance(context.secondary_engine, ModelEngine)
        self._at, self._to = (
            context.primary_engine,
            context.secondary_engine,
        )
        self.context = context
        self._witness = context.witness
        self._journal, self._texts = context.journal, context.journal.texts
        self._start_utc_us = context.scenario.start_utc_us
        self.primary = parts.primary
        self.link = parts.link
        self.replication = parts.replication
        self.secondary = parts.secondary
        self.driver = parts.driver
        self._on_offer = parts.on_offer
        self.rows = QuietRows(context.journal, self._at.carries_base)
        self.spot = SpotCheck(context, parts.driver, self.rows)
        self.taken = 0
        # called when a log of that database, which is quiet, is about to take a lane
        self.quiet_hook: Callable[[int], None] = lambda database: None
        self.logs = QuietLogs(
            context,
            parts.primary,
            parts.secondary,
            parts.driver,
            parts.promotion,
        )

    def take(self, db: PrimaryDatabase) -> int:
        """Play the log of that database that is due, and the next ones, as long as nothing can come
        between. Return the instant at which the last of them was cut; -1 if not even the first took
        the lane.
        """
        stretch = self._begin(db)
        if stretch is None:
            return -1
        lives = self._lives(stretch, self.context.agenda._now)
        if lives is None or not self.spot.usual(
            db, lives.lsn[0] - stretch.state.redo_lsn, lives.cut[0]
        ):
            return -1
        spots = self.spot.choose(db, len(lives.cut), list(lives.rings))
        left = self.logs.leave(db, lives)
        sizes = map(sub, lives.lsn, (left.first.first_lsn, *lives.lsn))
        numbers = left.numbers
        self.replication.sent(
            [db.index] * len(numbers), numbers, list(sizes)
        )
        self._show(stretch, lives, left)
        if spots is not None:
            self.spot.look(
                spots,
                lives,
                left,
                Written(
                    -len(lives.cut), -len(lives.rings), len(lives.rings)
                ),
            )
        self.taken += len(left.names)
        self.logs.go_on(db, left, stretch.alarm_us if lives.rings else -1)
        return lives.cut[-1]

    @property
    def open(self) -> bool:
        """Return whether nothing is under way, planned or wrong between the two sides."""
        driver, context = self.driver, self.context
        return not (
            absorbing(driver.machine) is None
            or self.spot.closed
            or self._on_offer
            or driver.hooks.before_command is not None
            or type(driver.store) is not MemoryStore
            or not self.secondary.idle
            or not self.replication.idle
            or not self.link.forward_up
            or self.link.wait_us
            or context.primary_wall.beyond_us
            or context.secondary_site.wall.beyond_us
        )

    def quiet(
        self, db: PrimaryDatabase, cut_us: int
    ) -> RestoreState | None:
        """Return the state of the database's copy, if its next log, which is cut at that instant,
        would be made, landed and restored in the usual way; None: it takes the ordinary steps.
        """
        if (
            db.running
            or db.paused
            or db.waiting
            or db.odd
            or db.failed
            or db.writes_until_us is not None
            or self.primary.log_space.full(db)
        ):
            return None
        manager, database = absorbing(self.driver.machine), db.spec.name
        assert manager is not None
        position = fits(
            self._at,
            self._to,
            database,
            *self.primary.written_at(db, cut_us),
        )
        if position is None or not manager.quiet(database, *position):
            return None
        state = self._to.state(database)
        if not self._witness.quiet(
            db.index, state, self._to.read_witness(database)
        ):
            return None
        self.quiet_hook(db.index)
        return state

    def _begin(self, db: PrimaryDatabase) -> _Stretch | None:
        """Return a stretch; None unless the log is alone and everything is as usual."""
        if not self.open:
            return None
        fixed_us, rate = self.primary.lone_cost(db)
        rates = (
            rate,
            self.link.shared.lone_rate(self.link.cap_bit_s),
            *self.secondary.lone_rates(),
        )
        if not all(rates):
            return None  # others are under way: checked first, before checks that take longer
        state = self.quiet(db, self.context.agenda._now)
        if state is None:
            return None
        agenda = self.context.agenda
        ahead, alarm_us = agenda.ahead(
            self.driver.alarms.get((db.spec.name, "window"))
        )
        return _Stretch(
            db,
            self.logs.replay(db),
            fixed_us,
            rates,
            self.secondary.copy_rate,
            ahead,
            agenda.priority(Class.DISK, db.index),
            alarm_us,
            state,
        )

    def _lives(self, stretch: _Stretch, cut_us: int) -> Lives | None:
        """Return the logs from the one that is cut at that instant on, if any. The stretch ends
        before the first log in whose life something else could happen, even at the same instant as
        one of its steps (the order is then the agenda's), or for which there is no room.
        """
        lives: list[tuple[int, ...]] = []
        rings: dict[int, Ring] = {}
        db, log = stretch.db, stretch.db.spec.log
        database, written, restore_cost = (
            db.spec.name,
            self.context.workloads[db.index].written,
            self.secondary.restore_durations.of,
        )
        finish, send, hash_, restore = stretch.rates
        room, copies = self.room()
        room = min(room, self.replication.staging.free_bytes(db.index))
        begin = lsn = stretch.state.redo_lsn
        landed_us = stretch.replay.log_window.landed_mono_us
        while True:
            # from one of its instants to the next of an even schedule
            following = (
                cut_us + log.interval_us
                if log.kind == "every"
                else next_start(log, cut_us, self._start_utc_us)
            )
            before, last_us = lsn, landed_us
            commits, lsn = written(cut_us)
            lsn += FIRST_LSN
            size = lsn - before
            less = (
                -size * MICRO
            )  # each step is sharing.ends_us, written out: no rate is 0 here
            finished_us = cut_us + stretch.fixed_us - less // finish
            landed_us = finished_us - less * 8 // send
            hashed_us = landed_us - less // hash_
            copied_us = (
                hashed_us - less // stretch.copy_rate
                if stretch.copy_rate
                else hashed_us
            )
            fixed_us, amount = restore_cost(database, _LOG, cut_us, 1, size)
            restored_us = copied_us + fixed_us - -amount * MICRO // restore
            if not (
                cut_us < finished_us < landed_us < hashed_us < restored_us
                and (restored_us, stretch.priority) < stretch.ahead
                and lsn - begin <= room
                and lsn - begin + size <= copies
                # otherwise the next log is cut while this one is on its way
                and (following is None or restored_us < following)
            ):
                break
            if stretch.alarm_us < restored_us:
                ring = self._ring(
                    stretch,
                    (cut_us, finished_us, landed_us, hashed_us),
                    last_us,
                )
                if ring.goes_to_us <= restored_us:
                    break
                rings[len(lives)], stretch.alarm_us = ring, ring.goes_to_us
            lives.append(
                (
                    commits,
                    lsn,
                    cut_us,
                    finished_us,
                    landed_us,
                    hashed_us,
                    restored_us,
                )
            )
            if following is None:
                break
            cut_us = following
        if not lives:
            return None
        columns = list(zip(*lives, strict=True))
        begun = [self._start_utc_us + cut_us for cut_us in columns[2]]
        return Lives(rings, begun, *columns)

    def room(self) -> tuple[int, int]:
        """Return how many bytes of logs fit into the shares of both sides; and how many with copies
        of them at the secondary.
        """
        there = self.secondary.share.free_bytes
        with_copies = there if self.secondary.copy_rate else NO_LIMIT_BYTES
        return min(self.primary.share.free_bytes, there), with_copies

    def _ring(
        self, stretch: _Stretch, steps: tuple[int, ...], last_us: int
    ) -> Ring:
        """Return the alarm 'window' that goes off before or during a log's life; steps: the
        instants up to the hash. The log before has just landed.
        """
        t = stretch.alarm_us
        passed = bisect_right(steps, t)
        return Ring(
            _POINT[passed],
            t,
            window_alarm_goes_to_us(
                stretch.replay, t, steps[2] if passed > 2 else last_us
            ),
        )

    def _ids(self, database: str, left: Left) -> dict[str, Iterable[int]]:
        """Return columns of texts, which are interned in the order of the rows."""
        texts, names, keys, clocks = (
            self._texts,
            left.names,
            left.keys,
            left.clocks,
        )
        first = (
            names[0],
            _SENDING,
            _LANDED,
            database,
            keys[0],
            left.counter,
            left.clock_key,
        )
        _, sending, there, scope, _, value, clock_key = [
            texts[text] for text in first
        ]
        first_ids = texts[names[0]], texts[keys[0]], texts[clocks[0]]
        name, counter_key, clock = ([first_id] for first_id in first_ids)
        if len(names) > 1:
            rest = texts.several(
                [
                    text
                    for log in zip(
                        names[1:], keys[1:], clocks[1:], strict=True
                    )
                    for text in log
                ]
            )
            for column, i in ((name, 0), (counter_key, 1), (clock, 2)):
                column += rest[i::3]
        return {
            "name": name,
            "counter_key": counter_key,
            "clock": clock,
            "sending": repeat(sending),
            "there": repeat(there),
            "database": repeat(scope),
            "counter": repeat(value),
            "clock_key": repeat(clock_key),
        }

    def _show(self, stretch: _Stretch, lives: Lives, left: Left) -> None:
        """Write the rows."""
        host_us, site_us, ids = (
            left.host_us,
            left.site_us,
            self._ids(stretch.db.spec.name, left),
        )
        places = in_turn(len(self._journal), host_us, site_us, lives.rings)
        self._journal.take(places.rows)
        h, index, rows = (
            left.first,
            repeat(stretch.db.index),
            self.rows,
        )
        fork, start, incarnation = (
            repeat(h.fork),
            repeat(self._start_utc_us),
            repeat(self.driver.incarnation),
        )
        columns = {
            **places.points,
            **ids,
            "index": index,
            "fork": fork,
            "start": start,
            "incarnation": incarnation,
            "number": left.numbers,
            "first_lsn": (h.first_lsn, *lives.lsn[:-1]),
            "last_lsn": lives.lsn,
            "commits": lives.commits,
            "base": repeat(h.checkpoint_lsn),
            "differential_base": repeat(
                stretch.state.differential_base_lsn
            ),
            "cut": lives.cut,
            "finished": lives.finished,
            "landed": lives.landed,
            "hashed": lives.hashed,
            "restored": lives.restored,
        }
        if host_us == site_us and min(host_us) >= 0:  # nearly always
            rows.moving_logs(columns, host_us)
        else:
            rows.logs(columns)
            who = {"index": index, "fork": fork, "commits": lives.commits}
            rows.survivable(
                "host",
                host_us,
                {**who, "seq": places.host, "at": lives.finished},
            )
            rows.survivable(
                "site",
                site_us,
                {**who, "seq": places.site, "at": lives.landed},
            )
        if lives.rings:
            scope = {
                "index": index,
                "scope": ids["database"],
                "start": start,
                "incarnation": incarnation,
            }
            rows.rings(
                [*lives.rings.values()], {**scope, "seq": places.rings}
            )
