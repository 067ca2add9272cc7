"""Two chains of one database: a store with fulls of its own schedule (W1). Every number is worked
out by hand.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.record.journal import Row
from dr_sim.record.pairs import pair_of
from dr_sim.runs.run import Result, run

from .runs import HOUR, MINUTE, SECOND, ceil_div, failover, ran

FULL, INCREMENTAL, LOG = 0, 1, 2
TAPE, VAULT = 0, 1
"""The pairs of the places, in the order in which they are written."""
READ = 200 * 10**6
FULL_RESTORE = SECOND + ceil_div(100 * 10**9, READ)
LOG_RESTORE = SECOND + ceil_div(60 * 10**6, READ)
FULL_TAKES = 5 * SECOND + ceil_div(100 * 10**9, 191 * 10**6)

CASE = """
name: two chains
run_for: {days} days
databases:
  crm: {{size: 100 GB, log_volume: 20 MB per 5 min, full: {full}, {incremental}: daily 13:00, log: every 15 min}}
primary: {{disk: 2 GB/s, retention: 1 day}}
link: {{bandwidth: 10 Gbit/s}}
copies: {copies}
failover: {{mode: automatic}}
engine: {{imitates: {engine}}}
events: [{events}]
"""
TWO = "{tape: {store: {}}, vault: {store: {schedule: {full: daily 01:00}}}}"


def played(
    folder: Path,
    copies: str,
    days: int = 2,
    full: str = "daily 01:00",
    engine: str = "sql_server",
    events: str = "",
) -> Result:
    """The run of a small case: no invariant breaks."""
    file = folder / "case.yaml"
    incremental = "incremental" if engine == "postgres" else "differential"
    file.write_text(CASE.format(**locals()), encoding="utf-8")
    result = run(load_scenario(file))
    assert summary_json(result.summary)["violations"] == []
    return result


def of_pair(result: Result, pair: int, record: str, kind: int | None = None) -> list[Row]:
    found = (row for row in result.journal.rows(record) if pair_of(row.entity) == pair)
    return [row for row in found if kind is None or row.values["kind"] == kind]


def begins(result: Result, pair: int, kind: int) -> list[int]:
    return [row.time_us for row in of_pair(result, pair, "truth.backup_begin", kind)]


# ---- the scenario of the library
def test_the_chain_of_the_second_tool_is_back_first() -> None:
    """Its full of 16:00 and 12 logs; the first tool's chain would need 172 logs."""
    result = ran("stores/two_chains")
    assert result.verdict.outcome is Outcome.PASS
    phases = failover(result)["phases_us"]
    assert phases["drain"] == FULL_RESTORE + 12 * LOG_RESTORE
    assert failover(result)["data_loss_us"] == 7 * MINUTE
    ways = {way["place"]: way for way in failover(result)["ways"]}
    assert ways["vault"]["standing"] == "taken" and ways["tape"]["standing"] == "possible"
    longer = ways["tape"]["outage_us"] - ways["vault"]["outage_us"]
    assert longer == (172 - 12) * LOG_RESTORE
    # a copy that was made from a copy-only full goes on with the chain of logs
    assert summary_json(result.summary)["failovers"][0]["unprotected_us"] < 15 * MINUTE


def test_each_place_knows_its_own_fulls_and_both_know_the_logs() -> None:
    result = ran("stores/two_chains")
    seed, monday, tuesday = begins(result, VAULT, FULL)
    assert (seed, monday) == (0, 16 * HOUR)
    # it waits for a full of the first tool, which is taken again since the one before was empty
    ended = {row.time_us for row in of_pair(result, TAPE, "truth.backup_empty")}
    assert tuesday in ended and 40 * HOUR < tuesday < 40 * HOUR + FULL_TAKES
    assert 16 * HOUR not in begins(result, TAPE, FULL)
    assert begins(result, TAPE, LOG) == begins(result, VAULT, LOG)
    names = {row.values["name"] for row in of_pair(result, TAPE, "truth.landed", FULL)}
    assert not any("_16_0" in name for name in names)


