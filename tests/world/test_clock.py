"""Durations by the clock: each is recorded, taken, and changes nothing but time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dr_sim.cli.main import main
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.record.pairs import pair_of
from dr_sim.record.verify import verify
from dr_sim.runs.run import Result, run
from dr_sim.world.kernel.clock import Clock, pace
from dr_sim.world.own_logic import builders
from dr_sim.world.primary.backup_file import BackupFile

SCENARIO = """\
run_for: 100 min
databases:
  crm: {size: 200 MB, log_volume: 20 MB per 5 min, full: every 40 min, incremental: every 15 min}
link: {bandwidth: 200 Mbit/s}
primary: {disk: 1 kB/s}                     # the clock says how fast disks are
secondary: {disk: 1 kB/s, restore_fixed: 1 h}
manager: {restart_after: 1 s}
failover: {mode: automatic, recover: 1 h}
engine: {kind: sqlite, scale: 100, timing: measured}
events:
  - {at: 21 min, backup_cut_off: {database: crm, after: 50 %}}
  - {at: 41 min, corrupt_in_transit: crm}
  - {at: 92 min, lose: database}
"""


def measured(folder: Path, more: str = "") -> Result:
    path = folder / "clocked.yaml"
    path.write_text(SCENARIO + more, encoding="utf-8")
    return run(load_scenario(path))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return measured(tmp_path_factory.mktemp("clock"))


def at(result: Result, record: str, column: str = "file") -> dict[int, int]:
    """When each file's (first) row of that kind was written."""
    found: dict[int, int] = {}
    for row in result.journal.rows(record):
        found.setdefault(row.values[column], row.time_us)
    return found


def took(result: Result, what: str) -> dict[int, int]:
    return {
        r.values["file"]: r.values["duration_us"]
        for r in result.journal.rows("truth.measured")
        if r.values["what"] == what
    }


def test_every_backup_and_restore_takes_what_the_clock_said(result: Result) -> None:
    begun, finished, restored = (
        at(result, f"truth.{k}") for k in ("backup_begin", "backup_finished", "restored")
    )
    for kind, least in (("log", 15), ("full", 2), ("incremental", 3)):
        durations = took(result, f"{kind} backup")
        assert len(durations) >= least
        for file, duration in durations.items():
            if file in finished:
                assert abs(finished[file] - begun[file] - duration) <= 1 + duration // 1000
    started = {
        r.values["file"]: r.time_us
        for r in result.journal.rows("truth.measured")
        if r.values["what"] == "log restore"
    }
    assert len(started) >= 15
    for file, duration in took(result, "log restore").items():
        assert abs(restored[file] - started[file] - duration) <= 1 + duration // 1000
    assert took(result, "hash")
    (recover,) = took(result, "recover").values()
    assert summary_json(result.summary)["failovers"][0]["phases_us"]["recover"] == recover


def test_it_is_a_run_like_any_other(result: Result) -> None:
    assert (
        summary_json(result.summary)["violations"]
        == summary_json(result.summary)["silent_recoveries"]
        == []
    )
    assert summary_json(result.summary)["failovers"][0]["data_loss_us"] == 0
    assert summary_json(result.summary)["backups"]["cut_off"] == 1
    found = verify(result.journal, builders(result.journal, result.scenario))
    assert found.mismatch is None and found.commands > 100


def test_a_manager_that_dies_while_a_restore_is_timed_finds_it_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a slow clock: 2 s each for the backup, the hash and the restore, which is under way 6 s
    after the cut.
    """
    monkeypatch.setattr(Clock, "time", lambda self, do: (do(), 2_000_000))
    crashes = "".join(
        f"  - {{at: {minute} min 6 s, manager_crash: {{}}}}\n" for minute in (10, 35, 55)
    )
    result = measured(tmp_path, crashes)
    assert summary_json(result.summary)["violations"] == []
    assert verify(result.journal, builders(result.journal, result.scenario)).mismatch is None
    restored = {r.time_us for r in result.journal.rows("truth.restored")}
    # done, and nobody was told
    assert restored > {minute * 60_000_000 + 6_000_000 for minute in (10, 35, 55)}
    assert summary_json(result.summary)["failovers"][0]["data_loss_us"] == 0


def test_each_of_several_standbys_is_timed_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a slow clock: 2 s for the backup, which both have in their rows, and at each standby 2 s
    for the hash and 2 s for the restore. 20 MB take 0.8 s over near's link and 8 s over far's.
    """
    monkeypatch.setattr(Clock, "time", lambda self, do: (do(), 2_000_000))
    path = tmp_path / "clocked.yaml"
    path.write_text(
        """\
run_for: 16 min
databases: {crm: {size: 200 MB, log_volume: 20 MB per 5 min, full: none, incremental: none}}
link: {bandwidth: 200 Mbit/s}
copies: {near: {}, far: {link: {bandwidth: 20 Mbit/s}}}
engine: {kind: sqlite, scale: 100, timing: measured}
""",
        encoding="utf-8",
    )
    result = run(load_scenario(path))
    assert summary_json(result.summary)["violations"] == []
    for pair, sent_us in ((0, 800_000), (1, 8_000_000)):
        timed = Counter(
            row.values["what"]
            for row in result.journal.rows("truth.measured")
            if pair_of(row.entity) == pair
        )
        assert timed == {"log backup": 3, "hash": 3, "log restore": 3}
        restored = [
            row.time_us
            for row in result.journal.rows("truth.restored")
            if pair_of(row.entity) == pair
        ]
        cut = [minute * 60_000_000 for minute in (5, 10, 15)]
        assert restored == [at_us + 6_000_000 + sent_us for at_us in cut]
    assert verify(result.journal, builders(result.journal, result.scenario)).mismatch is None


def test_what_is_hashed_by_the_clock_is_the_file_in_its_folders_own_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Counter[str]()
    agrees = BackupFile.agrees
    monkeypatch.setattr(
        BackupFile, "agrees", lambda self, data: (read.update([self.name]), agrees(self, data))[1]
    )
    (tmp_path / "s.yaml").write_text(
        "run_for: 23 min\ndatabases: {crm: {size: 2 MB, full: none, incremental: "
            "none}}\nlink: {bandwidth: 200 Mbit/s}\n"
        "replication: {groups: {g: {folders: {f: {databases: [crm], primary: //a/b, "
            "secondary: //c/d, staging: 1 GB}}}}}\n"
        "engine: {kind: sqlite, scale: 100, timing: measured}\n", encoding="utf-8",
    )  # fmt: skip
    run(load_scenario(tmp_path / "s.yaml"))
    # as it lands, by the clock, as it is judged, and as it is restored
    assert len(read) == 4 and set(read.values()) == {4}


def test_the_model_takes_no_time_that_could_be_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SCENARIO.replace(", timing: measured", ""), encoding="utf-8")
    assert main(["run", "s.yaml", "--engine", "model", "--timing", "measured"]) == 2
    told = capsys.readouterr().err
    assert (
        told.startswith("--timing measured: engine.timing: measured takes a real engine")
        and told.count("\n") == 1
    )
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_a_pace_spreads_a_duration_over_the_bytes() -> None:
    assert pace(2_000_000, 500_000).rate_bytes_s == 4_000_000
    assert (pace(0, 1_234).fixed_us, pace(10**6, 10).fixed_us) == (1_234, 0)
