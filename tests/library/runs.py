"""Runs of the scenario library, each made once a session, and short ways to ask their records."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.record.journal import Row
from dr_sim.runs.run import Result, run

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
QUIET_PEAK = 302_800_000
"""Exposure of scenarios/faults/base.yaml at its most: interval, backup and transfer."""


@cache
def ran(name: str, *overrides: str) -> Result:
    """scenarios/<name>.yaml, run once, on the model engine whatever it names; overrides as in
    `--set`.
    """
    return run(
        load_scenario(
            SCENARIOS / f"{name}.yaml", list(overrides), engine="model", timing="modelled"
        )
    )


def ceil_div(amount: int, rate: int) -> int:
    """Microseconds for so much work at so much a second, rounded up once, as the world rounds."""
    return -(-amount * SECOND // rate)


def rows(result: Result, record: str, /, **wanted: int | str) -> list[Row]:
    """The rows of one kind whose values are as wanted."""
    return [
        r for r in result.journal.rows(record) if all(r.values[k] == v for k, v in wanted.items())
    ]


def in_first_leg(result: Result, record: str, /, **wanted: int | str) -> list[Row]:
    """The same, until the first failover and of what it begins: those of the first pair."""
    journal = result.whole.legs[0].journal
    return [r for r in journal.rows(record) if all(r.values[k] == v for k, v in wanted.items())]


def times(result: Result, record: str, /, **wanted: int | str) -> list[int]:
    return [r.time_us for r in rows(result, record, **wanted)]


def peak_us(result: Result) -> int:
    """The peak of true exposure to the loss of the site, until the first failover."""
    found: int = summary_json(result.summary)["legs"][0]["exposure"]["max_us"]
    return found


def peak_lag_us(result: Result) -> int:
    found: int = summary_json(result.summary)["replay_lag"]["max_us"]
    return found


def failovers(result: Result) -> list[dict[str, Any]]:
    return list(summary_json(result.summary)["failovers"])


def failover(result: Result) -> dict[str, Any]:
    """The only failover of a run."""
    (found,) = failovers(result)
    return dict(found)


def fault(name: str) -> Result:
    """The scenario of that kind of fault: its SLA is met, no invariant breaks."""
    result = ran(f"faults/{name}")
    assert result.verdict.outcome is Outcome.PASS, result.verdict.lines
    assert summary_json(result.summary)["violations"] == []
    return result


def log_name(clock: str) -> str:
    """The name of crm's log cut at that time of day 1."""
    return f"crm_2026_01_05_{clock.replace(':', '_')}_00_log_000"


def at(day: int, clock: str) -> int:
    """The instant of '10:00:02.8' (UTC) on day 1, 2, ... of a scenario that starts at midnight."""
    hours, minutes, *seconds = clock.split(":")
    whole, _, part = (seconds[0] if seconds else "0").partition(".")
    return (
        (day - 1) * DAY
        + int(hours) * HOUR
        + int(minutes) * MINUTE
        + int(whole) * SECOND
        + int(part.ljust(6, "0") or 0)
    )


def clock(us: int) -> str:
    """As people read it: m:ss or h:mm:ss, rounded to a second."""
    seconds = (us + SECOND // 2) // SECOND
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def h_min(us: int) -> str:
    """'5 h 38': whole hours and minutes, rounded to a minute."""
    minutes = (us + MINUTE // 2) // MINUTE
    return f"{minutes // 60} h {minutes % 60:02d}"


def log_cut(result: Result, at_us: int, database: int = 0) -> int:
    """The number of the log that was cut at that instant."""
    (row,) = [
        r
        for r in rows(result, "truth.backup_begin", kind=2)
        if r.time_us == at_us and r.entity == database
    ]
    return int(row.values["file"])


def alerts(result: Result) -> list[tuple[int, int, str, int]]:
    """(instant, event id, level, minutes) of every alert."""
    return [
        (r.time_us, int(r.values["event_id"]), str(r.values["level"]), int(r.values["minutes"]))
        for r in rows(result, "seen.RaiseAlert")
    ]


def texts(result: Result) -> list[str]:
    return [str(r.values["text"]) for r in rows(result, "seen.RaiseAlert")]
