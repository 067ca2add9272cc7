"""The command line: `dr-sim COMMAND ...`, its errors and its exit codes.

Each command has its parser and what it does in a module of its name beside this one. Everything
that commands print comes from elsewhere.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from dr_sim.cli.advise import add_advise
from dr_sim.cli.check import add_baseline, add_check
from dr_sim.cli.cloud import add_cloud
from dr_sim.cli.compare import add_compare, add_policies
from dr_sim.cli.completion import add_completion, answer_shell
from dr_sim.cli.explore import add_cutsets, add_explore
from dr_sim.cli.help import (
    HelpFormatter,
    Parser,
    complete_help,
    main_epilog,
    unknown_options,
)
from dr_sim.cli.imports import add_import
from dr_sim.cli.library import add_library
from dr_sim.cli.one_run import add_results
from dr_sim.cli.plan import add_plan
from dr_sim.cli.printing import note
from dr_sim.cli.real_engines import add_engines
from dr_sim.cli.reference import add_reference
from dr_sim.cli.run import add_run
from dr_sim.cli.scenario_files import add_files
from dr_sim.cli.sweep import add_sweep
from dr_sim.cli.ways import add_ways
from dr_sim.errors import DrSimError, bugs
from dr_sim.files.output import mute, show_as_is
from dr_sim.files.reading import outside_allowed
from dr_sim.version import VERSION

_READS_SCENARIOS = (
    "run",
    "validate",
    "check",
    "baseline",
    "compare",
    "sweep",
    "policies",
    "advise",
    "ways",
    "compare-engines",
    "report",
    "explore",
    "shrink",
)
"""Commands that may read a scenario from outside the folder, if the user says so."""

_COMMANDS = (
    add_run,
    add_library,
    add_check,
    add_baseline,
    add_compare,
    add_sweep,
    add_advise,
    add_explore,
    add_cutsets,
    add_files,
    add_results,
    add_engines,
    add_cloud,
    add_import,
    add_plan,
    add_ways,
    add_policies,
    add_reference,
    add_completion,
)
"""Adders of commands, in the order in which help lists them."""


def main(
    argv: list[str] | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> int:
    """Run one subcommand and return its exit code. interrupted: whether an interrupt may have made
    the error that is met.
    """
    for name in ("stdout", "stderr"):
        # closed from the start (>&-): nobody wants to read it
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that lacks a letter of a name still shows the rest
            stream.reconfigure(errors="backslashreplace")
    # where it keeps its settings is nothing to tell a user of ours
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    manager = ""
    if "_ARGCOMPLETE" in os.environ:
        answer_shell(parser_of_all())
    try:
        arguments = _parsed(argv)
        command: Callable[[argparse.Namespace], int] = arguments.command
        named = getattr(arguments, "manager", "")
        manager = named if isinstance(named, str) else " and ".join(named)
        allowed = outside_allowed.set(
            outside_allowed.get()
            or getattr(arguments, "allow_outside", False)
        )
        try:
            code = command(arguments)
        finally:
            outside_allowed.reset(allowed)
        sys.stdout.flush()
        return code
    except DrSimError as error:
        note(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        note("interrupted; what is not finished was not written")
        return 130
    except BrokenPipeError:
        # the reader of our output went away (| head): nothing is wrong
        mute()
        return 0
    except OSError as error:
        if interrupted():
            raise
        if not _in_printing(error):
            return bugs.report(error, manager)
        mute()
        note(f"standard output: cannot be written ({error.strerror})")
        return 2
    except Exception as error:
        if interrupted():
            raise
        return bugs.report(error, manager)


def _in_printing(error: OSError) -> bool:
    """The face itself writes nothing but what it prints, so its own errors of that kind are the
    output's: a full disk.
    """
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    module: str = frame.f_globals["__name__"]
    printed = module == __name__ or module.startswith(f"{__package__}.")
    return printed or frame.f_code is show_as_is.__code__


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments; an option that the command does not know is reported with its usage."""
    arguments, extra = parser_of_all().parse_known_args(argv)
    if extra:
        of: argparse.ArgumentParser = arguments.parser
        of.error(unknown_options(of, extra))
    return arguments


def parser_of_all() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = Parser(
        prog="dr-sim",
        description="Simulates disaster recovery by log "
        "shipping and measures data loss and outage.",
        epilog=main_epilog(),
        formatter_class=HelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"dr-sim {VERSION}"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in _COMMANDS:
        add(commands)
    for one in commands.choices.values():
        one.set_defaults(parser=one)
    for name in _READS_SCENARIOS:
        commands.choices[name].add_argument(
            "--allow-outside",
            action="store_true",
            help="allow scenarios to name files outside the folder from "
            "which the command is run",
        )
    complete_help(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
