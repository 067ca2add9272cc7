"""What an exploration draws can be run; what it finds is shrunk, written and can be replayed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cli.main import main
from dr_sim.explore import case as case_module
from dr_sim.explore import draw, search
from dr_sim.explore import services as services_module
from dr_sim.explore.case import LANE_DIFFERS, Looked, Sign, Tree, load, look, read_tree, yaml_text
from dr_sim.explore.runners import is_for_the_lane
from dr_sim.explore.services import Service, Services, anchored, machines_of, service
from dr_sim.explore.shrink import shrink
from dr_sim.faults.manager_crash import DRAWN
from dr_sim.loading import load_scenario, validate
from dr_sim.measures.legs import legs_of
from dr_sim.record.journal import Journal
from dr_sim.recovery.commands import COMMANDS
from dr_sim.scenario.model import Scenario
from dr_sim.units import parse_duration
from dr_sim.world.kernel.agenda import Agenda, Class, EndlessRunError
from dr_sim.world.play import play

ROOT = Path(__file__).parents[2]
SMALL: Tree = {
    "run_for": "3 h",
    "databases": {
        "crm": {"size": "200 MB", "full": "none", "incremental": "none"},
        "web": {"size": "200 MB", "full": "none", "incremental": "none"},
    },
    "link": {"bandwidth": "100 Mbit/s"},
    "replay": {"on_hole": "resync", "attempts": "2"},
    "events": [
        {"at": "1000 s 120340 us", "missing_file": "crm"},
        {"at": "40 min", "link_outage": "4 min"},
        {"at": "50 min", "manager_crash": {"before": "Save", "nth": "2"}},
    ],
}


def test_every_service_and_every_event_that_can_be_drawn_is_a_scenario(tmp_path: Path) -> None:
    path = tmp_path / "drawn.yaml"
    drawn: set[str] = set()
    for i in range(24):
        tree = service(random.Random(i))
        r = random.Random(i)
        scenario = load(tree)
        assert scenario is not None
        base = Service(tree, (), machines=machines_of(scenario))
        kinds = draw.kinds_for(base)
        drawn.update(kinds)
        tree["events"] = [{"at": "5 min", **draw._what(r, k, base)} for k in kinds]
        path.write_text(yaml_text(tree), encoding="utf-8")
        assert validate(path) == []
    assert drawn == set(draw.FAULTS)


STORE: Tree = {"store": {"retention": "7 days"}}
CLOUD: Tree = {"cloud": {"mirror": {"every": "5 min"}}}
SHAPES: dict[str, Tree] = {
    "stores alone": {"copies": {"vault": STORE, "tape": STORE}},
    "a store and a cloud manager": {"copies": {"vault": STORE}, **CLOUD},
    "a standby and a store": {"copies": {"near": {}, "vault": STORE}},
    "standbys and a cloud manager": {"copies": {"near": {}, "far": {}}, **CLOUD},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_case_that_is_drawn_is_a_scenario_whatever_copies_there_are(shape: str) -> None:
    tree = {**SMALL, **SHAPES[shape]}
    base = Service({**tree, "events": []}, tuple(range(0, 9_000_000_000, 300_000_000)))
    services = Services.of(base)
    r = random.Random(0)
    for number in range(60):
        case = draw.draw(services, 1, number)
        assert load(case) is not None, case["events"]
        changed = draw.mutate(case, services, r)
        assert load(changed) is not None, changed["events"]


def test_what_affects_replay_is_not_drawn_where_there_are_stores_alone() -> None:
    alone = draw.kinds_for(Service({**SMALL, **SHAPES["stores alone"]}, ()))
    beside = draw.kinds_for(Service({**SMALL, **SHAPES["a standby and a store"]}, ()))
    assert "readers" in beside and "readers" not in alone
    assert "order_failover" in alone  # to an instant, from a store
    assert "corrupt_at_rest" in alone and "lose" in alone


def test_a_case_is_a_function_of_its_seed_and_number() -> None:
    services = Services.of(Service({"databases": {"crm": {}}, "cloud": {}}, (5, 70_000_000)))
    cases = [draw.draw(services, 3, n) for n in range(30)]
    assert cases == [draw.draw(services, 3, n) for n in range(30)]
    assert len({json.dumps(case) for case in cases}) > 25
    assert cases[0] != draw.draw(services, 4, 0)


def test_a_service_is_run_for_its_instants_when_it_is_first_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = []
    play = services_module.play

    def watched(scenario: Scenario) -> Journal:
        played.append(scenario)
        return play(scenario)

    monkeypatch.setattr(services_module, "play", watched)
    monkeypatch.setattr(services_module, "SERVICES", 4)
    services = search.services_of(1, None)
    assert len(services) == 4
    assert not played
    first = draw.draw(services, 1, 0)
    assert len(played) == 1
    assert draw.draw(services, 1, 0) == first
    assert len(played) == 1


def test_a_crash_can_fall_before_any_command() -> None:
    assert set(DRAWN) <= {command.__name__ for command in COMMANDS}
    assert {"lose", "order_failover"} < set(draw.ENDS) < set(draw.FAULTS)
    scenario = load({**SMALL, "events": [SMALL["events"][2]]})
    assert scenario is not None
    (leg,) = legs_of(play(scenario), scenario)
    (done,) = leg.journal.rows("truth.commands_done")
    death, back = list(leg.journal.rows("truth.manager"))[1:]
    assert death.values["up"] == 0 and back.values["up"] == 1
    assert done.seq < death.seq and death.time_us >= 50 * 60_000_000
    assert not look(scenario).signs


def test_a_case_is_changed_where_its_own_run_did_something_rare() -> None:
    tree = {"databases": {"crm": {}}, "events": [{"at": "5 s", "manager_crash": {}}]}
    base = Service(tree, (1_000_000, 9_000_000_000), rare=(4_000_000_000,))
    rare_us, beyond_us = 7_000_000_000, 9_500_000_000
    at: list[int] = []
    for seed in range(200):
        r = random.Random(seed)
        case = draw.mutate(tree, Services.of(base), r, moments=(rare_us, beyond_us))
        at += [parse_duration(event["at"]) for event in case["events"]]
    near = sum(abs(each - rare_us) <= 9 * 60_000_000 for each in at)
    assert near > len(at) // 5
    first = draw.draw(Services.of(base), 1, 0)
    assert draw.draw(Services.of(base), 1, 0) == first
    drawn = [
        parse_duration(event["at"])
        for number in range(200)
        for event in draw.draw(Services.of(base), 1, number, draw.CaseMode.BEYOND)["events"]
    ]
    at_a_full = sum(abs(each - base.rare[0]) <= 9 * 60_000_000 for each in drawn)
    assert len(drawn) // 20 < at_a_full < len(drawn) // 2


def test_what_a_case_did_that_is_rare_is_kept_with_it(tmp_path: Path) -> None:
    scenario = load(SMALL)
    assert scenario is not None
    looked = look(scenario)
    deaths = [at for at in looked.moments if 3_000_000_000 <= at < 3_010_000_000]
    assert len(deaths) == 1  # the manager dies before its second save from 50 minutes on
    assert list(looked.moments) == sorted(looked.moments)
    state = search.Exploration(7)
    state.take_up(SMALL, looked)
    state.take_up(SMALL, looked)  # it reaches nothing new
    assert state.corpus == [search.KeptCase(SMALL, looked.moments, looked.rows)]
    state.write(tmp_path)
    assert search.Exploration.read(tmp_path, 7) == state


def test_one_of_several_hosts_is_lost_and_failovers_are_called_off() -> None:
    tree = {
        "machines": ["sql1", "sql2"],
        "databases": {"crm": {}, "web": {}},
        "events": [],
    }
    services = Services.of(Service(tree, (60_000_000,)))
    events = [
        (name, value)
        for number in range(600)
        for event in draw.draw(services, 1, number)["events"]
        for name, value in event.items()
        if name != "at"
    ]
    hosts = [value["machine"] for name, value in events if name == "lose" and "machine" in value]
    assert set(hosts) == {"sql1", "sql2"}
    before = {value.get("before") for name, value in events if name == "manager_crash"}
    assert {"Unfence", "AdmitReaders", "RestoreUntil"} < before
    stops = {
        value.get("database", "")
        for name, value in events
        if name == "order_failover" and "stop_before" in value
    }
    assert stops == {"", "crm", "web"}
    limits = {service(random.Random(seed))["failover"]["planned_limit"] for seed in range(20)}
    assert limits == {"none", "2 min", "15 min"}


def test_shrinking_keeps_what_shows_the_sign_and_nothing_else() -> None:
    runs: list[Tree] = []

    def shows(tree: Tree, sign: Sign) -> bool:
        runs.append(tree)
        return any("missing_file" in event for event in tree.get("events", []))

    shrunk = shrink(SMALL, Sign("R0", "nothing"), shows=shows)
    assert shrunk.tree["events"] == [{"at": "0 h", "missing_file": "crm"}]
    assert len(shrunk.tree["databases"]) == 1 and "replay" not in shrunk.tree
    assert shrunk.runs == len(runs) < 60


def test_shrinking_stops_when_its_runs_are_used_up() -> None:
    assert shrink(SMALL, Sign("R0", "nothing"), 5, shows=lambda tree, sign: False).runs == 5


def test_a_quiet_lane_that_leaves_another_record_is_found_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One case of eight is run twice. Here the record of the lane is half as long."""
    scenario = load(SMALL)
    assert scenario is not None
    assert LANE_DIFFERS not in look(scenario, lane=True).signs

    def played(of: Scenario, **given: Any) -> Journal:
        half = replace(of, run_for_us=of.run_for_us // 2)
        return play(of if of.steps else half, **given)

    monkeypatch.setattr(case_module, "play", played)
    assert list(look(scenario).signs) == []
    assert list(look(scenario, lane=True).signs) == [LANE_DIFFERS]
    small = shrink(SMALL, LANE_DIFFERS, most_runs=3)
    found = search.Found(LANE_DIFFERS, LANE_DIFFERS.what, 0, small.tree)
    assert search.on_sqlite(small.tree, LANE_DIFFERS).startswith("not tried")
    path = search.write_case(found, tmp_path)
    assert "with and without --steps" in path.read_text(encoding="utf-8")
    (test,) = tmp_path.glob("test_*.py")
    written = test.read_text(encoding="utf-8")
    compile(written, test.name, "exec")
    assert "replace(scenario, steps=True)" in written
    picked = sum(is_for_the_lane({"seed": str(seed)}) for seed in range(400))
    assert 30 < picked < 70


def test_what_an_exploration_knows_comes_back_from_its_folder(tmp_path: Path) -> None:
    state = search.Exploration(
        7,
        32,
        1.5,
        draw.CaseMode.BEYOND,
        4,
        [search.KeptCase(SMALL, (5, 6), 90)],
        {1, 2},
        {"a late answer"},
    )
    state.found.append(search.Found(Sign("R9", "words"), "a sentence", 3, SMALL, 40, "yes"))
    state.write(tmp_path)
    assert search.Exploration.read(tmp_path, 7) == state
    assert "a late answer" not in state.never_reached
    assert search.Exploration.read(tmp_path / "none", 9) == search.Exploration(9)


def test_a_found_case_is_a_scenario_and_a_test(tmp_path: Path) -> None:
    found = search.Found(Sign("R9", "no alert says so"), "no alert says so", 3, SMALL, 40, "yes")
    path = search.write_case(found, tmp_path)
    assert path.name == "r9_no_alert_says_so.yaml"
    assert load_scenario(path).run_for_us == 3 * 3600 * 1_000_000
    assert read_tree(path) == SMALL
    compile((tmp_path / "test_r9_no_alert_says_so.py").read_text(), "test", "exec")


def test_explore_and_shrink_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(yaml_text(SMALL), encoding="utf-8")
    arguments = ["explore", "mine.yaml", "--runs", "16", "--workers", "1", "--out", "found"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "16 cases" in said and "never reached" in said
    assert main([*arguments, "--seed", "2"]) == 2
    assert "holds an exploration of seed 1" in capsys.readouterr().err
    state = Path("found", search.STATE_FILE)
    whole = state.read_text(encoding="utf-8")
    older = dict(json.loads(whole))
    del older["corpus"]
    spoilt = ["", whole[:-9], "[]", "[" * 100_000, json.dumps(older)]
    for text in spoilt:
        state.write_text(text, encoding="utf-8")
        assert main(arguments) == 2
        assert "is no exploration that this version of dr_sim can go on" in capsys.readouterr().err
        assert state.read_text(encoding="utf-8") == text
    assert main([*arguments[:-1], "mine.yaml/found"]) == 2
    assert "cannot be read (Not a directory)" in capsys.readouterr().err
    monkeypatch.setattr(
        search.Exploration, "read", lambda folder, seed, mode: search.Exploration(1)
    )
    assert main([*arguments[:-1], "mine.yaml/found"]) == 2
    assert "cannot be written (Not a directory)" in capsys.readouterr().err
    assert main(["shrink", "mine.yaml"]) == 0
    assert "there is nothing to shrink" in capsys.readouterr().out


def test_cut_sets_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tree = {key: value for key, value in SMALL.items() if key != "events"}
    Path("mine.yaml").write_text(yaml_text(tree), encoding="utf-8")
    assert main(["run", "mine.yaml", "--out", "one"]) == 0
    capsys.readouterr()
    assert main(["cutsets", "one", "--at", "2 h", "--count", "1"]) == 0
    said = capsys.readouterr().out
    assert "1. the restored copy (confirmed by a run)" in said
    assert re.search(r"^One of the [0-9]+ things here .* is enough", said, re.MULTILINE)
    assert re.match(r"crm at Mon 02:00:00: ", said)
    assert main(["cutsets", "one", "--at", "2 h", "--rpo", "1 s"]) == 1
    assert "does not hold an RPO of 1 s anyway" in capsys.readouterr().out
    assert main(["cutsets", "one", "--at", "9 h"]) == 2
    assert main(["cutsets", "one", "--database", "erp"]) == 2


def test_a_run_that_raises_is_found() -> None:
    scenario = load(SMALL)
    assert scenario is not None

    class Broken:
        def __getattr__(self, name: str) -> object:
            raise KeyError("erp")

    found = look(Broken())  # type: ignore[arg-type]
    assert {sign.requirement for sign in found.signs} == {"raises"}


def test_a_recoverable_case_meets_only_what_the_design_gets_past_and_then_calm() -> None:
    tree = service(random.Random("1 service 0"))
    base = anchored(tree)
    assert base is not None
    latest = max(base.instants)
    cases = [
        draw.draw(Services.of(base), 3, number, draw.CaseMode.RECOVERABLE) for number in range(40)
    ]
    assert all(draw.is_recoverable(case) for case in cases)
    wild = [draw.draw(Services.of(base), 3, number, draw.CaseMode.BEYOND) for number in range(40)]
    assert not all(draw.is_recoverable(case) for case in wild)
    first = draw._early(base).instants
    assert first and max(first) < latest * 2 // 3
    both = {draw.mode_of(draw.CaseMode.BOTH, 3, number) for number in range(20)}
    assert both == {draw.CaseMode.RECOVERABLE, draw.CaseMode.BEYOND}


def test_a_promise_is_judged_where_nothing_happens_that_its_user_did_not_expect() -> None:
    """The site is lost, and a log is made every 5 minutes: more than a second is lost."""
    promises = {**SMALL, "failover": {"mode": "automatic"}, "sla": {"data_loss": "at most 1 s"}}
    promises["events"] = [{"at": "1 h", "lose": "site"}]
    base = anchored(promises)
    assert base is not None and base.own == {"lose"} and base.sla
    cases = [draw.draw(Services.of(base), 1, number) for number in range(60)]
    for case in cases:
        kinds = {name for event in case["events"] for name in event} - {"at", "copy"}
        assert ("sla" in case) == (kinds <= {"lose"})
    judged = [case for case in cases if "sla" in case]
    assert judged and len(judged) < len(cases)
    scenario = load(judged[0])
    assert scenario is not None
    (sign,) = look(scenario).signs
    assert sign.requirement == "SLA" and "data_loss" in sign.what


def test_a_run_that_never_ends_is_told_of() -> None:
    agenda = Agenda()

    def again() -> None:
        agenda.at(agenda.now_us, Class.ALARM, 0, again)

    agenda.at(5_000_000, Class.ALARM, 0, again)
    with pytest.raises(EndlessRunError, match=r"does not end: at 5\.000000 s"):
        agenda.run_until(6_000_000)


def test_logic_of_ones_own_is_explored_where_it_can_be_put(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It works with a standby, and drawn services may have a store."""
    monkeypatch.chdir(ROOT)
    mine = "examples.simple_manager:Simple"
    assert load(SMALL, mine) is not None
    vault = {"near": {}, "vault": {"store": {"retention": "7 days"}}}
    assert load({**SMALL, "copies": vault}, mine) is None
    drawn = [service(random.Random(i)) for i in range(20, 44)]
    assert 0 < sum("vault" in tree.get("copies", {}) for tree in drawn) < len(drawn)
    monkeypatch.setattr(services_module, "SERVICES", 12)
    assert search.services_of(0, None, mine)
    assert main(["explore", "--manager", "examples.simple_manager:No", "--runs", "1"]) == 2
    assert "examples.simple_manager" in capsys.readouterr().err


def test_a_case_counts_when_all_of_its_finds_but_the_last_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signs = {Sign("R1", "one"): "one", Sign("R2", "two"): "two"}

    class ShowsBoth:
        count = 1

        def look(self, batches: list[list[Tree]]) -> Iterator[tuple[list[Looked], float]]:
            for batch in batches:
                yield [Looked(dict(signs)) for _ in batch], 0.0

    monkeypatch.setattr(search, "case_runner", lambda *_: nullcontext(ShowsBoth()))
    monkeypatch.setattr(search, "_next_case", lambda *_: SMALL)
    state = search.Exploration(1)
    found = search.explore(state, Services.of(), search.Budget(runs=1), lambda _: None)
    assert [state.runs for _ in found] == [0, 1]
    assert state.runs == search.ROUND
