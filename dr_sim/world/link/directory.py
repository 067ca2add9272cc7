"""Directory data (accounts, computers), which replicate separately from files, with their own
schedule and lag.

Entries are made at the primary at random instants. An entry that was made before a replication
began is at the secondary one lag later, if the link was up at both instants. In a failover, entries
that have not arrived are missing there. While the primary's site can be reached they are fetched
once more; otherwise each entry is made again by hand.
"""

from __future__ import annotations

from dr_sim.scenario.schedule import next_start
from dr_sim.streams import Streams
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.link.link import PairLink
from dr_sim.world.primary.primary import Primary


class Directory:
    """The directory of one pair. streams: the draws of the primary, at which entries are made: they
    are the same for each of its standbys.
    """

    def __init__(
        self,
        context: Context,
        streams: Streams,
        link: PairLink,
        primary: Primary,
    ) -> None:
        self._context = context
        self._streams = streams
        self._spec = context.scenario.directory
        self._link = link
        self._primary = primary
        self._synced_us = 0  # entries made before this are at the secondary
        # when the entries that were missing in the failover are there
        self._ready_us: int | None = None

    def start(self) -> None:
        self._synced_us = self._context.now_us
        if self._spec.changes_num:
            self._schedule(self._synced_us)

    def _schedule(self, after_us: int) -> None:
        at = next_start(
            self._spec.replicate,
            after_us,
            self._context.scenario.start_utc_us,
        )
        if at is not None and at <= self._context.scenario.run_for_us:
            self._context.agenda.at(
                at, Class.HOUSEKEEPING, -1, self._replicate
            )

    def _reachable(self) -> bool:
        return self._primary.share_up and self._link.forward_up

    def _replicate(self) -> None:
        now = self._context.now_us
        self._schedule(now)
        if self._reachable():
            self._context.agenda.at(
                now + self._spec.lag_us,
                Class.TRANSFER,
                -1,
                self._arrived,
                now,
            )

    def _arrived(self, made_before_us: int) -> None:
        if self._reachable():
            self._synced_us = made_before_us
            self._context.note("truth.directory_arrived", -1)

    def _made(self, from_us: int, until_us: int) -> int:
        """Return the number of entries made in [from, until)."""
        stream = self._streams.of("directory", "change")
        made = stream.arrivals(self._spec.gaps, until_us)
        return sum(at_us >= from_us for at_us in made)

    def provision(self) -> tuple[int, int]:
        """Return how long until nothing is missing, and the number of entries that are made by
        hand. If it is called again, the work continues as planned.
        """
        if not self._spec.changes_num:
            return 0, 0
        now = self._context.now_us
        if self._ready_us is not None:
            return max(0, self._ready_us - now), 0
        missing = 0
        takes_us = self._spec.lag_us
        if not self._reachable():
            stops = [
                db.writes_until_us
                for db in self._primary.databases
                if db.writes_until_us is not None
            ]
            missing = self._made(self._synced_us, max(stops, default=now))
            takes_us = missing * self._spec.provision_us
        self._ready_us = now + takes_us
        self._context.note("truth.directory", -1, missing)
        return takes_us, missing
