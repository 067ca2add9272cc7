"""Undo at a promotion: what open transactions had written when the last backup that is restored was
cut must be rolled back before the copy is online (SQL Server's rules; PostgreSQL undoes nothing).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.causes.happenings import lines_for, turns_of
from dr_sim.measures.tables import Ints, Tables
from dr_sim.scenario.kind import Explains
from dr_sim.scenario.model import Scenario
from dr_sim.units import SECOND_US


@dataclass(slots=True)
class OpenWrites:
    """One transaction: from at_us on it writes log_bytes in over_us, and is open for open_us."""

    at_us: int
    log_bytes: int
    over_us: int
    open_us: int

    def written_by(self, t_us: int) -> int:
        """Return how much of it must be undone in a copy that ends at t_us."""
        done = t_us - self.at_us
        if not 0 < done < self.open_us:
            return 0
        return (
            self.log_bytes
            if done >= self.over_us
            else self.log_bytes * done // self.over_us
        )


def undo_us(
    t: Tables, scenario: Scenario, database: int, files: dict[str, Ints]
) -> Ints:
    """Return how long undo takes if each of these backups is the last to be restored: their columns
    are those of truth.backup_finished.
    """
    none = np.zeros(len(files["file"]), np.int64)
    if scenario.engine.postgres_rules:
        return none
    open_writes = _open_writes(t, scenario, database)
    if not open_writes:
        return none
    begun = t.of("truth.backup_begin", database)
    began = dict(
        zip(begun["file"].tolist(), begun["time_us"].tolist(), strict=True)
    )
    rate = scenario.failover.undo_bytes_s
    for i, (file, kind, ended) in enumerate(
        zip(
            files["file"].tolist(),
            files["kind"].tolist(),
            files["time_us"].tolist(),
            strict=True,
        )
    ):
        cut = began.get(file, ended) if kind == Kind.LOG else ended
        written = sum(one.written_by(cut) for one in open_writes)
        none[i] = written * SECOND_US // rate
    return none


def _open_writes(
    t: Tables, scenario: Scenario, database: int
) -> list[OpenWrites]:
    name = scenario.databases[database].name
    params = {
        (line.kind.name, number): line.params
        for number, line in lines_for(scenario, Explains.UNDO, name)
    }
    found = []
    for row in turns_of(t, scenario, Explains.UNDO, name):
        if row.entity == database and row.values["begins"]:
            of = params[row.values["what"], row.values["number"]]
            open_us = of.over + getattr(of, "open_for", 0)
            found.append(OpenWrites(row.time_us, of.log, of.over, open_us))
    return found
