"""The monitor on a third machine: it tells when the recovery manager is dead or restores nothing,
and no text is untrue.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.monitor.database import (
    BACKUP_OVERDUE,
    OUT_OF_SYNC,
    DatabaseMonitor,
    MonitorConfig,
    Sight,
)
from dr_sim.record.journal import Row
from dr_sim.runs.run import Result, run

from .runs import MINUTE, SECOND, at, failover, ran, rows, times


def told(result: Result, event_id: int = OUT_OF_SYNC, **wanted: str) -> list[int]:
    return times(result, "seen.MonitorAlert", event_id=event_id, **wanted)


def made(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "made.yaml"
    path.write_text(text, encoding="utf-8")
    return run(load_scenario(path))


def test_a_restore_job_that_is_off_is_told_of_by_both_and_a_failover_replays_without_it() -> None:
    result = ran("faults/restore_job_off")
    assert told(result)[0] == at(1, "06:46")
    assert times(result, "seen.RaiseAlert", event_id=18)[0] == at(1, "06:20") + 2 * SECOND
    found = failover(result)
    assert found["data_loss_us"] == 2 * MINUTE
    assert abs(found["phases_us"]["drain"] - 84 * 1_056_180) < SECOND
    assert {a["source"] for a in summary_json(result.summary)["alerts"]["list"]} == {
        "DR Log Replay",
        "DR Monitor",
    }


def test_of_a_dead_manager_only_the_monitor_tells() -> None:
    result = ran("faults/manager_dead")
    assert told(result) == list(range(at(1, "06:46"), at(1, "14:02"), 6 * MINUTE))
    assert [r for r in rows(result, "seen.RaiseAlert") if r.time_us < at(1, "14:02")] == []
    levels = [r.values["level"] for r in rows(result, "seen.MonitorAlert")]
    assert levels[:5] == ["error"] * 5 and set(levels[5:]) == {"critical"}
    assert rows(ran("faults/manager_dead", "monitor.enabled=false"), "seen.MonitorAlert") == []


@pytest.mark.parametrize("postgres", [False, True])
def test_the_monitor_speaks_of_what_the_engine_has(postgres: bool) -> None:
    """PostgreSQL has no log shipping jobs: an alert names its WAL and its standby."""
    config = MonitorConfig(
        name="crm",
        backup_us=60 * MINUTE,
        restore_us=45 * MINUTE,
        every_us=2 * MINUTE,
        repeat_us=6 * MINUTE,
        critical_after_us=30 * MINUTE,
        interval_us=5 * MINUTE,
        logs=True,
        postgres=postgres,
    )
    sight = Sight(0, 0, 0, 5 * MINUTE)
    texts = [a.text for a in DatabaseMonitor(config, 0).look(120 * MINUTE, sight)]
    assert len(texts) == 2 and all("120 minutes" in text for text in texts)
    assert all(("WAL" in text) == postgres for text in texts)
    assert all(("log shipping" in text) != postgres for text in texts)


def test_one_job_that_is_off_leaves_the_others_alone(tmp_path: Path) -> None:
    result = made(tmp_path, """
name: two jobs
run_for: 1 day
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 1 Gbit/s}
events:
  - {at: "Mon 06:02", restore_job_off: {database: a, duration: 3 h}}
