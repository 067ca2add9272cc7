"""No alert says what is not so: while a first full is on its way, while a copy arrives, while fulls
are empty.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from dr_sim.backups.model import Kind
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.record.journal import Row
from dr_sim.runs.run import Result, run
from tests.at_length import some_or_all

from .runs import MINUTE, SECOND, at, ran, rows, times


def alerts(result: Result, leg: int, event_id: int | None = None) -> list[Row]:
    found = list(result.whole.legs[leg].journal.rows("seen.RaiseAlert"))
    return [row for row in found if event_id in (None, row.values["event_id"])]


def made(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "made.yaml"
    path.write_text(text, encoding="utf-8")
    return run(load_scenario(path))


@pytest.mark.parametrize("imitates", ["sql_server", "postgres"])
@pytest.mark.parametrize("size", ["50 GB", "500 GB"])
@pytest.mark.parametrize("lost", some_or_all(["site", "host", "database"], 3))
def test_while_the_first_full_is_on_its_way_that_is_told_and_told_once(
    lost: str, size: str, imitates: str
) -> None:
    """No log is missing from a chain that has not begun, and no restore was made that minutes could
    have passed since.
    """
    result = ran(
        "quickstart",
        f"events.6.lose={lost}",
        f"databases.crm.size={size}",
        "run_for=13 days",
        f"engine.imitates={imitates}",
    )
    assert len(result.whole.legs) == 2
    (not_yet,) = alerts(result, 1, 19)
    assert (
        not_yet.values["level"] == "error"
        and "[15] minutes since the secondary was put in place" in not_yet.values["text"]
    )
    first_restore = next(iter(result.whole.legs[1].journal.rows("truth.restored"))).time_us
    assert not_yet.time_us < first_restore
    before = [row for row in alerts(result, 1) if row.time_us < first_restore]
    assert not [row for row in before if row.values["event_id"] in (1, 3, 8, 18)]
    assert not [row for row in before if "since the last successful restore" in row.values["text"]]


def test_a_first_full_that_comes_soon_is_no_news() -> None:
    result = ran("quickstart", "databases.crm.size=5 GB", "run_for=13 days")
    assert alerts(result, 1, 19) == []


def test_a_restart_does_not_tell_of_the_first_full_again(tmp_path: Path) -> None:
    result = made(tmp_path, """
name: seeding
run_for: 12 h
databases: {a: {size: 500 GB, seeded: false, full: daily 01:00}}
link: {bandwidth: 200 Mbit/s}
replication: {staging: 1 TB}
events:
  - {at: 2 h, manager_crash: {}}
  - {at: 3 h, manager_crash: {}}
""")  # fmt: skip
    assert len(alerts(result, 0, 19)) == 1


@pytest.mark.parametrize("imitates", ["sql_server", "postgres"])
def test_no_log_is_asked_for_before_the_first_full(tmp_path: Path, imitates: str) -> None:
    """The jobs of the schedule fail until the full has begun the chain, one event 9 for each."""
    result = made(tmp_path, f"""
