"""A backup of another database, maybe of another tenant, under the name of one's own (R17)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from dr_sim.loading import load_scenario, validate
from dr_sim.oracle import monitors
from dr_sim.recovery import events
from dr_sim.recovery.commands import Command
from dr_sim.recovery.files import landing
from dr_sim.recovery.replay import replay
from dr_sim.recovery.replay.replay import DatabaseReplay
from dr_sim.world.secondary import validation
from dr_sim.world.world import World

from .runs import at, log_name, ran, rows, times

SMALL = """\
run_for: 2 h
start: 2026-01-04 23:50
databases:
  crm: {size: 2 GB, full: daily 00:30, incremental: daily 00:10}
  wiki: {size: 2 GB, full: daily 00:20, incremental: daily 00:10}
link: {bandwidth: 100 Mbit/s}
"""


def world(folder: Path, event: str, more: str = "") -> World:
    path = folder / "s.yaml"
    path.write_text(f"{SMALL}{more}events:\n  - {event}\n")
    of = World(load_scenario(path), express=False)
    of.run()
    return of


def broken(of: World) -> set[str]:
    return {v.invariant for v in of.context.witness.violations}


def restored(of: World, database: int) -> list[str]:
    found = of.journal.rows("seen.Restored")
    return [row.values["name"] for row in found if row.entity == database]


def test_a_log_of_anothers_is_not_restored_and_copied_again() -> None:
    """scenarios/faults/misfiled_backup.yaml: the hash agrees, and the header says whose it is."""
    result = ran("faults/misfiled_backup")
    name = log_name("10:00")
    assert times(result, "seen.Recopy", name=name) == [at(1, "10:00:03.64")]
    (failed,) = rows(result, "seen.ValidationFailed", name=name)
    assert failed.time_us == at(1, "10:00:03.64")
    assert failed.values["outcome"] == "properties_mismatch"
    assert "of another database" in failed.values["error_text"]
    done = [r.values["name"] for r in rows(result, "seen.Restored") if r.entity == 0]
    assert done.count(name) == 1 and done == sorted(done)
    assert [result.summary.exposure.by_database[of].max_us for of in ("crm", "wiki")] == [
        304_440_000,
        303_600_000,
    ]


@pytest.mark.parametrize("kind", ["full", "incremental", "log"])
@pytest.mark.parametrize(
    "more", ["", "replay: {validate: none}\n", "replay: {validate: [hash, properties]}\n"]
)
def test_no_kind_of_backup_of_anothers_is_handed_over(kind: str, more: str, tmp_path: Path) -> None:
    event = f"{{at: 5 min, misfiled_backup: {{database: crm, kind: {kind}, files: 2}}}}"
    of = world(tmp_path, event, more)
    assert broken(of) == set()
    swapped = [row for row in of.journal.rows("truth.damaged") if row.entity == 0]
    assert swapped and len(restored(of, 0)) == len(set(restored(of, 0)))


def validate_what_is_anothers(patch: pytest.MonkeyPatch) -> None:
    """Whoever validates reads the header for the place of a log, and not for whose it is."""
    patch.setattr(validation, "_is_of_another", lambda header, file: False)


def take_what_is_anothers(patch: pytest.MonkeyPatch) -> None:
    """The recovery manager does not look at it either."""
    passed = landing.validated

    def careless(db: DatabaseReplay, e: events.Validated, out: list[Command]) -> None:
        header = dataclasses.replace(e.header, database=db.name)
        passed(db, dataclasses.replace(e, header=header), out)

    patch.setitem(replay.ON_EVENT, events.Validated, careless)


def test_whose_it_is_is_looked_at_twice_and_without_both_it_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = "{at: 5 min, misfiled_backup: {database: crm, kind: log}}"
    assert broken(world(tmp_path, event)) == set()
    validate_what_is_anothers(monkeypatch)
    of = world(tmp_path, event)
    assert broken(of) == set()
    assert any(
        row.values["header.database"] == "wiki"
        for row in of.journal.rows("seen.Validated")
        if row.entity == 0
    )
    take_what_is_anothers(monkeypatch)
    assert "other_database" in broken(world(tmp_path, event))


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ("{database: crm, of: crm}", "'crm' is the database itself; name another one"),
        ("{database: crm, of: wiky}", "unknown database 'wiky'; did you mean 'wiki'?"),
    ],
)
def test_another_database_belongs_there(params: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"{SMALL}events:\n  - {{at: 1 h, misfiled_backup: {params}}}\n")
    (problem,) = validate(path)
    assert told in str(problem)


def test_a_single_database_has_no_other(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    alone = "".join(line for line in SMALL.splitlines(keepends=True) if "wiki" not in line)
    path.write_text(f"{alone}events:\n  - {{at: 1 h, misfiled_backup: crm}}\n")
    of = World(load_scenario(path))
    of.run()
    details = [row.values["detail"] for row in of.journal.rows("truth.event")]
    assert any("there is no other database" in each for each in details)


def test_the_age_of_a_log_counts_from_the_oldest_time_that_a_copy_of_it_told(
    tmp_path: Path,
) -> None:
    """archive's log of 0:35 lands before crm's of 0:35 is finished: it is crm's of 0:30 that comes, and
    crm's of 0:35 as the next copy. Ten minutes after the first of them was written somebody is told.
    """
    path = tmp_path / "s.yaml"
    path.write_text(
        "run_for: 50 min\nlink: {bandwidth: 200 Mbit/s}\nreplay: {age: 10 min, retry: 5 min}\n"
        "databases:\n  crm: {size: 5 GB, log_volume: 20 MB per 5 min}\n"
        "  archive: {size: 5 GB, log_volume: 1 MB per 5 min}\n"
        "events: [{at: 33 min, misfiled_backup: {database: archive, files: 9}}]\n"
    )
    of = World(load_scenario(path))
    of.run()
    assert monitors.broken(of.journal, of.context.scenario) == []
    told = [row for row in of.journal.rows("seen.RaiseAlert") if row.values["event_id"] == 3]
    first, second, *_ = (
        row.values["modified_utc_us"] - of.context.scenario.start_utc_us
        for row in of.journal.rows("seen.Landed")
        if row.entity == 1 and row.values["name"] == told[0].values["name"]
    )
    assert second - first == 300_000_000 and told[0].time_us == first + 600_000_000
