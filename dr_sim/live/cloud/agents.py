"""The agents in a real service: one for each network at each site, all in the manager's process.

Theory of operation. An agent remembers an attempt durably before it starts it (memory.py), starts
each once, and never starts one that it was asked about first. A script is a process that outlives
the manager (processes.py): when the manager's process ends, in whatever way, scripts continue, and
the next life finds how they ended. A thread waits for the end of each, and the word about it comes
from the manager's own thread.

A change that was made at a side is not made there again, whatever job asks for it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from dr_sim.cloud.commands import (
    AskScript,
    CleanUp,
    CopyScript,
    KillScript,
    StartScript,
)
from dr_sim.cloud.config import NetworkConfig
from dr_sim.cloud.events import FoundAttempt, FoundThing
from dr_sim.cloud.mirror.inventory import chained
from dr_sim.cloud.words import WhyFailed, Word
from dr_sim.live.cloud.memory import AgentMemory, AttemptRecord
from dr_sim.live.cloud.processes import ScriptRuns
from dr_sim.live.cloud.scripts import AS_A_WHOLE, ScriptFolders

_log = logging.getLogger("dr_sim.live.cloud")
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""Variables of the manager's environment that scripts get; the others are their own (DR_SIM_*)."""
TO_AGENTS = (StartScript, AskScript, KillScript, CleanUp, CopyScript)


class Identifiers:
    """The identifiers of all things at all sites."""

    def __init__(self, networks: tuple[NetworkConfig, ...]) -> None:
        self._places: dict[str, tuple[str, str, str]] = {}
        self._things: dict[str, tuple[str, ...]] = {}
        for network in networks:
            names = tuple(entity.name for entity in network.entities)
            self._things[network.name] = names
            for entity in network.entities:
                for site, identifier in entity.ids:
                    place = (network.name, site, entity.name)
                    self._places[identifier] = place

    def owner_of(self, identifier: str) -> str:
        """Return the site whose identifier it is; '' if nobody knows it."""
        return self._places.get(identifier, ("", "", ""))[1]

    def thing_of(self, network: str, identifier: str) -> str:
        """Return the thing of a network that has an identifier; '' if none has."""
        found = self._places.get(identifier, ("", "", ""))
        return found[2] if found[0] == network else ""

    def at(self, network: str, site: str) -> dict[str, str]:
        """Return thing -> its identifier, of one side."""
        return {
            thing: identifier
            for identifier, (of, at, thing) in self._places.items()
            if (of, at) == (network, site)
        }


@dataclass(frozen=True, slots=True)
class AgentTools:
    """The outside things that agents work with. clean_up_limit_s: a clean-up that takes longer is
    ended, and begun again.
    """

    memory: AgentMemory
    runs: ScriptRuns
    scripts: ScriptFolders
    identifiers: Identifiers
    clean_up_limit_s: float


