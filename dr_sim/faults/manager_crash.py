"""The recovery manager dies where it stands and is started again; what it had under way at the
engine dies with it.

With `before` it dies in the middle of a list of commands: just before the nth command of a class
from that instant on. What comes before that command is done, what comes after is dropped. So a save
that failed is `before: Save`, and one that was made but never answered is a crash before the
command after it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dr_sim.machines import Command
from dr_sim.scenario.fields import Count, Params, default
from dr_sim.scenario.kind import COPY, EventKind
from dr_sim.world.occurrence import Occurrence

WORDS = "recovery manager crashed"
DRAWN = (
    "Fence", "EnterPhase", "Recover", "Redirect", "TakeTail", "AskShare", "Save", "Restore",
    "TakeBackup", "RaiseAlert", "Recopy", "RenameWorkingCopy", "Validate", "AskPrimary", "Drop",
    "Delete", "SetAlarm", "Provision",
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
            "Claim",
            "ReleaseClaim",
            "Fence",
            "TakeTail",
            "Provision",
            "Redirect",
            "Drop",
            "ClearRestoreFolder",
            "Disconnect",
            "AdmitReaders",
            "ListShare",
            "Fetch",
            "EndRestore",
        ]
        | None
    ) = Field(None, description="just before a command of this class; left out: at that instant")
    nth: Count = default("1", "assumed: the next one", "before which of those commands")


def happen(event: Occurrence, params: ManagerCrash) -> None:
    event.begins(WORDS)
    if params.before is None:
        event.world.crash_managers()
        event.ends(WORDS)
        return
    hooks = event.world.driver.hooks
    others, left = hooks.before_command, max(1, params.nth)

    def dies(command: Command) -> bool:
        nonlocal left
        if others is not None and others(command):
            return True
        if not left or type(command).__name__ != params.before:
            return False
        left -= 1
        if not left:
            event.ends(WORDS)
        return not left

    hooks.before_command = dies


KIND = EventKind(
    "manager_crash",
    ManagerCrash,
    None,
    True,
    "a crash of the recovery manager at any instant, in mid-restore too, or in the middle of a "
    "list of commands; it resumes from its store",
    "mission R5; back after manager.restart_after",
    happen,
    draws=lambda r, db: {"before": r.choice(DRAWN), "nth": r.choice("11123")},
    befalls=lambda params: COPY,
)
