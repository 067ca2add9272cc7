"""The restore job of a standby. While it is off for a database, none of its restores begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dr_sim.world.secondary.secondary_work import Work


class RestoreJob:
    """The job, and the restores that it would have begun. begin: called with one that begins."""

    def __init__(self, begin: Callable[[Work], None]) -> None:
        self._begin = begin
        # databases for which it is off, one entry for each reason
        self.off_for: list[int] = []
        self._held: list[Work] = []
        self._by_hand = False  # a failover restores by its own script

    def take(self, work: Work) -> None:
        """Begin a restore, now or when the job runs again."""
        if work.file.database in self.off_for and not self._by_hand:
            self._held.append(work)
        else:
            self._begin(work)

    def switch_off(self, databases: Sequence[int]) -> None:
        """Switch off the job for these databases. A restore that has begun, or waits for a worker,
        continues.
        """
        self.off_for += databases

    def switch_on(self, databases: Sequence[int]) -> None:
        """Let the job run again, unless there is another reason for it not to."""
        for database in databases:
            self.off_for.remove(database)
        self._release()

    def by_hand(self, failover: bool) -> None:
        """Let a failover restore everything that its databases need without the job, until it is
        over or called off.
        """
        self._by_hand = failover
        self._release()

    def forget(self) -> None:
        """Forget the restores that were asked for and have not begun."""
        self._held.clear()

    def _release(self) -> None:
        held, self._held = self._held, []
        for work in held:
            self.take(work)
