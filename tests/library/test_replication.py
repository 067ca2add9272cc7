"""Replication: a staging area that is purged, transfers that resume or start again, deltas, copy jobs, slots."""

from __future__ import annotations

import pytest

from dr_sim.results import Result
from dr_sim.verdict import Outcome

from .runs import MINUTE, SECOND, alerts, at, ceil_div, log_cut, peak_us, ran, rows, times


def replication(name: str, *overrides: str) -> Result:
    result = ran(f"replication/{name}", *overrides)
    assert result.verdict.outcome is Outcome.PASS, result.verdict.lines
    return result


def sent(result: Result, file: int) -> list[int]:
    return [int(r.values["bytes"]) for r in rows(result, "truth.transfer_bytes", file=file)]


def test_staging_pauses_while_it_is_purged() -> None:
    result = replication("staging")
    landed = times(result, "truth.landed")
    pause = ceil_div(40_000_000, 1_000_000)
    late = [at_us - (n + 1) * 300 * SECOND - 2_800_000 for n, at_us in enumerate(landed)]
    assert late[6:14] == [pause, 0, pause, 0, pause, 0, pause, 0]
    assert max(late[:4]) < 10  # the first four find room
    assert peak_us(result) == 302_800_000 + pause
    assert len(rows(result, "truth.file_state", state="staging")) == sum(us > SECOND for us in late)


def test_a_cut_transfer_resumes() -> None:
    result = replication("resume")
    log = log_cut(result, at(1, "10:00"))
    assert sent(result, log) == [10_000_000, 10_000_000]
    assert peak_us(result) == 442 * SECOND


def test_or_starts_again() -> None:
    result = replication("restart")
    log = log_cut(result, at(1, "10:00"))
    assert sent(result, log) == [10_000_000, 20_000_000]
    assert peak_us(result) == 482 * SECOND


def test_only_the_delta_of_a_changed_file_crosses() -> None:
    result = replication("delta")
    log = log_cut(result, at(1, "10:00"))
    assert sent(result, log) == [20_000_000, 1_000_000]
    assert peak_us(result) == 302_880_000


@pytest.mark.parametrize("name", ["resume", "restart", "staging", "slots", "copy_job", "delta"])
def test_every_log_lands_whole_in_the_end(name: str) -> None:
    result = replication(name)
    finished = {
        r.values["file"]
        for r in rows(result, "truth.backup_finished")
        if r.time_us < result.scenario.run_for_us - 20 * MINUTE
    }
    assert finished <= {r.values["file"] for r in rows(result, "truth.landed", intact=1)}


def test_a_copy_job_takes_what_was_finished_before_it_began() -> None:
    result = replication("copy_job")
    begun = [r.time_us for r in rows(result, "truth.file_state", state="sending")]
    assert {t % (15 * MINUTE) for t in begun} == {0}
    assert begun.count(at(1, "10:15")) == 3
    third = 200_000_000 // 3
    assert peak_us(result) == at(1, "10:15") + ceil_div(160_000_000, third) - at(1, "09:55")
    assert alerts(result) == []  # what landed a microsecond ago and is being hashed is not missing


def test_one_slot_holds_up_the_logs() -> None:
    result = replication("slots")
    assert peak_us(result) == 2_151 * SECOND
    assert result.summary["backlog"]["not_landed_max"] == 7
