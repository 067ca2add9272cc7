"""Waves: the fast path for logs of many databases that are cut at the same instant.

The express lane takes the logs of one database. In a fleet each log shares the link, the disks and
the workers with a hundred others, so no log is alone. But the wave as a whole is alone if every one
of the databases is quiet and nothing else is on the agenda before all their logs are restored.
wave_plan.py computes when each step of a wave happens, on the same shared rates. Each owner takes
its part of the logs in one step, as for the express lane, and the rows stand where the steps would
have written them. Whatever could come between, or would change the order or a row, is left to the
ordinary steps: an overlapping job, a full staging area, a log without a byte, an alarm that reports
silence.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.recovery.absorb import window_alarm_goes_to_us
from dr_sim.scenario.schedule import next_start
from dr_sim.world.agenda import Entry
from dr_sim.world.express import ExpressLane
from dr_sim.world.primary_database import PrimaryDatabase
from dr_sim.world.quiet_logs import Left, Lives
from dr_sim.world.quiet_rows import Ring
from dr_sim.world.spot_check import Spots, Written
from dr_sim.world.wave_plan import Costs, Log, Planner, Step, Wave
from dr_sim.world.wave_texts import WaveTexts

Ints = NDArray[np.int64]
MOST_LOGS = 60_000
"""In one stretch. What is done once for a database is then done for many of its logs, and what a
stretch holds until its rows are written stays below some tens of MB.
"""
_ROWS_OF = np.array(
    [1, 2, 1, 5, 4, 3], dtype=np.int64
)  # by Step, without those of the witness


@dataclass(slots=True)
class _Member:
    """A database whose logs are in the waves.

    alarm: its alarm 'window', which goes off next at alarm_us; commits and reached: the commits and
    the LSN at each cut.
    """

    db: PrimaryDatabase
    due: Entry  # its next log, on the agenda
    state: RestoreState
    lsn: int
    alarm: Entry | None
    alarm_us: int = -1
    commits: list[int] = field(default_factory=list)
    reached: list[int] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)


@dataclass(slots=True)
class _Order:
    """All steps of all waves in their order: the kind, the wave and the member of each.

    at: the seq of the first row, by (step, wave, member); rings: the seqs of the alarms, member
    after member.
    """

    kinds: Ints
    waves: Ints
    logs: Ints
    at: Ints
    rings: list[int]


class WaveLane:
    """The fast path for waves. taken: the number of logs that took it."""

    def __init__(self, lane: ExpressLane) -> None:
        self._lane = lane
        self._context = lane.context
        self._refused_us = -1
        self._planner: Planner | None = None
        self._planner_for: Any = None
        self.taken = 0

    def take(self, db: PrimaryDatabase) -> int:
        """Play the logs that are due at this instant, that database's among them, and the next
        waves, as long as nothing can come between.

        Return the instant at which the last of them were cut; -1 if not even the first took the
        lane.
        """
        now, primary = self._context.agenda._now, self._lane.primary
        if now == self._refused_us:
            return -1
        due = primary.logs_due(now)
        members = (
            self._members(due) if len(due) > 1 and self._lane.open else []
        )
        cuts, waves = self._waves(members, now) if members else ([], [])
        if not cuts:
            self._refused_us = (
                now  # the others that are due now would be refused too
            )
            return -1
        if not all(self._usual(member, cuts[0]) for member in members):
            self._refused_us = now
            return -1
        left = self._leave(members, cuts, waves)
        self.taken += len(cuts) * len(members)
        for member, its in zip(members, left, strict=True):
            self._lane.logs.go_on(
                member.db, its, member.alarm_us if member.rings else -1
            )
            if (
                member.db is not db
            ):  # whose next log is asked for when this is done
                primary.log_goes_on(member.db, cuts[-1])
        return cuts[-1]

    # ---- who, and until when
    def _members(
        self, due: list[tuple[PrimaryDatabase, Entry]]
    ) -> list[_Member]:
        """Return all of them, or none: if one is not quiet, all take the ordinary steps."""
        alarms, members = self._lane.driver.alarms, []
        for db, entry in due:
            state = self._lane.quiet(db)
            if state is None:
                return []
            members.append(
                _Member(
                    db,
                    entry,
                    state,
                    state.redo_lsn,
                    alarms.get((db.spec.name, "window")),
                )
            )
        return members

    def _waves(
        self, members: list[_Member], cut_us: int
    ) -> tuple[list[int], list[Wave]]:
        """Return the instants of the cuts and the wave of each.

        They end before the first wave in which something else could happen, even at the same
        instant, and before the first for which there is no room.
        """
        lane, start = self._lane, self._context.scenario.start_utc_us
        planner = self._planner_of({m.db.spec.machine for m in members})
        if planner is None:
            return [], []
        own = {id(m.alarm): m for m in members if m.alarm is not None}
        until_us, found = self._context.agenda.beside(
            {*own, *(id(m.due) for m in members)}
        )
        for entry, at_us in found.items():
            if entry in own:
                own[entry].alarm_us = at_us
        schedules = list(dict.fromkeys(m.db.spec.log for m in members))
        room, copies = lane.room([m.db for m in members])
        cuts: list[int] = []
        waves: list[Wave] = []
        used = 0
        while len(cuts) * len(members) < MOST_LOGS:
            logs = self._logs(members, cut_us)
            if logs is None:
                break
            wave = planner.plan(logs)
            starts = {
                next_start(schedule, cut_us, start)
                for schedule in schedules
            }
            following = min(
                (at for at in starts if at is not None), default=None
            )
            ends_us, size = (
                cut_us + wave.ends_us,
                sum(log.size for log in logs),
            )
            if (
                ends_us >= until_us or (following is not None and ends_us >= following)
                or used + size > room or used + 2 * size > copies
            ):  # fmt: skip
                break
            used += size
            cuts.append(cut_us)
            waves.append(wave)
            if following is None or len(starts) > 1:
                break
            cut_us = following
        keep = self._rung(members, cuts, waves)
        return cuts[:keep], waves[:keep]

    def _logs(
        self, members: list[_Member], cut_us: int
    ) -> list[Log] | None:
        """Return the logs that are cut at that instant; None if one of them would be empty."""
        written_at, restore_cost = (
            self._lane.primary.written_at,
            self._lane.secondary.restore_durations.of,
        )
        logs = []
        for member in members:
            db = member.db
            commits, lsn = written_at(db, cut_us)
            size = lsn - member.lsn
            if size <= 0:
                return None
            member.lsn = lsn
            member.commits.append(commits)
            member.reached.append(lsn)
            logs.append(
                Log(
                    db.index,
                    db.spec.machine,
                    size,
                    *restore_cost(db.spec.name, Kind.LOG, cut_us, 1, size),
                )
            )
        return logs

    def _planner_of(self, machines: set[str]) -> Planner | None:
        """Return the planner; None if the link or a disk that they share is in use."""
        lane = self._lane
        disks = {
            machine: lane.primary.disks[machine]
            for machine in sorted(machines)
        }
        link, disk, backup = (
            lane.link.shared,
            lane.secondary.disk,
            lane.primary.cost_of_logs,
        )
        shared = [link, disk, *disks.values()]
        if not all(each.idle for each in shared):
            return None
        spec, scenario = (
            self._context.scenario.secondary,
            self._context.scenario,
        )
        costs = Costs(
            backup.fixed_us,
            backup.rate_bytes_s,
            lane.link.cap_bit_s,
            spec.hash_bytes_s,
            spec.copy_bytes_s,
            spec.restore[Kind.LOG].rate_bytes_s,
            scenario.replication.slots,
            scenario.replay.workers,
        )
        of = (costs, tuple(disks), [each.capacity for each in shared])
        if self._planner is None or self._planner_for != of:
            self._planner, self._planner_for = (
                Planner(costs, disks, link, disk),
                of,
            )
        return self._planner

    # ---- the alarm 'window'
    def _rung(
        self, members: list[_Member], cuts: list[int], waves: list[Wave]
    ) -> int:
        """Return how many of the waves are over before an alarm reports silence, and note when the
        alarms go off in these.
        """
        keep = len(cuts)
        first_us = [member.alarm_us for member in members]
        while keep:
            silent_us = -1
            for i, member in enumerate(members):
                member.alarm_us = first_us[i]
                silent_us = self._rings(member, i, cuts[:keep], waves)
                if silent_us >= 0:
                    break
            if silent_us < 0:
                return keep
            keep = sum(
                cut + wave.ends_us < silent_us
                for cut, wave in zip(cuts[:keep], waves, strict=False)
            )
        return 0

    def _rings(
        self, member: _Member, i: int, cuts: list[int], waves: list[Wave]
    ) -> int:
        """Return the instant at which the member's alarm reports silence; -1: it never does, and
        only sets itself again.
        """
        member.rings.clear()
        if member.alarm is None:
            return -1
        replay = self._lane.logs.replay(member.db)
        last = 4 * cuts[-1] + int(waves[-1].keys[-1])
        landings = [
            4 * cut + wave.landing_keys[i]
            for cut, wave in zip(cuts, waves, strict=False)
        ]
        while (key := 4 * member.alarm_us + 1) < last:
            passed = bisect_left(landings, key)
            landed_us = (
                landings[passed - 1] >> 2
                if passed
                else replay.log_window.landed_mono_us
            )
            goes_to_us = window_alarm_goes_to_us(
                replay, member.alarm_us, landed_us
            )
            if goes_to_us <= member.alarm_us:
                return member.alarm_us
            member.rings.append(Ring(-1, member.alarm_us, goes_to_us))
            member.alarm_us = goes_to_us
        return -1

    # ---- what they leave behind
    def _leave(
        self, members: list[_Member], cuts: list[int], waves: list[Wave]
    ) -> list[Left]:
        spots = [self._spots(member, cuts) for member in members]
        all_lives = []
        at_us = np.stack(
            [
                wave.at_us + cut
                for cut, wave in zip(cuts, waves, strict=True)
            ],
            axis=1,
        )
        left = []
        # the same objects for all members
        start = self._context.scenario.start_utc_us
        begun = [start + cut_us for cut_us in cuts]
        for i, member in enumerate(members):
            del member.commits[len(cuts) :], member.reached[len(cuts) :]
            finished, _, landed, hashed, restored = at_us[1:, :, i].tolist()
            lives = Lives(
                {},
                begun,
                member.commits,
                member.reached,
                cuts,
                finished,
                landed,
                hashed,
                restored,
            )
            all_lives.append(lives)
            left.append(self._lane.logs.leave(member.db, lives))
        order = self._order(members, cuts, waves, left)
        ids = self._in_turn(members, waves, left, order)
        self._show(members, left, order, ids, at_us)
        self._look(members, spots, all_lives, left)
        return left

    # ---- spot checks
    def _usual(self, member: _Member, cut_us: int) -> bool:
        """Return whether the machine answers the member's first log with the usual commands."""
        return self._lane.spot.usual(
            member.db, member.reached[0] - member.state.redo_lsn, cut_us
        )

    def _spots(self, member: _Member, cuts: list[int]) -> Spots | None:
        rung = [
            max(0, bisect_right(cuts, ring.at_us) - 1)
            for ring in member.rings
        ]
        return self._lane.spot.choose(member.db, len(cuts), rung)

    def _look(
        self,
        members: list[_Member],
        spots: list[Spots | None],
        lives: list[Lives],
        left: list[Left],
    ) -> None:
        """Compare the sampled lives with the rows, which were written member after member."""
        first_log = -sum(len(each.cut) for each in lives)
        first_ring = -sum(len(member.rings) for member in members)
        for member, some, its_lives, its in zip(
            members, spots, lives, left, strict=True
        ):
            if some is not None and not self._lane.spot.closed:
                self._lane.spot.look(
                    some,
                    its_lives,
                    its,
                    Written(first_log, first_ring, len(member.rings)),
                )
            first_log += len(its_lives.cut)
            first_ring += len(member.rings)

    def _order(
        self,
        members: list[_Member],
        cuts: list[int],
        waves: list[Wave],
        left: list[Left],
    ) -> _Order:
        """Put steps and alarms in order, with the number of rows that each writes."""
        kinds = np.concatenate([wave.kinds for wave in waves])
        logs = np.concatenate([wave.logs for wave in waves])
        wave_no = np.repeat(
            np.arange(len(waves)), [len(wave.kinds) for wave in waves]
        )
        keys = np.concatenate(
            [
                wave.keys + 4 * cut
                for cut, wave in zip(cuts, waves, strict=True)
            ]
        )
        rows = _ROWS_OF[kinds]
        host_us = [each.host_us for each in left]
        site_us = [each.site_us for each in left]
        for kind, shown in (
            (Step.FINISHED, host_us),
            (Step.LANDED, site_us),
        ):
            these = kinds == kind
            rows[these] += (np.array(shown, dtype=np.int64) >= 0)[
                logs[these], wave_no[these]
            ]
        rung = np.array(
            [
                4 * ring.at_us + 1
                for member in members
                for ring in member.rings
            ],
            dtype=np.int64,
        )
        # members are in the order of their entities
        order = np.argsort(np.concatenate((keys, rung)), kind="stable")
        rows = np.concatenate(
            (rows, np.full(len(rung), 2, dtype=np.int64))
        )[order]
        seqs = np.empty(len(order), dtype=np.int64)
        seqs[order] = (
            np.cumsum(rows)
            - rows
            + self._context.journal.take(int(rows.sum()))
        )
        at = np.full(
            (len(Step), len(waves), len(members)), -1, dtype=np.int64
        )
        at[kinds, wave_no, logs] = seqs[: len(keys)]
        return _Order(kinds, wave_no, logs, at, seqs[len(keys) :].tolist())

    def _in_turn(
        self,
        members: list[_Member],
        waves: list[Wave],
        left: list[Left],
        order: _Order,
    ) -> dict[str, Any]:
        """Do what depends on the order of all steps: intern texts and stage files. Return the
        columns of texts, member after member.
        """
        n = len(waves)
        waited = np.array([wave.waited for wave in waves], dtype=bool)
        waits = waited[order.waves, order.logs]
        sent = (order.kinds == Step.SENT) | (
            (order.kinds == Step.FINISHED) & ~waits
        )
        place = order.logs * n + order.waves
        self._send(members, left, place[sent])
        texts = WaveTexts(self._context.journal.texts, left, n)
        texts.intern(order.kinds, place, waits)
        return texts.columns(waited.T.ravel())

    def _send(
        self, members: list[_Member], left: list[Left], place: Ints
    ) -> None:
        """Stage and send the logs at these places, member after member, in this order."""
        n = len(left[0].names)
        databases = _each([member.db.index for member in members], n)
        reached = _by_log([member.reached for member in members])
        sizes = np.diff(reached, prepend=0)
        firsts = [its.first for its in left]
        begins = np.array([first.first_lsn for first in firsts])
        sizes[::n] = reached[::n] - begins
        self._lane.replication.sent(
            databases[place].tolist(),
            _numbers(firsts, n)[place].tolist(),
            sizes[place].tolist(),
        )

    def _show(
        self,
        members: list[_Member],
        left: list[Left],
        order: _Order,
        ids: dict[str, Any],
        at_us: Ints,
    ) -> None:
        """Write the rows, as columns of all logs, member after member."""
        n, rows = at_us.shape[1], self._lane.rows
        texts = self._context.journal.texts
        host = np.array([its.host_us for its in left], dtype=np.int64)
        site = np.array([its.site_us for its in left], dtype=np.int64)
        host, site = host.ravel(), site.ravel()
        at = [_column(order.at[step]) for step in Step]
        cut, finished, sent, landed, hashed, restored = (
            _column(at_us[step]) for step in Step
        )
        firsts = [its.first for its in left]
        who = {
            "start": repeat(self._context.scenario.start_utc_us),
            "incarnation": repeat(self._lane.driver.incarnation),
        }
        indices = [member.db.index for member in members]
        forks = [header.fork for header in firsts]
        commits = [member.commits for member in members]
        same = {
            "index": _each(indices, n),
            "fork": _each(forks, n),
            "commits": _by_log(commits),
        }
        last_lsn = _by_log([member.reached for member in members])
        first_lsn = np.empty_like(last_lsn)
        first_lsn[1:] = last_lsn[:-1]
        first_lsn[::n] = [header.first_lsn for header in firsts]
        numbers = _numbers(firsts, n)
        differential_bases = [
            member.state.differential_base_lsn for member in members
        ]
        sites = at[Step.LANDED] + 3
        columns = {
            "number": numbers,
            "first_lsn": first_lsn,
            "last_lsn": last_lsn,
            "base": _each([header.checkpoint_lsn for header in firsts], n),
            "differential_base": _each(differential_bases, n),
            "cut": cut,
            "finished": finished,
            "landed": landed,
            "hashed": hashed,
            "restored": restored,
            "at_cut": at[Step.CUT],
            "at_landing": at[Step.LANDED],
            "at_hash": at[Step.HASHED],
            "at_restore": at[Step.RESTORED],
            # after the row of the witness, if there is one
            "at_finish": at[Step.FINISHED] + (host >= 0),
            "at_told": sites + (site >= 0),
        }
        rows.logs({**same, **who, **ids, **columns})
        finish = {"seq": at[Step.FINISHED], "at": finished}
        rows.survivable_of_waves("host", host, {**same, **finish})
        landing = {"seq": sites, "at": landed}
        rows.survivable_of_waves("site", site, {**same, **landing})
        waited = at[Step.SENT] >= 0
        if waited.any():
            rows.sent(
                {
                    "seq": at[Step.SENT][waited],
                    "at": sent[waited],
                    "index": same["index"][waited],
                    "number": numbers[waited],
                    "state": repeat(texts["sending"]),
                }
            )
        rung = [
            (member.db, ring) for member in members for ring in member.rings
        ]
        if rung:
            index = [db.index for db, _ in rung]
            scope = [texts[db.spec.name] for db, _ in rung]
            rings = [ring for _, ring in rung]
            rows.rings(
                rings,
                {"seq": order.rings, "index": index, "scope": scope, **who},
            )


def _by_log(columns: list[list[int]]) -> Ints:
    """Return one array of the columns of all members, one after the other."""
    return np.array(columns, dtype=np.int64).ravel()


def _column(table: Ints) -> Ints:
    """Return a table by wave and member as one array, member after member."""
    return table.T.ravel()


def _each(values: list[int], n: int) -> Ints:
    """Repeat each value n times."""
    return np.repeat(np.array(values, dtype=np.int64), n)


def _numbers(firsts: list[BackupHeader], n: int) -> Ints:
    """Return the numbers of all logs, member after member."""
    numbers = _each([header.backup_id for header in firsts], n)
    numbers += np.tile(np.arange(n), len(firsts))
    return numbers
