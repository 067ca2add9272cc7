"""A hole after the second full: the base that the logs carried lets an incremental get past it."""

from __future__ import annotations

from dr_sim.backups.model import Kind
from dr_sim.measures.verdict import Outcome

from .runs import at, peak_us, ran, rows, times


def test_an_incremental_on_a_full_that_was_never_restored_bridges_a_hole() -> None:
    run = ran("policies/bridge_after_second_full")
    assert run.verdict.outcome is Outcome.PASS, run.verdict.lines
    assert not rows(run, "truth.violation") and not rows(run, "seen.RestoreFailed")

    (full,) = rows(run, "truth.backup_finished", kind=int(Kind.FULL))
    bases = [(r.time_us, r.values["differential_base_lsn"]) for r in rows(run, "seen.Restored")]
    moved_us = min(t for t, base in bases if base == full.values["first_lsn"])
    assert at(1, "06:05") < moved_us < at(1, "06:06")
    assert len({base for _, base in bases}) == 2 and bases == sorted(bases)

    (asked,) = rows(run, "seen.TakeBackup")
    assert asked.values["kind"] == Kind.INCREMENTAL and at(1, "07:45") < asked.time_us < at(
        1, "07:46"
    )
    assert not rows(run, "seen.Restore", replace=1)
    (incremental,) = rows(run, "truth.backup_finished", kind=int(Kind.INCREMENTAL))
    (landed_us,) = times(run, "truth.landed", file=incremental.values["file"])
    (restored,) = rows(run, "truth.restored", file=incremental.values["file"])
    assert restored.values["redo_lsn"] == incremental.values["last_lsn"]
    assert peak_us(run) == landed_us - at(1, "07:25") == 1_217_519_740
    assert bases[-1][0] > at(1, "09:55")  # and the logs go on
