"""A user's own recovery logic instead of the recovery manager, by name: 'package.mod:Factory'.

Theory of operation. The factory is called like RecoveryManager: with the configuration that the
scenario gives (recovery/config.py), with the number of the machine's life, and with what earlier
lives have saved. Its result has a machine's interface (dr_sim/machines): `resume()` and
`handle(event)`, both of which return a list of commands. The name is stored with the scenario, so
each process that plays a replication imports the factory itself.

Mistakes are found before a run where possible: a name that leads nowhere, a factory that raises, an
object that is no machine. During the run each command is checked before it is recorded, and an
exception is reported as the user's own, with the event that caused it.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from dr_sim.errors import InputError, input_error
from dr_sim.errors.bugs import BUILT_IN, OwnLogicError, in_one_line
from dr_sim.machines import Command, Event, Machine
from dr_sim.record.journal import Journal
from dr_sim.record.pairs import roles_by_pair, serving_by_pair
from dr_sim.recovery.commands import COMMANDS, RaiseAlert
from dr_sim.recovery.config import ManagerConfig
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.scenario.keys.standbys import (
    FIRST_PRIMARY,
    as_seen_at,
    first_places,
)
from dr_sim.scenario.model import Scenario
from dr_sim.world.manager_config import manager_config

Factory = Callable[[ManagerConfig, int, dict[str, str]], Machine]
OPTION = "--manager"
FORM = "package.module:Factory"


# ---- by name
def factory_of(name: str) -> Factory:
    """Return the factory of that name; '' is dr_sim's own. Raises InputError, one line, if there is
    none.
    """
    return object_of(name) if name else RecoveryManager


def object_of(name: str, option: str = OPTION) -> Callable[..., Any]:
    """Return the class or function of that name, which that option gives. Raises InputError, one
    line, if there is none.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise _refused(name, f"is not of the form {FORM}", option)
    found: Any = _module(name, module_name, option)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise _refused(
                name,
                f"{module_name} has no {attribute!r}{_hint(module_name)}",
                option,
            )
        found = getattr(found, part)
    if not callable(found):
        raise _refused(
            name,
            f"{attribute} is not callable, it is {_a_type(found)}",
            option,
        )
    return found  # type: ignore[no-any-return]


def _module(name: str, module_name: str, option: str) -> Any:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        if module_name == missing or module_name.startswith(f"{missing}."):
            told = f"there is no module {missing!r} in this folder or on Python's path"
            raise _refused(name, told, option) from None
        raise _not_imported(name, module_name, error, option) from error
    except Exception as error:
        raise _not_imported(name, module_name, error, option) from error


def _not_imported(
    name: str, module_name: str, error: Exception, option: str
) -> InputError:
    why = f"importing {module_name} failed: {in_one_line(error)}"
    return _refused(name, why, option)


def _hint(module_name: str) -> str:
    if module_name == "__main__":
        return "; put it into a module of its own, which worker processes can import"
    return ""


def name_of(factory: Factory) -> str:
    """Return the name under which each process finds a factory. Raises InputError if there
    is none.
    """
    name = f"{getattr(factory, '__module__', '')}:{getattr(factory, '__qualname__', '')}"
    if factory_of(name) is not factory:
        raise _refused(
            name,
            "cannot be found by its name; put it at the top level of a module",
        )
    return name


def with_manager(scenario: Scenario, manager: str | Factory) -> Scenario:
    """Return the same scenario with another recovery manager: 'package.module:Factory', or a class
    or function at the top level of a module; '' or 'dr_sim' is dr_sim's own.

    One machine is made and resumed as a trial; none of its commands is carried out. Raises
    InputError, one line, if it is no recovery manager.
    """
    name = manager if isinstance(manager, str) else name_of(manager)
    if name in ("", BUILT_IN):
        return replace(scenario, manager="")
    if scenario.has_stores:
        raise _refused(
            name,
            "works with a standby; stores have a way back of their own",
        )
    _tried(name, manager_config(scenario))
    return replace(scenario, manager=name)


def _tried(name: str, config: ManagerConfig) -> None:
    factory = factory_of(name)
    try:
        machine: Any = factory(config, 1, {})
    except Exception as error:
        told = f"it raised {in_one_line(error)} when it was called with (config, 1, {{}})"
        raise _refused(name, told) from error
    for method in ("resume", "handle"):
        if not callable(getattr(machine, method, None)):
            told = f"it makes {_a_type(machine)} without {method}(); a manager has resume()"
            raise _refused(name, f"{told} and handle(event)")
    try:
        OwnManager(name, machine, config).resume()
    except OwnLogicError as error:
        raise _refused(name, str(error)) from error


