"""The reference says what the loader takes: every example loads, every key and kind is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cli.main import main
from dr_sim.faults import KINDS
from dr_sim.loading import validate
from dr_sim.loading.reference import keys, kind_reference, needed_by
from dr_sim.scenario.kind import EventKind
from dr_sim.scenario.reading.defaults import DEFAULTS

BASE = "run_for: 14 days\ndatabases: {crm: {size: 500 GB}}\nlink: {bandwidth: 200 Mbit/s}\n"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_examples_of_each_kind_load(kind: EventKind, tmp_path: Path) -> None:
    found = kind_reference(kind)
    path = tmp_path / "s.yaml"
    cloud = needed_by(kind)
    lost = f"  - {{at: Mon 10:02, lose: {kind.brings_back}}}\n" if kind.brings_back else ""
    text = f"{BASE}{cloud}events:\n{lost}  {found.event}\n"
    if found.fault:
        text += f"faults:\n  {found.fault}\n"
    path.write_text(text, encoding="utf-8")
    assert [str(problem) for problem in validate(path)] == []
    assert bool(found.fault) is kind.drawable


def test_every_default_is_in_the_reference() -> None:
    listed = {key.path: key for key in keys()}
    sections = {path for path, text, _ in DEFAULTS if text == "{}"}
    for path, text, source in DEFAULTS:
        if path not in sections and path.partition(".")[0] not in ("replications", "sweep"):
            assert (listed[path].default, listed[path].source) == (text, source), path


def test_a_key_is_shown_with_what_lies_inside(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "link"]) == 0
    out = capsys.readouterr().out
    assert "link.bandwidth\n" in out and "none (required)" in out and "primary" not in out
    assert main(["keys", "databases.crm.full"]) == 0
    assert capsys.readouterr().out.startswith("databases.*.full\n")


def test_a_list_is_shown_with_what_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "events"]) == 0
    assert "- {at: Tue 21:30, ...}, and more such lines" in capsys.readouterr().out
    assert main(["keys", "replay.validate"]) == 0
    assert "[hash, properties]  or  none" in capsys.readouterr().out


def test_a_kind_is_shown_with_its_keys_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "lose"]) == 0
    out = capsys.readouterr().out
    assert "site | host | database" in out and "lose: {rate: 1 per week, what: site}" in out


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["keys", "lnk"], "link"),
        (["keys", "slots"], "replication.slots"),
        (["keys", "silent"], "failover.silent_for or deployment.silent_for"),
        (["faults", "losse"], "lose"),
        (["faults", "crash"], "lose"),
    ],
)
def test_a_slip_of_the_pen_gets_a_hint(
    argv: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    assert f"did you mean {hint}?" in capsys.readouterr().err
