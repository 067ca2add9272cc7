"""Restores that take hours or never end, and a failover in the middle of them (R12, R15)."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result, run

from .runs import HOUR, MINUTE, SECOND, alerts, failover, fault, rows

ONE = (
    "  a: {size: 20 GB, log_volume: 20 MB per 5 min, full: none, differential: none, log: "
    "every 5 min}\n"
)
TWO = (
    ONE + "  b: {size: 20 GB, log_volume: 5 MB per 5 min, full: none, differential: none, log: "
    "every 5 min}\n"
)
AN_HOUR = "slow_restore: {by: 3408, duration: 2 min}"
FOR_EVER = "slow_restore: {by: 100000, duration: 2 min}"


def happens(tmp_path: Path, *events: str, databases: str = ONE, more: str = "") -> Result:
    file = tmp_path / "hanging.yaml"
    lines = "".join(f"  - {event}\n" for event in events)
    head = (
        f"name: hanging\nrun_for: 1 day\nlink: {{bandwidth: 1 Gbit/s}}\nfailover: {{mode: "
        f"automatic}}\n{more}"
    )
    file.write_text(f"{head}databases:\n{databases}events:\n{lines}", encoding="utf-8")
    result = run(load_scenario(file))
    assert summary_json(result.summary)["violations"] == []
    return result


def test_a_restore_that_never_ends_is_ended_and_what_it_held_is_left_behind() -> None:
    result = fault("restore_hangs")
    found = failover(result)
    assert found["data_loss_us"] == 6 * HOUR + 2 * MINUTE
    ended = [
        row.time_us
        for row in rows(result, "seen.RestoreFailed")
        if row.values["error_number"] == 596
    ]
    limit_us = 16 * HOUR + 2 * MINUTE + (30 + 21 + 600) * SECOND
    assert (
        len(ended) == 2
        and abs(ended[0] - limit_us) < 2
        and 10 * MINUTE <= ended[1] - ended[0] < 15 * MINUTE
    )
    assert found["outage_us"] < 25 * MINUTE
    told = {event_id for at, event_id, _, _ in alerts(result) if at >= ended[1]}
    assert {3, 6} <= told
    assert summary_json(result.summary)["alerts"]["missed"] == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_what_held_it_up_is_over_when_it_is_tried_again(tmp_path: Path, workers: int) -> None:
    """Two databases: with one worker the other's restores queue behind it, and are not ended."""
    lost = '{at: "Mon 16:02", lose: site}'
    more = f"replay: {{workers: {workers}}}\n"
    result = happens(tmp_path, f'{{at: "Mon 10:04", {FOR_EVER}}}', lost, databases=TWO, more=more)
    found = failover(result)
    assert found["data_loss_us"] == 2 * MINUTE
    assert 12 * MINUTE < found["outage_us"] < 16 * MINUTE
    ended = [
        row.time_us
        for row in rows(result, "seen.RestoreFailed")
        if row.values["error_number"] == 596
    ]
    assert len(ended) == workers


@pytest.mark.parametrize(
    ("what", "loss_us"), [("database", 0), ("host", 4 * MINUTE), ("site", 4 * MINUTE)]
)
def test_a_slow_restore_makes_the_outage_longer_and_loses_nothing_more(
    tmp_path: Path, what: str, loss_us: int
) -> None:
    """The restore of the log of 2:05 takes an hour. Where the log survives its tail is taken,
    although the drain's limit is over before that database has been emptied.
    """
    result = happens(
        tmp_path, f'{{at: "Mon 02:04", {AN_HOUR}}}', f'{{at: "Mon 02:34", lose: {what}}}'
    )
    found = failover(result)
    assert found["data_loss_us"] == loss_us
    assert abs(found["outage_us"] - 32 * MINUTE) < MINUTE
