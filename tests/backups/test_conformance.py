"""Every case of the published conformance set: which backups a restore must use, and which chains
are whole.

The data stands beside the project, not in it; without it these tests are skipped.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dr_sim.backups.chain import chain_is_valid, gaps
from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.backups.plan import plan
from dr_sim.backups.target import Reading, Target
from dr_sim.importers.sqlserver_history import HistoryEntry, parse_history

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
CASES_FILE = DATA / "conformance" / "dbatools_cases.json"
pytestmark = pytest.mark.skipif(
    not CASES_FILE.exists(), reason="no ../shared/data beside the project"
)
CASES: dict[str, Any] = (
    json.loads(CASES_FILE.read_text()) if CASES_FILE.exists() else {"select": [], "copy_only": {}}
)

LEFT_OUT = {
    None: (),
    "drop_diff": (Kind.INCREMENTAL,),
    "ignore_diff": (Kind.INCREMENTAL,),
    "ignore_logs": (Kind.LOG,),
}


def instant(text: str | None) -> int | None:
    return (
        None
        if text is None
        else int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000
    )


def by_finish(text: str | None) -> Target:
    """These cases go by the finish of a log's backup; the start is the safe reading."""
    return Target(utc_us=instant(text), reading=Reading.FINISH)


def history(name: str) -> list[HistoryEntry]:
    return parse_history((DATA / "dbatools" / name).read_bytes(), name)


def raw_rows(name: str) -> list[dict[str, Any]]:
    """The rows of a history with their own keys, read without the importer."""
    data = (DATA / "dbatools" / name).read_bytes()
    rows = json.loads(data.decode("utf-16" if data[:2] == b"\xff\xfe" else "utf-8"))
    return [{key.lower(): value for key, value in row.items()} for row in rows]


@pytest.mark.parametrize("case", CASES["select"], ids=lambda case: case["case"])
def test_select(case: dict[str, Any]) -> None:
    entries = history(case["input"])
    for what in [case["input_change"], *case["options"]]:
        entries = [entry for entry in entries if entry.header.kind not in LEFT_OUT[what]]
    found = plan([e.header for e in entries], target=by_finish(case["restore_time_utc"]))
    set_ids = {entry.header.backup_id: entry.set_id for entry in entries}
    ids = [set_ids[step.backup_id] for step in found.steps]
    expected = case["expected"]
    kinds = Counter(step.kind for step in found.steps)
    assert len(ids) == expected["total"]
    assert (kinds[Kind.FULL], kinds[Kind.INCREMENTAL], kinds[Kind.LOG]) == (
        expected["full"], expected["diff"], expected["log"],
    )  # fmt: skip
    # restored in order: the full, the differential, then the logs by LSN; the file lists the same
    # backups by their time
    assert set(ids) == set(case["derived_plan_ids"]) and len(ids) == len(case["derived_plan_ids"])
    assert [step.kind for step in found.steps] == sorted(step.kind for step in found.steps)
    assert found.hole is None
    rows = {row["backupsetid"]: row for row in raw_rows(case["input"])}
    chosen = [rows[set_id] for set_id in ids]
    for key, value in (case["not_in_plan"] or {}).items():
        if "=" in key:  # FirstLSN=LastLSN: an empty backup there
            assert not any(r["firstlsn"] == r["lastlsn"] == int(value) for r in chosen)
        else:
            assert not any(str(row[key.lower()]) == str(value) for row in chosen)
    for key, value in (case["in_plan"] or {}).items():
        counts = Counter(str(row[key.lower()]) for row in chosen)
        for text, count in (value if isinstance(value, dict) else {value: None}).items():
            assert counts[text] == count if count is not None else counts[text] > 0