# ---- the first chain is the same
def test_the_second_chain_changes_nothing_in_the_first(tmp_path: Path) -> None:
    """Its fulls are copy-only: the incrementals of 13:00 stand on the fulls of 01:00."""
    own = played(tmp_path, TWO.replace("01:00", "07:00"))
    alone = played(tmp_path, "{tape: {store: {}}, vault: {store: {takes: [full, log]}}}")
    for record in ("truth.backup_finished", "truth.landed"):
        assert [(row.time_us, row.values["kind"]) for row in of_pair(own, TAPE, record)] == [
            (row.time_us, row.values["kind"]) for row in of_pair(alone, TAPE, record)
        ]
    assert begins(own, VAULT, INCREMENTAL) == []
    restored = played(
        tmp_path, TWO.replace("01:00", "07:00"), events='{at: "Tue 14:07", lose: site}'
    )
    ways = {way["place"]: way for way in failover(restored)["ways"]}
    # tape: the full, the incremental on it and the logs of 13:15 to 14:00
    assert ways["tape"]["standing"] == "taken"
    assert ways["tape"]["why"].startswith("6 files")


# ---- two fulls at one time
def test_by_sql_servers_rules_the_second_full_waits_for_the_first(tmp_path: Path) -> None:
    result = played(tmp_path, TWO)
    first, second = begins(result, TAPE, FULL)[1], begins(result, VAULT, FULL)[1]
    assert first == HOUR
    assert second == of_pair(result, TAPE, "truth.backup_finished", FULL)[1].time_us
    assert second >= first + FULL_TAKES


def test_by_postgresql_rules_two_base_backups_are_made_side_by_side(tmp_path: Path) -> None:
    result = played(tmp_path, TWO, engine="postgres")
    assert begins(result, TAPE, FULL)[1] == begins(result, VAULT, FULL)[1] == HOUR


def test_a_full_of_the_first_chain_waits_for_one_of_the_second(tmp_path: Path) -> None:
    result = played(tmp_path, TWO.replace("01:00", "00:58"))
    (finished,) = [
        row.time_us
        for row in of_pair(result, VAULT, "truth.backup_finished", FULL)
        if HOUR < row.time_us < 2 * HOUR
    ]
    assert begins(result, TAPE, FULL)[1] == finished > HOUR


# ---- retention is each one's own
def test_each_chain_is_kept_by_the_rule_of_its_place(tmp_path: Path) -> None:
    """tape keeps a week; the vault a day, and so its newest full that is a day old and the one
    after it. The primary deletes what is a day old, and nothing that a place has not got.
    """
    copies = (
        "{tape: {store: {retention: 7 days}}, vault: {store: {schedule: {full: daily 07:00}, "
        "retention: 1 day, keep_fulls: 1}}}"
    )
    result = played(tmp_path, copies, days=5)
    deleted = {
        pair: {
            row.values["file"]
            for row in of_pair(result, pair, "truth.file_gone")
            if (row.values["where"], row.values["why"]) == ("secondary", "retention")
        }
        for pair in (TAPE, VAULT)
    }
    assert not deleted[TAPE]
    fulls = {row.values["file"] for row in of_pair(result, VAULT, "truth.backup_finished", FULL)}
    assert len(deleted[VAULT] & fulls) >= 2
    at_primary = {
        row.values["file"]
        for row in of_pair(result, VAULT, "truth.file_gone")
        if (row.values["where"], row.values["why"]) == ("primary", "retention")
    }
    assert len(at_primary & fulls) >= 2


# ---- roles change
@pytest.mark.parametrize("engine", ["sql_server", "postgres"])
def test_both_chains_go_on_behind_the_next_primary(tmp_path: Path, engine: str) -> None:
    """The store with its own fulls is written first, so it leads the places behind the primary; it
    is restored, and so is the machine after it.
    """
    copies = "{vault: {store: {schedule: {full: daily 16:00}}}, tape: {store: {}}}"
    events = '{at: "Tue 19:07", lose: site}, {at: "Thu 02:07", lose: host}'
    result = played(tmp_path, copies, 4, engine=engine, events=events)
    found = summary_json(result.summary)["failovers"]
    for each in found:
        ways = {way["place"]: way["standing"] for way in each["ways"]}
        assert ways == {"vault": "taken", "tape": "possible"}
    wednesday = 2 * 24 * HOUR
    assert wednesday + 16 * HOUR in begins(result, 2, FULL)
    assert wednesday + HOUR in begins(result, 3, FULL)
    assert wednesday + HOUR not in begins(result, 2, FULL)


