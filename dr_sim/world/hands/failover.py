"""The acts of a failover: it fences the old primary and turns to the new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dr_sim.machines import Machine
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.events import NotFenced, NotUnfenced
from dr_sim.recovery.failover.failover_table import OFF, FailoverPhase
from dr_sim.recovery.failover.policy import Offer
from dr_sim.world.driver import Driver
from dr_sim.world.hands.surroundings import Surroundings


class FailoverHands:
    """Hands for the failover. table: a hand for each class of command."""

    def __init__(
        self, driver: Driver[Machine], around: Surroundings
    ) -> None:
        place, claims = around.place, around.claims
        self._place = place
        self._claims = claims
        self._driver = driver
        driver.hooks.on_death.append(lambda: claims.died(place))
        driver.hooks.on_start.append(lambda: claims.lives(place))
        self._secondary = around.secondary
        self._promotion = around.promotion
        self._directory = around.directory
        self._configure = around.configure
        self._foretell = around.foretell
        self._around = around
        self._machine_ready_us: int | None = None
        # called when a failover begins
        self.begins_hook: Callable[[], None] = lambda: None
        # called when one is in progress: the orders that came before are obeyed or refused
        self.goes_on_hook: Callable[[], None] = lambda: None
        self._has_begun = False
        self.table: dict[type, Callable[[Any], None]] = {
            c.EnterPhase: self._enter_phase,
            c.AskConfigurationTime: self._ask_time,
            c.MakeOffer: self._offer,
            c.Claim: self._claim,
            c.ReleaseClaim: self._release,
            c.YieldClaim: self._yield,
            c.OfferToYield: self._offer_to_yield,
            c.Fence: self._fence,
            c.Unfence: self._unfence,
            c.GetMachine: self._get_machine,
            c.Provision: self._provision,
            c.Redirect: self._redirect,
        }

    def _enter_phase(self, command: c.EnterPhase) -> None:
        """Note a new phase; phases are read from the journal. From the drain on a failover restores
        by its own script.
        """
        self._promotion.reach.phase(command.phase)
        if command.phase is FailoverPhase.FENCING:
            if self._around.alone:
                self._claims.begins(self._place, self._around.there)
            if not self._has_begun:  # a restart announces it again
                self.begins_hook()
            self._has_begun = True
        elif self._has_begun:
            self.goes_on_hook()
            self._has_begun = command.phase not in OFF
        if command.phase is FailoverPhase.ABANDONED:
            self._promotion.called_off()
            if self._around.alone:
                self._claims.release(self._place, False)
        if command.phase in (
            FailoverPhase.DRAINING,
            FailoverPhase.UNFENCING,
            FailoverPhase.ABANDONED,
        ):
            self._secondary.job.by_hand(
                command.phase is FailoverPhase.DRAINING
            )

    def _ask_time(self, command: c.AskConfigurationTime) -> None:
        assert self._foretell is not None
        life = self._driver.incarnation

        def told(takes_us: int) -> None:
            self._driver.answer(life, e.ConfigurationTimeTold, takes_us)

        self._foretell(told)

    def _offer(self, command: c.MakeOffer) -> None:
        offer = Offer(
            self._place,
            command.rank,
            command.open,
            command.holds_until_utc_us,
            command.takes_us,
        )
        self._claims.offer(offer, self._heard)

    def _heard(self, offers: tuple[Offer, ...], awaited: int) -> None:
        self._driver.answer_after(0, 0, e.OffersHeard, offers, awaited)

    def _claim(self, command: c.Claim) -> None:
        holder = self._claims.claim(
            self._place,
            self._freed,
            command.ready,
            command.even_if_heard,
        )
        if holder == self._place:
            self._driver.soon(e.ClaimGiven)
        else:
            self._driver.soon(e.ClaimRefused, holder)

    def _freed(self, declined: bool) -> None:
        self._driver.answer_after(0, 0, e.ClaimFreed, declined)

    def _release(self, command: c.ReleaseClaim) -> None:
        self._claims.release(self._place, command.declined)

    def _yield(self, command: c.YieldClaim) -> None:
        if self._claims.yields(self._place):
            self._driver.soon(e.ClaimYielded)

    def _offer_to_yield(self, command: c.OfferToYield) -> None:
        life = self._driver.incarnation
        self._claims.would_yield(
            self._place,
            lambda: self._driver.answer_after(0, life, e.ReadyCopyWaits),
        )

    def _fence(self, command: c.Fence) -> None:
        delay_us, reason = self._promotion.fence(command.planned)
        life = self._driver.incarnation
        if reason:
            self._driver.answer_after(
                delay_us, life, e.FenceFailed, NotFenced(reason)
            )
        else:
            self._driver.answer_after(delay_us, life, e.Fenced)

    def _unfence(self, command: c.Unfence) -> None:
        life = self._driver.incarnation

        def answered(why: str) -> None:
            if why:
                reason = NotUnfenced(why)
                self._driver.answer(life, e.UnfenceFailed, reason)
            else:
                self._driver.answer(life, e.Unfenced)

        self._around.unfence(answered)

    def _get_machine(self, command: c.GetMachine) -> None:
        """Set up a machine. It continues while the recovery manager is dead."""
        agenda = self._driver.place.agenda
        if self._machine_ready_us is None:
            self._machine_ready_us = agenda.now_us + self._around.machine_us
        left_us = max(0, self._machine_ready_us - agenda.now_us)
        life = self._driver.incarnation
        self._driver.answer_after(left_us, life, e.MachineIsThere)

    def _provision(self, command: c.Provision) -> None:
        takes_us, entries = self._directory.provision()
        life = self._driver.incarnation
        if self._configure is None:
            self._driver.answer_after(
                takes_us, life, e.Provisioned, entries
            )
            return
        agenda = self._driver.place.agenda
        ready_us = agenda.now_us + takes_us

        def configured(changes: int) -> None:
            """Make the directory and the configuration ready side by side."""
            left_us = max(0, ready_us - agenda.now_us)
            self._driver.answer_after(
                left_us, life, e.Provisioned, entries + changes
            )

        self._configure(configured)

    def _redirect(self, command: c.Redirect) -> None:
        life = self._driver.incarnation
        self._promotion.redirect(
            lambda: self._driver.answer(life, e.Redirected)
        )
