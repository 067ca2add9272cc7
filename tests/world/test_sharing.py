"""Shared rates: on FIFO exactly the Lindley recursion; max-min fair with caps against a reference
in fractions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dr_sim.world.kernel.agenda import Agenda, Class
from dr_sim.world.kernel.sharing import Flow, SharedRate

SECOND = 1_000_000
NO_CAP = 1 << 62


@dataclass
class Arrival:
    at_us: int
    amount: int
    cap: int = NO_CAP
    priority: int = 0
    wait_us: int = 0


def start(
    shared: SharedRate,
    entity: int,
    amount: int,
    cap: int,
    done: Callable[[], None],
    priority: int = 0,
    wait_us: int = 0,
) -> Flow:
    return shared.start(entity, amount, cap, lambda _: done(), None, priority, wait_us)


def ends(
    arrivals: list[Arrival],
    capacity: int,
    sharing: str,
    until_us: int = 1 << 60,
    at_once: bool = False,
) -> list[int]:
    """When each arrival's flow ends (-1: not by then). at_once: someone wants to know each time
    that rates change.
    """
    agenda = Agenda()
    shared = SharedRate(agenda, Class.TRANSFER, capacity, sharing)
    if at_once:
        shared.replanned = lambda: None
    ended = [-1] * len(arrivals)

    def begin(i: int) -> None:
        a = arrivals[i]

        def done() -> None:
            assert ended[i] < 0, "a flow ends once"
            ended[i] = agenda.now_us

        start(shared, i, a.amount, a.cap, done, a.priority, a.wait_us)

    for i, a in enumerate(arrivals):
        agenda.at(a.at_us, Class.JOB, i, begin, i)
    agenda.run_until(until_us)
    return ended


def ceil_us(amount: int, rate: int) -> int:
    return -(-amount * SECOND // rate)


# ---- FIFO: the Lindley recursion
def lindley(arrivals: list[Arrival], capacity: int) -> list[int]:
    """Each leaves ceil(amount / rate) microseconds after it is there and the one before it has
    left.
    """
    left: list[int] = []
    free = 0
    for a in arrivals:
        free = max(a.at_us, free) + ceil_us(a.amount, min(a.cap, capacity))
        left.append(free)
    return left


gaps_and_sizes = st.lists(
    st.tuples(
        st.one_of(st.just(0), st.integers(0, 2_000_000), st.integers(0, 400_000_000)),
        st.one_of(st.just(0), st.integers(0, 50_000_000), st.integers(0, 4_000_000_000)),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


def queue_of(steps: list[tuple[int, int]], caps: list[int]) -> list[Arrival]:
    at = 1
    arrivals = []
    for i, (gap, amount) in enumerate(steps):
        at += gap
        arrivals.append(Arrival(at, amount, caps[i % len(caps)]))
    return arrivals


@given(
    gaps_and_sizes,
    st.integers(1, 400_000_000),
    st.lists(st.sampled_from([NO_CAP, 9_999_999, 7]), min_size=1, max_size=3),
)
@example([(0, 10), (0, 0), (0, 0), (5, 3)], 7, [NO_CAP])  # logs without a byte wait their turn too
@example([(0, 1), (0, 1), (0, 1)], 3, [NO_CAP])  # each rounded up by itself
def test_on_fifo_completion_times_are_the_lindley_recursion_exactly(
    steps: list[tuple[int, int]], capacity: int, caps: list[int]
) -> None:
    arrivals = queue_of(steps, caps)
    assert ends(arrivals, capacity, "fifo") == lindley(arrivals, capacity)


@given(gaps_and_sizes, st.integers(1, 400_000_000), st.sampled_from(["fair", "priority"]))
def test_flows_that_never_meet_end_alike_under_every_sharing(
    steps: list[tuple[int, int]], capacity: int, sharing: str
) -> None:
    at, arrivals = 1, []
    for gap, amount in steps:
        arrivals.append(Arrival(at, amount))
        at += ceil_us(amount, capacity) + gap + 1
    assert ends(arrivals, capacity, sharing) == lindley(arrivals, capacity)


# ---- max-min fair
def water_level_rates(caps: list[int], capacity: int) -> list[Fraction]:
    """Max-min fair rates by raising one level for all until the capacity or every cap is
    reached.
    """
    level, left, open_ = (
        Fraction(0),
        Fraction(capacity),
        sorted(range(len(caps)), key=lambda i: caps[i]),
    )
    rates = [Fraction(0)] * len(caps)
    while open_:
        step = min(left / len(open_), caps[open_[0]] - level)
        level += step
        left -= step * len(open_)
        for i in open_:
            rates[i] = level
        if not left:
            break
        open_ = [i for i in open_ if caps[i] > level]
    return rates


def fluid_ends(arrivals: list[Arrival], capacity: int, by_priority: bool = False) -> list[float]:
    """An exact fluid: work in fractions, rates recomputed at each arrival and each end."""
    now = Fraction(0)
    work: dict[int, Fraction] = {}
    ended = [0.0] * len(arrivals)
    coming = sorted(range(len(arrivals)), key=lambda i: arrivals[i].at_us)
    while coming or work:
        rates: dict[int, Fraction] = {}
        left = capacity
        classes = sorted({arrivals[i].priority for i in work}) if by_priority else [None]
        for priority in classes:
            mine = [i for i in work if priority is None or arrivals[i].priority == priority]
            given_out = water_level_rates([arrivals[i].cap for i in mine], left)
            rates.update(zip(mine, given_out, strict=True))
            left -= sum(given_out)
        next_end = min((now + work[i] * SECOND / rates[i] for i in work if rates[i]), default=None)
        next_arrival = Fraction(arrivals[coming[0]].at_us) if coming else None
        if next_end is None or (next_arrival is not None and next_arrival < next_end):
            assert next_arrival is not None
            until = next_arrival
        else:
            until = next_end
        for i in work:
            work[i] -= rates[i] * (until - now) / SECOND
        now = until
        for i in [i for i in work if work[i] <= 0]:
            ended[i] = float(now)
            del work[i]
        while coming and arrivals[coming[0]].at_us <= now:
            i = coming.pop(0)
            work[i] = Fraction(arrivals[i].amount)
    return ended


crowd = st.lists(
    st.builds(
        Arrival,
        at_us=st.integers(1, 30 * SECOND),
        amount=st.integers(1, 3_000_000_000),
        cap=st.sampled_from([NO_CAP, 200_000_000, 47_498_600, 15_020_000, 4_749_860]),
        priority=st.integers(0, 2),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@given(crowd, st.sampled_from([100_000_000, 200_000_000, 1_000_000_007]), st.booleans())
def test_fair_and_priority_sharing_follow_the_fluid_within_their_rounding(
    arrivals: list[Arrival], capacity: int, by_priority: bool
) -> None:
    """Shares are whole units a second and ends whole microseconds: rates are off by less than one
    unit in 4.7 million.
    """
    got = ends(arrivals, capacity, "priority" if by_priority else "fair")
    fluid = fluid_ends(arrivals, capacity, by_priority)
    for mine, exact in zip(got, fluid, strict=True):
        assert abs(mine - exact) <= 20 + exact * 1e-5


@given(st.lists(st.integers(0, 500), min_size=1, max_size=9), st.integers(0, 1000))
def test_every_division_of_the_rate_is_max_min_fair(caps: list[int], capacity: int) -> None:
    agenda = Agenda()
    shared = SharedRate(agenda, Class.TRANSFER, capacity)
    flows = [start(shared, 0, 10**9, cap, lambda: None) for cap in caps]
    agenda.run_until(0)  # the rates of an instant are known when it is over
    rates = [f.rate for f in flows]
    assert sum(rates) <= capacity
    assert all(0 <= r <= c for r, c in zip(rates, caps, strict=True))
    unmet = [r for r, c in zip(rates, caps, strict=True) if r < c]
    if unmet:  # nobody who wants more has less than another, but for the unit that cannot be halved
        assert sum(rates) == capacity
        assert max(rates) <= min(unmet) + 1
    else:
        assert rates == caps


crowds_of_an_instant = st.lists(
    st.builds(
        Arrival,
        at_us=st.sampled_from([1, SECOND, 2 * SECOND]),
        amount=st.sampled_from([0, 3, 100_000_000, 200_000_000]),
        cap=st.sampled_from([NO_CAP, 50_000_000]),
        priority=st.integers(0, 2),
        wait_us=st.sampled_from([0, 0, SECOND]),
    ),
    min_size=1, max_size=60,
)  # fmt: skip


@given(crowds_of_an_instant, st.sampled_from(["fair", "fifo", "priority"]))
def test_what_comes_at_one_instant_is_shared_out_once_and_ends_as_if_one_came_after_the_other(
    arrivals: list[Arrival], sharing: str
) -> None:
    capacity = 200_000_000
    assert ends(arrivals, capacity, sharing) == ends(arrivals, capacity, sharing, at_once=True)


def test_one_stream_with_a_cap_leaves_the_rest_to_others() -> None:
    """A full on one stream of 47 Mbit/s beside a log without a cap on 200 Mbit/s: the log has
    153.
    """
    full, log = Arrival(1, 470_000_000, 47_000_000), Arrival(1, 153_000_000, NO_CAP)
    assert ends([full, log], 200_000_000, "fair") == [1 + 10 * SECOND, 1 + SECOND]


def test_by_priority_a_log_does_not_see_the_full_at_all() -> None:
    full = Arrival(0, 4_000_000_000, priority=2)
    logs = [Arrival(1 * SECOND, 100_000_000), Arrival(5 * SECOND, 300_000_000)]
    got = ends([full, *logs], 200_000_000, "priority")
    assert got[1:] == [1_500_000, 6_500_000]
    assert got[0] == 22 * SECOND  # 20 s of its own and the 2 s that it stood aside


def test_a_low_class_gets_what_the_caps_of_a_higher_one_leave() -> None:
    log = Arrival(0, 50_000_000, cap=50_000_000)
    full = Arrival(0, 300_000_000, priority=2)
    assert ends([log, full], 200_000_000, "priority") == [SECOND, 1_750_000]


@given(
    crowd.map(lambda a: [Arrival(x.at_us, x.amount) for x in a]),
    st.sampled_from(["fair", "fifo", "priority"]),
)
def test_work_is_conserved(arrivals: list[Arrival], sharing: str) -> None:
    """However it is divided, the busy period of flows without caps ends when all the work is
    done.
    """
    capacity = 200_000_000
    last = max(ends(arrivals, capacity, sharing))
    free = Fraction(0)
    for a in sorted(arrivals, key=lambda a: a.at_us):
        free = max(free, Fraction(a.at_us)) + Fraction(a.amount * SECOND, capacity)
    assert 0 <= last - free <= 2 * len(arrivals) + free * Fraction(1, 10_000_000)


# ---- fixed costs that come first, capacity that changes, flows that are taken off
def test_a_wait_takes_nothing_of_the_rate_and_comes_first() -> None:
    waits = Arrival(0, 100, wait_us=3 * SECOND)
    works = Arrival(0, 300)
    assert ends([waits, works], 100, "fair") == [4 * SECOND, 3 * SECOND]
    assert ends([Arrival(0, 0, wait_us=7)], 100, "fair") == [7]


def test_after_its_wait_a_flow_has_its_share() -> None:
    waits = Arrival(0, 100, wait_us=SECOND)
    works = Arrival(0, 300)  # 100 alone in the first second, then half
    assert ends([waits, works], 100, "fair") == [3 * SECOND, 4 * SECOND]


class Watched:
    """A shared rate of 100 units a second and when its flows end."""

    def __init__(self, sharing: str = "fair") -> None:
        self.agenda = Agenda()
        self.shared = SharedRate(self.agenda, Class.TRANSFER, 100, sharing)
        self.ended: dict[str, int] = {}

    def start(self, who: str, amount: int, cap: int = NO_CAP) -> Flow:
        return start(
            self.shared, 0, amount, cap, lambda: self.ended.__setitem__(who, self.agenda.now_us)
        )


def test_capacity_changes_count_from_their_instant() -> None:
    w = Watched()
    w.start("a", 1000)  # 10 s at 100
    w.agenda.run_until(4 * SECOND)
    w.shared.set_capacity(50)  # 600 left: 12 s
    w.agenda.run_until(8 * SECOND)
    w.shared.set_capacity(0)  # 400 left: nothing moves
    w.agenda.run_until(100 * SECOND)
    assert w.ended == {}
    w.shared.set_capacity(400)
    w.agenda.run_until(200 * SECOND)
    assert w.ended == {"a": 101 * SECOND}


def test_a_cap_changes_for_flows_under_way() -> None:
    w = Watched()
    w.start("a", 1000)
    w.agenda.run_until(5 * SECOND)
    w.shared.set_cap(10)
    w.agenda.run_until(100 * SECOND)
    assert w.ended == {"a": 55 * SECOND}


def test_a_flow_that_is_taken_off_says_what_is_left_and_leaves_its_share() -> None:
    w = Watched()
    a = w.start("a", 1000)
    w.start("b", 1000)
    w.agenda.run_until(3 * SECOND)
    assert w.shared.stop(a) == 850
    w.agenda.run_until(60 * SECOND)
    assert w.ended == {"b": 3 * SECOND + 8_500_000}


def test_what_is_left_is_rounded_up() -> None:
    w = Watched()
    a = w.start("a", 1000)
    w.agenda.run_until(1)  # a ten-thousandth of a unit is done
    assert w.shared.stop(a) == 1000


def test_flows_that_end_at_one_instant_can_be_stopped_by_the_first_of_them() -> None:
    """Two hashes end together; the first one's answer kills the manager, and with it the other
    hash.
    """
    agenda = Agenda()
    shared = SharedRate(agenda, Class.DISK, 100)
    told: list[str] = []
    flows: list[Flow] = []

    def first() -> None:
        told.append("first")
        assert shared.stop(flows[1]) == 0

    flows.append(start(shared, 0, 100, NO_CAP, first))
    flows.append(start(shared, 1, 100, NO_CAP, lambda: told.append("second")))
    agenda.run_until(10 * SECOND)
    assert told == ["first"]


def test_flows_that_end_together_end_in_the_order_of_entity_and_arrival() -> None:
    agenda = Agenda()
    shared = SharedRate(agenda, Class.DISK, 100)
    told: list[str] = []
    for entity, who in ((2, "c"), (0, "a"), (1, "b"), (0, "a2")):
        start(shared, entity, 25, NO_CAP, lambda who=who: told.append(who))  # type: ignore[misc]
    agenda.run_until(SECOND)
    assert told == ["a", "a2", "b", "c"]


def test_what_done_starts_is_alone_again() -> None:
    agenda = Agenda()
    shared = SharedRate(agenda, Class.DISK, 100)
    told: list[int] = []
    start(
        shared,
        0,
        100,
        NO_CAP,
        lambda: start(shared, 0, 100, NO_CAP, lambda: told.append(agenda.now_us)),
    )
    agenda.run_until(5 * SECOND)
    assert told == [2 * SECOND]


@pytest.mark.parametrize("sharing", ["fair", "fifo", "priority"])
def test_work_of_no_size_ends_at_once_where_nothing_is_before_it(sharing: str) -> None:
    assert ends([Arrival(5, 0)], 100, sharing) == [5]
