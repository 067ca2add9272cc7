"""`dr-sim plan`: real histories against a planner written anew here, by trying every chain;
targets, exits, texts.
"""

from __future__ import annotations

import json
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dr_sim.backups.outlook import look_ahead
from dr_sim.backups.target import ASSUMED_FIXED_US, ASSUMED_RATE_BYTES_S
from dr_sim.cli.main import main
from dr_sim.importers.plan_source import Forks
from dr_sim.importers.plan_sources import sources_in
from dr_sim.loading import load_scenario
from dr_sim.results.run_folder import read_results, write_results
from dr_sim.runs.run import run
from dr_sim.scenario.reading.defaults import DEFAULTS
from dr_sim.units import format_disk_rate, format_duration

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="no ../shared/data beside the project")
SCENARIOS = Path(__file__).parents[1] / "scenarios"


def planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """(exit code, the first database's plan) of a plan as JSON."""
    code = main(["plan", *arguments, "--json"])
    out = json.loads(capsys.readouterr().out)
    assert out["exit_code"] == code
    return code, out["databases"][0]


def files_of(answer: dict[str, Any], *kinds: str) -> list[str]:
    return [step["file"] for step in answer["steps"] if not kinds or step["kind"] in kinds]


# ---- a planner of its own: SQL Server
Row = dict[str, Any]


def raw_rows(path: Path) -> list[Row]:
    data = path.read_bytes()
    rows = json.loads(data.decode("utf-16" if data[:2] == b"\xff\xfe" else "utf-8-sig"))
    return [{key.lower(): value for key, value in row.items()} for row in rows]


def name_of(row: Row) -> str:
    path = row.get("backuppath")
    name = str(path).replace("\\", "/").rpartition("/")[2]
    return name if path else f"set {row['backupsetguid']}"


def by_logs(start: int, logs: list[Row]) -> tuple[int, int]:
    """(furthest LSN, number of logs) from a position, by always taking the log that covers it and
    reaches furthest.
    """
    count, best = 0, start
    for log in [*sorted(logs, key=lambda log: log["firstlsn"]), {"firstlsn": 10**30, "lastlsn": 0}]:
        if log["firstlsn"] > start and best > start:
            start, count = best, count + 1
        if log["firstlsn"] <= start:
            best = max(best, log["lastlsn"])
    return start, count


def base_of(differential: Row) -> int:
    """Return the checkpoint LSN of its base, as the engine compares it."""
    return int(differential.get("differentialbaselsn") or differential["databasebackuplsn"])


def every_chain(rows: list[Row]) -> tuple[int, list[str], int]:
    """(furthest LSN, full and differential of the best chain, its logs): all fulls, all
    differentials on each.
    """
    kinds = {
        kind: [row for row in rows if row["type"] == kind]
        for kind in ("Database", "Database Differential", "Transaction Log")
    }
    chains = []
    for full in kinds["Database"]:
        on_it = [
            d
            for d in kinds["Database Differential"]
            if base_of(d) == full["checkpointlsn"] and d["lastlsn"] > full["lastlsn"]
        ]
        for last in [full, *on_it]:
            lsn, count = by_logs(last["lastlsn"], kinds["Transaction Log"])
            names = [name_of(full)] if last is full else [name_of(full), name_of(last)]
            chains.append((lsn, last["lastlsn"], full["lastlsn"], -count, names))
    if not chains:
        return 0, [], 0
    lsn, _, _, count, names = max(chains, key=lambda chain: chain[:4])
    return lsn, names, -count


def holds_for_every_file(path: Path, stride: int) -> None:
    rows = raw_rows(path)
    (source,) = sources_in(path.read_bytes(), path.name)
    logs = [row for row in rows if row["type"] == "Transaction Log"]
    others = [row for row in rows if row["type"] != "Transaction Log"]
    for gone in [None, *others, *logs[::stride]]:
        left = [row for row in rows if row is not gone]
        opened = source.open([name_of(gone)] if gone is not None else [], Forks())
        found = look_ahead(opened.headers, told=opened.told).plan
        lsn, names, count = every_chain(left)
        what = f"without {name_of(gone)}" if gone is not None else "with everything"
        if not names:
            assert found.reaches is None, what
            continue
        assert found.reaches is not None and found.reaches[1] == lsn, what
        assert [opened.names[s.backup_id] for s in found.steps if s.kind.word != "log"] == names, (
            what
        )
        assert len(found.steps) == len(names) + count, what


SQL_SERVER = sorted((DATA / "dbatools").glob("*.json")) if DATA.exists() else []


@needs_data
@pytest.mark.parametrize("path", SQL_SERVER, ids=lambda path: path.stem)
def test_sql_server_without_each_file_once(path: Path) -> None:
    holds_for_every_file(path, 1 if path.stat().st_size < 10**5 else 37)


@needs_data
@pytest.mark.long
@pytest.mark.parametrize(
    "path", [p for p in SQL_SERVER if p.stat().st_size > 10**5], ids=lambda path: path.stem
)
def test_sql_server_without_each_file_once_in_full(path: Path) -> None:
    holds_for_every_file(path, 1)


# ---- a planner of its own: base backups and what they stand on
def newest_chain(backups: dict[str, tuple[str, float]], until: float | None = None) -> list[str]:
    """backups: label -> (label of the parent or '', end). The labels up to the newest backup whose
    chain is whole.
    """
    best: list[str] = []
    for label, (_, end) in sorted(backups.items(), key=lambda item: item[1][1]):
        chain, at = [label], backups[label][0]
        while at and at in backups:
            chain.append(at)
            at = backups[at][0]
        if not at and (until is None or end <= until):
            best = chain[::-1]
    return best


def walg_backups() -> dict[str, tuple[str, float]]:
    rows = json.loads((DATA / "walg" / "backup-list.json").read_text())
    by_segment = {row["wal_file_name"]: row["backup_name"] for row in rows}
    return {
        row["backup_name"]: (
            by_segment[row["backup_name"].partition("_D_")[2]]
            if "_D_" in row["backup_name"]
            else "",
            datetime.fromisoformat(row["finish_time"]).timestamp(),
        )
        for row in rows
    }


