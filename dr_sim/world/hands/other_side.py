"""Questions to the other site, over the management path. A question takes half of a round trip to
get there, and its answer the other half.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dr_sim.machines import Event, Machine
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.events import NotSent, PrimaryTrouble
from dr_sim.recovery.repair.refusals import Refused
from dr_sim.world.driver import Driver
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.link.remote import NOTHING_NEW, Remote
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.roles.reach import Reach

_CUT_OFF = Refused("cut off")


class OtherSideHands:
    """Hands for the other side. table: a hand for each class of command."""

    def __init__(
        self,
        context: Context,
        driver: Driver[Machine],
        remote: Remote,
        reach: Reach,
    ) -> None:
        self._context = context
        self._driver = driver
        self._remote = remote
        self._reach = reach
        self._index = driver.place.entities
        self.table: dict[type, Callable[[Any], None]] = {
            c.AskPrimary: self._ask_primary,
            c.Recopy: self._recopy,
            c.TakeBackup: self._take_backup,
            c.AskShare: self._ask_share,
            c.ListShare: self._list_share,
            c.Fetch: self._fetch,
            c.TakeTail: self._take_tail,
        }

    def _ask(self, question: Callable[[int], None]) -> None:
        """Ask: question(half of a round trip) is called when the question has got there. Where
        nothing gets there the failure is known at once.
        """
        context = self._context
        half_us = self._remote.round_trip_us // 2
        if half_us and self._remote.path_up():
            context.agenda.at(
                context.now_us + half_us,
                Class.ANSWER,
                -1,
                question,
                half_us,
            )
        else:
            question(0)

    def _ask_primary(self, command: c.AskPrimary) -> None:
        driver, database = self._driver, command.database
        life = driver.incarnation

        def asked(back_us: int) -> None:
            answer = self._remote.ask_primary(
                self._index[database], command.fork, command.lsn
            )
            driver.answer_after(
                back_us, life, e.PrimaryAnswered, database, *answer
            )

        self._ask(asked)

    def _recopy(self, command: c.Recopy) -> None:
        driver, database, name = (
            self._driver,
            command.database,
            command.name,
        )
        life = driver.incarnation

        def asked(back_us: int) -> None:
            file = self._context.by_name[self._index[database]].get(name)
            reason = self._remote.recopy(file)
            if reason:
                driver.answer_after(
                    back_us,
                    life,
                    e.RecopyFailed,
                    database,
                    name,
                    NotSent(reason),
                )

        self._ask(asked)

    def _take_backup(self, command: c.TakeBackup) -> None:
        driver, database, kind = (
            self._driver,
            command.database,
            command.kind,
        )
        life = driver.incarnation

        def asked(back_us: int) -> None:
            def told(
                make: Callable[..., Event], what: str | Refused
            ) -> None:
                driver.answer_after(
                    back_us, life, make, database, kind, what
                )

            def finished(file: BackupFile | None) -> None:
                if file is None:
                    told(e.BackupFailed, _CUT_OFF)
                else:
                    told(e.BackupTaken, file.name)

            reason = self._remote.take_backup(
                self._index[database], kind, finished
            )
            if reason:
                told(e.BackupFailed, Refused(reason))

        self._ask(asked)

    def _ask_share(self, command: c.AskShare) -> None:
        driver, database = self._driver, command.database
        life = driver.incarnation

        def asked(back_us: int) -> None:
            reachable, waiting = self._remote.ask_share(
                self._index[database]
            )
            listed = {f.name: f.modified_utc_us for f in waiting}
            driver.answer_after(
                back_us, life, e.ShareAnswered, database, reachable, listed
            )

        self._ask(asked)

    def _list_share(self, command: c.ListShare) -> None:
        reachable, headers = self._remote.list_share(
            self._index[command.database]
        )
        self._driver.soon(
            e.ShareListed, command.database, reachable, headers
        )

    def _fetch(self, command: c.Fetch) -> None:
        index = self._index[command.database]
        for name, reason in self._remote.fetch(
            index, command.names
        ).items():
            self._driver.soon(
                e.RecopyFailed, command.database, name, NotSent(reason)
            )

    def _take_tail(self, command: c.TakeTail) -> None:
        driver, database = self._driver, command.database
        life, index = driver.incarnation, self._index[database]

        def asked(back_us: int) -> None:
            def told(
                make: Callable[..., Event], what: str | Refused
            ) -> None:
                driver.answer_after(back_us, life, make, database, what)

            def finished(file: BackupFile | None) -> None:
                if file is None:
                    self._reach.tail_cut_off(index)
                    told(e.TailFailed, _CUT_OFF)
                else:
                    told(e.TailTaken, file.name)

            reason = self._remote.take_tail(index, finished)
            if reason == NOTHING_NEW:
                told(e.TailTaken, "")
            elif reason:
                told(e.TailFailed, Refused(reason))

        self._ask(asked)

    def primary_error(
        self, database: str, what: str, number: int, text: str
    ) -> None:
        """Report a line of the primary's error log, if it can be heard here."""
        if not self._remote.path_up():
            return
        told = (database, PrimaryTrouble(what), number, text)
        half_us = self._remote.round_trip_us // 2
        if half_us:
            self._driver.answer_after(half_us, 0, e.PrimaryError, *told)
        else:
            self._driver.tell_new(e.PrimaryError, *told)
