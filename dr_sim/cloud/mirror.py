"""The mirror of one network: configuration as a second log that is shipped, numbered changes and
their way to the other side.

Theory of operation. A change that was done at the source gets the next number of its network, in
the save that says so. From then on it is pending (pending.py), until it is in effect at the target.
The oldest pending change says how far the target is behind: that is drift (drift.py).

Three modes bring changes across. `jobs` submits for each change the job that was done, with its
parameters translated by the mapping table. `reconcile` reads both sides and sets what differs
(comparing.py). `runbook` asks people. What cannot be translated waits, and somebody is told; in a
failover people do it by hand. A change that the target does not take is tried again, skipped, or
the whole thing is built anew, as configured.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from dr_sim.cloud.commands import DoByHand, Notify
from dr_sim.cloud.comparing import Both, SideComparison, foreign_at
from dr_sim.cloud.config import CloudConfig, NetworkConfig
from dr_sim.cloud.drift import DriftWatch
from dr_sim.cloud.events import (
    FoundAttempt,
    HandsDone,
    MappingEdited,
    SideRead,
)
from dr_sim.cloud.inventory import EMPTY, InventoryRow, chained
from dr_sim.cloud.jobs import CloudJob, JobBook, moved_to
from dr_sim.cloud.mapping import Mapping, UntranslatableError
from dr_sim.cloud.out import Out
from dr_sim.cloud.pending import Pending, PendingChanges, PendingWay
from dr_sim.cloud.texts import listed
from dr_sim.cloud.words import (
    JobKind,
    JobState,
    MirrorMode,
    Notice,
    OnFailure,
)
from dr_sim.machines import SetAlarm

MAPPED, SITE = "map/", "site/"
NO_ROW = " "  # as which a row that is gone is kept
NUMBER, ROW, SETS, SWITCH, ROLES = (
    "number/",
    "row/",
    "sets/",
    "mirror/",
    "roles/",
)
"""Keys in the store: of a row of the mapping table that was changed, of the identifiers of a site
that was added, of the last change's number, of a row of the configuration database, of how many
things were set, of the switch, of who is active, source and target.
"""
MIRROR_DUE, AUDIT = "mirror", "audit"
WHOLE = "set/"
"""How the name of the work begins by which people set a thing as a whole:
set/number.incarnation.upto#network thing.
"""


@dataclass(slots=True)
class Taken:
    """Result of provisioning for one network."""

    changes: int = 0
    rebuilt: int = 0
    by_hand: int = 0


class Mirror:
    """Mirror of one network. active: where changes are made. source, target: from where and to
    where they are mirrored; target '' if there is no other side.
    """

    def __init__(
        self,
        config: CloudConfig,
        network: NetworkConfig,
        stored: dict[str, str],
        book: JobBook,
        mapping: Mapping,
        incarnation: int,
    ) -> None:
        self._incarnation = incarnation
        self.name = name = network.name
        self._spec = config.mirror
        self._retry_us = config.jobs.retry_us
        self._book = book
        self._mapping = mapping
        self.active, self.source, self.target = _roles(
            network, stored.get(ROLES + name, "")
        )
        self.on = stored.get(SWITCH + name) != "off"
        self.urgent = False
        self._is_new_side = False  # the target, until it is compared
        self.taken = Taken()
        self._number = int(stored.get(NUMBER + name, "0"))
        self._sets = int(stored.get(SETS + name, "0"))
        self._due_upto = (
            0  # changes of a greater number wait until the mirror is due
        )
        self._due_set = False
        self.rows = {
            entity.name: InventoryRow.from_text(
                stored[f"{ROW}{name}/{entity.name}"]
            )
            if f"{ROW}{name}/{entity.name}" in stored
            else InventoryRow(entity.kind)
            for entity in network.entities
        }
        self.backlog = PendingChanges(name, stored)
        self.watch = DriftWatch(
            name, self._spec.limit_us, config.jobs.retry_us
        )
        self.comparison = SideComparison(name, self.rows, book)

    # ---- life
    def wake(self, out: Out) -> None:
        """Take up what an earlier life left."""
        if self._was_due(out):
            self._submit_all(out)
        if self.backlog:
            self._submit_when_due(out)
        for change in self.backlog.changes.values():
            if (
                change.way is PendingWay.BY_HAND
            ):  # people may have been asked, and may not
                self._ask_people(change, out)
        for entity, thing in self.backlog.things.items():
            if thing.work:
                self._ask_to_set(entity, thing.work, out)
        if self._incarnation > 1:
            self._look_after_a_crash(out)
        self._set_audit(out)
        self.watch.arm(out)

    def _look_after_a_crash(self, out: Out) -> None:
        """Compare both sides: an audit may have been due while nobody was there to hear it."""
        audits = self._spec.audit_us and self.target
        if audits and not self.comparison.under_way:
            self._read_both(out, correcting=False)

    def _was_due(self, out: Out) -> bool:
        """Whether something waited already when the mirror was last due: that alarm may have come
        while nobody was there to hear it.
        """
        every, since = self._spec.every_us, self.backlog.behind()[0]
        return (
            bool(every and since)
            and out.utc_us - since >= out.mono_us % every
        )

    def translated(self, params: str, site: str) -> str:
        """Parameters as that site takes them; as they are where there is no translation, and then
        the agent there refuses them.
        """
        try:
            return self._mapping.translated(params, site)
        except UntranslatableError:
            return params

    def mapped(self, e: MappingEdited, out: Out) -> None:
        """A person changed a row of the mapping table."""
        self._mapping.edit(e.entity, e.site, e.identifier)
        out.saves[f"{MAPPED}{self.name}/{e.entity}/{e.site}"] = (
            e.identifier or NO_ROW
        )
        self._submit_when_due(out)

    def found(self, found: FoundAttempt) -> CloudJob:
        """Return the job, which the store has forgotten, of an attempt that an agent knows."""
        change, site = found.change, found.site
        kind = JobKind.MIRROR
        if found.script in (JobKind.SET, JobKind.REBUILD):
            kind = JobKind(found.script)
        elif found.job in (change, moved_to(change, site)):
            kind = JobKind.CHANGE
        return CloudJob(
            id=found.job,
            order=0,
            kind=kind,
            network=self.name,
            site=site,
            entity=self._mapping.entity_of(
                json.loads(found.params).get("id", "")
            ),
            script=found.script,
            params=found.params,
            change=change,
            attempt=found.attempt,
        )

    def switched(self, on: bool, out: Out) -> None:
        self.on = on
        out.saves[SWITCH + self.name] = "" if on else "off"
        if on:
            self._submit_all(out)

    # ---- changes
    def ended(self, job: CloudJob, out: Out) -> None:
        """A job of this network has ended."""
        self.comparison.moved(job.entity)
        if job.kind is JobKind.CHANGE:
            if job.done_before:
                self._was_done_before(job, out)
            elif job.state is JobState.DONE:
                self._done_at_source(job, out)
        elif job.site != self.target:
            return  # that side is none any more
        elif job.kind is JobKind.MIRROR:
            self._mirrored(job, out)
        else:
            self._was_set(job, out)

    def _was_done_before(self, job: CloudJob, out: Out) -> None:
        """The store has forgotten a change that was done; it was asked for again. Other changes may
        have been done since, so it gets no number: both sides are compared.
        """
        if not self.target or job.site != self.source:
            return
        if job.entity not in self.backlog.things:
            self.backlog.to_set(job.entity, out.utc_us, 0, out)
        self._read_both(out, self._corrects_at_once)

    def _done_at_source(self, job: CloudJob, out: Out) -> None:
        row = self.rows[job.entity]
        before = row.value
        row.version += 1
        row.value = chained(before, job.change)
        out.saves[f"{ROW}{self.name}/{job.entity}"] = row
        if not self.target or job.site != self.source:
            return
        self._number += 1
        out.saves[NUMBER + self.name] = str(self._number)
        change = Pending(
            self._number,
            job.entity,
            job.script,
            job.params,
            job.change,
            out.utc_us,
            before,
        )
        self.backlog.add(change, out)
        self._submit_when_due(out)

    def _submit_when_due(self, out: Out) -> None:
        if self.urgent or not self._spec.every_us:
            self._submit_all(out)
        elif not self._due_set and self._spec.every_us:
            self._due_set = True
            every = self._spec.every_us
            at = (out.mono_us // every + 1) * every
            out.commands.append(SetAlarm(self.name, MIRROR_DUE, at))

    def due(self, out: Out) -> None:
        """The time of the mirror has come."""
        self._due_set = False
        self._submit_all(out)
        if not self._spec.every_us:
            return  # all of it has been submitted
        waits = any(
            c.way is not PendingWay.SUBMITTED
            for c in self.backlog.changes.values()
        )
        if self.backlog.things or waits:
            self._submit_when_due(out)

    def _submit_all(self, out: Out) -> None:
        if not self.target or not (self.on or self.urgent):
            return
        mode = self._spec.mode
        if mode is MirrorMode.RECONCILE and not self.urgent:
            self._read_both(out, correcting=True)
            return
        self._due_upto = self._number
        for entity in dict.fromkeys(
            c.entity for c in self.backlog.changes.values()
        ):
            self._submit_next(entity, out)
        for entity in list(self.backlog.things):
            self._set(entity, self._kind_of_set, out)

    def _submit_next(self, entity: str, out: Out) -> None:
        """Submit the oldest change of a thing that is pending; the others wait for it."""
        if not (self.on or self.urgent):
            return
        for change in self.backlog.changes.values():
            if change.entity != entity:
                continue
            if change.way is PendingWay.SKIPPED:
                if self.urgent:
                    self._set(entity, JobKind.REBUILD, out)
                if self._is_left_to_people(entity):
                    return
                continue
            at_once = self.urgent or not self._spec.every_us
            due = at_once or change.number <= self._due_upto
            if due and change.way in (
                PendingWay.WAITING,
                PendingWay.BLOCKED,
            ):
                self._submit(change, out)
            return

    def _is_left_to_people(self, entity: str) -> bool:
        """Tell whether people set that thing, with all changes of it that are pending."""
        thing = self.backlog.things.get(entity)
        return thing is not None and bool(thing.work)

    def _submit(self, change: Pending, out: Out) -> None:
        mode = self._spec.mode
        if mode is MirrorMode.RECONCILE:
            self._set(change.entity, JobKind.SET, out)
            return
        try:
            params = self._mapping.translated(change.params, self.target)
        except UntranslatableError as why:
            self._untranslatable(change, str(why), out)
            return
        if mode is MirrorMode.RUNBOOK:
            self._by_hand(change, out)
            return
        self.backlog.goes(change, PendingWay.SUBMITTED, out)
        self._book.add(
            CloudJob(
                id=f"{change.change}>{self.target}.{change.round}",
                order=0,
                kind=JobKind.MIRROR,
                network=self.name,
                site=self.target,
                entity=change.entity,
                script=change.script,
                params=params,
                change=change.change,
                number=change.number,
            ),
            out,
        )

    def _untranslatable(self, change: Pending, why: str, out: Out) -> None:
        """It waits until the mapping table is put right; a failover has people do it."""
        if self.urgent:
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
        params = self.translated(change.params, self.target)
        work = self._work(change)
        out.commands.append(
            DoByHand(
                self.name,
                self.target,
                work,
                change.entity,
                params,
                self.urgent,
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

    def _mirrored(self, job: CloudJob, out: Out) -> None:
        change = self.backlog.made_by(job.number, job.change)
        if change is None:
            return
        if job.state is JobState.DONE:
            self.taken.changes += 1
            self.backlog.in_effect(change.number, out)
            self._submit_next(job.entity, out)
            return
        policy = self._spec.on_failure
        if policy is OnFailure.SKIP and not self.urgent:
            self.backlog.goes(change, PendingWay.SKIPPED, out)
            about = f"{change.entity}: {change.change}"
            out.commands.append(
                Notify(
                    self.name, Notice.SKIPPED, about, change.since_utc_us
                )
            )
            self._submit_next(job.entity, out)
        elif policy is OnFailure.RETRY and not self.urgent:
            self.backlog.anew(change, out)
            self._submit_when_due(out)
        else:
            self._set(change.entity, JobKind.REBUILD, out)

    # ---- a thing as a whole
    def _set(self, entity: str, kind: JobKind, out: Out) -> None:
        """The target's becomes what the source's is. Nothing more if that is under way."""
        known = self.backlog.things.get(entity)
        if known and known.number and self._is_being_set(entity):
            return
        if known and known.work:
            if self.urgent:  # people do it at once
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
            {"id": f"@{entity}", "value": self.rows[entity].value}
        )
        try:
            params = self._mapping.translated(asked, self.target)
        except UntranslatableError as why:
            if self.urgent:
                self._set_by_hand(entity, out)
                return
            out.commands.append(
                Notify(self.name, Notice.BLOCKED, f"{entity}: {why}", since)
            )
            return
        self._sets += 1
        out.saves[SETS + self.name] = str(self._sets)
        self.backlog.to_set(entity, since, self._sets, out)
        change = f"set/{self.name}/{entity}>{self.target}.{self._sets}"
        # a store that was put back gives the same number again, and agents know that job
        name = f"{change}.{self._incarnation}"
        self._book.add(
            CloudJob(
                id=name,
                order=0,
                kind=kind,
                network=self.name,
                site=self.target,
                entity=entity,
                script=kind,
                params=params,
                change=change,
                number=self._number,
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
        number = f"{self._sets}.{self._incarnation}.{self._number}"
        work = f"{WHOLE}{number}#{self.name} {entity}"
        self.backlog.to_set(entity, since, self._sets, out)
        self.backlog.asked_of_people(entity, work, out)
        self._ask_to_set(entity, work, out)

    def _ask_to_set(self, entity: str, work: str, out: Out) -> None:
        asked = json.dumps({"id": f"@{entity}"})
        params = self.translated(asked, self.target)
        out.commands.append(
            DoByHand(
                self.name, self.target, work, entity, params, self.urgent
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
        jobs = self._book.of_lane(self.name, self.target, entity)
        return any(
            job.kind in (JobKind.SET, JobKind.REBUILD) for job in jobs
        )

    def _was_set(self, job: CloudJob, out: Out) -> None:
        if job.state is not JobState.DONE:
            self._submit_when_due(out)
            return
        self.taken.rebuilt += 1
        self.backlog.was_set(job.entity, job.number, out)
        self._submit_next(job.entity, out)  # what was changed meanwhile

    # ---- comparing both sides
    @property
    def _corrects_at_once(self) -> bool:
        at_once = not self._spec.every_us
        return at_once and self._spec.mode is MirrorMode.RECONCILE

    def _read_both(self, out: Out, correcting: bool) -> None:
        """correcting: what differs is set, pending changes or not."""
        self.comparison.begin(
            (self.source, self.target), self._number, correcting, out
        )

    def side_read(self, e: SideRead, out: Out) -> None:
        both = self.comparison.heard(e) if self.target else None
        if both is None:
            if self.comparison.came_to_nothing:
                self._read_later(out)
            return
        for entity in both.still:
            self._compare(entity, both, out)
        if not self.comparison.unsure:
            self._is_new_side = False

    def _read_later(self, out: Out) -> None:
        """A side did not answer. Where nothing else will do so, the retry takes up what waits."""
        waits = self._corrects_at_once and self.backlog
        if (waits or self._is_new_side) and not self._due_set:
            self._due_set = True
            at = out.mono_us + self._retry_us
            out.commands.append(SetAlarm(self.name, MIRROR_DUE, at))

    def _compare(self, entity: str, both: Both, out: Out) -> None:
        """Compare both sides: what is there beats what is stored."""
        source, target = both.source[entity], both.target[entity]
        mine, row = self.backlog.of(entity), self.rows[entity]
        foreign = foreign_at(self.target, target, self._mapping)
        if foreign:
            about = f"{entity}: {foreign}"
            out.commands.append(
                Notify(self.name, Notice.FOREIGN_ID, about, out.utc_us)
            )
        if source.value == target.value and not foreign:
            for change in mine:
                if change.number <= self.comparison.upto:
                    self.backlog.in_effect(change.number, out)
            self._need_not_be_set(entity, out)
            self._is_really(entity, source.value, out)
            return
        should = (row.value, mine[0].before if mine else row.value)
        as_it_should = (
            source.value,
            target.value,
        ) == should and not foreign
        correcting = self.comparison.correcting
        if as_it_should and not correcting:
            self._need_not_be_set(entity, out)
            return
        skipped = any(c.way is PendingWay.SKIPPED for c in mine)
        if skipped and source.value == row.value and not correcting:
            return  # it is known to differ
        self._is_really(entity, source.value, out)
        if not as_it_should:
            if not self._is_new_side:
                out.commands.append(
                    Notify(self.name, Notice.DIFFERENT, entity, out.utc_us)
                )
            if entity not in self.backlog.things:
                self.backlog.to_set(entity, out.utc_us, 0, out)
        if self.on or self._is_new_side:
            self._set(entity, self._kind_of_set, out)

    def _is_really(self, entity: str, value: str, out: Out) -> None:
        """Take up what is read at the source: it beats what is stored."""
        row = self.rows[entity]
        if row.value != value:
            row.value = value
            out.saves[f"{ROW}{self.name}/{entity}"] = row

    @property
    def _kind_of_set(self) -> JobKind:
        return JobKind.REBUILD if self._is_new_side else JobKind.SET

    def _need_not_be_set(self, entity: str, out: Out) -> None:
        """A thing is at the target what it should be. A set that has begun goes on."""
        thing = self.backlog.things.get(entity)
        if thing is not None and not thing.number:
            self.backlog.was_set(entity, 0, out)

    def audit(self, out: Out) -> None:
        self._set_audit(out)
        if self.target and not self.comparison.correcting_now:
            self._read_both(out, correcting=False)

    def _set_audit(self, out: Out) -> None:
        every = self._spec.audit_us
        if every:
            at = (out.mono_us // every + 1) * every
            out.commands.append(SetAlarm(self.name, AUDIT, at))

    # ---- a failover
    def provision(self, site: str, out: Out) -> None:
        """The target is to become the active side, with all that is pending."""
        self.urgent = True
        self.taken = Taken()
        self.active = site
        self._save_roles(out)
        for change in self.backlog.changes.values():
            if change.way is PendingWay.BY_HAND:
                change.way = (
                    PendingWay.WAITING
                )  # people are asked again, and at once
        self._submit_all(out)

    def provisioned(self) -> bool:
        """Tell whether nothing is left to do."""
        return not self.backlog

    def finish(self, out: Out) -> None:
        """The failover is over, or given up: there is no other side for now."""
        self.urgent = False
        self._is_new_side = False
        self.backlog.forget(out)
        self.source, self.target = self.active, ""
        self._save_roles(out)

    def stands(self, site: str, ids: dict[str, str], out: Out) -> None:
        """There is a new other side, with those identifiers: it is compared, and what is not there
        is made anew.
        """
        self._mapping.add_site(site, ids)
        self._book.heard_of(site)
        out.saves[f"{SITE}{self.name}/{site}"] = json.dumps(ids)
        self.backlog.forget(out)
        self.target = site
        self._save_roles(out)
        for entity, row in self.rows.items():
            if row.value != EMPTY:
                self.backlog.to_set(entity, out.utc_us, 0, out)
        self._is_new_side = True
        self._read_both(out, correcting=False)

    def _save_roles(self, out: Out) -> None:
        out.saves[ROLES + self.name] = listed(
            self.active, self.source, self.target
        )

    # ---- what is believed
    def report(self, out: Out) -> None:
        """Say how far behind the target is, if that has changed."""
        comparison = self.comparison
        if (
            comparison.unsure
            and self.target
            and comparison.is_to_be_repeated
        ):
            self._read_both(out, correcting=self._corrects_at_once)
        if self.backlog.changed:
            self.backlog.changed = False
            self.watch.report(self.backlog.behind(), out)


def _roles(network: NetworkConfig, stored: str) -> tuple[str, str, str]:
    if not stored:
        return (network.sites[0], *network.sites)
    active, source, target = json.loads(stored)
    return active, source, target
