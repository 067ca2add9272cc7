"""Standbys that cannot follow a new primary are restored from the backups at hand: those that lie
at their place, else the full of the new primary's site where it outweighs what follows it (W2, W5).
"""

from __future__ import annotations

from typing import Any

import pytest

from dr_sim.backups.model import Kind
from dr_sim.measures.summary.plain import summary_json
from dr_sim.record.pairs import pair_of
from dr_sim.runs.run import Result
from dr_sim.screen.run import screen
from dr_sim.world.roles.at_hand import SeededBy
from dr_sim.world.roles.catching_up import WhySeeded

from .runs import SECOND, at, failover, ran, rows

FURTHER = "copies/gone_further"
ONLINE = at(1, "10:07") + (30 + 21 + 10) * SECOND
FAR = 2
"""The pair of far behind near: A is lost, and there is no new site."""
ANY = "sla=[{outage: at most 1 h}]"
LINK_DOWN = '{at: "Mon 10:04", link_outage: 2 h, copy: near}'
LOST = '{at: "Mon 10:07", lose: site}'


def events(*between: str) -> str:
    return f"events=[{', '.join((LINK_DOWN, *between, LOST))}]"


def crm(size: str, full: str = "daily 01:00") -> str:
    return (
        f"databases={{crm: {{size: {size}, log_volume: 20 MB per 5 min, full: {full}, "
        "differential: none, log: every 5 min}}"
    )


def sound(result: Result) -> dict[str, Any]:
    found = summary_json(result.summary)
    assert found["violations"] == []
    return failover(result)


def fulls_after(result: Result) -> int:
    """How many fulls were begun after the failover."""
    made = rows(result, "truth.backup_begin", kind=int(Kind.FULL))
    return len([row for row in made if row.time_us > at(1, "10:07")])


def restored(result: Result) -> list[Any]:
    found = result.journal.rows("truth.restored")
    return [row for row in found if pair_of(row.entity) == FAR]


def seeded_by(result: Result) -> list[tuple[str, str, str]]:
    found = sound(result)["cannot_follow"]
    return [(one["place"], one["why"], one["seeded_by"]) for one in found]


