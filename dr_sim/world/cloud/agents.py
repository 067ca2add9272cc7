"""Agents: one at each side of a network, which runs scripts as separate processes.

An agent's memory is durable. It knows every attempt that it was ever ordered to start, and starts
each one once. It never starts an attempt about which it was asked before the order came. It obeys
no manager that is older than the newest one that it knows. It keeps scripts, each with a version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from dr_sim.cloud.commands import (
    AskScript,
    CleanUp,
    CopyScript,
    KillScript,
    StartScript,
)
from dr_sim.cloud.events import FoundAttempt
from dr_sim.cloud.words import (
    DEPLOY_MACHINE,
    MACHINE_SCRIPTS,
    REMOVE_MACHINE,
    UPGRADE_MACHINE,
    JobKind,
    WhyFailed,
    Word,
)
from dr_sim.world.cloud.configuration import Configuration, Thing
from dr_sim.world.cloud.context import MOVE_DATABASE
from dr_sim.world.kernel.agenda import Class, Entry

if TYPE_CHECKING:
    from dr_sim.world.cloud.hardware import Hardware
    from dr_sim.world.cloud.service import CloudWorld

_ANSWER = Class.ANSWER  # a member costs several times a name
_NONE = WhyFailed.NONE
_STARTED, _DONE = (Word.STARTED, _NONE), (Word.DONE, _NONE)
_SETS = (JobKind.SET.value, JobKind.REBUILD.value)
_KILL_US = 1_000_000  # to end a process, and to see that it has ended
_ESCAPED_US = (
    300_000_000  # after which a process that escaped has done its work
)
_PPM = 1_000_000
Key = tuple[str, int]  # job, attempt
Said = tuple[Word, WhyFailed]


@dataclass(slots=True)
class Process:
    """A script that runs, or hangs (no entry). params: of the command; entity: what it changes."""

    command: StartScript
    params: dict[str, str]
    entity: str
    entry: Entry | None
    fails: bool


_MAKE_MACHINES = (DEPLOY_MACHINE, UPGRADE_MACHINE)
"""Scripts that end with a machine that runs, if its physical machine does."""


@lru_cache(256)
def _read(params: str) -> dict[str, str]:
    """Parameters of a script; nobody alters them."""
    found: dict[str, str] = json.loads(params)
    return found


class Agent:
    def __init__(
        self,
        world: CloudWorld,
        network: int,
        site: str,
        configuration: Configuration,
    ) -> None:
        self._world = world
        self._context = world.context
        self.network = network
        self.site = site
        self._configuration = configuration
        self.name = world.spec.networks[network].name
        self.dead = False
        self._newest = 0  # the newest manager that it has heard
        self.memory: dict[Key, Said] = {}
        self._done_before: set[Key] = (
            set()
        )  # asked for again when they were done
        self._processes: dict[Key, Process] = {}
        self._not_over: dict[
            str, StartScript
        ] = {}  # by job, its last attempt: it runs, or failed and was not cleaned up
        self._cleaning: set[Key] = set()
        self._runs: dict[str, int] = {}  # how often a change was tried here
        self.scripts: dict[
            str, int
        ] = {}  # those that are not at version 1; 0: not there
        journal = world.context.journal
        self._note_script = journal.noter("truth.cloud_script")
        self._note_effect = journal.noter("truth.cloud_effect")
        jobs = world.spec.jobs
        self._laws = {
            JobKind.SET.value: jobs.set,
            JobKind.REBUILD.value: jobs.rebuild,
        }
        machines = world.spec.machines
        if machines is not None:
            self._laws[DEPLOY_MACHINE] = machines.takes
            self._laws[UPGRADE_MACHINE] = machines.takes
            self._laws[REMOVE_MACHINE] = machines.remove
        self._orders: dict[type, Callable[..., None]] = {
            StartScript: self._start,
            AskScript: self._ask,
            KillScript: self._kill,
            CleanUp: self._clean_up,
            CopyScript: self._copy,
        }

    def of_jobs(self, wanted: Container[str]) -> list[FoundAttempt]:
        """Return every attempt at those jobs, with the agent's answer about it."""
        return [
            FoundAttempt(job, attempt, word, reason)
            for (job, attempt), (word, reason) in self.memory.items()
            if job in wanted
        ]

    def tried(self, change: str) -> int:
        """Return how many attempts at a change were begun here."""
        return self._runs.get(change, 0)

    def not_over(self, known: Container[str]) -> list[FoundAttempt]:
        """Return the last attempt at each job that is not over and not one of those."""
        found: list[FoundAttempt] = []
        for job, command in self._not_over.items():
            if job in known:
                continue
            word, reason = self.memory[job, command.attempt]
            found.append(
                FoundAttempt(
                    job,
                    command.attempt,
                    word,
                    reason,
                    self.name,
                    self.site,
                    command.script,
                    command.change,
                    command.params,
                )
            )
        return found

    def told(self, command: object, incarnation: int) -> None:
        """Receive an order."""
        if self.dead or incarnation < self._newest:
            return
        self._newest = incarnation
        self._orders[command.__class__](command)

    # ---- scripts
    def _start(self, command: StartScript) -> None:
        key = (command.job, command.attempt)
        if key in self.memory:
            self._say_again(key)
            return
        self._not_over[command.job] = command
        params = _read(command.params)
        entity = params.get("machine") or self._world.names.entity_of(
            self.name, params.get("id", "")
        )
        reason = self._refusal(command, params, entity)
        if reason is _NONE:
            self._begin(key, Process(command, params, entity, None, False))
            self.memory[key] = said = _STARTED
        else:
            self.memory[key] = said = (Word.FAILED, reason)
        self._world.heard(self, key, said)

    def _refusal(
        self, command: StartScript, params: dict[str, str], entity: str
    ) -> WhyFailed:
        """Return why the script does not begin."""
        version = self.scripts.get(command.script, 1)
        if version < 1:
            return WhyFailed.NO_SCRIPT
        if version < command.version:
            return WhyFailed.OLD_SCRIPT
        if command.script in MACHINE_SCRIPTS:
            return self._hardware.refusal(self.site, command, params)
        owner_of = self._world.names.owner_of
        for value in params.values():
            if owner_of(value) not in ("", self.site):
                return WhyFailed.FOREIGN_ID
        return _NONE if entity else WhyFailed.UNKNOWN_ID

    def _begin(self, key: Key, process: Process) -> None:
        agenda = self._context.agenda
        takes_us, process.fails = self._law(process.command)
        self._note(process, "begins")
        if process.command.script == MOVE_DATABASE:
            self._pause(process, True)
        elif process.command.script in MACHINE_SCRIPTS:
            self._begin_machine(process)
        elif process.command.script in _SETS:
            at = (self.network, self.site, process.entity)
            self._world.missing.set_is_ordered(at)
        if not (self._world.mishaps.on and self._meets_mishaps(process)):
            process.entry = agenda.at(
                agenda._now + takes_us, _ANSWER, -1, self._over, key
            )
        self._processes[key] = process

    def _begin_machine(self, process: Process) -> None:
        """A machine is deployed or removed."""
        command, params, hardware = (
            process.command,
            process.params,
            self._hardware,
        )
        hardware.begins(self.network, self.site, command, params)
        process.fails = hardware.fails(self.site, command, params)

    @property
    def _hardware(self) -> Hardware:
        hardware = self._world.hardware
        assert hardware is not None
        return hardware

    def _meets_mishaps(self, process: Process) -> bool:
        """Let the mishaps that are on affect a script. Return whether it hangs."""
        mishaps, script = self._world.mishaps, process.command.script
        hangs = mishaps.affects("hangs", self.site, script)
        if mishaps.affects("fails", self.site, script):
            process.fails = True
        if mishaps.affects("half", self.site, script):
            process.fails = True
            if script not in MACHINE_SCRIPTS:
                self._thing(process).half = process.command.job
        return hangs

    def _law(self, command: StartScript) -> tuple[int, bool]:
        """Return how long the script takes, and whether it fails. The draw is named by the change,
        the side and how often it was tried there: two ways to mirror meet the same luck.
        """
        spec, change = self._world.spec, command.change
        law = self._laws.get(command.script, spec.takes)
        stream = self._context.streams.once(
            f"cloud {change}", "script", self.site
        )
        runs = self._runs.get(change, 0)
        self._runs[change] = runs + 1
        takes_us = spec.jobs.start_us + stream.law(2 * runs, law)
        if command.script in _MAKE_MACHINES:
            takes_us += self._hardware.copy_us(_read(command.params))
        if not spec.fail_ppm or command.script in MACHINE_SCRIPTS:
            return takes_us, False
        fails = stream.below(2 * runs + 1, _PPM) < spec.fail_ppm
        return takes_us, fails

    def _over(self, key: Key) -> None:
        process = self._processes.pop(key)
        if process.command.script in _MAKE_MACHINES:
            physical = process.params["physical"]
            process.fails |= self._hardware.is_dead(self.site, physical)
        if process.fails:
            self.memory[key] = (Word.FAILED, WhyFailed.SCRIPT)
            self._note(process, "failed")
        else:
            self._effect(process)
            if process.command.script == MOVE_DATABASE:
                self._pause(process, False)
            self.memory[key] = _DONE
            self._not_over.pop(process.command.job, None)
            self._note(process, "done")
        self._world.heard(self, key, self.memory[key])

    def _effect(self, process: Process) -> None:
        command, params, entity = (
            process.command,
            process.params,
            process.entity,
        )
        configuration = self._configuration
        if command.script in MACHINE_SCRIPTS:
            self._hardware.effect(self.site, command, params)
            return
        if command.script in _SETS:
            self._world.missing.was_set((self.network, self.site, entity))
            configuration.set(self.site, entity, params["value"])
            how, what = "set", params["value"]
        elif configuration.apply(self.site, entity, command.change):
            how, what = "script", command.change
        else:
            return  # it had taken effect before
        configuration.sides[self.site].things[entity].ids = {params["id"]}
        self._note_effect(
            self._context.agenda._now,
            self.network,
            self.site,
            entity,
            what,
            how,
            command.params,
        )

    def _thing(self, process: Process) -> Thing:
        return self._configuration.sides[self.site].things[process.entity]

    def _pause(self, process: Process, begins: bool) -> None:
        """Pause the backups of a database that is moved, or continue with them."""
        if not begins:
            self._world.resume_backups(process.command.job)
        elif self.site == self._world.sites.serves:
            self._world.pause_backups(process.entity, process.command.job)

    # ---- other orders
    def _ask(self, command: AskScript) -> None:
        key = (command.job, command.attempt)
        if key not in self.memory:
            self.memory[key] = (Word.UNKNOWN, _NONE)
        said = self.memory[key]
        if said[0] is Word.STARTED:
            said = (Word.RUNNING, said[1])
        elif key in self._done_before:
            said = (Word.DONE_BEFORE, said[1])
        self._world.heard(self, key, said)

    def _kill(self, command: KillScript) -> None:
        key = (command.job, command.attempt)
        process = self._processes.get(key)
        if process is None:
            self._ask(
                AskScript(
                    command.network,
                    command.site,
                    command.job,
                    command.attempt,
                )
            )
            return
        if self._world.mishaps.affects(
            "survives", self.site, process.command.script
        ):
            self._lost_sight(key, process)
            return
        if process.entry is not None:
            process.entry.cancel()
        process.entry = None
        at = self._context.now_us + _KILL_US
        self._context.agenda.at(at, _ANSWER, -1, self._killed, key)

    def _killed(self, key: Key) -> None:
        process = self._processes.pop(key, None)
        if process is None or self.dead:
            return
        self.memory[key] = (Word.GONE, _NONE)
        self._note(process, "killed")
        self._say(key)

    def _lost_sight(self, key: Key, process: Process) -> None:
        """End what the agent started, and report it. A process that left its group continues, and
        does its work a while later.
        """
        del self._processes[key]
        if process.entry is not None:
            process.entry.cancel()
        self.memory[key] = (Word.GONE, _NONE)
        self._note(process, "escaped")
        self._say(key)
        at = self._context.now_us + _ESCAPED_US
        self._context.agenda.at(at, _ANSWER, -1, self._late, process)

    def _late(self, process: Process) -> None:
        if not self.dead:
            self._effect(process)
            self._note(process, "done late")

    def _clean_up(self, command: CleanUp) -> None:
        key = (command.job, command.attempt)
        if key in self._cleaning:
            return
        if self.memory.get(key, (Word.UNKNOWN, _NONE))[0] is Word.CLEANED:
            self._say(key)
            return
        self._cleaning.add(key)
        self._note_cleaning(command.job, command.attempt, "cleaning")
        at = self._context.now_us + self._world.spec.jobs.clean_up_us
        self._context.agenda.at(at, _ANSWER, -1, self._cleaned, key)

    def _cleaned(self, key: Key) -> None:
        if self.dead or key not in self._cleaning:
            return
        self._cleaning.discard(key)
        job, attempt = key
        if self._world.mishaps.affects("clean-up fails", self.site, ""):
            self._note_cleaning(job, attempt, "not cleaned")
            self._world.heard(self, key, (Word.NOT_CLEANED, _NONE))
            return
        for thing in self._configuration.sides[self.site].things.values():
            if thing.half == job:
                thing.half = ""
        self._world.resume_backups(job)
        command = self._not_over.get(job)
        if command is not None and command.script == DEPLOY_MACHINE:
            machine = _read(command.params)["machine"]
            self._hardware.cleaned(self.site, machine)
        elif command is not None and command.script == UPGRADE_MACHINE:
            machine = _read(command.params)["machine"]
            self._hardware.as_before(self.site, machine)
        self.memory[key] = (Word.CLEANED, _NONE)
        self._not_over.pop(job, None)
        self._note_cleaning(job, attempt, "cleaned")
        if self._world.spec.mirror.on_failure == "skip":
            self._configuration.tell()  # a change may be given up by this
        self._say(key)

    def _copy(self, command: CopyScript) -> None:
        self.scripts[command.script] = command.version

    # ---- the site
    def die(self) -> None:
        """Lose the site: nothing is heard of it again."""
        self.dead = True
        for process in self._processes.values():
            if process.entry is not None:
                process.entry.cancel()
            self._note(process, "died")
        self._processes.clear()
        self._cleaning.clear()

    def come_back(self) -> None:
        """Bring the site back: the agent's memory was on its disks; the processes are gone."""
        self.dead = False
        for key, (word, _) in self.memory.items():
            if word is Word.STARTED:
                self.memory[key] = (Word.GONE, _NONE)

    def _say_again(self, key: Key) -> None:
        """Answer an order to start what was started before: the manager's store forgot it."""
        said = self.memory[key]
        if said[0] is Word.DONE:
            self._done_before.add(key)
            said = (Word.DONE_BEFORE, said[1])
        self._world.heard(self, key, said)

    def _say(self, key: Key) -> None:
        self._world.heard(self, key, self.memory[key])

    def _note(self, process: Process, what: str) -> None:
        command = process.command
        self._note_script(
            self._context.agenda._now,
            self.network,
            self.site,
            command.job,
            command.attempt,
            command.script,
            process.entity,
            what,
        )

    def _note_cleaning(self, job: str, attempt: int, what: str) -> None:
        self._note_script(
            self._context.agenda._now,
            self.network,
            self.site,
            job,
            attempt,
            "",
            "",
            what,
        )
