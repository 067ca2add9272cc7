"""Fencing: it makes certain that the old primary has stopped. The order is repeated, and alerts are
raised (R14 to R16).

Theory of operation. Knowledge about the old primary is durable, and a possible outcome counts as
real: before an order to stop is sent, its outcome is stored as unknown for a later incarnation. An
answer confirms it. If the order was never delivered (unreachable), the earlier knowledge holds
again. Without an answer it stays unknown, because the order may have been obeyed. A failed fence is
requested again at every retry until it is confirmed. If the old primary is alive, two primaries may
accept writes. An alert reports this each time until users are redirected here, and again when one
of its machines answers after the databases were brought online here (event 13), even if that
happened while the manager was down. Then the fence is requested at once.
"""

from __future__ import annotations

from dr_sim.machines import CancelAlarm, Command, Event, Phase, SetAlarm
from dr_sim.recovery import events
from dr_sim.recovery.alerts import alert_texts as texts
from dr_sim.recovery.alerts.alerts import (
    AlertBook,
    AlertId,
    Danger,
    Message,
)
from dr_sim.recovery.events import NotFenced
from dr_sim.recovery.failover.failover_table import (
    FENCE,
    FenceEvent,
    FenceStatus,
)
from dr_sim.recovery.timers import Timer

_STORED = {  # a question that was out when it was stored has an unknown outcome for its reader
    FenceStatus.ASKED: FenceStatus.UNKNOWN,
    FenceStatus.ASKED_AGAIN: FenceStatus.UNKNOWN,
}
_FAILED = {
    NotFenced.UNREACHABLE: FenceEvent.UNREACHABLE,
    NotFenced.NO_ANSWER: FenceEvent.NO_ANSWER,
}


class Fencing:
    """The fence around the old primary. alerts: those of the service as a whole. left_stopped: it
    was ordered to serve again, and its machines fell silent before it did.
    """

    __slots__ = ("_phase", "alerts", "left_stopped")

    def __init__(
        self,
        alerts: AlertBook,
        status: FenceStatus = FenceStatus.OPEN,
        left_stopped: bool = False,
    ) -> None:
        self.alerts = alerts
        self.left_stopped = left_stopped
        self._phase = Phase(FENCE, status)

    @property
    def open(self) -> bool:
        """Return whether no order to stop can have arrived."""
        return self._phase.state is FenceStatus.OPEN

    @property
    def asked(self) -> bool:
        """Return whether this incarnation awaits an answer."""
        return self._phase.state in (
            FenceStatus.ASKED,
            FenceStatus.ASKED_AGAIN,
        )

    @property
    def confirmed(self) -> bool:
        return self._phase.state is FenceStatus.CONFIRMED

    @property
    def two_told(self) -> bool:
        """Return whether people know that two primaries may accept writes."""
        return Danger.TWO_PRIMARIES in self.alerts.begun

    @property
    def stored(self) -> FenceStatus:
        """Return the status as it is stored."""
        return _STORED.get(self._phase.state, self._phase.state)

    def ask(self) -> None:
        """Note that the order to stop is about to be sent."""
        self.left_stopped = False
        self._phase.move(FenceEvent.ASKED)

    def lifts(self) -> None:
        """Note that an order to serve again is about to be sent."""
        self.left_stopped = False
        self._phase.move(FenceEvent.LIFTS)

    def stays(self) -> None:
        """Note that its machines fell silent before it served again."""
        self.left_stopped = True

    def lifted(self) -> None:
        """Note that the old primary takes writes again."""
        self._phase.move(FenceEvent.LIFTED)

    def answered(
        self, e: events.Fenced | events.FenceFailed, out: list[Command]
    ) -> None:
        if isinstance(e, events.Fenced):
            self._phase.move(FenceEvent.FENCED)
            self.over(out)
        else:
            self._phase.move(_FAILED[e.reason])

    def leave(self) -> None:
        """Wait for no answer: the failover is left to another copy."""
        if self.asked:
            self._phase.move(FenceEvent.LEFT)

    def over(self, out: list[Command]) -> None:
        """End the alerts: the danger is over."""
        if self.alerts.begun:
            out.append(CancelAlarm("", Timer.FENCE))
        for danger in (Danger.FENCE, Danger.TWO_PRIMARIES):
            self.alerts.over(danger, out)

    # ---- telling
    def tell_failed(
        self,
        e: events.FenceFailed,
        minutes: int,
        serving: bool,
        out: list[Command],
    ) -> None:
        """Report that the fence could not be confirmed. serving: users have been sent here; while
        nothing is heard of the old primary its silence endangers nobody.
        """
        if not serving or self.two_told:
            alert = Message(
                AlertId.NOT_FENCED, minutes, texts.not_fenced_text(e.reason)
            )
            self.alerts.tell(e, Danger.FENCE, alert, out)

    def ask_again_at(self, mono_us: int, out: list[Command]) -> None:
        out.append(SetAlarm("", Timer.FENCE, mono_us))

    def tell_two_primaries(
        self, e: Event, machine: str, minutes: int, out: list[Command]
    ) -> None:
        text = texts.two_primaries_text(machine)
        alert = Message(AlertId.TWO_PRIMARIES, minutes, text)
        self.alerts.tell_once(e, Danger.TWO_PRIMARIES, alert, out)

    def tell_goes_back(
        self, e: Event, minutes: int, why: str, out: list[Command]
    ) -> None:
        """Report once that a failover is left, and that the old primary is to serve again."""
        alert = Message(
            AlertId.GOES_BACK, minutes, texts.goes_back_text(why)
        )
        self.alerts.tell_once(e, Danger.GOES_BACK, alert, out)

    def tell_not_unfenced(
        self, e: events.UnfenceFailed, minutes: int, out: list[Command]
    ) -> None:
        text = texts.not_unfenced_text(e.reason)
        alert = Message(AlertId.NOT_UNFENCED, minutes, text)
        self.alerts.tell(e, Danger.NOT_UNFENCED, alert, out)

    def tell_nothing_here(
        self, e: Event, minutes: int, out: list[Command]
    ) -> None:
        """Report that the primary is silent, and that nothing here could be brought online."""
        alert = Message(
            AlertId.NOTHING_HERE, minutes, texts.nothing_here_text()
        )
        self.alerts.tell(e, Danger.NOTHING_HERE, alert, out)

    def tell_heard_again(
        self, e: Event, minutes: int, goes_on: bool, out: list[Command]
    ) -> None:
        """Report once that a machine is heard again; this is no danger that lasts."""
        alert = Message(
            AlertId.HEARD_AGAIN, minutes, texts.heard_again_text(goes_on)
        )
        self.alerts.tell_once(e, Danger.HEARD_AGAIN, alert, out)
