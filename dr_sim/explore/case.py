"""A case: one scenario as plain values, its run, and what is found in it.

A case is the tree of a scenario file (dicts, lists and texts). So whatever an exploration draws, or
a shrink leaves over, is a file that anybody can run, edit and keep.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from ruamel.yaml import YAML

from dr_sim.errors import InputError
from dr_sim.explore import anew
from dr_sim.explore.stuck import Headway, NoHeadwayError, ended_if_stuck
from dr_sim.loading import load_scenario
from dr_sim.measures.standing import summary_of
from dr_sim.measures.summary.alerts import qualities_of
from dr_sim.measures.summary.violations import (
    conserved_in,
    laws_broken,
    never_told,
    seen_by_the_witness,
)
from dr_sim.measures.tables import Tables
from dr_sim.measures.verdict import Outcome, judge
from dr_sim.measures.whole import Whole
from dr_sim.record.journal import Journal
from dr_sim.record.kinds import KIND_ID, KINDS, ROW_HEAD
from dr_sim.scenario.model import Scenario
from dr_sim.world.own_logic import with_manager
from dr_sim.world.play import play, without_looks_for_cycles
from dr_sim.world.world import Stops, World

Tree = dict[str, Any]
_TO_RECOVERY = {kind.id for kind in KINDS if kind.name.startswith("seen.")}
_TO_CLOUD = {kind.id for kind in KINDS if kind.name.startswith("cloud.")}
_PAIR = 1000
"""More than there are kinds."""
_MOST_ALERTS = 10_000
"""More than all pairs of alerts, whose numbers are below zero."""
_NAMES = re.compile(r"\S*\d\S*|\[[^]]*\]")
"""Names what differs from case to case in a sentence: names of files, numbers."""
_ROW = re.compile(r"^row \d+: ")
_BUSY, _BUSY_ROWS = 20, 30_000
"""How many times as many rows as at first, and at least how many, show that a run goes in circles.
"""
_EVERY_US = 300_000_000
"""How often that is looked at."""
_OVERDUE = 22
"""Event id of a backup that does not come as scheduled (docs/alerts.md)."""
NOBODY_IS_TOLD = "a database is in lasting danger, and nobody is notified"


@dataclass(frozen=True, slots=True)
class Sign:
    """Holds what shows that a case is of interest: two cases with the same sign show the same
    thing.

    requirement: its number, or the invariant of the witness; what: the sentence without names and
    numbers.
    """

    requirement: str
    what: str

    def text(self) -> str:
        return f"{self.requirement}: {self.what}"

    def is_compared(self) -> bool:
        """Return whether it takes the run of other code to see it."""
        return self.requirement in (WORSE, DIFFERS)


LANE_DIFFERS = Sign(
    "quiet lane", "the record differs from that of single steps"
)
"""A run that absorbs quiet stretches must leave the same record as one without."""


@dataclass(slots=True)
class Looked:
    """A case that was run: the signs that it shows, each with a row's whole sentence; what was
    reached in it; the instants at which the logic did something rare. rows: of its journals, which
    say what the case costs, and are the same each time. differs: how the run differs from that of
    other code, where nothing is worse; runs_change: it ran a function that differs there.
    """

    signs: dict[Sign, str] = field(default_factory=dict)
    differs: dict[Sign, str] = field(default_factory=dict)
    moments: tuple[int, ...] = ()
    reached: frozenset[int] = frozenset()
    probes: frozenset[str] = frozenset()
    rows: int = 0
    runs_change: bool = False


WORSE, DIFFERS = "worse", "differs"
"""Names what a sign breaks if a run is worse than that of other code, or only differs from it
(against/difference.py).
"""
Compare = Callable[[Journal, Whole], dict[Sign, str]]
"""Compares a run with that of other code: signs of WORSE or of DIFFERS, each with a sentence."""
RESTART = "restart"
"""Names what a sign breaks when a manager would forget in a crash what it must know (anew.py)."""


def yaml_text(tree: Tree, comment: str = "") -> str:
    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.width = 100
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(tree, out)
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    return "\n".join([*lines, out.getvalue()]) if lines else out.getvalue()


def read_tree(path: Path) -> Tree:
    """The tree of a scenario file, what it extends put in."""
    tree = (
        YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        or {}
    )
    return _plain(tree, path)


def _plain(tree: Tree, path: Path) -> Tree:
    base = tree.pop("extends", None)
    tree = _texts(tree)
    if base is None:
        return tree
    return _over(read_tree(path.parent / base), tree)


def _over(base: Tree, tree: Tree) -> Tree:
    merged = dict(base)
    for key, value in tree.items():
        below = merged.get(key)
        merged[key] = (
            _over(below, value)
            if isinstance(below, dict) and isinstance(value, dict)
            else value
        )
    return merged


def _texts(value: Any) -> Any:
    """Every value as a person would write it."""
    if isinstance(value, dict):
        return {str(key): _texts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_texts(each) for each in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None else str(value)


def load(
    tree: Tree, manager: str = "", engine: str = "model"
) -> Scenario | None:
    """The scenario that a tree stands for, run step by step; None if it is none. manager: logic of
    the user's own, as after --manager; None too if it cannot be put into that scenario.
    """
    try:
        scenario = load_scenario(tree, engine=engine, timing="modelled")
        scenario = replace(scenario, steps=True)
        return with_manager(scenario, manager) if manager else scenario
    except InputError:
        return None


def look(
    scenario: Scenario,
    lane: bool = False,
    compare: Compare | None = None,
) -> Looked:
    """Run a scenario, and say what it shows. A run that raises, or makes no headway, shows that.
    lane: run it with the quiet lane too, and compare the records.
    """
    try:
        with ended_if_stuck() as headway:
            return _looked(scenario, lane, compare, headway)
    except NoHeadwayError:
        told = "the run does not end: it makes no headway"
        return Looked({Sign("raises", told): told})


@without_looks_for_cycles()
def _looked(
    scenario: Scenario,
    lane: bool,
    compare: Compare | None,
    headway: Headway,
) -> Looked:
    found = Looked()
    would_forget: dict[Sign, str] = {}
    at_stops = anew.AtStops()
    try:
        pace, restarts = _Pace(), set(anew.stops(scenario))

        def stopped(world: World) -> None:
            headway.made()
            _catch_up(world)
            pace.look(len(world.journal), world.agenda.now_us)
            if world.agenda.now_us in restarts:
                _add_forgotten(would_forget, at_stops.forgotten(world))

        instants = stops_of(scenario)
        journal = play(scenario, stops=Stops(instants, stopped))
        headway.made()
        whole = Whole.of(journal, scenario)
        differs = _lane_differs(scenario, journal, instants) if lane else ""
    except Exception as error:  # logic of the user's own may raise anything
        where = f"{type(error).__name__}: {error}"
        found.signs[_sign("raises", where)] = where
        return found
    found.signs = _signs(whole) | would_forget
    if differs:
        found.signs[LANE_DIFFERS] = differs
    if compare is not None:
        for sign, sentence in compare(journal, whole).items():
            of = found.signs if sign.requirement == WORSE else found.differs
            of[sign] = sentence
    reached: set[int] = set()
    probes: set[str] = set()
    moments: set[int] = set()
    for leg, tables in whole.every:
        moments.update(_moments(leg.journal.since_us, tables))
        reached.update(_pairs_reached(leg.journal))
        reached.update(_phases_reached(tables))
        reached.update(_alerts_reached(tables))
        probes.update(_probes(tables, leg.number))
        found.rows += len(leg.journal)
    found.reached, found.probes = frozenset(reached), frozenset(probes)
    found.moments = tuple(sorted(moments))
    return found


def stops_of(scenario: Scenario) -> list[int]:
    """Return the instants at which a case is stopped. What plays apart comes to the present there,
    so a run has the same record only if it is stopped at the same instants.
    """
    often = range(_EVERY_US, scenario.run_for_us, _EVERY_US)
    return sorted({*anew.stops(scenario), *often})


class RunsInCirclesError(Exception):
    """A run does the same again and again, as fast as answers come."""


@dataclass(slots=True)
class _Pace:
    """How many rows a run writes between two stops. Where that rises so much, whatever
    happens, something is done again and again: such a run would take hours.
    """

    rows: int = 0
    at_us: int = 0
    usual: float = 0.0  # rows for each microsecond, up to the first stop

    def look(self, rows: int, now_us: int) -> None:
        more, passed_us = rows - self.rows, now_us - self.at_us
        self.rows, self.at_us = rows, now_us
        if not self.usual:
            self.usual = more / max(1, passed_us)
        elif more > max(_BUSY_ROWS, _BUSY * self.usual * passed_us):
            raise RunsInCirclesError(
                f"{more} rows in {passed_us / 1e6:.0f} s: something is done again and again"
            )


def _add_forgotten(
    signs: dict[Sign, str], sentences: Iterable[str]
) -> None:
    """Add what a manager would forget if it died now."""
    for sentence in sentences:
        signs.setdefault(_sign(RESTART, sentence), sentence)


def _catch_up(world: World) -> None:
    """Let a cloud manager come to the present: it may play apart, hours behind."""
    cloud = world.pairs[0].cloud
    if cloud is not None:
        cloud.catch_up()


def _lane_differs(
    scenario: Scenario, stepwise: Journal, instants: list[int]
) -> str:
    """Say how a run with the quiet lane leaves another record, stopped at the same instants; '' if
    it does not.
    """
    try:
        quickly = play(
            replace(scenario, steps=False), stops=Stops(instants, _catch_up)
        )
    except Exception as error:
        return f"it raises {type(error).__name__}: {error}"
    same = quickly.digest() == stepwise.digest()
    return "" if same else LANE_DIFFERS.what


def _pairs_reached(journal: Journal) -> set[int]:
    """Return pairs of what a machine was told and commanded, one after the other, of one database
    or one side: what concerns two of them has nothing to do with each other.
    """
    reached: set[int] = set()
    here = [kind.id for kind in journal.kinds_here()]
    for told in (_TO_RECOVERY, _TO_CLOUD):
        kinds_told = [kind for kind in here if kind in told]
        held = [(kind, journal.of_kind(kind)) for kind in kinds_told]
        held = [(kind, rows) for kind, rows in held if len(rows)]
        if not held:
            continue
        counts = [len(rows) for _, rows in held]
        kinds = np.repeat([kind for kind, _ in held], counts)
        seqs, _, entities = np.concatenate(
            [rows[:, :ROW_HEAD] for _, rows in held]
        ).T
        order = np.lexsort((seqs, entities))
        kinds, entities = kinds[order], entities[order]
        pairs = kinds[:-1] * _PAIR + kinds[1:]
        reached.update(pairs[entities[:-1] == entities[1:]].tolist())
    return reached


def _phases_reached(tables: Tables) -> set[int]:
    """Return which rare records there were in which phase of a failover."""
    phases = tables.rows("seen.EnterPhase")
    if not phases:
        return set()
    begun = np.array([row.seq for row in phases])
    names = [crc32(row.values["phase"].encode()) for row in phases]
    reached: set[int] = set()
    for kind in _RARE:
        seqs = tables[kind]["seq"]
        places = np.unique(np.searchsorted(begun, seqs)) - 1
        number = KIND_ID[kind]
        found = (names[at] * _PAIR + number for at in places if at >= 0)
        reached.update(-1 - _MOST_ALERTS - each for each in found)
    return reached


_RARE = (
    "seen.EnterPhase", "seen.Fence", "seen.FenceFailed", "seen.Unfence", "seen.Claim",
    "seen.TakeTail", "seen.TakeBackup", "seen.BackupFailed", "seen.ListShare", "seen.Fetch",
    "seen.Recopy", "seen.RecopyFailed", "seen.ValidationFailed", "seen.RestoreFailed",
    "seen.NoRoom", "seen.Drop", "seen.Recover", "seen.RestoreBeside", "seen.CopyBack",
    "seen.PageOperator", "seen.RaiseAlert", "seen.Delete", "truth.copy_gone", "truth.manager",
    "cloud.ReportUpgrade", "cloud.CopyImage", "cloud.MachinesSilent", "cloud.Notify",
    "cloud.KillScript", "cloud.CleanUp", "truth.cloud_provision",
)  # fmt: skip
"""Kinds of record of what the logic does in trouble, in a failover, or in an upgrade."""
_OF_A_KIND = 4


def _moments(since_us: int, tables: Tables) -> set[int]:
    """Return the instants of the first records of each rare kind, since the run's start."""
    found: set[int] = set()
    for kind in _RARE:
        times = tables[kind]["time_us"][:_OF_A_KIND]
        found.update(int(at) + since_us for at in times.tolist())
    return {at for at in found if at > 0}