@needs_data
def test_walg_without_each_one_and_each_two() -> None:
    backups = walg_backups()
    path = DATA / "walg" / "backup-list.json"
    (source,) = sources_in(path.read_bytes(), path.name)
    choices = [(), *combinations(backups, 1), *combinations(backups, 2)]
    for gone in choices:
        left = {label: backup for label, backup in backups.items() if label not in gone}
        opened = source.open(list(gone), Forks())
        found = look_ahead(opened.headers, told=opened.told).plan
        assert [
            opened.names[s.backup_id] for s in found.steps if s.kind.word != "log"
        ] == newest_chain(left), gone


@needs_data
def test_walg_until_just_after_each_backup(capsys: pytest.CaptureFixture[str]) -> None:
    backups = walg_backups()
    path = str(DATA / "walg" / "backup-list.json")
    for label, (_, end) in backups.items():
        until = datetime.fromtimestamp(end + 0.5).astimezone().isoformat()
        code, answer = planned(capsys, path, "--until", until)
        assert files_of(answer, "full", "incremental") == newest_chain(backups, end + 0.5)
        is_last = end == max(e for _, e in backups.values())
        assert code == (1 if is_last else 0), label  # beyond the last one nothing tells of WAL


PGBACKREST = sorted((DATA / "pgbackrest").glob("*.json")) if DATA.exists() else []


@needs_data
@pytest.mark.parametrize("path", PGBACKREST, ids=lambda path: path.stem)
def test_pgbackrest_without_each_backup_once(path: Path) -> None:
    stanzas = json.loads(path.read_text())
    for source in sources_in(path.read_bytes(), path.name):
        name, _, system = source.database.partition(" (")
        (stanza,) = [s for s in stanzas if s["name"] == name]
        ids = {(db["id"], db["repo-key"]): str(db["system-id"]) for db in stanza["db"]}
        backups = {
            row["label"]: (row["prior"] or "", row["timestamp"]["stop"])
            for row in stanza["backup"]
            if not system
            or ids[row["database"]["id"], row["database"]["repo-key"]] == system.rstrip(")")
        }
        for gone in ["", *backups]:
            left = {label: backup for label, backup in backups.items() if label != gone}
            opened = source.open([gone] if gone else [], Forks())
            found = look_ahead(opened.headers, told=opened.told).plan
            assert [
                opened.names[s.backup_id] for s in found.steps if s.kind.word != "log"
            ] == newest_chain(left), gone


BARMAN = sorted((DATA / "barman").glob("*.json")) if DATA.exists() else []


@needs_data
@pytest.mark.parametrize("path", BARMAN, ids=lambda path: path.stem)
def test_barman_without_each_backup_once(path: Path) -> None:
    """All of these are fulls: the newest that is left."""
    for source in sources_in(path.read_bytes(), path.name):
        labels = [name for name in source.open([], Forks()).names.values() if "WAL" not in name]
        assert labels
        for gone in ["", *labels]:
            opened = source.open([gone] if gone else [], Forks())
            found = look_ahead(opened.headers, told=opened.told).plan
            left = [label for label in labels if label != gone]
            assert [
                opened.names[s.backup_id] for s in found.steps if s.kind.word == "full"
            ] == left[-1:], gone


# ---- the command
def sql_row(number: int, kind: str, first: int, last: int, **more: Any) -> dict[str, Any]:
    return {
        "DatabaseName": "crm",
        "Type": kind,
        "BackupSetGUID": f"set-{number}",
        "FirstLSN": first,
        "LastLSN": last,
        "CheckpointLSN": first,
        "DatabaseBackupLSN": 0 if kind == "D" else 100,
        "BackupPath": f"D:\\b\\{number}.bak",
        "BackupStartDate": f"2024-05-01T{number:02}:00:00Z",
        "BackupFinishDate": f"2024-05-01T{number:02}:10:00Z",
        "BackupSize": 712_000_000,
        "CompressedBackupSize": 100_000_000,
    } | more


@pytest.fixture
def history(tmp_path: Path) -> Path:
    rows = [
        sql_row(1, "D", 100, 200),
        sql_row(2, "L", 50, 300),
        sql_row(3, "L", 300, 400),
        sql_row(4, "I", 400, 450),
        sql_row(5, "L", 400, 500),
        sql_row(6, "L", 500, 600),
    ]
    path = tmp_path / "history.json"
    path.write_text(json.dumps(rows))
    return path


def test_the_end(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = planned(capsys, str(history))
    assert code == 0 and files_of(answer) == ["1.bak", "4.bak", "5.bak", "6.bak"]
    assert answer["duration_s"] == 4 * (1 + 2) and answer["costs"]["source"].startswith("assumed")
    assert answer["reaches"]["utc"] == "2024-05-01T06:00:00Z" and answer["lost_s"] == 0
    assert any(
        "2.85 GB of plain bytes drive the time; 400 MB of files" in remark
        for remark in answer["remarks"]
    )


@pytest.mark.parametrize(
    ("until", "loses"),
    [
        ([], "what was committed after 2024-05-01T06:00:00Z"),
        (["--until", "2024-05-01 03:05"], "nothing that was asked for"),
        (["--until", "350"], "nothing that was asked for"),
        (["--until", "601"], "what was committed after 2024-05-01T06:00:00Z"),
    ],
)
def test_what_it_loses(
    history: Path, capsys: pytest.CaptureFixture[str], until: list[str], loses: str
) -> None:
    main(["plan", str(history), *until])
    assert f"  loses     {loses}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("until", "reading", "code", "files"),
    [
        ("2024-05-01 03:00", "start", 0, "123"), ("2024-05-01 03:05", "start", 0, "1235"), ("2024-05-01 03:05", "finish", 0, "123"),
        ("2024-05-01T05:30:00+02:00", "start", 0, "1235"), ("2024-05-01 06:05", "start", 1, "1456"),
        ("2024-05-01 06:05", "finish", 0, "1456"), ("2024-05-01 00:30", "start", 1, ""), ("350", "start", 0, "123"),
        ("450", "start", 0, "14"), ("601", "start", 1, "1456"), ("00000000:00000000:015e", "start", 0, "123"),
    ],
)  # fmt: skip
def test_targets(
    history: Path,
    capsys: pytest.CaptureFixture[str],
    until: str,
    reading: str,
    code: int,
    files: str,
) -> None:
    found, answer = planned(capsys, str(history), "--until", until, "--reading", reading)
    assert (found, "".join(name[0] for name in files_of(answer))) == (code, files)


