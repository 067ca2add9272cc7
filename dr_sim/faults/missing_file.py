"""The next log backup's file vanishes from the primary's share before it is copied; its log is truncated all the same."""

from __future__ import annotations

from dr_sim.faults.kind import Kind, Occurrence
from dr_sim.scenario.fields import DatabaseName, Params


class MissingFile(Params):
    database: DatabaseName


def happen(event: Occurrence, params: MissingFile) -> None:
    index = event.world.index_of(params.database)
    event.begins("file lost", index)

    def vanish(what: str) -> None:
        event.ends(f"file lost: {what}", index)

    event.world.lose_next_log(index, vanish)


KIND = Kind(
    "missing_file", MissingFile, "database", True,
    "a second job, a clean-up script or a person takes a log away: the hole cannot be filled from the primary's log",
    "operators' threads: a second log-backup job elsewhere steals log; retention that deletes what is still needed",
    happen, needs_log=True,
)  # fmt: skip