def _signs(whole: Whole) -> dict[Sign, str]:
    """Return what a run breaks: each sign with the whole sentence of its first row."""
    signs: dict[Sign, str] = {}
    for each in seen_by_the_witness(whole):
        words = f"{each.invariant}: {each.detail}"
        signs.setdefault(Sign("witness", each.invariant), words)
    for leg, tables in whole.every:
        for row in tables.rows("truth.silent_recovery"):
            words = f"{leg.secondary}: {row.values}"
            signs.setdefault(
                Sign("silent recovery", "short or wrong"), words
            )
    for each in laws_broken(whole, conserved_in(whole)):
        sentence = _ROW.sub("", each.detail)
        signs.setdefault(_sign(each.invariant, sentence), sentence)
    for each in never_told(whole, qualities_of(whole)):
        signs.setdefault(_sign(each.invariant, NOBODY_IS_TOLD), each.detail)
    if whole.scenario.sla:
        signs.update(_lines_missed(whole))
    return signs


def _lines_missed(whole: Whole) -> dict[Sign, str]:
    """Return the lines of the SLA that a run misses. It holds no more than its user expects
    (draw.py).
    """
    judged = judge(summary_of(whole), whole.scenario).lines
    missed = [each for each in judged if each.outcome is Outcome.FAIL]
    return {
        Sign(
            "SLA", f"{each.line.id} is missed"
        ): f"{each.line.id} is missed"
        for each in missed
    }


