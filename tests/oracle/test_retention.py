"""An old log that retention leaves is found, in a journal that was doctored."""

from __future__ import annotations

from dr_sim.oracle.monitors import keeping
from oracle.test_monitors import KEPT, found, recorded


def test_an_old_log_that_stays_is_found() -> None:
    of, rows = recorded(KEPT)
    deletes = [row for row in rows if row.kind == "seen.Delete"]
    first = next(row for row in deletes if "_log_" in row.values["name"])
    without = [row for row in rows if row is not first]
    assert not found(keeping.old_logs_go_every_day, of, rows)
    assert found(keeping.old_logs_go_every_day, of, without) == {"R18"}
