"""Is the old primary stopped for certain? Fencing: asked, asked again, and told (R14 to R16).

Theory of operation. What is known of the old primary is durable, and what might be is counted as
known: before an order to stop is sent its outcome becomes UNKNOWN. An answer confirms it; where the
order was never delivered ('unreachable') what was known before holds again; 'no answer' leaves it
open, the order may have been obeyed. A fence that failed is asked for again at every retry until it
is confirmed. If the old primary lives, two may accept writes: that is told each time until users
are sent here, and again from the instant at which a machine of it is heard again after the
databases were brought online here (event 13). Then the fence is asked for at once.
"""

from __future__ import annotations

from dr_sim.recovery import events
from dr_sim.recovery.alerts import (
    HEARD_AGAIN,
    NOT_FENCED,
    TWO_PRIMARIES,
    AlertBook,
    heard_again_text,
    not_fenced_text,
    two_primaries_text,
)
from dr_sim.recovery.commands import CancelAlarm, Command, SetAlarm

OPEN, UNKNOWN, CONFIRMED = "open", "unknown", "confirmed"
"""No order to stop can have arrived; one may have; the old primary has said so or is known to be
off.
"""

UNREACHABLE = "unreachable"


class Fencing:
    """status: one of the three. asked: an answer to this incarnation is out; before: the status
    before that question.
    """

    __slots__ = ("alerts", "asked", "before", "retry_us", "status")

    def __init__(self, alerts: AlertBook, retry_us: int) -> None:
        self.alerts = alerts
        self.retry_us = retry_us
        self.status = OPEN
        self.before = OPEN
        self.asked = False

    @property
    def confirmed(self) -> bool:
        return self.status == CONFIRMED

    def about_to_ask(self) -> None:
        """The status to be saved before the order is sent."""
        self.before, self.asked = self.status, True
        if not self.confirmed:
            self.status = UNKNOWN

    def answered(self, e: events.Fenced | events.FenceFailed, out: list[Command]) -> None:
        self.asked = False
        if isinstance(e, events.Fenced):
            self.status = CONFIRMED
            self.over(out)
        elif e.reason == UNREACHABLE:
            self.status = self.before

    def over(self, out: list[Command]) -> None:
        """Nobody needs to be told any longer."""
        if self.alerts.begun:
            out.append(CancelAlarm("", "fence"))
        for danger in ("fence", "two primaries"):
            self.alerts.clear(danger, out)

    # ---- telling
    def tell_failed(
        self, e: events.FenceFailed, minutes: int, after_us: int, serving: bool, out: list[Command]
    ) -> None:
        """It could not be confirmed: asked again after so long, and told. serving: users have been
        sent here, and as long as nothing is heard of the old primary its silence endangers nobody.
        """
        if not serving or "two primaries" in self.alerts.begun:
            text = not_fenced_text(e.reason)
            self.alerts.tell(e.mono_us, e.utc_us, "fence", NOT_FENCED, minutes, "", text, out)
        out.append(SetAlarm("", "fence", e.mono_us + after_us))

    def tell_two_primaries(self, e: events.HeartbeatBack, minutes: int, out: list[Command]) -> None:
        text = two_primaries_text(e.machine)
        self.alerts.tell(
            e.mono_us, e.utc_us, "two primaries", TWO_PRIMARIES, minutes, "", text, out
        )

    def tell_heard_again(
        self, e: events.Event, minutes: int, goes_on: bool, out: list[Command]
    ) -> None:
        """A message, not a danger that lasts."""
        text = heard_again_text(goes_on)
        self.alerts.tell(e.mono_us, e.utc_us, "heard again", HEARD_AGAIN, minutes, "", text, out)
        self.alerts.clear("heard again", out)