name: no_full_yet
run_for: 4 h
engine: {{imitates: {imitates}}}
databases: {{a: {{size: 50 GB, seeded: false, full: daily 01:00}}}}
link: {{bandwidth: 200 Mbit/s}}
""")  # fmt: skip
    full = times(result, "truth.backup_finished", kind=Kind.FULL)[0]
    assert all(asked > full for asked in times(result, "seen.TakeBackup"))
    refused = times(result, "truth.backup_skipped", reason="refused by the engine")
    assert refused == sorted([5 * n * MINUTE for n in range(1, 13)] + [60 * MINUTE])  # no base
    assert [row.time_us for row in alerts(result, 0, 9)] == refused
    assert rows(result, "truth.restored") != []


# ---- event 4
def test_a_full_whose_copy_arrives_is_not_said_to_be_lost() -> None:
    """500 GB cross again for five and a half hours: that it could not be copied again would be
    untrue.
    """
    result = ran(
        "faults/base",
        "databases.crm.size=500 GB",
        "databases.crm.full=daily 01:00",
        "replication.staging=1 TB",
        "run_for=2 days",
        "events=[{at: Mon 01:30, corrupt_in_transit: {database: crm, kind: full}}]",
    )
    assert rows(result, "truth.damaged") != []
    assert rows(result, "seen.RaiseAlert", event_id=4) == []


def test_empty_fulls_are_told_of_at_every_retry_and_another_is_asked_for() -> None:
    result = ran("faults/empty_fulls")
    told = rows(result, "seen.RaiseAlert", event_id=4)
    first = told[0].time_us
    assert at(2, "01:19") < first < at(2, "01:20")
    assert all(b.time_us - a.time_us == 5 * MINUTE for a, b in pairwise(told))
    assert {r.values["level"] for r in told if r.time_us < first + 30 * MINUTE} == {"error"}
    assert {r.values["level"] for r in told if r.time_us >= first + 30 * MINUTE} == {"critical"}
    asked = times(result, "seen.TakeBackup", kind=Kind.FULL)
    assert asked[0] == first and all(b - a >= 60 * MINUTE for a, b in pairwise(asked))
    full = next(r.time_us for r in rows(result, "truth.restored") if r.time_us > at(3, "12:00"))
    assert full < at(3, "13:30") and told[-1].time_us < full
    assert not rows(result, "seen.RaiseAlert", event_id=19)


def test_with_logs_beside_them_too() -> None:
    """Logs go on as always; but a base that is not there is a danger to the next repair."""
    result = ran("faults/empty_fulls", "databases.crm.log=every 5 min")
    told = rows(result, "seen.RaiseAlert", event_id=4)
    assert told[-1].values["level"] == "critical" and all(
        b.time_us - a.time_us == 5 * MINUTE for a, b in pairwise(told)
    )
    assert times(result, "seen.TakeBackup", kind=Kind.FULL)[0] == told[0].time_us
    assert told[-1].time_us < at(3, "13:30")


def test_a_backup_that_fails_is_told_of_once() -> None:
    result = ran("capacity/share_full")
    failed = times(result, "truth.backup_failed")
    assert failed and times(result, "seen.RaiseAlert", event_id=9) == failed
    assert max(failed) > SECOND


_POSTGRES = ["engine.imitates=postgres"]


@pytest.mark.parametrize(
    ("base", "changed", "event_id", "error"),
    [
        (
            "capacity/share_full",
            [],
            9,
            r'3202 Write on "\S+" failed: 112\(There is not enough space on the disk\.\)',
        ),
        (
            "capacity/share_full",
            _POSTGRES,
            9,
            r'53100 could not write to file "\S+": No space left on device',
        ),
        (
            "capacity/log_full",
            [],
            10,
            r"9002 The transaction log for database 'crm' is full due to 'LOG_BACKUP'\.",
        ),
        (
            "capacity/log_full_postgres",
            [],
            10,
            r'53100 PANIC: could not write to file "pg_wal/xlogtemp": No space left on device',
        ),
        (
            "faults/readers",
            [],
            3,
            r"3101 Exclusive access could not be obtained because the database is in use\.",
        ),
        (
            "faults/readers",
            _POSTGRES,
            3,
            r'55006 database "crm" is being accessed by other users',
        ),
        # nothing of PostgreSQL's has a word for it: the number is dr_sim's
        ("faults/second_log_job", _POSTGRES, 1, r"60004 The log begins at LSN \d+; .*"),
    ],
)
def test_an_alert_gives_an_error_as_the_engine_prints_it(
    base: str, changed: list[str], event_id: int, error: str
) -> None:
    """No number comes before a SQLSTATE: PostgreSQL prints none."""
    result = ran(base, *changed)
    raised = alerts(result, 0, event_id)
    assert raised
    for row in raised:
        said = re.split(r"The SQL error provided (?:while restoring )?is: ", row.values["text"])[1]
        assert re.fullmatch(error, said), said
    assert not summary_json(result.summary)["violations"]
