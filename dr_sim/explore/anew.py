"""Compares a manager with one that is built anew from the store: what it would forget in a crash.

Theory of operation. What a manager must know after a crash is durable before it acts on it. So at
any instant at which nothing is being carried out, a manager that is built anew from the store must
know the same as the one that lives. A save that is left out, or one that lacks a value, shows here
at once; in a run it shows only if a crash follows at the right moment. The run is stopped now and
then, and more often after its events. The manager that is built anew commands nothing, and is
thrown away.

KNOWN names what is compared, by class. The rest is of one life: timers, what was asked for and not
answered, how far files have been looked at. This knows dr_sim's own managers alone: logic of the
user's own is not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dr_sim.cloud.words import JobState
from dr_sim.machines import Phase
from dr_sim.recovery.failover.failover_table import FenceStatus
from dr_sim.recovery.files.file import LOG
from dr_sim.recovery.files.files import HeldFiles
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.recovery.repair.repair import Repair, RepairPhase
from dr_sim.scenario.model import Scenario
from dr_sim.units import MINUTE_US, SECOND_US
from dr_sim.world.roles.pair import Pair
from dr_sim.world.world import World

KNOWN: dict[str, tuple[str, ...]] = {
    # ---- the recovery manager
    "RecoveryManager": ("databases", "failover"),
    "DatabaseReplay": (
        "last", "stop_before_utc_us", "alerts", "files", "repair", "remake", "rotten",
        "beside",
    ),
    "Remake": ("_taken",),
    "_Taken": ("mono_us", "utc_us", "after_us"),
    "RottenFulls": ("names", "copy"),
    "AlertBook": ("begun", "unraised"),
    "Repair": (
        "_phase", "policy", "kind", "name", "failures", "_fork", "_lsn",
        "_asked_mono_us", "_asked_utc_us",
    ),
    "Beside": ("_phase",),
    "Failover": (
        "_phase", "planned", "by_silence", "fencing", "silence", "emptying", "claiming",
    ),
    "Fencing": ("_phase", "alerts"),
    "Silence": ("declined",),
    "Emptying": ("since", "later"),
    "Claiming": ("operator", "to_unfence"),
    # ---- the cloud manager
    "CloudManager": ("_provision", "_book", "_mirrors", "_mappings", "_machines"),
    "JobBook": ("open", "_lanes"),
    "JobLanes": ("_lanes",),
    "CloudJob": (
        "id", "order", "kind", "network", "site", "entity", "script", "params", "change",
        "number", "state", "attempt", "tries", "aim",
    ),
    "Mirror": ("direction", "rows", "_sending"),
    "Direction": ("active", "source", "target", "on"),
    "Sending": ("number", "_sets", "backlog"),
    "PendingChanges": ("changes", "things"),
    "Pending": (
        "number", "entity", "script", "params", "change", "since_utc_us", "before", "way",
        "round",
    ),
    "ToSet": ("since_utc_us", "number", "work"),
    "Mapping": ("_rows",),
    "MachineManager": ("vms", "upgrades", "_points", "_records", "_goals"),
    "VmRecords": ("_next",),
    "Vm": (
        "name", "network", "site", "farm", "role", "image", "physical", "state", "tries",
        "jobs", "not_on",
    ),
    "Upgrades": ("on", "_images", "_numbers"),
    "FarmUpgrade": (
        "farm", "before", "to", "at_once", "style", "number", "phase", "waiting", "moving",
        "failed", "tries",
    ),
    "InstallPoints": ("_there",),
    "FarmGoals": ("_by_role",),
}  # fmt: skip
"""Names the durable attributes of each class, which are compared."""
_AS_LEFT: dict[type, dict[Any, Any]] = {
    RepairPhase: {
        RepairPhase.ASKED: RepairPhase.UNANSWERED,
        RepairPhase.ASKED_ONE_COMES: RepairPhase.COMING,
    },
    FenceStatus: {
        FenceStatus.ASKED: FenceStatus.UNKNOWN,
        FenceStatus.ASKED_AGAIN: FenceStatus.UNKNOWN,
    },
    JobState: {
        JobState.RUNNING: JobState.STARTING,
        JobState.OVERDUE: JobState.STARTING,
    },
}
"""Holds the state in which a later life takes up one whose answer went with this life."""
_PLAIN = (int, str, bool, type(None))
"""The types of most values."""
_GRID = 24
"""How often a run is stopped at equal distances."""
_MINUTES_AFTER = (2, 3, 5, 8, 11, 14, 16, 18, 21, 25, 31)
_AFTER_US = (
    SECOND_US,
    30 * SECOND_US,
    *(minutes * MINUTE_US for minutes in _MINUTES_AFTER),
)
"""How long after each of its events it is stopped."""


def stops(scenario: Scenario) -> list[int]:
    """Return the instants at which the run of a scenario is stopped, in order."""
    run_for_us = scenario.run_for_us
    found = {run_for_us * n // _GRID for n in range(1, _GRID + 1)}
    for event in scenario.events:
        found.update(event.at_us + after_us for after_us in _AFTER_US)
    return sorted(at for at in found if at <= run_for_us)


@dataclass(slots=True)
class AtStops:
    """Compares the managers of one run at each of its stops.

    rows: the records that there were at the last stop. What a manager receives and what it saves is
    recorded, so a stop before which nothing was recorded is passed by.
    """

    rows: int = 0

    def forgotten(self, world: World) -> Iterator[str]:
        """Yield what the managers of a world would forget if they died now."""
        rows = len(world.journal)
        if rows != self.rows:
            self.rows = rows
            yield from _forgotten(world)


def _forgotten(world: World) -> Iterator[str]:
    for pair in world.pairs:
        yield from _by_recovery(pair)
        if pair.cloud is not None and pair is world.pairs[0]:
            driver = pair.cloud.driver
            live = driver.machine
            if live is not None:
                anew = driver.build(driver.incarnation, driver.store.load())
                yield from unlike(live, anew)


def _by_recovery(pair: Pair) -> Iterator[str]:
    live = pair.driver.machine
    if not isinstance(live, RecoveryManager) or not live.ready:
        return
    driver = pair.driver
    anew = driver.build(driver.incarnation, driver.store.load())
    yield from unlike(live, anew)


def unlike(live: Any, anew: Any, where: str = "") -> Iterator[str]:
    """Yield the values that two managers, or two parts of them, do not have in common."""
    if type(live) in _PLAIN:
        if live != anew:
            yield _said(where, live, anew)
        return
    names = KNOWN.get(type(live).__name__)
    if isinstance(live, Phase):
        live, anew = live.state, anew.state
    if names is not None and type(live) is type(anew):
        if isinstance(live, Repair) and not (live.on or anew.on):
            return
        of = type(live).__name__
        for name in names:
            here, there = getattr(live, name), getattr(anew, name)
            if type(here) not in _PLAIN or here != there:
                yield from unlike(here, there, f"{of}.{name}")
    elif isinstance(live, HeldFiles):
        yield from _files_unlike(live, anew)
    elif isinstance(live, Mapping):
        yield from _keys_unlike(live, anew, where)
    elif _is_row(live) and len(live) == len(anew):
        for one, other in zip(live, anew, strict=True):
            yield from unlike(one, other, where)
    elif _as_left(live) != _as_left(anew):
        yield _said(where, live, anew)


def _as_left(value: Any) -> Any:
    states = _AS_LEFT.get(type(value))
    return value if states is None else states.get(value, value)


def _is_row(value: Any) -> bool:
    """Return whether a value is a list of things that are compared one by one."""
    is_list = isinstance(value, Iterable) and hasattr(value, "append")
    return is_list and any(type(each).__name__ in KNOWN for each in value)


def _keys_unlike(
    live: Mapping[Any, Any], anew: Mapping[Any, Any], where: str
) -> Iterator[str]:
    for key in live.keys() | anew.keys():
        if key in live and key in anew:
            yield from unlike(live[key], anew[key], where)
        else:
            yield _said(where, live.get(key), anew.get(key))


def _files_unlike(live: HeldFiles, anew: HeldFiles) -> Iterator[str]:
    """Yield how often files were read, and headers, where that is not stored."""
    attempts, headers = anew.stored()
    for file in live.not_in_runs():
        read = attempts.get(file.name, 0)
        if file.attempts != read:
            yield _said("File.attempts", file.attempts, read)
        if file.kind is not LOG:
            header = headers.get(file.name)
            if file.header != header:
                yield _said("File.header", file.header, header)


def _said(where: str, live: Any, anew: Any) -> str:
    return f"{where} is not in the store as it is: [{live}] here, [{anew}] there"
