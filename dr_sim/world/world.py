"""The world of one run: one agenda, one journal and one time axis, and the roles that change in it.

A run begins with a pair: a primary at site A and the copy behind it at site B (pair.py). A failover
changes the roles. From the promotion on (where the old primary could not be stopped before: from
when users have been sent over) the survivor is the primary, and a new pair is on. Its second side
is the old primary where that stands by, stopped and whole; else another site, in place after
`after_failover.new_secondary`. Then it takes backups on its own schedule, and log backups continue
from those before. Where the old primary ended exactly where the new one begins it follows without
a new seed (succession.py); any other database is seeded over the link with a full (R16). Until then
the service is unprotected. Failback is a failover of a later pair.

Where a store was restored from, the machine that was got for that is the primary, at a new site.
The store stands behind it with what it has kept (kept_chain.py), and so do all other places. Where
there are stores alone no other second side is put up.

What a site has stays there: its server, databases and files. The pair before finishes what it has
begun (users on their way, what two primaries wrote, a fence that is not confirmed yet), and then
nobody watches over it any more. Events and faults act on the pair that is on when they happen; what
lasts longer continues in the next one where its place is still used (lasting.py). A database that a
failover did not bring online is out of service in the pairs that follow.

The sites have names: A and B at first. At each failover the primary and the secondary change
places. Where a site was lost the new secondary is at one with the next letter, unless the lost one
is back before that is in place (second_side.py, coming_back.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dr_sim.engines.sides import Sides, model_sides
from dr_sim.machines import Machine
from dr_sim.record.journal import Journal
from dr_sim.scenario.keys.standbys import (
    FIRST_PRIMARY,
    first_places,
    several,
)
from dr_sim.scenario.model import Scenario
from dr_sim.stores import Store
from dr_sim.streams import BLOCK_WORDS, Streams
from dr_sim.world.driver import Driver
from dr_sim.world.hands import Hands
from dr_sim.world.happenings import Happenings
from dr_sim.world.kernel.agenda import Agenda, Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.occurrence import Occurrence
from dr_sim.world.kernel.workload import Before
from dr_sim.world.lane.express import ExpressLane
from dr_sim.world.lane.waves import WaveLane
from dr_sim.world.lasting import (
    GoesOn,
    Waiting,
    felt,
    not_felt,
    what_lasts,
)
from dr_sim.world.link.directory import Directory
from dr_sim.world.link.heartbeat import Heartbeats
from dr_sim.world.link.link import PairLink
from dr_sim.world.link.replication import Replication
from dr_sim.world.primary.primary import Primary
from dr_sim.world.roles.left_behind import LeftBehind
from dr_sim.world.roles.pair import Pair
from dr_sim.world.roles.pair_context import Ground, Roles
from dr_sim.world.roles.promotion import Promotion
from dr_sim.world.roles.second_side import SecondSides, note_what_is_there
from dr_sim.world.roles.succession import Heir, heirs_beside, heirs_of
from dr_sim.world.secondary.secondary import Secondary
from dr_sim.world.site import Site, Sites
from dr_sim.world.stores.store_feed import StoreFeed
from dr_sim.world.users import Users


@dataclass(frozen=True, slots=True)
class Stops:
    """Instants of a run, in order, and what looks at the world when all up to each has happened."""

    instants: Sequence[int]
    look: Callable[[World], None]


class World:
    """Build it, `run()` it, read its `journal`. pair: the one that is on."""

    def __init__(
        self,
        scenario: Scenario,
        block_words: int = BLOCK_WORDS,
        express: bool = True,
        sides: Sides | None = None,
        store: Store | None = None,
        luck: Streams | None = None,
    ) -> None:
        """express: quiet logs take the lanes (world/lane/express.py, world/lane/waves.py) and are
        deleted together (world/primary/pruning.py), unless the scenario asks for steps; the records
        are the same without it.
        sides: the engines of both sides (default: models in memory). store: the first recovery
        manager's (default: in memory). luck: the draws (default: the scenario's own).
        """
        self.scenario = scenario
        self.journal = Journal()
        self.agenda = Agenda()
        streams = luck or Streams(
            scenario.seed, scenario.replication_no, block_words
        )
        self._several = several(scenario)
        alone = not self._several and not scenario.has_stores
        express = express and not scenario.steps and alone
        sides = sides or model_sides(
            scenario.replay.validate_hash, scenario.engine.imitates
        )
        self.sites = Sites(self.agenda, sides)
        self._ground = Ground(
            scenario,
            self.sites,
            self.agenda,
            self.journal,
            streams,
            express,
        )
        first = self.sites.put_up(FIRST_PRIMARY)
        stores = {spec.name for spec in scenario.standbys if spec.store}
        # in order: the preferred standby is the first
        standbys = [
            self.sites.put_up(name, is_store=name in stores)
            for name in first_places(scenario)
        ]
        self._waiting: list[Waiting] = []
        self._happenings = Happenings(self)
        self._second_sides = SecondSides(self)
        self.pairs: list[Pair] = []
        each = [
            Roles(
                number=rank,
                primary_site=first,
                secondary_site=site,
                events=list(scenario.events),
                rank=rank,
            )
            for rank, site in enumerate(standbys)
        ]
        self.pair = self._put_all_on(each, store)

    # ---- the run
    def run(
        self,
        progress: Callable[[float], None] | None = None,
        stops: Stops | None = None,
    ) -> Journal:
        """Run from instant 0 to the scenario's end. progress is called with the part that is done,
        0 to 1, now and then. stops: where the run is stopped to be looked at.
        """
        self.pair.start(self._happenings.start)
        for pair in self.pair.together[1:]:
            pair.start()
        if stops is not None:
            for at_us in stops.instants:
                self.agenda.run_until(at_us)
                stops.look(self)
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
    def _put_all_on(
        self, each: Sequence[Roles], store: Store | None = None
    ) -> Pair:
        """Put on the pairs of all standbys behind one primary; return the first of them. store: its
        manager's.
        """
        if len(each) > 1:
            numbers = tuple(roles.number for roles in each)
            for roles in each:
                roles.numbers = numbers
        each[0].before = _what_copies_catch_up_on(each)
        lead = self._put_on(each[0], store, None)
        for roles in each[1:]:
            self._put_on(roles, None, lead)
        return lead

    def _put_on(
        self, roles: Roles, store: Store | None, lead: Pair | None
    ) -> Pair:
        pair = Pair(self._ground, roles, store, lead)
        pair.site_lost_hook = self._happenings.site_lost
        pair.back_hook = self._second_sides.back
        pair.coming_back.opened_hook = self._second_sides.look
        pair.is_on = lambda: pair.lead is self.pair
        goes_on = (
            self.scenario.new_secondary_us is not None
            or self.scenario.brings_back
        )
        if goes_on or self._several or self.scenario.has_stores:
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
        self.agenda.at(
            now, Class.HOUSEKEEPING, -1, self._follows, pair, redirected
        )

    def _follows(self, pair: Pair, redirected: bool) -> None:
        """Put on the next pair if this one's failover has come that far."""
        if pair.lead is self.pair and (redirected or pair.handed_over):
            self._change_roles(pair)
        self.end_of(pair)

    def end_of(self, pair: Pair) -> None:
        """Once users have been sent over, and every database is online, the old pair has one thing
        left to do. Its manager asks for the fence until that is confirmed, and tells of two
        primaries (R15, R16): until the old primary is known to be stopped, or is no more. It is no
        more when its site is lost, or when the next pair's second side is in place.
        """
        if pair.lead is self.pair or not (
            pair.users.redirected and pair.all_online
        ):
            return
        pair.retire()
        replaced = (
            pair.replaced_by is not None
            and self.agenda.now_us >= pair.replaced_by.ready_us
        )
        if pair.promotion.confirmed or pair.site_lost or replaced:
            pair.dismiss()

    def _change_roles(self, old: Pair) -> None:
        """Change roles: a failover has brought the standby of that pair online."""
        if self.agenda.now_us >= self.scenario.run_for_us:
            return
        beside = [pair for pair in old.together if pair is not old]
        for pair in beside:
            pair.retire()
        heirs = heirs_of(old)
        each = self._behind(old, heirs, self._new_primary(old))
        if not each:
            return
        for pair in old.together:
            pair.secondary.lets_go()
        old.primary.succeeded = True
        for pair in beside:
            pair.dismiss()
            pair.replication.leave()
        if isinstance(old.replication, StoreFeed):
            old.replication.drop([old.index_of(name) for name in heirs])
        carried = self._carried(old, heirs, each)
        earlier = list(self.pairs)
        self.pair = self._put_all_on(each)
        self.pair.before = old
        together = self.pair.together
        for pair in together:
            pair.left_behind = LeftBehind(pair, earlier)
        if old.replaced_by is not None:
            self.agenda.at(
                old.replaced_by.ready_us,
                Class.HOUSEKEEPING,
                -1,
                self.end_of,
                old,
            )
        for pair in together:
            pair.start()
        for pair in together:
            self._second_sides.build(pair)
        if old.lead.coming_back.closed:
            note_what_is_there(old, self.pair)
        for pair, going_on in zip(together, carried, strict=True):
            self._go_on(pair, going_on)

    def _carried(
        self, old: Pair, heirs: Mapping[str, Heir], each: Sequence[Roles]
    ) -> list[list[GoesOn]]:
        """Return what goes on in each of the new pairs, and let their roles know of its events.
        What is felt in none of them waits for the next change of roles.
        """
        now = self.agenda.now_us
        going = [*self._waiting]
        for pair in old.together:
            going += what_lasts(pair, now, heirs)
        self._waiting = not_felt(going, each, now)
        carried = [felt(going, roles, now) for roles in each]
        for roles, going_on in zip(each, carried, strict=True):
            events = [one.event for one in going_on]
            roles.events = [*self.scenario.events, *events]
        return carried

    def _go_on(self, pair: Pair, going_on: Sequence[GoesOn]) -> None:
        """Let things that had begun before continue in a new pair."""
        now = self.agenda.now_us
        for number, one in enumerate(going_on, len(self.scenario.events)):
            lane = f"goes on {number} at {now}"
            event = one.event
            kind = event.kind
            pair.context.note("truth.goes_on", -1, event.number, kind.name)
            occurrence = Occurrence(
                pair, kind.name, event.number, lane, 0, number
            )
            occurrence.already_on = one.on
            kind.happen(occurrence, event.params)
        pair.outside.turn()

    def _new_primary(self, old: Pair) -> Site:
        """Return the site of the new primary: where the standby was, or that of the machine onto
        which a store was restored.
        """
        site = old.roles.secondary_site
        return self.sites.machine_of(site) if old.is_store else site

    def _behind(
        self, old: Pair, heirs: Mapping[str, Heir], new_primary: Site
    ) -> list[Roles]:
        """Return the roles of all pairs behind the new primary: in each another standby of before,
        or the old primary, or a new site where that is lost.
        """
        now, new_us = self.agenda.now_us, self.scenario.new_secondary_us
        found: list[tuple[Site, int, Mapping[str, Heir]]] = []
        for pair in old.together:
            if pair is not old or pair.is_store:
                ready_us = max(now, pair.roles.ready_us)
                theirs = heirs_beside(
                    pair, heirs, new_primary.name, self.pairs
                )
                site = self.sites.at(pair.roles.secondary)
                found.append((site, ready_us, theirs))
        replaces: Site | None = None
        has_standbys = self.scenario.has_standbys
        if has_standbys and (
            new_us is not None
            or not self._several
            or self.scenario.brings_back
            or old.stands_ready
        ):
            replaces, ready_us = self._second_sides.after(old)
            found.append((replaces, ready_us, heirs))
        found.sort(key=lambda one: self.sites.order(one[0]))
        each = [
            Roles(
                number=len(self.pairs) + rank,
                primary_site=new_primary,
                secondary_site=site,
                begins_us=now,
                ready_us=ready_us,
                heirs=theirs,
                rank=rank,
                cloud=old.cloud,
            )
            for rank, (site, ready_us, theirs) in enumerate(found)
        ]
        old.replaced_by = next(
            (roles for roles in each if roles.secondary_site is replaces),
            None,
        )
        return each

    def at_copy(self, place: str) -> Pair | None:
        """Return the pair that is on whose standby is at that place; None: there is none."""
        return next(
            (
                pair
                for pair in self.pair.together
                if pair.roles.secondary == place
            ),
            None,
        )

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
    def link(self) -> PairLink:
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


def _what_copies_catch_up_on(each: Sequence[Roles]) -> dict[str, Before]:
    """Return by name what was written to a database before these pairs, from the first commit on
    that one of the copies lacks.
    """
    found: dict[str, Before] = {}
    for roles in each:
        for name, heir in (roles.heirs or {}).items():
            if heir.kept is not None or heir.at_hand is not None:
                first = (
                    0  # any backup of its chain may turn out to be damaged
                )
            elif heir.behind is not None:
                first = heir.behind.commits
            else:
                continue
            if name in found:
                first = min(first, found[name].first_commit)
            found[name] = replace(heir.before, first_commit=first)
    return found
