"""The hands of the cloud manager in a real service: its callers, its agents, and people.

Theory of operation. The manager lives in one thread (dr_sim/live/life.py). Everything that it is
told arrives in one queue, from any thread: a request, the end of a script, the word of a person.
What it answers goes to whoever waits for it. What people should know stands on a board that anybody
may read.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any

from dr_sim.cloud.commands import (
    AnswerCall,
    DoByHand,
    Notify,
    ReadSide,
    ReportDrift,
    SiteProvisioned,
)
from dr_sim.cloud.events import (
    AgentSaid,
    AgentsObserved,
    Called,
    FoundAttempt,
    SideRead,
    SilentAgent,
)
from dr_sim.cloud.jobs.job import ENDED, OPEN
from dr_sim.cloud.words import Word
from dr_sim.live.cloud.agents import TO_AGENTS, AgentTools, LocalAgents
from dr_sim.live.cloud.memory import AttemptRecord
from dr_sim.live.life import Heard, answered, heard
from dr_sim.machines import Command, TakeInventory
from dr_sim.stores import Store

_log = logging.getLogger("dr_sim.live.cloud")
_MOST_NOTICES = 1_000


def instant(utc_us: int) -> str:
    """Return an instant as people write it; '' for none."""
    if not utc_us:
        return ""
    at = datetime.fromtimestamp(utc_us // 1_000_000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class StoppedError(Exception):
    """The manager was asked to end."""


@dataclass(slots=True)
class Board:
    """Keeps what people should know. notices: the newest ones; drift: network -> (since when,
    number of changes); work: what people are asked to do, by network and name. provisioned: the
    site that the last failover went to, once it is configured.
    """

    notices: deque[Notify] = field(
        default_factory=lambda: deque(maxlen=_MOST_NOTICES)
    )
    drift: dict[str, tuple[int, int]] = field(default_factory=dict)
    work: dict[tuple[str, str], DoByHand] = field(default_factory=dict)
    provisioned: SiteProvisioned | None = None

    def shown(self) -> dict[str, Any]:
        """Return it for JSON, the newest notice first."""
        drift = {
            network: {"since": instant(since), "changes": changes}
            for network, (since, changes) in list(self.drift.items())
        }
        work = [asdict(each) for each in list(self.work.values())]
        notices = [
            {
                "network": each.network,
                "notice": each.notice.value,
                "about": each.about,
                "since": instant(each.since_utc_us),
            }
            for each in reversed(list(self.notices))
        ]
        over = self.provisioned
        return {
            "drift": drift,
            "work": work,
            "notices": notices,
            "provisioned": asdict(over) if over else None,
        }


class CloudHands:
    """LiveHands of the cloud manager. store: the manager's."""

    def __init__(self, tools: AgentTools, store: Store) -> None:
        self.board = Board()
        self._store = store
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._heard: deque[Heard] = deque()
        self._calls: dict[int, Future[AnswerCall]] = {}
        self._last_call = 0
        self._ended = False
        self._agents = LocalAgents(tools, self._said, self._queue.put)
        self._agents.wake()

    # ---- from any thread
    def call(self, *request: Any) -> Future[AnswerCall]:
        """Hand a request over: the fields of Called from its caller on. Return its answer."""
        answer: Future[AnswerCall] = Future()

        def arrive() -> None:
            self._last_call += 1
            self._calls[self._last_call] = answer
            self._heard.append(heard(Called, self._last_call, *request))

        self._queue.put(arrive)
        if self._ended:
            self.give_up()
        return answer

    def tell(self, event: Heard) -> Future[None]:
        """Tell the manager something. The future is done when that is durable."""
        taken: Future[None] = Future()

        def over() -> None:
            if not taken.set_running_or_notify_cancel():
                return
            if self._ended:
                taken.set_exception(StoppedError())
            else:
                taken.set_result(None)

        # what is heard is dealt with before the queue is looked at again
        self._queue.put(lambda: self._heard.append(event))
        self._queue.put(over)
        if self._ended:
            self.give_up()
        return taken

    def stored(self) -> Future[dict[str, str]]:
        """Read what the manager has stored, in its thread: the store belongs to that."""
        found: Future[dict[str, str]] = Future()

        def read() -> None:
            if not found.set_running_or_notify_cancel():
                return
            if self._ended:
                found.set_exception(StoppedError())
            else:
                found.set_result(self._store.load())

        self._queue.put(read)
        if self._ended:
            self.give_up()
        return found

    def stop(self) -> None:
        """Have the manager end, once it has dealt with what it was told before."""

        def stop() -> None:
            raise StoppedError

        self._queue.put(stop)

    def give_up(self) -> None:
        """Refuse all calls that have no answer, and all that come: the manager has ended."""
        self._ended = True
        while not self._queue.empty():
            with suppress(StoppedError):
                self._queue.get()()
        while self._calls:
            _, answer = self._calls.popitem()
            if answer.set_running_or_notify_cancel():
                answer.set_exception(StoppedError())

    # ---- LiveHands
    def wait(self, seconds: float | None) -> Heard | None:
        if not self._heard:
            try:
                self._queue.get(timeout=seconds)()
            except Empty:
                return None
        return self._heard.popleft() if self._heard else None

    def carry_out(self, command: Command, incarnation: int) -> None:
        match command:
            case AnswerCall():
                answer = self._calls.pop(command.call)
                if answer.set_running_or_notify_cancel():
                    answer.set_result(command)
            case TakeInventory():
                self._answer(incarnation, AgentsObserved, *self._observe())
            case ReadSide(network=network, site=site, number=number):
                side = self._agents.side(network, site)
                self._answer(
                    incarnation, SideRead, network, site, number, side
                )
            case DoByHand(network=network, work=work):
                self.board.work[network, work] = command
                _log.warning("to be done by hand: %s", command)
            case Notify(network=network, notice=notice, about=about):
                self.board.notices.append(command)
                _log.warning("%s: %s: %s", network, notice, about)
            case ReportDrift(network=network):
                since, changes = command.since_utc_us, command.changes
                self.board.drift[network] = (since, changes)
            case SiteProvisioned(site=site):
                self.board.provisioned = command
                _log.warning("site %s is configured", site)
            case _ if isinstance(command, TO_AGENTS):
                self._agents.told(command, incarnation)
            case _:
                raise TypeError(f"nobody carries out {command}")

    def _answer(
        self, incarnation: int, kind: Callable[..., Any], *fields: Any
    ) -> None:
        self._heard.append(answered(incarnation, kind, *fields))

    def _said(self, record: AttemptRecord, word: Word) -> None:
        self._heard.append(
            heard(
                AgentSaid,
                record.network,
                record.site,
                record.job,
                record.attempt,
                word,
                record.reason,
            )
        )

    def _observe(
        self,
    ) -> tuple[tuple[FoundAttempt, ...], tuple[SilentAgent, ...]]:
        """Return what agents know of open jobs and of those that are not over; none is silent."""
        stored = self._store.load()
        wanted = _after(OPEN, stored)
        known = wanted | _after(ENDED, stored)
        attempts = self._agents.of_jobs(wanted)
        attempts += self._agents.not_over(known)
        return tuple(attempts), ()


def _after(prefix: str, stored: dict[str, str]) -> set[str]:
    return {
        key.removeprefix(prefix) for key in stored if key.startswith(prefix)
    }