def _sign(requirement: str, sentence: str) -> Sign:
    return Sign(
        requirement, " ".join(_NAMES.sub("", sentence).split())[:120]
    )


def _alerts_reached(tables: Tables) -> set[int]:
    """Pairs of alerts, one after the other."""
    events = tables["seen.RaiseAlert"]["event_id"]
    return {-1 - a * 100 - b for a, b in pairwise(events.tolist())}


PROBES = (
    "a crash in the middle of a restore",
    "a crash in the middle of a failover",
    "a crash while a repair waits for its backup",
    "two databases stuck at once",
    "the primary is heard again in a failover",
    "a fence that may have been obeyed",
    "a tail that is cut off or refused",
    "a restore that hangs in a failover",
    "a copy that is lost and restored again",
    "an operator who says no",
    "an order refused",
    "files deleted by retention",
    "a second failover",
    "a late answer",
    "a log that is refused by the engine",
    "a full that finds no room",
    "a failover that is called off",
    "a restore beside the service",
    "a replay that stops before an instant",
    "readers who are disconnected",
    "a backup of a database without logs that is overdue",
)
"""Rare things that should happen somewhere in an exploration. What did not is said."""


def _probes(tables: Tables, leg: int) -> set[str]:
    found: set[str] = set()
    for name, kind in {
        PROBES[4]: "seen.HeartbeatBack",
        PROBES[6]: "seen.TailFailed",
        PROBES[7]: "seen.EndRestore",
        PROBES[8]: "truth.copy_gone",
        PROBES[10]: "seen.RefuseOrder",
        PROBES[11]: "seen.Delete",
        PROBES[13]: "seen.ignored",
        PROBES[14]: "seen.RestoreFailed",
        PROBES[15]: "seen.NoRoom",
        PROBES[17]: "seen.RestoreBeside",
        PROBES[18]: "seen.RestoreUntil",
        PROBES[19]: "seen.Disconnect",
    }.items():
        if len(tables[kind]["seq"]):
            found.add(name)
    if any(
        row.values["reason"] != "unreachable"
        for row in tables.rows("seen.FenceFailed")
    ):
        found.add(PROBES[5])
    if any(
        not row.values["approve"]
        for row in tables.rows("seen.OperatorAnswered")
    ):
        found.add(PROBES[9])
    if leg > 1 and len(tables["truth.promoted"]["seq"]):
        found.add(PROBES[12])
    told = tables["seen.RaiseAlert"]["event_id"].tolist()
    if _OVERDUE in told:
        found.add(PROBES[20])
    entered = [
        row.values["phase"] for row in tables.rows("seen.EnterPhase")
    ]
    if "abandoned" in entered:
        found.add(PROBES[16])
    stuck = {
        row.values["database"]
        for row in tables.rows("seen.RaiseAlert")
        if row.values["event_id"] in (1, 3)
    }
    if len(stuck) > 1:
        found.add(PROBES[3])
    deaths = tables["truth.manager"]["seq"][
        tables["truth.manager"]["up"] == 0
    ]
    phases = tables.rows("seen.EnterPhase")
    for death in deaths.tolist():
        for name, asked, answered in (
            (
                PROBES[0],
                "seen.Restore",
                ("seen.Restored", "seen.RestoreFailed"),
            ),
            (
                PROBES[2],
                "seen.TakeBackup",
                ("seen.BackupTaken", "seen.BackupFailed"),
            ),
        ):
            before = int((tables[asked]["seq"] < death).sum())
            done = sum(
                int((tables[kind]["seq"] < death).sum())
                for kind in answered
            )
            if before > done:
                found.add(name)
        phase = [row.values["phase"] for row in phases if row.seq < death]
        if phase and phase[-1] not in ("watching", "abandoned", "serving"):
            found.add(PROBES[1])
    return found


__all__ = [
    "KIND_ID",
    "LANE_DIFFERS",
    "PROBES",
    "Looked",
    "Sign",
    "Tree",
    "load",
    "look",
    "read_tree",
    "yaml_text",
]
