"""Flows as columns end when, and in the order in which, flows one after the other do: to the microsecond."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim.world import sharing
from dr_sim.world.agenda import Agenda, Class
from dr_sim.world.sharing import Flow, SharedRate

Step = tuple[int, str, int, int, int]

steps = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 1, 999_999, 3_000_000]),  # time since the step before
        st.sampled_from(["start", "start", "start", "start", "start", "stop", "capacity", "cap", "huge"]),
        st.sampled_from([0, 1, 7, 1_000, 20_000_000, 20_000_001]),
        st.sampled_from([1 << 62, 1 << 62, 500, 33, 3]),
        st.sampled_from([0, 0, 1_000_000]),
    ),
    min_size=1, max_size=60,
)  # fmt: skip


def told(todo: list[Step], capacity: int, from_flows: int, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """(instant, which) of every end, and what was left of each flow that was taken off."""
    monkeypatch.setattr(sharing, "CROWD", from_flows)
    agenda = Agenda()
    shared = SharedRate(agenda, Class.DISK, capacity)
    out: list[Any] = []
    flows: list[Flow] = []

    def do(i: int, what: str, amount: int, cap: int, wait_us: int) -> None:
        if what in ("start", "huge"):
            size = 10**15 if what == "huge" else amount
            flows.append(shared.start(i % 3, size, cap, lambda n: out.append((agenda.now_us, n)), i, 0, wait_us))
        elif what == "stop" and flows:
            out.append((agenda.now_us, "left", shared.stop(flows[amount % len(flows)])))
        elif what == "capacity":
            shared.set_capacity(amount)
        elif what == "cap":
            shared.set_cap(cap)

    at = 0
    for i, (gap, *rest) in enumerate(todo):
        at += gap
        agenda.at(at, Class.JOB, 0, do, i, *rest)
    agenda.run_until(at + 10**12)
    return out


@settings(max_examples=150, deadline=None)
@given(steps, st.sampled_from([0, 1, 100, 9_999_991]))
def test_columns_and_one_after_the_other_tell_the_same(todo: list[Step], capacity: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert told(todo, capacity, 2, patch) == told(todo, capacity, 10**9, patch)


def test_a_thousand_flows_at_once_cost_a_thousand_times_one() -> None:
    """They end where arithmetic says; one after the other they took some 2 s."""
    agenda = Agenda()
    shared = SharedRate(agenda, Class.DISK, 1_000_000)
    ended: list[tuple[int, int]] = []
    began = time.process_time()
    for i in range(1000):
        shared.start(0, 1_000 * (i + 1), 1 << 62, lambda n: ended.append((n, agenda.now_us)), i)
    agenda.run_until(10**12)
    assert [n for n, _ in ended] == list(range(1000))
    assert ended[-1][1] - 500_500_000 in range(20_000)  # all the work in one busy period; ends are rounded up
    # the first has 1,000 of them beside it at a thousandth each: 1,000 units at 1,000 units a second
    assert ended[0][1] == 1_000_000
    assert time.process_time() - began < 1.0
