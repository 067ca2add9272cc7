"""Completion in shells, by argcomplete: commands, options, files, and names that dr_sim knows."""

from __future__ import annotations

import argparse
from typing import Any

from dr_sim.cli.help import commands_of
from dr_sim.files.output import show_as_is

SHELLS = ("bash", "zsh", "fish", "powershell")


def add_completion(commands: Any) -> None:
    """Add `dr-sim completion`."""
    completion = commands.add_parser(
        "completion", help="print a completion script for a shell"
    )
    completion.add_argument(
        "shell", choices=SHELLS, help="the shell that you use"
    )
    completion.set_defaults(command=_completion)


def _completion(a: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    show_as_is(shellcode(["dr-sim"], shell=a.shell))
    return 0


def answer_shell(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks how a line may continue, and end the process."""
    import argcomplete

    for _, command in commands_of(parser):
        for action in command._actions:
            if action.dest in _COMPLETERS:
                action.completer = _COMPLETERS[action.dest]  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options="long")


def _keys(prefix: str, **_: Any) -> list[str]:
    from dr_sim.loading.reference import keys

    return [key.path for key in keys()]


def _settings(prefix: str, **_: Any) -> list[str]:
    return [f"{path}=" for path in _keys(prefix)]


def _kinds(prefix: str, **_: Any) -> list[str]:
    from dr_sim.faults import KINDS

    return [kind.name for kind in KINDS]


def _templates(prefix: str, **_: Any) -> list[str]:
    from dr_sim.library.new import template_names

    return template_names()


_COMPLETERS = {
    "key": _keys,
    "set": _settings,
    "vary": _settings,
    "name": _kinds,
    "template": _templates,
}
