"""The active and the second site for the cloud manager, and how that changes.

Theory of operation. A failover waits until the site that it goes to is configured, at most until a
limit; what is left is brought in afterwards. Then there is no second side, until a new one is in
place. The manager is told of that when it has ended the failover before: what it brings in then it
brings to the active side. A site that was lost is made anew, unless it is back with what it had.

Of several standbys the preferred one is the second side, of those that are in place. A failover to
another one makes that the second side first: nothing of it is configured, so it waits for all. The
same holds for the machine onto which a store was restored: its site is new. A service that has only
stores has no second side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dr_sim.cloud.commands import SiteProvisioned, TellConfigurationTime
from dr_sim.cloud.events import (
    ConfigurationTimeAsked,
    ProvisionAsked,
    SiteStands,
    SitesToBuild,
)
from dr_sim.world.kernel.agenda import Class, Entry

if TYPE_CHECKING:
    from dr_sim.world.cloud.service import CloudWorld
    from dr_sim.world.link.link import PairLink
    from dr_sim.world.primary.primary import Primary


NO_ANSWER_US = -1
"""The word of a cloud manager that cannot be reached on how long it would take."""


class CloudSites:
    """active: the site at which the manager makes changes. second: the one behind it, '' if there
    is none. serves: the site of the primary, with its databases and their backup jobs; in a
    failover it changes before the manager has ended it.
    """

    def __init__(
        self, world: CloudWorld, link: PairLink, primary: Primary
    ) -> None:
        self._world = world
        self._context = world.context
        self.active, self.second = world.spec.sites
        self.primary = primary
        self.serves = self.active
        self._links = [link]  # from the primary to each of its standbys
        self._manager_at = world.spec.home
        self._goes_to = (
            ""  # where a failover goes that the manager has not ended yet
        )
        self._waits: Callable[[int], None] | None = None  # who waits for it
        # that get machines beside the two sides, now, or when a failover has ended
        self._built: list[str] = []
        self._to_build: list[str] = []
        # who has asked how long the configuration of a place would take
        self._asked: dict[str, Callable[[int], None]] = {}
        self._next = ""  # a second site that is in place, of which the manager is to be notified
        self._limit: Entry | None = None
        self._since_us = -1  # when the roles last changed; -1: never
        self._brought_in = 0  # changes that the last failover brought in

    def connected(self, site: str) -> bool:
        """Return whether messages between the manager and a site get through now."""
        if self._manager_at in ("", site):
            return True
        ends = {self._manager_at, site}
        return all(
            link.forward_up and link.back_up
            for link in self._links
            if {link.sender, link.receiver} == ends
        )

    @property
    def link(self) -> PairLink:
        """Return the link from the primary to the second side; while there is none, to the first
        of its standbys.
        """
        to_second = (
            link for link in self._links if link.receiver == self.second
        )
        return next(to_second, self._links[0])

    def link_to(self, site: str) -> PairLink | None:
        """Return the link over which a site gets images; None if it is not to have machines."""
        if site == self.second:
            return self.link
        links = (link for link in self._links if link.receiver == site)
        return next(links, None) if site in self._built else None

    def not_mirrored(self) -> list[str]:
        """Return the other standbys behind the primary."""
        return [
            link.receiver
            for link in self._links
            if link.receiver != self.second
        ]

    def lost(self, site: str) -> None:
        """Lose a site, with its agents, and with the manager if it stands there."""
        self._context.asked(lambda: self._lose(site))

    def _lose(self, site: str) -> None:
        world = self._world
        self._context.note("truth.cloud_site_lost", -1, site)
        for (_, at), agent in world.agents.items():
            if at == site:
                agent.die()
        if world.hardware is not None:
            world.hardware.lose_site(site)
        if site == self._manager_at:
            world.lives.lost()
        elif site == self.active and self._goes_to:
            # the failover waits no longer for what is under way there
            world.lives.tell_until_heard(
                ProvisionAsked, self._goes_to, False
            )

    def back(self, site: str) -> None:
        """Bring a site back: its agents answer, and the manager is started if it stands there."""
        self._context.asked(lambda: self._bring_back(site))

    def _bring_back(self, site: str) -> None:
        world = self._world
        self._context.note("truth.cloud_site_back", -1, site)
        for (_, at), agent in world.agents.items():
            if at == site:
                agent.come_back()
        if world.hardware is not None:
            world.hardware.site_back(site)
        if site == self._manager_at:
            world.lives.site_back()

    # ---- a failover
    def foretell(self, place: str, answer: Callable[[int], None]) -> None:
        """Ask the manager how long a failover to that place would wait; answer(that, or
        NO_ANSWER_US where nobody can be reached) is called when the word is back.
        """
        self._world.catch_up()
        self._context.in_step()
        self._asked[place] = answer
        half_us = self._world.spec.rtt_us // 2
        self._world.soon(self._context.now_us + half_us, self._ask, place)
        self._context.catch_up()

    def _ask(self, place: str) -> None:
        lives = self._world.lives
        if lives.up and self.connected(place):
            self._world.driver.tell_new(ConfigurationTimeAsked, place)
        else:
            self.foretold(TellConfigurationTime(place, NO_ANSWER_US))

    def foretold(self, command: TellConfigurationTime) -> None:
        """Send the manager's word to whoever has asked."""
        answer = self._asked.pop(command.site, None)
        if answer is not None:
            half_us = self._world.spec.rtt_us // 2
            at_us = self._context.now_us + half_us
            self._world.soon(at_us, answer, command.takes_us)

    def provision(
        self, site: str, done: Callable[[int], None], store: str = ""
    ) -> None:
        """A failover to that site waits until it is configured; done(changes brought in) is called
        then, or when the limit is over. Asked again, it continues as it does; if it is configured
        already, that is the answer. store: the one that was restored there; '': it is a standby's.
        """
        world, context = self._world, self._context
        if site == self.active and not self._goes_to:
            done(self._brought_in)
            return
        world.catch_up()
        context.in_step()
        asked_before = self._waits is not None and self._goes_to == site
        self._waits = done
        if asked_before:
            return
        if site != self.second:
            # it is not mirrored; or the failover before has not ended, and never will
            self._next = site
            self._stands(store)
        self._built = [each for each in self._built if each != site]
        self._to_build = []
        context.note("truth.cloud_provision", -1, site, 1, 0)
        limit_us = world.spec.provision_us
        if limit_us is not None:
            at = context.now_us + limit_us
            self._limit = context.agenda.at(
                at, Class.ANSWER, -1, self._goes_on, False, 0
            )
        answers = self._answers()
        self._goes_to = site
        world.lives.tell_until_heard(ProvisionAsked, site, answers)
        context.catch_up()

    def _answers(self) -> bool:
        """Return whether the agents of the active site can be reached."""
        world = self._world
        dead = any(
            agent.dead
            for (_, at), agent in world.agents.items()
            if at == self.active
        )
        return world.reaches(self.active) and not dead

    def provisioned(self, command: SiteProvisioned) -> None:
        """Note that the manager has ended a failover."""
        if command.site != self._goes_to:
            return  # it says so again after a crash, and that is known
        self._goes_to = ""
        self.active, self.second = command.site, ""
        self._since_us = self._context.now_us
        for index, configuration in enumerate(self._world.configurations):
            for entity, change in configuration.missing():
                self._context.note(
                    "truth.cloud_left_behind",
                    index,
                    command.site,
                    entity,
                    change,
                )
            configuration.go_over(command.site)
        if self._next or self._to_build or self._built:
            # its own commands come before the next event
            self._world.soon(self._since_us, self._next_stands)
        self._brought_in = command.changes + command.rebuilt
        self._brought_in += command.by_hand
        self._goes_on(True, self._brought_in)

    def _next_stands(self) -> None:
        """Report a second site that was in place before the failover ended."""
        if self._goes_to:
            return
        if self._next:
            self._stands()
        self._begin_to_build()

    def _goes_on(self, ready: bool, changes: int) -> None:
        done, self._waits = self._waits, None
        if done is None:
            return
        if self._limit is not None:
            self._limit.cancel()
        site = self._goes_to or self.active
        self._context.note("truth.cloud_provision", -1, site, 0, int(ready))
        done(changes)

    def tell_roles(self, known_us: int) -> None:
        """Tell a manager that knows the roles of that instant, as its store was put back, which
        site is active, which is second, and where a failover goes. It has just been started, and
        has not looked yet.
        """
        tell = self._world.driver.tell_new
        if known_us <= self._since_us:
            tell(ProvisionAsked, self.active, False)
            if self.second:
                tell(
                    SiteStands, self.second, self._identifiers(self.second)
                )
        if self._built:
            tell(SitesToBuild, tuple(self._built))
        if self._goes_to:
            tell(ProvisionAsked, self._goes_to, self._answers())

    def _identifiers(self, site: str) -> dict[str, dict[str, str]]:
        return self._world.names.identifiers_at(site)

    # ---- after it
    def roles(self, primary: Primary, link: PairLink) -> None:
        """Change the roles after a failover: users write to that primary. link: to the first of its
        standbys.
        """
        self.primary, self._links = primary, [link]
        self.serves = self._goes_to or self.active
        self._context.asked(self._interrupt_copies)

    def one_more(self, link: PairLink) -> None:
        """Take up the link to one more standby behind the same primary."""
        self._links.append(link)
        self._world.note_elsewhere()

    def _interrupt_copies(self) -> None:
        if self._world.hardware is not None:
            self._world.hardware.roles_changed()

    def stands(self, active: str, site: str) -> None:
        """Take up a second site that is in place behind that active one: the manager hears of it
        when it has ended the failover there. Nothing more if it is known already.
        """
        if site in (self._next, self.second):
            return
        self._world.catch_up()
        self._context.note("truth.cloud_second_side", -1, active, site)
        self._next = site
        if self.active == active:
            self._stands()
        self._context.catch_up()

    def _stands(self, store: str = "") -> None:
        """Report it to the manager, and compare what is there with the active side."""
        world, site = self._world, self._next
        self._next = ""
        if self._goes_to:
            self.active, self._goes_to = self._goes_to, ""
            for configuration in world.configurations:
                configuration.go_over(self.active)
        elif self.second:
            self._interrupt_copies()  # to the one before
        known = [
            agent for (_, at), agent in world.agents.items() if at == site
        ]
        fresh = not known or any(agent.dead for agent in known)
        if fresh:
            world.add_site(site)
            if world.hardware is not None:
                world.hardware.new_site(site, store)
        self.second = site
        self._since_us = self._context.now_us
        self._context.note("truth.cloud_stands", -1, site)
        world.missing.forget()
        for configuration in world.configurations:
            configuration.stands(site, fresh)
        world.lives.tell_until_heard(
            SiteStands, site, self._identifiers(site)
        )

    # ---- sites beside it
    def build(self, active: str, site: str) -> None:
        """Have machines made at a site that is put up behind that active one, beside the second
        side: when the failover has ended.
        """
        if site in self._built:
            return  # it was begun behind the primary before
        self._world.catch_up()
        self._to_build.append(site)
        if self.active == active and not self._goes_to:
            self._begin_to_build()
        self._context.catch_up()

    def leave(self, site: str) -> None:
        """Make no machines at that site: another one takes its place."""
        self._to_build = [each for each in self._to_build if each != site]
        if site in self._built:
            self._world.catch_up()
            self._built.remove(site)
            self._context.note("truth.cloud_built", -1, site, 0)
            self._tell_built()
            self._context.catch_up()

    def _begin_to_build(self) -> None:
        world = self._world
        sites, self._to_build = self._to_build, []
        for site in sites:
            if all(at != site for _, at in world.agents):
                world.add_site(site)
                assert world.hardware is not None
                world.hardware.new_site(site)
            self._built.append(site)
            self._context.note("truth.cloud_built", -1, site, 1)
        if self._built:
            self._tell_built()

    def _tell_built(self) -> None:
        self._world.lives.tell_until_heard(SitesToBuild, tuple(self._built))
