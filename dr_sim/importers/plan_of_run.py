"""The restore plan's view of a run's folder: the files in the secondary's share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.formatting.words import counted
from dr_sim.importers.plan_source import RestoreCosts, Source
from dr_sim.importers.plan_sources import RunSource
from dr_sim.results.run_folder import read_results


def sources_of_run(folder: Path) -> list[Source]:
    """The files in the secondary's share when the primary first failed, or at the end of the
    run.
    """
    stored = read_results(folder)
    journal, scenario = stored.journal, stored.scenario
    end_us = min(
        (row.time_us for row in journal.rows("truth.failed")), default=None
    )
    headers: list[dict[str, BackupHeader]] = [
        {} for _ in scenario.databases
    ]
    damaged: list[int] = [0] * len(headers)
    names: list[dict[int, str]] = [{} for _ in headers]
    for row in journal.rows(
        "seen.Validated", "truth.file_gone", "truth.damaged"
    ):
        if end_us is not None and row.time_us > end_us:
            break
        if row.entity < 0 or row.entity >= len(headers):
            continue
        values, own = row.values, headers[row.entity]
        if row.kind == "seen.Validated":
            header = _header(values)
            own[values["name"]] = header
            names[row.entity][header.backup_id] = values["name"]
        elif values["where"] == "secondary":
            gone = own.pop(names[row.entity].get(values["file"], ""), None)
            damaged[row.entity] += (
                gone is not None and row.kind == "truth.damaged"
            )
    cost = scenario.secondary.restore[Kind.FULL]
    costs = RestoreCosts(
        cost.fixed_us,
        cost.rate_bytes_s,
        "secondary.restore_rate and restore_fixed of the run's scenario",
    )
    when = (
        "when the primary failed"
        if end_us is not None
        else "at the end of the run"
    )
    sources: list[Source] = []
    for number, database in enumerate(scenario.databases):
        remarks = [f"files that lay whole in the secondary's share {when}"]
        if damaged[number]:
            remarks.append(
                f"{counted(damaged[number], 'file')} damaged there: left out"
            )
        sources.append(
            RunSource(database.name, headers[number], remarks, costs)
        )
    return sources


def _header(values: dict[str, Any]) -> BackupHeader:
    own = {
        key.removeprefix("header."): value
        for key, value in values.items()
        if key.startswith("header.")
    }
    own["kind"] = Kind(own["kind"])
    own["copy_only"], own["is_tail"] = (
        bool(own["copy_only"]),
        bool(own["is_tail"]),
    )
    return BackupHeader(**own)
