"""Retention prunes on both sides, and never what a chain or an uncopied file still needs (R18)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from dr_sim.backups.model import Kind
from dr_sim.loading import load_scenario
from dr_sim.measures.verdict import Outcome
from dr_sim.record.journal import Row
from dr_sim.runs.run import Result, run

from .runs import DAY, HOUR, at, failover, in_first_leg, ran, rows, times


@dataclass(slots=True)
class Lying:
    """A whole backup that lies somewhere."""

    kind: int
    first_lsn: int
    last_lsn: int
    finished_us: int
    base: Lying | None = None  # an incremental's: the last full before it; None: the seed


def restorable(files: list[Lying]) -> set[int]:
    """The positions that a restore from what lies there can reach: a full, perhaps an incremental
    of its, and logs.
    """
    starts = [f for f in files if f.kind == Kind.FULL]
    starts += [f for f in files if f.kind == Kind.INCREMENTAL and f.base in starts]
    logs = sorted((f for f in files if f.kind == Kind.LOG), key=lambda f: f.first_lsn)
    found: set[int] = set()
    for start in starts:
        position = start.last_lsn
        found.add(position)
        for log in logs:
            if log.first_lsn <= position < log.last_lsn:
                position = log.last_lsn
                found.add(position)
    return found


def until_failover(result: Result, record: str, **wanted: int | str) -> list[Row]:
    """The rows of the first pair, until the next one is on: what is left by then goes later."""
    until_us = [leg.begins_us for leg in result.whole.legs[1:]]
    found = in_first_leg(result, record, **wanted)
    return [r for r in found if r.time_us < min(until_us, default=r.time_us + 1)]


def walk(result: Result, where: str) -> list[tuple[int, list[Lying], list[Lying]]]:
    """For each night that pruned a side: (instant, what lay there before, what was left). Until the
    failover: after it each side is another site.
    """
    made = {
        r.values["file"]: Lying(
            *(r.values[k] for k in ("kind", "first_lsn", "last_lsn")), r.time_us
        )
        for r in until_failover(result, "truth.backup_finished")
    }
    fulls = [f for f in made.values() if f.kind == Kind.FULL]
    for f in made.values():
        if f.kind == Kind.INCREMENTAL:
            f.base = max(
                (g for g in fulls if g.last_lsn <= f.first_lsn),
                key=lambda g: g.last_lsn,
                default=None,
            )
    came = "truth.landed" if where == "secondary" else "truth.backup_finished"
    changes = [(r.time_us, r.seq, r.values["file"], True) for r in until_failover(result, came)]
    changes += [
        (r.time_us, r.seq, r.values["file"], False)
        for r in until_failover(result, "truth.file_gone", where=where)
    ]
    lying: dict[int, Lying] = {}
    nights: list[tuple[int, list[Lying], list[Lying]]] = []
    for time_us, _, number, arrives in sorted(changes):
        if arrives:
            lying[number] = made[number]
            continue
        before = list(lying.values())
        del lying[number]
        if nights and nights[-1][0] == time_us:
            before = nights.pop()[1]
        nights.append((time_us, before, list(lying.values())))
    return nights


@pytest.fixture(scope="module")
def result() -> Result:
    found = ran("retention")
    assert found.verdict.outcome is Outcome.PASS, found.verdict.lines
    return found


@pytest.mark.parametrize("where", ["primary", "secondary"])
def test_old_files_go(result: Result, where: str) -> None:
    gone = until_failover(result, "truth.file_gone", where=where, why="retention")
    assert len(gone) > 300
    made = {r.values["file"]: r.time_us for r in until_failover(result, "truth.backup_finished")}
    assert min(r.time_us - made[r.values["file"]] for r in gone) > DAY  # none before its time
    last = max(r.time_us for r in gone)
    _, before, left = walk(result, where)[-1]
    assert len(left) < len(before)
    fulls = sorted(f.finished_us for f in left if f.kind == Kind.FULL)
    # what stays: younger than a day, or leads on from the older of the last two fulls
    assert all(f.finished_us >= min(last - DAY, fulls[-2]) for f in left)


@pytest.mark.parametrize("where", ["primary", "secondary"])
def test_and_never_what_a_chain_needs(result: Result, where: str) -> None:
    """Every position of the last day that could be restored before a night's pruning can be
    restored after it.
    """
    nights = walk(result, where)
    assert len(nights) >= 5
    for time_us, before, left in nights:
        fulls = sorted((f for f in before if f.kind == Kind.FULL), key=lambda f: f.finished_us)
        assert all(full in left for full in fulls[-2:])
        assert all(f.base in left for f in left if f.base is not None)
        young = {f.last_lsn for f in before if f.finished_us >= time_us - DAY}
        assert young & restorable(before) <= restorable(left)
        if fulls:  # the first is made on day 3; until then what lies there leads on from the seed
            assert (
                max(restorable(left)) == max(restorable(before)) == max(f.last_lsn for f in before)
            )


def test_nor_what_has_not_been_copied(result: Result) -> None:
    landed: dict[int, int] = {}
    for r in rows(result, "truth.landed"):
        landed.setdefault(int(r.values["file"]), r.time_us)
    for r in rows(result, "truth.file_gone", where="primary"):
        assert landed[int(r.values["file"])] < r.time_us
    # the link was down for 30 h: what was made in its first hours was older than a day when it
    # crossed at last
    waited = [
        landed[r.values["file"]] - r.time_us
        for r in rows(result, "truth.backup_finished")
        if r.values["file"] in landed
    ]
    assert max(waited) > DAY


def test_the_counters_go_with_their_files(result: Result) -> None:
    saved = {str(r.values["key"]): r.values["value"] for r in rows(result, "seen.Save")}
    kept = {
        key.rsplit("/", 1)[-1]
        for key, value in saved.items()
        if key.startswith("attempts/") and value
    }
    deleted = {r.values["name"] for r in rows(result, "seen.Delete")}
    assert deleted
    assert not kept & deleted


def test_and_the_site_can_be_lost(result: Result) -> None:
    found = failover(result)
    assert found["failed_us"] == at(9, "10:01")
    assert found["data_loss_us"] == at(9, "10:01") - at(9, "10:00")
    assert len(times(result, "truth.promoted")) == 1


SOMEONE_ELSES_FULL = """\
run_for: 50 h
databases: {web: {size: 200 MB, full: every 6 h, incremental: every 2 h}}
link: {bandwidth: 200 Mbit/s}
secondary: {retention: 1 d}
events: [{at: 19 h, ad_hoc_full: {database: web}}]
"""


def test_the_logs_are_kept_across_a_full_that_someone_else_has(tmp_path: Path) -> None:
    """At 48:00 what was finished before 24:00 is old. The incrementals of 20:00 and 22:00 stand on
    his full of 19:00, so the logs from our full of 18:00 on stay.
    """
    path = tmp_path / "s.yaml"
    path.write_text(SOMEONE_ELSES_FULL, encoding="utf-8")
    result = run(load_scenario(path))
    assert not result.summary.violations
    gone = [r.values["name"] for r in rows(result, "seen.Delete") if r.time_us == 48 * HOUR]
    stay = [name for name in gone if "_log_" in name and name >= "web_2026_01_05_18_05"]
    assert stay == []
