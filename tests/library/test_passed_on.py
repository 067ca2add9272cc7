"""An ordered way back whose place is lost: the next one is taken (W2, W4). Every instant is worked
out by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result, run

from .runs import MINUTE, SECOND, rows

LEASE = 30 * SECOND
FENCE = 5 * SECOND
TURN = 10 * SECOND
DATABASE = """\
run_for: 3 h
databases: {crm: {size: 20 GB, log_volume: 20 MB per 5 min}}
link: {bandwidth: 100 Mbit/s}
"""
ORDERED = DATABASE + (
    "copies: {near: {replay: {delay: 30 min}}, far: {}}\n"
    "events:\n"
    "- {at: 62 min, order_failover: {by: dba, planned: PLANNED}, copy: near}\n"
    "- {at: 1 h 2 min LOST s, lose_secondary: 10 h, copy: near}\n"
)


def made(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return run(load_scenario(path))


def only_failover(result: Result) -> dict[str, Any]:
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    (found,) = summary["failovers"]
    return dict(found)


@pytest.mark.parametrize("planned", ["true", "false"])
@pytest.mark.parametrize(("choose", "turn_us"), [("preferred", TURN), ("least_loss", 0)])
def test_the_other_copy_carries_out_the_order(
    tmp_path: Path, planned: str, choose: str, turn_us: int
) -> None:
    """Ordered at 62:00; the old primary is stopped 5 s later, and users are down from then on. near
    is lost at 62:08 and its claim lapses 30 s later: an attempt of 33 s. far is the second in the
    written order; by least_loss nothing better is open, and its manager is the only one alive.
    """
    text = ORDERED.replace("PLANNED", planned).replace("LOST", "8")
    result = made(tmp_path, text + f"failover: {{choose: {choose}}}\n")
    found = only_failover(result)
    assert found["data_loss_us"] == 0
    phases = found["phases_us"]
    assert phases["attempt"] == 3 * SECOND + LEASE
    assert phases["detect"] + phases["decide"] == turn_us
    assert phases["fence"] == FENCE
    assert found["ordered_by"] == "dba" and found["ordered_planned"] is (planned == "true")
    ways = {way["place"]: (way["standing"], way["tried_us"]) for way in found["ways"]}
    assert ways == {"near": ("failed", 3 * SECOND + LEASE), "far": ("taken", 0)}


def test_a_planned_order_ends_where_the_primary_is_lost(tmp_path: Path) -> None:
    """The site is lost at 2:02:00. A planned failover is ordered a minute later, and no copy can stop
    what does not answer: after 21 s it is called off, and is not passed on. Silence is long enough at
    2:03:30, the operator answers 4 min later, and what is left is 21 s for the fence, 10 s, 60 s and
    8.46 s.
    """
    result = made(
        tmp_path,
        DATABASE + "copies: {near: {}, far: {replay: {delay: 20 min}}}\n"
        "failover: {silent_for: 90 s, operator: {answers_in: 4 min}}\n"
        "events:\n"
        "- {at: 122 min, lose: site}\n"
        "- {at: 123 min, order_failover: {by: dba}, copy: near}\n",
    )
    assert rows(result, "seen.OrderPassedOn") == []
    found = only_failover(result)
    assert found["outage_us"] == (90 + 240 + 21 + 10 + 60) * SECOND + 8_460_000
    assert found["phases_us"]["attempt"] == 21 * SECOND
    assert found["data_loss_us"] == 2 * MINUTE


def test_a_fence_that_is_on_its_way_is_obeyed(tmp_path: Path) -> None:
    """near is lost 2 s after the order, and the old primary stops after 5 s all the same."""
    text = ORDERED.replace("PLANNED", "false").replace("LOST", "2")
    assert only_failover(made(tmp_path, text))["phases_us"]["attempt"] == 27 * SECOND


def test_nobody_takes_over_without_an_order_where_the_machines_are_heard(tmp_path: Path) -> None:
    """The negative case: the same loss of near, and no order."""
    text = "".join(
        line + "\n" for line in ORDERED.splitlines() if "order_failover" not in line
    ).replace("LOST", "8")
    assert summary_json(made(tmp_path, text).summary)["failovers"] == []


MISTAKE = DATABASE + (
    "copies:\n"
    "  late: {replay: {delay: 2 h}}\n"
    "  second: {store: {machine: 10 min, read: 200 MB/s}}\n"
    "  vault: {store: {machine: 10 min, read: 200 MB/s}}\n"
    "events:\n"
    "- {at: 62 min, mistake: {database: crm, noticed: 10 min, then: THEN}}\n"
    "- {at: LOST, lose_secondary: 30 min, copy: PLACE}\n"
)
BESIDE = "restore_beside, lost: 2 GB"
FULL = SECOND + 20_000 * SECOND // 200  # 20 GB at 200 MB/s


def mistake(tmp_path: Path, then: str, place: str, lost: str) -> Result:
    text = MISTAKE.replace("THEN", then).replace("PLACE", place)
    return made(tmp_path, text.replace("LOST", lost))


def test_the_list_of_ways_goes_on_where_the_place_of_a_failover_is_lost(tmp_path: Path) -> None:
    """failover_before at 72:00; stopped at 72:05; late is lost at 72:08 and given up at 72:38. Then
    restore_before at the first store: a fence, a machine and a restore.
    """
    result = mistake(tmp_path, "[failover_before, restore_before]", "late", "1 h 12 min 8 s")
    found = only_failover(result)
    assert found["phases_us"]["attempt"] == 3 * SECOND + LEASE
    assert found["phases_us"]["provision"] == 10 * MINUTE
    assert found["data_loss_us"] == 10 * MINUTE + FENCE
    (made_good,) = summary_json(result.summary)["mistakes"]
    assert made_good["gone"] and made_good["place"] == "second"


def test_a_restore_beside_goes_on_at_the_next_place(tmp_path: Path) -> None:
    """Ordered at 72:00 at the first store, which is lost at 80:00 and given up 30 s later. The
    vault has its server at 90:30, restores the full, the incremental of 60:00 and the log of 65:00
    in part, and 2 GB are copied back at 12.5 MB/s. The first store is back at 110:00, and begins
    nothing again.
    """
    result = mistake(tmp_path, BESIDE, "second", "80 min")
    (made_good,) = summary_json(result.summary)["mistakes"]
    degraded_us = 90 * MINUTE + LEASE - 62 * MINUTE + FULL + 160 * SECOND
    assert degraded_us < made_good["degraded_us"] < degraded_us + 6 * SECOND
    assert len(rows(result, "truth.copied_back")) == 1
    again = [row for row in rows(result, "seen.RestoreBeside") if row.time_us > 110 * MINUTE]
    assert again == []


def test_a_restore_beside_goes_on_where_it_was_if_there_is_no_other_place(tmp_path: Path) -> None:
    """The negative case: a manager that is dead for an hour, and no other way."""
    text = MISTAKE.replace("THEN", f"{BESIDE}, place: second").replace(
        "- {at: LOST, lose_secondary: 30 min, copy: PLACE}\n",
        "- {at: 80 min, manager_crash: {}, copy: second}\nmanager: {restart_after: 1 h}\n",
    )
    result = made(tmp_path, text)
    assert len(rows(result, "seen.BesideOrdered")) == 1
    (copied,) = rows(result, "truth.copied_back")
    assert copied.time_us > 140 * MINUTE


def test_a_restore_beside_waits_for_a_manager_that_is_back_soon(tmp_path: Path) -> None:
    """The negative case: it is dead for less than the lease, and begins again at its place."""
    text = MISTAKE.replace("THEN", BESIDE).replace(
        "- {at: LOST, lose_secondary: 30 min, copy: PLACE}\n",
        "- {at: 80 min, manager_crash: {}, copy: second}\nmanager: {restart_after: 20 s}\n",
    )
    result = made(tmp_path, text)
    assert len(rows(result, "seen.BesideOrdered")) == 1
    assert len(rows(result, "truth.copied_back")) == 1


BOTH_STORES_BURN = (
    DATABASE
    + """\
