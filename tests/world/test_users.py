"""Users after a failover: who has arrived, what a cold primary can serve, and from when on 99 %
succeed.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world.build import MINUTE, SECOND, World, ran, rows

LOST_US = 31 * MINUTE
TEXT = """\
run_for: 70 min
databases: {crm: {size: 1 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
events: [{at: 31 min, lose: site}]
"""


def failed_over(
    switch: str = "60 s",
    ttl: str = "0 s",
    reconnect: str = "0 s",
    warm: str = "0 s",
    cold: str = "100 %",
    utilisation: str = "60 %",
) -> World:
    redirect = f"failover.redirect={{switch: {switch}, ttl: {ttl}, reconnect: {reconnect}}}"
    return ran(
        TEXT,
        redirect,
        f"failover.warm_up={{for: {warm}, from: {cold}}}",
        f"users.utilisation={utilisation}",
    )


def redirected_us(built: World) -> int:
    return next(
        t for t, phase in rows(built.journal, "seen.EnterPhase", "phase") if phase == "redirecting"
    )


def served_again_after(built: World) -> int:
    """Microseconds from the redirect until 99 % succeed."""
    (again,) = rows(built.journal, "truth.served_again")
    return again - redirected_us(built)


@pytest.mark.parametrize(
    ("how", "seconds"),
    [
        ({}, 60),  # the switch alone
        ({"switch": "0 s"}, 0),
        ({"ttl": "100 s"}, 60 + 99),  # 99 % of the cached addresses have expired
        ({"ttl": "60 s", "reconnect": "21 s"}, 60 + Fraction(99, 100) * 81),
        # 59.4 % of its capacity are enough
        ({"warm": "45 s", "cold": "50 %"}, 60 + Fraction(94, 500) * 45),
        ({"warm": "45 s", "cold": "60 %"}, 60),  # warm enough from the start
        ({"warm": "100 s", "cold": "0 %", "utilisation": "100 %"}, 60 + 99),
        # by then it has long been warm
        ({"ttl": "100 s", "warm": "45 s", "cold": "50 %"}, 60 + 99),
        ({"ttl": "10 s", "warm": "1000 s", "cold": "0 %", "utilisation": "50 %"}, 60 + 495),
    ],
)
def test_served_again_by_hand(how: dict[str, str], seconds: int | Fraction) -> None:
    assert served_again_after(failed_over(**how)) == seconds * SECOND


def test_redirected_is_told_when_99_percent_have_arrived_however_cold_it_is() -> None:
    built = failed_over(ttl="100 s", warm="1000 s", cold="0 %")
    (arrived,) = rows(built.journal, "seen.Redirected")
    assert arrived - redirected_us(built) == (60 + 99) * SECOND


def test_before_the_failure_all_is_served_and_from_it_on_nothing() -> None:
    built = failed_over()
    first, lost, *rest = rows(built.journal, "truth.served", "from_ppm", "to_ppm")
    assert first == (0, 1_000_000, 1_000_000)
    assert lost == (LOST_US, 0, 0)
    assert rest[-1][1:] == (1_000_000, 1_000_000)


def test_of_two_databases_one_lost_is_half_of_the_requests() -> None:
    text = TEXT.replace("crm: {", "b: {size: 1 GB}, crm: {").replace(
        "lose: site", "lose: {what: database, database: crm}"
    )
    built = ran(text, "failover.mode=manual", "failover.operator.approves=no")
    told = [
        (r.time_us, r.entity, r.values["from_ppm"], r.values["to_ppm"])
        for r in built.journal.rows("truth.served")
    ]
    assert told == [(0, -1, 10**6, 10**6), (LOST_US, -1, 500_000, 500_000), (LOST_US, 1, 0, 0)]


@given(
    st.integers(0, 120), st.integers(0, 60), st.integers(0, 200), st.integers(0, 100), st.integers(1, 100),
)  # fmt: skip
@settings(max_examples=25)
def test_the_recorded_curve_is_the_lesser_of_arrived_and_capacity(
    ttl: int, reconnect: int, warm: int, cold: int, load: int
) -> None:
    """The rows' straight pieces against the definition at a hundred instants, in millionths."""
    built = failed_over(
        ttl=f"{ttl} s",
        reconnect=f"{reconnect} s",
        warm=f"{warm} s",
        cold=f"{cold} %",
        utilisation=f"{load} %",
    )
    pieces = rows(built.journal, "truth.served", "from_ppm", "to_ppm")
    t0 = redirected_us(built) + 60 * SECOND
    spread = ttl + reconnect
    for i in range(101):
        t = t0 + i * max(spread, warm, 1) * SECOND // 100
        since = Fraction(t - t0, SECOND)
        arrived = min(Fraction(1), since / spread) if spread else Fraction(1)
        capacity = (
            min(Fraction(1), Fraction(cold, 100) + (1 - Fraction(cold, 100)) * since / warm)
            if warm
            else Fraction(1)
        )
        exact = min(arrived, capacity * 100 / load, Fraction(1)) * 1_000_000
        k = max(j for j, p in enumerate(pieces) if p[0] <= t)
        begin, a, b = pieces[k]
        end = pieces[k + 1][0] if k + 1 < len(pieces) else begin
        recorded = a if end == begin or a == b else a + Fraction((b - a) * (t - begin), end - begin)
        steepest = (
            10
            + 1_000_000 / max(1, min(x for x in (spread, warm, 10**6) if x)) / SECOND * 100 / load
        )
        assert abs(recorded - exact) <= steepest
