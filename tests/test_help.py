"""Every command says what it is for, how it is used, and its exit codes, on 80 columns; shells
complete commands, options and names.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dr_sim.cli.completion import SHELLS
from dr_sim.cli.help import EXIT_CODES, HELP, WIDTH, commands_of
from dr_sim.cli.main import main, parser_of_all

ROOT = Path(__file__).parents[1]
COMMANDS = dict(commands_of(parser_of_all()))


def test_every_command_has_its_help() -> None:
    assert set(HELP) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_how_and_how_it_ends(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main([*name.split(), "--help"])
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if len(line) > WIDTH] == []
    assert HELP[name].description in " ".join(told.split())
    assert "\nexample" in told and "\nexit codes:\n" in told
    assert re.search(r"\b(\w+ \w+ \w+) \1\b", " ".join(told.split())) is None  # said twice
    for code in HELP[name].codes:
        assert re.search(rf"^  {code:<4} ", told, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_is_explained(name: str) -> None:
    silent = [each for each in COMMANDS[name]._actions if not each.help]
    assert [each.dest for each in silent if not isinstance(each.choices, dict)] == []


@pytest.mark.parametrize("name", ["run", "ways", "cutsets", "verify", "advise", "explore"])
def test_what_takes_time_says_how_it_ends_when_interrupted(name: str) -> None:
    assert 130 in HELP[name].codes


@pytest.mark.parametrize("name", HELP)
def test_examples_are_lines_that_the_parser_takes(name: str) -> None:
    assert HELP[name].examples
    for line in HELP[name].examples:
        words = shlex.split(re.sub(r"\$\(|\)\"|eval \"|[|>].*|#.*", " ", line))
        assert words[: 1 + len(name.split())] == ["dr-sim", *name.split()]
        parser_of_all().parse_args(words[1:])


def test_the_list_of_commands_tells_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert all(f"\n  {code:<4} {words}" in told for code, words in EXIT_CODES.items())


# ---- completion
def completed(line: str, tmp_path: Path) -> list[str]:
    """What a shell would offer at the end of a line, asked as argcomplete's scripts ask."""
    found = tmp_path / "found"
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(found),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "",
    }
    subprocess.run([sys.executable, "-m", "dr_sim"], env=env, check=True, timeout=60)
    return found.read_text().split("\n")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        pytest.param("dr-sim explai", "explain", marks=pytest.mark.long),
        ("dr-sim run --no-r", "--no-report"),
        ("dr-sim keys link.ban", "link.bandwidth"),
        pytest.param("dr-sim faults link_o", "link_outage", marks=pytest.mark.long),
        ("dr-sim new x.yaml --template post", "postgres"),
    ],
)
def test_shells_complete_commands_options_and_names(
    line: str, offered: str, tmp_path: Path
) -> None:
    assert offered in [each.strip() for each in completed(line, tmp_path)]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_is_told_how(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_ARGCOMPLETE" in script and "dr-sim" in script
    if shutil.which(shell) and shell != "powershell":
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["rnu", "x.yaml"], "there is no command 'rnu'; did you mean run?"),
        (["import", "mssql"], "there is no kind 'mssql'; did you mean sqlserver? `dr-sim import"),
        (["import", "PostgreSQL"], "did you mean pgbackrest, walg or barman?"),
        (["import", "wal-g"], "there is no kind 'wal-g'; did you mean walg?"),
        (["import", "zzz"], "there is no kind 'zzz'; `dr-sim import --help` lists all of them"),
        (["mssql"], "there is no command 'mssql'; `dr-sim --help` lists all of them"),
        (["cloud", "server"], "there is no part 'server'; did you mean serve?"),
        (["run", "x.yaml", "--output", "y"], "did you mean --out? `dr-sim run --help`"),
        (["run", "x.yaml", "--runs", "3"], "did you mean --replications?"),
        (["run", "x.yaml", "--qqq"], "unrecognized arguments: --qqq; `dr-sim run --help` lists"),
    ],
)
def test_an_unknown_word_is_told_with_what_was_meant(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        ([], "COMMAND; `dr-sim --help` lists all of them"),
        (["ways", "a.yaml"], "--at; `dr-sim ways --help` shows an example"),
        (["compare", "a.yaml"], "B.yaml; `dr-sim compare --help` shows an example"),
    ],
)
def test_what_is_missing_is_named_with_where_to_look(
    argv: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == 2
    assert f"the following arguments are required: {hint}" in capsys.readouterr().err
