"""Recovery logic of a user's own: what is found before a run, what is told of a crash, and that
every face takes it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dr_sim
from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.errors.bugs import OwnLogicError
from dr_sim.experiments.replications.store import key_of
from dr_sim.loading import load_scenario
from dr_sim.machines import Command, Save, TakeInventory
from dr_sim.record.encoding import pairs_from_text
from dr_sim.recovery import commands, events
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.recovery.own import OwnLogic
from dr_sim.stores import MemoryStore, StoreError
from dr_sim.world.own_logic import builder, watched, with_manager
from dr_sim.world.world import World
from tests.own_logic import managers
from tests.own_logic.managers import CountsItsLives, SaysItAbsorbs, Unchanged
from tests.recovery.fake_world import config

ROOT = Path(__file__).parents[2]
HERE = "tests.own_logic.managers"
SIMPLE = "examples.simple_manager:Simple"
SHORT = """\
run_for: 3 h
databases:
  crm: {size: 1 GB, full: none, differential: none}
  erp: {size: 1 GB, full: none, differential: none}
link: {bandwidth: 100 Mbit/s}
failover: {mode: manual}
events:
  - {at: 62 min, manager_crash: {}}
sla: {exposure.max: at most 15 min}
"""


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "short.yaml"
    path.write_text(SHORT)
    monkeypatch.chdir(ROOT)  # what --manager names is looked for in the folder that one is in
    return path


# ---- the example in the documentation
def test_the_simplest_manager_works(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ordered = str(ROOT / "examples/ordered.yaml")
    out = tmp_path / "out"
    assert main(["run", ordered, "--manager", SIMPLE, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "INVARIANT" not in shown and "data loss   0:00" in shown and "planned" in shown
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["manager"] == SIMPLE
    assert main(["verify", str(out), "--manager", SIMPLE]) == 0
    capsys.readouterr()
    # no code is imported because a folder of results names it, and none in another's place
    for others in ([], ["--manager", f"{HERE}:Unchanged"], ["--manager", "dr_sim"]):
        assert main(["verify", str(out), *others]) == 2
        told = capsys.readouterr().err
        assert told == f"{out}: was run with --manager {SIMPLE}; write that here too\n"


def test_the_page_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs/own-logic.md").read_text(encoding="utf-8")
    code = (ROOT / "examples/simple_manager.py").read_text(encoding="utf-8")
    shown = [
        text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "Simple" in text
    ]
    assert code[code.index("class Simple") :] in shown[0]


def test_the_base_counts_each_read_before_it_and_leaves_out_answers_to_an_earlier_life() -> None:
    class Answers(OwnLogic):
        def decide(self, event: events.Event) -> Iterator[commands.Command]:
            yield from self.read("crm", "crm_log")

    logic = Answers(config(), 2, {"attempts/crm/crm_log": "1", "restored/crm": "1 2 3 4 "})
    assert (logic.attempts("crm", "crm_log"), logic.attempts("crm", "another")) == (1, 0)
    assert logic.handle(events.ClaimFreed(0, 0, 1, False)) == []
    assert logic.handle(events.ClaimFreed(0, 0, 0, False)) == [
        commands.Save("attempts/crm/crm_log", "2"),
        commands.RenameWorkingCopy("crm", "crm_log", 2),
        commands.Restore("crm", "crm_log", False),
    ]
    assert [type(x) for x in logic.resume()] == [
        commands.ClearRestoreFolder,
        commands.TakeInventory,
    ]


# ---- before a run
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Simple", "is not of the form package.module:Factory"),
        (":Simple", "is not of the form"),
        ("nowhere.at_all:Simple", "there is no module 'nowhere'"),
        ("examples.nowhere:Simple", "there is no module 'examples.nowhere'"),
        (f"{HERE}:Nobody", f"{HERE} has no 'Nobody'"),
        (f"{HERE}:NOT_CALLABLE", "NOT_CALLABLE is not callable, it is a int"),
        (f"{HERE}:NoMachine", "it makes a NoMachine without resume()"),
        (f"{HERE}:refuses_to_be_made", "it raised LookupError: no licence when it was called"),
        (f"{HERE}:TakesTooLittle", "it raised TypeError: "),
        (f"{HERE}:ResumesWithText", "returned a str, not a list of commands in resume()"),
        ("broken_module:Simple", "importing broken_module failed: ZeroDivisionError: division by"),
        ("lacking_module:Simple", "importing lacking_module failed: ModuleNotFoundError: No module"),
    ],
)  # fmt: skip
def test_what_is_no_manager_is_one_line_and_nothing_is_written(
    name: str, told: str, short: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "broken_module.py").write_text("1 / 0\n")
    (tmp_path / "lacking_module.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "out"
    assert main(["run", str(short), "--manager", name, "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"--manager {name}: ")
    assert told in captured.err and len(captured.err.splitlines()) == 1
    assert captured.out == "" and not out.exists()


# ---- its own crash
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Raises", "raised KeyError: 'erp' when it was told Landed("),
        ("Leaves", "raised SystemExit: 3 when it was told Landed("),
        ("GivesNothing", "returned a NoneType, not a list of commands when it was told Landed("),
        ("GivesText", "gave 'restore it', which is no command that dr_sim can carry out"),
        ("GivesItsOwn", "Pray"),
        ("GivesAnOddField", "gave Save(key='a', value=1), whose value is no str"),
        ("GivesAnUnknownDatabase", "but the scenario has no database 'hr'"),
        ("GivesABareText", "gave EnterPhase(phase='fencing'), whose phase is no FailoverPhase"),
        ("GivesAHugeNumber", "whose at_mono_us does not fit 63 bits"),
        ("DiesInItsSecondLife", "what is stored cannot be read when it was made for its life 2"),
    ],
)
def test_a_crash_of_the_users_own_logic_does_not_blame_dr_sim(
    name: str, told: str, short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["run", str(short), "--manager", f"{HERE}:{name}", "--out", str(out)]) == 70
    captured = capsys.readouterr().err
    assert told in captured and f"your manager {HERE}:{name}" in captured
    assert "bug in dr_sim" not in captured and len(captured.splitlines()) == 1
    trace = Path(captured.partition("its traceback is in ")[2].partition(";")[0])
    assert "Traceback" in trace.read_text()
    assert not out.exists()


def test_a_command_that_a_hand_cannot_carry_out_is_told_as_the_managers() -> None:
    def hand(command: Command) -> None:
        raise KeyError("nowhere")

    carry_out = watched("mine:Own", {TakeInventory: hand})[TakeInventory]
    with pytest.raises(OwnLogicError) as told:
        carry_out(TakeInventory())
    assert str(told.value) == (
        "TakeInventory() of your manager mine:Own could not be carried out: KeyError: 'nowhere'"
    )


def test_what_an_engine_would_refuse_is_refused(short: Path) -> None:
    """A second restore into a database that is being restored is an answer, not a crash."""
    run = dr_sim.run(with_manager(load_scenario(short), managers.RestoresTwiceAtOnce))
    refused = run.records("seen.RestoreFailed")
    assert 3101 in set(refused["error_number"])
    assert not run.records("seen.Restored").empty


def test_in_replications_the_manager_is_blamed_too(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--replications", "2", "--out", str(tmp_path / "many"), "--workers", "1"]
    assert main(["run", str(short), "--manager", f"{HERE}:Raises", *asked]) == 70
    told = capsys.readouterr()
    assert f"your manager {HERE}:Raises raised KeyError: 'erp'" in told.err + told.out
    assert "bug in dr_sim" not in told.err + told.out


# ---- it breaks what must hold
def test_a_violation_is_said_to_be_the_managers(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, out = f"{HERE}:RestoresWithoutCounting", tmp_path / "out"
    assert main(["run", str(short), "--manager", name, "--out", str(out)]) == 4
    shown = capsys.readouterr().out
    assert f"violations, broken by your manager {name}; do not trust the numbers below" in shown
    assert "bug in dr_sim" not in shown
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"broken by your manager {name}" in page and "bug in dr_sim" not in page
    for command in (["check", str(short)], ["compare", str(short), str(short)]):
        assert main([*command, "--manager", name, "--replications", "1"]) == 4
        shown = capsys.readouterr().out
        assert f"broken by your manager {name}" in shown and "bug in dr_sim" not in shown


def test_the_same_violation_of_dr_sims_own_is_a_bug_in_dr_sim(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = RecoveryManager.handle

    def without_counting(self: RecoveryManager, event: Any) -> Any:
        commands = usual(self, event)
        return [x for x in commands if not (isinstance(x, Save) and x.key.startswith("attempts/"))]

    monkeypatch.setattr(RecoveryManager, "handle", without_counting)
    assert main(["run", str(short), "--steps", "--out", str(tmp_path / "out")]) == 4
    shown = capsys.readouterr().out
    assert "violations, a bug in dr_sim; do not trust the numbers below" in shown


# ---- every face
def test_one_that_changes_nothing_gives_the_same_run(short: Path) -> None:
    scenario = load_scenario(short)
    mine = [with_manager(scenario, factory) for factory in (Unchanged, SaysItAbsorbs)]
    assert len({dr_sim.run(each).digest for each in (scenario, *mine)}) == 1


def test_the_fast_lanes_are_taken_only_by_what_offers_them(short: Path) -> None:
    taken = {}
    for factory in (RecoveryManager, Unchanged, SaysItAbsorbs, managers.SaidByItsBase):
        world = World(with_manager(load_scenario(short), factory))
        world.run()
        assert world.express is not None and world.waves is not None
        taken[factory.__name__] = world.express.taken + world.waves.taken
    assert taken["RecoveryManager"] > 0
    assert taken["SaysItAbsorbs"] == taken["RecoveryManager"]
    assert taken["Unchanged"] == taken["SaidByItsBase"] == 0


def test_workers_import_it_by_name(short: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/simple_manager.py", tmp_path / "my_manager.py")
    scenario = load_scenario(short)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        mine = with_manager(scenario, "my_manager:Simple")
        alone = dr_sim.replicate(mine, 4, workers=1).measures
        apart = dr_sim.replicate(mine, 4, workers=2).measures
    pd.testing.assert_frame_equal(alone, apart)
    usual = dr_sim.replicate(scenario, 4, workers=1).measures
    assert not usual.equals(alone)


def test_compare_takes_one_manager_for_each_side(
    short: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = ["compare", str(short), str(short), "--replications", "2", "--workers", "1"]
    assert main([*both, "--manager", "dr_sim", "--manager", f"{HERE}:Unchanged"]) == 0
    assert "no measure differs" in capsys.readouterr().out
    assert main([*both, "--manager", "dr_sim", "--manager", SIMPLE]) in (0, 4)
    assert "no measure differs" not in capsys.readouterr().out
    assert main([*both, *["--manager", SIMPLE] * 3]) == 2
    assert "is given once, or twice" in capsys.readouterr().err


def test_policies_check_and_sweep_take_it(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{HERE}:Raises"
    assert main(["policies", str(short), "--manager", name]) == 70
    assert f"your manager {name}" in capsys.readouterr().err
    assert main(["check", str(short), "--manager", name, "--replications", "1"]) == 70
    assert f"your manager {name}" in capsys.readouterr().out
    vary = ["--vary", "link.bandwidth=50Mbit/s,100Mbit/s", "--out", str(tmp_path / "sweep")]
    assert main(["sweep", str(short), *vary, "--manager", name, "--workers", "1"]) == 70
    assert f"your manager {name}" in capsys.readouterr().err


def test_the_python_face(short: Path, tmp_path: Path) -> None:
    scenario = load_scenario(short)
    mine = dr_sim.with_manager(scenario, Unchanged)
    assert mine.manager == f"{HERE}:Unchanged"
    assert dr_sim.with_manager(mine, "dr_sim") == scenario
    assert dr_sim.run(mine).digest == dr_sim.run(scenario).digest
    swept = dr_sim.sweep(short, {"link.rtt": ["1 ms", "2 ms"]}, 1, workers=1, manager=Unchanged)
    assert {d.scenario.manager for d in swept.distributions} == {f"{HERE}:Unchanged"}

    class Inside(RecoveryManager):
        pass

    with pytest.raises(InputError, match="has no 'test_the_python_face"):
        dr_sim.with_manager(scenario, Inside)


def test_finished_replications_are_those_of_one_manager(short: Path, tmp_path: Path) -> None:
    scenario = load_scenario(short)
    shutil.copy(ROOT / "examples/simple_manager.py", tmp_path / "kept_manager.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        mine = with_manager(scenario, "kept_manager:Simple")
        first = key_of(mine)
        assert first != key_of(scenario) and first == key_of(mine)
        from dr_sim.world.own_logic import source_digest

        source_digest.cache_clear()
        with (tmp_path / "kept_manager.py").open("a") as file:
            file.write("# another version\n")
        assert key_of(mine) != first


def test_pytest_takes_it(short: Path) -> None:
    name = f"{HERE}:RestoresWithoutCounting"  # dr_sim's own meets the only line of the SLA
    asked = ["--dr-sim", "--dr-sim-manager", name, "-p", "dr_sim.pytest_plugin", str(short)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *asked],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "broken by your manager" in done.stdout and "bug in dr_sim" not in done.stdout


# ---- several keys together, in a world
class FailsAt(MemoryStore):
    """The save of several keys of that number fails, with nothing done or with all of it."""

    def __init__(self, number: int, done: bool) -> None:
        super().__init__()
        self.number = number
        self.done = done

    def save_all(self, entries: dict[str, str]) -> None:  # type: ignore[override]
        self.number -= 1
        if self.number != -1 or self.done:
            super().save_all(entries)
        if self.number == -1:
            raise StoreError("no room")


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("number", [-1, 0, 1])
def test_keys_that_are_saved_together_are_recorded_and_replayed(
    short: Path, number: int, done: bool
) -> None:
    from dr_sim.record.verify import verify

    scenario = with_manager(load_scenario(short), CountsItsLives)
    store = FailsAt(number, done)
    world = World(scenario, store=store)
    world.run()
    found = verify(world.journal, {0: builder(scenario)})
    assert found.mismatch is None
    failed = list(world.journal.rows("truth.store_write_all"))
    assert [bool(row.values["ok"]) for row in failed] == ([] if number < 0 else [done])
    assert world.driver.incarnation == (2 if number < 0 else 3)
    lives = int(store.get("lives"))
    assert lives == world.driver.incarnation - (number >= 0 and not done)
    rows = list(world.journal.rows("seen.SaveAll"))
    assert pairs_from_text(rows[-1].values["entries"]) == (
        ("lives", str(lives)),
        ("twice the lives", str(2 * lives)),
    )


def test_an_edit_of_what_was_saved_together_is_found(short: Path) -> None:
    from dr_sim.record.verify import verify

    scenario = with_manager(load_scenario(short), CountsItsLives)
    world = World(scenario)
    world.run()
    texts = world.journal.texts
    for at, text in enumerate(texts.all):
        if text.startswith("\nlives\n1\n"):
            texts.all[at] = text.replace("\nlives\n1\n", "\nlives\n9\n")
            found = verify(world.journal, {0: builder(scenario)})
            assert found.mismatch is not None and found.mismatch.kind == "seen.SaveAll"
            return
    raise AssertionError("nothing was saved together")
