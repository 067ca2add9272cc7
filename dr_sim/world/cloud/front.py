"""Clients of the cloud manager, and the network between them: it loses, hangs, repeats and delays
requests and answers.

A client calls at evenly spaced instants. Most calls only ask how the last change stands; some ask
for a change, under an id of their own. A call without an answer is made again, with the same id,
after a pause that doubles. Draws are named by the client, the call and the try.

Where nothing disturbs the network and the manager is up, calls that only ask are counted and not
played: each is answered at the first try, in one round trip and the time of an answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from dr_sim.cloud.commands import AnswerCall
from dr_sim.cloud.events import Called, CallsAlike
from dr_sim.cloud.texts import OPERATORS
from dr_sim.cloud.words import CallOutcome
from dr_sim.scenario.cloud_model import OPERATIONS, CloudClient
from dr_sim.scenario.model import Law
from dr_sim.streams import Stream
from dr_sim.units import SECOND_US
from dr_sim.world.cloud.mishaps import Disturbance
from dr_sim.world.cloud.names import may_use
from dr_sim.world.kernel.agenda import Class, Entry

if TYPE_CHECKING:
    from dr_sim.world.cloud.service import CloudWorld

_ANSWER, _JOB = (
    Class.ANSWER,
    Class.JOB,
)  # a member costs several times a name
_TAKEN = (CallOutcome.ACCEPTED, CallOutcome.AGAIN)
_PPM = 1_000_000
_LONGEST_PAUSE_US = 60 * SECOND_US
_OPERATORS = CloudClient(OPERATORS, 0, 1, _PPM, 5 * SECOND_US, 1 << 30, ())
_AHEAD = (
    1 << 16
)  # calls that are looked through at one time for those that ask for a change


@dataclass(slots=True)
class Request:
    """The content of a client's request; the same at every try."""

    caller: str
    request: str
    operation: str
    network: str
    entity: str
    params: str

    def event(self, mono_us: int, utc_us: int, call: int) -> Called:
        return Called(
            mono_us,
            utc_us,
            0,
            call,
            self.caller,
            self.request,
            self.operation,
            self.network,
            self.entity,
            self.params,
            -1,
        )


@dataclass(slots=True)
class Call:
    """A call of a client, over all its tries."""

    client: CloudClient
    number: int
    request: Request
    began_us: int
    tries: int = 0
    over: bool = False
    timer: Entry | None = None


@dataclass(slots=True)
class Client:
    spec: CloudClient
    next_action: int = (
        0  # the number of the next call that asks for a change
    )
    counted_to_us: int = (
        0  # calls before that instant have been counted or played
    )
    last_request: str = ""  # of the last change that it asked for
    entry: Entry | None = None
    asks_for: list[int] = field(
        default_factory=list
    )  # found ahead, in order


@lru_cache(1024)
def _named(entity: str) -> str:
    """Parameters that name a thing: the manager puts in the identifier that it has where it is."""
    return json.dumps({"id": f"@{entity}"})


