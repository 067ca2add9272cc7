"""Sending: the changes that must take effect at the other side of a network, and how they get
there.

Theory of operation. A change that was done at the source gets the next number of its network, in
the save that records it. From then on it is pending (pending.py), until it is in effect at the
target. The oldest change of a thing goes first, and the others wait for it. It goes as a job with
translated parameters, or as work that people are asked to do. A change that cannot be translated
waits, and a notice is raised; in a failover people do it by hand. If the target does not accept a
change, it is tried again or skipped, or the thing is made again as a whole, as configured. To set a
thing as a whole means: the target's state becomes the source's state.

The mirror (mirror.py) says when, and where to (`Direction`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from dr_sim.cloud.commands import DoByHand, Notify
from dr_sim.cloud.config import MirrorConfig
from dr_sim.cloud.events import HandsDone
from dr_sim.cloud.jobs.job import AS_A_WHOLE, CloudJob
from dr_sim.cloud.jobs.jobs import JobBook
from dr_sim.cloud.mirror.inventory import InventoryRow
from dr_sim.cloud.mirror.mapping import Mapping, UntranslatableError
from dr_sim.cloud.mirror.pending import Pending, PendingChanges, PendingWay
from dr_sim.cloud.out import Out
from dr_sim.cloud.words import (
    JobKind,
    JobState,
    MirrorMode,
    Notice,
    OnFailure,
)

# members that each change meets: a member costs several times a name
_MIRROR, _DONE = JobKind.MIRROR, JobState.DONE
_RECONCILE, _RUNBOOK = MirrorMode.RECONCILE, MirrorMode.RUNBOOK
_SUBMITTED, _SKIPPED = PendingWay.SUBMITTED, PendingWay.SKIPPED
_WAITS = (PendingWay.WAITING, PendingWay.BLOCKED)
NUMBER, SETS = "number/", "sets/"
"""Keys in the store: of the last change's number, of how many things were set."""
WHOLE = "set/"
"""How the name of the work begins by which people set a thing as a whole:
set/number.incarnation.upto#network thing.
"""


@dataclass(slots=True)
class Direction:
    """From where and to where a network is mirrored, and whether it is.

    active: the site where changes are made. target: '' if there is no other side. urgent: a
    failover waits for all that is pending. is_new_side: the target has not been compared yet.
    """

    active: str
    source: str
    target: str
    on: bool
    urgent: bool = False
    is_new_side: bool = False

    @property
    def is_open(self) -> bool:
        """Return whether changes may go to the target."""
        return self.on or self.urgent

    @property
    def is_comparable(self) -> bool:
        """Return whether the target is to be what the source is. In a failover changes are made at
        the target already: what differs there may be one of them.
        """
        return self.target not in ("", self.active)

    @property
    def is_unread(self) -> bool:
        """Return whether it is first to be seen what is at the target. A failover does not wait
        for that.
        """
        return self.is_new_side and not self.urgent

    @property
    def kind_of_set(self) -> JobKind:
        """Return how a thing becomes at the target what it is at the source."""
        return JobKind.REBUILD if self.is_new_side else JobKind.SET


@dataclass(slots=True)
class Taken:
    """Result of provisioning for one network."""

    changes: int = 0
    rebuilt: int = 0
    by_hand: int = 0


@dataclass(frozen=True, slots=True)
class Means:
    """Things that a mirror works with: the jobs, the mapping table, and which life of the manager
    it is.
    """

    book: JobBook
    mapping: Mapping
    incarnation: int


