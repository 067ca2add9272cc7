"""A cloud manager by itself: it is told what a test says, and its agents answer as a test says."""

from __future__ import annotations

import json
from typing import Any

from dr_sim.cloud import (
    CallerConfig,
    CloudConfig,
    CloudManager,
    EntityConfig,
    JobsConfig,
    MirrorConfig,
    NetworkConfig,
)
from dr_sim.cloud.commands import AnswerCall, StartScript
from dr_sim.cloud.config import UsualTimes
from dr_sim.cloud.events import AgentSaid, AgentsObserved, Called, FoundAttempt, SilentAgent
from dr_sim.cloud.words import MirrorMode, OnFailure, WhyFailed, Word
from dr_sim.machines import Alarm, Command, Event, SaveAll, SetAlarm
from dr_sim.stores import MemoryStore

MINUTE = 60_000_000
UTC = 1_800_000_000_000_000
USUAL = UsualTimes(MirrorMode.JOBS, 4, 0, 0, MINUTE, MINUTE, MINUTE, MINUTE)


def config(
    mode: str = "jobs",
    every_us: int = 0,
    audit_us: int = 0,
    on_failure: str = "retry",
    attempts: int = 2,
    at_once: int = 4,
) -> CloudConfig:
    entities = tuple(
        EntityConfig(name, kind, (("A", f"{name}-at-A"), ("B", f"{name}-at-B")))
        for name, kind in (("crm", "database"), ("web", "farm"))
    )
    return CloudConfig(
        networks=(
            NetworkConfig("prod", ("A", "B"), entities),
            NetworkConfig("gov", ("A", "B"), ()),
        ),
        callers=(CallerConfig("ops", ("prod", "gov")), CallerConfig("tenant", ("prod",))),
        mirror=MirrorConfig(
            MirrorMode(mode), every_us, audit_us, 15 * MINUTE, OnFailure(on_failure)
        ),
        jobs=JobsConfig(30 * MINUTE, 5 * MINUTE, attempts, at_once),
        operations=("rotate", "add"),
        usual=USUAL,
    )


def attempts_of(*listed: list[Any]) -> tuple[FoundAttempt, ...]:
    """What agents know of attempts, each listed as job, attempt, word, reason and what it runs."""
    return tuple(
        FoundAttempt(job, attempt, Word(word), WhyFailed(reason), *what)
        for job, attempt, word, reason, *what in listed
    )


class Bench:
    """now_us: of the next event."""

    def __init__(self, of: CloudConfig | None = None) -> None:
        self.config = of or config()
        self.store = MemoryStore()
        self.now_us = 0
        self.life = 0
        self.alarms: dict[tuple[str, str], int] = {}
        self.calls = 0
        self.start()

    def start(self, attempts: list[Any] | None = None, silent: list[Any] | None = None) -> None:
        """A new life; agents know these attempts."""
        self.life += 1
        self.alarms.clear()
        self.manager = CloudManager(self.config, self.life, self.store.load())
        self._carry_out(self.manager.resume())
        self.last = self.tell(
            AgentsObserved(
                self.now_us,
                UTC + self.now_us,
                self.life,
                attempts_of(*attempts or ()),
                tuple(SilentAgent(*each) for each in silent or ()),
            )
        )

    def tell(self, event: Event) -> list[Command]:
        self.last = self.manager.handle(event)
        self._carry_out(self.last)
        return self.last

    def _carry_out(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, SaveAll):
                self.store.save_all(dict(command.entries))
            elif isinstance(command, SetAlarm):
                self.alarms[command.scope, command.what] = command.at_mono_us

    def call(self, request: str, entity: str = "crm", **other: Any) -> AnswerCall:
        """What the caller is answered."""
        self.calls += 1
        event = Called(
            self.now_us,
            UTC + self.now_us,
            0,
            self.calls,
            other.get("caller", "ops"),
            request,
            other.get("operation", "rotate"),
            other.get("network", "prod"),
            entity,
            other.get("params", json.dumps({"id": f"@{entity}"})),
            other.get("put_on", -1),
        )
        (answer,) = [c for c in self.tell(event) if isinstance(c, AnswerCall)]
        return answer

    def say(
        self, job: str, word: Word, attempt: int = 1, reason: WhyFailed = WhyFailed.NONE
    ) -> list[Command]:
        """An agent tells of an attempt."""
        site = "B" if ">B" in job or job.endswith("@B") else "A"
        return self.tell(
            AgentSaid(self.now_us, UTC + self.now_us, 0, "prod", site, job, attempt, word, reason)
        )

    def alarm(self, scope: str, what: str) -> list[Command]:
        """The next alarm of that name goes off at its time."""
        self.now_us = max(self.now_us, self.alarms.pop((scope, what)))
        return self.tell(Alarm(self.now_us, UTC + self.now_us, self.life, scope, what))

    def look(self) -> list[Command]:
        """Jobs are looked at until there is something to do about one."""
        for _ in range(10):
            found = self.alarm("", "jobs")
            if not all(isinstance(command, SetAlarm) for command in found):
                return found
        raise AssertionError("nothing is due")

    def started(self) -> list[StartScript]:
        """Scripts that the last event started."""
        return [c for c in self.last if isinstance(c, StartScript)]

    def given(self, kind: type[Command]) -> list[Any]:
        return [c for c in self.last if isinstance(c, kind)]