@pytest.mark.parametrize("named", [None, 0, 77])
@pytest.mark.parametrize(
    ("base", "code", "files"),
    [(101, 0, "134"), (100, 0, "134"), (102, 1, "1"), (77, 1, "1"), (None, 1, "1")],
)
def test_the_base_lsn_decides_what_a_differential_stands_on(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    base: int | None,
    named: int | None,
    code: int,
    files: str,
) -> None:
    """Full 1 begins at LSN 100, its checkpoint is 101. DatabaseBackupLSN is absent, 0, or that of
    a full that is gone. The first log begins behind the full: only the differential leads there.
    """
    rows = [
        sql_row(1, "D", 100, 200, CheckpointLSN=101),
        sql_row(3, "I", 400, 450, DifferentialBaseLSN=base, DatabaseBackupLSN=named),
        sql_row(4, "L", 420, 500),
    ]
    path = tmp_path / "history.json"
    path.write_text(json.dumps(rows))
    found, answer = planned(capsys, str(path))
    assert (found, "".join(name[0] for name in files_of(answer))) == (code, files)
    assert [row["file"] for row in answer["unusable"]] == ["3.bak"] * code


def test_without_a_base_lsn_the_last_full_is_the_base(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        sql_row(1, "D", 100, 200, CheckpointLSN=101),
        sql_row(3, "I", 400, 450, DatabaseBackupLSN=101),
        sql_row(4, "L", 420, 500),
    ]
    path = tmp_path / "history.json"
    path.write_text(json.dumps(rows))
    assert planned(capsys, str(path))[0] == 0


