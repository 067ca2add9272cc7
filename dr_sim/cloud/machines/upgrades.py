"""Upgrades of farms: a new farm with the new image, tenants that are moved, the old farm that is
retired.

Theory of operation. While an upgrade is in progress, a farm has machines of two images. Machines of
the new image are deployed at both sides. When the active side has as many as the goals say, the
databases that the farm serves are moved, those of a given number of tenants at one time. No other
move begins while the active side has fewer: users would be moved to machines that do not run. Each
move is a change, done by a job at the active side and mirrored as any other. A failed move is tried
again when the others are over, as often as a job is. If it still fails, the upgrade is held with
both farms, and a notice is raised. When all databases have been moved, the old machines are
retired: at each side as many as new ones run there, and one more if the new ones find no room. At
the second side they stay until no move is pending there: after a failover they may still be needed.
Other changes of the databases hold nothing up, and what was retired is not made again. Where a
database is to be set as a whole, it may lack a move: old machines that are there stay.

An upgrade may also replace machines where they are. At each side a given number of machines of a
role are removed at one time and made again with the new image. Databases stay where they are, no
room for a second farm is needed, and fewer machines serve meanwhile. Or each machine stays where it
is and changes to the new image, as domain controllers do. A script does that, and until it is over
the machine does not serve. If that script fails for good, the machine runs as before, and the
upgrade is held.

A roll-back reverses the upgrade from its present state: old machines that were retired are deployed
again, the databases that were moved or are being moved are moved back, and the new machines are
retired. Each upgrade of a farm has a number, which is part of the names of its moves, because the
same move may be made again in a later upgrade.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dr_sim.cloud.commands import Notify, ReportUpgrade
from dr_sim.cloud.events import UpgradeAsked
from dr_sim.cloud.jobs.job import CloudJob
from dr_sim.cloud.machines.machine_config import MachinesConfig
from dr_sim.cloud.out import Out
from dr_sim.cloud.words import JobState, Notice, UpgradePhase, UpgradeStyle
from dr_sim.machines import Transitions

FARM, UPGRADE, NUMBER = "farm/", "upgrade/", "upgrades/"
"""Keys in the store: of the image of a farm that was upgraded, of an upgrade in progress, of how
many a farm has had.
"""
MOVE = "move/"
"""Beginning of the name of a change that moves a database."""


class UpgradeMove(enum.StrEnum):
    IN_PLACE = "in place"
    AT_GOAL = "at goal"
    NOT_MOVED = "not moved"
    MOVED = "moved"
    RETIRED = "retired"
    ROLL_BACK = "roll back"


UPGRADES: Transitions[UpgradePhase, UpgradeMove] = Transitions(
    "upgrade of a farm",
    UpgradePhase.DEPLOYING,
    {
        UpgradePhase.DEPLOYING: {
            UpgradeMove.AT_GOAL: UpgradePhase.MOVING,
            UpgradeMove.IN_PLACE: UpgradePhase.REPLACING,
            UpgradeMove.ROLL_BACK: UpgradePhase.DEPLOYING,
        },
        UpgradePhase.MOVING: {
            UpgradeMove.MOVED: UpgradePhase.RETIRING,
            UpgradeMove.NOT_MOVED: UpgradePhase.HELD,
            UpgradeMove.ROLL_BACK: UpgradePhase.DEPLOYING,
        },
        UpgradePhase.HELD: {UpgradeMove.ROLL_BACK: UpgradePhase.DEPLOYING},
        UpgradePhase.RETIRING: {
            UpgradeMove.RETIRED: UpgradePhase.OVER,
            UpgradeMove.ROLL_BACK: UpgradePhase.DEPLOYING,
        },
        UpgradePhase.REPLACING: {
            UpgradeMove.NOT_MOVED: UpgradePhase.HELD,
            UpgradeMove.RETIRED: UpgradePhase.OVER,
            UpgradeMove.ROLL_BACK: UpgradePhase.DEPLOYING,
        },
        UpgradePhase.OVER: {},
    },
)


@dataclass(slots=True)
class FarmUpgrade:
    """An upgrade in progress. waiting: groups of databases that are yet to be moved; moving:
    those on their way, by group; failed: those that were not moved; tries: how often that was
    tried. number: of the farm's upgrades.
    """

    farm: str
    before: str
    to: str
    at_once: int
    style: UpgradeStyle
    number: int
    phase: UpgradePhase = UpgradePhase.DEPLOYING
    waiting: list[list[str]] = field(default_factory=list)
    moving: list[list[str]] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    tries: int = 1

    def text(self) -> str:
        return json.dumps(
            [
                self.before,
                self.to,
                self.at_once,
                self.style,
                self.number,
                self.phase,
                self.waiting,
                self.moving,
                self.failed,
                self.tries,
            ]
        )

    @classmethod
    def from_text(cls, farm: str, text: str) -> FarmUpgrade:
        before, to, at_once, style, number, phase, *rest = json.loads(text)
        waiting, moving, failed, tries = rest
        return cls(
            farm,
            before,
            to,
            at_once,
            UpgradeStyle(style),
            number,
            UpgradePhase(phase),
            waiting,
            moving,
            failed,
            tries,
        )


@dataclass(frozen=True, slots=True)
class DatabaseMove:
    """A move of a database to the machines of another image. name: of the change."""

    network: str
    database: str
    farm: str
    to: str
    name: str


AddMove = Callable[[DatabaseMove, Out], bool]
"""Adds the job of a move. Returns False if there can be none."""


class Upgrades:
    """The images of all farms, and their upgrades."""

    def __init__(
        self,
        config: MachinesConfig,
        stored: dict[str, str],
        add_move: AddMove,
    ) -> None:
        self._config = config
        self._add_move = add_move
        self._farms = {farm.name: farm for farm in config.farms}
        self._known = {image.name for image in config.images}
        self._images = {
            farm.name: stored.get(FARM + farm.name, farm.image)
            for farm in config.farms
        }
        self._numbers = {
            farm.name: int(stored.get(NUMBER + farm.name, "0"))
            for farm in config.farms
        }
        # whether a move of that database is not in effect yet at that site of that network
        self.awaits_move: Callable[[str, str, str], bool] = (
            lambda network, site, database: False
        )
        # whether that database is to be set there as a whole, so that it may lack a move
        self.awaits_set: Callable[[str, str, str], bool] = (
            lambda network, site, database: False
        )
        self.on: dict[str, FarmUpgrade] = {}
        for key, text in stored.items():
            if key.startswith(UPGRADE):
                name = key.removeprefix(UPGRADE)
                self.on[name] = FarmUpgrade.from_text(name, text)

    def image(self, farm: str) -> str:
        """Return the image of a farm; while it is upgraded, the one before."""
        return self._images[farm]

    def are_moved(self, farm: str, side: tuple[str, str]) -> bool:
        """Return whether all databases of a farm have been moved at a side, once they have been at
        the active one.
        """
        return not any(
            self.awaits_move(*side, database)
            for database in self._databases(farm)
        )

    def may_lack_moves(self, farm: str, side: tuple[str, str]) -> bool:
        """Return whether a database of a farm is to be set as a whole at a side: nobody knows
        whether it lacks a move.
        """
        return any(
            self.awaits_set(*side, database)
            for database in self._databases(farm)
        )

    def _databases(self, farm: str) -> Iterator[str]:
        for unit in self._farms[farm].units:
            yield from unit

    def of_network(self, network: str) -> Iterator[FarmUpgrade]:
        """Yield the upgrades of a network's farms that are in progress."""
        for name, upgrade in list(self.on.items()):
            if self._farms[name].network == network:
                yield upgrade

    def asked(self, e: UpgradeAsked, out: Out) -> bool:
        """Begin an upgrade. Return False if there is nothing to begin."""
        known = e.farm in self._farms and e.image in self._known
        if not known or e.farm in self.on or self.image(e.farm) == e.image:
            return False
        number = self._next_number(e.farm, out)
        upgrade = FarmUpgrade(
            e.farm,
            self.image(e.farm),
            e.image,
            e.at_once,
            e.style,
            number,
        )
        self.on[e.farm] = upgrade
        self._report(upgrade, out)
        if e.style is not UpgradeStyle.NEW_FARM:
            self._to(upgrade, UpgradeMove.IN_PLACE, out)
        else:
            upgrade.waiting = [list(of) for of in self._farms[e.farm].units]
        return True

    def _next_number(self, farm: str, out: Out) -> int:
        number = self._numbers[farm] = self._numbers[farm] + 1
        out.saves[NUMBER + farm] = str(number)
        return number

    def roll_back(self, farm: str, out: Out) -> bool:
        """Reverse an upgrade in progress. Return False if there is none."""
        upgrade = self.on.get(farm)
        if upgrade is None:
            return False
        if upgrade.style is not UpgradeStyle.NEW_FARM:
            self._turn_round(upgrade, [], out)
            self._to(upgrade, UpgradeMove.IN_PLACE, out)
            return True
        left: set[str] = set()
        for unit in (*upgrade.waiting, *upgrade.failed):
            left.update(unit)
        units: list[list[str]] = []
        for names in self._farms[farm].units:
            units.append([each for each in names if each not in left])
        self._turn_round(upgrade, [unit for unit in units if unit], out)
        return True

    def _turn_round(
        self, upgrade: FarmUpgrade, units: list[list[str]], out: Out
    ) -> None:
        """Begin the way back, on which those databases are moved."""
        upgrade.before, upgrade.to = upgrade.to, upgrade.before
        upgrade.number = self._next_number(upgrade.farm, out)
        upgrade.waiting = units
        upgrade.moving, upgrade.failed, upgrade.tries = [], [], 1
        self._to(upgrade, UpgradeMove.ROLL_BACK, out)

    def go_on(self, upgrade: FarmUpgrade, out: Out) -> None:
        """Begin as many moves as may be under way: the active side has the new machines."""
        if upgrade.phase is UpgradePhase.DEPLOYING:
            self._to(upgrade, UpgradeMove.AT_GOAL, out)
            self._see_if_over(upgrade, out)
        while upgrade.waiting and len(upgrade.moving) < upgrade.at_once:
            unit = upgrade.waiting.pop(0)
            under_way = [
                database
                for database in unit
                if self._add_move(self._move(upgrade, database), out)
            ]
            left = [each for each in unit if each not in under_way]
            if under_way:
                upgrade.moving.append(under_way)
            if left:
                upgrade.failed.append(left)
            self._see_if_over(upgrade, out)

    def _see_if_over(self, upgrade: FarmUpgrade, out: Out) -> None:
        """See whether all moves are over, and save how far they are."""
        if not upgrade.waiting and not upgrade.moving:
            self._all_over(upgrade, out)
        out.saves[UPGRADE + upgrade.farm] = upgrade

    def _name(self, upgrade: FarmUpgrade, database: str) -> str:
        of = f"{upgrade.farm}/{upgrade.to}/{upgrade.number}/{database}"
        return f"{MOVE}{of}/{upgrade.tries}"

    def _move(self, upgrade: FarmUpgrade, database: str) -> DatabaseMove:
        return DatabaseMove(
            self._farms[upgrade.farm].network,
            database,
            upgrade.farm,
            upgrade.to,
            self._name(upgrade, database),
        )

    def _all_over(self, upgrade: FarmUpgrade, out: Out) -> None:
        if not upgrade.failed:
            self._to(upgrade, UpgradeMove.MOVED, out)
            return
        if upgrade.tries < self._config.attempts:
            upgrade.tries += 1
            upgrade.waiting, upgrade.failed = upgrade.failed, []
            return
        left = sorted(each for unit in upgrade.failed for each in unit)
        about = (
            f"{upgrade.farm} to {upgrade.to}: not moved {', '.join(left)}"
        )
        network = self._farms[upgrade.farm].network
        out.commands.append(
            Notify(network, Notice.UPGRADE_HELD, about, out.utc_us)
        )
        self._to(upgrade, UpgradeMove.NOT_MOVED, out)

    def move_ended(self, job: CloudJob, out: Out) -> None:
        """The job of a move has ended."""
        for upgrade in list(self.on.values()):
            name = self._name(upgrade, job.entity)
            if job.change != name:
                continue
            for unit in upgrade.moving:
                if job.entity in unit:
                    unit.remove(job.entity)
                    if job.state is not JobState.DONE:
                        upgrade.failed.append([job.entity])
            upgrade.moving = [unit for unit in upgrade.moving if unit]
            self._see_if_over(upgrade, out)

    def not_upgraded(self, farm: str, machine: str, out: Out) -> None:
        """Hold the upgrade of a farm: a machine could not be upgraded where it is."""
        upgrade = self.on.get(farm)
        if upgrade is None or upgrade.phase is not UpgradePhase.REPLACING:
            return
        about = f"{farm} to {upgrade.to}: not upgraded {machine}"
        network = self._farms[farm].network
        out.commands.append(
            Notify(network, Notice.UPGRADE_HELD, about, out.utc_us)
        )
        self._to(upgrade, UpgradeMove.NOT_MOVED, out)

    def retired(self, upgrade: FarmUpgrade, out: Out) -> None:
        """The machines of the old image are gone."""
        self._images[upgrade.farm] = upgrade.to
        out.saves[FARM + upgrade.farm] = upgrade.to
        self._to(upgrade, UpgradeMove.RETIRED, out)
        del self.on[upgrade.farm]
        out.saves[UPGRADE + upgrade.farm] = ""

    def _to(
        self, upgrade: FarmUpgrade, move: UpgradeMove, out: Out
    ) -> None:
        upgrade.phase = UPGRADES.after(upgrade.phase, move)
        self._report(upgrade, out)

    def _report(self, upgrade: FarmUpgrade, out: Out) -> None:
        out.saves[UPGRADE + upgrade.farm] = upgrade
        network = self._farms[upgrade.farm].network
        out.commands.append(
            ReportUpgrade(network, upgrade.farm, upgrade.to, upgrade.phase)
        )
