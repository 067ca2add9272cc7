"""The claim to take over from one primary: a place outside of all sites that records which of
several standbys takes over, as in etcd or a witness share.

Every standby that is there reaches it, in no time, whatever happens to the links. The first one
that claims gets the claim, and may ask for it again at any time. It releases the claim itself, or
loses it when its recovery manager has been dead for the length of the lease and nothing has been
ordered online there. Then all standbys that were refused are notified.

The manager of each copy also records here whether it hears the old primary. Machines that have
been silent for long enough are not heard. A claim by silence is refused as long as another copy
hears them: only the claimant's own path is cut. The claimant is notified when no other copy hears
them any more. What a manager has recorded is void when it has been dead for as long as the silence
that counts as a failure.

A copy that has the claim may offer to let it go for one that stands ready. It is told as soon as
such a copy waits for the claim, and lets go by itself.

The place also records the offer of each copy, for as long as its manager is alive, or dead for less
than the lease. A copy with an offer there learns each new offer, and how many of the living copies
have made none yet. When the claim is released, all offers are void.

A copy that is the only one claims nothing before a failover. It has the claim for as long as the
failover lasts and its place is there. If the old primary serves again, by the order of another
manager or by hand, that is recorded too: a manager that is dead at that time is refused when it
claims again.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.recovery.failover.policy import Offer
from dr_sim.world.kernel.agenda import NEVER_US, Agenda, Class, Entry

Heard = Callable[[tuple[Offer, ...], int], None]
"""Hears the open offers, and how many more there could be."""


OLD_PRIMARY = "the old primary"
"""Who has the claim where the old primary serves again."""


class Claims:
    """told(place, declined): the standby at that place hears that there is nobody any more who has
    claimed. declined: the operator has said no to a failover.
    """

    def __init__(
        self, agenda: Agenda, lease_us: int, word_us: int = 0
    ) -> None:
        """word_us: for how long a dead manager's record that it hears the primary is valid."""
        self.holder = ""  # the place of the standby that has it
        # the holder has ordered a database online: it is never let go, unless the order failed
        self.kept = False
        self._agenda = agenda
        self._lease_us = lease_us
        self._word_us = word_us
        # by place that does not hear the old primary: from when on the silence is long enough
        self._silent_from_us: dict[str, int] = {}
        # the places whose claim was refused, as others hear the old primary
        self._alone: dict[str, Callable[[bool], None]] = {}
        self._look: Entry | None = None
        self._refused: dict[str, Callable[[bool], None]] = {}
        # of those, the places where a copy of every database stands
        self._ready: set[str] = set()
        # tells the holder, once, that one of them waits
        self._tell_holder: Callable[[], None] | None = None
        self._expiry: Entry | None = None
        # by place, since when its manager is dead; None: it lives
        self._dead_since_us: dict[str, int | None] = {}
        self._offers: dict[str, tuple[Offer, Heard]] = {}
        # the only copy has it: is its place there? None: there are several
        self._is_only_there: Callable[[], bool] | None = None
        # places whose failover others have ended
        self._ended: set[str] = set()
        # called with the place of one that has let go, or lost, its claim
        self.ended_hook: Callable[[str], None] = lambda place: None

    def offer(self, offer: Offer, heard: Heard) -> None:
        """Write down what a copy offers, and tell all that have made an offer."""
        self._offers[offer.place] = (offer, heard)
        there = [p for p in self._dead_since_us if self._is_there(p)]
        made = [self._offers[p][0] for p in there if p in self._offers]
        opened = tuple(sorted((o for o in made if o.open), key=_rank))
        for place in there:
            if place in self._offers:
                self._offers[place][1](opened, len(there) - len(made))

    def _is_there(self, place: str) -> bool:
        since_us = self._dead_since_us[place]
        dead_us = 0 if since_us is None else self._agenda.now_us - since_us
        return since_us is None or dead_us < self._lease_us

    def claim(
        self,
        place: str,
        freed: Callable[[bool], None],
        ready: bool,
        even_if_heard: bool = True,
    ) -> str:
        """Return the place that has it now: that of the claimant, or another's. freed(declined) is
        called once when the other has it no more. ready: a copy of every database stands there.
        even_if_heard: the claim is valid also while another copy hears the old primary.
        """
        if place in self._ended:
            self._ended.discard(place)
            return OLD_PRIMARY
        self._alone.pop(place, None)
        heard_until_us = self._heard_elsewhere_until_us(place)
        may_be_refused = not (self.holder or even_if_heard)
        if may_be_refused and self._agenda.now_us < heard_until_us:
            self._alone[place] = freed
            self._reconsider()
            return OLD_PRIMARY
        if not self.holder:
            self.holder = place
        if self.holder != place:
            self._refused[place] = freed
            self._ready.discard(place)
            if ready:
                self._ready.add(place)
            self._tell_of_the_ready()
        return self.holder

    def silence(self, place: str, from_us: int | None) -> None:
        """Note from when on the machines of the old primary have been silent at that place for long
        enough; None: they are heard there.
        """
        if from_us is None:
            self._silent_from_us.pop(place, None)
        else:
            self._silent_from_us[place] = from_us
        if self._alone:
            self._reconsider()

    def _heard_until_us(self, place: str) -> int:
        """Return until when a place counts as one that hears the old primary."""
        until_us = self._silent_from_us.get(place, NEVER_US)
        since_us = self._dead_since_us[place]
        if since_us is not None:
            until_us = min(until_us, since_us + self._word_us)
        return until_us

    def _heard_elsewhere_until_us(self, claimant: str) -> int:
        """Return until when a place other than the claimant's hears the old primary."""
        others = (p for p in self._dead_since_us if p != claimant)
        return max(map(self._heard_until_us, others), default=0)

    def _reconsider(self) -> None:
        """Plan to notify the copies whose claim was refused, for when no other hears the old
        primary any more.
        """
        if self._look is not None:
            self._look.cancel()
            self._look = None
        due_us = min(map(self._heard_elsewhere_until_us, self._alone))
        if due_us < NEVER_US:
            self._look = self._agenda.at(
                max(due_us, self._agenda.now_us),
                Class.HOUSEKEEPING,
                -1,
                self._unheard,
            )

    def _unheard(self) -> None:
        self._look = None
        now_us = self._agenda.now_us
        for place in list(self._alone):
            if self._heard_elsewhere_until_us(place) <= now_us:
                self._alone.pop(place)(False)
        if self._alone:
            self._reconsider()

    def would_yield(self, place: str, told: Callable[[], None]) -> None:
        """Call told once, as soon as a copy that stands ready waits for what that place has."""
        if self.holder == place:
            self._tell_holder = told
            self._tell_of_the_ready()

    def _tell_of_the_ready(self) -> None:
        waits = [place for place in self._waiting() if place in self._ready]
        if waits and self._tell_holder is not None:
            told, self._tell_holder = self._tell_holder, None
            told()

    def _waiting(self) -> list[str]:
        """Return the places that were refused, and whose managers live."""
        return [
            place
            for place in self._refused
            if place != self.holder
            and self._dead_since_us.get(place) is None
        ]

    def begins(self, place: str, there: Callable[[], bool]) -> None:
        """Note that the only copy has begun a failover. there: whether its place is there; while it
        is, people wait for its manager, and it loses nothing.
        """
        self._is_only_there = there
        if not self.holder and place not in self._ended:
            self.holder = place

    def given_back(self, by: str) -> None:
        """Note that the old primary serves again: by the order of the manager at that place, or
        ('') by hand.
        """
        for place, since_us in self._dead_since_us.items():
            if since_us is not None and place != by:
                self._ended.add(place)

    def release(self, place: str, declined: bool) -> None:
        self._offers.pop(place, None)
        self._ended.discard(place)
        self._alone.pop(place, None)
        if self.holder != place or self.kept:
            return
        self.holder, self._tell_holder = "", None
        self._offers.clear()
        self._refused.pop(place, None)
        refused, self._refused = self._refused, {}
        self._ready.clear()
        for freed in refused.values():
            freed(declined)
        self.ended_hook(place)

    def keep(self, place: str) -> None:
        """Note that a database was ordered online there: its claim is never let go."""
        if self.holder == place:
            self.kept, self._tell_holder = True, None

    def keep_no_longer(self, place: str) -> None:
        """Note that no database is online there, nor will be by an order: what was ordered has
        failed.
        """
        if self.holder == place:
            self.kept = False

    def yields(self, place: str) -> bool:
        """Let go if another copy was refused, and its manager lives. Return whether that is so."""
        if self.holder != place or self.kept or not self._waiting():
            return False
        self.release(place, False)
        return True

    def died(self, place: str) -> None:
        """The recovery manager there is dead: it keeps what it has claimed for a while."""
        self._dead_since_us.setdefault(place, None)
        if self._dead_since_us[place] is None:
            self._dead_since_us[place] = self._agenda.now_us
            if self._alone:
                self._reconsider()
        if self.holder == place and self._expiry is None:
            at = self._agenda.now_us + self._lease_us
            self._expiry = self._agenda.at(
                at, Class.HOUSEKEEPING, -1, self._expired, place
            )

    def lives(self, place: str) -> None:
        """Note that it is up, or up again."""
        self._dead_since_us[place] = None
        if self._alone:
            self._reconsider()
        if self.holder == place and self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _expired(self, place: str) -> None:
        self._expiry = None
        if self._is_only_there is not None and self._is_only_there():
            self.died(place)
            return
        self.release(place, False)


def _rank(offer: Offer) -> int:
    return offer.rank