class Sending:
    """Changes of one network on their way to the target. rows: the things as they are at the
    source, which the mirror keeps.
    """

    def __init__(
        self,
        network: str,
        spec: MirrorConfig,
        direction: Direction,
        stored: dict[str, str],
        means: Means,
        rows: dict[str, InventoryRow],
    ) -> None:
        self.name = network
        self._spec = spec
        self._direction = direction
        self._book = means.book
        self._mapping = means.mapping
        self._incarnation = means.incarnation
        self._rows = rows
        self.taken = Taken()
        self.backlog = PendingChanges(network, stored)
        self.number = int(stored.get(NUMBER + network, "0"))
        self._sets = int(stored.get(SETS + network, "0"))
        # changes of a greater number wait until the mirror is due
        self._due_upto = 0

    def wake(self, out: Out) -> None:
        """Ask people once more for what an earlier life may have asked them for."""
        for change in self.backlog.changes.values():
            if change.way is PendingWay.BY_HAND:
                self._ask_people(change, out)
        for entity, thing in self.backlog.things.items():
            if thing.work:
                self._ask_to_set(entity, thing.work, out)

    # ---- changes
    def take(self, job: CloudJob, before: str, out: Out) -> None:
        """A change was done at the source: it is pending. before: what the thing was before it."""
        self.number += 1
        out.saves[NUMBER + self.name] = str(self.number)
        change = Pending(
            self.number,
            job.entity,
            job.script,
            job.params,
            job.change,
            out.utc_us,
            before,
        )
        self.backlog.add(change, out)

    def all(self, out: Out) -> None:
        """Submit all that is pending."""
        self._due_upto = self.number
        changed = [c.entity for c in self.backlog.changes.values()]
        for entity in dict.fromkeys(changed):
            self._submit_next(entity, out)
        for entity, thing in list(self.backlog.things.items()):
            if thing.is_on_its_way or not self._direction.is_unread:
                self.set(entity, self._direction.kind_of_set, out)

    def _submit_next(self, entity: str, out: Out) -> None:
        """Submit the oldest change of a thing that is pending; the others wait for it. Where the
        thing is to be set as a whole, that brings all of them in.
        """
        if not self._direction.is_open or entity in self.backlog.things:
            return
        for change in self.backlog.changes.values():
            if change.entity != entity:
                continue
            if change.way is _SKIPPED:
                if self._direction.urgent:
                    self.set(entity, JobKind.REBUILD, out)
                    return
                continue
            at_once = self._direction.urgent or not self._spec.every_us
            due = at_once or change.number <= self._due_upto
            if due and change.way in _WAITS:
                self._submit(change, out)
            return

    def _submit(self, change: Pending, out: Out) -> None:
        mode = self._spec.mode
        if mode is _RECONCILE:
            self.set(change.entity, JobKind.SET, out)
            return
        try:
            params = self._mapping.translated(
                change.params, self._direction.target
            )
        except UntranslatableError as why:
            self._untranslatable(change, str(why), out)
            return
        if mode is _RUNBOOK:
            self._by_hand(change, out)
            return
        self.backlog.goes(change, _SUBMITTED, out)
        self._book.add(
            CloudJob(
                id=f"{change.change}>{self._direction.target}.{change.round}",
                order=0,
                kind=_MIRROR,
                network=self.name,
                site=self._direction.target,
                entity=change.entity,
                script=change.script,
                params=params,
                change=change.change,
                number=change.number,
            ),
            out,
        )

    def _untranslatable(self, change: Pending, why: str, out: Out) -> None:
        """Let it wait until the mapping table is put right; in a failover people do it."""
        if self._direction.urgent:
            self._by_hand(change, out)
            return
        if change.way is not PendingWay.BLOCKED:
            self.backlog.goes(change, PendingWay.BLOCKED, out)
        about = f"{change.entity}: {why}"
        out.commands.append(
            Notify(self.name, Notice.BLOCKED, about, change.since_utc_us)
        )

    def _by_hand(self, change: Pending, out: Out) -> None:
        self.backlog.goes(change, PendingWay.BY_HAND, out)
        self._ask_people(change, out)

    def _ask_people(self, change: Pending, out: Out) -> None:
        params = self._mapping.translated_if_known(
            change.params, self._direction.target
        )
        work = self._work(change)
        out.commands.append(
            DoByHand(
                self.name,
                self._direction.target,
                work,
                change.entity,
                params,
                self._direction.urgent,
            )
        )

    def _work(self, change: Pending) -> str:
        return f"{change.number}#{self.name} {change.change}"

    def hands_done(self, e: HandsDone, out: Out) -> None:
        if e.work.startswith(WHOLE):
            self._was_set_by_hand(e.work, out)
            return
        number = int(e.work.partition("#")[0])
        change = self.backlog.changes.get(number)
        if change is not None and self._work(change) == e.work:
            self.taken.by_hand += 1
            self.backlog.in_effect(number, out)
            self._submit_next(change.entity, out)

    def wants(self, job: CloudJob) -> bool:
        """Return whether what a job makes at the target is pending."""
        if job.kind is _MIRROR:
            return self.backlog.made_by(job.number, job.change) is not None
        thing = self.backlog.things.get(job.entity)
        if thing is None:
            return False
        return job.change == self._name_of_set(job.entity, thing.number)

    def _name_of_set(self, entity: str, number: int) -> str:
        return f"set/{self.name}/{entity}>{self._direction.target}.{number}"

    def mirrored(self, job: CloudJob, out: Out) -> bool:
        """A change was made at the target, or was not taken there. Return whether it is to be tried
        again.
        """
        change = self.backlog.made_by(job.number, job.change)
        if change is None:
            return False
        if job.state is _DONE:
            self.taken.changes += 1
            self.backlog.in_effect(change.number, out)
            self._submit_next(job.entity, out)
            return False
        policy = self._spec.on_failure
        if policy is OnFailure.SKIP and not self._direction.urgent:
            self.backlog.goes(change, PendingWay.SKIPPED, out)
            about = f"{change.entity}: {change.change}"
            out.commands.append(
                Notify(
                    self.name, Notice.SKIPPED, about, change.since_utc_us
                )
            )
            self._submit_next(job.entity, out)
        elif policy is OnFailure.RETRY and not self._direction.urgent:
            self.backlog.anew(change, out)
            return True
        else:
            self.set(change.entity, JobKind.REBUILD, out)
        return False

    # ---- a thing as a whole
    def set(self, entity: str, kind: JobKind, out: Out) -> None:
        """The target's becomes what the source's is. Nothing more if that is under way."""
        known = self.backlog.things.get(entity)
        if known and known.number and self._is_being_set(entity):
            return
        if known and known.work:
            if self._direction.urgent:  # people do it at once
                self._ask_to_set(entity, known.work, out)
            return
        by_people = self._spec.mode is MirrorMode.RUNBOOK
        if by_people and kind is JobKind.SET:
            self._set_by_hand(entity, out)
            return
        since = known.since_utc_us if known else 0
        mine = [c.since_utc_us for c in self.backlog.of(entity)]
        since = since or min(mine, default=out.utc_us)
        asked = json.dumps(
            {"id": f"@{entity}", "value": self._rows[entity].value}
        )
        try:
            params = self._mapping.translated(asked, self._direction.target)
        except UntranslatableError as why:
            if self._direction.urgent:
                self._set_by_hand(entity, out)
                return
            out.commands.append(
                Notify(self.name, Notice.BLOCKED, f"{entity}: {why}", since)
            )
            return
        self._sets += 1
        out.saves[SETS + self.name] = str(self._sets)
        self.backlog.to_set(entity, since, self._sets, out)
        change = self._name_of_set(entity, self._sets)
        # a store that was put back gives the same number again, and agents know that job
        name = f"{change}.{self._incarnation}"
        self._book.add(
            CloudJob(
                id=name,
                order=0,
                kind=kind,
                network=self.name,
                site=self._direction.target,
                entity=entity,
                script=kind,
                params=params,
                change=change,
                number=self.number,
            ),
            out,
        )

    def _set_by_hand(self, entity: str, out: Out) -> None:
        """People make the target's what the source's is."""
        known = self.backlog.things.get(entity)
        mine = [c.since_utc_us for c in self.backlog.of(entity)]
        found = min(mine, default=out.utc_us)
        since = known.since_utc_us if known else found
        self._sets += 1
        out.saves[SETS + self.name] = str(self._sets)
        # a store that was put back gives the same number again, and people know that work
        number = f"{self._sets}.{self._incarnation}.{self.number}"
        work = f"{WHOLE}{number}#{self.name} {entity}"
        self.backlog.to_set(entity, since, self._sets, out)
        self.backlog.asked_of_people(entity, work, out)
        self._ask_to_set(entity, work, out)

    def _ask_to_set(self, entity: str, work: str, out: Out) -> None:
        asked = json.dumps({"id": f"@{entity}"})
        params = self._mapping.translated_if_known(
            asked, self._direction.target
        )
        out.commands.append(
            DoByHand(
                self.name,
                self._direction.target,
                work,
                entity,
                params,
                self._direction.urgent,
            )
        )

    def _was_set_by_hand(self, work: str, out: Out) -> None:
        """People say that a thing is at the target what it is at the source. Later changes of it
        are still to be made.
        """
        name, _, about = work.partition("#")
        entity = about.removeprefix(f"{self.name} ")
        thing = self.backlog.things.get(entity)
        if thing is None or thing.work != work:
            return
        self.taken.by_hand += 1
        self.backlog.was_set(entity, int(name.rpartition(".")[2]), out)
        self._submit_next(entity, out)

    def _is_being_set(self, entity: str) -> bool:
        jobs = self._book.of_lane(self.name, self._direction.target, entity)
        return any(job.kind in AS_A_WHOLE for job in jobs)

    def was_set(self, job: CloudJob, out: Out) -> bool:
        """A thing was set as a whole, or could not be. Return whether it is to be tried again."""
        if job.state is not JobState.DONE:
            return True
        self.taken.rebuilt += 1
        self.backlog.was_set(job.entity, job.number, out)
        self._submit_next(job.entity, out)  # what was changed meanwhile
        return False

    def need_not_be_set(self, entity: str, out: Out) -> None:
        """A thing is at the target what it should be. A set that has begun continues."""
        thing = self.backlog.things.get(entity)
        if thing is not None and not thing.number:
            self.backlog.was_set(entity, 0, out)
            self._submit_next(entity, out)  # what was changed meanwhile
