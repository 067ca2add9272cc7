"""Fetching from the primary's share what does not come by itself: the newest usable chain, and only
that chain.

Theory of operation. A standby that is gone or empty may have no way back among the files here,
while the primary's share holds one; and a share may answer while its machine is dead. So the
headers of the whole backups there are read (`ListShare`), the best way is planned over the files
here and there, and the files that it lacks here are fetched in its order, before anything else of
the database. Files that lie here are preferred: others are sent only if they lead further. A file
that arrives damaged, or that the share cannot send, is left out of the next plan. So an older chain
takes the place of a newer one whose full is corrupt.

A first copy need not come from there while the primary can take a full. The chain is the better one
if it leads up to now and its full outweighs what follows it (`is_worth_it`): it saves the time that
a new full takes, and its logs delay the copy by less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import BackupHeader, finishing_order
from dr_sim.backups.plan import Plan, fork_of_restore, plan
from dr_sim.backups.target import THE_END, Target
from dr_sim.machines import Command
from dr_sim.recovery import events
from dr_sim.recovery.commands import Fetch, ListShare
from dr_sim.recovery.files.file import FULL, File
from dr_sim.recovery.files.file_life import Content

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


class Fetching:
    """there: headers in the primary's share by name, None until it has been listed. asked: its
    answer is awaited. silent: the last time there was none. coming: names that were asked for and
    have not landed; useless: those that the share could not send.
    """

    __slots__ = ("_db", "asked", "coming", "silent", "there", "useless")

    def __init__(self, db: DatabaseReplay) -> None:
        self._db = db
        self.there: dict[str, BackupHeader] | None = None
        self.silent = False
        self.asked = False
        self.coming: set[str] = set()
        self.useless: set[str] = set()

    @property
    def busy(self) -> bool:
        """Return whether an answer or a file is awaited."""
        return self.asked or bool(self.coming)

    # ---- what happens
    def ask(self, out: list[Command]) -> None:
        """Ask what the share holds now."""
        if not self.asked:
            self.asked = True
            self.useless.clear()
            out.append(ListShare(self._db.name))

    def listed(self, e: events.ShareListed) -> None:
        self.asked = False
        self.silent = not e.reachable
        self.there = e.files if e.reachable else None

    def ask_anew(self) -> None:
        """Let a share that did not answer be asked again."""
        self.silent = False

    def forget_list(self) -> None:
        """Forget the list of the share, which is old."""
        self.there = None
        self.silent = False

    def landed(self, name: str) -> None:
        self.coming.discard(name)

    def not_sent(self, name: str) -> None:
        """Note that the share could not send that file."""
        self.coming.discard(name)
        self.useless.add(name)

    def expect_nothing(self) -> None:
        """Expect nothing more from the primary."""
        self.coming.clear()

    # ---- the way back
    def lacking(self) -> list[str]:
        """Return the names of what the best way lacks here, in its order."""
        here, away = self._at_hand()
        if not away:
            return []
        way = self._best(list(here.values()), list(away.values()))
        names = {header.backup_id: name for name, header in away.items()}
        steps = [*self._from_here(here, away), *way.steps]
        lacking = [
            names[step.backup_id]
            for step in steps
            if step.backup_id in names
        ]
        return list(dict.fromkeys(lacking))

    def is_worth_it(self, utc_us: int) -> bool:
        """Return whether the best way is a better first copy than a new full would be: it leads up
        to now, and what follows its full takes no longer to restore than the full itself.
        """
        here, away = self._at_hand()
        way = self._best(list(here.values()), list(away.values()))
        if not way.steps or not way.met:
            return False
        db = self._db
        usual_us = db.config.log_interval_us or db.config.other_interval_us
        end_utc_us = way.steps[-1].finished_utc_us
        if end_utc_us < utc_us - usual_us - db.rules.age_us:
            return False
        full_us, *rest_us = [
            db.rules.restore[step.kind].takes_us(step.nominal_bytes)
            for step in way.steps
        ]
        return sum(rest_us) <= full_us

    def _at_hand(
        self,
    ) -> tuple[dict[str, BackupHeader], dict[str, BackupHeader]]:
        """Return the headers of the whole files here, and of what the share can send beside them,
        by name.
        """
        here = {
            file.name: file.header
            for file in self._db.files.values()
            if file.content is Content.WHOLE and file.header is not None
        }
        away = {
            name: header
            for name, header in (self.there or {}).items()
            if name not in here and not self._given_up(name)
        }
        return here, away

    def _from_here(
        self, here: dict[str, BackupHeader], away: dict[str, BackupHeader]
    ) -> list[BackupHeader]:
        """Return the way of a store that needs no full from there: it comes first. A full may take
        longer on its way than it is waited for.
        """
        if not self._db.rules.keeps:
            return []
        logs = [h for h in away.values() if h.kind is not FULL]
        return self._best(list(here.values()), logs).steps

    def finished_utc_us(self, names: list[str]) -> dict[str, int]:
        """Return when each of these was finished, by the primary's clock."""
        there = self.there or {}
        return {name: there[name].finished_utc_us for name in names}

    def _given_up(self, name: str) -> bool:
        file = self._db.files.get(name)
        aside = name in self._db.rotten
        return (
            aside
            or name in self.useless
            or (file is not None and file.content is Content.LOST)
        )

    def _best(
        self, here: list[BackupHeader], away: list[BackupHeader]
    ) -> Plan:
        """Return the way that gets furthest. Of equal ways, prefer one that continues from the
        database's position, then one on a full that lies here.
        """
        state, target = self._db.state, self._target()
        logs_away = [header for header in away if header.kind is not FULL]
        fulls = [
            header
            for header in here + away
            if header.kind is FULL and not target.is_overshot_by(header)
        ]
        ways = []
        if state.exists:
            ways.append(
                plan(
                    [h for h in here + logs_away if h.kind is not FULL],
                    state,
                    target=target,
                )
            )
        if fulls:
            newest = max(fulls, key=finishing_order)
            fork = fork_of_restore(here + away, newest)
            ways += [
                plan(here + logs_away, fork=fork, target=target),
                plan(here + away, fork=fork, target=target),
            ]
        best = Plan()
        for way in ways:
            if _further(way, best):
                best = way
        return best

    def _target(self) -> Target:
        """Return the end, or the instant before which a failover stops."""
        stop_utc_us = self._db.stop_before_utc_us
        return Target(utc_us=stop_utc_us) if stop_utc_us else THE_END

    def choose(self) -> tuple[list[File], list[str]]:
        """Return the files that lie here and were taken for restored, which are read first, and the
        names of the files to be sent.
        """
        unread, names = [], []
        for name in self.lacking():
            file = self._db.files.get(name)
            if file is not None and file.content is Content.UNREAD:
                unread.append(file)
            elif file is None and name not in self.coming:
                names.append(name)
        return unread, names

    def send(self, names: list[str], out: list[Command]) -> None:
        """Have these files sent, in this order."""
        if names:
            self.coming.update(names)
            out.append(Fetch(self._db.name, tuple(names)))


def _further(way: Plan, than: Plan) -> bool:
    if way.reaches is None:
        return False
    if than.reaches is None or way.reaches[0] != than.reaches[0]:
        return True
    return way.reaches[1] > than.reaches[1]
