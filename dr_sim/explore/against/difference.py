"""Says what other code makes of a case: what is worse here, what merely differs, and where it
begins.

Theory of operation. Both codes play a case with the same luck. Where their records are the same,
nothing else is looked at. Otherwise the summaries of both runs are compared, measure by measure. A
measure that is worse here is a find of its own; its sign names the measure alone, without numbers,
so a shrink may look for it. If nothing is worse, the case differs. The measures are those of each
code: one that was changed on purpose shows as a difference too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from typing import Any

from dr_sim.explore.against.asking import OtherSide
from dr_sim.explore.against.measures import (
    MEASURES,
    NEVER,
    Key,
    Measure,
    Unit,
    Value,
    measured,
    shown,
)
from dr_sim.explore.against.side import rows_of
from dr_sim.explore.case import (
    DIFFERS,
    WORSE,
    Looked,
    Sign,
    Tree,
    load,
    look,
    stops_of,
)
from dr_sim.measures.summary import summarise
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.whole import Whole
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario
from dr_sim.units import SECOND_US

RECORD = Sign(DIFFERS, "the record of the run")
"""All measures are the same; rows of the journals are not."""
OTHER_FAILS = Sign(DIFFERS, "the other code does not get through the run")
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Apart:
    """One thing in which two runs differ. key: the measure and what it is of; None: it is none.
    there: its value with the other code. digest: of the record of the run with the other code.
    """

    sentence: str
    key: Key | None = None
    there: Value = 0
    digest: str = ""


def differences(
    other: OtherSide, journal: Journal, whole: Whole
) -> dict[Sign, Apart]:
    """Compare a run with that of the other side, which was begun before. There is a sign of DIFFERS
    only if none is of WORSE.
    """
    name = other.code.name
    played = other.played()
    if played.refused:
        return {}  # it has an option that the other code does not know
    if played.wrong:
        return {OTHER_FAILS: Apart(f"with {name} {played.wrong}")}
    if played.digest == journal.digest():
        return {}
    theirs = other.summary()
    if theirs is None:
        told = f"with {name} the run cannot be measured"
        return {OTHER_FAILS: Apart(told)}
    here = measured(summary_json(summarise(whole)))
    found = _compared(here, measured(theirs), name)
    return {
        sign: replace(apart, digest=played.digest)
        for sign, apart in found.items()
    }


def _compare(
    other: OtherSide, journal: Journal, whole: Whole
) -> dict[Sign, str]:
    found = differences(other, journal, whole)
    return {sign: apart.sentence for sign, apart in found.items()}


def look_beside(
    tree: Tree,
    scenario: Scenario,
    lane: bool = False,
    other: OtherSide | None = None,
) -> Looked:
    """Look at a case while the other side, if there is one, plays it too."""
    if other is None:
        return look(scenario, lane)
    other.runs_change()
    other.begin(tree, stops_of(scenario))
    looked = look(scenario, lane, partial(_compare, other))
    looked.runs_change = other.runs_change()
    return looked


# ---- measures
def _compared(
    here: Mapping[Key, Value], there: Mapping[Key, Value], name: str
) -> dict[Sign, Apart]:
    worse: dict[str, Apart] = {}
    differs: dict[str, Apart] = {}
    efforts: dict[str, Apart] = {}
    is_better = False
    for key, one, two in _pairs(here, there):
        what = key[0]
        measure = MEASURES[what]
        apart = Apart(_sentence(key, one, two, name), key, two)
        by = _by(measure, one, two)
        if by >= measure.least:
            (worse if measure.grave else efforts).setdefault(what, apart)
        elif by <= -measure.least and measure.grave:
            is_better = True
        differs.setdefault(what, apart)
    if not is_better:
        worse |= efforts
    found = {Sign(WORSE, what): apart for what, apart in worse.items()}
    if found:
        return found
    for what, apart in differs.items():
        return {Sign(DIFFERS, what): apart}
    same = f"every measure is the same as with {name}; the record is not"
    return {RECORD: Apart(same)}


def _pairs(
    here: Mapping[Key, Value], there: Mapping[Key, Value]
) -> Iterator[tuple[Key, Value, Value]]:
    """Yield what differs, the gravest first: its value here, and with the other code."""
    order = {name: place for place, name in enumerate(MEASURES)}
    keys = sorted(
        here.keys() | there.keys(), key=lambda k: (order[k[0]], k)
    )
    for key in keys:
        without = _if_none(MEASURES[key[0]], key, here, there)
        if without is None:
            continue
        one, two = here.get(key, without), there.get(key, without)
        if one != two:
            yield key, one, two


def _if_none(
    measure: Measure,
    key: Key,
    here: Mapping[Key, Value],
    there: Mapping[Key, Value],
) -> Value | None:
    """Return what a measure is where a run does not have it; None: it is not compared then."""
    if key in here and key in there:
        return 0
    if measure.unit is Unit.INSTANT:
        return NEVER
    if measure.unit is Unit.WORDS:
        return ""
    if key[0].startswith(("mean ", "highest ", "fewest ", "reported ")):
        return None  # no time was measured
    return 0


def _by(measure: Measure, one: Value, two: Value) -> int:
    """Return by how much a value is worse here; below zero: better."""
    if isinstance(one, str) or isinstance(two, str):
        return 0
    return measure.worse * (one - two)


def _sentence(key: Key, one: Value, two: Value, name: str) -> str:
    what, of = key
    measure = MEASURES[what]
    if isinstance(one, str) and isinstance(two, str) and "\n" in one + two:
        one, two = _first_lines_apart(one, two)
    here, there = shown(measure, one), shown(measure, two)
    if here == there and isinstance(one, int) and isinstance(two, int):
        here, there = f"{here} ({one:,} us)", f"{there} ({two:,} us)"
    about = f"{what}, {of}" if of else what
    return f"{about}: {here[:_LONGEST]}; with {name}: {there[:_LONGEST]}"


def _first_lines_apart(one: str, two: str) -> tuple[str, str]:
    """Return the first line of each that the other one lacks."""
    ours, theirs = Counter(one.splitlines()), Counter(two.splitlines())
    only_here = sorted((ours - theirs).elements())
    only_there = sorted((theirs - ours).elements())
    return next(iter(only_here), ""), next(iter(only_there), "")


# ---- rows
@dataclass(frozen=True, slots=True)
class BothRuns:
    """Two runs of one case: how they differ (None: as a monitor sees it here alone), and
    the rows in which that begins.
    """

    apart: Apart | None
    rows: str


def beside(
    tree: Tree, sign: Sign, other: OtherSide, manager: str = ""
) -> BothRuns:
    """Play a case with both codes again, and say what both did."""
    scenario = load(tree, manager)
    assert scenario is not None, "it was played before"
    found: list[BothRuns] = []

    def compare(journal: Journal, whole: Whole) -> dict[Sign, str]:
        parts = differences(other, journal, whole)
        apart = parts.get(sign)
        if sign.requirement == DIFFERS:
            apart = next(iter(parts.values()), None)
        rows = first_row_apart(other, journal) if parts else ""
        found.append(BothRuns(apart, rows))
        return {}

    other.begin(tree, stops_of(scenario))
    look(scenario, compare=compare)
    return found[0] if found else BothRuns(None, "")


def first_row_apart(other: OtherSide, journal: Journal) -> str:
    """Return the first row in which a run and that of the other side differ, of both; '' if none
    does.
    """
    mine = _rows(journal)
    pairs = zip_longest(mine, other.rows())
    for seq, (here, there) in enumerate(pairs):
        if here != there:
            return (
                f"The first row that differs is row {seq}:\n"
                f"  here: {_row(here)}\n"
                f"  with {other.code.name}: {_row(there)}"
            )
    return ""


def _rows(journal: Journal) -> Iterator[list[Any]]:
    step = 500
    for begin in range(0, len(journal), step):
        yield from rows_of(journal, begin, begin + step)


def _row(row: list[Any] | None) -> str:
    if row is None:
        return "no such row: the run is over"
    at_us, kind, values = row
    return f"at {_clock(at_us)} {kind} {values}"[: 2 * _LONGEST]


def _clock(us: int) -> str:
    """Return the time since the start of the run: '1:10:01.918344'."""
    seconds, rest_us = divmod(us, SECOND_US)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    below = f".{rest_us:06d}".rstrip("0") if rest_us else ""
    return f"{hour}:{minute:02d}:{second:02d}{below}"
