"""Wrong changes that were committed: what became of each, and what users had of it meanwhile."""

from __future__ import annotations

from dr_sim.formatting.words import counted, instant, size
from dr_sim.measures.summary.types import (
    MistakeSummary,
    RotFound,
    Summary,
)
from dr_sim.scenario.model import Scenario
from dr_sim.units import clock

MOST_NAMED = 6  # tenants in one line


def mistake_lines(summary: Summary, scenario: Scenario) -> list[str]:
    """Return the lines on each mistake."""
    out = []
    for m in summary.mistakes:
        title, lines = mistake_words(m, scenario)
        word = "MISTAKE" if m.rot is None else "ROT"
        out.append("\n ".join([f"{word}  {title}", *lines]))
    return out


def mistake_words(
    m: MistakeSummary, scenario: Scenario
) -> tuple[str, list[str]]:
    """Return a mistake in one line, and what else there is to say of it."""
    if m.rot is not None:
        return _rot_words(m, m.rot, scenario)
    at = instant(m.time_us, scenario)
    title = f"{at} in {m.database}, {m.what}: {_became(m)}"
    if m.noticed_us is None:
        return title, []
    least = "" if m.right_us is not None else "at least "
    after = clock(m.noticed_us - m.time_us)
    lasted = f"degraded for {least}{clock(m.degraded_us)}"
    if m.stops_service:
        lasted = f"nobody could work for {least}{clock(m.lasted_us)}"
    lines = [f"noticed after {after}, {lasted}"]
    if who := _stood_still(m):
        lines.append(f"{who} down for {least}{clock(m.lasted_us)}")
    for place in m.given_up:
        lines.append(
            f"given up at {place}: the backups there do not reach it"
        )
    return title, lines


def _rot_words(
    m: MistakeSummary, rot: RotFound, scenario: Scenario
) -> tuple[str, list[str]]:
    at = instant(m.time_us, scenario)
    became = "still there"
    if m.gone:
        became = f"left behind, {m.place} took over without them"
    elif m.copied_back_bytes is not None:
        became = f"sound pages copied back from {m.place}"
    title = f"{at} in {m.database}, {size(rot.damaged_bytes)} of pages: {became}"
    noticed = "nothing has read them"
    if m.noticed_us is not None:
        after = clock(m.noticed_us - m.time_us)
        noticed = f"noticed by {rot.noticed_by} after {after}"
    least = "" if m.right_us is not None else "at least "
    return title, [
        f"{noticed}, degraded for {least}{clock(m.degraded_us)}",
        f"{counted(rot.fulls, 'full')} made meanwhile {'holds' if rot.fulls == 1 else 'hold'} them",
    ]


def _became(m: MistakeSummary) -> str:
    if m.gone:
        return "gone, replay stopped before it"
    if m.copied_back_bytes is None:
        return "still there"
    copied = size(m.copied_back_bytes)
    return f"restored beside at {m.place}, {copied} copied back"


def _stood_still(m: MistakeSummary) -> str:
    """Return who could not work while the service continued; '' where there was nobody."""
    if m.stops_service:
        return ""
    if not m.stopped:
        return m.database if m.stops_database else ""
    more = len(m.stopped) - MOST_NAMED
    named = ", ".join(m.stopped[:MOST_NAMED])
    return named + (f" and {more} more" if more > 0 else "")
