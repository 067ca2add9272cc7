"""The time of the cloud manager and its surroundings.

Theory of operation. As long as the databases cannot affect the cloud manager, and the cloud manager
cannot affect the link, its entries have their own agenda. That agenda is played up to the present
whenever somebody asks the cloud manager something, and at the end. So quiet logs take their fast
path as if there were no cloud manager: a lane examines only what may disturb a log. From the first
failover on, both agendas are played in step. So they are during an upgrade, and from the first
event on by which an install point loses an image: images may cross the link.

There is one agenda where one side can affect the other from the beginning: the manager is at one of
the sites, a database is moved, which pauses its backups, or a site lacks an image of a farm.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.record.journal import Journal
from dr_sim.scenario.cloud_model import FIRST, Cloud
from dr_sim.scenario.model import Scenario
from dr_sim.streams import Streams
from dr_sim.world.kernel.agenda import Agenda, Class, Entry
from dr_sim.world.kernel.context import Context

MOVE_DATABASE = "move_database"
_WORDS = 4  # of a draw's name: most names are asked for one or two, and a block is as many


class CloudContext:
    """The context that the parts of the cloud's world share: time, the journal, draws."""

    def __init__(self, world: Context) -> None:
        self._world = world
        self.scenario: Scenario = world.scenario
        assert isinstance(world.journal, Journal), "it is the first pair's"
        self.journal = world.journal
        scenario = world.scenario
        self.streams = Streams(
            scenario.seed, scenario.replication_no, _WORDS
        )
        self.long_streams = (
            world.streams
        )  # of names that many words are asked for
        self.apart = not _felt(scenario)
        self.agenda = Agenda() if self.apart else world.agenda
        self._in_step = self._for_good = False
        self._next: Entry | None = None

    @property
    def now_us(self) -> int:
        return self.agenda._now

    def note(self, kind_name: str, entity: int, *values: int | str) -> None:
        """Write one record at this instant."""
        self.journal.note(kind_name, self.agenda._now, entity, *values)

    def catch_up(self) -> None:
        """Play everything before the present: somebody is about to ask something."""
        if self.apart:
            self.agenda.run_up_to(self._world.agenda.now_us)
            if self._in_step:
                self._step()

    def asked(self, do: Callable[[], None]) -> None:
        """Let somebody ask something now; its consequences are played in step."""
        self.catch_up()
        do()
        if self.apart and self._in_step:
            self._step()

    def in_step(self) -> None:
        """Play in step from now on: a failover depends on the cloud manager, or images may cross
        the link.
        """
        self._for_good = True
        self.in_step_for_now()

    def in_step_for_now(self) -> None:
        """Play in step until the agendas may be apart again: an upgrade is in progress."""
        if self.apart and not self._in_step:
            self._in_step = True
            self._step()

    def apart_again(self) -> None:
        """Play apart from now on, unless a reason to play in step is for good."""
        if not self._for_good:
            self._in_step = False

    @property
    def plays_along(self) -> bool:
        """Return whether the world meets everything that happens here at its instant."""
        return self._in_step or not self.apart

    def end(self) -> None:
        """The run is over: play what belongs to it."""
        if self.apart:
            self.agenda.run_until(self._world.agenda.now_us)

    def _step(self) -> None:
        """An entry on the world's agenda for the next one on this one."""
        if self._next is not None:
            self._next.cancel()
        self._next = None
        if not self._in_step:
            return
        first = self.agenda.first_us()
        if first is not None:
            at = max(first, self._world.agenda.now_us)
            self._next = self._world.agenda.at(
                at, Class.ANSWER, -1, self._play
            )

    def _play(self) -> None:
        self._next = None
        self.agenda.run_until(self._world.agenda.now_us)
        self._step()


def _felt(scenario: Scenario) -> bool:
    """Return whether the databases can feel the cloud manager, or the manager the link, without a
    failover.
    """
    assert scenario.cloud is not None
    if scenario.cloud.at != "apart" or _lacks_image(scenario.cloud):
        return True
    params = [event.params for event in scenario.events]
    params += [fault.params for fault in scenario.faults]
    return any(
        getattr(each, MOVE_DATABASE, None) is not None for each in params
    )


def _lacks_image(cloud: Cloud) -> bool:
    """Return whether a site needs an image from the other one when the run begins."""
    if cloud.machines is None:
        return False
    images = [
        cloud.machines.image(farm.image) for farm in cloud.machines.farms
    ]
    return any(
        site not in image.sites
        for image in images
        for site in (FIRST, *cloud.places)
    )
