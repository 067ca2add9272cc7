"""The alerts that SQL Server's built-in log shipping would have raised in a run: its two alerts, at
its defaults.

The monitor's alert job runs every 2 minutes. 14420: no log backup for 60 minutes. 14421: no restore
for 45 minutes. There is no alert on copying, and nobody looks into a file. Both count from the end
of the last backup or restore, and are raised at each run of the job as long as it lasts. (Defaults
and texts: the vendor's documentation of log shipping.) Computed from `truth.*` alone, of any run:
so the incumbent's alerts can be held against the same danger as ours.
"""

from __future__ import annotations

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.alerts.alerts import Alert, AlertQuality, judge
from dr_sim.measures.tables import Ints, Record, Tables, tables, up_until_us
from dr_sim.scenario.model import Scenario

MINUTE_US = 60_000_000
ALERT_JOB_US = 2 * MINUTE_US
BACKUP, RESTORE = 14420, 14421
THRESHOLDS_US = {BACKUP: 60 * MINUTE_US, RESTORE: 45 * MINUTE_US}


def incumbent_alerts(record: Record, scenario: Scenario) -> list[Alert]:
    """Every alert that the built-in monitor would have raised, in the order of time. Databases
    without logs have none.
    """
    t = tables(record)
    found: list[tuple[int, int, int, int]] = []
    for index, database in enumerate(scenario.databases):
        if database.log.kind == "none":
            continue
        checks = np.arange(
            ALERT_JOB_US,
            up_until_us(t, scenario, index),
            ALERT_JOB_US,
            dtype=np.int64,
        )
        for event_id, done in (
            (BACKUP, _backups(t, index)),
            (RESTORE, _restores(t, index)),
        ):
            last = np.concatenate(([0], done))[
                np.searchsorted(done, checks, side="right")
            ]
            late = checks - last > THRESHOLDS_US[event_id]
            found += [
                (int(at), index, event_id, int(silent) // MINUTE_US)
                for at, silent in zip(
                    checks[late].tolist(),
                    (checks - last)[late].tolist(),
                    strict=True,
                )
            ]
    return [
        Alert(
            number=number,
            time_us=at,
            database=index,
            event_id=event_id,
            level="error",
            file_name="",
            text=_text(scenario.databases[index].name, event_id, minutes),
            source="log shipping monitor",
            minutes=minutes,
        )
        for number, (at, index, event_id, minutes) in enumerate(
            sorted(found), 1
        )
    ]


def judge_incumbent(record: Record, scenario: Scenario) -> AlertQuality:
    """Compare its alerts with the danger that there was."""
    return judge(record, scenario, incumbent_alerts(record, scenario))


def _backups(t: Tables, database: int) -> Ints:
    rows = t.of("truth.backup_finished", database)
    return np.sort(rows["time_us"][rows["kind"] == Kind.LOG])


def _restores(t: Tables, database: int) -> Ints:
    return np.sort(t.of("truth.restored", database)["time_us"])


def _text(database: str, event_id: int, minutes: int) -> str:
    threshold = THRESHOLDS_US[event_id] // MINUTE_US
    if event_id == BACKUP:
        return (
            f"The log shipping primary database {database} has backup threshold of "
            f"{threshold} minutes and has not performed a"
            f" backup log operation for {minutes} minutes."
        )
    return (
        f"The log shipping secondary database {database} has restore threshold of "
        f"{threshold} minutes and is out of sync."
        f" No restore was performed for {minutes} minutes."
    )
