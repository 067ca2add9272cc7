"""Tells what one replication leaves behind: a small record of whole numbers, enough for every
distribution that is asked for.

A value has two ends: what it is at least and, unless the run ended too early to know, at most. A
curve (exposure, replay lag) is kept as the time it spent above each limit of a grid that rises by a
twentieth: added up over runs these give quantiles over all the time of all runs, exactly at the
grid, interpolated between. Limits that the SLA names are kept exactly beside it.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

# 0.1 s to about a year
GRID_US = np.array(
    sorted({0, *(round(100_000 * 1.05**k) for k in range(400))}), np.int64
)
GRID_TYPE = np.dtype("<i8")
MOST_DATABASES = 50  # above this a database has values of its own only where the SLA names it


Of = tuple[str, str, str]  # measure, database, tenant


STOPPED = "could not work"
"""Instead of a class of failure: of users who could not work without what a mistake destroyed."""


@dataclass(slots=True)
class Value:
    """One measure of one replication. unit: 'us', 'ppm', 'count', 'bytes'. high is None if it may
    be any more. note: why it is so, of the few that say it.
    """

    measure: str
    database: str
    failure_class: str
    unit: str
    low: int
    high: int | None
    tenant: str = ""
    note: str = ""


NO_END = -1
"""Instead of an area: for some time there was no way over, so the mean over time has no end."""


@dataclass(slots=True)
class CurveSample:
    """Time above each limit of the grid, from number `first` on: all the time before it, none after
    the last.
    """

    measure: str
    database: str
    failure_class: str
    time_us: int
    twice_area: int  # twice its integral over time, microseconds squared; NO_END: it has no end
    first: int
    above_us: bytes  # as GRID_TYPE
    exactly: list[
        list[int]
    ]  # [limit, time above it] for the limits that the SLA names
    tenant: str = ""

    def above_grid(self) -> np.ndarray:
        whole = np.zeros(len(GRID_US), np.int64)
        whole[: self.first] = self.time_us
        above = np.frombuffer(self.above_us, GRID_TYPE)
        whole[self.first : self.first + len(above)] = above
        return whole


Named = TypeVar("Named", Value, CurveSample)


@dataclass(slots=True)
class Sample:
    """One replication: its number, values, curves, how many invariants broke in it and how many
    recoveries were silently short, and which kinds of events and faults happened. logs: how much
    more likely each law of a scenario with `tilts` made its luck, as logarithms.
    """

    number: int
    values: list[Value]
    curves: list[CurveSample]
    violations: int
    silent: int = 0
    happened: list[str] = field(default_factory=list)
    logs: list[float] = field(default_factory=list)
    _found: dict[Of, list[Value]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _curves: dict[Of, list[CurveSample]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def values_of(
        self, measure: str, database: str, tenant: str
    ) -> Sequence[Value]:
        """Return one for each class of failure that it is given. Found by name: a farm has
        thousands of values, and as many questions.
        """
        if not self._found:
            _by_name(self.values, self._found)
        return self._found.get((measure, database, tenant), ())

    def curves_of(
        self, measure: str, database: str, tenant: str
    ) -> Sequence[CurveSample]:
        """Return the same of a curve."""
        if not self._curves:
            _by_name(self.curves, self._curves)
        return self._curves.get((measure, database, tenant), ())


def _by_name(of: list[Named], found: dict[Of, list[Named]]) -> None:
    for x in of:
        found.setdefault((x.measure, x.database, x.tenant), []).append(x)


def _values_getter(of: type) -> Callable[[Any], Any]:
    """Return a function from a dataclass's instance to the values that its __init__ takes."""
    return attrgetter(*(each.name for each in fields(of) if each.init))


_PACKED: dict[type, Callable[[Any], Any]] = {
    Sample: _values_getter(Sample),
    Value: _values_getter(Value),
    CurveSample: _values_getter(CurveSample),
    bytes: lambda numbers: b64encode(numbers).decode(),
}


def pack(samples: Sequence[Sample]) -> bytes:
    """The form in which replications go from process to process and to disk: JSON, and what is long
    as numbers in base64, so that neither end reads it digit by digit.
    """
    return json.dumps(
        samples,
        separators=(",", ":"),
        default=lambda of: _PACKED[type(of)](of),
    ).encode()


def unpack(packed: bytes) -> list[Sample]:
    """Return the samples that pack() packed. Raises TypeError or ValueError on anything else."""
    return [_sample(*parts) for parts in json.loads(packed)]


def _sample(
    number: int,
    values: list[Any],
    curves: list[Any],
    *rest: Any,
) -> Sample:
    values = [Value(*each) for each in values]
    curves = [_curve(each) for each in curves]
    return Sample(number, values, curves, *rest)


def _curve(parts: list[Any]) -> CurveSample:
    curve = CurveSample(*parts)
    curve.above_us = b64decode(curve.above_us)
    return curve