def test_a_missed_instant_says_what_is_lost(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, answer = planned(capsys, str(history), "--until", "2024-05-01 07:00")
    assert answer["lost_s"] == 3600 and not answer["reached"]
    assert main(["plan", str(history), "--until", "2024-05-01 06:05"]) == 1
    shown = capsys.readouterr().out
    assert (
        "the target is missed" in shown and "by its finish (--reading finish) it would do" in shown
    )


@pytest.mark.parametrize(
    ("gone", "code", "files", "missing"),
    [
        (["6.bak"], 0, "145", []), (["D:\\b\\5.bak"], 1, "14", ["lost"]), (["4.bak"], 0, "12356", []),
        (["set-4", "3.bak"], 1, "12", ["lost"]), (["1.bak"], 1, "", []), (["d:/b/5.bak", "4.bak"], 1, "123", ["lost"]),
    ],
)  # fmt: skip
def test_without(
    history: Path,
    capsys: pytest.CaptureFixture[str],
    gone: list[str],
    code: int,
    files: str,
    missing: list[str],
) -> None:
    arguments = [part for name in gone for part in ("--without", name)]
    found, answer = planned(capsys, str(history), *arguments)
    assert (found, "".join(name[0] for name in files_of(answer))) == (code, files)
    assert [gap["state"] for gap in answer["missing"]] == missing
    assert answer["lost_s"] is None if not files else answer["lost_s"] >= 0


def test_what_the_loss_of_the_last_file_costs(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, answer = planned(capsys, str(history), "--without", "6.bak")
    assert answer["lost_s"] == 3600


def test_a_missing_tail_is_late(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = planned(capsys, str(history), "--current", "900")
    assert code == 0 and [
        (gap["state"], gap["first_lsn"], gap["last_lsn"]) for gap in answer["missing"]
    ] == [("late", "600", "900")]


@pytest.mark.parametrize(("current", "is_old"), [("550", True), ("600", False), ("900", False)])
def test_a_current_position_behind_what_is_at_hand_is_remarked(
    history: Path, capsys: pytest.CaptureFixture[str], current: str, is_old: bool
) -> None:
    _, answer = planned(capsys, str(history), "--current", current)
    told = [r for r in answer["remarks"] if "lies before the end of what is at hand, LSN 600" in r]
    assert len(told) == is_old


def test_a_backup_without_a_path_is_named_as_a_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "history.json"
    row = sql_row(1, "D", 100, 200, BackupPath=None, BackupSetGUID=None, BackupSetId=1)
    path.write_text(json.dumps([row]))
    assert files_of(planned(capsys, str(path))[1]) == ["set 1"]
    assert planned(capsys, str(path), "--without", "1")[0] == 1
    assert planned(capsys, str(path), "--without", "set 1")[0] == 1


def test_costs_that_are_given(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, answer = planned(
        capsys, str(history), "--restore-rate", "71.2 MB/s", "--restore-fixed", "0 s"
    )
    assert answer["duration_s"] == 40 and answer["costs"]["source"] == "given"


def test_assumed_costs_are_the_scenarios_own() -> None:
    defaults = {key: value for key, value, *_ in DEFAULTS}
    assert defaults["secondary.restore_rate"] == format_disk_rate(ASSUMED_RATE_BYTES_S)
    assert defaults["secondary.restore_fixed"] == format_duration(ASSUMED_FIXED_US)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--without", "7.bak"], "--without: '7.bak' is no file in"), (["--until", "soon"], "--until: 'soon': write an instant, as in '2024-05-01 10:00' (UTC)"),
        (["--until", "14:00"], "--until: '14:00': write the date too, as in '2024-05-01 10:00' (UTC)"),
        (["--until", "2024-99-01"], "--until: '2024-99-01' is not a date; write for example"), (["--database", "erp"], "it holds crm"),
        (["--fork", "zz"], "is no recovery fork"), (["--current", "x"], "is no LSN"), (["--restore-rate", "fast"], "--restore-rate: "),
        (["--restore-fixed", "soon"], "--restore-fixed: "), (["--forks", "nowhere"], "nowhere: cannot be read"),
        (["--until", "9" * 400], "is no LSN"), (["--until", ""], "is no LSN"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    history: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["plan", str(history), *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[1]",
        "nonsense",
        "[[]]",
        '{"a": []}',
        "<Objs/>",
        '[{"backup_name": 1',
        "\x00",
    ],
)
def test_what_is_no_history_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "h.json"
    path.write_text(text)
    assert main(["plan", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(str(path)) and told.count("\n") == 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 2), st.integers(0, 900), st.integers(0, 12), st.text(max_size=4))
def test_a_damaged_history_never_ends_in_a_traceback(
    tmp_path: Path, which: int, at: int, length: int, inserted: str
) -> None:
    whole: list[Any] = [
        [sql_row(1, "D", 100, 200), sql_row(2, "L", 50, 300)],
        [walg_row(5, 1, 0), walg_row(5, 4, 10, wal(5, 1))],
        {
            "pg": [
                {
                    "backup_id": "A",
                    "status": "DONE",
                    "end_time_timestamp": "1714557600",
                    "size_bytes": 5,
                }
            ]
        },
    ]
    text = json.dumps(whole[which])
    path = tmp_path / "h.json"
    path.write_text(
        text[: at % len(text)] + inserted + text[at % len(text) + length :],
        encoding="utf-8",
        errors="ignore",
    )
    assert main(["plan", str(path)]) in (0, 1, 2)


def test_a_name_that_is_too_long_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "a" * 5000]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_is_no_run_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(tmp_path)]) == 2
    assert "holds no manifest.json" in capsys.readouterr().err


def test_two_databases_are_two_plans(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [sql_row(1, "D", 100, 200), sql_row(2, "L", 50, 300, DatabaseName="erp")]
    (tmp_path / "h.json").write_text(json.dumps(rows))
    assert main(["plan", str(tmp_path / "h.json")]) == 1  # erp has no full
    assert "erp" in capsys.readouterr().out
    assert main(["plan", str(tmp_path / "h.json"), "--database", "crm"]) == 0


# ---- forks
def test_recovery_forks_of_sql_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The log across the fork is lost: without its history the new fork cannot be reached, with it
    the hole shows.
    """
    old, new = {"RecoveryForkID": "aaaa"}, {"RecoveryForkID": "bbbb"}
    rows = [
        sql_row(1, "D", 100, 200, **old),
        sql_row(2, "L", 50, 300, **old),
        sql_row(3, "L", 350, 500, **new),
    ]
    path, forks = tmp_path / "h.json", tmp_path / "forks.csv"
    path.write_text(json.dumps(rows))
    code, answer = planned(capsys, str(path))
    assert code == 1 and answer["newer_fork"] == "fork bbbb" and answer["missing"] == []
    forks.write_text("recovery_fork_guid,first_recovery_fork_guid,fork_point_lsn\nBBBB,aaaa,320\n")
    code, answer = planned(capsys, str(path), "--forks", str(forks))
    assert code == 1 and answer["newer_fork"] is None
    assert [(gap["fork"], gap["first_lsn"], gap["last_lsn"]) for gap in answer["missing"]] == [
        ("fork aaaa", "300", "320"), ("fork bbbb", "320", "350"),
    ]  # fmt: skip
    code, answer = planned(capsys, str(path), "--forks", str(forks), "--fork", "aaaa")
    assert code == 0 and answer["newer_fork"] == "fork bbbb"
    (elsewhere,) = answer["elsewhere"]
    assert (elsewhere["fork"], len(elsewhere["files"])) == ("fork bbbb", 1)
    assert main(["plan", str(path), "--forks", str(forks), "--fork", "aaaa"]) == 0
    told = "  elsewhere 1 backup of fork bbbb, no part of the history of fork aaaa"
    assert told in capsys.readouterr().out


def test_a_file_that_is_gone_still_tells_how_the_forks_hang_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log across the fork is left out: the incremental behind it stands on the old fork's full,
    and without that too the hole shows.
    """
    old, new = {"RecoveryForkID": "aaaa"}, {"RecoveryForkID": "bbbb"}
    across = {"FirstRecoveryForkID": "aaaa", "ForkPointLSN": "250"}
    rows = [
        sql_row(1, "D", 100, 200, **old),
        sql_row(2, "L", 200, 300, **new, **across),
        sql_row(3, "I", 350, 360, **new, DifferentialBaseLSN="100"),
        sql_row(4, "L", 300, 500, **new),
    ]
    path = tmp_path / "h.json"
    path.write_text(json.dumps(rows))
    code, whole = planned(capsys, str(path))
    assert (code, files_of(whole)) == (0, [f"{n}.bak" for n in (1, 3, 4)])
    code, answer = planned(capsys, str(path), "--without", "2.bak")
    assert (code, files_of(answer)) == (0, files_of(whole))
    gone = [word for n in (2, 3) for word in ("--without", f"{n}.bak")]
    code, answer = planned(capsys, str(path), *gone)
    assert code == 1 and answer["newer_fork"] is None
    assert [(gap["fork"], gap["first_lsn"], gap["last_lsn"]) for gap in answer["missing"]] == [
        ("fork aaaa", "200", "250"), ("fork bbbb", "250", "300"),
    ]  # fmt: skip
    rows[1] |= {"is_damaged": 1}
    path.write_text(json.dumps(rows))
    code, damaged = planned(capsys, str(path))
    assert (code, files_of(damaged)) == (0, files_of(whole))
    code, damaged = planned(capsys, str(path), "--without", "3.bak")
    assert (code, damaged["missing"]) == (1, answer["missing"])
    rows[1] |= {"LastLSN": "x"}  # nothing of a row that cannot be read is known
    path.write_text(json.dumps(rows))
    code, _ = planned(capsys, str(path))
    assert code == 1


def wal(timeline: int, number: int) -> str:
    return f"{timeline:08X}{0:08X}{number:08X}"


def walg_row(timeline: int, segment: int, minute: int, base: str = "") -> dict[str, Any]:
    start = segment * 2**24 + 40
    return {
        "backup_name": f"base_{wal(timeline, segment)}" + (f"_D_{base}" if base else ""),
        "wal_file_name": wal(timeline, segment),
        "start_time": f"2024-05-01T10:{minute:02}:00Z",
        "finish_time": f"2024-05-01T10:{minute + 1:02}:00Z",
        "start_lsn": start,
        "finish_lsn": start + 100,
        "system_identifier": 7,
        "uncompressed_size": 10**9,
        "compressed_size": 10**8,
    }


def test_timeline_files_and_wal_that_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Full 5/1, and one on timeline 6; the switch lies inside 5/5. Gone are 5/3 and 6/{5,6} and the
    second full.
    """
    path, forks = tmp_path / "list.json", tmp_path / "00000006.history"
    path.write_text(json.dumps([walg_row(5, 1, 0), walg_row(5, 4, 10), walg_row(6, 8, 30)]))
    forks.write_text("4\t0/100\tno recovery target specified\n\n5\t0/5001234\tbefore 2024\n")
    gone = [f"base_{wal(5, 4)}", f"base_{wal(6, 8)}", wal(5, 3), wal(6, 5), wal(6, 6)]
    arguments = [part for name in gone for part in ("--without", name)]
    code, answer = planned(capsys, str(path), "--forks", str(forks), *arguments)
    assert code == 1 and files_of(answer, "full") == [f"base_{wal(5, 1)}"]
    assert answer["reaches"]["lsn"] == str(3 * 2**24)
    assert answer["missing"][0]["what"] == f"WAL {wal(5, 3)}"
    assert answer["missing"][-1]["what"] == f"WAL {wal(6, 5)} to {wal(6, 6)}"
    code, answer = planned(
        capsys, str(path), "--forks", str(forks), "--without", f"base_{wal(6, 8)}"
    )
    assert code == 0 and files_of(answer, "full") == [f"base_{wal(5, 4)}"]
    code, answer = planned(capsys, str(path), "--current", wal(6, 12))
    assert [gap["state"] for gap in answer["missing"]] == ["late"]
    code, answer = planned(capsys, str(path), "--until", "0/4000028", "--fork", "5")
    assert code == 0 and answer["reaches"]["fork"] == "timeline 5"


@pytest.mark.parametrize(("switch", "code"), [("0/5000028", 1), ("0/2000028", 0)])
def test_a_timeline_of_which_nothing_is_at_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], switch: str, code: int
) -> None:
    """The failover came after the last backup: the end is on timeline 2. Or that is an old one."""
    path, history = tmp_path / "list.json", tmp_path / "00000002.history"
    path.write_text(json.dumps([walg_row(1, 3, 10)]))
    history.write_text(f"1\t{switch}\tno recovery target specified\n")
    found, answer = planned(capsys, str(path), "--forks", str(history))
    assert found == code and answer["newer_fork"] == ("timeline 2" if code else None)


def test_a_wrong_timeline_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, forks = tmp_path / "list.json", tmp_path / "00000006.history"
    path.write_text(json.dumps([walg_row(5, 1, 0)]))
    forks.write_text("5\t0/5001234\nrubbish\n")
    assert main(["plan", str(path), "--forks", str(forks)]) == 2
    assert f"{forks}:2:1: is no timeline history" in capsys.readouterr().err


# ---- runs of dr_sim
@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart, whose site is lost."""
    place = tmp_path_factory.mktemp("plan") / "run"
    write_results(run(load_scenario(SCENARIOS / "quickstart.yaml")), place)
    return place


def test_the_folder_of_a_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the files at the secondary reach is what the failover reached: the data loss of both is
    the same.
    """
    summary = json.loads((folder / "summary.json").read_text())
    (failover,) = summary["failovers"]
    code, answer = planned(capsys, str(folder))
    assert code == 0 and answer["steps"][0]["kind"] == "full"
    assert (
        answer["costs"]["source"]
        == "secondary.restore_rate and restore_fixed of the run's scenario"
    )
    failed_us = next(row.time_us for row in read_results(folder).journal.rows("truth.failed"))
    start = datetime.fromisoformat("2026-01-05T00:00:00+00:00").timestamp()
    reached = datetime.fromisoformat(answer["reaches"]["utc"]).timestamp()
    assert start + failed_us / 1e6 - reached == pytest.approx(failover["data_loss_s"], abs=1)
    last = answer["steps"][-1]["file"]
    code, without = planned(capsys, str(folder), "--without", last)
    assert code == 0 and without["lost_s"] == 300
    middle = answer["steps"][-2]["file"]
    code, without = planned(capsys, str(folder), "--without", middle)
    assert code == 1 and [gap["state"] for gap in without["missing"]] == ["lost"]


# ---- WAL that is gone, lists that are empty or damaged
def pgbackrest_row(
    label: str, segment: int, prior: str | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "label": label,
        "type": "incr" if prior else "full",
        "prior": prior,
        "database": {"id": 1, "repo-key": 1},
        "timestamp": {"start": 1714557600 + segment * 1000, "stop": 1714557700 + segment * 1000},
        "archive": {"start": wal(1, segment), "stop": wal(1, segment)},
        "lsn": {"start": f"0/{segment:X}000028", "stop": f"0/{segment:X}000130"},
        "info": {"size": 10**9, "delta": 10**8, "repository": {"delta": 10**7}},
    } | more


def pgbackrest(tmp_path: Path, oldest: int, *rows: dict[str, Any]) -> Path:
    archive = [{"database": {"id": 1, "repo-key": 1}, "min": wal(1, oldest), "max": wal(1, 9)}]
    stanza = {
        "name": "main",
        "db": [{"id": 1, "repo-key": 1, "system-id": 7}],
        "backup": list(rows),
        "archive": archive,
    }
    (tmp_path / "info.json").write_text(json.dumps([stanza]))
    return tmp_path / "info.json"


@pytest.mark.parametrize(
    ("until", "full"),
    [("10:50:00", ""), ("10:50:00.9", ""), ("10:50:01", "A"), ("11:40:00", "A"), ("11:40:01", "B")],
)
def test_a_backup_that_ended_within_the_second_asked_for_may_hold_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], until: str, full: str
) -> None:
    """pgBackRest tells whole seconds, and takes no backup that ended in that second either."""
    stops = {"A": 1714557600 + 3000, "B": 1714557600 + 6000}
    rows = [
        pgbackrest_row(label, 2 + 2 * n, timestamp={"start": stop - 100, "stop": stop})
        for n, (label, stop) in enumerate(stops.items())
    ]
    path = str(pgbackrest(tmp_path, 1, *rows))
    _, answer = planned(capsys, path, "--until", f"2024-05-01 {until}")
    assert files_of(answer, "full") == ([full] if full else [])
    told = any("ended in the second asked for" in remark for remark in answer["remarks"])
    assert told == (until not in ("10:50:01", "11:40:01"))


# ---- rows of absurd instants and sizes
ABSURD = "9999-12-31T00:00:00Z"


@pytest.mark.parametrize(
    ("wrong", "until", "files"),
    [(3, "latest", "1456"), (1, "latest", ""), (2, "400", ""), (3, "350", ""), (4, "latest", "12356"), (5, "450", "14"),
     (5, "latest", ""), (6, "latest", "145"), (6, "500", "145"), (6, "601", ""), (5, "2024-05-01 05:00", ""),
     (2, "2024-05-02 05:00", "1456")],
)  # fmt: skip
def test_a_row_of_an_absurd_instant_matters_where_a_plan_needs_it(
    history: Path, capsys: pytest.CaptureFixture[str], wrong: int, until: str, files: str
) -> None:
    """A full 1, logs 2, 3, 5, 6, an incremental 4. files '': the history is refused."""
    rows = json.loads(history.read_text())
    rows[wrong - 1]["BackupStartDate"] = ABSURD
    history.write_text(json.dumps(rows))
    if files:
        code, answer = planned(capsys, str(history), "--until", until)
        assert "".join(name[0] for name in files_of(answer)) == files
        assert code == (until == "2024-05-02 05:00")
        assert answer["remarks"][0].startswith(f"backup {wrong}: BackupStartDate is '9999")
        return
    assert main(["plan", str(history), "--until", until]) == 2
    told = capsys.readouterr()
    assert not told.out and told.err.count("\n") == 1
    assert f"backup {wrong}: BackupStartDate is '9999" in told.err
    assert "the plan misses its target, and may need this backup" in told.err


@pytest.mark.parametrize(
    ("wrong", "without", "files"),
    [("A", (), "B"), ("F", (), "B"), ("B", (), "FA"), ("B", (5,), ""), ("F", (7,), "B")],
)
def test_a_base_backup_of_an_absurd_instant_matters_where_a_plan_needs_it(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: str,
    without: tuple[int, ...],
    files: str,
) -> None:
    """Fulls F and B, A on F; B runs at segment 6. files '': the history is refused."""
    rows = [pgbackrest_row("F", 2), pgbackrest_row("A", 4, "F"), pgbackrest_row("B", 6)]
    next(row for row in rows if row["label"] == wrong)["timestamp"]["start"] = 9e11
    path = pgbackrest(tmp_path, 1, *rows)
    gone = [part for n in without for part in ("--without", wal(1, n))]
    if files:
        _, answer = planned(capsys, str(path), *gone)
        assert "".join(files_of(answer, "full", "incremental")) == files
        assert "timestamp.start is '900000000000.0', epoch seconds" in answer["remarks"][0]
        return
    assert main(["plan", str(path), *gone]) == 2
    assert "may need this backup" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("gone", "code", "files", "unusable"),
    [
        ([5], 1, "13", "5"), ([1], 0, "5", "1"), ([1, 5], 1, "13", "15"), ([1, 3], 0, "5", "13"), ([1, 3, 5], 1, "", "135"), ([4], 0, "5", ""),
    ],
)  # fmt: skip
def test_a_base_backup_needs_the_wal_of_its_own_run(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    gone: list[int],
    code: int,
    files: str,
    unusable: str,
) -> None:
    """Full at segment 1, delta on it at 3, full at 5: without that WAL a backup is never
    consistent, but is still a base.
    """
    path = tmp_path / "list.json"
    path.write_text(
        json.dumps([walg_row(1, 1, 0), walg_row(1, 3, 10, wal(1, 1)), walg_row(1, 5, 20)])
    )
    found, answer = planned(
        capsys, str(path), *(part for n in gone for part in ("--without", wal(1, n)))
    )
    assert (found, "".join(name[28] for name in files_of(answer, "full", "incremental"))) == (
        code,
        files,
    )
    assert "".join(each["file"][28] for each in answer["unusable"]) == unusable


@pytest.mark.parametrize(
    ("oldest", "code", "unusable"),
    [(1, 0, ""), (2, 0, ""), (3, 0, "F"), (5, 0, "FA"), (7, 1, "FAB")],
)
def test_wal_before_the_archives_first_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], oldest: int, code: int, unusable: str
) -> None:
    rows = [pgbackrest_row("F", 2), pgbackrest_row("A", 4, "F"), pgbackrest_row("B", 6, "A")]
    found, answer = planned(capsys, str(pgbackrest(tmp_path, oldest, *rows)))
    assert (found, "".join(each["file"] for each in answer["unusable"])) == (code, unusable)
    assert "".join(files_of(answer, "full", "incremental")) == ("FAB" if code == 0 else "")


def test_incrementals_that_stand_on_each_other_stand_on_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [pgbackrest_row("A", 2, "B"), pgbackrest_row("B", 4, "A"), pgbackrest_row("C", 6, "C")]
    code, answer = planned(capsys, str(pgbackrest(tmp_path, 1, *rows)))
    assert code == 1 and [each["file"] for each in answer["unusable"]] == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("changes", "files"),
    [
        ({"timestamp": {"start": None, "stop": 1714559700}}, "FI"),
        ({"timestamp": {"start": 9e11, "stop": 1714559700}}, "F"),
        ({"timestamp": {"start": 1714559600, "stop": "soon"}}, "F"),
        ({"timestamp": {"start": 1714559600, "stop": 1714559500}}, "F"),
        ({"info": {"size": 10**40, "delta": "NaN", "repository": {"delta": True}}}, "FI"),
        ({"timestamp": None}, "F"),
        ({"type": None}, "FI"),
        ({"lsn": None}, "FI"),
    ],
)
def test_nulls_in_one_backup_spoil_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], files: str
) -> None:
    rows = [pgbackrest_row("F", 1), pgbackrest_row("I", 2, "F", **changes)]
    code, answer = planned(capsys, str(pgbackrest(tmp_path, 1, *rows)))
    assert code == 0 and "".join(files_of(answer, "full", "incremental")) == files


def test_a_server_without_backups_is_not_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "list.json"
    backup = {
        "backup_id": "A",
        "status": "DONE",
        "end_time_timestamp": "1714557600",
        "size_bytes": 5,
    }
    path.write_text(json.dumps({"empty": [], "pg": [backup]}))
    assert main(["plan", str(path)]) == 1
    assert "the list holds no backup of it" in capsys.readouterr().out
    for nothing in ({"empty": []}, {"backups_list": []}):
        path.write_text(json.dumps(nothing))
        assert main(["plan", str(path)]) == 2
        assert "holds no backups of barman" in capsys.readouterr().err


# ---- forks as exports tell them
@pytest.mark.parametrize(
    ("old", "crossing", "new"),
    [
        # dbatools: the last fork only
        ({"LastRecoveryForkGuid": "a"}, {"LastRecoveryForkGuid": "b"}, {"LastRecoveryForkGuid": "b"}),
        ({"RecoveryForkID": "a"}, {"RecoveryForkID": "b", "FirstRecoveryForkID": "a"}, {"RecoveryForkID": "b", "FirstRecoveryForkID": "b"}),
        ({"FirstRecoveryForkID": "a"}, {"RecoveryForkID": "b", "FirstRecoveryForkID": "a", "ForkPointLSN": 310}, {"FirstRecoveryForkID": "b"}),
    ],
)  # fmt: skip
def test_latest_goes_across_a_failover(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: dict[str, str],
    crossing: dict[str, str],
    new: dict[str, str],
) -> None:
    rows = [
        sql_row(1, "D", 100, 200, **old),
        sql_row(2, "L", 50, 300, **old),
        sql_row(3, "L", 300, 500, **crossing),
        sql_row(4, "L", 500, 600, **new),
        sql_row(5, "L", 300, 900, **old),
    ]
    path = tmp_path / "h.json"
    path.write_text(json.dumps(rows[:4]))
    code, answer = planned(capsys, str(path))
    assert code == 0 and files_of(answer) == ["1.bak", "2.bak", "3.bak", "4.bak"]
    path.write_text(json.dumps(rows))  # the old primary writes on: that makes its fork no newer
    code, answer = planned(capsys, str(path))
    assert code == 0 and files_of(answer) == ["1.bak", "2.bak", "3.bak", "4.bak"]


def test_an_old_fork_is_not_the_latest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing leads to the newest fork: the end is missed, and what is lost counts up to that
    fork's last backup.
    """
    rows = [
        sql_row(1, "D", 100, 200, RecoveryForkID="a"),
        sql_row(2, "L", 50, 300, RecoveryForkID="a"),
        sql_row(4, "L", 350, 500, RecoveryForkID="b"),
    ]
    path = tmp_path / "h.json"
    path.write_text(json.dumps(rows))
    code, answer = planned(capsys, str(path))
    assert code == 1 and answer["newer_fork"] == "fork b" and answer["lost_s"] == 2 * 3600
    code, answer = planned(capsys, str(path), "--fork", "a")
    assert code == 0 and answer["newer_fork"] == "fork b"


# ---- what a tired engineer reads
def test_a_target_before_the_first_full_names_that_full(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(history), "--until", "2024-05-01T02:30+02:00"]) == 1
    shown = capsys.readouterr().out
    assert "until 2024-05-01T00:30:00Z" in shown
    assert (
        "nothing: the target lies before the end of the first full at hand, 1.bak at "
        "2024-05-01T01:10:00Z" in shown
    )
    assert main(["plan", str(history), "--until", "20240501"]) == 2
    assert "may be a date or an LSN; write '2024-05-01 00:00' (UTC)" in capsys.readouterr().err


def test_the_target_is_in_the_json_as_it_was_understood(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for until, target in (
        ("latest", {"kind": "end"}),
        ("350", {"kind": "lsn", "lsn": "350"}),
        ("2024-05-01T05:30:00+02:00", {"kind": "instant", "utc": "2024-05-01T03:30:00Z"}),
    ):
        assert planned(capsys, str(history), "--until", until)[1]["target"] == target


def test_a_current_position_on_a_timeline_of_which_nothing_is_at_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([walg_row(5, 1, 0), walg_row(6, 8, 30)]))
    _, answer = planned(capsys, str(path), "--current", "7@0/9000000")
    assert any(
        "on timeline 7, of which nothing is at hand" in remark for remark in answer["remarks"]
    )
    _, answer = planned(capsys, str(path), "--current", "5@0/9000000")
    assert any(
        "on timeline 5; a newer one exists: timeline 6" in remark for remark in answer["remarks"]
    )


def test_all_files_of_a_striped_backup_are_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As dbatools writes them, a list in one row; as backupmediafamily does, a row for each."""
    files = ["D:\\b\\a.bak", "E:\\b\\b.bak"]
    one = [sql_row(1, "D", 100, 200, BackupPath=None, FullName=files)]
    each = [sql_row(1, "D", 100, 200, BackupPath=file) for file in files]
    path = tmp_path / "h.json"
    for rows in (one, each):
        path.write_text(json.dumps([*rows, sql_row(2, "L", 50, 300)]))
        _, answer = planned(capsys, str(path))
        assert (
            files_of(answer) == ["a.bak + b.bak", "2.bak"] and answer["steps"][0]["paths"] == files
        )
        for gone in ("b.bak", files[1]):
            assert planned(capsys, str(path), "--without", gone)[0] == 1


def in_one_file(*positions: int | None, **more: object) -> list[dict[str, object]]:
    """A full and logs that follow it, all in one file, at these positions."""
    rows = [sql_row(1, "D", 100, 200)]
    for number in range(2, len(positions) + 1):
        rows.append(sql_row(number, "L", 100 * number - 50, 100 * number + 50))
    for row, position in zip(rows, positions, strict=True):
        row |= {"BackupPath": "D:\\b\\all.bak", "Position": position, **more}
    return rows


def test_a_file_with_several_backups_tells_which_one_to_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "h.json"
    path.write_text(json.dumps(in_one_file(1, 2, 3)))
    code, answer = planned(capsys, str(path))
    assert code == 0 and [step["position"] for step in answer["steps"]] == [1, 2, 3]
    main(["plan", str(path)])
    shown = capsys.readouterr().out
    assert "all.bak (FILE = 2)" in shown and "all.bak (FILE = 3)" in shown
    assert "(FILE = 1)" not in shown
    code, answer = planned(capsys, str(path), "--without", "all.bak")
    assert code == 1 and answer["steps"] == []


def test_without_positions_it_is_said_that_nobody_can_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "h.json"
    path.write_text(json.dumps(in_one_file(None, None)))
    code, answer = planned(capsys, str(path))
    assert code == 0 and len(answer["steps"]) == 2
    (remark,) = [each for each in answer["remarks"] if "FILE = n" in each]
    assert remark.startswith("1 file with several backups, and the history does not tell")


def test_a_backup_that_another_was_written_over_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """WITH INIT: the third set begins the file anew, also where it is another database's."""
    rows = in_one_file(1, 2, 1, 2)
    path = tmp_path / "h.json"
    path.write_text(json.dumps(rows))
    code, answer = planned(capsys, str(path))
    assert code == 1 and answer["steps"] == []
    assert (
        "2 backups of this history overwritten by a later one in the same file" in answer["remarks"]
    )
    rows[2] |= {"DatabaseName": "other", "Type": "D"}
    path.write_text(json.dumps(rows[:3]))
    code, answer = planned(capsys, str(path), "--database", rows[0]["DatabaseName"])
    assert code == 1 and answer["steps"] == []


@pytest.mark.parametrize(
    ("more", "is_one"),
    [
        ({"ServerName": "another"}, False),
        ({"ServerName": "another", "BackupPath": r"\\nas\b\all.bak"}, True),
        ({"device_type": 5}, False),  # a tape is changed
        ({"device_type": 7}, False),  # a virtual device's name is no file's
    ],
)
def test_a_path_is_one_file_on_one_server_or_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict[str, object], is_one: bool
) -> None:
    rows = in_one_file(1, 1, **{key: more[key] for key in more if key != "ServerName"})
    rows[1] |= {key: more[key] for key in more if key == "ServerName"}
    path = tmp_path / "h.json"
    path.write_text(json.dumps(rows))
    _, answer = planned(capsys, str(path))
    assert len(answer["steps"]) == (0 if is_one else 2)