def test_what_the_share_holds_of_its_own_chain_is_fetched_after_the_loss_of_a_host(
    tmp_path: Path,
) -> None:
    """The full of 16:00 stays at its source for two hours and has come; the logs of the last two
    hours have not, and are fetched.
    """
    copies = "{tape: {store: {}}, vault: {store: {schedule: {full: daily 16:00}, hold: 2 h}}}"
    events = '{at: "Tue 18:30", lose_secondary: 20 h, copy: tape}, {at: "Tue 19:07", lose: host}'
    result = played(tmp_path, copies, events=events)
    assert failover(result)["data_loss_us"] == 7 * MINUTE
    ways = {way["place"]: way["standing"] for way in failover(result)["ways"]}
    assert ways == {"tape": "closed", "vault": "taken"}


def test_a_store_of_dumps_alone_loses_what_came_after_its_last_full(tmp_path: Path) -> None:
    """It takes no logs. Its full of 16:00 holds all up to its end, 55 s after it began: 100 GB at
    the 2 GB/s of the disk.
    """
    copies = (
        "{tape: {store: {}}, dumps: {store: {takes: [full], schedule: {full: daily 16:00, "
        "cost: {fixed: 5 s, rate: 100 GB/s}}}}}"
    )
    events = '{at: "Tue 18:30", lose_secondary: 20 h, copy: tape}, {at: "Tue 19:07", lose: site}'
    result = played(tmp_path, copies, events=events)
    lost = failover(result)["data_loss_us"]
    assert abs(lost - (3 * HOUR + 7 * MINUTE - 55 * SECOND)) < 2 * SECOND


def test_a_kind_that_no_store_takes_is_deleted_at_the_primary_without_a_breach(
    tmp_path: Path,
) -> None:
    """The logs never land at a store of fulls, and go after a day."""
    copies = "{near: {}, dumps: {store: {takes: [full]}}}"
    result = played(tmp_path, copies, days=3)
    gone = of_pair(result, 1, "truth.file_gone")
    logs = {row.values["file"] for row in of_pair(result, 1, "truth.backup_begin", LOG)}
    assert any(
        row.values["file"] in logs
        and (row.values["where"], row.values["why"]) == ("primary", "retention")
        for row in gone
    )


OWN_FIRST = "{vault: {store: {schedule: {full: daily 16:00}}}, tape: {store: {}}}"
OWN_LAST = "{tape: {store: {}}, vault: {store: {schedule: {full: daily 16:00}}}}"
FAULTS = [
    "missing_file: {database: crm, kind: full}",
    "missing_file: crm",
    "duplicate_file: {database: crm, name: other}",
    "corrupt_at_rest: {database: crm, where: primary, files: 9}",
    "paused_backups: {database: crm, duration: 4 h}",
]


@pytest.mark.parametrize(
    "copies", [OWN_FIRST, OWN_LAST], ids=["own chain first", "own chain second"]
)
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_at_the_primary_meet_both_chains(tmp_path: Path, copies: str, fault: str) -> None:
    """An hour before the full of either chain, with the loss of the site after both."""
    events = f'{{at: "Mon 15:00", {fault}}}, {{at: "Tue 00:30", {fault}}}, '
    events += '{at: "Tue 19:07", lose: site}'
    result = played(tmp_path, copies, events=events)
    assert failover(result)["data_loss_us"] < HOUR


# ---- logs and incrementals of its own
def spans(result: Result, pair: int, record: str, kind: int | None = None) -> list[tuple[int, int]]:
    """First and last LSN of each."""
    rows = of_pair(result, pair, record, kind)
    return [(row.values["first_lsn"], row.values["last_lsn"]) for row in rows]


def holes(found: list[tuple[int, int]]) -> int:
    return sum(after[0] > before[1] for before, after in pairwise(sorted(found)))


def test_by_sql_servers_rules_two_log_jobs_break_each_others_chain() -> None:
    """Each log is in the files of one tool; of each full hour one tool has 15 min, the other what
    was written while it waited.
    """
    result = ran("stores/two_log_chains")
    assert result.verdict.outcome is Outcome.PASS
    assert summary_json(result.summary)["violations"] == []
    tape = spans(result, TAPE, "truth.backup_finished", LOG)
    vault = spans(result, VAULT, "truth.backup_finished", LOG)
    assert not set(tape) & set(vault)
    assert holes(tape) == 43  # one at each full hour up to Tue 19:00
    assert holes(sorted(tape + vault)) == 0
    # what one lacks was truncated for it
    assert set(spans(result, TAPE, "truth.log_truncated")) == set(vault)
    assert set(spans(result, VAULT, "truth.log_truncated")) == set(tape)
    ways = {way["place"]: way for way in failover(result)["ways"]}
    assert ways["vault"]["standing"] == "taken"
    lost = failover(result)["data_loss_us"]
    full_ends = 40 * HOUR + FULL_TAKES
    assert 0 <= 43 * HOUR + 7 * MINUTE - full_ends - lost < 2 * SECOND
    # tape: since the log of 13:45
    assert ways["tape"]["loss_us"] == 5 * HOUR + 22 * MINUTE
    told = {row.values["event_id"] for row in of_pair(result, VAULT, "seen.RaiseAlert")}
    assert 19 in told


