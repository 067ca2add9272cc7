"""Managers that are wrong in one way each, and one that changes nothing."""

from __future__ import annotations

import json
from typing import Any

from dr_sim.machines import Command, Save
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.manager import RecoveryManager

NOT_CALLABLE = 7


class Unchanged(RecoveryManager):
    pass


class SaysItAbsorbs(RecoveryManager):
    absorbs_quiet_logs = True


class SaidByItsBase(SaysItAbsorbs):
    pass


class NoMachine:
    def __init__(self, *_: Any) -> None:
        pass


def refuses_to_be_made(config: Any, incarnation: int, saved: dict[str, str]) -> Any:
    raise LookupError("no licence")


class TakesTooLittle:
    def __init__(self, config: Any) -> None:
        pass


class OnLanding(RecoveryManager):
    """Does something wrong when the first log lands."""

    def handle(self, event: e.Event) -> Any:
        if isinstance(event, e.Landed) and event.database == "crm":
            return self.wrong(event)
        return super().handle(event)

    def wrong(self, event: e.Landed) -> Any:
        raise NotImplementedError


class Raises(OnLanding):
    def wrong(self, event: e.Landed) -> Any:
        return {}["erp"]


class Leaves(OnLanding):
    def wrong(self, event: e.Landed) -> Any:
        raise SystemExit(3)


class GivesNothing(OnLanding):
    def wrong(self, event: e.Landed) -> Any:
        return None


class GivesText(OnLanding):
    def wrong(self, event: e.Landed) -> Any:
        return ["restore it"]


class GivesItsOwn(OnLanding):
    def wrong(self, event: e.Landed) -> Any:
        class Pray(Command):
            pass

        return [Pray()]


class GivesAnOddField(OnLanding):
    def wrong(self, event: e.Landed) -> Any:
        return [Save("a", 1)]  # type: ignore[arg-type]


class GivesAnUnknownDatabase(OnLanding):
    def wrong(self, event: e.Landed) -> Any:
        return [c.Validate("hr", event.name)]


class GivesABareText(OnLanding):
    def wrong(self, event: e.Landed) -> Any:
        return [c.EnterPhase("fencing")]  # type: ignore[arg-type]


class GivesAHugeNumber(OnLanding):
    def wrong(self, event: e.Landed) -> Any:
        return [c.SetAlarm("crm", "never", 10**30)]


class RestoresTwiceAtOnce(OnLanding):
    """And brings the database online while it is being restored."""

    def wrong(self, event: e.Landed) -> Any:
        restore = c.Restore("crm", event.name, False)
        return [restore, restore, c.Recover("crm")]


class ResumesWithText(RecoveryManager):
    def resume(self) -> Any:
        return "nothing"


class DiesInItsSecondLife(RecoveryManager):
    def __init__(self, config: Any, incarnation: int, saved: dict[str, str]) -> None:
        if incarnation == 2:
            raise ValueError("what is stored cannot be read")
        super().__init__(config, incarnation, saved)


class RestoresWithoutCounting(RecoveryManager):
    """Breaks R5: the read counter is not saved before the read."""

    def handle(self, event: e.Event) -> Any:
        return [
            command
            for command in super().handle(event)
            if not (isinstance(command, Save) and command.key.startswith("attempts/"))
        ]


class SavesTogether(RecoveryManager):
    """Saves in one step what it would save in several, if no other command is between."""

    def handle(self, event: e.Event) -> Any:
        commands = super().handle(event)
        saves = [command for command in commands if isinstance(command, Save)]
        if len(saves) != len(commands) or len({save.key for save in saves}) < 2:
            return commands
        return [c.SaveAll(tuple((save.key, save.value) for save in saves))]


class CountsItsLives(RecoveryManager):
    """Saves two keys together at each inventory, and refuses to go on if it finds one of them."""

    def __init__(self, config: Any, incarnation: int, saved: dict[str, str]) -> None:
        pair = [json.loads(saved.get(key, "0")) for key in ("lives", "twice the lives")]
        assert pair[1] == 2 * pair[0], "they were saved together"
        self.lives = pair[0]
        super().__init__(config, incarnation, saved)

    def handle(self, event: e.Event) -> Any:
        commands = super().handle(event)
        if isinstance(event, e.Inventory):
            lives = self.lives + 1
            together = (("lives", str(lives)), ("twice the lives", str(2 * lives)))
            return [c.SaveAll(together), *commands]
        return commands