def test_what_goes_to_nul_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        sql_row(1, "D", 100, 200),
        sql_row(2, "L", 50, 300, BackupPath="NUL"),
        sql_row(3, "L", 300, 400),
    ]
    path = tmp_path / "h.json"
    path.write_text(json.dumps(rows))
    code, answer = planned(capsys, str(path))
    assert code == 1 and files_of(answer) == ["1.bak"]
    assert answer["missing"] and answer["missing"][0]["state"] == "lost"
    assert "1 backup written to the device NUL, which keeps nothing" in answer["remarks"]


def mirrored() -> list[dict[str, object]]:
    """A full in two stripes, each with a mirror."""
    return [
        sql_row(
            1, "D", 100, 200, BackupPath=f"{drive}:\\b\\{drive}{stripe}.bak",
            mirror=mirror, family_sequence_number=stripe,
        )
        for mirror, drive in enumerate("de")
        for stripe in (1, 2)
    ]  # fmt: skip


@pytest.mark.parametrize("told", [True, False], ids=["families", "order"])
@pytest.mark.parametrize(
    ("gone", "used"),
    [
        ([], "d1.bak + d2.bak"),
        (["d1.bak"], "e1.bak + d2.bak"),
        (["d2.bak", "e1.bak"], "d1.bak + e2.bak"),
        (["d1.bak", "e1.bak"], None),
    ],
)
def test_any_mirror_of_a_stripe_serves(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    gone: list[str],
    used: str | None,
    told: bool,
) -> None:
    rows = mirrored()
    if not told:
        for row in rows:
            del row["family_sequence_number"]
    path = tmp_path / "h.json"
    path.write_text(json.dumps(rows))
    flags = [flag for name in gone for flag in ("--without", name)]
    code, answer = planned(capsys, str(path), *flags)
    assert files_of(answer) == ([] if used is None else [used])
    assert code == (used is None)


