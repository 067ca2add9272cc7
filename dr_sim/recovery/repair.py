"""Getting past what cannot be restored (R11): by an incremental over the hole, by what lands next,
or by a new full.

Theory of operation. A repair is begun at a limit and ends when the database's position has moved
past the place. Its state is durable, so that a restart neither forgets it nor asks for the same
backup twice. `candidate` says what to restore next, if it is there; if it is not, `bridge` and
`resync` ask the primary for it and wait for it to land and to be validated; the old copy stays
until the engine has taken the new one (`replace`). Where the policy cannot work, the repair
switches to `otherwise`, and from there to resync, which always can while the primary lives. A
refusal that passes (refusals.py) says nothing about the policy: the same backup is asked for again
at every retry. Where there is no copy here and the primary does not take a full now, or is silent,
the newest chain in its share is fetched (fetching.py).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dr_sim.backups.chain import Fit, applies
from dr_sim.backups.model import BackupHeader
from dr_sim.backups.plan import Plan, plan
from dr_sim.recovery import events
from dr_sim.recovery.commands import AskShare, Command, Save, TakeBackup
from dr_sim.recovery.files import CHECKING, FULL, INCREMENTAL, LOG, LOST, VALID, File, kind_of
from dr_sim.recovery.limits import elapsed_us
from dr_sim.recovery.refusals import Refusal, needs_somebody, passes_here
from dr_sim.recovery.waiting import behind, forget_covered

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay

BRIDGE, SKIP_AHEAD, RESYNC = "bridge", "skip_ahead", "resync"
# what engines say of an incremental on the wrong full: SQL Server, and where one is silent
WRONG_BASE_ERRORS = (3136, 60017)
# a file may be landing while the primary's share is looked at: one answer without it is no proof
_ABSENT_TWICE = 2


class Repair:
    """policy '' if no repair is on. kind, name: the backup asked for (-1, ''); asked: its answer is
    awaited; failures: how often it was refused, though none of its kind was being taken.
    """

    __slots__ = (
        "absent",
        "asked",
        "asked_mono_us",
        "asked_utc_us",
        "db",
        "failures",
        "fork",
        "kind",
        "looking",
        "lsn",
        "name",
        "policy",
        "steps",
        "unanswered",
    )

    def __init__(self, db: DatabaseReplay, saved: str) -> None:
        self.db = db
        # fulls and incrementals of a plan that is being carried out, next first
        self.steps: list[str] = []
        self.absent = 0
        self.looking = False
        self.policy = ""
        self.kind = -1
        self.name = ""
        self.asked = False
        self.failures = 0
        self.fork = 0
        self.lsn = 0
        self.asked_mono_us = 0
        self.asked_utc_us = 0
        if saved:
            for field, value in json.loads(saved).items():
                setattr(self, field, value)
        # asked by an earlier incarnation, which took the answer with it
        self.unanswered = self.asked and not self.name
        self.asked = False

    _DURABLE = (
        "policy",
        "kind",
        "name",
        "asked",
        "failures",
        "fork",
        "lsn",
        "asked_mono_us",
        "asked_utc_us",
    )

    def _save(self, out: list[Command]) -> None:
        value = ""
        if self.policy:
            state = {field: getattr(self, field) for field in self._DURABLE}
            state["asked"] = self.asked or self.unanswered
            value = json.dumps(state, ensure_ascii=False)
        out.append(Save(f"repair/{self.db.name}", value))

    # ---- begin and end
    def start(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Begin by the policy; a database that holds nothing usable has no choice."""
        db = self.db
        if self.policy or db.drain is not None:
            return
        self.policy = db.rules.on_hole if db.state.exists else RESYNC
        self.fork = db.state.fork
        self.lsn = db.state.redo_lsn if db.state.exists else -1
        self.kind, self.name, self.asked, self.failures = -1, "", False, 0
        self._save(out)
        self.pursue(mono_us, utc_us, out)

    def moved(self, out: list[Command]) -> None:
        """The database's position has changed: is the place behind it?"""
        state = self.db.state
        if self.policy and state.exists and (state.fork != self.fork or state.redo_lsn > self.lsn):
            self._end(out)

    def needless(self, out: list[Command]) -> None:
        """Nothing holds the chain up any more: what was damaged held nothing that is lacking."""
        if self.policy:
            self._end(out)

    def _end(self, out: list[Command]) -> None:
        self.policy = ""
        self.asked = self.unanswered = self.looking = False
        self._save(out)

    def _switch(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """The policy cannot work: take the other one."""
        other = self.db.rules.otherwise
        self.policy = other if other != self.policy else RESYNC
        self.kind, self.name, self.asked, self.unanswered, self.failures = -1, "", False, False, 0
        self._save(out)
        self.pursue(mono_us, utc_us, out)

    def pursue(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Restore what is here, or ask for what is not."""
        db = self.db
        if db.restoring is not None or db.looking:
            return
        file, _ = self.candidate(mono_us)
        if file is not None:
            db.advance(mono_us, utc_us, out)
        elif self.policy == BRIDGE:
            self._request(INCREMENTAL, mono_us, utc_us, out)
        elif self.policy == RESYNC:
            if not db.state.exists and self._being_checked():
                return  # one is here, and is handed over as soon as its hash has agreed
            if not db.state.exists and not self.looking:
                self.looking = True  # its first full may be on its way already
                out.append(AskShare(db.name))
            else:
                self._request(FULL, mono_us, utc_us, out)
        elif not db.config.full_scheduled:
            self._switch(mono_us, utc_us, out)

    def _being_checked(self) -> bool:
        return any(
            file.kind == FULL and file.state == CHECKING and not file.refused
            for file in self.db.files.values()
        )

    def _request(self, kind: int, mono_us: int, utc_us: int, out: list[Command]) -> None:
        if self.asked or self.unanswered or self.db.fetching.busy:
            return
        if not self.db.state.exists and (self.failures or self.db.machine_silent):
            self.db.fetching.ask(out)
        if self.db.machine_silent:
            return  # nobody asks the dead for a backup
        if self._waits_for_somebody(kind):
            return
        self.kind, self.name, self.asked, self.absent = kind, "", True, 0
        self.asked_mono_us, self.asked_utc_us = mono_us, utc_us
        self._save(out)
        out.append(TakeBackup(self.db.name, kind))

    # ---- what to restore next
    def candidate(self, mono_us: int) -> tuple[File | None, bool]:
        """The file that gets the database on where no log does, and whether it takes the place of
        what is there.
        """
        db = self.db
        if not db.state.exists or db.drain is not None or not db.config.log_interval_us:
            return self._by_plan(mono_us, db.state.redo_lsn + 1)
        goal = self._goal()
        if self.policy == BRIDGE:
            fits = [
                (header.nominal_bytes, file.name)
                for file in db.files.values()
                if file.kind == INCREMENTAL
                and _usable(file, mono_us)
                and (header := file.header) is not None
                and header.last_lsn >= goal
                and applies(header, db.state) is Fit.APPLIES
            ]
            return (db.files[min(fits)[1]], False) if fits else (None, False)
        if self.policy == SKIP_AHEAD:
            return self._by_plan(mono_us, goal)
        return self._full_past(mono_us, goal)

    def next_step(self, mono_us: int) -> File | None:
        """The next step of the plan that is being carried out, unless it has become useless."""
        db = self.db
        file = db.files.get(self.steps[0])
        header = (
            file.header
            if file is not None and _usable(file, mono_us) and self._due([file], mono_us)
            else None
        )
        if header is not None and applies(header, db.state) is Fit.APPLIES:
            return file
        self.steps = []
        return None

    def _goal(self) -> int:
        """The LSN that must be reached for the chain to go on: where the first log that waits
        begins.
        """
        db = self.db
        beyond = [
            h.first_lsn
            for f in db.pending
            if (h := f.header) is not None and h.first_lsn > db.state.redo_lsn
        ]
        refused = [h.last_lsn for f in db.pending if f.refused and (h := f.header) is not None]
        return min(beyond + refused, default=db.state.redo_lsn + 1)

    def _full_past(self, mono_us: int, goal: int) -> tuple[File | None, bool]:
        """The full that was asked for, or any other that lies past the place."""
        db = self.db
        fulls = [
            (file.name == self.name, header.last_lsn, file.name)
            for file in db.files.values()
            if file.kind == FULL
            and _usable(file, mono_us)
            and (header := file.header) is not None
            and (
                file.name == self.name or (header.fork == db.state.fork and header.last_lsn >= goal)
            )
        ]
        return (db.files[max(fulls)[2]], True) if fulls else (None, False)

    def _by_plan(self, mono_us: int, goal: int) -> tuple[File | None, bool]:
        """The first step of the way that gets furthest, without starting over if that gets past the
        place too.
        """
        db = self.db
        if db.state.exists and not self._anything_ahead(mono_us):
            return None, False
        usable = [f for f in db.files.values() if f.header is not None and _usable(f, mono_us)]
        by_id = {f.header.backup_id: f for f in self._due(usable, mono_us) if f.header is not None}
        headers = [file.header for file in by_id.values() if file.header is not None]
        way = Plan()
        if db.state.exists:
            way = plan([header for header in headers if header.kind != FULL], db.state)
            if not way.steps or not self._passes(way, goal):
                way = plan(headers, db.state)
        else:
            fulls = [(h.finished_utc_us, h.backup_id) for h in headers if h.kind == FULL]
            if fulls:
                newest = by_id[max(fulls)[1]].header
                assert newest is not None
                way = plan(headers, fork=newest.fork)
        if not way.steps or not self._passes(way, goal):
            return None, False
        self.steps = [by_id[step.backup_id].name for step in way.steps if step.kind != LOG]
        first = by_id[way.steps[0].backup_id]
        return first, first.kind == FULL and db.state.exists

    def _due(self, files: list[File], mono_us: int) -> list[File]:
        """Those that bring the copy no further than it may go. A failover that stops before an
        instant takes no full or incremental that ends later. A copy that is rebuilt keeps its
        replay delay: what is not old enough yet is left to the logs, unless there is no older full.
        """
        db = self.db
        stop_utc_us = db.stop_before_utc_us
        if stop_utc_us:
            files = [f for f in files if f.kind == LOG or f.modified_utc_us <= stop_utc_us]
        if not db.rules.delay_us or db.state.exists or db.drain is not None:
            return files
        due = [f for f in files if f.kind == LOG or f.due_mono_us <= mono_us]
        return due if any(f.kind == FULL for f in due) else files

    def _anything_ahead(self, mono_us: int) -> bool:
        """Is there a full or an incremental that ends past the position? Where no log applies, a
        way past needs one; to plan it takes some 20 microseconds a file, and while a repair waits
        this is asked at every event.
        """
        state = self.db.state
        return any(
            file.kind != LOG
            and _usable(file, mono_us)
            and (header := file.header) is not None
            and (header.last_lsn > state.redo_lsn or header.fork != state.fork)
            for file in self.db.files.values()
        )

    def _passes(self, way: Plan, goal: int) -> bool:
        state = self.db.state
        if way.reaches is None or not state.exists:
            return way.reaches is not None
        return way.reaches[0] != state.fork or way.reaches[1] >= goal

    # ---- what happens to it
    def validated(self, file: File, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """A full or an incremental is here and whole."""
        if not self.policy or self.db.restoring is not None:
            return
        if self.unanswered and file.kind == self.kind:
            self.unanswered = False
        assert file.header is not None
        if file.name == self.name and behind(self.db, file.header):
            forget_covered(self.db, file.header)
            self.db.watch.look(mono_us, utc_us, out)
            # nothing was written since: what is damaged holds nothing that is lacking
            if self.db.watch.stuck is None:
                self._end(out)
                return
        if self.policy == BRIDGE and file.name == self.name and not self._bridges(file.header):
            if self._by_plan(mono_us, self._goal())[0] is None:
                self._switch(mono_us, utc_us, out)
            else:  # its base is not the copy's, but lies here: no backup has to be sent
                self.policy = SKIP_AHEAD
                self._save(out)
                self.pursue(mono_us, utc_us, out)

    def _bridges(self, header: BackupHeader) -> bool:
        return header.last_lsn >= self._goal() and applies(header, self.db.state) is Fit.APPLIES

    def stepped(self, file: File, out: list[Command]) -> None:
        """A full or an incremental has been restored: on to the plan's next step, if it was the
        plan's. The full that was asked for is all there is to have, even if nobody has written
        since.
        """
        if self.policy and file.kind == FULL and file.name == self.name:
            self._end(out)
        self.steps = self.steps[1:] if self.steps and self.steps[0] == file.name else []

    def _waits_for_somebody(self, kind: int) -> bool:
        """Return whether a backup of that kind is here and refused until somebody sets up this
        side: another one would be refused likewise.
        """
        return any(
            file.kind == kind and file.refused and needs_somebody(file.error_number)
            for file in self.db.files.values()
        )

    def refused(self, file: File, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """The engine did not take it."""
        self.steps = []
        if passes_here(file.error_number) and self.db.state.exists:
            return
        if needs_somebody(file.error_number):
            if file.kind != LOG and self.db.drain is None:
                self.db.watch.tell_set_up(file, mono_us, utc_us, out)
            return
        if self.db.drain is not None:
            return
        if not self.db.state.exists and not self.policy:
            self.start(mono_us, utc_us, out)
        elif not self.db.state.exists:
            self.policy, self.lsn = RESYNC, -1
            self._save(out)
        if file.kind == LOG:
            return
        hopeless = file.hopeless(self.db.rules.attempts)
        if self.policy == BRIDGE and (hopeless or file.error_number in WRONG_BASE_ERRORS):
            self._switch(mono_us, utc_us, out)
        elif self.policy and hopeless:
            file.state = LOST
            self.name = ""
            self.pursue(mono_us, utc_us, out)

    def taken(self, e: events.BackupTaken, out: list[Command]) -> None:
        if self.policy and self.asked and e.kind == self.kind:
            self.asked = False
            self.name = e.name
            self._save(out)
            self.db.advance(e.mono_us, e.utc_us, out)

    def failed(self, e: events.BackupFailed, out: list[Command]) -> None:
        """Tried again at the next retry, unless the refusal says that this backup cannot help."""
        if not (self.policy and self.asked and e.kind == self.kind):
            return
        refusal = Refusal.of(e.reason)
        self.asked = False
        if refusal is Refusal.RUNNING and not self.db.state.exists:
            # its first full is being made: it is looked for before another is asked for
            self.looking = False
        self.failures += refusal not in (Refusal.UNREACHABLE, Refusal.RUNNING)
        self._save(out)
        if not refusal.passes and self.policy != RESYNC:
            self._switch(e.mono_us, e.utc_us, out)

    def retry(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """At every retry while the place is not passed: is the backup that was asked for still
        coming?
        """
        if not self.policy or self.asked:
            return
        db = self.db
        if self.name or self.unanswered:
            file = db.files.get(self.name)
            if file is not None and (file.state == LOST or file.failures > db.rules.attempts):
                self.name = ""  # no copy of it is whole: another one
            elif file is None:
                out.append(AskShare(db.name))
                if self.unanswered and self._overdue(mono_us, utc_us):
                    self.unanswered = False
        if not self.name:
            self.pursue(mono_us, utc_us, out)

    def _overdue(self, mono_us: int, utc_us: int) -> bool:
        """Nothing came of a request whose answer was lost, twice as long as the last such backup
        took.
        """
        known = [
            h.finished_utc_us - h.started_utc_us
            for f in self.db.files.values()
            if f.kind == self.kind and (h := f.header) is not None
        ]
        patience_us = 2 * max(known, default=0) + self.db.rules.age_us
        return elapsed_us(mono_us, utc_us, self.asked_mono_us, self.asked_utc_us) > patience_us

    def share_answered(self, e: events.ShareAnswered, out: list[Command]) -> None:
        """Which backups are finished at the primary and on their way?"""
        if not self.policy or not e.reachable:
            return
        waiting: dict[str, int] = json.loads(e.waiting)
        sought = FULL if self.looking else self.kind
        if (self.looking or self.unanswered) and not self.name:
            found = [name for name in waiting if kind_of(name) == sought]
            if found:
                self.name, self.kind, self.unanswered = found[-1], sought, False
                self._save(out)
            elif self.looking and not self.asked:
                self.pursue(e.mono_us, e.utc_us, out)
        elif self.name and self.name not in self.db.files:
            self.absent = 0 if self.name in waiting else self.absent + 1
            if self.absent >= _ABSENT_TWICE:
                self.name = ""
                self.pursue(e.mono_us, e.utc_us, out)


def _usable(file: File, mono_us: int) -> bool:
    return file.state == VALID and (not file.refused or file.retry_at_mono_us <= mono_us)
