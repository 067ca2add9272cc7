"""The world of one run: one agenda, one journal and one time axis, and the roles that change in it.

A run begins with a pair: a primary at site A and the copy behind it at site B (pair.py). A failover
changes the roles. From the promotion on (where the old primary could not be stopped before: from
when users have been sent over) the survivor is the primary, and a new pair is on. Its second side
is the old primary where that stands by, stopped and whole; else another site, in place after
`after_failover.new_secondary`. Then it takes backups on its own schedule, and log backups go on
from those before. Where the old primary ended exactly where the new one begins it follows without
a new seed (succession.py); any other database is seeded over the link with a full (R16). Until then
the service is unprotected. Failback is a failover of a later pair.

What a site has stays there: its server, databases and files. The pair before finishes what it has
begun (users on their way, what two primaries wrote, a fence that is not confirmed yet), and then
nobody watches over it any more.
Events and faults act on the pair that is on when they happen; what lasts longer goes on in the next
one where its place is still used (lasting.py). A database that a failover did not bring online is
out of service in the pairs that follow.

The sites have names: A and B at first. At each failover the primary and the secondary change
places. Where a site was lost the new secondary is at one with the next letter, unless the lost one
is back before that is in place (second_side.py, coming_back.py).
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.engines.sides import Sides, model_sides
from dr_sim.machines import Machine
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario
from dr_sim.stores import Store
from dr_sim.streams import BLOCK_WORDS, Streams
from dr_sim.world.agenda import Agenda, Class
from dr_sim.world.context import Context
from dr_sim.world.directory import Directory
from dr_sim.world.driver import Driver
from dr_sim.world.express import ExpressLane
from dr_sim.world.hands import Hands
from dr_sim.world.happenings import Happenings
from dr_sim.world.heartbeat import Heartbeats
from dr_sim.world.lasting import Waiting, felt, what_lasts
from dr_sim.world.link import Link
from dr_sim.world.occurrence import Occurrence
from dr_sim.world.pair import Ground, Pair, Roles
from dr_sim.world.primary import Primary
from dr_sim.world.promotion import Promotion
from dr_sim.world.replication import Replication
from dr_sim.world.second_side import SecondSides, note_what_is_there
from dr_sim.world.secondary import Secondary
from dr_sim.world.succession import heirs_of
from dr_sim.world.users import Users
from dr_sim.world.waves import WaveLane


class World:
    """Build it, `run()` it, read its `journal`. pair: the one that is on."""

    def __init__(
        self,
        scenario: Scenario,
        block_words: int = BLOCK_WORDS,
        express: bool = True,
        sides: Sides | None = None,
        store: Store | None = None,
    ) -> None:
        """express: quiet logs take the lanes (world/express.py, world/waves.py) and go together
        (world/pruning.py), unless the scenario asks for steps; the records are the same without it.
        sides: the engines of both sides (default: models in memory). store: the first recovery
        manager's (default: in memory).
        """
        self.scenario = scenario
        self.journal = Journal()
        self.agenda = Agenda()
        streams = Streams(scenario.seed, scenario.replication_no, block_words)
        express = express and not scenario.steps
        self._ground = Ground(scenario, self.agenda, self.journal, streams, express)
        sides = sides or model_sides(scenario.replay.validate_hash, scenario.engine.imitates)
        self._waiting: list[Waiting] = []
        self._happenings = Happenings(self)
        self._second_sides = SecondSides(self)
        self.pairs: list[Pair] = []
        roles = Roles(0, "A", "B", sides, events=list(scenario.events))
        self.pair = self._put_on(roles, store)

    # ---- the run
    def run(self, progress: Callable[[float], None] | None = None) -> Journal:
        """From instant 0 to the scenario's end. progress is told the part that is done, 0 to 1, now
        and then.
        """
        self.pair.start(self._happenings.start)
        steps = 100 if progress is not None else 1
        for step in range(1, steps + 1):
            self.agenda.run_until(self.scenario.run_for_us * step // steps)
            if progress is not None:
                progress(step / steps)
        for pair in self.pairs:
            pair.end()
        self.journal.pack()
        return self.journal

    # ---- roles
    def _put_on(self, roles: Roles, store: Store | None = None) -> Pair:
        pair = Pair(self._ground, roles, store)
        pair.site_lost_hook = self._happenings.site_lost
        pair.back_hook = self._second_sides.back
        pair.is_on = lambda: pair is self.pair
        if self.scenario.new_secondary_us is not None or self.scenario.brings_back:
            pair.promotion.online_hook = lambda: self._soon(pair, False)
            pair.promotion.redirected_hook = lambda: self._soon(pair, True)
            pair.promotion.confirmed_hook = lambda: self.end_of(pair)
        self.pairs.append(pair)
        return pair

    def _soon(self, pair: Pair, redirected: bool) -> None:
        """A database has been brought online, or users have been sent over: when this instant is
        settled, roles may change.
        """
        now = self.agenda.now_us
        self.agenda.at(now, Class.HOUSEKEEPING, -1, self._follows, pair, redirected)

    def _follows(self, pair: Pair, redirected: bool) -> None:
        """The next pair is put on if this one's failover has come that far."""
        if pair is self.pair and (redirected or pair.handed_over):
            self._change_roles(pair)
        self.end_of(pair)

    def end_of(self, pair: Pair) -> None:
        """Once users have been sent over, and every database is online, the old pair has one thing
        left to do. Its manager asks for the fence until that is confirmed, and tells of two
        primaries (R15, R16): until the old primary is known to be stopped, or is no more. It is no
        more when its site is lost, or when the next pair's second side is in place.
        """
        if pair is self.pair or not (pair.users.redirected and pair.all_online):
            return
        pair.retire()
        following = self.pairs[pair.roles.number + 1]
        replaced = self.agenda.now_us >= following.roles.ready_us
        if pair.promotion.confirmed or pair.site_lost or replaced:
            pair.dismiss()

    def _change_roles(self, old: Pair) -> None:
        now, scenario = self.agenda.now_us, self.scenario
        if now >= scenario.run_for_us:
            return
        heirs = heirs_of(old)
        site, sides, ready_us = self._second_sides.after(old)
        roles = Roles(
            number=old.roles.number + 1,
            primary=old.roles.secondary,
            secondary=site,
            sides=sides,
            begins_us=now,
            ready_us=ready_us,
            heirs=heirs,
            cloud=old.cloud,
        )
        going = what_lasts(old, now, heirs, self._waiting)
        carried, self._waiting = felt(going, roles, now)
        roles.events = [*scenario.events, *carried]
        pair = self.pair = self._put_on(roles)
        pair.before = old
        self.agenda.at(ready_us, Class.HOUSEKEEPING, -1, self.end_of, old)
        pair.start()
        if old.coming_back.closed:
            note_what_is_there(old, pair)
        for number, event in enumerate(carried, len(scenario.events)):
            lane = f"goes on {number} at {now}"
            kind = event.kind
            pair.context.note("truth.goes_on", -1, event.number, kind.name)
            occurrence = Occurrence(pair, kind.name, event.number, lane, 0, number)
            kind.happen(occurrence, event.params)
        pair.outside.turn()

    # ---- of the pair that is on
    @property
    def context(self) -> Context:
        return self.pair.context

    @property
    def primary(self) -> Primary:
        return self.pair.primary

    @property
    def secondary(self) -> Secondary:
        return self.pair.secondary

    @property
    def link(self) -> Link:
        return self.pair.link

    @property
    def replication(self) -> Replication:
        return self.pair.replication

    @property
    def users(self) -> Users:
        return self.pair.users

    @property
    def hands(self) -> Hands:
        return self.pair.hands

    @property
    def driver(self) -> Driver[Machine]:
        return self.pair.driver

    @property
    def heartbeats(self) -> Heartbeats:
        return self.pair.heartbeats

    @property
    def directory(self) -> Directory:
        return self.pair.directory

    @property
    def promotion(self) -> Promotion:
        return self.pair.promotion

    @property
    def express(self) -> ExpressLane | None:
        return self.pair.express

    @property
    def waves(self) -> WaveLane | None:
        return self.pair.waves
