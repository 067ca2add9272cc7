"""Fetching from the primary's share what nothing brings here by itself: the newest usable chain,
and only that chain.

Theory of operation. A standby that is gone or empty may have no way back among the files here,
while the primary's share holds one; and a share may answer while its machine is dead. So the
headers of the whole backups there are read (`ListShare`), the best way is planned over what lies
here and there, and what it lacks here is fetched in its order, before anything else of the
database. Files that lie here are preferred: only if those there lead further is any of them sent. A
file that arrives damaged, or that the share cannot send, is left out of the next plan: so an older
chain takes the place of a newer one whose full is corrupt.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dr_sim.backups.model import BackupHeader
from dr_sim.backups.plan import Plan, plan
from dr_sim.recovery import events
from dr_sim.recovery.commands import Command, Fetch, ListShare, Validate
from dr_sim.recovery.files import BAD, CHECKING, FULL, LOST, UNKNOWN, VALID
from dr_sim.recovery.saved import header_from_text

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay


class Fetching:
    """there: headers in the primary's share by name, None until it has been listed. asked: its
    answer is awaited. coming: names that were asked for and have not landed; useless: those that
    the share could not send.
    """

    __slots__ = ("asked", "coming", "db", "there", "useless")

    def __init__(self, db: DatabaseReplay) -> None:
        self.db = db
        self.there: dict[str, BackupHeader] | None = None
        self.asked = False
        self.coming: set[str] = set()
        self.useless: set[str] = set()

    @property
    def busy(self) -> bool:
        """Is an answer awaited, or a file?"""
        return self.asked or bool(self.coming)

    def ask(self, out: list[Command]) -> None:
        """Look at what the share holds now."""
        if not self.asked:
            self.asked = True
            self.useless.clear()
            out.append(ListShare(self.db.name))

    def listed(self, e: events.ShareListed) -> None:
        self.asked = False
        self.there = None
        if e.reachable:
            self.there = {
                name: header_from_text(text) for name, text in json.loads(e.files).items()
            }

    def landed(self, name: str) -> None:
        self.coming.discard(name)

    def not_sent(self, name: str) -> None:
        self.coming.discard(name)
        self.useless.add(name)

    def lacking(self) -> list[str]:
        """Names of what the best way needs and what does not lie here, in its order; none if
        nothing there leads further.
        """
        db, there = self.db, self.there
        if not there:
            return []
        here = {
            f.name: f.header for f in db.files.values() if f.state == VALID and f.header is not None
        }
        away = {
            name: header
            for name, header in there.items()
            if name not in here and not self._given_up(name)
        }
        if not away:
            return []
        way = self._best(list(here.values()), list(away.values()))
        names = {header.backup_id: name for name, header in away.items()}
        return [names[step.backup_id] for step in way.steps if step.backup_id in names]

    def _given_up(self, name: str) -> bool:
        file = self.db.files.get(name)
        return name in self.useless or (file is not None and file.state == LOST)

    def _best(self, here: list[BackupHeader], away: list[BackupHeader]) -> Plan:
        """The way that gets furthest; of ways that get as far, one that goes on from the database's
        position, then one on a full that lies here.
        """
        state = self.db.state
        logs_away = [header for header in away if header.kind != FULL]
        fulls = [header for header in here + away if header.kind == FULL]
        ways = []
        if state.exists:
            ways.append(plan([h for h in here + logs_away if h.kind != FULL], state))
        if fulls:
            fork = max(fulls, key=lambda header: (header.finished_utc_us, header.backup_id)).fork
            ways += [plan(here + logs_away, fork=fork), plan(here + away, fork=fork)]
        best = Plan()
        for way in ways:
            if _further(way, best):
                best = way
        return best

    def fetch(self, out: list[Command]) -> list[str]:
        """Have what is lacking sent; returns the names. What lies here and was taken for restored
        is read first.
        """
        names = []
        for name in self.lacking():
            file = self.db.files.get(name)
            if file is not None and file.state == UNKNOWN:
                file.state = CHECKING
                file.done = False
                out.append(Validate(self.db.name, name))
            elif file is None and name not in self.coming:
                names.append(name)
        if names:
            self.coming.update(names)
            out.append(Fetch(self.db.name, json.dumps(names, ensure_ascii=False)))
        return names

    def on_its_way_again(self) -> set[str]:
        """Files that came damaged and are being copied again."""
        return {
            f.name for f in self.db.bad.values() if f.state == BAD and f.name in self.db.recopying
        }


def _further(way: Plan, than: Plan) -> bool:
    if way.reaches is None:
        return False
    if than.reaches is None or way.reaches[0] != than.reaches[0]:
        return True
    return way.reaches[1] > than.reaches[1]
