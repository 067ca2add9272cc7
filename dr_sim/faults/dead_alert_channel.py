"""Alerts and pages are sent and reach nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import ALL, EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class DeadAlertChannel(Params):
    duration: Law


def happen(event: Occurrence, params: DeadAlertChannel) -> None:
    pairs = event.world.together if event.of_all else [event.world]

    def add(n: int) -> None:
        for pair in pairs:
            pair.hands.people.dead_channels += n

    event.for_a_time(
        params.duration,
        lambda: add(1),
        lambda: add(-1),
        "alerts reach nobody",
    )


KIND = EventKind(
    "dead_alert_channel",
    DeadAlertChannel,
    "duration",
    True,
    "a mail server rejects mail, a pager is off, or a monitor is down: "
    "alerts that are raised during this time do not count",
    "operators' threads: the monitor itself down, mail rejected",
    happen,
    place=lambda params: "alerts",
    affects=lambda params: ALL,
    draws=lambda r, db: "2 h",
)