class LocalAgents:
    """All agents. say: tells the manager of an attempt. later: has a function called in the
    manager's thread; it may be called from any thread.
    """

    def __init__(
        self,
        tools: AgentTools,
        say: Callable[[AttemptRecord, Word], None],
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._memory = tools.memory
        self._runs = tools.runs
        self._scripts = tools.scripts
        self._identifiers = tools.identifiers
        self._clean_up_limit_s = tools.clean_up_limit_s
        self._cleaning_since: dict[int, float] = {}
        self._say_to_manager = say
        self._later = later
        self._orders: dict[type, Callable[..., None]] = {
            StartScript: self._start,
            AskScript: self._ask,
            KillScript: self._kill,
            CleanUp: self._clean_up,
            CopyScript: self._copy,
        }

    def wake(self) -> None:
        """Find again what an earlier life has left: scripts that run, or ended meanwhile."""
        known = set()
        for record in list(self._memory.attempts.values()):
            if record.word is Word.STARTED:
                known.add(record.number)
                self._find_again(record, record.number)
            elif record.cleaning:
                known.add(record.cleaning)
                self._find_again(record, record.cleaning)
        for number in self._runs.left_over():
            if number not in known and not self._runs.is_alive(number):
                self._runs.forget(number)

    def _find_again(self, record: AttemptRecord, number: int) -> None:
        if self._runs.is_alive(number):
            self._watch(record, number)
        elif number == record.number and not self._runs.has_begun(number):
            # remembered, and then the manager died: it costs no attempt
            record.word = Word.UNKNOWN
            self._memory.keep(record)
        else:
            self._over(record, number)

    def told(
        self,
        command: StartScript
        | AskScript
        | KillScript
        | CleanUp
        | CopyScript,
        life: int,
    ) -> None:
        """Receive an order; one of an older manager's is ignored."""
        if life < self._memory.newest:
            return
        self._memory.heard_from(life)
        self._orders[command.__class__](command)

    # ---- what is known
    def of_jobs(self, wanted: Container[str]) -> list[FoundAttempt]:
        """Return every attempt at those jobs."""
        return [
            FoundAttempt(each.job, each.attempt, each.word, each.reason)
            for each in self._memory.attempts.values()
            if each.job in wanted
        ]

    def not_over(self, known: Container[str]) -> list[FoundAttempt]:
        """Return the last attempt at each job that is not over and not one of those."""
        last: dict[tuple[str, str, str], AttemptRecord] = {}
        for each in self._memory.attempts.values():
            of = (each.network, each.site, each.job)
            if of not in last or each.attempt > last[of].attempt:
                last[of] = each
        over = (Word.DONE, Word.CLEANED, Word.UNKNOWN)
        return [
            FoundAttempt(
                each.job,
                each.attempt,
                each.word,
                each.reason,
                each.network,
                each.site,
                each.script,
                each.change,
                each.params,
            )
            for each in last.values()
            if each.word not in over and each.job not in known
        ]

    def side(self, network: str, site: str) -> dict[str, FoundThing]:
        """Return the things at a side, as they are."""
        found = {}
        for thing, identifier in self._identifiers.at(
            network, site
        ).items():
            value = self._memory.value(network, site, thing)
            found[thing] = FoundThing(value, (identifier,))
        return found

    # ---- scripts
    def _start(self, command: StartScript) -> None:
        memory = self._memory
        network, site = command.network, command.site
        key = (network, site, command.job, command.attempt)
        if key in memory.attempts:
            self._say_again(memory.attempts[key])
            return
        params: dict[str, str] = json.loads(command.params)
        identifier = params.get("id", "")
        record = AttemptRecord(
            memory.next_number(),
            *key,
            word=Word.STARTED,
            script=command.script,
            change=command.change,
            params=command.params,
            entity=self._identifiers.thing_of(network, identifier),
        )
        record.reason = self._refusal(command, record, params)
        if record.reason is not WhyFailed.NONE:
            record.word = Word.FAILED
        elif memory.made(network, site, command.change):
            record.word = Word.DONE
        memory.keep(record)
        if record.word is Word.STARTED:
            program = self._scripts.program(network, site, command.script)
            self._run(record, record.number, program)
        self._say(record)

    def _refusal(
        self,
        command: StartScript,
        record: AttemptRecord,
        params: dict[str, str],
    ) -> WhyFailed:
        """Return why a script is not started."""
        network, site = record.network, record.site
        version = self._memory.version(network, site, record.script)
        if not version:
            return WhyFailed.NO_SCRIPT
        if version < command.version:
            return WhyFailed.OLD_SCRIPT
        owner_of = self._identifiers.owner_of
        if any(owner_of(v) not in ("", site) for v in params.values()):
            return WhyFailed.FOREIGN_ID
        return WhyFailed.NONE if record.entity else WhyFailed.UNKNOWN_ID

    def _run(
        self, record: AttemptRecord, number: int, program: Path
    ) -> None:
        self._runs.start(number, program, _environment(record))
        self._watch(record, number)

    def _watch(self, record: AttemptRecord, number: int) -> None:
        """Have a thread wait for the end of a run."""

        def wait() -> None:
            self._runs.wait(number)
            self._later(lambda: self._over(record, number))

        Thread(target=wait, daemon=True, name=f"run {number}").start()

    def _over(self, record: AttemptRecord, number: int) -> None:
        """A run has ended, and no process of it is alive."""
        code = self._runs.exit_code(number)
        if number == record.cleaning:
            self._cleaned(record, code)
        else:
            self._ended(record, code)
        self._runs.forget(number)
        _log.info(
            "%s attempt %d: %s", record.job, record.attempt, record.word
        )

    def _ended(self, record: AttemptRecord, code: int | None) -> None:
        value = ""
        if code is None:
            record.word = Word.GONE
        elif code == 0:
            record.word = Word.DONE
            value = self._value_after(record)
        else:
            record.word = Word.FAILED
            record.reason = WhyFailed.SCRIPT
        self._memory.keep(record, value)
        self._say(record)

    def _value_after(self, record: AttemptRecord) -> str:
        """Return what a thing is when a script of it is done."""
        if record.script in AS_A_WHOLE:
            value: str = json.loads(record.params)["value"]
            return value
        before = self._memory.value(
            record.network, record.site, record.entity
        )
        return chained(before, record.change)

    # ---- other orders
    def _ask(self, command: AskScript | KillScript) -> None:
        key = (command.network, command.site, command.job, command.attempt)
        record = self._memory.attempts.get(key)
        if record is None:
            number = self._memory.next_number()
            record = AttemptRecord(number, *key, word=Word.UNKNOWN)
            self._memory.keep(record)
        running = record.word is Word.STARTED
        self._say(record, Word.RUNNING if running else record.word)

    def _kill(self, command: KillScript) -> None:
        key = (command.network, command.site, command.job, command.attempt)
        record = self._memory.attempts.get(key)
        if record is not None and record.word is Word.STARTED:
            self._runs.kill(record.number)
        else:
            self._ask(command)

    def _clean_up(self, command: CleanUp) -> None:
        key = (command.network, command.site, command.job, command.attempt)
        record = self._memory.attempts.get(key)
        if record is None:
            number = self._memory.next_number()
            record = AttemptRecord(number, *key, word=Word.UNKNOWN)
        if record.word in (Word.CLEANED, Word.STARTED):
            self._say(record)
            return
        if record.cleaning:
            self._end_if_it_hangs(record.cleaning)
            return
        program = self._scripts.clean_up(
            record.network, record.site, record.script
        )
        if program is None:
            record.word = Word.CLEANED
            self._memory.keep(record)
            self._say(record)
            return
        number = record.cleaning = self._memory.next_number()
        self._cleaning_since[number] = time.monotonic()
        self._memory.keep(record)
        self._run(record, number, program)

    def _end_if_it_hangs(self, number: int) -> None:
        """End a clean-up that has taken too long. One of an earlier life counts from now on."""
        now_s = time.monotonic()
        since_s = self._cleaning_since.setdefault(number, now_s)
        if now_s - since_s > self._clean_up_limit_s:
            self._runs.kill(number)

    def _cleaned(self, record: AttemptRecord, code: int | None) -> None:
        self._cleaning_since.pop(record.cleaning, None)
        record.cleaning = 0
        if code == 0:
            record.word = Word.CLEANED
        self._memory.keep(record)
        self._say(record, Word.CLEANED if code == 0 else Word.NOT_CLEANED)

    def _copy(self, command: CopyScript) -> None:
        at = (command.network, command.site, command.script)
        if self._scripts.copy(*at):
            self._memory.has_script(*at, command.version)
        else:
            _log.warning("there is no script named %s", command.script)

    def _say_again(self, record: AttemptRecord) -> None:
        """Answer an order to start what was started before: the manager's store forgot it."""
        done = record.word is Word.DONE
        self._say(record, Word.DONE_BEFORE if done else record.word)

    def _say(self, record: AttemptRecord, word: Word | None = None) -> None:
        self._say_to_manager(record, word or record.word)


def _environment(record: AttemptRecord) -> dict[str, str]:
    """Return the environment of a script: everything that it is to do."""
    found = {
        name: os.environ[name] for name in _INHERITED if name in os.environ
    }
    params = json.loads(record.params or "{}")
    own = {
        "network": record.network,
        "site": record.site,
        "thing": record.entity,
        "id": params.get("id", ""),
        "script": record.script,
        "change": record.change,
        "params": record.params,
        "job": record.job,
        "attempt": str(record.attempt),
    }
    for name, value in own.items():
        found[f"DR_SIM_{name.upper()}"] = value
    return found
