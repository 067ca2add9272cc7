"""A history in, `dr-sim import` and `dr-sim run`: through a link outage to the loss of the site, in
every form it may have.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cli.main import main
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result, run

REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "dbatools" / "DiffIssues.json"
HEADS = "database_name,backup_set_uuid,type,backup_start_date,backup_finish_date,time_zone,first_lsn,last_lsn,checkpoint_lsn,database_backup_lsn"
LETTERS = {"Database": "D", "Database Differential": "I", "Transaction Log": "L"}


def history() -> list[dict[str, Any]]:
    """A day and a half of a database: a full, then logs every 5 min of 512 B to 12 MB, at LSNs of
    25 digits.
    """
    start_ms, lsn, rows = 1_772_409_600_000, 1234567890_1234567890_00001, []
    for n in range(432):
        begins, ends = lsn, lsn + (1 + n * n % 24_000) * 10**5
        lsn = ends if n else lsn
        rows.append(
            {
                "DatabaseName": "crm",
                "Type": "Transaction Log" if n else "Database",
                "BackupSetGUID": f"AB-{n}",
                "FirstLSN": begins,
                "LastLSN": ends,
                "CheckpointLSN": begins,
                "DatabaseBackupLSN": 0,
                "BackupStartDate": f"/Date({start_ms + n * 300_000})/",
                "BackupFinishDate": f"/Date({start_ms + n * 300_000 + 2000})/",
            }
        )
    return rows


def csv_of(rows: list[dict[str, Any]], zone: int) -> str:
    """As msdb has it: local times, quarter hours from UTC beside them."""
    lines = [HEADS]
    for row in rows:
        when = [
            (
                datetime.fromtimestamp(int(row[key][6:-2]) / 1000, UTC)
                + timedelta(minutes=15 * zone)
            ).strftime("%Y-%m-%d %H:%M:%S.000")
            for key in ("BackupStartDate", "BackupFinishDate")
        ]
        lsns = [
            str(row[key]) for key in ("FirstLSN", "LastLSN", "CheckpointLSN", "DatabaseBackupLSN")
        ]
        lines.append(
            ",".join(
                [
                    row["DatabaseName"],
                    row["BackupSetGUID"],
                    LETTERS[row["Type"]],
                    *when,
                    str(zone),
                    *lsns,
                ]
            )
        )
    return "\r\n".join(lines)


def played(tmp_path: Path, name: str, data: bytes) -> Result:
    """A run of what the command made of it."""
    (tmp_path / name).write_bytes(data)
    mine = tmp_path / f"of_{name}" / "mine.yaml"
    assert main(["import", "sqlserver", str(tmp_path / name), "-o", str(mine)]) == 0
    return run(load_scenario(mine))


def holds_to_its_failover(result: Result, lost_s: float) -> None:
    """The link was down for 12.8 min, and the site was lost just before the slowest log landed."""
    (failover,) = summary_json(result.summary)["failovers"]
    assert failover["class"] == "site" and failover["data_loss_s"] == pytest.approx(lost_s, abs=1.1)
    assert failover["outage_s"] < 600 and summary_json(result.summary)["exposure"]["max_s"] > 768


def test_one_history_in_every_form_is_one_run(tmp_path: Path) -> None:
    rows = history()
    forms = {
        "pascal.json": json.dumps(rows).encode("utf-16"),
        "lower.json": json.dumps(
            [{key.lower(): value for key, value in row.items()} for row in rows]
        ).encode(),
        "berlin.csv": csv_of(rows, 4).encode("utf-8-sig"),
        "newfoundland.csv": csv_of(rows, -14).encode("utf-16-be"),
    }
    runs = [played(tmp_path, name, data) for name, data in forms.items()]
    assert len({run.journal.digest() for run in runs}) == 1
    holds_to_its_failover(runs[0], 300 + 512 * 23_900 * 8 / 200e6)


@pytest.mark.skipif(not REAL.exists(), reason="no ../shared/data beside the project")
def test_the_real_history_runs_to_its_failover(tmp_path: Path) -> None:
    # 300 s since the log before it was cut, and 3,553,248,256 bytes at 200 Mbit/s: the quiet hour's
    # answer was 120 s
    holds_to_its_failover(
        played(tmp_path, "history.json", REAL.read_bytes()), 300 + 3_553_248_256 * 8 / 200e6
    )


@pytest.mark.parametrize("out", ["history.csv", "of/../history.csv"])
def test_what_was_read_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    (tmp_path / "of").mkdir()
    text = csv_of(history(), 0)
    (tmp_path / "history.csv").write_bytes(text.encode())
    assert (
        main(["import", "sqlserver", str(tmp_path / "history.csv"), "-o", str(tmp_path / out)]) == 2
    )
    assert "is what was read" in capsys.readouterr().err
    assert (tmp_path / "history.csv").read_bytes() == text.encode() and len(
        list(tmp_path.iterdir())
    ) == 2


def test_nor_is_a_series_written_over_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine_log_1.csv").write_bytes(csv_of(history(), 0).encode())
    assert (
        main(
            [
                "import",
                "sqlserver",
                str(tmp_path / "mine_log_1.csv"),
                "-o",
                str(tmp_path / "mine.yaml"),
            ]
        )
        == 2
    )
    assert (
        "mine_log_1.csv: is what was read" in capsys.readouterr().err
        and len(list(tmp_path.iterdir())) == 1
    )


def test_a_place_that_is_a_folder_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "h.csv").write_text(csv_of(history(), 0), encoding="utf-8")
    (tmp_path / "there").mkdir()
    assert (
        main(["import", "sqlserver", str(tmp_path / "h.csv"), "-o", str(tmp_path / "there")]) == 2
    )
    assert (
        "there: cannot be written (it is a folder)" in capsys.readouterr().err
        and len(list(tmp_path.iterdir())) == 2
    )
