"""Tells what `--help` of each command says beside its options: what it is for, an example, exit
codes.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from dr_sim.cli.printing import note
from dr_sim.files.output import argument

WIDTH = 80
EXIT_CODES = {
    0: "done; the SLA is met, or the scenario has none",
    1: "the SLA is missed",
    2: "the input is wrong, or it cannot run on this machine",
    3: "no verdict: the run ended too early, or the value is unknown",
    4: "an invariant is violated (a bug was found)",
    5: "a recovery reported success but lost data",
    70: "dr_sim or your own logic failed: a bug",
    130: "interrupted",
}
_JUDGED = (0, 1, 2, 3, 4, 5, 70, 130)
_PLAYED = (0, 2, 4, 70, 130)
_READ = (0, 2, 70)


@dataclass(frozen=True, slots=True)
class Help:
    """Holds what one command is for, how it is used, and the exit codes that it may give. means:
    where a code means something else here.
    """

    description: str
    examples: tuple[str, ...]
    codes: tuple[int, ...] = _READ
    means: tuple[tuple[int, str], ...] = ((0, "done"),)


HELP = {
    "run": Help(
        "Simulates a scenario once (or --replications times), prints one screen and writes a "
        "report, pictures, every number and the whole record of the run.",
        (
            "dr-sim run scenarios/quickstart.yaml",
            "dr-sim run mine.yaml --set link.bandwidth=50Mbit/s --seed 7",
        ),
        _JUDGED,
        (),
    ),
    "ways": Help(
        "Lists the ways back if a site, a host or a database were lost "
        "at an instant: which standby could be promoted, which store "
        "could be restored from, what each would lose and how long it "
        "would take. With --class mistake or --class rotting_pages it lists the ways back from a "
        "mistake, or from pages that rot; each is tried in a separate run.",
        (
            "dr-sim ways mine.yaml --at 'Wed 02:40' --class site",
            "dr-sim ways mine.yaml --at '2 h' --class host --set link.bandwidth=50Mbit/s",
            "dr-sim ways mine.yaml --at 'Mon 14:00' --class mistake --noticed '90 min'",
            "dr-sim ways mine.yaml --at 'Mon 14:00' --class rotting_pages --noticed '3 h'",
        ),
        (0, 2, 70, 130),
    ),
    "new": Help(
        "Writes a scenario to start from, and beside it the schema with "
        "which editors complete and check it. In a terminal it asks a "
        "few questions; with --template it asks none.",
        ("dr-sim new mine.yaml --template postgres",),
    ),
    "library": Help(
        "Lists the scenarios that come with dr_sim and what each shows, or copies them and the "
        "notebooks into a folder.",
        ("dr-sim library outage", "dr-sim library --copy library"),
    ),
    "completion": Help(
        "Prints a script with which a shell completes commands, options, "
        "files and keys.",
        (
            'eval "$(dr-sim completion bash)"        # in ~/.bashrc; same for zsh',
            "dr-sim completion fish > ~/.config/fish/completions/dr-sim.fish",
            "dr-sim completion powershell >> $PROFILE",
        ),
    ),
    "check": Help(
        "Judges the SLA lines of every scenario over many runs. A line "
        "that cannot be judged yet is unknown, and unknown is not a pass.",
        (
            "dr-sim check scenarios/checks --junit check.xml --markdown check.md",
        ),
        _JUDGED,
        ((1, "an SLA is missed, or a value is worse than the baseline"),),
    ),
    "baseline": Help(
        "Stores the values of every replication of some scenarios, for "
        "`dr-sim check --against`.",
        (
            "dr-sim baseline scenarios/checks -o baseline.parquet --replications 20",
        ),
        _PLAYED,
    ),
    "compare": Help(
        "Plays two scenarios under the same random events and says which "
        "is better: first the verdicts, then the measures that differ, "
        "the largest difference first.",
        (
            "dr-sim compare scenarios/policies/bridge.yaml scenarios/policies/resync.yaml",
        ),
        _PLAYED,
        ((0, "done, whatever the verdicts"),),
    ),
    "sweep": Help(
        "Varies keys of a scenario over a grid, draws the result, and "
        "finds the smallest value that meets a goal.",
        (
            "dr-sim sweep mine.yaml --vary link.bandwidth=10..1000Mbit/s:log9",
        ),
        _PLAYED,
        ((0, "done, whatever the answer"),),
    ),
    "advise": Help(
        "Tries the usual changes (a wider link, priority to logs, more "
        "frequent logs, more restore workers, staggered fulls, no delay, "
        "longer retention, automatic failover) under the same random "
        "events. Ranks them by their effect on each SLA line, and names "
        "the smallest set that meets the SLA.",
        ("dr-sim advise scenarios/advice/narrow_link.yaml",),
        (0, 1, 2, 70, 130),
        (
            (
                0,
                "the SLA is met without changes, or a set of changes "
                "meets it",
            ),
            (1, "no set that was tried surely meets the SLA"),
        ),
    ),
    "explore": Help(
        "Draws cases (options, faults at critical instants, crashes "
        "between two commands) and runs them step by step. Keeps cases "
        "that reach something new, and shrinks cases that break a "
        "requirement. The same command continues where it was stopped. "
        "With --against it also finds what is worse than with other code; "
        "changes that are not committed are compared with HEAD by itself.",
        (
            "dr-sim explore scenarios/quickstart.yaml --budget '2 min'",
            "dr-sim explore --against HEAD~1     # what did the last commit change?",
            "dr-sim explore --against origin/main",
        ),
        (0, 2, 3, 4, 70, 130),
        (
            (0, "nothing was found"),
            (
                3,
                "with --against: some runs differ, and nothing is worse",
            ),
            (
                4,
                "found: the folder holds a scenario and a test for each "
                "case",
            ),
        ),
    ),
    "cutsets": Help(
        "Finds the smallest sets of files whose loss, together with the "
        "primary's site, breaks the RPO. A run confirms each set.",
        ("dr-sim cutsets results/quickstart/1 --rpo '15 min' --count 3",),
        (0, 1, 2, 4, 70, 130),
        (
            (0, "done"),
            (1, "the loss of the site alone breaks the RPO"),
            (4, "a set was not confirmed by its run"),
        ),
    ),
    "shrink": Help(
        "Removes from a scenario that breaks a requirement everything "
        "that is not needed for that. Writes the smallest scenario that "
        "still breaks it, with a pytest test.",
        (
            "dr-sim shrink broken.yaml --out smallest",
            "dr-sim shrink mine.yaml --against HEAD~1",
        ),
        (0, 2, 3, 4, 70, 130),
        (
            (0, "the scenario breaks nothing"),
            (3, "with --against: the run differs, and nothing is worse"),
            (4, "the smallest case was written"),
        ),
    ),
    "policies": Help(
        "Runs several scenarios once each, under the same random events, "
        "and prints one table.",
        (
            "dr-sim policies scenarios/policies/bridge.yaml scenarios/policies/resync.yaml",
        ),
        _PLAYED,
        ((0, "done, whatever the verdicts"),),
    ),
    "validate": Help(
        "Reads scenario files and runs nothing. Each mistake is one line: where it is, what is "
        "wrong, and what would be right.",
        ("dr-sim validate mine.yaml",),
        _READ,
        ((0, "no mistakes"), (2, "mistakes were found")),
    ),
    "schema": Help(
        "Prints the JSON Schema of scenario files. Editors find it by this first line of a "
        "scenario: # yaml-language-server: $schema=dr-sim.schema.json",
        ("dr-sim schema > dr-sim.schema.json",),
    ),
    "explain": Help(
        "Explains a number of a run: a ledger lists causes that add up "
        "to it, to the microsecond. Equal causes are summed, and so are "
        "equal alerts; --all lists each.",
        (
            "dr-sim explain results/quickstart/1 --failover 1",
            "dr-sim explain results/quickstart/1 --alerts",
        ),
    ),
    "report": Help(
        "Tries every assumed number of a run's scenario at other values, "
        "says which of them would change the verdict, and adds the "
        "result to report.html.",
        ("dr-sim report results/quickstart/1",),
        _PLAYED,
    ),
    "verify": Help(
        "Gives the recorded events of a run to new recovery objects and "
        "compares their commands with the recorded commands.",
        ("dr-sim verify results/quickstart/1",),
        (0, 2, 4, 70, 130),
        (
            (0, "the same commands"),
            (4, "different commands: the record or the logic has changed"),
        ),
    ),
    "calibrate": Help(
        "Measures the costs of backups and restores of a real engine on "
        "this machine, and writes them to a file that a scenario can "
        "extend.",
        ("dr-sim calibrate --engine sqlite -o costs.yaml",),
        (0, 2, 70, 130),
    ),
    "compare-engines": Help(
        "Runs scenarios on real engines by the clock, and compares them "
        "with the model's prediction.",
        ("dr-sim compare-engines scenarios/real/tail.yaml",),
        _PLAYED,
    ),
    "cloud": Help(
        "Runs the cloud manager that scenarios simulate in a real service.",
        (
            "dr-sim cloud serve mine.yaml --store cloud.db --scripts scripts",
        ),
    ),
    "cloud serve": Help(
        "Answers requests over HTTP, runs scripts, and mirrors their "
        "changes to the other site, until SIGTERM or Ctrl-C ends it. "
        "After any end it continues from its store.",
        (
            "dr-sim cloud serve mine.yaml --store cloud.db --scripts scripts --port 8420",
        ),
        (0, 2, 70, 130),
        (
            (0, "the server was stopped, and can be started again"),
            (130, "interrupted before it served"),
        ),
    ),
    "cloud chaos": Help(
        "Plays the clients and faults of a scenario against a real API: "
        "calls and answers that are lost, repeated and late, ids that "
        "are used again, and kill -9. A witness reports violations. With "
        "--real the API is `dr-sim cloud serve`, and its results must "
        "equal those of the model.",
        (
            "dr-sim cloud chaos scenarios/cloud/api_chaos.yaml --real",
            "dr-sim cloud chaos examples/own_api.yaml --api examples.own_api:Api",
        ),
        (0, 2, 4, 70, 130),
        (
            (0, "no violation, and no difference from the model"),
            (4, "a violation, or a difference from the model"),
        ),
    ),
    "import": Help(
        "Makes a scenario from a real backup history: databases, "
        "schedules, sizes, log volumes. Reports which values fit the "
        "history and which are guessed.",
        ("dr-sim import sqlserver history.json -o mine.yaml",),
    ),
    "import sqlserver": Help(
        "Reads the backup history of a SQL Server (msdb). --how prints the T-SQL that exports it.",
        (
            "dr-sim import sqlserver --how",
            "dr-sim import sqlserver history.json -o mine.yaml",
        ),
    ),
    "import pgbackrest": Help(
        "Reads what `pgbackrest info --output=json` prints.",
        ("dr-sim import pgbackrest info.json -o mine.yaml",),
    ),
    "import walg": Help(
        "Reads what `wal-g backup-list --json --detail` prints.",
        ("dr-sim import walg backups.json -o mine.yaml",),
    ),
    "import barman": Help(
        "Reads what `barman --format json list-backups` and `show-backup` print.",
        ("dr-sim import barman backups.json -o mine.yaml",),
    ),
    "plan": Help(
        "Says which backups to restore and in which order, what is missing, what would be lost, "
        "and how long it should take.",
        (
            "dr-sim plan history.json --until '2024-05-01 10:00'",
            "dr-sim plan results/quickstart/1 --without FILE",
        ),
        (0, 1, 2, 70),
        (
            (0, "the target can be reached"),
            (1, "the target cannot be reached"),
        ),
    ),
    "keys": Help(
        "Lists the keys of a scenario file: the meaning of each, how to "
        "write it, its default and the source of the default.",
        ("dr-sim keys link", "dr-sim keys databases.crm.log"),
    ),
    "faults": Help(
        "Lists the events and faults of a scenario. With a name: its "
        "keys, and lines to copy.",
        ("dr-sim faults", "dr-sim faults link_outage"),
    ),
}


def complete_help(parser: argparse.ArgumentParser) -> None:
    """Give every command its description, examples and exit codes, 80 columns wide."""
    for name, command in commands_of(parser):
        found = HELP.get(name)
        if found is None:
            continue
        command.description = found.description
        command.epilog = _epilog(found)
        command.formatter_class = HelpFormatter


def commands_of(
    parser: argparse.ArgumentParser, above: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every command and those inside it, by its words."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                words = f"{above} {name}".strip()
                yield words, command
                yield from commands_of(command, words)


def main_epilog() -> str:
    """Return what stands under the list of all commands."""
    return "\n".join(
        [
            *_codes(tuple(EXIT_CODES), {}),
            "",
            "`dr-sim COMMAND --help` shows examples.",
        ]
    )


def _epilog(found: Help) -> str:
    plural = "s" if len(found.examples) > 1 else ""
    examples = [
        f"example{plural}:",
        *(f"  {line}" for line in found.examples),
    ]
    return "\n".join(
        [*examples, "", *_codes(found.codes, dict(found.means))]
    )


def _codes(codes: tuple[int, ...], means: dict[int, str]) -> list[str]:
    return [
        "exit codes:",
        *(
            f"  {code:<4} {means.get(code, EXIT_CODES[code])}"
            for code in codes
        ),
    ]


HABITS = {"--results": "--out", "--runs": "--replications"}
"""Names of options that people know from other tools."""


KINDS = {
    "mssql": "sqlserver",
    "msdb": "sqlserver",
    "dbatools": "sqlserver",
    "pg": "pgbackrest, walg or barman",
    "postgres": "pgbackrest, walg or barman",
    "postgresql": "pgbackrest, walg or barman",
}
"""Names of products for which people ask, by the kind of history that is theirs."""


def _meant(word: str, known: list[str]) -> str:
    """Return 'did you mean X? ' if one of the known words is near; else ''."""
    habit = KINDS.get(word.lower(), "")
    if habit.partition(",")[0] in known:
        return f"did you mean {habit}? "
    near = difflib.get_close_matches(word, known, 1, 0.5)
    return f"did you mean {near[0]}? " if near else ""


class Parser(argparse.ArgumentParser):
    """Names what was meant where a command, or a part of one, is unknown."""

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with exit code 2."""
        found = re.match(
            r"argument (COMMAND|KIND|PART): invalid choice: '(.*?)' \(choose from (.*)\)",
            message,
        )
        if found:
            what, word = found[1].lower(), found[2]
            known = re.findall(r"[a-z-]+", found[3])
            message = (
                f"there is no {what} {word!r}; {_meant(word, known)}"
                f"`{self.prog} --help` lists all of them"
            )
        elif missing := re.search(r"are required: (.*)", message):
            shows = "shows an example"
            if missing[1] in ("COMMAND", "KIND", "PART"):
                shows = "lists all of them"
            message += f"; `{self.prog} --help` {shows}"
        self.print_usage(sys.stderr)
        note(f"{self.prog}: error: {message}")
        self.exit(2)


def next_step(scenario: Path) -> str:
    """Return what an import leaves to do."""
    return f"{scenario}: put right what is marked 'guessed', then: dr-sim run {argument(scenario)}"


def unknown_options(
    parser: argparse.ArgumentParser, extra: list[str]
) -> str:
    """Return what is wrong with arguments that a command does not take, and what was meant."""
    known = re.findall(r"--[a-z][a-z-]*", parser.format_help())
    first = extra[0].partition("=")[0]
    near = difflib.get_close_matches(first, known, 1, 0.6)
    meant = HABITS.get(first, near[0] if near else "")
    hint = f"did you mean {meant}? " if meant in known else ""
    return (
        f"unrecognized arguments: {' '.join(extra)}; {hint}"
        f"`{parser.prog} --help` lists what it takes"
    )


class HelpFormatter(argparse.HelpFormatter):
    """Wraps the description and keeps the lines of what stands below the options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=24, width=WIDTH)

    def _fill_text(self, text: str, width: int, indent: str) -> Any:
        if "\n" in text:
            return "\n".join(indent + line for line in text.splitlines())
        return super()._fill_text(text, width, indent)
