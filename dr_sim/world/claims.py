"""The claim to take over from one primary: a place outside of all sites where one of several
standbys is written down, as in etcd or a witness share.

It is reached by every standby that is there, in no time, whatever befalls the links. The first that
claims has it, and asks for it again at will. It lets go by itself, or loses it: if its recovery
manager is dead for the length of the lease, and nothing has been brought online there. Then
everybody who was refused is told.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.world.agenda import Agenda, Class, Entry


class Claims:
    """told(place, declined): the standby at that place hears that there is nobody any more who has
    claimed. declined: the operator has said no to a failover.
    """

    def __init__(self, agenda: Agenda, lease_us: int) -> None:
        self.holder = ""  # the place of the standby that has it
        self.kept = False  # the holder has brought a database online: it is never let go
        self._agenda = agenda
        self._lease_us = lease_us
        self._refused: dict[str, Callable[[bool], None]] = {}
        self._expiry: Entry | None = None

    def claim(self, place: str, freed: Callable[[bool], None]) -> str:
        """Return the place that has it now: that of the claimant, or another's. freed(declined) is
        called once when the other has it no more.
        """
        if not self.holder:
            self.holder = place
        if self.holder != place:
            self._refused[place] = freed
        return self.holder

    def release(self, place: str, declined: bool) -> None:
        if self.holder != place or self.kept:
            return
        self.holder = ""
        self._refused.pop(place, None)
        refused, self._refused = self._refused, {}
        for freed in refused.values():
            freed(declined)

    def died(self, place: str) -> None:
        """The recovery manager there is dead: it keeps what it has claimed for a while."""
        if self.holder == place and self._expiry is None:
            at = self._agenda.now_us + self._lease_us
            self._expiry = self._agenda.at(
                at, Class.HOUSEKEEPING, -1, self._expired, place
            )

    def lives(self, place: str) -> None:
        """It is up again."""
        if self.holder == place and self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _expired(self, place: str) -> None:
        self._expiry = None
        self.release(place, False)
