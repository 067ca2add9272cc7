"""Users: an offered load, and the part of it that succeeds, as a piecewise linear function of time.

Requests go to the primary until they are redirected. From the redirect on, an address switch takes
a fixed time; then clients arrive evenly over the time in which cached addresses expire and
connections are tried again. The new primary starts cold and warms up evenly: it serves as many of
the requests that reach it as its capacity allows. Served is min(arrived, capacity / utilisation);
'served again' is the first instant from which 99 % of requests succeed.

Requests are spread evenly over the databases. Those to a database that nobody could bring online
fail, before and after the switch, until it is online. Where there are several databases, each one's
part is recorded too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context

ALL_PPM = 1_000_000
SERVED_AGAIN_PPM = 990_000


class Users:
    def __init__(self, context: Context, serving: Sequence[int]) -> None:
        """serving: the databases in service."""
        self._context = context
        self._serving = serving
        self._databases = len(serving)
        self._up = dict.fromkeys(serving, True)
        self._online: set[int] = set()  # at the new primary
        self._each = self._databases > 1  # a single database is the service
        self.redirected = False
        self._ramps: tuple[int, _Ramp, _Ramp] | None = (
            None  # since when, arrived, capacity
        )
        self._piece = (
            0,
            0,
            0,
            0,
        )  # the part that an online database gets: begin, end, from, to
        self._again: set[int] = (
            set()
        )  # databases for which that was recorded, -1: the service
        self._ended = False  # another failover serves the users
        # when 99 % have arrived at the new primary, once that is under way
        self._arrived_us: int | None = None
        # called when 99 % of all are served again
        self.again_hook: Callable[[], None] = lambda: None
        context.note("truth.served", -1, ALL_PPM, ALL_PPM)

    def lost(self, database: int) -> None:
        """Let requests to this database fail from now on."""
        if self._up.get(database):
            self._up[database] = False
            self._note_at_primary(database, 0)

    def back(self, database: int) -> None:
        """Let the old primary serve this database again."""
        self._up[database] = True
        self._note_at_primary(database, ALL_PPM)

    def _note_at_primary(self, database: int, served_ppm: int) -> None:
        if not self.redirected:
            part = ALL_PPM * sum(self._up.values()) // self._databases
            self._context.note("truth.served", -1, part, part)
            if self._each:
                self._context.note(
                    "truth.served", database, served_ppm, served_ppm
                )

    def online(self, database: int) -> None:
        """Let it take requests at the new primary from now on, or as soon as they come."""
        self._online.add(database)
        if self._ramps is not None:
            self._note_now()
            self._expect_again()

    def _note_now(self) -> None:
        now = self._context.now_us
        begin, end, low, high = self._piece
        at_now = (
            high
            if now >= end
            else low + (high - low) * (now - begin) // (end - begin)
        )
        self._note(now, max(now, end), at_now, high)

    def lost_there(self, database: int) -> None:
        """Take a database that the new primary loses before all users are served there."""
        if database in self._online and -1 not in self._again:
            self._online.discard(database)
            if self._ramps is not None:
                self._note_now()

    def back_there(self, database: int) -> None:
        """Let it be up again there."""
        if -1 not in self._again:
            self.online(database)

    def served_by_the_next(self) -> None:
        """End the wait: the failover after this one serves whoever was still on his way."""
        if self._arrived_us is None or -1 in self._again:
            return
        self._ended = True
        for entity in (-1, *(self._serving if self._each else ())):
            self._context.note("truth.served", entity, ALL_PPM, ALL_PPM)
            self._served_again(entity)

    def redirect(self, done: Callable[[], None]) -> None:
        """Send users to the new primary; call done() once 99 % of them have arrived. If it is
        called again, the redirect continues as planned.
        """
        if self._arrived_us is not None:
            now = self._context.now_us
            self._context.agenda.at(
                max(now, self._arrived_us), Class.ANSWER, -1, done
            )
            return
        failover = self._context.scenario.failover
        spread = failover.ttl_us + failover.reconnect_us
        arrived = _Ramp(0 if spread else ALL_PPM, spread)
        switched_us = self._context.now_us + failover.switch_us
        self._arrived_us = switched_us + arrived.reaches(SERVED_AGAIN_PPM)
        self._context.agenda.at(
            switched_us, Class.ANSWER, -1, self._switched, arrived, done
        )

    def _switched(self, arrived: _Ramp, done: Callable[[], None]) -> None:
        self.redirected = True
        assert self._arrived_us is not None
        context = self._context
        scenario = context.scenario
        t0 = context.now_us
        spread, warm = arrived.over, scenario.failover.warm_up_us
        served = _Ramp(
            scenario.failover.warm_up_from_ppm if warm else ALL_PPM, warm
        )
        load = max(1, scenario.users.utilisation_ppm)
        instants = {0, spread, warm, *_crossings(arrived, served, load)}
        self._ramps = t0, arrived, served
        marks = [
            *sorted(t for t in instants if t < max(spread, warm)),
            max(spread, warm),
        ]
        for begin, end in pairwise(marks):
            values = (
                _served(arrived, served, load, begin),
                _served(arrived, served, load, end),
            )
            context.agenda.at(
                t0 + begin,
                Class.ANSWER,
                -1,
                self._note,
                t0 + begin,
                t0 + end,
                *values,
            )
        last = t0 + marks[-1]
        context.agenda.at(
            last, Class.ANSWER, -1, self._note, last, last, ALL_PPM, ALL_PPM
        )
        self._expect_again()
        context.agenda.at(self._arrived_us, Class.ANSWER, -1, done)

    def _expect_again(self) -> None:
        """Compute when 99 % of all requests succeed: the databases that are online must serve
        enough for all.
        """
        level = self._level_ppm
        if level <= ALL_PPM:
            self._expect(level, -1)
        for database in sorted(self._online) if self._each else ():
            self._expect(SERVED_AGAIN_PPM, database)

    @property
    def _level_ppm(self) -> int:
        """The part that each online database must get for 99 % of all to succeed."""
        return -(
            -SERVED_AGAIN_PPM * self._databases // max(1, len(self._online))
        )

    def _expect(self, level_ppm: int, entity: int) -> None:
        assert self._ramps is not None
        t0, arrived, served = self._ramps
        load = max(1, self._context.scenario.users.utilisation_ppm)
        at = max(
            self._context.now_us,
            t0 + _first_at_least(arrived, served, load, level_ppm),
        )
        self._context.agenda.at(
            at, Class.ANSWER, -1, self._served_again, entity
        )

    def _served_again(self, entity: int) -> None:
        enough = bool(self._online) and self._level_ppm <= ALL_PPM
        there = enough if entity < 0 else entity in self._online
        if entity not in self._again and (there or self._ended):
            self._again.add(entity)
            self._context.note("truth.served_again", entity)
            if entity < 0:
                self.again_hook()

    def _note(
        self, begin_us: int, end_us: int, from_ppm: int, to_ppm: int
    ) -> None:
        """Record that from now on a database that is online gets from_ppm, rising to to_ppm."""
        if self._ended:
            return
        self._piece = begin_us, end_us, from_ppm, to_ppm
        part, of, note = (
            len(self._online),
            self._databases,
            self._context.note,
        )
        note("truth.served", -1, from_ppm * part // of, to_ppm * part // of)
        for database in self._serving if self._each else ():
            there = int(database in self._online)
            note("truth.served", database, from_ppm * there, to_ppm * there)


class _Ramp:
    """A linear rise from a value to the whole, over a time."""

    __slots__ = ("low", "over")

    def __init__(self, low: int, over: int) -> None:
        self.low = low
        self.over = over

    def at(self, t: int) -> int:
        if t >= self.over:
            return ALL_PPM
        return self.low + (ALL_PPM - self.low) * t // self.over

    def reaches(self, level: int) -> int:
        """Return the first microsecond at which the ramp is at that level."""
        if level <= self.low or not self.over:
            return 0
        return -(-(level - self.low) * self.over // (ALL_PPM - self.low))


def _served(arrived: _Ramp, capacity: _Ramp, load_ppm: int, t: int) -> int:
    return min(arrived.at(t), capacity.at(t) * ALL_PPM // load_ppm, ALL_PPM)


def _first_at_least(
    arrived: _Ramp, capacity: _Ramp, load_ppm: int, level_ppm: int
) -> int:
    """Return when both have risen far enough; each only rises, so it is the later of the two."""
    need = -(-level_ppm * load_ppm // ALL_PPM)
    return max(arrived.reaches(level_ppm), capacity.reaches(need))


def _crossings(arrived: _Ramp, capacity: _Ramp, load_ppm: int) -> set[int]:
    """Return the instants at which capacity stops or starts to be enough: the corners of the
    minimum (to the microsecond).
    """
    corners = {capacity.reaches(load_ppm)}
    # arrived(t) = a0 + a1 t, capacity(t) / load = c0 + c1 t
    a0, c0 = arrived.low, capacity.low * ALL_PPM // load_ppm
    if arrived.over and capacity.over:
        slope = (ALL_PPM - a0) * capacity.over * load_ppm - (
            ALL_PPM - capacity.low
        ) * ALL_PPM * arrived.over
        if slope:
            corners.add(
                (c0 - a0) * arrived.over * capacity.over * load_ppm // slope
            )
    return {t for t in corners if t >= 0}
