"""Notices about a state of things: people are told of it again only if it changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from dr_sim.cloud.commands import Notify
from dr_sim.cloud.out import Out
from dr_sim.cloud.words import Notice


@dataclass(frozen=True, slots=True)
class StateOfThings:
    """Something that people are told of. key: what it is about. count: 0 if it is over."""

    network: str
    notice: Notice
    key: tuple[str, ...]
    count: int
    about: str


@dataclass(slots=True)
class Telling:
    """last: the number that people were told the last time, by what it is about."""

    last: dict[tuple[str, ...], int] = field(default_factory=dict)

    def tell(self, of: StateOfThings, out: Out) -> None:
        """Tell somebody, if the number is another than the last time."""
        if self.last.get(of.key, 0) == of.count:
            return
        self.last[of.key] = of.count
        if of.count:
            out.commands.append(
                Notify(of.network, of.notice, of.about, out.utc_us)
            )

    def forget(self, *key: str) -> None:
        """Tell of it again if it is still so."""
        self.last.pop(key, None)

    def forget_all(self) -> None:
        self.last.clear()