@pytest.mark.parametrize("kind", ["D", "I", "L"])
def test_a_row_without_lsns_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    rows = [
        sql_row(1, "D", 100, 200),
        sql_row(2, "L", 50, 300),
        sql_row(3, kind, 300, 400, FirstLSN=None, LastLSN=None),
    ]
    (tmp_path / "h.json").write_text(json.dumps(rows))
    code, answer = planned(capsys, str(tmp_path / "h.json"))
    assert code == 0 and files_of(answer) == ["1.bak", "2.bak"]
    assert "1 incomplete (without LSNs) backup: skipped" in answer["remarks"]


@pytest.mark.parametrize(
    "around", ["{}\n{}", "WARNING: one server did not answer\n{}\n{}\n(2 rows affected)\n"]
)
@pytest.mark.parametrize("lines", [False, True], ids=["two lists", "a backup a line"])
def test_several_json_values_in_one_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], around: str, lines: bool
) -> None:
    rows = [sql_row(1, "D", 100, 200), sql_row(2, "L", 50, 300), sql_row(3, "L", 300, 400)]
    second = "\n".join(json.dumps(row) for row in rows[1:]) if lines else json.dumps(rows[1:])
    (tmp_path / "h.json").write_text(
        around.format(json.dumps(rows[0] if lines else rows[:1]), second)
    )
    code, answer = planned(capsys, str(tmp_path / "h.json"))
    assert code == 0 and files_of(answer) == ["1.bak", "2.bak", "3.bak"]


