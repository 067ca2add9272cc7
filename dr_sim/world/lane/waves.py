"""Waves: the fast path for logs of many databases that share the link, the disks and the workers.

The express lane takes the logs of one database. In a fleet logs are cut at the same instant, or
while others are on their way, so no log is alone. But a wave as a whole (wave_plan.py) is alone if
every one of its databases is quiet and nothing else is on the agenda before all its logs are
restored. wave_plan.py computes when each step of a wave happens, on the same shared rates. Each
owner takes its part of the logs in one step, as for the express lane, and the rows stand where the
steps would have written them (wave_rows.py). Whatever could come between, or would change the order
or a row, is left to the ordinary steps: an overlapping job, a staging area in which nothing can be
staged, a log without a byte, an alarm that reports silence.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from dr_sim.backups.model import Kind
from dr_sim.recovery.replay.absorb import window_alarm_goes_to_us
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.schedule import longest_gap_us
from dr_sim.world.kernel.agenda import NEVER_US, Entry
from dr_sim.world.lane.cut_stream import CutStream, Member
from dr_sim.world.lane.express import ExpressLane
from dr_sim.world.lane.quiet_logs import Left, Lives
from dr_sim.world.lane.quiet_rows import Ring
from dr_sim.world.lane.spot_check import Spots, Written
from dr_sim.world.lane.wave_plan import Costs, Planner, Wave
from dr_sim.world.lane.wave_rows import Steps, WaveRows, steps_of
from dr_sim.world.outside import monitor_config
from dr_sim.world.primary.primary import DueLog
from dr_sim.world.primary.primary_database import PrimaryDatabase

MOST_LOGS = 60_000
"""In one stretch. What is done once for a database is then done for many of its logs, and what a
stretch holds until its rows are written stays below some tens of MB.
"""
_Begun = tuple[int, Wave]  # a wave, and the instant at which it begins


class WaveLane:
    """The fast path for waves. taken: the number of logs that took it."""

    def __init__(self, lane: ExpressLane) -> None:
        self._lane = lane
        self._context = lane.context
        # until this instant nothing is tried: it would be refused too
        self._refused_until_us = -1
        self._limits_us = _limits_us(lane.context.scenario)
        self._planner: Planner | None = None
        self._planner_for: Any = None
        self.taken = 0

    def take(self, db: PrimaryDatabase) -> int:
        """Play the logs that are due at this instant, that database's among them, and the next
        waves, as long as nothing can come between.

        Return the instant at which the last log of that database was cut; -1 if not even the first
        wave took the lane.
        """
        now: int = self._context.agenda._now
        if now <= self._refused_until_us or not self._lane.open:
            return -1
        dues = self._lane.primary.logs_ahead(now)
        if len(dues) < 2:
            return -1
        members = self._due_now(dues, now)
        if not members:
            self._refused_until_us = now
            return -1
        limit_us = self._with_others(members, dues)
        if _comes_first(members, limit_us):
            return -1  # one log after the other of one database
        waves = self._waves(members, limit_us)
        members = [each for each in members if each.cuts or each.rings]
        if not waves or not all(map(self._usual, members)):
            # the others that are due now would be refused too
            self._refused_until_us = now
            return -1
        self._leave(members, waves)
        for member in members:
            if member.cuts and member.db is not db:
                # the next log of db itself is asked for when this is done
                self._lane.primary.log_goes_on(member.db, member.cuts[-1])
        return next(each.cuts[-1] for each in members if each.db is db)

    # ---- who, and until when
    def _due_now(self, dues: Sequence[DueLog], now: int) -> list[Member]:
        """Return all databases whose log is due now, or none: if one is not quiet, all take the
        ordinary steps.
        """
        members = []
        for due in dues:
            if due.at_us == now:
                member = self._member(due)
                if member is None:
                    return []
                members.append(member)
        return members

    def _member(self, due: DueLog) -> Member | None:
        """Return a database with its alarm; None if it is not quiet."""
        state = self._lane.quiet(due.db, due.at_us)
        if state is None:
            return None
        return Member(due.db, due.at_us, state, self._alarm(due.db))

    def _alarm(self, db: PrimaryDatabase) -> Entry | None:
        """Return its alarm 'window'."""
        return self._lane.driver.alarms.get((db.spec.name, "window"))

    def _with_others(
        self, members: list[Member], dues: Sequence[DueLog]
    ) -> int:
        """Add the other databases that are quiet, in the order of all; return the first instant at
        which something happens that is neither a log of one of them nor its alarm.
        """
        alarms = [self._alarm(due.db) for due in dues]
        own = {id(due.entry) for due in dues}
        own.update(id(alarm) for alarm in alarms if alarm is not None)
        limit_us, found = self._context.agenda.beside(own)
        there = {member.db.index: member for member in members}
        firsts = []
        for due, alarm in zip(dues, alarms, strict=True):
            alarm_us = found.get(id(alarm), NEVER_US)
            if due.db.index in there:
                there[due.db.index].alarm_us = alarm_us
            else:
                first_us = min(due.at_us, alarm_us)
                firsts.append((first_us, due.db.index, due, alarm_us))
        firsts.sort(reverse=True)
        while firsts and firsts[-1][0] < limit_us:
            first_us, _, due, alarm_us = firsts.pop()
            member = self._member(due)
            if member is None:
                limit_us = first_us
                break
            member.alarm_us = alarm_us
            members.append(member)
            if not firsts or firsts[-1][0] >= limit_us:
                # those who are quiet have dropped what would have looked at them
                limit_us, _ = self._context.agenda.beside(own)
        members.sort(key=lambda member: member.db.index)
        return limit_us

    def _waves(self, members: list[Member], limit_us: int) -> list[_Begun]:
        """Return the waves, and note their logs and alarms with the members.

        They end before the first wave in which something else could happen, even at the same
        instant, and before the first for which there is no room.
        """
        lane = self._lane
        planner = self._planner_of({m.db.spec.machine for m in members})
        if planner is None:
            return []
        stream = CutStream(
            members,
            limit_us,
            self._context.scenario.start_utc_us,
            lane.primary.written_at,
            lane.secondary.restore_durations.of,
        )
        staging = lane.replication.staging.plan()
        room, copies = lane.room()
        waves: list[_Begun] = []
        used = logs = 0
        while logs < MOST_LOGS:
            wave = planner.plan(stream, staging)
            if wave is None:
                break
            size = wave.size_bytes
            if used + size > room or used + 2 * size > copies:
                break
            used += size
            logs += len(wave.landing_keys)
            waves.append((_note(wave, stream, len(waves)), wave))
        keep = self._rung(members, waves)
        if keep < len(waves):
            for member in members:
                member.keep(keep)
        return waves[:keep]

    def _planner_of(self, machines: set[str]) -> Planner | None:
        """Return the planner; None if the link or a disk that they share is in use."""
        lane, disks = self._lane, self._lane.primary.disks
        link, disk, backup = (
            lane.link.shared,
            lane.secondary.disk,
            lane.primary.cost_of_logs,
        )
        shared = [link, disk, *(disks[machine] for machine in machines)]
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
            scenario.replication.purge_bytes_s,
            scenario.replay.workers,
            *self._limits_us,
        )
        capacities = [
            each.capacity for each in (link, disk, *disks.values())
        ]
        of = (costs, tuple(disks), capacities)
        if self._planner is None or self._planner_for != of:
            self._planner, self._planner_for = (
                Planner(costs, disks, link, disk),
                of,
            )
        return self._planner

    # ---- the alarm 'window'
    def _rung(self, members: list[Member], waves: list[_Begun]) -> int:
        """Return how many of the waves are over before an alarm reports silence, and note when the
        alarms go off in these.
        """
        keep = len(waves)
        first_us = [member.alarm_us for member in members]
        while keep:
            begins_us, wave = waves[keep - 1]
            last = 4 * begins_us + int(wave.keys[-1])
            silent_us = -1
            for i, member in enumerate(members):
                member.alarm_us = first_us[i]
                num_logs = bisect_left(member.waves, keep)
                silent_us = self._rings(
                    member, member.landing_keys[:num_logs], last
                )
                if silent_us >= 0:
                    break
            if silent_us < 0:
                return keep
            keep = sum(
                begins_us + wave.ends_us < silent_us
                for begins_us, wave in waves[:keep]
            )
        return 0

    def _rings(self, member: Member, landings: list[int], last: int) -> int:
        """Note when the member's alarm goes off before the last step. Return the instant at which
        it reports silence; -1: it never does, and only sets itself again.
        """
        member.rings.clear()
        if member.alarm is None:
            return -1
        replay = self._lane.logs.replay(member.db)
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
    def _leave(self, members: list[Member], waves: list[_Begun]) -> None:
        """Hand the logs to their owners, write the rows, and look at a sample of them."""
        logs = self._lane.logs
        with_logs = [member for member in members if member.cuts]
        spots = [self._spots(member) for member in with_logs]
        steps = steps_of(with_logs, waves)
        lives = self._lives(with_logs, steps)
        left = [
            logs.leave(member.db, its)
            for member, its in zip(with_logs, lives, strict=True)
        ]
        WaveRows(self._lane, members, with_logs, left, steps).write()
        self._look(members, spots, lives, left)
        its_left = iter(left)
        for member in members:
            alarm_us = member.alarm_us if member.rings else -1
            if member.cuts:
                logs.go_on(member.db, next(its_left), alarm_us)
            else:
                logs.alarm_goes_to(member.db, alarm_us)
        self.taken += sum(map(len, lives))

    def _lives(
        self, with_logs: Sequence[Member], steps: Steps
    ) -> list[Lives]:
        start = self._context.scenario.start_utc_us
        finished, _, _, landed, hashed, restored = steps.at_us[1:].tolist()
        found: list[Lives] = []
        end = 0
        cuts: list[int] = []
        begun: list[int] = []
        for member in with_logs:
            these = slice(end, end := end + len(member.cuts))
            if member.cuts != cuts:  # else one object for all
                cuts = member.cuts
                begun = [start + cut_us for cut_us in cuts]
            found.append(
                Lives(
                    {},
                    begun,
                    member.commits,
                    member.reached,
                    cuts,
                    finished[these],
                    landed[these],
                    hashed[these],
                    restored[these],
                )
            )
        return found

    # ---- spot checks
    def _usual(self, member: Member) -> bool:
        """Return whether the machine answers the member's first log with the usual commands."""
        db, at_us = member.db, member.due_us
        _, lsn = self._lane.primary.written_at(db, at_us)
        size = lsn - member.state.redo_lsn
        return self._lane.spot.usual(db, size, at_us)

    def _spots(self, member: Member) -> Spots | None:
        rung = [
            max(0, bisect_right(member.cuts, ring.at_us) - 1)
            for ring in member.rings
        ]
        return self._lane.spot.choose(member.db, len(member.cuts), rung)

    def _look(
        self,
        members: list[Member],
        spots: list[Spots | None],
        lives: list[Lives],
        left: list[Left],
    ) -> None:
        """Compare the sampled lives with the rows, which were written member after member."""
        first_log = -sum(map(len, lives))
        first_ring = -sum(len(member.rings) for member in members)
        sampled = iter(zip(spots, lives, left, strict=True))
        for member in members:
            if member.cuts:
                some, its_lives, its = next(sampled)
                if some is not None and not self._lane.spot.closed:
                    self._lane.spot.look(
                        some,
                        its_lives,
                        its,
                        Written(first_log, first_ring, len(member.rings)),
                    )
                first_log += len(its_lives)
            first_ring += len(member.rings)


