"""The data within reach of recovery in a failover. It depends on the state of the world, never on
the actions of the recovery logic.

Theory of operation. A database that died alone leaves its log and the backup share, a lost host the
share, a lost site only what had landed. All of that is due at the promotion (witness.py,
`short_recovery`), except in these cases:

- the primary's share or the path to it was down at some time from the failover's begin on: a dead
primary is not asked again and again;

- the drain has lasted as long as the scenario allows;

- a file that is whole in the primary's share was damaged in each of the copies that the scenario's
attempts allow;

- there was no room at the secondary for a full;

- the engine refused a whole backup that fits the copy, while nobody was reading it;

- the tail-log backup was cut off as often as the attempts allow: then the content of the share is
due, and no tail.

Each case is observed where it happens: in the link, the shares and the engines. The words, the
choices and the requests of the recovery logic do not count: logic that does not try has no excuse.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.world.kernel.context import Context
from dr_sim.world.link.link import PairLink
from dr_sim.world.link.remote import Remote
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.primary import Primary

_BEGINS = "fencing"
_DRAINS = "draining"
_OVER = ("watching", "abandoned")


class Reach:
    def __init__(
        self,
        context: Context,
        primary: Primary,
        remote: Remote,
        link: PairLink,
    ) -> None:
        self._context = context
        self._primary = primary
        self._remote = remote
        self._attempts = context.scenario.replay.attempts
        self._limit_us = context.scenario.failover.drain_limit_us
        self.on = False  # a failover is
        self.on_phase: Callable[[], None] = lambda: (
            None
        )  # called at each phase
        self._cut = (
            False  # the path was down at some time since the failover began
        )
        self._drains_since_us = -1
        # by database and file, copies that landed damaged
        self._damaged: dict[int, dict[int, int]] = {}
        self._refused: set[int] = (
            set()
        )  # databases for which the engine refused a backup that fits
        self._tails_cut: dict[int, int] = {}
        link.on_change.append(self._path_changed)

    # ---- observations
    def phase(self, phase: str) -> None:
        """Note that a failover begins, drains, or is called off. A phase that is announced again
        after a restart keeps its first begin.
        """
        if phase == _BEGINS and not self.on:
            self.on, self._cut = True, not self._remote.path_up()
        elif phase == _DRAINS and self._drains_since_us < 0:
            self._drains_since_us = self._context.now_us
        elif phase in _OVER:
            self.on, self._drains_since_us = False, -1
        self.on_phase()

    def _path_changed(self) -> None:
        if self.on and not self._remote.path_up():
            self._cut = True

    def landed(self, file: BackupFile, intact: bool) -> None:
        copies = self._damaged.setdefault(file.database, {})
        if intact:
            copies.pop(file.number, None)
        else:
            copies[file.number] = copies.get(file.number, 0) + 1

    def refused(self, database: int) -> None:
        """Note that the engine refused a whole backup that fits, or that there was no room
        for it.
        """
        if self.on:
            self._refused.add(database)

    def restored(self, database: int) -> None:
        """Note that a restore succeeded: an earlier refusal is no obstacle any more."""
        self._refused.discard(database)

    def tail_cut_off(self, database: int) -> None:
        self._tails_cut[database] = self._tails_cut.get(database, 0) + 1

    # ---- data that is due
    def due_class(self, database: int) -> str:
        """Return the class of failure that the data within reach would have survived. Where nothing
        had failed or been stopped by plan, only what had landed is due.
        """
        db = self._primary.databases[database]
        lost = db.failed or (
            "database" if self._primary.quiesced else "site"
        )
        if (
            self._cut
            or not self._remote.path_up()
            or self._limit_is_over()
            or database in self._refused
        ):
            return "site"
        if any(
            copies > self._attempts
            for copies in self._damaged.get(database, {}).values()
        ):
            return "site"
        if (
            lost == "database"
            and self._tails_cut.get(database, 0) > self._attempts
        ):
            return "host"
        return lost

    def _limit_is_over(self) -> bool:
        return (
            self._drains_since_us >= 0
            and self._context.now_us - self._drains_since_us
            >= self._limit_us
        )