# ---- from what lies here
@pytest.mark.parametrize("imitates", ["sql_server", "postgres"])
def test_it_is_restored_from_what_lies_there_and_no_full_is_made(imitates: str) -> None:
    """By hand in the scenario: 12.14 s of hashes, 15.045 s, 108 logs of 1.0562 s."""
    result = ran(FURTHER, f"engine.imitates={imitates}")
    assert seeded_by(result) == [("far", WhySeeded.FURTHER, SeededBy.HERE)]
    assert fulls_after(result) == 0
    assert failover(result)["seeded_anew"] == []
    full, *logs = restored(result)
    hashed_us = 12_140_001
    full_us = SECOND + -(-5_000_000_000 * SECOND // 356_000_000)
    assert full.time_us == ONLINE + hashed_us + full_us
    old = [row for row in logs if row.values["fork"] == 1]
    log_us = SECOND + -(-20_000_000 * SECOND // 356_000_000)
    assert len(old) == 108
    assert old[-1].time_us == full.time_us + 108 * log_us
    # exactly where near begins, and then near's own
    (begins, *_) = [r for r in rows(result, "truth.begins") if pair_of(r.entity) == FAR]
    assert old[-1].values["redo_lsn"] == begins.values["lsn"]
    assert logs[108].values["fork"] == 2


def test_only_the_new_primary_s_logs_cross_the_link() -> None:
    landed = rows(ran(FURTHER), "truth.landed")
    forks = {row.values["fork"] for row in landed if pair_of(row.entity) == FAR}
    assert forks == {2}


def test_the_ledger_of_the_time_unprotected_tells_of_it_and_adds_up() -> None:
    found = sound(ran(FURTHER))
    lines = found["unprotected_ledger"]["lines"]
    assert sum(line["duration_us"] for line in lines) == found["unprotected_us"]
    causes = [line["cause"] for line in lines]
    assert causes == [
        "seed: full landed, being validated",
        "seed: full being restored",
        "seed: logs on the full",
        "being restored",
    ]
    assert found["unprotected_us"] < 143 * SECOND


def test_the_screen_says_so() -> None:
    result = ran(FURTHER)
    said = screen(result.summary, result.scenario, result.verdict)
    assert "unprotected 2:22 (far restored from backups at hand)" in said
    assert f"seeded again at far: {WhySeeded.FURTHER}" in said
    assert f"from {SeededBy.HERE}" in said


def test_the_way_back_counts_while_it_is_restored() -> None:
    """near is lost at 10:08:05, while far still hashes: what near wrote since 10:08:01 is lost."""
    again = '{at: "Mon 10:08:05", lose: site}'
    result = ran(FURTHER, f"events=[{LINK_DOWN}, {LOST}, {again}]", ANY)
    found = summary_json(result.summary)
    assert found["violations"] == []
    _, second = found["failovers"]
    assert (second["primary"], second["new_primary"]) == ("near", "far")
    lost_us = at(1, "10:08:05") - ONLINE
    assert lost_us - SECOND // 10 < second["data_loss_us"] <= lost_us  # near's first commit
    (way,) = [way for way in second["ways"] if way["place"] == "far"]
    assert way["standing"] == "taken"
    assert (way["loss_us"], way["outage_us"]) == (way["came_loss_us"], way["came_outage_us"])


def test_a_copy_that_was_dropped_is_restored_from_there_too() -> None:
    broken = '{at: "Mon 10:06:58", standby_broken: {database: crm, how: dropped}, copy: far}'
    result = ran(FURTHER, events(broken), ANY)
    assert seeded_by(result) == [("far", WhySeeded.NO_COPY, SeededBy.HERE)]
    assert fulls_after(result) == 0


def test_on_real_files_too() -> None:
    short = (
        "run_for=1 h",
        "engine={kind: sqlite}",
        "databases={crm: {size: 20 MB, log_volume: 100 kB per 5 min, full: daily 00:10, "
        "differential: none, log: every 5 min}}",
        'events=[{at: "Mon 00:34", link_outage: 2 h, copy: near}, {at: "Mon 00:37", lose: site}]',
    )
    result = ran(FURTHER, ANY, *short)
    assert seeded_by(result) == [("far", WhySeeded.FURTHER, SeededBy.HERE)]
    forks = [row.values["fork"] for row in restored(result)]
    assert forks[0] == 1 and forks[-1] == 2


# ---- from the new primary's site
GONE_THERE = (
    '{at: "Mon 10:06", careless_clean_up: {where: secondary, database: crm, older_than: 2 min}, '
    "copy: far}"
)


def test_a_full_at_the_new_primary_is_sent_if_it_outweighs_its_logs() -> None:
    """60 GB are restored in 170 s, the 108 logs in 114 s; near has landed all of them."""
    result = ran(FURTHER, crm("60 GB"), events(GONE_THERE), ANY, "run_for=14 h")
    assert seeded_by(result) == [("far", WhySeeded.FURTHER, SeededBy.NEW_PRIMARY)]
    assert fulls_after(result) == 0
    assert [row.values["fork"] for row in restored(result)][:2] == [1, 1]


def test_else_a_new_full_is_made() -> None:
    """5 GB are restored in 15 s, 108 logs in 114 s."""
    result = ran(FURTHER, events(GONE_THERE), ANY)
    assert seeded_by(result) == [("far", WhySeeded.FURTHER, SeededBy.NEW_FULL)]
    assert fulls_after(result) == 1
    assert failover(result)["seeded_anew"] == ["crm"]


def test_a_full_from_beyond_the_new_primary_s_begin_is_of_no_use() -> None:
    """That of 10:01 ends after 10:00, where near begins."""
    result = ran(FURTHER, crm("5 GB", "daily 10:01"), events(), ANY)
    assert seeded_by(result) == [("far", WhySeeded.FURTHER, SeededBy.NEW_FULL)]


def test_a_place_that_is_lost_gets_a_new_full() -> None:
    lost = '{at: "Mon 10:06", lose_secondary: 20 min, copy: far}'
    result = ran(FURTHER, crm("60 GB"), events(lost), ANY, "run_for=14 h")
    assert seeded_by(result) == [("far", WhySeeded.NO_COPY, SeededBy.NEW_FULL)]


def test_a_full_that_has_rotted_there_is_not_restored() -> None:
    """Its hash does not agree; near's copy of it is sent, or another full is made."""
    hurt = (
        '{at: "Mon 10:06", corrupt_at_rest: {database: crm, files: 150, where: secondary}, '
        "copy: far}"
    )
    result = ran(FURTHER, events(hurt), ANY, "run_for=12 h")
    found = sound(result)
    assert found["unprotected_censored"] is False
    assert [row.values["fork"] for row in restored(result)][-1] == 2
