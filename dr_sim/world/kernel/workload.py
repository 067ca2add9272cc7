"""Users' writes as an exact function of time: log bytes, commits and the instant of each commit,
with no event per commit.

User log volume U(t) is the number of log bytes begun before t: periodic, piecewise linear between
whole byte counts, rounded up. Commit n (n = 0, 1, ...) begins at byte pos(n) = ceil(n * bytes per
transaction) and is acknowledged at t_n = max{t : U(t) <= pos(n)}. Then a log cut at t holds commit
n exactly if t_n < t, which is pos(n) < U(t): a cut's commits are known from bytes alone.
Maintenance (index rebuilds) writes log M(t) that carries no user's commit. The LSN at t is U(t) +
M(t).

While a log is full nothing is written and no commit is acknowledged: what was offered in such a gap
is left out of U, M and the commits, and everything after it follows with the numbers that it would
have had. Then t_n is still the last instant at which U holds no more than pos(n) bytes.

After a failover the numbers continue where the new primary began: what is written from since_us on
comes on top of what was there before, and what was offered before since_us is left out. A commit
that was there before counts as acknowledged at since_us; unless a copy catches up on what was
written before (Before), then it has the instant that it really had.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dr_sim.scenario.model import DatabaseSpec, LogVolume, Scenario
from dr_sim.units import HOUR_US, WEEK_US
from dr_sim.world.kernel.agenda import NEVER_US

# Relative write load by local hour of a working day, and of a day at the weekend (assumed: an
# office's database, busy from 8 to 18 with a dip at noon, batch work at night). Only the shape
# counts, the mean is the scenario's.
_WORKING_DAY = (
    2,
    2,
    3,
    3,
    2,
    2,
    3,
    6,
    12,
    16,
    17,
    16,
    12,
    14,
    16,
    16,
    14,
    10,
    6,
    4,
    3,
    3,
    2,
    2,
)
_WEEKEND = (
    2,
    2,
    3,
    3,
    2,
    2,
    2,
    2,
    3,
    3,
    4,
    4,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    3,
    2,
    2,
    2,
)


@dataclass(slots=True)
class _Gap:
    """A gap: nothing was written in [begin_us, end_us). at_byte: the value of U; the others: left
    out by the gap's end, in all gaps so far.
    """

    begin_us: int
    end_us: int
    at_byte: int
    user_bytes: int
    maintenance_bytes: int


@dataclass(frozen=True, slots=True)
class Before:
    """The writes before a change of roles: those at the primary before, up to until_us.
    first_commit: of those from that one on it matters when they were acknowledged.
    """

    workload: Workload
    until_us: int
    first_commit: int = 0

    def part(self, t: int) -> int:
        """Return that instant, or the last one of which the new primary holds the writes."""
        return min(t, self.until_us)


class Workload:
    """One database's writes."""

    __slots__ = (
        "_before",
        "_bursts",
        "_bytes",
        "_commits_before",
        "_cum",
        "_gaps",
        "_last_ack",
        "_lengths",
        "_lsn_before",
        "_open",
        "_period_us",
        "_since_bytes",
        "_since_us",
        "_starts",
        "_steady",
        "_tx_den",
        "_tx_num",
    )

    def __init__(
        self,
        database: DatabaseSpec,
        scenario: Scenario,
        commits_before: int = 0,
        lsn_before: int = 0,
        since_us: int = 0,
        before: Before | None = None,
    ) -> None:
        """before: where a copy catches up on what was written before since_us."""
        self._before = before
        self._commits_before, self._lsn_before = commits_before, lsn_before
        self._since_us, self._since_bytes = 0, 0
        volume = database.log_volume
        self._starts, self._lengths, self._cum = segments(volume, scenario)
        self._period_us = self._starts[-1] + self._lengths[-1]
        self._bytes = self._cum[-1]
        # bytes per transaction = (bytes / period) / (transactions / den) as a ratio of integers
        self._tx_num = self._bytes * database.transactions_den_us
        self._tx_den = database.transactions_num * self._period_us
        self._steady = len(self._starts) == 1
        self._bursts: list[tuple[int, int, int]] = []
        # transactions: begin, bytes, how long they write, are open
        self._open: list[tuple[int, int, int, int]] = []
        self._gaps: list[_Gap] = []
        self._last_ack = (-1, 0)
        if since_us:
            self._since_us, self._since_bytes = (
                since_us,
                self._offered_bytes(since_us),
            )

    def add_burst(
        self, at_us: int, log_bytes: int, over_us: int, open_us: int
    ) -> None:
        """Add one transaction that writes that much log, evenly over that time (all at once if 0),
        and commits after open_us.
        """
        self._bursts.append((at_us, log_bytes, over_us))
        self._open.append((at_us, log_bytes, over_us, open_us))

    def undo_bytes(self, t: int) -> int:
        """Return what open transactions have written by t: a copy that ends there must undo it to
        come online.
        """
        if self._before is not None and t < self._since_us:
            return self._before.workload.undo_bytes(self._before.part(t))
        total = 0
        for at_us, log_bytes, over_us, open_us in self._open:
            done = t - at_us
            if 0 < done < open_us:
                total += (
                    log_bytes
                    if done >= over_us
                    else log_bytes * done // over_us
                )
        return total

    # ---- gaps
    def refuse_from(self, t: int) -> None:
        """Refuse writes from t on, until accept_from."""
        user, maintenance = (
            (self._gaps[-1].user_bytes, self._gaps[-1].maintenance_bytes)
            if self._gaps
            else (0, 0)
        )
        self._gaps.append(
            _Gap(t, NEVER_US, self.user_bytes(t), user, maintenance)
        )
        self._last_ack = (-1, 0)

    def accept_from(self, t: int) -> int:
        """Accept writes again; return how many commits were refused meanwhile."""
        gap = self._gaps[-1]
        gap.end_us = t
        before, after = (
            self._offered_bytes(gap.begin_us),
            self._offered_bytes(t),
        )
        gap.user_bytes += after - before
        gap.maintenance_bytes += self._offered_maintenance(
            t
        ) - self._offered_maintenance(gap.begin_us)
        self._last_ack = (-1, 0)
        return self._commits_in(after) - self._commits_in(before)

    def _left_out(self, t: int) -> tuple[int, int]:
        """Return the bytes of users and of maintenance that were offered before t and not
        written.
        """
        i = bisect_left(self._gaps, t, key=lambda gap: gap.begin_us) - 1
        if i < 0:
            return 0, 0
        gap = self._gaps[i]
        if t >= gap.end_us:
            return gap.user_bytes, gap.maintenance_bytes
        user, maintenance = (
            (
                self._gaps[i - 1].user_bytes,
                self._gaps[i - 1].maintenance_bytes,
            )
            if i
            else (0, 0)
        )
        return (
            user
            + self._offered_bytes(t)
            - self._offered_bytes(gap.begin_us),
            maintenance
            + self._offered_maintenance(t)
            - self._offered_maintenance(gap.begin_us),
        )

    # ---- bytes and commits by time
    def user_bytes(self, t: int) -> int:
        """Return U(t); before since_us it is negative, where that is known."""
        before = self._before
        if before is not None and t < self._since_us:
            written = before.workload.user_bytes
            return written(before.part(t)) - written(before.until_us)
        offered = self._offered_bytes(t)
        return offered - self._left_out(t)[0] if self._gaps else offered

    def maintenance_bytes(self, t: int) -> int:
        """Return M(t)."""
        before = self._before
        if before is not None and t < self._since_us:
            written = before.workload.maintenance_bytes
            return written(before.part(t)) - written(before.until_us)
        offered = self._offered_maintenance(t)
        return offered - self._left_out(t)[1] if self._gaps else offered

    def _offered_bytes(self, t: int) -> int:
        """Return U(t) without gaps."""
        if self._steady:
            offered = -(-self._bytes * t // self._period_us)
        else:
            periods, rest = divmod(t, self._period_us)
            j = bisect_right(self._starts, rest) - 1
            base = self._cum[j]
            step = self._cum[j + 1] - base
            begun = base - (
                -step * (rest - self._starts[j]) // self._lengths[j]
            )
            offered = periods * self._bytes + begun
        return (
            max(0, offered - self._since_bytes)
            if self._since_bytes
            else offered
        )

    def _offered_maintenance(self, t: int) -> int:
        """Return M(t) without gaps."""
        total = 0
        for at_us, log_bytes, over_us in self._bursts:
            done = t - at_us
            if done > 0:
                total += (
                    log_bytes
                    if done >= over_us
                    else -(-log_bytes * done // over_us)
                )
        return total

    def lsn(self, t: int) -> int:
        return (
            self._lsn_before
            + self.user_bytes(t)
            + (self.maintenance_bytes(t) if self._bursts else 0)
        )

    def commits(self, t: int) -> int:
        """Return how many commits are acknowledged before t: the number of the first that
        is not.
        """
        return self.written(t)[0]

    def written(self, t: int) -> tuple[int, int]:
        """Return (commits acknowledged before t, LSN at t)."""
        if self._before is not None and t < self._since_us:
            return self._before.workload.written(self._before.part(t))
        u = self.user_bytes(t) if self._gaps else self._offered_bytes(t)
        lsn = u + self._lsn_before
        if self._bursts:
            lsn += self.maintenance_bytes(t)
        if u <= 0 or not self._tx_num:
            return self._commits_before, lsn
        return (
            u - 1
        ) * self._tx_den // self._tx_num + 1 + self._commits_before, lsn

    def _commits_in(self, user_bytes: int) -> int:
        """Return how many commits begin within that many bytes."""
        return (
            (user_bytes - 1) * self._tx_den // self._tx_num + 1
            if user_bytes > 0 and self._tx_num
            else 0
        )

    def ack_instant(self, n: int) -> int:
        """Return the instant at which commit n is acknowledged; NEVER_US if this database never
        commits.
        """
        # asked for twice a log: what survives a site's loss and a host's
        if n == self._last_ack[0]:
            return self._last_ack[1]
        at = self._ack_instant(n)
        self._last_ack = (n, at)
        return at

    def _ack_instant(self, n: int) -> int:
        before = self._before
        if n < self._commits_before:
            known = before is not None and n >= before.first_commit
            if before is None or not known:
                return self._since_us
            return before.workload.ack_instant(n)
        n -= self._commits_before
        if not self._bytes:
            return NEVER_US
        byte = self.commit_start(n)
        if self._gaps:
            passed = bisect_right(
                self._gaps, byte, key=lambda gap: gap.at_byte
            )
            if passed and self._gaps[passed - 1].end_us == NEVER_US:
                return NEVER_US
            byte += self._gaps[passed - 1].user_bytes if passed else 0
        byte += self._since_bytes
        if self._steady:
            return byte * self._period_us // self._bytes
        periods, rest = divmod(byte, self._bytes)
        j = bisect_right(self._cum, rest) - 1
        dt = (
            (rest - self._cum[j])
            * self._lengths[j]
            // (self._cum[j + 1] - self._cum[j])
        )
        return periods * self._period_us + self._starts[j] + dt

    def commit_start(self, n: int) -> int:
        """Return pos(n): the user log byte at which commit n of this time begins."""
        return -(-n * self._tx_num // self._tx_den)


def segments(
    volume: LogVolume, scenario: Scenario
) -> tuple[list[int], list[int], list[int]]:
    """Return one period as (starts, lengths, cumulative bytes at each start and at the end)."""
    if volume.shape == "steady":
        return [0], [volume.den_us], [0, volume.num_bytes]
    if volume.shape == "series":
        n = len(volume.series_bytes)
        cum = [0]
        for b in volume.series_bytes:
            cum.append(cum[-1] + b)
        step = volume.series_interval_us
        return [i * step for i in range(n)], [step] * n, cum
    hours = list(_WORKING_DAY) * 5 + list(_WEEKEND) * 2
    total = volume.num_bytes * WEEK_US // volume.den_us
    local = datetime.fromtimestamp(0, UTC) + timedelta(
        microseconds=scenario.start_utc_us
    )
    local = local.astimezone(ZoneInfo(scenario.time_zone))
    hour = local.weekday() * 24 + local.hour
    into_us = (
        local.minute * 60 + local.second
    ) * 1_000_000 + local.microsecond
    weights = hours[hour:] + hours[:hour]
    lengths = [HOUR_US] * 168
    if (
        into_us
    ):  # begins within an hour: that hour's rest first, its beginning last
        weights.append(weights[0])
        lengths = [HOUR_US - into_us] + [HOUR_US] * 167 + [into_us]
    starts, parts = [], [0]
    at = 0
    for length, weight in zip(lengths, weights, strict=True):
        starts.append(at)
        at += length
        parts.append(parts[-1] + weight * length)
    return starts, lengths, [total * p // parts[-1] for p in parts]