failover: {mode: automatic}
copies: {one: {store: {machine: 10 min}}, two: {store: {machine: 10 min}}}
events:
- {at: 62 min, lose: site}
- {at: 70 min, lose_secondary: 100 h, copy: one}
- {at: 80 min, lose_secondary: 100 h, copy: two}
"""
)


def test_the_last_way_that_dies_is_listed_as_failed(tmp_path: Path) -> None:
    """one begins at 62:30 and is lost at 70:00; its claim lapses at 70:30, and two begins a turn
    later. It is lost at 80:00, and its claim lapses, too.
    """
    found = only_failover(made(tmp_path, BOTH_STORES_BURN))
    ways = {way["place"]: (way["standing"], way["tried_us"]) for way in found["ways"]}
    second = 80 * MINUTE - (70 * MINUTE + LEASE + TURN) + LEASE
    assert ways == {"one": ("failed", 8 * MINUTE), "two": ("failed", second)}
    assert "all of it is lost" in str(found)


def test_what_the_stopped_primary_holds_is_not_called_lost(tmp_path: Path) -> None:
    """The only store is lost while it restores to before a mistake."""
    text = DATABASE + (
        "copies: {one: {store: {machine: 10 min}}}\nevents:\n"
        "- {at: 62 min, mistake: {database: crm, noticed: 10 min, then: restore_before}}\n"
        "- {at: 80 min, lose_secondary: 100 h, copy: one}\n"
    )
    found = str(only_failover(made(tmp_path, text)))
    assert "the stopped primary still holds it" in found and "all of it is lost" not in found
