"""A made-up history of pgBackRest, for pgbackrest_history.ipynb until it is given a real one: what
`pgbackrest info --output=json` would say of fifteen days.

    python example_pgbackrest.py > info.json

One cluster of 40 GB: a full on Sunday, an incremental a day, 3 GB of WAL on a working day and a
third of that at the weekend. Nobody's data: every number is made here, the same each time.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 1, 1, tzinfo=UTC)  # a Sunday
DAYS = 15
SEGMENT = 16 * 2**20
SIZE = 40_000_000_000


def segment_name(number: int) -> str:
    """Return the WAL file's name, on timeline 1: 256 segments a log file."""
    return f"00000001{number // 256:08X}{number % 256:08X}"


def position(segment: int, offset: int) -> str:
    """Return an LSN in PostgreSQL's words."""
    lsn = segment * SEGMENT + offset
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def backup(day: int, segment: int, full: str) -> dict[str, Any]:
    """One backup; full: the label of the full that it stands on, '' if it is one itself."""
    at = START + timedelta(days=day)
    label = f"{at:%Y%m%d-%H%M%S}F" if not full else f"{full}_{at:%Y%m%d-%H%M%S}I"
    moved = SIZE if not full else 1_800_000_000
    started = int(at.timestamp())
    return {
        "label": label,
        "type": "incr" if full else "full",
        "prior": full or None,
        "reference": [full] if full else None,
        "error": False,
        "database": {"id": 1, "repo-key": 1},
        "timestamp": {"start": started, "stop": started + 10 + moved // 191_000_000},
        "archive": {"start": segment_name(segment), "stop": segment_name(segment)},
        "lsn": {"start": position(segment, 40), "stop": position(segment, 400)},
        "info": {
            "size": SIZE,
            "delta": moved,
            "repository": {"size": SIZE // 4, "delta": moved // 4},
        },
    }


def info() -> str:
    """Return the JSON of one stanza."""
    backups: list[dict[str, Any]] = []
    segment, full = 4, ""
    for day in range(DAYS):
        sunday = (START + timedelta(days=day)).weekday() == 6
        backups.append(backup(day, segment, "" if sunday else full))
        full = backups[-1]["label"] if sunday else full
        weekend = (START + timedelta(days=day)).weekday() >= 5
        segment += (1_000_000_000 if weekend else 3_000_000_000) // SEGMENT
    archive = {
        "database": {"id": 1, "repo-key": 1},
        "id": "16-1",
        "min": segment_name(4),
        "max": segment_name(segment),
    }
    stanza = {
        "name": "main",
        "status": {"code": 0},
        "db": [{"id": 1, "repo-key": 1, "system-id": 77, "version": "16"}],
        "archive": [archive],
        "backup": backups,
    }
    return json.dumps([stanza], indent=1)


if __name__ == "__main__":
    print(info())
