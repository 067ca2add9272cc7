"""A resolved scenario is complete, says where each default comes from, and is the same scenario
when loaded again.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dr_sim.loading import load_scenario
from dr_sim.scenario import dump_resolved
from dr_sim.scenario.keys.cloud_keys import SECTIONS
from dr_sim.scenario.reading.defaults import DEFAULTS, DERIVED
from dr_sim.scenario.reading.dump import _flow, _key, _scalar
from dr_sim.scenario.reading.tree import parse_yaml, wrong_character
from tests.at_length import some_or_all
from tests.scenario.conftest import SMALLEST, Write
from tests.scenario.examples import EVERYTHING, NIGHTLY, library


@pytest.mark.parametrize("text", [SMALLEST, NIGHTLY, EVERYTHING, *some_or_all(library(), 4)])
def test_loading_it_again_gives_the_same(write: Write, text: str) -> None:
    scenario = load_scenario(write(text))
    resolved = dump_resolved(scenario)
    again = load_scenario(write(resolved, "elsewhere/again.yaml"))
    assert again == scenario
    assert again.resolved == scenario.resolved
    kept, first = (
        [
            line
            for line in text.partition("\nevents:")[0].partition("\nfaults:")[0].splitlines()
            if "  # default" in line and "the file's name" not in line
        ]
        for text in (dump_resolved(again), resolved)
    )
    # what is written out is still said to be a default
    assert [line for line in first if line not in kept] == []


def test_every_default_is_there_with_its_source(write: Write) -> None:
    lines = dump_resolved(load_scenario(write(SMALLEST))).splitlines()
    told = [line.split("  # default: ") for line in lines if "# default: " in line]
    quoted = {"start": '"2026-01-05"'}  # a text, to every reader of YAML
    expected = [
        (path.split(".")[-1], quoted.get(path, text), source)
        for path, text, source in DEFAULTS
        # there is no cloud manager and no store
        if path.split(".")[0] not in (*SECTIONS, "copies")
    ]
    assert sorted(
        (line.strip().split(": ")[0], line.strip().split(": ", 1)[1], source)
        for line, source in told
    ) == sorted(
        [
            *expected,
            *(
                (path.split(".")[-1], value, source)
                for (path, source), value in zip(DERIVED, ("s", "sql1", "dba"), strict=True)
            ),
        ]
    )
    assert "run_for: 14 days" in lines


def test_defaults_of_events_are_filled_in(write: Write) -> None:
    text = dump_resolved(load_scenario(write(NIGHTLY)))
    assert "      over: 4 min  # default: assumed: within one log interval\n" in text
    assert "    link_outage: {duration: 40 min}\n" in text


def test_extends_and_series_are_written_out(write: Write) -> None:
    write("\n".join(str(i * 1_000_003) for i in range(1000)), "log.csv")
    write(SMALLEST.replace("GB", "GB, log_volume: {series: log.csv}"), "base.yaml")
    scenario = load_scenario(write("extends: base.yaml\nseed: 2\n"), ["link.loss=1 %"], seed=3)
    resolved = dump_resolved(scenario)
    os.remove("log.csv")
    os.remove("base.yaml")
    assert load_scenario(write(resolved)) == scenario
    assert "\nseed: 3\n" in resolved and "\n  loss: 1 %\n" in resolved and "extends" not in resolved


def test_it_can_be_sent_to_another_process(write: Write) -> None:
    scenario = load_scenario(write(NIGHTLY))
    copy = pickle.loads(pickle.dumps(scenario))
    assert copy == scenario and dump_resolved(copy) == dump_resolved(scenario)


ALL_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "null",
        "~",
        "true",
        "",
        " ",
        "a: b",
        "a #b",
        "- a",
        "[a",
        "{",
        "'",
        '"',
        "\\",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "1:30",
        "---",
        "...",
        "\ufeff",
        "\x85",
        "a\n\nb",
    ]
)


def may_stand_in_a_scenario(text: str) -> bool:
    """Texts that act on terminals are refused when they are read, and so are lines where one is
    enough.
    """
    return not wrong_character(text) and "\n" not in text


TEXTS = ALL_TEXTS.filter(may_stand_in_a_scenario)


@settings(deadline=None)  # a shared machine may be slow
@given(TEXTS)
@example("a:b")
def test_any_text_survives_being_written(text: str) -> None:
    problems: list[object] = []
    for written, value in (
        (f"{_key(text)}: {_scalar(text)}", {text: text}),
        (f"a:\n  - {_scalar(text)}\n  - b", {"a": [text, "b"]}),
        (f"a: {_flow({text: text, 'b': [text, text]})}", {"a": {text: text, "b": [text, text]}}),
    ):
        node = parse_yaml(written, "written", problems)  # type: ignore[arg-type]
        assert node is not None and problems == []
        assert node.plain() == value


@settings(deadline=None, max_examples=30)
@given(
    st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Co", "Cn"]),
        min_size=1,
        max_size=40,
    ).filter(str.strip)
)
def test_any_database_name_survives(name: str) -> None:
    if not name.isprintable():
        return
    written = SMALLEST.replace("crm", _key(name))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "s.yaml")
        path.write_text(written, encoding="utf-8")
        scenario = load_scenario(path)
        assert [database.name for database in scenario.databases] == [name]
        path.write_text(dump_resolved(scenario), encoding="utf-8")
        assert load_scenario(path) == scenario
