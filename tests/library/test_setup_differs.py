"""Replay that is refused for what the log contains, until somebody acts: told in the engine's
words, and nothing else is tried.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.measures.outage_now.ways import ways_at
from dr_sim.measures.summary.plain import summary_json
from dr_sim.recovery.repair.refusals import SETUP_ERRORS, needs_somebody, passes_here
from dr_sim.runs.run import Result, run
from dr_sim.world.secondary.setup import POSTGRES_REASONS, Difference, Reason

from .runs import HOUR, MINUTE, SECOND, at, failover, in_first_leg, ran, rows, times

QUIET_PEAK_US = 302_800_000
HOUR_LOG = at(1, "10:05")
WORDS = {
    "file_added": ("5133", "3156", "system cannot find the path"),
    "disk_missing": ("5133", "3156", "device is not ready"),
    "newer_version": ("3169", "incompatible with this server"),
    "key_missing": ("33111", "thumbprint"),
}


def made(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "made.yaml"
    path.write_text(text, encoding="utf-8")
    return run(load_scenario(path))


def changed(because: str, *more: str, repaired: str = "") -> Result:
    after = f", repaired_after: {repaired}" if repaired else ""
    event = f"{{at: Mon 10:02, setup_differs: {{database: crm, because: {because}{after}}}}}"
    return ran(
        "faults/base",
        "failover.mode=automatic",
        f"events=[{event}, {{at: Mon 14:01, lose: site}}]",
        *more,
    )


@pytest.mark.parametrize("because", WORDS)
def test_replay_stands_and_is_told_of_in_the_engine_s_words(because: str) -> None:
    result = changed(because)
    assert summary_json(result.summary)["violations"] == []
    restored = [r.time_us for r in in_first_leg(result, "truth.restored")]
    assert max(restored) < at(1, "10:05")
    assert (
        summary_json(result.summary)["legs"][0]["exposure"]["max_us"] == QUIET_PEAK_US
    )  # files land as always
    told = [r for r in rows(result, "seen.RaiseAlert", event_id=3) if r.time_us < at(1, "14:01")]
    assert told[0].time_us < HOUR_LOG + 17 * MINUTE
    assert (
        all(b.time_us - a.time_us == 5 * MINUTE for a, b in pairwise(told))
        and told[-1].values["level"] == "critical"
    )
    assert all(word in told[-1].values["text"] for word in WORDS[because])
    # neither bridge nor resync: no backup holds less of it
    assert rows(result, "seen.TakeBackup") == []


def test_a_failover_stops_before_that_log_and_says_so() -> None:
    result = ran("faults/setup_differs")
    assert failover(result)["data_loss_us"] == 4 * 60 * MINUTE + MINUTE
    told = in_first_leg(result, "seen.RaiseAlert")
    after = [r for r in told if r.time_us > at(1, "14:01")]
    assert [r.values["event_id"] for r in after if r.values["event_id"] in (3, 6)] == [3, 6]
    assert "[48] here but damaged, refused or behind a hole" in after[-1].values["text"]
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize(
    ("repaired", "foretold_us"),
    # in the middle of the drain, which ends about 14:01:53; and an hour too late
    [("239 min 20 s", MINUTE), ("5 h", 4 * HOUR + MINUTE), ("", 4 * HOUR + MINUTE)],
)
def test_what_the_standby_would_lose_is_foretold(repaired: str, foretold_us: int) -> None:
    """All that was written since the log of 10:00 was cut, although it has landed."""
    result = changed("file_added", repaired=repaired)
    (way,) = ways_at(result.whole, result.whole.legs[0], at(1, "14:01"), "site")
    assert way.loss_us == failover(result)["data_loss_us"] == foretold_us


def test_somebody_who_acts_sets_it_right_at_once() -> None:
    result = ran("faults/setup_differs_repaired")
    restored = [r.time_us for r in in_first_leg(result, "truth.restored")]
    later = [t for t in restored if t > at(1, "10:05")]
    assert at(1, "12:02") < later[0] < at(1, "12:02") + 5 * MINUTE + 2_000_000 and len(later) == 48
    assert failover(result)["data_loss_us"] == MINUTE
    assert [t for t in times(result, "seen.RaiseAlert", event_id=3) if t > at(1, "12:08")] == []


def test_one_who_acts_just_before_the_failover_is_in_time() -> None:
    """The log is tried again in the drain, however often it was refused before: the last ordinary
    retry is at 14:00:50, somebody acts at 14:01:20, and the drain begins at 14:01:51.
    """
    result = changed("file_added", repaired="239 min 20 s")
    assert failover(result)["data_loss_us"] == MINUTE and result.summary.violations == []


def test_a_full_that_is_refused_for_it_is_not_hashed_again_in_a_failover(tmp_path: Path) -> None:
    """A certificate is missing: the full of Tuesday is refused like every log since Monday. Each is
    tried once in the drain, a second each; to hash 50 GB again would take 100 s and change nothing.
    """
    path = tmp_path / "key.yaml"
    path.write_text(
        "name: key\nrun_for: 2 days\nlink: {bandwidth: 200 Mbit/s}\n"
        "databases: {erp: {size: 50 GB, full: daily 01:00, differential: none}}\n"
        "replication: {staging: 100 GB}\nfailover: {mode: automatic}\nevents:\n"
        '  - {at: "Mon 10:02", setup_differs: {database: erp, because: key_missing}}\n'
        '  - {at: "Tue 02:01", lose: host}\n',
        encoding="utf-8",
    )
    found = failover(run(load_scenario(path)))
    assert found["data_loss_us"] == 16 * HOUR + MINUTE
    assert 2 * SECOND <= found["phases_us"]["drain"] <= 3 * SECOND


def test_by_postgresql_s_rules_it_speaks_postgresql(tmp_path: Path) -> None:
    result = changed("file_added", "engine.imitates=postgres")
    told = rows(result, "seen.RaiseAlert", event_id=3)
    assert 'FATAL: directory "/data/tablespaces/crm_2" does not exist' in told[0].values["text"]
    assert (
        rows(result, "seen.TakeBackup") == [] and summary_json(result.summary)["violations"] == []
    )


@pytest.mark.parametrize("policy", ["bridge", "skip_ahead", "resync"])
def test_no_policy_asks_for_a_backup_because_of_it(policy: str) -> None:
    """Scheduled incrementals and fulls land, hold the change, and help nobody."""
    result = changed(
        "file_added",
        f"replay.on_hole={policy}",
        "databases.crm.incremental=every 1 h",
        "databases.crm.full=daily 11:00",
        "databases.crm.size=5 GB",
    )
    assert rows(result, "seen.TakeBackup") == []
    assert [t for t in times(result, "truth.restored") if at(1, "10:05") < t < at(1, "14:01")] == []
    assert summary_json(result.summary)["violations"] == []


def test_a_database_without_logs_is_told_of_too(tmp_path: Path) -> None:
    result = made(
        tmp_path,
        """
