"""What is asked of ways back that there are not, or that do not use it: one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.loading import load_scenario

BASE = """\
run_for: 6 h
databases: {crm: {size: 20 GB}}
link: {bandwidth: 100 Mbit/s}
"""
TWO = BASE + "copies: {near: {}, vault: {store: {}}}\n"
MISTAKE = "events: [{at: 1 h, mistake: {database: crm, noticed: NOTICED, then: THEN}}]\n"


def mistake(then: str, noticed: str = "10 min") -> str:
    return MISTAKE.replace("THEN", then).replace("NOTICED", noticed)


REFUSED = [
    (TWO + mistake("restore_before, lost: 1 GB"), "only a restore beside the service copies back"),
    (TWO + mistake("restore_beside, lost: 21 GB"), r"21 GB is more than crm holds \(20 GB\)"),
    (TWO + "sla: {ways_open: at least 3}\n", "there are 2 copies, so 3 ways are never open"),
    (BASE + "sla: {ways_open: at least 2}\n", "there is 1 copy, so 2 ways are never open"),
    (BASE + "failover: {choose: least_loss}\n", "there is nothing to choose from"),
]
TAKEN = [
    TWO + mistake("[restore_before, restore_beside], lost: 20 GB"),
    TWO + "sla: {ways_open: at least 2}\n",
    BASE + "sla: {ways_open: at least 1}\n",
    BASE + "failover: {choose: preferred}\n",
    TWO + "failover: {choose: least_loss}\n",
]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("text", "told"), REFUSED)
def test_it_is_refused_with_the_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        load_scenario(written(tmp_path, text))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("text", TAKEN)
def test_what_makes_sense_is_taken(tmp_path: Path, text: str) -> None:
    load_scenario(written(tmp_path, text))


LAW = "{p50: 10 min, p95: 1 h}"
ASKED = [
    (TWO, ["--class", "site", "--noticed", "5 min"], "--noticed: it is about a mistake"),
    (TWO, ["--lost", "1 GB"], "--lost: it is about a mistake"),
    (
        TWO,
        ["--class", "mistake", "--noticed", "5 min", "--lost", "21 GB"],
        "--lost: that is more than crm holds (20 GB)",
    ),
    (
        TWO + mistake("restore_before", LAW),
        ["--class", "mistake", "--noticed", "5 min"],
        "event 1 is an earlier mistake",
    ),
]


@pytest.mark.parametrize(("text", "options", "told"), ASKED)
def test_the_question_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    options: list[str],
    told: str,
) -> None:
    path = str(written(tmp_path, text))
    assert main(["ways", path, "--at", "2 h", *options]) == 2
    said = capsys.readouterr().err.strip()
    assert told in said and len(said.splitlines()) == 1
