"""Tells what the pictures of many replications need: whoever has this can be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dr_sim.scenario.model import Scenario

if TYPE_CHECKING:
    import pandas as pd


class DrawnInterval(Protocol):
    """An estimate, and between what it lies."""

    @property
    def estimate(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class ManyRuns(Protocol):
    """Replications of one scenario."""

    @property
    def scenario(self) -> Scenario: ...
    @property
    def n(self) -> int: ...
    def exposure_curve(self, failure_class: str = ...) -> pd.DataFrame: ...
    def values(
        self, measure: str, database: str = ..., failure_class: str = ...
    ) -> np.ndarray: ...
    def interval(
        self, measure: str, database: str = ..., failure_class: str = ...
    ) -> DrawnInterval: ...


class DrawnPoint(Protocol):
    """One combination of the keys' values, and the scenario that they make."""

    @property
    def values(self) -> Mapping[str, str]: ...
    @property
    def scenario(self) -> Scenario: ...


class DrawnSweep(Protocol):
    """Replications of a scenario with one or two keys varied."""

    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def points(self) -> Sequence[DrawnPoint]: ...
    def values_of(self, key: str) -> int: ...
    def curve(
        self, measure: str, database: str = ..., failure_class: str = ...
    ) -> pd.DataFrame: ...
