"""What holds for each file of the library: it keeps its promise, breaks no invariant, and its
record holds together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dr_sim.cli.main import main
from dr_sim.machines import Command
from dr_sim.measures.exposure.exposure import true_exposure
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.tables import tables
from dr_sim.measures.verdict import Outcome
from dr_sim.record.journal import Journal
from dr_sim.record.kinds import CLOUD_CLASS, KINDS, SEEN_CLASS
from dr_sim.record.verify import verify
from dr_sim.world.cloud.manager_config import cloud_config
from dr_sim.world.own_logic import builders
from tests.at_length import some_or_all

from .runs import MINUTE, SCENARIOS, ran

# checks/ are judged over many runs; advice/ miss what advise would mend
PROMISING = sorted(
    p for p in SCENARIOS.rglob("*.yaml") if not {"negative", "checks", "advice"} & set(p.parts)
)
RUNNING = sorted(p for p in SCENARIOS.rglob("*.yaml") if "bad_input" not in p.parts)
DEAR = {"clustered_by_disk", "rates", "change_windows", "skip_ahead"}  # seconds each


def marked(paths: list[Path]) -> list[Any]:
    """The dear ones are run at length only."""
    return [
        pytest.param(path, marks=pytest.mark.long) if path.stem in DEAR else path for path in paths
    ]


LANDED_IN_VAIN_US = {
    "faults/restore_hangs": (16 * 60 + 2 - 10 * 60) * MINUTE,  # restored to 10:00, lost at 16:02
    "faults/setup_differs": (14 * 60 + 1 - 10 * 60) * MINUTE,  # restored to 10:00, lost at 14:01
}
COMMAND_KINDS = [
    kind.name
    for kind in KINDS
    if issubclass((SEEN_CLASS | CLOUD_CLASS).get(kind.id, object), Command)
]


def commands_in(journal: Journal) -> int:
    """How many commands a run recorded: each must have been given again."""
    t = tables(journal)
    return sum(len(t[kind]["seq"]) for kind in COMMAND_KINDS)


def name_of(path: Path) -> str:
    return path.relative_to(SCENARIOS).with_suffix("").as_posix()


def test_the_library_is_there() -> None:
    assert {p.parts[0] for p in (q.relative_to(SCENARIOS) for q in PROMISING)} >= {
        "after_failover",
        "capacity",
        "faults",
        "policies",
        "quickstart.yaml",
        "rates.yaml",
        "replication",
        "retention.yaml",
        "sanity",
        "schedule",
    }


@pytest.mark.parametrize("path", sorted(SCENARIOS.rglob("*.yaml")), ids=name_of)
def test_it_opens_with_what_it_shows(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"# {path.name}: ")
    assert len(first) > len(f"# {path.name}: ") + 20


@pytest.mark.parametrize("path", marked(PROMISING), ids=name_of)
def test_it_keeps_its_promise(path: Path) -> None:
    verdict = ran(name_of(path)).verdict
    assert verdict.lines, "a scenario of the library promises something"
    assert verdict.outcome is Outcome.PASS, [
        (j.line.id, j.value, j.line.bound) for j in verdict.lines
    ]
    assert verdict.exit_code == 0


@pytest.mark.long
def test_the_checks_keep_theirs_over_many_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(SCENARIOS / "checks")]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("path", marked(RUNNING), ids=name_of)
def test_no_invariant_breaks(path: Path) -> None:
    assert summary_json(ran(name_of(path)).summary)["violations"] == []


@pytest.mark.parametrize("path", some_or_all(RUNNING, 7), ids=name_of)
def test_the_record_verifies(path: Path) -> None:
    result = ran(name_of(path))
    of = result.scenario
    cloud = cloud_config(of.cloud, of) if of.cloud is not None else None
    found = verify(result.journal, builders(result.journal, of), cloud=cloud)
    assert found.mismatch is None
    assert found.rows == len(result.journal)
    assert found.commands == commands_in(result.journal) > 0


@pytest.mark.parametrize("path", marked(RUNNING), ids=name_of)
def test_ledgers_and_phases_add_up(path: Path) -> None:
    for failover in summary_json(ran(name_of(path)).summary)["failovers"]:
        for ledger in (failover["loss_ledger"], failover["outage_ledger"]):
            if ledger["total_us"] is not None and ledger["lines"]:
                assert sum(line["duration_us"] for line in ledger["lines"]) == ledger["total_us"]
        if failover["outage_us"] is not None:
            assert sum(failover["phases_us"].values()) == failover["outage_us"]


@pytest.mark.parametrize("path", marked(RUNNING), ids=name_of)
def test_what_was_lost_is_what_would_have_been(path: Path) -> None:
    """Exposure is worked out from what lies where; data loss from what the promoted database holds.
    They agree.
    """
    result = ran(name_of(path))
    legs = result.whole.legs
    for failover in summary_json(result.summary)["failovers"]:
        failure_class = failover["class"]
        if failure_class not in ("database", "host", "site"):
            continue
        leg = legs[failover["leg"] - 1]
        t = leg.tables
        promoted = {r.entity for r in leg.journal.rows("truth.promoted")}
        for index, database in enumerate(failover["databases"]):
            if index in promoted:
                would_be = true_exposure(t, leg.scenario, index, failure_class).at(
                    database["failed_us"] - leg.begins_us
                )
                if failure_class == "database":
                    would_be = 0  # its log survives
                if database["failed_us"] < failover["failed_us"]:
                    would_be = 0  # it had been stopped by plan, and its tail been taken
                # what has landed, and could not be restored there, is lost too
                would_be = LANDED_IN_VAIN_US.get(name_of(path), would_be)
                assert database["data_loss_us"] == would_be
