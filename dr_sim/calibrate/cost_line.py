"""Tells what one kind of operation costs: the line duration = fixed + bytes / rate through measured
durations, and how sure that is.

What is wanted is a small relative error for small and large alike, so each duration weighs 1 /
line^2; and what is usual, so one that lies far off the line (another program had the CPU) weighs
less: Huber's estimate (Annals of Mathematical Statistics 35, 1964). Its uncertainty is the 95 %
interval of both, from the scatter around the line. Neither is ever negative: a fixed cost that
would be is 0, a duration that does not grow with the size is all fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from dr_sim import units

REWEIGHTED = 20
HUBER = 1.0
"""The number of standard deviations (by the median of the distances) from which a duration
weighs less.
"""
FASTEST_BYTES_S = 10**11
"""Where a duration does not grow with the size: so fast that it never matters."""


@dataclass(slots=True)
class LineFit:
    """duration = fixed + bytes / rate. Seconds, and seconds a byte; each with half its 95 %
    interval.
    """

    fixed_s: float
    fixed_half_s: float
    slope_s: float
    slope_half_s: float
    count: int
    smallest: int
    largest: int

    @property
    def fixed_us(self) -> int:
        return round(self.fixed_s * 1e6)

    @property
    def rate_bytes_s(self) -> int:
        return (
            min(FASTEST_BYTES_S, round(1 / self.slope_s))
            if self.slope_s > 1 / FASTEST_BYTES_S
            else FASTEST_BYTES_S
        )

    def words(self) -> str:
        """Return its uncertainty, for a comment."""
        of = (
            f"{self.count} of {units.format_size(self.smallest)} to "
            f"{units.format_size(self.largest)}"
        )
        fixed = (
            f"{time_text(max(0.0, self.fixed_s - self.fixed_half_s))} to "
            f"{time_text(self.fixed_s + self.fixed_half_s)}"
        )
        if not self.slope_s:
            return f"95 %: {fixed}, whatever the size; {of}"
        slowest, fastest = (
            _rate_words(self.slope_s + half)
            for half in (self.slope_half_s, -self.slope_half_s)
        )
        fixed = fixed if self.fixed_half_s else "no fixed cost"
        return f"95 %: {fixed}; {slowest} to {fastest}; {of}"


def _rate_words(slope_s: float) -> str:
    return (
        rate_text(round(1 / slope_s))
        if slope_s > 1 / FASTEST_BYTES_S
        else "any"
    )


def fit(
    sizes: list[int], durations_s: list[float], through_zero: bool = False
) -> LineFit:
    """The line of the module's head; through_zero: no fixed cost. At least three durations."""
    x, t = np.array(sizes, float), np.array(durations_s, float)
    of = len(t), min(sizes), max(sizes)
    one = np.ones_like(x)
    if not through_zero:
        (fixed, slope), half = _huber([one, x], t)
        if fixed >= 0 and slope >= 0:
            return LineFit(fixed, half[0], slope, half[1], *of)
        if slope < 0:
            (fixed,), half = _huber([one], t)
            return LineFit(fixed, half[0], 0.0, 0.0, *of)
    (slope,), half = _huber([x], t)
    return LineFit(0.0, 0.0, slope, half[0], *of)


def _huber(columns: list[Any], t: Any) -> tuple[list[float], list[float]]:
    """Fit t as a sum of an amount of each column, and half the 95 % interval of each: Huber's
    estimate of relative distances.
    """
    of = np.stack(columns, axis=1)
    count, terms = of.shape
    expected, weight = t, np.ones_like(t)
    # by what the line says, not by what was seen: chance makes small durations smaller
    for _ in range(REWEIGHTED):
        a, wanted = of / expected[:, None], t / expected
        root = np.sqrt(weight)
        solution, *_ = np.linalg.lstsq(
            a * root[:, None], wanted * root, rcond=None
        )
        off = wanted - a @ solution
        # the standard deviation, were it a normal law
        usual = HUBER * 1.4826 * float(np.median(np.abs(off)))
        weight = (
            np.minimum(1.0, usual / np.maximum(np.abs(off), 1e-12))
            if usual
            else np.ones_like(t)
        )
        expected = np.maximum(of @ solution, t / 10)
    near = float(np.mean(np.abs(off) <= usual)) if usual else 1.0
    # Huber, Robust Statistics (1981), section 7.6: the spread of what is counted, by how much of it
    # is near, for few values
    spread = (
        float(np.sum((weight * off) ** 2))
        / (count - terms)
        * ((1 + terms / count * (1 - near) / near) / near) ** 2
    )
    half = float(special.stdtrit(count - terms, 0.975)) * np.sqrt(
        spread * np.diag(np.linalg.inv(a.T @ a))
    )
    return solution.tolist(), half.tolist()


def time_text(seconds: float) -> str:
    return units.format_duration(round(seconds * 1e6))


def rate_text(bytes_s: int) -> str:
    return units.format_disk_rate(units.three_figures(bytes_s))
