"""The recovery manager dies where it stands and is started again; what it had under way at the
engine dies with it.

With `before` it dies in the middle of a list of commands: just before the nth command of a class
from that instant on. What comes before that command is done, what comes after is dropped. So a save
that failed is `before: Save`, and one that was made but never answered is a crash before the
command after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.machines import Command
from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.quantities import Count
from dr_sim.scenario.kind import COPY, EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence

WORDS = "recovery manager crashed"
DRAWN = (
    "Fence", "EnterPhase", "Recover", "Redirect", "TakeTail", "AskShare", "Save", "Restore",
    "TakeBackup", "RaiseAlert", "Recopy", "RenameWorkingCopy", "Validate", "AskPrimary", "Drop",
    "Delete", "SetAlarm", "Provision", "Unfence", "Disconnect", "RestoreUntil", "ListShare",
    "Fetch", "RestoreBeside", "CopyBack", "Claim",
)  # fmt: skip
"""Commands before which an exploration lets it die."""


class ManagerCrash(Params):
    before: (
        Literal[
            "Save",
            "SetAlarm",
            "CancelAlarm",
            "TakeInventory",
            "Validate",
            "Recopy",
            "RenameWorkingCopy",
            "Delete",
            "Restore",
            "RestoreUntil",
            "Recover",
            "AskPrimary",
            "TakeBackup",
            "AskShare",
            "RaiseAlert",
            "PageOperator",
            "RefuseOrder",
            "EnterPhase",
            "AskConfigurationTime",
            "MakeOffer",
            "Claim",
            "ReleaseClaim",
            "YieldClaim",
            "GetMachine",
            "Fence",
            "Unfence",
            "TakeTail",
            "Provision",
            "Redirect",
            "Drop",
            "ClearRestoreFolder",
            "Disconnect",
            "AdmitReaders",
            "ListShare",
            "Fetch",
            "LookAtCopy",
            "EndRestore",
            "GetServerBeside",
            "RestoreBeside",
            "CopyBack",
            "RefuseBeside",
            "GiveUpBeside",
        ]
        | None
    ) = Field(
        None,
        description="the crash comes just before a command of this "
        "class; if left out: at that instant",
    )
    nth: Count = default(
        "1",
        "assumed: the next one",
        "the number of that command: 1 is the first",
    )


def happen(event: Occurrence, params: ManagerCrash) -> None:
    event.begins(WORDS)
    if params.before is None:
        event.world.crash_managers()
        event.ends(WORDS)
        return
    hooks = event.world.driver.hooks
    planned = hooks.before_command
    if not isinstance(planned, Planned):
        planned = hooks.before_command = Planned(planned)
    planned.crashes.append(Crash(event, params.before, max(1, params.nth)))


@dataclass(slots=True)
class Crash:
    """A crash that is due before the left-th command of a class from now on."""

    event: Occurrence
    before: str
    left: int

    def dies(self, command: Command) -> bool:
        if type(command).__name__ != self.before:
            return False
        self.left -= 1
        return not self.left


class Planned:
    """The crashes that are due before a command, in the order in which they were planned. others:
    what was asked before each command already.
    """

    def __init__(self, others: Callable[[Command], bool] | None) -> None:
        self._others = others
        self.crashes: list[Crash] = []

    def __call__(self, command: Command) -> bool:
        if self._others is not None and self._others(command):
            return True
        for crash in self.crashes:
            if crash.dies(command):
                self.crashes.remove(crash)
                crash.event.ends(WORDS)
                return True
        return False


KIND = EventKind(
    "manager_crash",
    ManagerCrash,
    None,
    True,
    "the recovery manager crashes at any instant, also during a restore "
    "or in the middle of a list of commands; it resumes from its store",
    "requirement R5; back after manager.restart_after",
    happen,
    draws=lambda r, db: {
        "before": r.choice(DRAWN),
        "nth": r.choice("11123"),
    },
    affects=lambda params: COPY,
    at_stores=lambda params: True,
)
