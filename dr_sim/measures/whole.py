"""All legs of a run, in the run's own time: curves of exposure, true and reported, and of replay
lag.

Exposure is defined for all the time in which a primary takes writes: from the start to the failure,
from each promotion on to the next failure; in between nothing can be lost any more, and the time
counts for nothing. While nothing stands behind a new primary, a failure would cost the whole
history, as it costs where it comes; but what a place of an earlier role still holds
(elsewhere.py): an old primary that was stopped and whole holds all up to the promotion. That ends
when the new network's first full has landed whole (for failures of class host and database: when a
full lies in the new primary's own share), and never where no new secondary ever comes. The
service at an instant is its worst database of those that are online in that leg. Where there are
several standbys it is that of the best of them at each instant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from dr_sim.measures.cloud import cloud
from dr_sim.measures.exposure.elsewhere import held_at_the_end_us
from dr_sim.measures.exposure.exposure import (
    Curve,
    empty_curve,
    joined,
    true_exposure,
    worst,
)
from dr_sim.measures.exposure.lag import replay_lag
from dr_sim.measures.exposure.reported import reported_exposure
from dr_sim.measures.legs import Leg, legs_of
from dr_sim.measures.outage_now.best import best, best_falling
from dr_sim.measures.outage_now.directory import directory_wait
from dr_sim.measures.outage_now.falling import (
    Falling,
    beyond,
    joined_falling,
    no_curve,
    raised,
)
from dr_sim.measures.outage_now.outage_now import (
    outage_if_now,
    outage_of_service,
)
from dr_sim.measures.outage_now.reported_outage import (
    reported_outage,
    reported_outage_of_service,
)
from dr_sim.measures.outage_now.way_over import NO_WAY_US, SITE
from dr_sim.measures.tables import (
    Tables,
    down_for_a_while_us,
    run_end_us,
    service_up_until_us,
)
from dr_sim.record.journal import Journal
from dr_sim.scenario.keys.standbys import several
from dr_sim.scenario.model import Scenario

AnyCurve = Curve | Falling
Measure = Callable[[Tables, Scenario, int], Curve]


class Whole:
    """A run's legs, opened. Its curves are those of the worst of all databases, of one, or of the
    worst of a tenant's.
    """

    def __init__(
        self,
        legs: Sequence[Leg],
        scenario: Scenario | None = None,
        journal: Journal | None = None,
    ) -> None:
        """scenario: that of the run; None: as the first leg's standby sees it. journal: of the run;
        None: the first leg's.
        """
        self.legs = list(legs)
        self.journal = self.legs[0].journal if journal is None else journal
        self.opened = [leg.tables for leg in self.legs]
        self.each = list(zip(self.legs, self.opened, strict=True))
        # of other standbys in the same time, by leg
        self._beside: list[list[tuple[Leg, Tables]]] = []
        for one in self.legs:
            self._beside.append([(leg, leg.tables) for leg in one.beside])
        self.scenario = scenario or self.legs[0].scenario
        self.end_us = run_end_us(self.opened[0], self.scenario)
        # by leg, the standby's place in the order, measure and database
        self._kept: dict[tuple[int, int, str, int], Curve] = {}
        # by leg, the standby's place in the order, and database
        self._outages: dict[tuple[int, int, int, str], Falling] = {}
        # what a failover would wait for a cloud manager, by standby and class of failure
        self._waits: dict[tuple[str, str], Falling] = {}

    @classmethod
    def of(cls, journal: Journal, scenario: Scenario) -> Whole:
        """A run, from its journal."""
        return cls(legs_of(journal, scenario), scenario, journal)

    def at(self, leg: Leg) -> list[tuple[Leg, Tables]]:
        """A leg as each of its standbys has recorded it: first the one that took over, if any."""
        return [self.each[leg.number - 1], *self._beside[leg.number - 1]]

    @cached_property
    def of_cloud(self) -> Tables:
        """The rows of the preferred standby of the first leg: a cloud manager's are among them."""
        each = self.at(self.legs[0])
        return min(each, key=lambda one: one[0].scenario.rank)[1]

    @property
    def every(self) -> list[tuple[Leg, Tables]]:
        """All legs of all standbys."""
        return [one for leg in self.legs for one in self.at(leg)]

    def after(self, leg: Leg) -> tuple[Leg, Tables] | None:
        """The leg that follows that one."""
        return (
            self.each[leg.number] if leg.number < len(self.each) else None
        )

    def until_us(self, leg: Leg) -> int:
        """Return when the next leg begins, or the run ends; in the run's time."""
        following = self.after(leg)
        return self.end_us if following is None else following[0].begins_us

    def still_in(self, leg: Leg, time_us: int) -> bool:
        """Return whether an instant of a leg's time is before the next one begins: its world is
        played on to the run's end.
        """
        following = self.after(leg)
        return (
            following is None
            or leg.begins_us + time_us < following[0].begins_us
        )

    def exposure(
        self,
        database: str = "",
        failure_class: str = "site",
        tenant: str = "",
    ) -> Curve:
        return self._over(
            *_exposure(failure_class), (database, tenant), alone=True
        )

    @cached_property
    def first_failure_us(self) -> int:
        """Return when the first of the databases took no more writes at the first primary, even if
        it came back by itself; the run's end if none ever did.
        """
        t = self.opened[0]
        fell: list[int] = t["truth.down"]["time_us"][:1].tolist()
        lost: list[int] = t["truth.failed"]["time_us"][:1].tolist()
        return min([service_up_until_us(t, self.scenario), *fell, *lost])

    def curve(
        self,
        head: str,
        database: str = "",
        failure_class: str = "site",
        tenant: str = "",
    ) -> AnyCurve:
        """The curve that an SLA line means by its measure (CURVES in sla_measures.py), of the
        measured part of the run.
        """
        begin, end = self.scenario.measure_from_us, self.end_us
        if head == "outage_if_now":
            return self.outage_if_now(
                database, tenant, failure_class
            ).window(begin, end)
        if head == "drift":
            return self.drift().window(begin, end)
        if head == "provision_if_now":
            return self.provision_if_now().window(begin, end)
        if head == "replay_lag":
            return self.replay_lag(database, tenant).window(begin, end)
        found = self.exposure(database, failure_class, tenant)
        if head == "exposure_before":
            end = self.first_failure_us
        if head == "exposure_after":
            begin = max(begin, self.first_failure_us)
        return found.window(begin, end)

    def exposure_in(self, leg: Leg, failure_class: str = "site") -> Curve:
        """Return that of the service in one leg alone, in that leg's time."""
        return self._in_leg(leg, *_exposure(failure_class), ("", ""))

    def reported(self, database: str = "", tenant: str = "") -> Curve:
        """Return the reported exposure. Where there is no second side, everybody knows that there
        is none.
        """
        return self._over(
            "reported", reported_exposure, (database, tenant), alone=True
        )

    def replay_lag(self, database: str = "", tenant: str = "") -> Curve:
        """Return it for the time in which there is a copy at a secondary."""
        return self._over(
            "lag", replay_lag, (database, tenant), alone=False
        )

    def outage_if_now(
        self,
        database: str = "",
        tenant: str = "",
        failure_class: str = SITE,
    ) -> Falling:
        """Return it for the time in which a primary is up, so not while one that comes back by
        itself is down. Where no second side ever comes again, there is no way over. With a cloud
        manager it holds what a failover would wait for it, and for the directory.
        """
        found = [
            self._outage_in(leg, (database, tenant), failure_class).shifted(
                leg.begins_us
            )
            for leg in self.legs
        ]
        of = (database, tenant)
        found.append(self._no_way_again(of))
        return joined_falling(found).without(self._down_for_a_while(of))

    def _down_for_a_while(
        self, of: tuple[str, str]
    ) -> list[tuple[int, int]]:
        """Return when any of these databases was down and came back by itself."""
        found = []
        for leg, t in self.each:
            for i in _databases(leg.scenario, of):
                for begin, end in down_for_a_while_us(t, i):
                    found.append(
                        (leg.begins_us + begin, leg.begins_us + end)
                    )
        return sorted(found)

    def reported_outage(
        self, database: str = "", tenant: str = ""
    ) -> Falling:
        """Return what the recovery managers believe it to be, of the loss of the site. Where there
        is no second side, everybody knows that; what has to be done to the directory and by a cloud
        manager is known, too.
        """
        of = (database, tenant)
        found = [
            self._believed_in(leg, of).shifted(leg.begins_us)
            for leg in self.legs
        ]
        found.append(self._no_way_again(of))
        return joined_falling(found).without(self._down_for_a_while(of))

    def _believed_in(self, leg: Leg, of: tuple[str, str]) -> Falling:
        """Measure by the best standby at each instant."""
        found = []
        for one, t in self.at(leg):
            curves = [
                reported_outage(t, one.scenario, i)
                for i in _databases(one.scenario, of)
            ]
            believed = reported_outage_of_service(t, one.scenario, curves)
            found.append(self._with_wait(believed, (one, t)))
        known = [curve for curve in found if len(curve.start_us)]
        return best_falling(known[0], known[1:]) if known else no_curve()

    def _no_way_again(self, of: tuple[str, str]) -> Falling:
        """Return the time from the last promotion to the end of the run, where no leg follows it:
        no way over.
        """
        alone = self._never_again(of)
        if not alone.duration_us:
            return no_curve()
        stop = alone.stops_us()
        return Falling(
            alone.start_us,
            stop,
            np.full(len(stop), NO_WAY_US, np.int64),
            np.zeros(len(stop), np.int64),
        )

    def drift(self) -> Curve:
        """Return that of the configuration; while there are two sides."""
        return cloud.drift(self.of_cloud, self.scenario, self._two_sides())

    def reported_drift(self) -> Curve:
        """Return the drift that the cloud manager believes in."""
        return cloud.reported_drift(
            self.of_cloud, self.scenario, self._two_sides()
        )

    def provision_if_now(self, failure_class: str = SITE) -> Falling:
        """Return how long a failover to the second side would wait until that is configured."""
        return self._waits_at("", failure_class, self._two_sides())

    def _two_sides(self) -> list[tuple[int, int]]:
        """Return when configuration is mirrored from one side to another."""
        fails = [end_us for _, end_us in self._primary_is_up()]
        return cloud.both_sides_us(self.of_cloud, self.scenario, fails)

    def _primary_is_up(self) -> list[tuple[int, int]]:
        """Return when each primary serves: from the change of roles until it fails."""
        found = []
        for leg, t in self.each:
            up_us = service_up_until_us(t, leg.scenario)
            found.append((leg.begins_us, leg.begins_us + up_us))
        return found

    def _outage_at(
        self,
        one: tuple[Leg, Tables],
        database: int,
        failure_class: str = SITE,
    ) -> Falling:
        leg, t = one
        key = (leg.number, leg.scenario.rank, database, failure_class)
        if key not in self._outages:
            self._outages[key] = outage_if_now(
                t, leg.scenario, database, failure_class=failure_class
            )
        return self._outages[key]

    def _outage_in(
        self, leg: Leg, of: tuple[str, str], failure_class: str = SITE
    ) -> Falling:
        first, *others = [
            self._with_wait(
                self.outage_of_copy(one, of, failure_class),
                one,
                failure_class,
            )
            for one in self.at(leg)
        ]
        return best_falling(first, others)

    def outage_of_copy(
        self,
        one: tuple[Leg, Tables],
        of: tuple[str, str] = ("", ""),
        failure_class: str = SITE,
    ) -> Falling:
        """Return that of one standby in one leg, in that leg's time."""
        leg, t = one
        curves = [
            self._outage_at(one, i, failure_class)
            for i in _databases(leg.scenario, of)
        ]
        return outage_of_service(
            t, leg.scenario, curves, failure_class=failure_class
        )

    def time_over_to(
        self, one: tuple[Leg, Tables], failure_class: str = SITE
    ) -> Falling:
        """Return the outage by one standby in one leg, in that leg's time, with what a failover
        would wait for the directory and for a cloud manager.
        """
        curve = self.outage_of_copy(one, failure_class=failure_class)
        return self._with_wait(curve, one, failure_class)

    def _with_wait(
        self,
        curve: Falling,
        one: tuple[Leg, Tables],
        failure_class: str = SITE,
    ) -> Falling:
        """Return the outage by the standby of a leg, in that leg's time, with what a failover to it
        would wait for the directory and for a cloud manager, side by side.
        """
        leg, t = one
        entries = directory_wait(t, leg.scenario, curve, failure_class)
        waits = self.wait_for_cloud(leg, failure_class)
        waits = waits.shifted(-leg.begins_us)
        longer = beyond(entries, waits)
        return raised(raised(curve, waits), longer)

    def wait_for_cloud(
        self, leg: Leg, failure_class: str = SITE
    ) -> Falling:
        """Return how long a failover to the standby of a leg, or a restore from its store, would
        wait until its site is configured, in the run's time.
        """
        if self.scenario.cloud is None:
            return no_curve()
        is_store = leg.scenario.store is not None
        named = is_store or several(self.scenario)
        place = leg.secondary if named else ""
        key = (place, failure_class)
        if key not in self._waits:
            # a failover waits whether there are two sides or not
            self._waits[key] = self._waits_at(
                place, failure_class, self._primary_is_up()
            )
        return self._waits[key]

    def _waits_at(
        self, place: str, failure_class: str, spans: cloud.Spans
    ) -> Falling:
        return cloud.provision_if_now(
            self.of_cloud, self.scenario, spans, failure_class, place
        )

    def _over(
        self, what: str, measure: Measure, of: tuple[str, str], alone: bool
    ) -> Curve:
        found = [
            self._in_leg(leg, what, measure, of).shifted(leg.begins_us)
            for leg in self.legs
        ]
        return joined([*found, self._never_again(of)] if alone else found)

    def _in_leg(
        self, leg: Leg, what: str, measure: Measure, of: tuple[str, str]
    ) -> Curve:
        """Measure by the best standby at each instant."""
        first, *others = [
            self._of_copy(one, what, measure, of) for one in self.at(leg)
        ]
        return best(first, others)

    def exposure_of_copy(
        self, one: tuple[Leg, Tables], failure_class: str = "site"
    ) -> Curve:
        """Return that of one standby in one leg, in that leg's time."""
        return self._of_copy(one, *_exposure(failure_class), ("", ""))

    def lag_of_copy(self, one: tuple[Leg, Tables]) -> Curve:
        return self._of_copy(one, "lag", replay_lag, ("", ""))

    def _of_copy(
        self,
        one: tuple[Leg, Tables],
        what: str,
        measure: Measure,
        of: tuple[str, str],
    ) -> Curve:
        leg, t = one
        wanted = _databases(leg.scenario, of)
        which = leg.number, leg.scenario.rank, what
        for database in wanted:
            if (*which, database) not in self._kept:
                self._kept[*which, database] = measure(
                    t, leg.scenario, database
                )
        return worst(self._kept[*which, database] for database in wanted)

    def _never_again(self, of: tuple[str, str]) -> Curve:
        """Return the time from the last promotion to the end of the run, where no leg follows
        it.
        """
        leg, t = self.each[-1]
        wanted = _databases(leg.scenario, of)
        online = [r for r in t.rows("truth.promoted") if r.entity in wanted]
        since_us = leg.begins_us + max(
            (r.time_us for r in online), default=0
        )
        if (
            leg.scenario.new_secondary_us is not None
            or not online
            or since_us >= self.end_us
        ):
            return empty_curve(self.end_us)
        names = [leg.scenario.databases[i].name for i in wanted]
        lost_us = min(held_at_the_end_us(self.legs, name) for name in names)
        return Curve(
            np.array([since_us], np.int64),
            np.array([lost_us], np.int64),
            self.end_us,
        )


def _exposure(failure_class: str) -> tuple[str, Measure]:
    """Return the true exposure to a class of failure: under which name it is kept, and the
    measure.
    """

    def of(t: Tables, scenario: Scenario, i: int) -> Curve:
        return true_exposure(t, scenario, i, failure_class)

    return f"exposure {failure_class}", of


def _databases(scenario: Scenario, of: tuple[str, str]) -> list[int]:
    """Return those of a name ('': any) and a tenant ('': any)."""
    name, tenant = of
    return [
        i
        for i, d in enumerate(scenario.databases)
        if name in ("", d.name) and (not tenant or tenant in d.tenants)
    ]