def test_a_timeline_that_is_in_no_history_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([walg_row(5, 1, 0), walg_row(6, 8, 30)]))
    assert main(["plan", str(path), "--fork", "7"]) == 2
    assert (
        "--fork: cluster 7 has no timeline 7; it has timeline 5, timeline 6"
        in capsys.readouterr().err
    )


def test_the_answer_comes_before_the_files(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["plan", str(history)])
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert lines.index("reaches") < lines.index("loses") < lines.index("restore") < lines.index("1")


def test_rows_have_heads_and_an_empty_log_says_why_it_is_no_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [sql_row(1, "D", 100, 200), sql_row(2, "L", 50, 300), sql_row(3, "L", 300, 300)]
    path = tmp_path / "h.json"
    path.write_text(json.dumps(rows))
    _, answer = planned(capsys, str(path))
    assert files_of(answer) == ["1.bak", "2.bak"]
    (remark,) = (remark for remark in answer["remarks"] if "empty" in remark)
    assert remark.startswith("3.bak is an empty log: it need not be restored, and it shows that")
    main(["plan", str(path)])
    lines = capsys.readouterr().out.splitlines()
    begin = next(i for i, line in enumerate(lines) if "in this order" in line)
    assert lines[begin + 1].split()[:3] == ["#", "kind", "finished"]
    assert lines[begin + 1].endswith("backup")
    assert lines[begin + 2].split()[:2] == ["1", "full"] and lines[begin + 2].endswith("1.bak")
    path.write_text(json.dumps(rows[:2]))
    assert not any("empty" in remark for remark in planned(capsys, str(path))[1]["remarks"])