def test_by_postgresql_rules_each_archive_has_the_whole_log() -> None:
    result = ran("stores/two_archives")
    assert result.verdict.outcome is Outcome.PASS
    assert summary_json(result.summary)["violations"] == []
    near = spans(result, 0, "truth.backup_finished", LOG)
    vault = spans(result, 1, "truth.backup_finished", LOG)
    assert holes(near) == holes(vault) == 0 < len(vault) < len(near)
    assert of_pair(result, 0, "truth.log_truncated") == []
    # full, incremental on it, logs of 17:00 to 19:00
    ways = {way["place"]: way for way in failover(result)["ways"]}
    assert ways["vault"]["standing"] == "taken" and ways["vault"]["why"].startswith("5 files")
    assert ways["near"]["why"].startswith("26 files")
    assert failover(result)["data_loss_us"] == 7 * MINUTE


@pytest.mark.parametrize("engine", ["sql_server", "postgres"])
@pytest.mark.parametrize("first", [True, False], ids=["own chain first", "own chain second"])
def test_both_chains_of_logs_go_on_behind_the_next_primary(
    tmp_path: Path, engine: str, first: bool
) -> None:
    """After the second failure the vault is restored from what came since the first one."""
    own = "{full: daily 16:00, log: every 30 min offset 7 min}"
    copies = [f"vault: {{store: {{schedule: {own}}}}}", "tape: {store: {}}"]
    if not first:
        copies.reverse()
    events = '{at: "Tue 19:07", lose: site}, {at: "Thu 02:09", lose: host}'
    result = played(tmp_path, f"{{{', '.join(copies)}}}", 4, engine=engine, events=events)
    found = summary_json(result.summary)["failovers"]
    assert len(found) == 2
    if engine == "postgres":
        assert all(each["data_loss_us"] <= 30 * MINUTE for each in found)
        for pair in range(4):
            assert holes(spans(result, pair, "truth.backup_finished", LOG)) == 0


@pytest.mark.parametrize("engine", ["sql_server", "postgres"])
def test_the_tail_of_a_lost_database_is_of_the_chain_that_is_restored(
    tmp_path: Path, engine: str
) -> None:
    """By PostgreSQL's rules nothing is lost. By SQL Server's the hole before it stays."""
    copies = "{vault: {store: {schedule: {full: daily 16:00, log: every 1 h}}}, tape: {store: {}}}"
    events = (
        '{at: "Tue 18:30", lose_secondary: 20 h, copy: tape}, {at: "Tue 19:07", lose: database}'
    )
    result = played(tmp_path, copies, engine=engine, events=events)
    lost = failover(result)["data_loss_us"]
    assert lost == 0 if engine == "postgres" else lost > 2 * HOUR


LOG_FAULTS = [
    "silent_backups: {database: crm, kind: log, duration: 1 h}",
    "second_log_job: {database: crm}",
    "backup_cut_off: {database: crm}",
    "recovery_model: {database: crm, duration: 30 min}",
    "log_full: {database: crm, room: 10 MB, duration: 1 h}",
    "half_written: {database: crm}",
]


@pytest.mark.parametrize("engine", ["sql_server", "postgres"])
@pytest.mark.parametrize("fault", [*FAULTS, *LOG_FAULTS])
def test_faults_at_the_primary_meet_both_chains_of_logs(
    tmp_path: Path, fault: str, engine: str
) -> None:
    copies = OWN_LAST.replace("16:00", "16:00, log: every 40 min")
    events = f'{{at: "Mon 15:00", {fault}}}, {{at: "Tue 00:30", {fault}}}, '
    events += '{at: "Tue 19:07", lose: site}'
    played(tmp_path, copies, events=events, engine=engine)
