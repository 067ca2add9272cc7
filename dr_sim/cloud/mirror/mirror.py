"""The mirror of one network: configuration as a second log that is shipped, numbered changes and
their way to the other side.

Theory of operation. What is done at the source is pending (sending.py) until it is in effect at the
target. The oldest pending change says how far the target is behind: that is drift (drift.py).

Three modes bring changes across. `jobs` submits for each change the job that was done, with its
parameters translated by the mapping table. `reconcile` reads both sides and sets what differs
(comparing.py). `runbook` asks people. The mirror says when: at once, at fixed times, or when an
audit, a new side or a failover asks for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from dr_sim.cloud.commands import Notify
from dr_sim.cloud.config import CloudConfig, NetworkConfig
from dr_sim.cloud.events import (
    FoundAttempt,
    HandsDone,
    MappingEdited,
    SideRead,
)
from dr_sim.cloud.jobs.job import CloudJob, is_moved
from dr_sim.cloud.mirror.comparing import Both, SideComparison, foreign_at
from dr_sim.cloud.mirror.drift import DriftWatch
from dr_sim.cloud.mirror.foretelling import Known
from dr_sim.cloud.mirror.inventory import InventoryRow, chained
from dr_sim.cloud.mirror.pending import PendingWay
from dr_sim.cloud.mirror.sending import Direction, Means, Sending, Taken
from dr_sim.cloud.out import Out
from dr_sim.cloud.texts import listed
from dr_sim.cloud.words import JobKind, JobState, MirrorMode, Notice
from dr_sim.machines import SetAlarm

MAPPED, SITE = "map/", "site/"
NO_ROW = " "  # as which a row that is gone is kept
ROW, SWITCH, ROLES, UNREAD = "row/", "mirror/", "roles/", "unread/"
"""Keys in the store: of a row of the mapping table that was changed, of the identifiers of a site
that was added, of a row of the configuration database, of the switch, of who is active, source and
target, of a target that has not been compared yet.
"""
MIRROR_DUE, AUDIT = "mirror", "audit"
# members that each change meets: a member costs several times a name
_CHANGE, _MIRROR = JobKind.CHANGE, JobKind.MIRROR
_DONE, _SUBMITTED = JobState.DONE, PendingWay.SUBMITTED
_RECONCILE = MirrorMode.RECONCILE


class Mirror:
    """Mirror of one network. direction: where changes are made, and from where to where they go.
    backlog: what is not in effect at the target yet. known: what each site lacks.
    """

    def __init__(
        self,
        config: CloudConfig,
        network: NetworkConfig,
        stored: dict[str, str],
        means: Means,
    ) -> None:
        self._incarnation = means.incarnation
        self.name = name = network.name
        self._spec = config.mirror
        self._retry_us = config.jobs.retry_us
        self._book = means.book
        self._mapping = means.mapping
        self.direction = Direction(
            *sides_of(network, stored),
            on=stored.get(SWITCH + name) != "off",
            is_new_side=bool(stored.get(UNREAD + name)),
        )
        self._due_set = False
        self.rows = {
            entity.name: row_of(name, entity.name, entity.kind, stored)
            for entity in network.entities
        }
        self._sending = Sending(
            name, self._spec, self.direction, stored, means, self.rows
        )
        self.backlog = self._sending.backlog
        self.watch = DriftWatch(
            name, self._spec.limit_us, config.jobs.retry_us
        )
        self.comparison = SideComparison(name, self.rows, means.book)
        self.known = Known(
            self.direction, self.backlog, means.mapping, self.rows
        )

    @property
    def taken(self) -> Taken:
        """Changes that the present failover, or the last one, has brought across."""
        return self._sending.taken

    # ---- life
    def wake(self, out: Out) -> None:
        """Take up what an earlier life left."""
        if self._was_due(out):
            self._submit_all(out)
        if self.backlog:
            self._submit_when_due(out)
        self._sending.wake(out)
        if self._incarnation > 1:
            self._look_after_a_crash(out)
        self._set_audit(out)
        self.watch.arm(out)

    def _look_after_a_crash(self, out: Out) -> None:
        """Compare both sides: an audit may have been due while nobody was there to hear it, or a
        new side may have been read.
        """
        looks = self._spec.audit_us or self.direction.is_new_side
        comparable = looks and self.direction.is_comparable
        if comparable and not self.comparison.under_way:
            self._read_both(out, correcting=False)

    def _was_due(self, out: Out) -> bool:
        """Return whether something waited already when the mirror was last due: that alarm may have
        come while nobody was there to hear it.
        """
        every, since = self._spec.every_us, self.backlog.behind()[0]
        return (
            bool(every and since)
            and out.utc_us - since >= out.mono_us % every
        )

    def translated(self, params: str, site: str) -> str:
        """Parameters as that site takes them; as they are where there is no translation, and then
        the job waits for one.
        """
        return self._mapping.translated_if_known(params, site)

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
        elif found.job == change or is_moved(found.job, change, site):
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
        self.direction.on = on
        out.saves[SWITCH + self.name] = "" if on else "off"
        if on:
            self._submit_all(out)

    # ---- changes
    def ended(self, job: CloudJob, out: Out) -> None:
        """A job of this network has ended."""
        self.comparison.moved(job.entity)
        if job.kind is _CHANGE:
            if job.done_before:
                self._was_done_before(job, out)
            elif job.state is _DONE:
                self._done_at_source(job, out)
        elif job.site != self.direction.target:
            return  # that side is none any more
        elif self._sent(job, out):
            self._submit_when_due(out)

    def _sent(self, job: CloudJob, out: Out) -> bool:
        """A job at the target has ended. Return whether what it was for is to be tried again."""
        if job.kind is _MIRROR:
            return self._sending.mirrored(job, out)
        return self._sending.was_set(job, out)

    def wants(self, job: CloudJob) -> bool:
        """Return whether what a job brings to the target is still to be in effect there."""
        return job.site == self.direction.target and self._sending.wants(
            job
        )

    def left_ended(self, job: CloudJob, out: Out) -> None:
        """A job has ended that was left at a side, as that was given up. If it was done there all
        the same nobody knows what the two sides have of its thing: they are compared.
        """
        self.comparison.moved(job.entity)
        if job.state is _DONE:
            self._look_again(job.entity, out)

    def _was_done_before(self, job: CloudJob, out: Out) -> None:
        """The store has forgotten a change that was done; it was asked for again. Other changes may
        have been done since, so it gets no number: both sides are compared.
        """
        if job.site == self.direction.source:
            self._look_again(job.entity, out)

    def _look_again(self, entity: str, out: Out) -> None:
        """Nobody knows any more what the two sides have of a thing: they are compared."""
        if not self.direction.is_comparable:
            return
        self._mark_to_set(entity, out)
        self._read_both(out, self._corrects_at_once)

    def _mark_to_set(self, entity: str, out: Out) -> None:
        """A thing is to be set as a whole; nothing more if that is known."""
        if entity not in self.backlog.things:
            self.backlog.to_set(entity, out.utc_us, 0, out)

    def _done_at_source(self, job: CloudJob, out: Out) -> None:
        row = self.rows[job.entity]
        before = row.value
        row.version += 1
        row.value = chained(before, job.change)
        out.saves[f"{ROW}{self.name}/{job.entity}"] = row
        if not self.direction.target or job.site != self.direction.source:
            return
        self._sending.take(job, before, out)
        self._submit_when_due(out)

    def hands_done(self, e: HandsDone, out: Out) -> None:
        """People have done what they were asked for."""
        self._sending.hands_done(e, out)

    def _submit_when_due(self, out: Out) -> None:
        if self.direction.urgent or not self._spec.every_us:
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
            c.way is not _SUBMITTED for c in self.backlog.changes.values()
        )
        if self.backlog.things or waits:
            self._submit_when_due(out)

    def _submit_all(self, out: Out) -> None:
        if not self.direction.target or not self.direction.is_open:
            return
        mode = self._spec.mode
        if mode is _RECONCILE and not self.direction.urgent:
            self._read_both(out, correcting=True)
            return
        if self.direction.is_unread:
            self._read_both(out, correcting=False)
        self._sending.all(out)

    # ---- comparing both sides
    @property
    def _corrects_at_once(self) -> bool:
        at_once = not self._spec.every_us
        return at_once and self._spec.mode is MirrorMode.RECONCILE

    def _read_both(self, out: Out, correcting: bool) -> None:
        """correcting: what differs is set, pending changes or not."""
        self.comparison.begin(
            (self.direction.source, self.direction.target),
            self._sending.number,
            correcting,
            out,
        )

    def side_read(self, e: SideRead, out: Out) -> None:
        if not self.direction.is_comparable:
            return
        both = self.comparison.heard(e)
        if both is None:
            if self.comparison.came_to_nothing:
                self._read_later(out)
            return
        for entity in both.still:
            self._compare(entity, both, out)
        if not self.comparison.unsure:
            self._has_read(out)

    def _read_later(self, out: Out) -> None:
        """A side did not answer. Where nothing else will do so, the retry takes up what waits."""
        waits = self._corrects_at_once and self.backlog
        if (waits or self.direction.is_new_side) and not self._due_set:
            self._due_set = True
            at = out.mono_us + self._retry_us
            out.commands.append(SetAlarm(self.name, MIRROR_DUE, at))

    def _compare(self, entity: str, both: Both, out: Out) -> None:
        """Compare both sides: what is there beats what is stored."""
        source, target = both.source[entity], both.target[entity]
        mine, row = self.backlog.of(entity), self.rows[entity]
        foreign = foreign_at(self.direction.target, target, self._mapping)
        if foreign:
            about = f"{entity}: {foreign}"
            out.commands.append(
                Notify(self.name, Notice.FOREIGN_ID, about, out.utc_us)
            )
        if source.value == target.value and not foreign:
            for change in mine:
                if change.number <= self.comparison.upto:
                    self.backlog.in_effect(change.number, out)
            self._sending.need_not_be_set(entity, out)
            self._is_really(entity, source.value, out)
            return
        should = (row.value, mine[0].before if mine else row.value)
        as_it_should = (
            source.value,
            target.value,
        ) == should and not foreign
        correcting = self.comparison.correcting
        if as_it_should and not correcting:
            self._sending.need_not_be_set(entity, out)
            return
        skipped = any(c.way is PendingWay.SKIPPED for c in mine)
        if skipped and source.value == row.value and not correcting:
            return  # it is known to differ
        self._is_really(entity, source.value, out)
        if not as_it_should:
            if not self.direction.is_new_side:
                out.commands.append(
                    Notify(self.name, Notice.DIFFERENT, entity, out.utc_us)
                )
            self._mark_to_set(entity, out)
        if self.direction.on or self.direction.is_new_side:
            self._sending.set(entity, self.direction.kind_of_set, out)

    def _is_really(self, entity: str, value: str, out: Out) -> None:
        """Take up what is read at the source: it beats what is stored."""
        row = self.rows[entity]
        if row.value != value:
            row.value = value
            out.saves[f"{ROW}{self.name}/{entity}"] = row

    def audit(self, out: Out) -> None:
        self._set_audit(out)
        if not self.direction.is_comparable:
            return
        for entity in self.comparison.never_still():
            out.commands.append(
                Notify(self.name, Notice.NOT_COMPARED, entity, out.utc_us)
            )
        if not self.comparison.correcting_now:
            self._read_both(out, correcting=False)

    def _set_audit(self, out: Out) -> None:
        every = self._spec.audit_us
        if every:
            at = (out.mono_us // every + 1) * every
            out.commands.append(SetAlarm(self.name, AUDIT, at))

    # ---- a failover
    def provision(self, site: str, out: Out) -> None:
        """The target is to become the active side, with all that is pending."""
        self.direction.urgent = True
        self._sending.taken = Taken()
        self.direction.active = site
        self._save_roles(out)
        for change in self.backlog.changes.values():
            if change.way is PendingWay.BY_HAND:
                # people are asked again, and at once
                self.backlog.goes(change, PendingWay.WAITING, out)
        self._submit_all(out)

    def provisioned(self) -> bool:
        """Tell whether nothing is left to do."""
        return not self.backlog

    def finish(self, out: Out) -> None:
        """The failover is over, or given up: there is no other side for now."""
        self.direction.urgent = False
        self._has_read(out)
        self.backlog.forget(out)
        self.direction.source, self.direction.target = (
            self.direction.active,
            "",
        )
        self._save_roles(out)

    def stands(self, site: str, ids: dict[str, str], out: Out) -> None:
        """Take up a new other side, with those identifiers: it is compared, and what is not there
        is made again.
        """
        self._mapping.add_site(site, ids)
        self._book.not_heard((self.name, site), out)
        out.saves[f"{SITE}{self.name}/{site}"] = json.dumps(ids)
        self.backlog.forget(out)
        self.direction.target = site
        self._save_roles(out)
        for entity in self.rows:  # nobody knows what is there
            self.backlog.to_set(entity, out.utc_us, 0, out)
        self.direction.is_new_side = True
        out.saves[UNREAD + self.name] = site
        self._read_both(out, correcting=False)

    def _has_read(self, out: Out) -> None:
        """There is no target any more that has not been compared."""
        if self.direction.is_new_side:
            self.direction.is_new_side = False
            out.saves[UNREAD + self.name] = ""

    def _save_roles(self, out: Out) -> None:
        out.saves[ROLES + self.name] = listed(
            self.direction.active,
            self.direction.source,
            self.direction.target,
        )

    # ---- what is believed
    def report(self, out: Out) -> None:
        """Say how far behind the target is, if that has changed."""
        comparison = self.comparison
        if (
            comparison.unsure
            and self.direction.is_comparable
            and comparison.is_to_be_repeated
        ):
            self._read_both(out, correcting=self._corrects_at_once)
        if self.backlog.changed:
            self.backlog.changed = False
            self.watch.report(self.backlog.behind(), out)


def sides_of(
    network: NetworkConfig, stored: Mapping[str, str]
) -> tuple[str, str, str]:
    """Return the sites of a network: the active one, the source and the target of its mirror."""
    roles = stored.get(ROLES + network.name, "")
    if not roles:
        return (network.sites[0], *network.sites)
    active, source, target = json.loads(roles)
    return active, source, target


def row_of(
    network: str, name: str, kind: str, stored: Mapping[str, str]
) -> InventoryRow:
    """Return a row of the configuration database, as it was stored or new."""
    text = stored.get(f"{ROW}{network}/{name}")
    return (
        InventoryRow(kind) if text is None else InventoryRow.from_text(text)
    )