def look_here_too() -> None:
    """Let modules in the current folder be imported, after all others."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)


@cache
def source_digest(name: str) -> str:
    """Return a digest of the source of the package that holds the factory: other code means other
    replications.
    """
    factory_of(name)
    module = sys.modules.get(name.partition(":")[0].split(".")[0])
    file = getattr(module, "__file__", None)
    digest = blake2b(digest_size=16)
    if file is not None:
        path = Path(file)
        whole = (
            sorted(path.parent.rglob("*.py"))
            if path.name == "__init__.py"
            else [path]
        )
        for each in whole:
            digest.update(each.read_bytes() + b"\0")
    return digest.hexdigest()


def _refused(name: str, why: str, option: str = OPTION) -> InputError:
    return input_error(f"{option} {name}", why)


def _a_type(value: object) -> str:
    return f"a {type(value).__name__}"


# ---- in a run
class OwnManager:
    """A user's machine under supervision: its commands are checked, and its exceptions are reported
    as its own. machine: the one that decides.
    """

    __slots__ = ("_databases", "_name", "machine")

    def __init__(
        self, name: str, machine: Machine, config: ManagerConfig
    ) -> None:
        self._name = name
        self.machine = machine
        self._databases = frozenset(each.name for each in config.databases)

    def resume(self) -> Sequence[Command]:
        return self._given(self.machine.resume, "resume()")

    def handle(self, event: Event) -> Sequence[Command]:
        return self._given(lambda: self.machine.handle(event), event)

    def _given(
        self, ask: Callable[[], Any], occasion: object
    ) -> Sequence[Command]:
        try:
            commands = ask()
        except (Exception, SystemExit) as error:
            raise self._broke(
                f"raised {in_one_line(error)}", occasion
            ) from error
        if not isinstance(commands, (list, tuple)):
            what = f"returned {_a_type(commands)}, not a list of commands"
            raise self._broke(what, occasion)
        for command in commands:
            wrong = self._wrong(command)
            if wrong:
                raise self._broke(wrong, occasion)
        return commands

    def _wrong(self, command: Any) -> str:
        """Return the error in a command; '' if there is none."""
        if type(command) not in _KNOWN:
            where = "they are in dr_sim/machines/commands.py and dr_sim/recovery/commands.py"
            return f"gave {command!r}, which is no command that dr_sim can carry out ({where})"
        for field, wanted in _types_of(command.__class__):
            value = getattr(command, field)
            if not isinstance(value, wanted):
                return f"gave {command!r}, whose {field} is no {wanted.__name__}"
            if isinstance(value, int) and abs(value) > _MOST:
                return (
                    f"gave {command!r}, whose {field} does not fit 63 bits"
                )
        database = getattr(command, "database", None)
        of_the_service = type(command) is RaiseAlert and database == ""
        if (
            database is not None
            and database not in self._databases
            and not of_the_service
        ):
            return f"gave {command!r}, but the scenario has no database {database!r}"
        return ""

    def _broke(self, what: str, occasion: object) -> OwnLogicError:
        when = (
            f"in {occasion}"
            if isinstance(occasion, str)
            else f"when it was told {occasion!r}"
        )
        return OwnLogicError(f"your manager {self._name} {what} {when}")


_KNOWN = frozenset(COMMANDS)
_MOST = 2**63 - 1


@cache
def _types_of(cls: type) -> tuple[tuple[str, type], ...]:
    """Return the fields of a command, each with its class."""
    hints = get_type_hints(cls)
    plain = {name: get_origin(hint) or hint for name, hint in hints.items()}
    return tuple((f.name, plain[f.name]) for f in dataclasses.fields(cls))


def builders(
    journal: Journal, scenario: Scenario
) -> dict[int, Callable[[int, dict[str, str]], Machine]]:
    """Return the functions that make the machines of a recorded run, by the pair that they watched
    over.
    """
    names = [d.name for d in scenario.databases]
    serving = serving_by_pair(journal)
    found = {}
    for pair, roles in roles_by_pair(
        journal, (FIRST_PRIMARY, first_places(scenario)[0])
    ).items():
        seen = as_seen_at(scenario, roles.secondary, roles.rank, roles.of)
        databases = serving.get(pair)
        of = (
            None
            if not databases
            else [names[i] for i in databases if i < len(names)]
        )
        found[pair] = builder(replace(seen, leg_no=pair + 1), of)
    return found


def builder(
    scenario: Scenario, serving: Container[str] | None = None
) -> Callable[[int, dict[str, str]], Machine]:
    """Return the function that makes the machine of each life. A user's own machine is supervised.
    serving: the databases in service; None: all.
    """
    name, config = scenario.manager, manager_config(scenario, serving)
    factory = factory_of(name)
    if not name:
        return lambda incarnation, saved: factory(
            config, incarnation, saved
        )

    def build(incarnation: int, saved: dict[str, str]) -> Machine:
        try:
            machine = factory(config, incarnation, saved)
        except Exception as error:
            what = f"raised {in_one_line(error)} when it was made for its life {incarnation}"
            raise OwnLogicError(f"your manager {name} {what}") from error
        return OwnManager(name, machine, config)

    return build


def watched(
    name: str, hands: Mapping[type, Callable[[Any], None]]
) -> dict[type, Any]:
    """Return hands that name the command of a user's own machine which they could not carry out."""

    def watch(hand: Callable[[Any], None]) -> Callable[[Any], None]:
        def carry_out(command: Any) -> None:
            try:
                hand(command)
            except Exception as error:
                what = f"{command!r} of your manager {name} could not be carried out"
                raise OwnLogicError(
                    f"{what}: {in_one_line(error)}"
                ) from error

        return carry_out

    return {cls: watch(hand) for cls, hand in hands.items()}


def absorbing(machine: Machine | None) -> RecoveryManager | None:
    """Return the machine if it takes quiet logs in stretches. dr_sim's own does. A user's logic
    that is derived from it takes the ordinary steps, unless its own class states that its changes
    do not concern quiet logs (`absorbs_quiet_logs = True`).
    """
    if isinstance(machine, OwnManager):
        machine = machine.machine
    cls = type(machine)
    if (
        cls is RecoveryManager
        or vars(cls).get("absorbs_quiet_logs") is True
    ):
        return machine if isinstance(machine, RecoveryManager) else None
    return None