""")  # fmt: skip
    assert {r.values["database"] for r in rows(result, "seen.MonitorAlert")} == {"a"}
    assert told(result)[0] == at(1, "06:46") and told(result)[-1] <= at(1, "09:02")
    restored = {
        i: [t for t, r in ((r.time_us, r) for r in rows(result, "truth.restored")) if r.entity == i]
        for i in (0, 1)
    }
    between = [t for t in restored[0] if at(1, "06:02") < t < at(1, "09:02")]
    assert (
        between == [] and len([t for t in restored[1] if at(1, "06:02") < t < at(1, "09:02")]) == 36
    )
    assert len(restored[0]) == len(restored[1])


def test_two_reasons_for_a_job_to_be_off_end_with_the_second() -> None:
    result = ran(
        "faults/base",
        "events=[{at: Mon 06:02, restore_job_off: {duration: 2 h}}, {at: Mon 07:02, "
        "restore_job_off: {database: crm, duration: 2 h}}]",
    )
    assert [t for t in times(result, "truth.restored") if at(1, "06:02") < t < at(1, "09:02")] == []
    assert any(t < at(1, "09:04") for t in times(result, "truth.restored") if t > at(1, "09:02"))


def test_a_dead_channel_delivers_neither() -> None:
    result = ran(
        "faults/base", "manager.restart_after=8 h",
        "events=[{at: Mon 06:00, dead_alert_channel: {duration: 3 h}}, {at: Mon 06:02, "
            "manager_crash: {}}]",
    )  # fmt: skip
    heard = [a["time_us"] for a in summary_json(result.summary)["alerts"]["list"]]
    assert told(result)[0] == at(1, "06:46") and heard[0] > at(1, "09:00")


# ---- quiet where there is nothing to tell
@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("databases.crm.log=every 1 h",),
        ("databases.crm.log=every 2 h",),
        ("databases.crm.log_volume=0 MB per 5 min",),
        (
            "databases.crm.log=none",
            "databases.crm.incremental=daily 01:00",
            "databases.crm.full=weekly Mon 03:00",
            "run_for=8 days",
        ),
        ("replay.delay=3 h",),
        ("replay.every=30 min",),
        ("engine.imitates=postgres",),
    ],
)
def test_it_is_silent_as_long_as_all_is_well(overrides: tuple[str, ...]) -> None:
    assert rows(ran("faults/base", *overrides), "seen.MonitorAlert") == []


def test_a_first_seed_under_way_is_no_overdue_restore(tmp_path: Path) -> None:
    result = made(tmp_path, """
name: seeding
run_for: 1 day
databases: {a: {size: 500 GB, seeded: false, full: daily 01:00}}
link: {bandwidth: 200 Mbit/s}
replication: {staging: 1 TB}
""")  # fmt: skip
    assert told(result) == []


# ---- true in words
WORDS = {
    OUT_OF_SYNC: (r"No restore was performed for (\d+) minutes", "truth.restored"),
    BACKUP_OVERDUE: (r"operation for (\d+) minutes", "truth.backup_finished"),
}


@pytest.mark.parametrize(
    "name", ["faults/manager_dead", "faults/restore_job_off", "faults/crash_while_silent", "faults/lose_secondary",
             "faults/throttle_for_long", "faults/wrong_clock", "sanity/full_fifo", "policies/resync"],
)  # fmt: skip
def test_what_it_says_of_time_is_true(name: str) -> None:
    result = ran(name)
    alerts = list(result.journal.rows("seen.MonitorAlert"))
    done: dict[str, list[Row]] = {
        kind: list(result.journal.rows(kind)) for _, kind in WORDS.values()
    }
    for alert in alerts:
        pattern, kind = WORDS[alert.values["event_id"]]
        (minutes,) = re.findall(pattern, alert.values["text"])
        logs = [r for r in done[kind] if r.entity == alert.entity and r.values.get("kind", 2) == 2]
        last = max((r.time_us for r in logs if r.time_us <= alert.time_us), default=0)
        assert int(minutes) == (alert.time_us - last) // MINUTE == alert.values["minutes"]
    assert all(b - a >= 5 * MINUTE for event in WORDS for a, b in pairwise(told(result, event)))


def test_a_copy_that_was_promoted_is_watched_no_more_though_its_site_is_lost_later(
    tmp_path: Path,
) -> None:
    """B is promoted at 42 min and lost at 54 min, while its failover waits for the cloud manager."""
    result = made(
        tmp_path,
        """\
run_for: 106 min
databases: {crm: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
cloud: {at: primary, mirror: {mode: runbook, every: 1 min}, provision: {at_most: 1 h}}
changes: {rate: 30 per hour, takes: 30 s}
after_failover: {new_secondary: 10 min}
events: [{at: 42 min, order_failover: dba}, {at: 54 min, lose: site}]
""",
    )
    assert len(result.summary.failovers) == 2
    assert told(result, BACKUP_OVERDUE) == []


BY_MISTAKE = """\
name: by_mistake
run_for: 4 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
events:
- {at: 7980 s, standby_broken: {database: crm, how: brought online}}
- {at: 3 h, slow_restore: {by: 2000, duration: 2 h}}
"""


def test_a_copy_that_was_brought_online_by_mistake_is_watched_once_it_is_restored_anew(
    tmp_path: Path,
) -> None:
    """It is no secondary from 2:13 to 2:16. A later delay is told of, with and without lanes."""
    result = made(tmp_path, BY_MISTAKE)
    assert told(result) and told(result)[0] > 3 * 60 * MINUTE
    assert run(replace(result.scenario, steps=True)).digest == result.digest
