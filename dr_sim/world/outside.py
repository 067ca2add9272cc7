"""The monitor's server: a third machine that reads the histories of both sides and raises its own
alerts.

It is at neither side, so the loss of one side does not silence it. It keeps what it last read from
a lost primary. Nothing polls: the agenda has an entry only where an alert may become due. While
logs take the lanes they are restored at once, and there is no entry. `stir` sets one when a log
takes the ordinary steps. When no further log will come, one entry remains until the end. `turn`
looks again when something happens that can make an alert due at once: an event, the death of the
recovery manager, the restore of a full, a long backup. The records are the same with and without
the lanes, because an entry that finds nothing writes no row.
"""

from __future__ import annotations

from collections.abc import Mapping

from dr_sim.monitor.database import (
    SOURCE,
    DatabaseMonitor,
    MonitorConfig,
    Sight,
)
from dr_sim.scenario.model import DatabaseSpec, Scenario
from dr_sim.scenario.schedule import longest_gap_us
from dr_sim.world.hands.people import PeopleHands
from dr_sim.world.kernel.agenda import Class, Entry
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.primary import Primary
from dr_sim.world.secondary.oldest_missing import OldestMissing
from dr_sim.world.secondary.secondary import Secondary


def monitor_config(
    scenario: Scenario, database: DatabaseSpec
) -> MonitorConfig:
    """Return the monitor's configuration. A threshold shorter than the schedule would alert
    constantly: then it counts from when the next backup is due.
    """
    spec, replay = scenario.monitor, scenario.replay
    logs = database.log.kind != "none"
    schedules = (
        [database.log] if logs else [database.full, database.incremental]
    )
    interval = min(
        (longest_gap_us(s) for s in schedules if s.kind != "none"),
        default=0,
    )

    def threshold(us: int) -> int:
        return us if interval < us else interval + us

    restore_us = (
        threshold(spec.restore_threshold_us)
        + replay.delay_us
        + replay.every_us
    )
    return MonitorConfig(
        name=database.name,
        backup_us=threshold(spec.backup_threshold_us),
        restore_us=restore_us,
        every_us=spec.every_us,
        repeat_us=spec.repeat_us,
        critical_after_us=replay.critical_after_us,
        interval_us=interval,
        logs=logs,
        postgres=scenario.engine.postgres_rules,
    )


class Outside:
    """The monitor's alert job. Databases without any backup schedule are not watched."""

    def __init__(
        self,
        context: Context,
        primary: Primary,
        secondary: Secondary,
        people: PeopleHands,
        online_us: Mapping[int, int],
    ) -> None:
        """online_us: when each database was brought online at the secondary, if it was."""
        self._context = context
        self._primary = primary
        self._secondary = secondary
        self._people = people
        self._online_us = online_us
        self._monitors: dict[int, DatabaseMonitor] = {}
        self._entries: dict[
            int, tuple[int, Entry]
        ] = {}  # the instant and the entry on the agenda
        self._missing: dict[int, OldestMissing] = {}

    def retire(self) -> None:
        """Stop: there is nothing to watch any more."""
        for _, entry in self._entries.values():
            entry.cancel()
        self._entries.clear()
        self._monitors.clear()

    def start(self) -> None:
        """Start: both sides are in place from now on."""
        scenario, now = self._context.scenario, self._context.now_us
        for index, database in enumerate(scenario.databases):
            config = monitor_config(scenario, database)
            if (
                not config.interval_us
                or self._primary.databases[index].failed
            ):
                continue
            self._monitors[index] = DatabaseMonitor(config, now)
            files = self._context.by_name[index]
            self._missing[index] = OldestMissing(files, config.logs)
            if self._context.secondary_engine.state(database.name).exists:
                # the copy was seeded from it
                self._secondary.last_restored.setdefault(index, (now, now))

    def stir(self, database: int = -1) -> None:
        """Note that a database, or (-1) any, is not as usual: an alert may become due."""
        for index in [database] if database >= 0 else list(self._monitors):
            if index in self._monitors and index not in self._entries:
                self._plan(index)

    def rest(self, database: int) -> None:
        """Drop the entry of a database whose next log takes a lane, if nothing is up: it would find
        nothing, and no lane goes beyond it.
        """
        if database not in self._entries:
            return
        monitor = self._monitors[database]
        if monitor.flows(self._context.now_us, self._sight(database)):
            _, entry = self._entries.pop(database)
            entry.cancel()

    def turn(self, database: int = -1) -> None:
        """Look again: the histories may have changed at once, not by time passing, and an alert may
        be due earlier.
        """
        for index in [database] if database >= 0 else list(self._monitors):
            if index in self._monitors:
                self._plan(index)

    def _plan(self, index: int, sight: Sight | None = None) -> None:
        """Put an entry where the next alert may be due, unless there is one before it. sight: what
        is seen now, if that is known.
        """
        now = self._context.now_us
        if sight is None:
            sight = self._sight(index)
        at = self._monitors[index].next_us(now, sight)
        if index in self._entries:
            before_us, entry = self._entries[index]
            if before_us <= at:
                return
            entry.cancel()
        self._entries[index] = (
            at,
            self._context.agenda.at(
                at, Class.HOUSEKEEPING, index, self._look, index
            ),
        )

    def _look(self, index: int) -> None:
        del self._entries[index]
        monitor, now = self._monitors[index], self._context.now_us
        name = monitor.config.name
        if index in self._online_us:
            # it has been promoted: log shipping between the two has ended, even if that site has
            # been lost since
            del self._monitors[index]
            return
        state = self._context.secondary_engine.state(name)
        sight = self._sight(index)
        if state.exists and not state.restoring:
            # somebody has brought it online by mistake: it is no secondary before it is restored
            self._plan(index, sight)
            return
        alerts = monitor.look(now, sight)
        somebody_acts = bool(alerts and self._people.on_alert)
        for alert in alerts:
            values = (
                SOURCE,
                name,
                alert.event_id,
                alert.level,
                alert.minutes,
                "",
                alert.text,
            )
            self._context.note("seen.MonitorAlert", index, *values)
            self._people.deliver(index)
        if self._primary.stands(index) or not monitor.flows(now, sight):
            # whoever was alerted may have done something
            self._plan(index, None if somebody_acts else sight)

    def _sight(self, index: int) -> Sight:
        restored_us, up_to_us = self._secondary.last_restored.get(
            index, (-1, -1)
        )
        missing = self._missing_us(index, up_to_us)
        return Sight(
            self._primary.last_finished_us.get(index, -1),
            restored_us,
            up_to_us,
            missing,
        )

    def _missing_us(self, index: int, up_to_us: int) -> int:
        """Return the instant up to which the oldest finished backup that is not restored holds the
        writes.
        """
        context = self._context
        state = context.secondary_engine.state(
            context.scenario.databases[index].name
        )
        return self._missing[index].look(up_to_us, state.redo_lsn)