class ApiFront:
    def __init__(self, world: CloudWorld) -> None:
        self._world = world
        self._context = world.context
        self._agenda = world.context.agenda
        journal = world.context.journal
        self._note_call = journal.noter("truth.cloud_call")
        self._note_acknowledged = journal.noter("truth.cloud_acknowledged")
        spec = world.spec
        self._half_us = spec.rtt_us // 2
        self.clients = [Client(client) for client in spec.clients]
        self._operators = Client(_OPERATORS)
        self._connections: dict[int, Call] = {}
        self._calls = 0
        self.disturbances: list[Disturbance] = []
        self.play_all = False  # no call is only counted
        self._changes = 0
        self._usual = {
            (client.name, network.name): self._usual_in(
                client, network.name
            )
            for client in (_OPERATORS, *spec.clients)
            for network in spec.networks
        }
        draws = world.context.long_streams
        self._change_draws = draws.of("changes", "what")
        self._gap_draws = draws.of("changes", "arrival")
        self._gaps = Law(
            "exponential", spec.changes_den_us // (spec.changes_num or 1)
        )

    def _usual_in(
        self, client: CloudClient, network: str
    ) -> list[tuple[str, tuple[str, ...]]]:
        """Return the operations that a client asks for there as a rule, and on what things."""
        names = self._world.names
        things: dict[str, tuple[str, ...]] = {}
        for kind, of in names.things(network).items():
            things[kind] = tuple(
                each for each in of if names.may_change(client, each)
            )
        return [
            (name, things[kind])
            for name, kind, drawn in OPERATIONS
            if drawn and things.get(kind)
        ]

    # ---- calls by themselves
    def start(self) -> None:
        self.plan_all()
        if self._world.spec.changes_num:
            self._plan_change(0, 0)

    def at_us(self, client: CloudClient, number: int) -> int:
        """Return when the number-th call of a client is made, counted from 0."""
        return (number + 1) * client.calls_den_us // client.calls_num

    def _plan(self, client: Client) -> None:
        """Put the next call that must be played on the agenda."""
        if not client.spec.calls_num:
            return
        number = self._first_after(client.spec, client.counted_to_us)
        if self._quiet():
            number = self._next_action(client, number)
        at = self.at_us(client.spec, number)
        if at > self._context.scenario.run_for_us:
            client.entry = None
            return
        client.entry = self._agenda.at(
            max(at, self._agenda._now),
            _JOB,
            -1,
            self._make,
            client,
            number,
        )

    def _first_after(self, spec: CloudClient, at_us: int) -> int:
        """Return the number of the first call at that instant or later."""
        number = max(0, at_us * spec.calls_num // spec.calls_den_us - 1)
        while self.at_us(spec, number) < at_us:
            number += 1
        return number

    def _next_action(self, client: Client, number: int) -> int:
        """Return the first call from that number on that asks for a change."""
        found = client.asks_for
        while found and found[0] < number:
            found.pop(0)
        client.next_action = max(client.next_action, number)
        last = self._first_after(
            client.spec, self._context.scenario.run_for_us + 1
        )
        while not found:
            if client.next_action > last:
                return last
            first = client.next_action
            found += self._asking(client.spec, first, first + _AHEAD)
            client.next_action = first + _AHEAD
        return found[0]

    def _asking(
        self, spec: CloudClient, first: int, last: int
    ) -> list[int]:
        """Return the calls in [first, last) that ask for a change."""
        if not spec.actions_ppm:
            return []
        stream = self._context.streams.of(f"client {spec.name}", "asks")
        words = stream.words(first, last)
        limit = -((-spec.actions_ppm << 64) // _PPM)
        if limit >= 1 << 64:
            return list(range(first, last))
        found: list[int] = (
            np.flatnonzero(words < np.uint64(limit)) + first
        ).tolist()
        return found

    def _asks(self, spec: CloudClient, number: int) -> bool:
        stream = self._context.streams.of(f"client {spec.name}", "asks")
        return stream.below(number, _PPM) < spec.actions_ppm

    def _quiet(self) -> bool:
        """Return whether nothing disturbs calls."""
        alike = not (
            self.play_all or self.disturbances or self._world.may_die_midway
        )
        return alike and self._world.lives.up

    def count_all(self) -> None:
        """Count the calls before this instant that were not played."""
        for client in self.clients:
            self._count(client, self._agenda._now)

    def plan_all(self) -> None:
        """Plan the next call again: calls are disturbed from now on, or not any more."""
        for client in self.clients:
            if client.entry is not None:
                client.entry.cancel()
            self._plan(client)

    def disturb(self, disturbance: Disturbance, on: bool) -> None:
        self.count_all()
        if on:
            self.disturbances.append(disturbance)
        else:
            self.disturbances.remove(disturbance)
        self.plan_all()

    def _count(self, client: Client, until_us: int) -> None:
        """Count the calls before that instant that were not played: they were answered at the first
        try.
        """
        spec = client.spec
        if not spec.calls_num or until_us <= client.counted_to_us:
            return
        first = self._first_after(spec, client.counted_to_us)
        calls = self._first_after(spec, until_us) - first
        if calls:
            self._world.driver.tell_new(
                CallsAlike, spec.name, client.last_request, calls
            )
            self._context.note(
                "truth.cloud_calls",
                -1,
                spec.name,
                client.counted_to_us,
                calls,
            )
        client.counted_to_us = until_us

    def end(self) -> None:
        for client in self.clients:
            self._count(client, self._agenda._now + 1)

    def _make(self, client: Client, number: int) -> None:
        now = self._agenda._now
        self._count(client, now)
        client.counted_to_us = now + 1
        spec = client.spec
        if self._asks(spec, number):
            asked = self._change_of(client, number)
            client.last_request = asked.request
            self.call(spec, number, asked)
        else:
            asked = Request(
                spec.name, client.last_request, "read", "", "", "{}"
            )
            self.call(spec, number, asked)
        self._plan(client)

    def _change_of(self, client: Client, number: int) -> Request:
        spec = client.spec
        draw = self._context.long_streams.of(
            f"client {spec.name}", "change"
        )
        networks = [
            name
            for name in self._world.names.networks_of(spec)
            if self._usual[spec.name, name]
        ]
        network = networks[draw.below(3 * number, len(networks))]
        words = (draw.word(3 * number + 1), draw.word(3 * number + 2))
        asked = self._drawn(spec.name, network, words)
        asked.request = str(number)
        for disturbance in self.disturbances:
            if not self._befalls(disturbance, spec, number, 0):
                continue
            if disturbance.kind == "other parameters":
                asked.request = client.last_request or asked.request
            if disturbance.kind == "other tenant":
                others = [
                    n.name
                    for n in self._world.spec.networks
                    if not may_use(spec, n)
                ]
                asked.network = others[0] if others else asked.network
            elif disturbance.kind in ("other thing", "other identifier"):
                self._reach_for_others(spec, asked, disturbance.kind)
        return asked

    def _reach_for_others(
        self, spec: CloudClient, asked: Request, kind: str
    ) -> None:
        """Let a client ask for a move of another tenant's database, which would pause its backups:
        by its name, or by its identifier in a request about a thing of its own.
        """
        others = self._world.names.of_others(spec)
        if not others:
            return
        here = [each for each in others if each[0] == asked.network]
        network, entity = (here or others)[0]
        asked.operation, asked.params = "move_database", _named(entity)
        if kind == "other thing":
            asked.network, asked.entity = network, entity

    def _drawn(
        self, caller: str, network: str, words: tuple[int, int]
    ) -> Request:
        usual = self._usual[caller, network]
        operation, things = usual[words[0] * len(usual) >> 64]
        entity = things[words[1] * len(things) >> 64]
        params = _named(entity)
        return Request(caller, "", operation, network, entity, params)

    # ---- changes that people and their tools make
    def _plan_change(self, index: int, after_us: int) -> None:
        at = after_us + max(1, self._gap_draws.law(index, self._gaps))
        if at <= self._context.scenario.run_for_us:
            self._agenda.at(at, _JOB, -1, self._change, index, at)

    def _change(self, index: int, at_us: int) -> None:
        self._plan_change(index + 1, at_us)
        draw = self._change_draws
        networks = self._world.spec.networks
        network = networks[draw.below(3 * index, len(networks))].name
        words = (draw.word(3 * index + 1), draw.word(3 * index + 2))
        asked = self._drawn(OPERATORS, network, words)
        asked.request = f"c{index}"
        self.call(_OPERATORS, index, asked)

    def ask(self, operation: str, network: str, entity: str) -> None:
        """Let somebody ask for a change now."""
        self._changes += 1
        params = _named(entity)
        asked = Request(
            OPERATORS,
            f"e{self._changes}",
            operation,
            network,
            entity,
            params,
        )
        self.call(_OPERATORS, -self._changes, asked)

    # ---- one call
    def call(
        self, client: CloudClient, number: int, request: Request
    ) -> None:
        self._try(Call(client, number, request, self._agenda._now))

    def _try(self, call: Call) -> None:
        if call.over:
            return
        now = self._agenda._now
        call.tries += 1
        call.timer = self._agenda.at(
            now + call.client.timeout_us,
            _ANSWER,
            -1,
            self._timed_out,
            call,
            call.tries,
        )
        arrives = [now + self._half_us]
        for disturbance in self.disturbances:
            if not self._befalls(
                disturbance, call.client, call.number, call.tries
            ):
                continue
            if disturbance.kind in ("lost request", "hung request"):
                arrives = []
            if disturbance.kind == "duplicate":
                arrives = [*arrives, *arrives[:1]]
            if disturbance.kind == "late duplicate":
                delay = self._stream(disturbance, call.client, "delay")
                late_us = delay.law(
                    self._occurrence(call.number, call.tries),
                    disturbance.delay,
                )
                arrives = [*arrives, now + late_us]
        for at in arrives:
            self._agenda.at(
                at, _ANSWER, -1, self._arrives, call, call.tries
            )

    def _arrives(self, call: Call, which: int) -> None:
        """Receive a request at the manager. While nobody is up the caller is refused at once."""
        lives = self._world.lives
        if lives.older is not None and call.number % 2:
            # this caller still knows the older manager; nothing it says is heard
            now = self._agenda._now
            lives.tell_older(
                call.request.event(now, self._world.utc_us(), 0)
            )
            return
        if not lives.up:
            if which == call.tries and not call.over:
                self._again(call)
            return
        self._calls += 1
        self._connections[self._calls] = call
        now = self._agenda._now
        self._world.driver.tell(
            call.request.event(now, self._world.utc_us(), self._calls)
        )

    def answer(self, command: AnswerCall) -> None:
        """Answer a connection."""
        call = self._connections.pop(command.call, None)
        if call is None:
            return
        for disturbance in self.disturbances:
            if disturbance.kind == "lost answer" and self._befalls(
                disturbance, call.client, call.number, call.tries
            ):
                return
        at = self._agenda._now + self._world.spec.answers_us + self._half_us
        self._agenda.at(at, _ANSWER, -1, self._answered, call, command)

    def _answered(self, call: Call, command: AnswerCall) -> None:
        if call.over:
            return
        self._over(call, command.outcome)
        if command.outcome in _TAKEN and call.request.operation != "read":
            self._note_acknowledged(
                self._agenda._now,
                -1,
                call.client.name,
                call.request.request,
                command.job,
            )

    def _timed_out(self, call: Call, which: int) -> None:
        if not call.over and which == call.tries:
            self._again(call)

    def _again(self, call: Call) -> None:
        if call.timer is not None:
            call.timer.cancel()
        if call.tries > call.client.retries:
            self._over(call, "")
            return
        pause = min(_LONGEST_PAUSE_US, SECOND_US << min(call.tries - 1, 6))
        at = self._agenda._now + pause
        self._agenda.at(at, _ANSWER, -1, self._try, call)

    def _over(self, call: Call, outcome: str) -> None:
        call.over = True
        if call.timer is not None:
            call.timer.cancel()
        now = self._agenda._now
        self._note_call(
            now,
            -1,
            call.client.name,
            call.number,
            int(call.request.operation != "read"),
            call.tries,
            now - call.began_us,
            outcome,
        )

    def crashed(self) -> None:
        """Cut the manager's connections; callers see it at once."""
        open_calls = list(self._connections.values())
        self._connections.clear()
        for call in open_calls:
            if not call.over:
                self._again(call)

    # ---- draws
    def _befalls(
        self,
        disturbance: Disturbance,
        client: CloudClient,
        number: int,
        nth: int,
    ) -> bool:
        stream = self._stream(disturbance, client, "befalls")
        return (
            stream.below(self._occurrence(number, nth), _PPM)
            < disturbance.share_ppm
        )

    def _stream(
        self, disturbance: Disturbance, client: CloudClient, purpose: str
    ) -> Stream:
        name = f"{disturbance.kind} of {client.name}"
        return self._context.streams.of(name, purpose, disturbance.lane)

    @staticmethod
    def _occurrence(number: int, nth: int) -> int:
        """Return the occurrence of the nth try of a call; calls that events ask for have negative
        numbers.
        """
        return (2 * abs(number) + (number < 0)) * 64 + min(nth, 63)
