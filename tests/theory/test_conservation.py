"""Every acknowledged byte is restored, landed, in flight, lost or discarded: by hand, and whatever
does not add up is found.

That it holds in every run of the library and in the storms is asked there (a run's violations are
none).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cli import main as cli
from dr_sim.loading import load_scenario
from dr_sim.measures.conservation import conservation
from dr_sim.measures.tables import Tables
from dr_sim.scenario.model import Scenario
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.roles.promotion import Promotion
from dr_sim.world.world import World

TEXT = """\
run_for: 2 h
databases: {crm: {size: 1 GB, full: none, incremental: none, log_volume: 300 MB per 5 min, transactions: 10 per s}}
primary: {log: {fixed: 0 s, rate: 300 MB/s}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
"""
"""1 MB a second. A log is cut every 5 min, finished 1 s later, landed after 24 s more."""
MB = 10**6
SITE = "events: [{at: 4210 s, lose: site}]\n"
OUTAGE = "events: [{at: 6000 s, link_outage: 1 h}]\n"
SPLIT = """\
heartbeat: {path: data link}
events:
  - {at: 4212 s, partition: {cut: both, duration: 40 min}}
  - {at: 4280 s, index_maintenance: {database: crm, log: 20 MB, over: 10 s}}
"""
SIMPLE = "events: [{at: 4210 s, recovery_model: {database: crm, duration: 10 min}}]\n"


def scenario(events: str, folder: Path) -> Scenario:
    path = folder / "theory.yaml"
    path.write_text(TEXT + events, encoding="utf-8")
    return load_scenario(path)


def parts(events: str, folder: Path) -> dict[str, int]:
    spec = scenario(events, folder)
    (found,) = conservation(World(spec).run(), spec)
    assert found.wrong == []
    return {name.removesuffix("_bytes"): n for name, n in found.parts().items() if n}


# ---- by hand
BY_HAND = {
    "the log cut at the end": ("", {"acknowledged": 7200, "restored": 6900, "in_flight": 300}),
    "held up by an outage": (OUTAGE, {"acknowledged": 7200, "restored": 5700, "in_flight": 1500}),
    # asked for at 7200: the log cut at 5700 was due at 6900, that of 6000 is at 7201 (its finish
    # counts)
    "replayed later": (
        "replay: {delay: 20 min}\n",
        {"acknowledged": 7200, "restored": 5700, "landed": 1200, "in_flight": 300},
    ),
    # the log cut at 4200 was on its way
    "the site is lost": (SITE, {"acknowledged": 4210, "restored": 3900, "lost": 310}),
    # last heard of at 4210, missed at 4240, given up to fence at 4261, promoted at 4271; users are
    # there at 4331
    "split brain": (SPLIT, {"acknowledged": 4351, "restored": 3900, "lost": 371, "discarded": 80}),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_by_hand(case: str, tmp_path: Path) -> None:
    events, wanted = BY_HAND[case]
    assert parts(events, tmp_path) == {name: n * MB for name, n in wanted.items()}


def test_a_log_that_was_truncated_and_is_in_no_backup(tmp_path: Path) -> None:
    """In the primary's data files alone, until an incremental begins a new chain."""
    assert parts(SIMPLE, tmp_path) == {
        "acknowledged": 7200 * MB,
        "restored": 6900 * MB,
        "in_flight": 300 * MB,
    }
    t = Tables(World(scenario(SIMPLE, tmp_path)).run())
    assert t["truth.log_truncated"]["first_lsn"].tolist()[0] == 4200 * MB + 1


# ---- what does not add up is found
EDITS: dict[str, tuple[str, str, str, int, int]] = {  # events, kind, column, row, by how much
    "restored further than it was": ("", "truth.restored", "redo_lsn", -1, 1),
    "less was written than backed up": ("", "truth.commits_total", "user_bytes", 0, -300 * MB - 1),
    "a log begins too late": ("", "truth.backup_finished", "first_lsn", 7, 1),
    "a log ends too early": ("", "truth.backup_finished", "last_lsn", 7, -1),
    "a log holds what another holds": ("", "truth.backup_finished", "first_lsn", 7, -1),
    "a byte less is lost": (SITE, "truth.promoted", "user_bytes_lost", 0, -1),
    "a transaction is lost twice": (SITE, "truth.promoted", "transactions_lost", 0, 1),
    "a byte of maintenance is lost": (SITE, "truth.promoted", "maintenance_bytes_lost", 0, 1),
    "the new primary begins elsewhere": (SITE, "truth.promoted", "fork_point_lsn", 0, 1),
    "a byte less is thrown away": (SPLIT, "truth.discarded", "user_bytes", 0, -1),
    "maintenance is not thrown away": (SPLIT, "truth.discarded", "maintenance_bytes", 0, -20 * MB),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_record_is_found(edit: str, tmp_path: Path) -> None:
    events, kind, column, row, by = EDITS[edit]
    spec = scenario(events, tmp_path)
    t = Tables(World(spec).run())
    t[kind][column] = t[kind][column].copy()
    t[kind][column][row] += by
    for r in list(t.rows(kind))[row:][:1]:
        r.values[column] += by
    (found,) = conservation(t, spec)
    assert found.wrong


def cut_too_early(self: Promotion, file: BackupFile, stop: object = None) -> None:
    """Planted: loss is reckoned from a second before the last log was cut."""
    self._cut_us[file.database] = file.ends_us - 1_000_000


def test_a_wrong_reckoning_of_loss_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And shown: exit code 4, with the violation in the summary."""
    scenario(SITE, tmp_path)
    monkeypatch.setattr(Promotion, "restored", cut_too_early)
    argv = ["run", str(tmp_path / "theory.yaml"), "--out", str(tmp_path / "out"), "--json"]
    assert cli.main(argv) == 4
    summary: dict[str, Any] = json.loads(capsys.readouterr().out)
    (violation,) = summary["violations"]
    assert violation["invariant"] == "conservation"
    assert violation["detail"].startswith(
        "crm: -1,000,000 bytes of 4,210,000,000 are unaccounted for"
    )


def test_a_log_that_vanishes_untold_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Context.note
    monkeypatch.setattr(
        Context,
        "note",
        lambda self, kind, *row: None if kind == "truth.log_truncated" else told(self, kind, *row),
    )
    spec = scenario(SIMPLE, tmp_path)
    (found,) = conservation(World(spec).run(), spec)
    assert found.wrong
