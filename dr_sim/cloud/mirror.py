"""Configuration as a second log that is shipped: numbered changes of one network, and their way to
its other side.

Theory of operation. A change that was done at the source gets the next number of its network, in
the save that says so. From then on it is pending, until it is in effect at the target. The oldest
pending change says how far the target is behind: that is drift as the manager believes it.

Three modes bring changes across. `jobs` submits for each change the job that was done, with its
parameters translated by the mapping table. `reconcile` reads both sides and sets what differs.
`runbook` asks people. What cannot be translated waits, and somebody is told; in a failover people
do it by hand. A change that the target does not take is tried again, skipped, or the whole thing is
built anew, as configured.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from dr_sim.cloud.commands import DoByHand, Notify, ReadSide, ReportDrift
from dr_sim.cloud.config import CloudConfig, NetworkConfig
from dr_sim.cloud.events import HandsDone, MappingEdited, SideRead
from dr_sim.cloud.inventory import InventoryRow, chained
from dr_sim.cloud.jobs import CloudJob, JobBook
from dr_sim.cloud.mapping import Mapping, UntranslatableError
from dr_sim.cloud.out import Out
from dr_sim.cloud.words import JobKind, JobState, MirrorMode, Notice, OnFailure
from dr_sim.machines import SetAlarm

MAPPED = "map/"
NO_ROW = " "  # as which a row that is gone is kept
CHANGE, NUMBER, ROW, FOUND, SETS, SWITCH, ROLES = (
    "change/",
    "number/",
    "row/",
    "found/",
    "sets/",
    "mirror/",
    "roles/",
)
"""Keys in the store: of a row of the mapping table that was changed, of a pending change, of the
last change's number, of a row of the configuration database, of a thing that is to be set, of how
many were, of the switch, of who is active, source and target.
"""
MIRROR_DUE, LIMIT, AUDIT = "mirror", "limit", "audit"
_WAITING, _SUBMITTED, _BLOCKED, _SKIPPED, _BY_HAND = (
    "waiting",
    "submitted",
    "blocked",
    "skipped",
    "by hand",
)


@dataclass(slots=True)
class Pending:
    """A change that is not in effect at the target, as far as is known. params: as they were at the
    source. since_utc_us: when it was done there. before: what the thing was before it. round: how
    often it was submitted anew.
    """

    number: int
    entity: str
    script: str
    params: str
    change: str
    since_utc_us: int
    before: str
    status: str = _WAITING
    round: int = 0

    def text(self) -> str:
        return json.dumps(
            [
                self.entity,
                self.script,
                self.params,
                self.change,
                self.since_utc_us,
                self.before,
                self.status,
                self.round,
            ]
        )


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
    ) -> None:
        self.name = network.name
        self._config = config
        self._spec = config.mirror
        self._book = book
        self._mapping = mapping
        name = network.name
        self.active, self.source, self.target = _roles(network, stored.get(ROLES + name, ""))
        self.on = stored.get(SWITCH + name) != "off"
        self.urgent = False
        self.taken = Taken()
        self._number = int(stored.get(NUMBER + name, "0"))
        self._sets = int(stored.get(SETS + name, "0"))
        self._due_upto = 0  # changes of a greater number wait until the mirror is due
        self.rows = {
            entity.name: InventoryRow.from_text(stored[f"{ROW}{name}/{entity.name}"])
            if f"{ROW}{name}/{entity.name}" in stored
            else InventoryRow(entity.kind)
            for entity in network.entities
        }
        self.pending = _pending_in(f"{CHANGE}{name}/", stored)
        self.found = _found_in(f"{FOUND}{name}/", stored)
        self._reported = (0, 0)
        self._limit_set = self._due_set = False
        self._reading = 0
        self._read: dict[str, dict[str, tuple[str, list[str]]] | None] = {}
        self._read_upto = 0
        self._correcting = False
        self._moved: set[str] = set()  # things that were changed since the reading began
        self._unsure: set[str] = set()  # things that could not be compared, being changed

    # ---- life
    def wake(self, out: Out) -> None:
        """Take up what an earlier life left."""
        if self.pending or self.found:
            self._submit_when_due(out)
        self._set_audit(out)
        self._arm_limit(out)

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
        out.saves[f"{MAPPED}{self.name}/{e.entity}/{e.site}"] = e.identifier or NO_ROW
        self._submit_when_due(out)

    def switched(self, on: bool, out: Out) -> None:
        self.on = on
        out.saves[SWITCH + self.name] = "" if on else "off"
        if on:
            self._submit_all(out)

    # ---- changes
    def ended(self, job: CloudJob, out: Out) -> None:
        """A job of this network has ended."""
        self._moved.add(job.entity)
        if job.kind is JobKind.CHANGE:
            if job.state is JobState.DONE:
                self._done_at_source(job, out)
        elif job.kind is JobKind.MIRROR:
            self._mirrored(job, out)
        else:
            self._was_set(job, out)

    def _done_at_source(self, job: CloudJob, out: Out) -> None:
        row = self.rows[job.entity]
        before = row.value
        row.version += 1
        row.value = chained(before, job.change)
        out.saves[f"{ROW}{self.name}/{job.entity}"] = row
        if not self.target or job.site != self.source:
            return
        self._number += 1
        change = Pending(
            self._number, job.entity, job.script, job.params, job.change, out.utc_us, before
        )
        self.pending[self._number] = change
        out.saves[NUMBER + self.name] = str(self._number)
        self._save(change, out)
        self._submit_when_due(out)

    def _submit_when_due(self, out: Out) -> None:
        at_once = self.urgent or (self._spec.mode is MirrorMode.JOBS and not self._spec.every_us)
        if at_once:
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
        if self.found or any(c.status != _SUBMITTED for c in self.pending.values()):
            self._submit_when_due(out)

    def _submit_all(self, out: Out) -> None:
        if not self.target or not (self.on or self.urgent):
            return
        mode = self._spec.mode
        if mode is MirrorMode.RECONCILE and not self.urgent:
            self.read_both(out, correcting=True)
            return
        self._due_upto = self._number
        seen: set[str] = set()
        for change in list(self.pending.values()):
            if change.entity not in seen:
                seen.add(change.entity)
                self._submit_next(change.entity, out)
        for entity in list(self.found):
            if mode is not MirrorMode.RUNBOOK or self.urgent:
                self._set(entity, JobKind.SET, out)

    def _submit_next(self, entity: str, out: Out) -> None:
        """Submit the oldest change of a thing that is pending; the others wait for it."""
        if not (self.on or self.urgent):
            return
        for change in self.pending.values():
            if change.entity != entity:
                continue
            if change.status == _SKIPPED:
                if self.urgent:
                    self._set(entity, JobKind.REBUILD, out)
                continue
            due = change.number <= self._due_upto or self.urgent
            if due and change.status in (_WAITING, _BLOCKED):
                self._submit(change, out)
            return

    def _submit(self, change: Pending, out: Out) -> None:
        mode = self._spec.mode
        if mode is MirrorMode.RECONCILE:
            self._set(change.entity, JobKind.SET, out)
            return
        try:
            params = self._mapping.translated(change.params, self.target)
        except UntranslatableError as why:
            if not self.urgent:
                if change.status != _BLOCKED:
                    change.status = _BLOCKED
                    self._save(change, out)
                about = f"{change.entity}: {why}"
                out.commands.append(Notify(self.name, Notice.BLOCKED, about, change.since_utc_us))
            else:
                self._by_hand(change, change.params, out)
            return
        if mode is MirrorMode.RUNBOOK:
            self._by_hand(change, params, out)
            return
        change.status = _SUBMITTED
        self._save(change, out)
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

    def _by_hand(self, change: Pending, params: str, out: Out) -> None:
        change.status = _BY_HAND
        self._save(change, out)
        work = f"{self.name}#{change.number}"
        out.commands.append(
            DoByHand(self.name, self.target, work, change.entity, params, self.urgent)
        )

    def hands_done(self, e: HandsDone, out: Out) -> None:
        number = int(e.work.rpartition("#")[2])
        change = self.pending.get(number)
        if change is not None:
            self.taken.by_hand += 1
            self._in_effect(number, out)
            self._submit_next(change.entity, out)

    def _mirrored(self, job: CloudJob, out: Out) -> None:
        change = self.pending.get(job.number)
        if change is None:
            return
        if job.state is JobState.DONE:
            self.taken.changes += 1
            self._in_effect(job.number, out)
            self._submit_next(job.entity, out)
            return
        policy = self._spec.on_failure
        if policy is OnFailure.SKIP and not self.urgent:
            change.status = _SKIPPED
            self._save(change, out)
            self._submit_next(job.entity, out)
        elif policy is OnFailure.RETRY and not self.urgent:
            change.status, change.round = _WAITING, change.round + 1
            self._save(change, out)
            self._submit_when_due(out)
        else:
            self._set(change.entity, JobKind.REBUILD, out)

    def _in_effect(self, number: int, out: Out) -> None:
        del self.pending[number]
        out.saves[f"{CHANGE}{self.name}/{number}"] = ""

    # ---- a thing as a whole
    def _set(self, entity: str, kind: JobKind, out: Out) -> None:
        """The target's becomes what the source's is. Nothing more if that is under way."""
        since, number = self.found.get(entity, (0, 0))
        if number and self._set_name(entity, number) in self._book.open:
            return
        mine = [c.since_utc_us for c in self.pending.values() if c.entity == entity]
        since = since or min(mine, default=out.utc_us)
        asked = json.dumps({"id": f"@{entity}", "value": self.rows[entity].value})
        try:
            params = self._mapping.translated(asked, self.target)
        except UntranslatableError as why:
            out.commands.append(Notify(self.name, Notice.BLOCKED, f"{entity}: {why}", since))
            return
        self._sets += 1
        out.saves[SETS + self.name] = str(self._sets)
        self._find(entity, since, self._sets, out)
        name = self._set_name(entity, self._sets)
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
                change=name,
                number=self._number,
            ),
            out,
        )

    def _set_name(self, entity: str, number: int) -> str:
        return f"set/{self.name}/{entity}>{self.target}.{number}"

    def _find(self, entity: str, since_utc_us: int, number: int, out: Out) -> None:
        """Note that a thing is to be set, by the set of that number (0: by none yet)."""
        self.found[entity] = (since_utc_us, number)
        out.saves[f"{FOUND}{self.name}/{entity}"] = json.dumps([since_utc_us, number])

    def _was_set(self, job: CloudJob, out: Out) -> None:
        if job.state is not JobState.DONE:
            self._submit_when_due(out)
            return
        self.taken.rebuilt += 1
        if self.found.pop(job.entity, None) is not None:
            out.saves[f"{FOUND}{self.name}/{job.entity}"] = ""
        for number in [
            n for n, c in self.pending.items() if c.entity == job.entity and n <= job.number
        ]:
            self._in_effect(number, out)

    # ---- comparing both sides
    def read_both(self, out: Out, correcting: bool) -> None:
        """correcting: what differs is set, pending changes or not."""
        self._reading += 1
        self._read = {}
        self._moved = set()
        self._read_upto = self._number
        self._correcting = correcting
        for site in (self.source, self.target):
            out.commands.append(ReadSide(self.name, site, self._reading))

    def side_read(self, e: SideRead, out: Out) -> None:
        if e.number != self._reading or not self.target:
            return
        self._read[e.site] = (
            {name: (value, ids) for name, (value, ids) in json.loads(e.entities).items()}
            if e.entities
            else None
        )
        if len(self._read) < 2:
            return
        source, target = self._read.get(self.source), self._read.get(self.target)
        if source is None or target is None:
            self._unsure.clear()  # nobody answers there; the next audit will tell
            return
        for entity in self.rows:
            if self._is_moving(entity):
                self._unsure.add(entity)
            else:
                self._unsure.discard(entity)
                self._compare(entity, source[entity], target[entity], out)

    def _is_moving(self, entity: str) -> bool:
        """Tell whether a thing is being changed, or was while both sides were read."""
        return entity in self._moved or any(
            self._book.in_lane(self.name, site, entity) for site in (self.source, self.target)
        )

    def _read_again(self, out: Out) -> None:
        """Read again as soon as something that could not be compared stands still."""
        reading = len(self._read) < 2 and self._reading
        if reading or not self.target:
            return
        still = [
            entity
            for entity in self._unsure
            if not any(
                self._book.in_lane(self.name, site, entity) for site in (self.source, self.target)
            )
        ]
        if still:
            self.read_both(out, correcting=False)

    def _compare(
        self,
        entity: str,
        source: tuple[str, list[str]],
        target: tuple[str, list[str]],
        out: Out,
    ) -> None:
        """What the target should be is known: what the source was before the oldest change that is
        pending. Where it is something else, or the source is not what it should be, somebody has
        changed it past this manager, or this manager has forgotten what it did.
        """
        mine = [c for c in self.pending.values() if c.entity == entity]
        foreign = [name for name in target[1] if not self._mapping.is_of(name, self.target)]
        if foreign:
            about = f"{entity}: {foreign[0]}"
            out.commands.append(Notify(self.name, Notice.FOREIGN_ID, about, out.utc_us))
        if source[0] == target[0] and not foreign:
            for change in mine:
                if change.number <= self._read_upto:
                    self._in_effect(change.number, out)
            return
        row = self.rows[entity]
        expected = mine[0].before if mine else row.value
        as_it_should = (source[0], target[0]) == (row.value, expected) and not foreign
        if as_it_should and not self._correcting:
            return
        skipped = any(c.status == _SKIPPED for c in mine)
        if skipped and source[0] == row.value and not self._correcting:
            return  # it is known to differ
        if row.value != source[0]:  # what is there beats what is stored
            row.value = source[0]
            out.saves[f"{ROW}{self.name}/{entity}"] = row
        if not as_it_should:
            out.commands.append(Notify(self.name, Notice.DIFFERENT, entity, out.utc_us))
            if entity not in self.found:
                self._find(entity, out.utc_us, 0, out)
        if self._spec.mode is not MirrorMode.RUNBOOK and self.on:
            self._set(entity, JobKind.SET, out)

    def audit(self, out: Out) -> None:
        self._set_audit(out)
        if self.target and not self._correcting_now():
            self.read_both(out, correcting=False)

    def _correcting_now(self) -> bool:
        return self._correcting and 0 < len(self._read) < 2

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
        for change in self.pending.values():
            if change.status == _BY_HAND:
                change.status = _WAITING  # people are asked again, and at once
        self._submit_all(out)

    def provisioned(self) -> bool:
        """Tell whether nothing is left to do."""
        return not self.pending and not self.found

    def finish(self, out: Out) -> None:
        """The failover is over: there is no other side for now."""
        self.urgent = False
        for number in list(self.pending):
            self._in_effect(number, out)
        for entity in list(self.found):
            del self.found[entity]
            out.saves[f"{FOUND}{self.name}/{entity}"] = ""
        self.source, self.target = self.active, ""
        self._save_roles(out)

    def stands(self, site: str, out: Out) -> None:
        """A new other side: everything is made there from nothing."""
        self.target = site
        self._save_roles(out)
        for entity, row in self.rows.items():
            if row.version:
                self._set(entity, JobKind.REBUILD, out)

    def _save_roles(self, out: Out) -> None:
        out.saves[ROLES + self.name] = json.dumps([self.active, self.source, self.target])

    # ---- what is believed
    def report(self, out: Out) -> None:
        """Say how far behind the target is, if that has changed."""
        if self._unsure:
            self._read_again(out)
        since = [c.since_utc_us for c in self.pending.values()]
        since += [found for found, _ in self.found.values()]
        now = (min(since, default=0), len(since))
        if now != self._reported:
            self._reported = now
            out.commands.append(ReportDrift(self.name, *now))
            self._arm_limit(out)

    def limit(self, out: Out) -> None:
        """Tell somebody of drift beyond the limit, and again at every retry."""
        self._limit_set = False
        since = self._reported[0]
        if since and out.utc_us - since >= self._spec.limit_us:
            about = f"{self._reported[1]} changes"
            out.commands.append(Notify(self.name, Notice.DRIFT, about, since))
            self._limit_set = True
            at = out.mono_us + self._config.jobs.retry_us
            out.commands.append(SetAlarm(self.name, LIMIT, at))
        else:
            self._arm_limit(out)

    def _arm_limit(self, out: Out) -> None:
        since = self._reported[0]
        if since and not self._limit_set:
            self._limit_set = True
            wait = max(0, since + self._spec.limit_us - out.utc_us)
            out.commands.append(SetAlarm(self.name, LIMIT, out.mono_us + wait))

    def _save(self, change: Pending, out: Out) -> None:
        out.saves[f"{CHANGE}{self.name}/{change.number}"] = change


def _roles(network: NetworkConfig, stored: str) -> tuple[str, str, str]:
    if not stored:
        return (network.sites[0], *network.sites)
    active, source, target = json.loads(stored)
    return active, source, target


def _pending_in(prefix: str, stored: dict[str, str]) -> dict[int, Pending]:
    found = {}
    for key, text in stored.items():
        if key.startswith(prefix):
            number = int(key.removeprefix(prefix))
            found[number] = Pending(number, *json.loads(text))
    return dict(sorted(found.items()))


def _found_in(prefix: str, stored: dict[str, str]) -> dict[str, tuple[int, int]]:
    found = {}
    for key, text in stored.items():
        if key.startswith(prefix):
            since, number = json.loads(text)
            found[key.removeprefix(prefix)] = (since, number)
    return dict(sorted(found.items()))
