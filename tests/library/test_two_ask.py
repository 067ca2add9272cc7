"""Two standbys that lack the same backup: one of each kind is made for both (R11)."""

from __future__ import annotations

from dr_sim.backups.model import Kind
from dr_sim.runs.run import Result

from .runs import peak_us, ran, rows

TWO = "copies={near: {}, far: {link: {bandwidth: 200 Mbit/s}}}"
NAME = "faults/ad_hoc_full"


def made(result: Result, kind: Kind) -> set[int]:
    return {row.values["file"] for row in rows(result, "truth.backup_begin", kind=kind)}


def test_a_full_that_is_being_made_for_one_standby_serves_the_other() -> None:
    """Both ask at one instant, each over its own link: as with one standby, to the microsecond."""
    both, alone = ran(NAME, TWO), ran(NAME)
    for kind in (Kind.FULL, Kind.INCREMENTAL):
        assert made(both, kind) == made(alone, kind)
    assert peak_us(both) == peak_us(alone)
