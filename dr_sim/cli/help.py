"""Tells what `--help` of each command says beside its options: what it is for, an example, exit
codes.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from dr_sim.files.output import argument

WIDTH = 80
EXIT_CODES = {
    0: "done; the SLA is met, or none is given",
    1: "the SLA is missed",
    2: "the input is wrong, or it cannot be run here",
    3: "could not be judged (censored, unknown)",
    4: "an invariant broke (a bug was found)",
    5: "a recovery reported success but lost data",
    70: "an error nobody caught: a bug in dr_sim, or in logic of your own",
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
        "Says which ways back there would be if a site, a host or a database were lost at an "
        "instant: which standby could be promoted, which store restored from, what each would "
        "lose and how long it would take. Or the ways back from a mistake: each is tried in a run "
        "of its own.",
        (
            "dr-sim ways mine.yaml --at 'Wed 02:40' --class site",
            "dr-sim ways mine.yaml --at '2 h' --class host --set link.bandwidth=50Mbit/s",
            "dr-sim ways mine.yaml --at 'Mon 14:00' --class mistake --noticed '90 min'",
        ),
        (0, 2, 70, 130),
    ),
    "new": Help(
        "Writes a scenario to start from, and beside it the schema that editors complete and "
        "check it with. In a terminal it asks a few questions; --template asks none.",
        ("dr-sim new mine.yaml --template postgres",),
    ),
    "library": Help(
        "Lists the scenarios that come with dr_sim and what each shows, or copies them and the "
        "notebooks into a folder.",
        ("dr-sim library outage", "dr-sim library --copy library"),
    ),
    "completion": Help(
        "Prints what makes a shell complete commands, options, files and keys.",
        (
            'eval "$(dr-sim completion bash)"        # in ~/.bashrc; same for zsh',
            "dr-sim completion fish > ~/.config/fish/completions/dr-sim.fish",
            "dr-sim completion powershell >> $PROFILE",
        ),
    ),
    "check": Help(
        "Judges the SLA lines of every scenario over many runs. What cannot be told yet is "
        "unknown, and unknown is not a pass.",
        (
            "dr-sim check scenarios/checks --junit check.xml --markdown check.md",
        ),
        _JUDGED,
        ((1, "an SLA is missed, or something is worse than the baseline"),),
    ),
    "baseline": Help(
        "Stores what every replication of some scenarios gives now, for `dr-sim check --against`.",
        (
            "dr-sim baseline scenarios/checks -o baseline.parquet --replications 20",
        ),
        _PLAYED,
    ),
    "compare": Help(
        "Plays two scenarios on the same luck and says which is better in what: verdicts, then "
        "the measures that differ, the largest difference first.",
        (
            "dr-sim compare scenarios/policies/bridge.yaml scenarios/policies/resync.yaml",
        ),
        _PLAYED,
        ((0, "done, whatever the verdicts"),),
    ),
    "sweep": Help(
        "Varies keys of a scenario over a grid, draws the result, and says which value is the "
        "smallest that meets a goal.",
        (
            "dr-sim sweep mine.yaml --vary link.bandwidth=10..1000Mbit/s:log9",
        ),
        _PLAYED,
        ((0, "done, whatever the answer"),),
    ),
    "advise": Help(
        "Tries the usual changes (a wider link, priority to logs, more frequent logs, more "
        "restore workers, staggered fulls, no delay, longer retention, automatic failover) on "
        "the same luck, ranks them by what they do to each SLA line, and names the smallest set "
        "that meets the SLA.",
        ("dr-sim advise scenarios/advice/narrow_link.yaml",),
        (0, 1, 2, 70, 130),
        (
            (0, "the SLA is met as it is, or a set of changes meets it"),
            (1, "none of the sets that were tried surely meets it"),
        ),
    ),
    "explore": Help(
        "Draws cases (options, faults at instants that matter, crashes between two commands), "
        "runs them step by step, keeps what reaches something new, and shrinks what breaks a "
        "requirement. The same command goes on where it was stopped.",
        ("dr-sim explore scenarios/quickstart.yaml --budget '2 min'",),
        (0, 2, 4, 70, 130),
        (
            (0, "nothing was found"),
            (
                4,
                "found: each case lies in the folder as a scenario and a test",
            ),
        ),
    ),
    "cutsets": Help(
        "Finds the smallest sets of files whose loss, with the primary's site, breaks the RPO. "
        "Each set is confirmed by a run.",
        ("dr-sim cutsets results/quickstart/1 --rpo '15 min' --count 3",),
        (0, 1, 2, 4, 70, 130),
        (
            (0, "done"),
            (1, "nothing is needed for it: the RPO is broken already"),
            (4, "a set was not confirmed by its run"),
        ),
    ),
    "shrink": Help(
        "Takes away from a scenario that breaks a requirement whatever is not needed for it, and "
        "writes the smallest one that still does, with a pytest test.",
        ("dr-sim shrink broken.yaml --out smallest",),
        (0, 2, 4, 70, 130),
        ((0, "it breaks nothing"), (4, "the smallest case was written")),
    ),
    "policies": Help(
        "Runs several scenarios once each, on the same luck, and prints one table.",
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
        "Says why: any one number of a run as a ledger of causes that adds up to it, to the "
        "microsecond. Equal causes are summed, and so are equal alerts; --all lists each.",
        (
            "dr-sim explain results/quickstart/1 --failover 1",
            "dr-sim explain results/quickstart/1 --alerts",
        ),
    ),
    "report": Help(
        "Tries every assumed number of a run's scenario at other values, says which of them "
        "would flip the verdict, and writes report.html anew with it.",
        ("dr-sim report results/quickstart/1",),
        _PLAYED,
    ),
    "verify": Help(
        "Feeds the recorded events of a run to fresh recovery objects and compares their "
        "commands with the recorded ones.",
        ("dr-sim verify results/quickstart/1",),
        (0, 2, 4, 70, 130),
        (
            (0, "the same commands"),
            (4, "a difference: the record or the logic has changed"),
        ),
    ),
    "calibrate": Help(
        "Measures what backups and restores of a real engine cost on this machine, and writes "
        "them as a file that a scenario can extend.",
        ("dr-sim calibrate --engine sqlite -o costs.yaml",),
        (0, 2, 70, 130),
    ),
    "compare-engines": Help(
        "Runs scenarios on real engines by the clock, beside what the model predicts.",
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
        "Answers requests over HTTP, runs scripts, and mirrors what they change to the other site, "
        "until it is ended by SIGTERM or Ctrl-C. Whatever ends it, it goes on from its store.",
        (
            "dr-sim cloud serve mine.yaml --store cloud.db --scripts scripts --port 8420",
        ),
        (0, 2, 70, 130),
        (
            (0, "it was ended, and may be started again"),
            (130, "interrupted before it served"),
        ),
    ),
    "cloud chaos": Help(
        "Plays the clients and faults of a scenario against a real API: calls and answers that are "
        "lost, repeated and late, ids that are used again, and kill -9. A witness says what broke. "
        "--real: against `dr-sim cloud serve`; what it did must be what the model does.",
        (
            "dr-sim cloud chaos scenarios/cloud/api_chaos.yaml --real",
            "dr-sim cloud chaos examples/own_api.yaml --api examples.own_api:Api",
        ),
        (0, 2, 4, 70, 130),
        (
            (0, "nothing broke, and it is as in the model"),
            (4, "something broke, or is not as in the model"),
        ),
    ),
    "import": Help(
        "Makes a scenario of a real backup history: databases, schedules, sizes, log volumes. It "
        "says what fits and what was guessed.",
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
        "Lists the keys of a scenario file: what each means, how it is written, its default and "
        "where that comes from.",
        ("dr-sim keys link", "dr-sim keys databases.crm.log"),
    ),
    "faults": Help(
        "Lists what can happen in a scenario. With a name: its keys, and lines to copy.",
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


class Parser(argparse.ArgumentParser):
    """Names what was meant where a command is unknown."""

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with exit code 2."""
        found = re.match(
            r"argument COMMAND: invalid choice: '(.*?)' \(choose from (.*)\)",
            message,
        )
        if found:
            known = re.findall(r"[a-z-]+", found[2])
            near = difflib.get_close_matches(found[1], known, 1, 0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            message = (
                f"there is no command {found[1]!r}; {hint}"
                "`dr-sim --help` lists all of them"
            )
        super().error(message)


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