name: index
run_for: 3 days
databases: {a: {size: 5 GB, full: daily 01:00, differential: none, log: none}, b: {size: 5 GB, full: daily 02:00, log: none}}
link: {bandwidth: 1 Gbit/s}
replication: {staging: 1 TB}
failover: {mode: automatic}
events:
  - {at: "Mon 10:02", setup_differs: {database: a, because: key_missing, repaired_after: 30 h}}
  - {at: "Wed 12:00", lose: site}
""",
    )
    told = rows(result, "seen.RaiseAlert", event_id=20)
    assert {r.values["database"] for r in told} == {"a"} and told[-1].values["level"] == "critical"
    assert at(2, "01:00") < told[0].time_us < at(2, "01:05") and told[-1].time_us < at(2, "16:10")
    restored = [r.time_us for r in rows(result, "truth.restored") if r.entity == 0]
    assert any(at(2, "16:02") < t < at(2, "16:08") for t in restored)
    assert (
        rows(result, "seen.TakeBackup") == [] and summary_json(result.summary)["violations"] == []
    )


def test_two_databases_and_a_first_full(tmp_path: Path) -> None:
    """A first full that holds the change is refused; the other database is as always."""
    result = made(tmp_path, """
name: two
run_for: 12 h
databases: {a: {size: 5 GB, seeded: false, full: daily 01:00}, b: {size: 5 GB}}
link: {bandwidth: 1 Gbit/s}
events:
  - {at: "30 min", setup_differs: a}
""")  # fmt: skip
    told = rows(result, "seen.RaiseAlert", event_id=20)
    assert {r.values["database"] for r in told} == {"a"} and "33111" not in told[0].values["text"]
    assert not [r for r in rows(result, "truth.restored") if r.entity == 0]
    assert len([r for r in rows(result, "truth.restored") if r.entity == 1]) > 140
    assert len(rows(result, "seen.TakeBackup", kind=0)) <= 1


# ---- the class of an error, and what is refused at load
def test_errors_are_told_apart_by_their_class() -> None:
    for reason in Reason:
        assert needs_somebody(Difference(0, 1, reason).error("crm", "sql_server").number)
    for reason in POSTGRES_REASONS:
        assert needs_somebody(Difference(0, 1, reason).error("crm", "postgres").number)
    assert not any(passes_here(number) for number in SETUP_ERRORS)
    assert not any(
        needs_somebody(number)
        for number in (3101, 3136, 3183, 3189, 3201, 3203, 3241, 3257, 4305, 4326, 4330)
    )


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("engine.kind=sqlite", "set up alike on both sides"),
        ("engine.imitates=postgres", "stumbles over file_added"),
    ],
)
def test_what_the_engine_cannot_refuse_is_refused_at_load(
    tmp_path: Path, override: str, words: str
) -> None:
    path = tmp_path / "made.yaml"
    path.write_text("""
name: refused
run_for: 1 day
databases: {crm: {size: 5 GB}}
link: {bandwidth: 1 Gbit/s}
events: [{at: 1 h, setup_differs: {database: crm, because: key_missing}}]
""", encoding="utf-8")  # fmt: skip
    load_scenario(path)
    with pytest.raises(InputError, match=words):
        load_scenario(path, [override])