def _limits_us(scenario: Scenario) -> tuple[int, int]:
    """Return how long after its cut, and after its landing, a log may be restored without anybody
    noticing that its database has cut another one meanwhile: neither the recovery manager, which
    looks at the age of a log and at one that waits (lag.py, progress.py), nor the monitor.
    """
    late_us, stuck_us = scenario.replay.age_us, NEVER_US
    for database in scenario.databases:
        if database.log.kind != "none":
            config = monitor_config(scenario, database)
            late_us = min(late_us, config.restore_us - config.interval_us)
            stuck_us = min(stuck_us, longest_gap_us(database.log))
    return late_us, stuck_us


def _comes_first(members: Sequence[Member], limit_us: int) -> bool:
    """Return whether the only database whose log is due now cuts its next one, too, before any
    other database does.
    """
    first, *others = sorted(members, key=lambda member: member.due_us)
    other_us = min((member.due_us for member in others), default=limit_us)
    if other_us == first.due_us:
        return False
    log = first.db.spec.log
    again_us = first.due_us + log.interval_us
    return other_us >= min(
        limit_us, again_us if log.interval_us else limit_us
    )


def _note(wave: Wave, stream: CutStream, number: int) -> int:
    """Note the logs of a wave with their members; return the instant at which it begins."""
    landing_keys = iter(wave.landing_keys)
    begins_us = -1
    for _ in wave.cuts:
        batch = stream.take()
        if begins_us < 0:
            begins_us = batch.at_us
        for member, commits, reached in zip(
            batch.members, batch.commits, batch.reached, strict=True
        ):
            member.cuts.append(batch.at_us)
            member.commits.append(commits)
            member.reached.append(reached)
            member.waves.append(number)
            member.landing_keys.append(4 * begins_us + next(landing_keys))
    return begins_us