def hand_made_header(row: dict[str, Any], forks: dict[str, int]) -> BackupHeader:
    """These rows number LSNs inclusively: log 3 ends at 450 and its follower begins at 451; a
    header's last_lsn is the first LSN after the set, hence + 1.
    """
    fork = forks.setdefault(row["fork"], len(forks) + 1)
    kind = {"D": Kind.FULL, "I": Kind.INCREMENTAL, "L": Kind.LOG}[row["type"]]
    started, finished = instant(row["start"]), instant(row["end"])
    assert started is not None and finished is not None
    return BackupHeader(
        "db", row["id"], kind, fork, row["first_lsn"], row["last_lsn"] + 1, row["checkpoint_lsn"],
        row["database_backup_lsn"], 0, fork, 0, started, finished, row["copy_only"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "case", CASES["copy_only"].get("cases", []), ids=lambda case: str(case["restore_time"])
)
@pytest.mark.parametrize("turned", [False, True])
def test_copy_only(case: dict[str, Any], turned: bool) -> None:
    forks: dict[str, int] = {}
    headers = [hand_made_header(row, forks) for row in CASES["copy_only"]["backups"]]
    found = plan(reversed(headers) if turned else headers, target=by_finish(case["restore_time"]))
    ids = [step.backup_id for step in found.steps]
    assert ids == [case["expected_full"], *case["expected_logs"]]
    assert not set(ids) & set(case["never"])
    assert found.hole is None


def test_where_the_published_cases_differ_from_the_safe_reading() -> None:
    """The cases go by the finish of a log's backup. By its start one more log is needed, and only
    where the instant lies while a log's backup ran: in two of the copy-only cases, in none of the
    others.
    """
    differ = []
    for case in CASES["copy_only"]["cases"]:
        forks: dict[str, int] = {}
        headers = [hand_made_header(row, forks) for row in CASES["copy_only"]["backups"]]
        found = plan(headers, target=Target(utc_us=instant(case["restore_time"])))
        if [step.backup_id for step in found.steps] != [
            case["expected_full"],
            *case["expected_logs"],
        ]:
            differ.append(case["restore_time"])
            assert [step.backup_id for step in found.steps] == [2, 3, 4]
    assert differ == ["2025-01-01T02:02:00", "2025-01-01T02:05:00"]
    for case in CASES["select"]:
        headers = [
            e.header
            for e in history(case["input"])
            if e.header.kind not in LEFT_OUT.get(case["input_change"], ())
        ]
        for option in case["options"]:
            headers = [h for h in headers if h.kind not in LEFT_OUT[option]]
        at = instant(case["restore_time_utc"])
        by_start, by_end = (
            plan(headers, target=Target(utc_us=at, reading=reading)) for reading in Reading
        )
        assert by_start.steps == by_end.steps, case["case"]


def headers_of(rows: list[dict[str, Any]]) -> list[BackupHeader]:
    return [entry.header for entry in parse_history(json.dumps(rows, default=str).encode())]


def planned_rows(without: str | None = None) -> list[dict[str, Any]]:
    """The rows of the plan for DiffRestore, in its order."""
    rows = [row for row in raw_rows("DiffRestore.json") if row["type"] != without]
    by_id = {row["backupsetid"]: row for row in rows}
    entries = parse_history(json.dumps(rows).encode())
    set_ids = {entry.header.backup_id: entry.set_id for entry in entries}
    return [by_id[set_ids[step.backup_id]] for step in plan([e.header for e in entries]).steps]


def striped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rows[0], *rows]


def in_order_2_0_1_4_3(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    logs = [row for row in rows if row["type"] == "Transaction Log"]
    others = [row for row in rows if row["type"] != "Transaction Log"]
    lsns = ("firstlsn", "lastlsn", "checkpointlsn", "databasebackuplsn")
    turned = [logs[index] for index in (2, 0, 1, 4, 3)]
    return [
        {key: str(value) if key in lsns else value for key, value in row.items()}
        for row in others + turned
    ]


def test_lsn_chain() -> None:
    """The six cases by their place in the set; each outcome is the one that it states."""
    cases = CASES["lsn_chain"]
    assert len(cases) == 6
    assert chain_is_valid(headers_of(planned_rows())) is cases[0]["expected"]
    assert (
        chain_is_valid([entry.header for entry in history("DiffRestore.json")])
        is cases[0]["expected"]
    )
    assert chain_is_valid(headers_of(planned_rows("Database Differential"))) is cases[1]["expected"]

    turned_round = headers_of(planned_rows())
    turned_round[4].first_lsn, turned_round[4].last_lsn = 2, 1
    assert chain_is_valid(turned_round) is cases[2]["expected"]

    other_base = planned_rows()
    for row in other_base:
        if row["firstlsn"] > 34000000006900179 and row["type"] == "Transaction Log":
            row["databasebackuplsn"] = 99999999999999999
    assert (
        isinstance(chain_is_valid(headers_of(other_base)), bool)
        and "boolean" in cases[3]["expected"]
    )

    assert chain_is_valid(headers_of(striped(planned_rows()))) is cases[4]["expected"]
    assert chain_is_valid(headers_of(in_order_2_0_1_4_3(planned_rows()))) is cases[5]["expected"]


def test_no_case_is_left_out() -> None:
    assert (len(CASES["select"]), len(CASES["copy_only"]["cases"]), len(CASES["lsn_chain"])) == (
        10,
        6,
        6,
    )


def test_a_log_taken_out_of_the_real_history_is_the_hole() -> None:
    headers = [entry.header for entry in history("DiffIssues.json")]
    logs = sorted((h for h in headers if h.kind is Kind.LOG), key=lambda h: h.first_lsn)
    assert len(logs) == 779 and gaps(headers) == []
    lost = logs[400]
    kept = [h for h in headers if h is not lost and h.kind is not Kind.INCREMENTAL]
    (hole,) = gaps(kept)
    assert (hole.first_lsn, hole.last_lsn, hole.after) == (lost.first_lsn, lost.last_lsn, logs[401])
    found = plan(kept)
    assert found.reaches == (1, lost.first_lsn) and found.hole == hole
    assert not chain_is_valid(kept)
