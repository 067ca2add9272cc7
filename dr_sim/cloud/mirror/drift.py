"""Drift as the manager believes it is: it says when that changes, and tells somebody when it is
beyond its limit.
"""

from __future__ import annotations

from dr_sim.cloud.commands import Notify, ReportDrift
from dr_sim.cloud.out import Out
from dr_sim.cloud.texts import counted
from dr_sim.cloud.words import Notice
from dr_sim.machines import SetAlarm

LIMIT = "limit"


class DriftWatch:
    """The drift of one network. retry_us: how often an alert is repeated."""

    def __init__(self, network: str, limit_us: int, retry_us: int) -> None:
        self._network = network
        self._limit_us = limit_us
        self._retry_us = retry_us
        self._reported = (0, 0)
        self._alarm_set = False

    def report(self, behind: tuple[int, int], out: Out) -> None:
        """behind: since when, and by how many changes."""
        if behind != self._reported:
            self._reported = behind
            out.commands.append(ReportDrift(self._network, *behind))
            self.arm(out)

    def arm(self, out: Out) -> None:
        """Set the alarm at the limit, if there is drift and none is set."""
        since = self._reported[0]
        if since and not self._alarm_set:
            wait = max(0, since + self._limit_us - out.utc_us)
            self._set_alarm(out.mono_us + wait, out)

    def rings(self, out: Out) -> None:
        """Tell somebody of drift beyond the limit, and again at every retry."""
        self._alarm_set = False
        since, changes = self._reported
        if since and out.utc_us - since >= self._limit_us:
            out.commands.append(
                Notify(
                    self._network,
                    Notice.DRIFT,
                    counted(changes, "change"),
                    since,
                )
            )
            self._set_alarm(out.mono_us + self._retry_us, out)
        else:
            self.arm(out)

    def _set_alarm(self, at_us: int, out: Out) -> None:
        self._alarm_set = True
        out.commands.append(SetAlarm(self._network, LIMIT, at_us))
