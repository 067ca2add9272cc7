"""Repairs that people try before they order a failover (W4). Every instant is worked out by hand
first: heads of the scenario.
"""

from __future__ import annotations

import pytest

from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result
from dr_sim.world.hands.repairs import Repairs

from .runs import HOUR, MINUTE, SECOND, at, failover, ran, rows, times

NAME = "after_failover/repairs_first"
LOST = at(1, "10:02")
BEGUN = LOST + 30 * SECOND + 4 * MINUTE
AFTER_FENCE_US = 10 * SECOND + 60 * SECOND + 8_460_000
LOSE = '{at: "Mon 10:02", lose: site}'


def phases(result: Result) -> dict[str, int]:
    assert summary_json(result.summary)["violations"] == []
    found: dict[str, int] = {}
    for line in failover(result)["outage_ledger"]["lines"]:
        found[line["cause"]] = found.get(line["cause"], 0) + line["duration_us"]
    return found


def test_the_word_comes_when_the_repair_was_in_vain() -> None:
    result = ran(NAME)
    assert times(result, "truth.repair") == [BEGUN]
    assert times(result, "seen.OperatorAnswered") == [BEGUN + HOUR]
    found = phases(result)
    assert (found["decide"], found["repair"]) == (4 * MINUTE, HOUR)
    outage_us = 270 * SECOND + HOUR + 21 * SECOND + AFTER_FENCE_US
    assert failover(result)["outage_us"] == outage_us == 3_969_460_000


def test_without_a_repair_there_is_no_such_phase() -> None:
    result = ran(NAME, "failover.operator.repairs_first=0 s", "sla=[{outage: at most 7 min}]")
    assert times(result, "truth.repair") == []
    assert "repair" not in phases(result)
    assert failover(result)["outage_us"] == 270 * SECOND + 21 * SECOND + AFTER_FENCE_US


def test_what_is_back_before_the_word_serves_again() -> None:
    result = ran(NAME, f'events=[{LOSE}, {{at: "Mon 10:40", site_returns: A}}]')
    assert times(result, "truth.promoted") == []
    back_us = at(1, "10:40:10")
    assert failover(result)["outage_us"] == back_us - LOST
    assert phases(result)["repair"] == back_us - BEGUN


def test_what_is_back_before_the_repair_begins_is_not_repaired() -> None:
    result = ran(NAME, f'events=[{LOSE}, {{at: "Mon 10:04", site_returns: A}}]')
    assert times(result, "truth.repair") == []
    assert "repair" not in phases(result)


@pytest.mark.parametrize("crash", ["10:20", "11:06:20"])
def test_a_manager_that_pages_again_does_not_begin_the_repair_again(crash: str) -> None:
    """It is back 30 s later. Its new page is answered after 4 min; the repair ends when it ends."""
    result = ran(NAME, f'events=[{LOSE}, {{at: "Mon {crash}", manager_crash: {{}}}}]', "sla=[]")
    word_us = max(BEGUN + HOUR, at(1, crash) + 30 * SECOND + 4 * MINUTE)
    assert times(result, "seen.OperatorAnswered")[-1] == word_us
    assert phases(result)["repair"] == word_us - BEGUN


def test_another_failure_is_repaired_anew() -> None:
    """The first one is back at 10:40; the page is open until 11:06:30. The second one comes later."""
    again = '{at: "Mon 12:02", lose: site}'
    back = '{at: "Mon 10:40", site_returns: A}'
    result = ran(NAME, f"events=[{LOSE}, {back}, {again}]", "sla=[]")
    assert times(result, "truth.repair") == [BEGUN, BEGUN + 2 * HOUR]
    assert len(rows(result, "truth.promoted")) == 1


def test_what_was_foretold_comes_true() -> None:
    """Laws of both times, drawn by the hour: outage if now at the failure is the outage."""
    laws = "{answers_in: {p50: 4 min, p95: 20 min}, repairs_first: {p50: 30 min, p95: 2 h}}"
    result = ran(NAME, f"failover.operator={laws}", "sla=[]")
    foretold = result.whole.outage_if_now().at(LOST - 1)
    assert failover(result)["outage_us"] == pytest.approx(foretold, abs=1)
    assert phases(result)["repair"] > 0


@pytest.mark.parametrize(
    ("silent_since", "now", "expected"),
    [
        (0, 50, 94 - 50),  # paged again, in the middle of the repair
        (0, 92, 4),  # it is over when this page is answered
        (0, 200, 4),  # it was in vain: nothing is tried again
        (40, 50, 4 + 60),  # heard since: another failure
    ],
)
def test_a_repair_covers_each_silence_that_began_before_it(
    silent_since: int, now: int, expected: int
) -> None:
    repairs = Repairs()
    assert repairs.word_after_us(30, 0, 4, 60) == 64
    assert repairs.word_after_us(now, silent_since, 4, 60) == expected
