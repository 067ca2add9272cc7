"""Tells what a failover was to the users of some of the databases: of a tenant's, or of a single
one.

Their outage goes from the first instant at which less than 99 % of the requests to those databases
succeed until the first from which 99 % succeed again. With a database among them that nobody
brought online they are not served again: their outage is unknown, and at least as long as the run,
whatever the others get.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dr_sim.measures.outcome.outcome import (
    DatabaseLoss,
    FailoverOutcome,
    exact,
    lacking,
)
from dr_sim.measures.outcome.phases import lengths_us, phase_spans
from dr_sim.measures.outcome.served import Served, served, served_by
from dr_sim.measures.tables import Tables, run_end_us
from dr_sim.scenario.model import Scenario


@dataclass(slots=True)
class PartOutcome:
    """The outcome of one failover. outage_us is 0 for users who lost nothing (outage_from_us None),
    None if it is unknown.
    """

    databases: list[int]
    outage_from_us: int | None
    served_again_us: int | None
    phases_us: dict[str, int]
    data_loss_us: (
        int | None
    )  # of the worst of the databases; None: one of them is unknown

    @property
    def outage_us(self) -> int | None:
        if self.outage_from_us is None:
            return 0
        return (
            None
            if self.served_again_us is None
            else self.served_again_us - self.outage_from_us
        )


def part_outcome(
    t: Tables,
    scenario: Scenario,
    f: FailoverOutcome,
    databases: Sequence[int],
) -> PartOutcome:
    """Requests are offered evenly to the databases."""
    mine = [loss for loss in f.losses if loss.database in databases]
    losses = [loss.data_loss_us for loss in mine]
    known = [loss for loss in losses if loss is not None]
    worst = max(known) if len(known) == len(losses) else None
    return PartOutcome(
        list(databases),
        *_outage(t, scenario, f, served_by(t, scenario, databases), mine),
        worst,
    )


def database_outcomes(
    t: Tables, scenario: Scenario, f: FailoverOutcome
) -> list[PartOutcome]:
    """Return the outcome of every database by itself. Those whose users got the same, and were
    brought online together, are worked out once.
    """
    if (
        len(scenario.databases) == 1
    ):  # the service, of which alone there are records
        return [
            PartOutcome(
                [0],
                f.outage_from_us,
                f.served_again_us,
                f.phases_us,
                f.data_loss_us,
            )
        ]
    worked_out: dict[
        object, tuple[int | None, int | None, dict[str, int]]
    ] = {}
    found = []
    for loss in f.losses:
        s = served(t, scenario, loss.database)
        key = tuple(s.lines), loss.promoted_us
        if key not in worked_out:
            worked_out[key] = _outage(t, scenario, f, s, [loss])
        found.append(
            PartOutcome(
                [loss.database], *worked_out[key], loss.data_loss_us
            )
        )
    return found


def _outage(
    t: Tables,
    scenario: Scenario,
    f: FailoverOutcome,
    s: Served,
    losses: Sequence[DatabaseLoss],
) -> tuple[int | None, int | None, dict[str, int]]:
    """(from when, until when, by phase)."""
    end = run_end_us(t, scenario)
    begin = s.first_below(f.outage_from_us)
    if f.by_itself:  # what comes later is another outage
        end = min(end, f.until_us + 1)
        begin = None if begin is None or begin >= f.until_us else begin
    again = None if begin is None else exact(t, s.again(begin, end))
    spans = (
        []
        if begin is None
        else phase_spans(
            t,
            scenario,
            begin,
            end if again is None else again,
            lacking(s, losses),
        )
    )
    return begin, again, lengths_us(spans)
