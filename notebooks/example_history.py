"""A made-up backup history, for your_history.ipynb until it is given a real one: what msdb would
hold of fifteen days.

    python example_history.py > history.csv

One database of 40 GB: logs every 15 min that follow the office hours, a rebuild of indexes in two
nights, a differential a day, a full on Sunday. Nobody's data: every number is made here, the same
each time.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

START = datetime(2026, 3, 1)  # a Sunday
DAYS = 15
STEP = timedelta(minutes=15)
REBUILDS = {datetime(2026, 3, 4, 22), datetime(2026, 3, 11, 22)}
HEAD = (
    "database_name,type,backup_start_date,backup_finish_date,time_zone,"
    "first_lsn,last_lsn,checkpoint_lsn,database_backup_lsn,backup_size,recovery_model"
)


def log_bytes(until: datetime) -> int:
    """What the quarter of an hour up to then has written: 4 MB at night, 60 MB at noon, 6 GB by a
    rebuild.
    """
    if until in REBUILDS:
        return 6_000_000_000
    hour = until.hour + until.minute / 60
    busy = math.exp(-(((hour - 12.5) / 3.5) ** 2)) if until.weekday() < 5 else 0.05
    ripple = 1 + 0.3 * math.sin(until.toordinal() * 7.3 + hour * 5.1)
    return round((4e6 + 56e6 * busy) * ripple)


def rows() -> list[str]:
    """CSV with the column heads of msdb's backupset. LSNs count bytes here: only their order and
    their gaps matter.
    """
    lsn, base, out = 1_000_000, 0, [HEAD]

    def row(kind: str, at: datetime, size: int, seconds: float, first: int, last: int) -> None:
        ended = at + timedelta(seconds=math.ceil(seconds))
        base_lsn = base if kind == "I" else 0
        out.append(
            f"crm,{kind},{at.isoformat()},{ended.isoformat()},0,"
            f"{first},{last},{first},{base_lsn},{size},FULL"
        )

    for number in range(DAYS * 96):
        at = START + number * STEP
        written = log_bytes(at)
        row("L", at, written, 1 + written / 169e6, lsn, lsn + written)
        lsn += written
        if at.hour == 1 and at.minute == 0:
            sunday = at.weekday() == 6 or not base
            base = lsn if sunday else base
            size = 40_000_000_000 if sunday else min(40_000_000_000, (lsn - base) * 6 // 10)
            row("D" if sunday else "I", at, size, 5 + size / 191e6, lsn, lsn + 1)
    return out


if __name__ == "__main__":
    print("\n".join(rows()))
