"""The ways back from a mistake or from rotten pages that might come: each is tried in a run of its
own.

The scenario is run up to the mistake as it stands, with what is drawn in it. Its events after the
instant at which the mistake is noticed are left out. So are its own mistakes from the mistake on,
and what people would order later because of an earlier one. Each way is tried at each place that
has it, and what came true is read off that run: what was lost, how long the service was down, and
how long it ran without what the mistake had destroyed. Pages that rot are asked about in the same
way: a query reads one of them at the instant at which they are noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dr_sim import units
from dr_sim.errors import InputError, Problem
from dr_sim.faults import mistake, rotting_pages
from dr_sim.measures.outage_now.mistake_ways import (
    MistakeThatMightCome,
    MistakeWayTried,
)
from dr_sim.measures.summary.types import MistakeSummary
from dr_sim.record.journal import Journal
from dr_sim.runs.run import Result, run
from dr_sim.scenario.fields import bounds, times
from dr_sim.scenario.fields.fields import Params, did_you_mean
from dr_sim.scenario.keys.standbys import FIRST_SECONDARY
from dr_sim.scenario.mistakes import MistakeWay
from dr_sim.scenario.model import Law, Scenario, ScriptedEvent
from dr_sim.scenario.rot import RotWay

WHAT = "a mistake that might come"
ORDERS = (
    "seen.FailoverOrdered",
    "seen.FailoverOrderedToPoint",
    "seen.BesideOrdered",
)
NOBODY = (
    "nothing stands by there then: it is the primary, it is lost, or its "
    "recovery manager is dead"
)


@dataclass(frozen=True, slots=True)
class AskedMistake:
    """A mistake that is asked about, as people write it. rotten: pages that rot."""

    at: str
    noticed: str
    database: str = ""
    lost: str = "0 B"
    rotten: bool = False

    @property
    def option(self) -> str:
        """Return the option that asks for it."""
        kind = rotting_pages.KIND if self.rotten else mistake.KIND
        return f"--class {kind.name}"


def mistake_asked_about(
    scenario: Scenario, asked: AskedMistake
) -> MistakeThatMightCome:
    """Return the mistake that is asked about. Raises InputError."""
    at, noticed, database = asked.at, asked.noticed, asked.database
    names = [spec.name for spec in scenario.databases]
    name = database or names[0]
    if name not in names:
        told = (
            f"unknown database {name[:40]!r}; {did_you_mean(name, names)}"
        )
        raise InputError([Problem("--database", 0, 0, told)])
    if not noticed:
        what = "a rotten page" if asked.rotten else "a mistake"
        told = f"{what} is noticed after a time; write for example --noticed '90 min'"
        raise InputError([Problem(asked.option, 0, 0, told)])
    engine = scenario.engine.kind
    if asked.rotten and engine != "model":
        why = rotting_pages.only_on_the_model(engine)
        told = f"{why}; write --set engine.kind=model"
        raise InputError([Problem(asked.option, 0, 0, told)])
    option = "--at"
    try:
        start = scenario.start_utc_us
        at_us = times.parse_instant(at).resolve(start, scenario.time_zone)
        option = "--noticed"
        noticed_us = bounds.duration(noticed)
        option = "--lost"
        lost_bytes = bounds.size(asked.lost)
    except units.UnitError as error:
        raise InputError([Problem(option, 0, 0, str(error))]) from None
    if at_us < 0 or at_us + noticed_us >= scenario.run_for_us:
        told = f"{at!r}, with the time until it is noticed, is not within the run"
        raise InputError(
            [Problem("--at", 0, 0, f"{told}; write another one")]
        )
    holds = scenario.databases[names.index(name)].size_bytes
    if lost_bytes > holds:
        told = f"that is more than {name} holds ({units.format_size(holds)}); write less"
        raise InputError([Problem("--lost", 0, 0, told)])
    return MistakeThatMightCome(
        name, at_us, noticed_us, lost_bytes, asked.rotten
    )


def mistake_ways(
    scenario: Scenario, of: MistakeThatMightCome
) -> list[MistakeWayTried]:
    """Try each way at each place. Raises InputError where it hangs on a draw whether people order
    something else before.
    """
    _check_earlier(scenario, of)
    ways: Iterable[MistakeWay | RotWay] = (
        RotWay if of.rotten else MistakeWay
    )
    return [
        _tried(scenario, of, way, place)
        for way in ways
        for place in _places(scenario, way)
    ]


def _check_earlier(scenario: Scenario, of: MistakeThatMightCome) -> None:
    for event in scenario.events:
        if event.kind is not mistake.KIND or event.at_us >= of.at_us:
            continue
        params = event.params
        if params.then and not (
            params.noticed.kind == params.decided.kind == "fixed"
        ):
            told = (
                f"event {event.number} is an earlier mistake, and when people order a way back "
                "from it is drawn by a law: write fixed times for noticed and decided there"
            )
            raise InputError([Problem("--class mistake", 0, 0, told)])


AT_STANDBYS = (MistakeWay.FAILOVER_BEFORE, RotWay.FAILOVER)
BESIDE = (MistakeWay.RESTORE_BESIDE, RotWay.RESTORE_PAGES)
"""Ways that restore beside the service, which goes on."""


def _places(scenario: Scenario, way: MistakeWay | RotWay) -> Iterator[str]:
    if not scenario.standbys:
        yield FIRST_SECONDARY
    for spec in scenario.standbys:
        if way not in AT_STANDBYS or spec.store is None:
            yield spec.name


def _tried(
    scenario: Scenario,
    of: MistakeThatMightCome,
    way: MistakeWay | RotWay,
    place: str,
) -> MistakeWayTried:
    number, noticed = len(scenario.events) + 1, Law("fixed", of.noticed_us)
    if isinstance(way, RotWay):
        kind = rotting_pages.KIND
        params: Params = rotting_pages.RottingPages(
            database=of.database,
            damaged=of.lost_bytes or rotting_pages.PAGE_BYTES,
            queried=noticed,
            then=(way,),
            place=place,
        )
    else:
        kind = mistake.KIND
        params = mistake.Mistake(
            database=of.database,
            what=WHAT,
            noticed=noticed,
            then=(way,),
            place=place,
            lost=of.lost_bytes if way in BESIDE else None,
        )
    made = ScriptedEvent(number, of.at_us, kind, params)
    before = _before(scenario.events, of)
    result = run(replace(scenario, events=(*before, made)))
    return _outcome(result, of, way, place)


def _before(
    events: Sequence[ScriptedEvent], of: MistakeThatMightCome
) -> Iterator[ScriptedEvent]:
    """Yield what happens beside the mistake until it is noticed."""
    noticed_us = of.at_us + of.noticed_us
    for event in events:
        if event.kind is rotting_pages.KIND:
            if event.at_us < of.at_us:
                yield event
        elif event.kind is not mistake.KIND:
            if event.at_us <= noticed_us:
                yield event
        elif event.at_us < of.at_us:
            yield _until(event, noticed_us)


def _until(event: ScriptedEvent, noticed_us: int) -> ScriptedEvent:
    """Return that mistake, without the way back that is surely ordered no earlier."""
    laws = (event.params.noticed, event.params.decided)
    if not event.params.then:
        return event
    ordered_us = event.at_us + sum(law.a for law in laws)
    if ordered_us < noticed_us:
        return event
    nothing = {"then": (), "misjudged": None}
    return replace(event, params=event.params.model_copy(update=nothing))


def _outcome(
    result: Result,
    of: MistakeThatMightCome,
    way: MistakeWay | RotWay,
    place: str,
) -> MistakeWayTried:
    summary, noticed_us = result.summary, of.at_us + of.noticed_us
    asked = (each for each in summary.mistakes if _is_it(each, of))
    found = next(asked, None)
    if found is None:
        told = "no primary was up"
        if of.rotten:
            told += ", or pages of that database had rotted before"
        return MistakeWayTried(way, place, told)
    if not _is_ordered(result.journal, noticed_us):
        return MistakeWayTried(way, place, NOBODY)
    refused = [
        order.reason
        for order in summary.orders_refused
        if order.time_us >= noticed_us
    ]
    if refused:
        return MistakeWayTried(way, place, refused[-1])
    if found.given_up:
        told = "the backups there do not reach it"
        return MistakeWayTried(way, place, told)
    lasts = found.right_us is None
    if way in BESIDE:
        return MistakeWayTried(
            way, place, "", 0, 0, found.degraded_us, lasts
        )
    over = [
        each
        for each in summary.failovers
        if each.ordered_us is not None and each.ordered_us >= noticed_us
    ]
    if not over:
        return MistakeWayTried(way, place, "nothing was brought online")
    return MistakeWayTried(
        way,
        place,
        "",
        over[0].data_loss_us,
        over[0].outage_us,
        found.degraded_us,
        lasts,
    )


def _is_it(each: MistakeSummary, of: MistakeThatMightCome) -> bool:
    """Return whether that is the mistake that is asked about, or the rotten pages."""
    if not of.rotten:
        return each.what == WHAT
    there = each.database == of.database and each.time_us == of.at_us
    return there and each.rot is not None


def _is_ordered(journal: Journal, noticed_us: int) -> bool:
    """Return whether a recovery manager was given an order from then on."""
    rows = (row for kind in ORDERS for row in journal.rows(kind))
    return any(row.time_us >= noticed_us for row in rows)
