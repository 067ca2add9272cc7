"""The measures that a scenario may promise something about, and what their names say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dr_sim import units
from dr_sim.scenario.fields.fields import did_you_mean

PHASES = (
    "detect",
    "decide",
    "repair",
    "fence",
    "drain",
    "recover",
    "provision",
    "redirect",
    "warm_up",
    "attempt",
    "unfence",
)
STATISTICS = ("mean", "p50", "p90", "p95", "p99", "max")
VALUES = (
    "data_loss",
    "outage",
    *(f"outage.{phase}" for phase in PHASES),
    "unprotected",
    "alert_delay",
    "writes_refused",
    "degraded",
    "pause",
    "to_goal",
)
CLOUD_CURVES = ("drift", "provision_if_now")
"""Measures of the whole service, where there is a cloud manager."""
CLOUD_COUNTS = ("jobs_twice", "jobs_lost")
CLOUD_PARTS = ("api.first_try", "api.unanswered")
COUNTS = ("alerts_missed", "alerts_late", "alerts_false", *CLOUD_COUNTS)
COUNTED = (
    *COUNTS,
    *(
        f"{measure}.{statistic}"
        for measure in COUNTS
        for statistic in STATISTICS
        if statistic != "mean"
    ),
)
WAYS_OPEN = ("ways_open", "ways_open_before")
"""The fewest ways back that were open at any instant: over all the measured time, and before the
run's first failure.
"""
EXPOSURES = ("exposure", "exposure_before", "exposure_after")
"""Exposure over all the measured time, before the run's first failure, and from it on."""
CURVES = (*EXPOSURES, "replay_lag", "outage_if_now", *CLOUD_CURVES)
CLASSED_CURVES = (*EXPOSURES, "outage_if_now")
"""Curves that depend on what died; without a class in the line it is the site."""
PLACED_CURVES = ("exposure", "outage_if_now")
"""Curves that are taken of each place by itself, too: 'outage_if_now@vault.max'."""
DURATIONS = (
    *VALUES,
    *(
        f"{measure}.{statistic}"
        for measure in (*VALUES, *CURVES)
        for statistic in STATISTICS
    ),
)
_AT_A_PLACE = rf"(?:{'|'.join(PLACED_CURVES)})@.+"
ABOVE = re.compile(
    rf"({'|'.join(CURVES)}|{_AT_A_PLACE})"
    r"\.above_(\d{1,6})_(ms|s|min|h|days?|weeks?)"
)
PLACED = re.compile(rf"{_AT_A_PLACE}\.(?:{'|'.join(STATISTICS)})")
CLASSED = (
    "data_loss",
    "outage",
    *CLASSED_CURVES,
    *WAYS_OPEN,
    "unprotected",
)  # what depends on what died


def split(measure: str) -> tuple[str, str]:
    """'outage.detect.p95' -> ('outage.detect', 'p95'); without a statistic ('outage', '')."""
    base, _, last = measure.rpartition(".")
    return (
        (base, last)
        if base and (last in STATISTICS or last.startswith("above_"))
        else (measure, "")
    )


def head_of(base: str) -> str:
    """'outage_if_now@vault' -> 'outage_if_now'; what is of no place stays as it is."""
    return base.partition("@")[0]


def place_of(measure: str) -> str:
    """'outage_if_now@vault.p99' -> 'vault', the place that it is about; '' if it is about none."""
    return split(measure)[0].partition("@")[2]


def unknown_place(measure: str, places: Sequence[str]) -> str:
    """Say that there is no such copy; '' if the measure is about none, or about one of these."""
    place = place_of(measure) if kind_of(measure) else ""
    if not place or place in places:
        return ""
    known = (
        "this scenario names no copies; write copies: {near: {}, far: {}}"
    )
    if places:
        known = did_you_mean(place, list(places))
    return f"unknown copy {place[:40]!r}; {known}"


def is_curve(base: str) -> bool:
    """Tell whether a measure, without its statistic, is a curve over time."""
    return head_of(base) in CURVES


def usual_class(base: str) -> str:
    """Return the class of failure that a measure means where none is named; '' where it depends on
    none, or where every class counts.
    """
    return "site" if head_of(base) in (*CLASSED_CURVES, *WAYS_OPEN) else ""


def limit_of(measure: str) -> int | None:
    """The limit in 'exposure.above_15_min', microseconds; None if the measure is no such share."""
    match = ABOVE.fullmatch(measure)
    return int(match[2]) * units.DURATION_UNITS[match[3]] if match else None


def needs_cloud(measure: str) -> bool:
    """Tell whether a measure is only taken where there is a cloud manager."""
    base, _ = split(measure)
    return base in (*CLOUD_CURVES, *CLOUD_COUNTS, *CLOUD_PARTS, "pause")


def needs_machines(measure: str) -> bool:
    """Tell whether a measure is only taken where there are machines."""
    return split(measure)[0] == "to_goal"


def kind_of(measure: str) -> str:
    """'duration', 'part', 'count'; '' if there is no such measure."""
    if measure in DURATIONS or PLACED.fullmatch(measure):
        return "duration"
    if measure in CLOUD_PARTS or ABOVE.fullmatch(measure):
        return "part"
    return "count" if measure in (*COUNTED, *WAYS_OPEN) else ""
