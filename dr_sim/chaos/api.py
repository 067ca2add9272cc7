"""The port to an API under test: what it is asked, what it answers, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

OUTCOMES = (
    "accepted",
    "again",
    "found",
    "conflict",
    "stale",
    "forbidden",
    "unknown",
)


@dataclass(frozen=True, slots=True)
class CallMade:
    """A call. request: the caller's own id of it. operation: 'read' asks how that request stands.
    params: pairs of texts.
    """

    caller: str
    request: str
    operation: str
    network: str
    thing: str
    params: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """Return the name of the change that it asks for."""
        return f"{self.caller}/{self.request}"


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """An answer. outcome: one of OUTCOMES."""

    outcome: str


@dataclass(frozen=True, slots=True)
class EffectSeen:
    """An effect of a request. side: where. change: 'CALLER/REQUEST'."""

    side: str
    network: str
    thing: str
    change: str


class ApiUnderTest(Protocol):
    """The interface that you implement for an API of your own."""

    def start(self) -> None:
        """Start the service, with what it has kept, and return when it can be called."""

    def kill(self) -> None:
        """Kill the service as kill -9 does, and return when it is dead."""

    def call(self, asked: CallMade) -> CallAnswered:
        """Make a call and wait for its answer."""

    def effects(self) -> list[EffectSeen]:
        """Return every effect so far, in the order in which they took effect."""


MakeApi = Callable[[], ApiUnderTest]
