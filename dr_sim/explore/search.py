"""The exploration: cases are drawn, run, kept if they reach something new, and changed; what breaks
is shrunk and written.

Theory of operation. Rounds of cases go to worker processes. A case is drawn again, or made of one
that has reached something that none had before: a pair of records of the logic, or of alerts, one
after the other. What is added to such a case falls, in most cases, where its own run did something
rare: a second fault in the middle of the repair of the first. Where cases run with other code too,
half of them are made of those that differed there, or that ran what has been changed.

Everything that matters is in one folder: a state file that is replaced after each round, so that
the same command continues where it was stopped, and each found case as a scenario and a pytest
test. Cases have numbers; a found one names its seed and number.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import (
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dr_sim.errors import input_error
from dr_sim.explore import draw
from dr_sim.explore.against.asking import OtherSide
from dr_sim.explore.against.code import OtherCode
from dr_sim.explore.against.difference import Apart, beside
from dr_sim.explore.against.measures import MEASURES, Unit
from dr_sim.explore.case import (
    DIFFERS,
    LANE_DIFFERS,
    PROBES,
    RESTART,
    Looked,
    Sign,
    Tree,
    load,
    look,
    read_tree,
    yaml_text,
)
from dr_sim.explore.runners import PROCESS_ENDS, case_runner
from dr_sim.explore.services import Services, anchored
from dr_sim.explore.shrink import MOST_RUNS, shows_sign, shrink
from dr_sim.files.making import folder_made
from dr_sim.files.output import write_whole, writing
from dr_sim.formatting.words import counted

STATE_FILE = "exploration.json"
ROUND = 16  # cases of one worker in a round
CORPUS = 400
_OF_SO_MANY = 3
_NEAR_A_CHANGE = 0.5
"""How often a case is made of one that meets what differs from other code."""
_MOST_NEAR = 60


@dataclass(slots=True)
class Found:
    """A sign, the sentence of its first case, and what is left of that case. rows: where the run
    begins to differ from that of other code.
    """

    sign: Sign
    sentence: str
    number: int
    tree: Tree
    shrink_runs: int = 0
    on_sqlite: str = ""
    rows: str = ""


@dataclass(frozen=True, slots=True)
class KeptCase:
    """A case that reached something new. moments: the instants at which the logic did something
    rare in it. rows: what it costs, in rows of its journals.
    """

    tree: Tree
    moments: tuple[int, ...]
    rows: int


@dataclass(slots=True)
class Exploration:
    """seed: of the draws. runs: cases that were looked at. recoverable: those of them that the
    design gets past. corpus: those that reached something new. reached: pairs of records. probes:
    the rare things that happened. against: the version of the other code, code: that of the code
    at hand. differs: cases in which the two differ and nothing is worse, differing: a small one.
    apart: the last of these; near: the last ones that ran a changed function and do not differ.
    """

    seed: int
    runs: int = 0
    cpu_s: float = 0.0
    mode: draw.CaseMode = draw.CaseMode.BOTH
    recoverable: int = 0
    corpus: list[KeptCase] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)
    probes: set[str] = field(default_factory=set)
    found: list[Found] = field(default_factory=list)
    against: str = ""
    code: str = ""
    differs: int = 0
    differing: Found | None = None
    apart: list[KeptCase] = field(default_factory=list)
    near: list[KeptCase] = field(default_factory=list)
    _differing_rows: int = 0

    @property
    def never_reached(self) -> list[str]:
        return [probe for probe in PROBES if probe not in self.probes]

    def take_up(self, tree: Tree, looked: Looked) -> None:
        """Take up what a case has reached. It is kept, to be changed later, if that is new."""
        if not looked.reached <= self.reached:
            self.corpus.append(KeptCase(tree, looked.moments, looked.rows))
        self.reached |= looked.reached
        self.probes |= looked.probes

    def take_difference(
        self, number: int, tree: Tree, looked: Looked
    ) -> None:
        """Count a case that differs, and keep it to be changed, and as the one that is shown if it
        is the cheapest so far.
        """
        if looked.differs or looked.runs_change:
            kept = KeptCase(tree, looked.moments, looked.rows)
            among = self.apart if looked.differs else self.near
            among.append(kept)
            del among[:-_MOST_NEAR]
        if not looked.differs:
            return
        self.differs += 1
        if self.differing is None or looked.rows < self._differing_rows:
            sign, sentence = next(iter(looked.differs.items()))
            self.differing = Found(sign, sentence, number, tree)
            self._differing_rows = looked.rows

    def take_code(
        self, code: str, manager: str, other: OtherSide | None
    ) -> list[Found]:
        """Take note of the code that is explored now, and of that which it is compared with. If
        either is not what it was, look at all that was found again. Return what does not show any
        more; it is forgotten.
        """
        against = "" if other is None else other.code.version
        if (code, against) == (self.code, self.against):
            return []
        self.code, self.against = code, against
        self.differs, self.differing = 0, None
        self.apart, self.near = [], []
        gone = [
            each
            for each in self.found
            if each.sign == PROCESS_ENDS
            or not shows_sign(manager, other, each.tree, each.sign)
        ]
        self.found = [each for each in self.found if each not in gone]
        return gone

    # ---- on disk
    def write(self, folder: Path) -> None:
        """Raises InputError if the folder cannot be written to."""
        state = {
            "seed": self.seed,
            "runs": self.runs,
            "cpu_s": self.cpu_s,
            "mode": self.mode,
            "recoverable": self.recoverable,
            "corpus": _kept_as_lists(self.corpus[-CORPUS:]),
            "reached": sorted(self.reached),
            "probes": sorted(self.probes),
            "found": [_as_list(each) for each in self.found],
            "against": self.against,
            "code": self.code,
            "differs": self.differs,
            "apart": _kept_as_lists(self.apart),
            "near": _kept_as_lists(self.near),
        }
        text = json.dumps(state, ensure_ascii=False)
        with writing(folder), folder_made(folder):
            write_whole(folder / STATE_FILE, text)

    @staticmethod
    def read(
        folder: Path, seed: int, mode: draw.CaseMode = draw.CaseMode.BOTH
    ) -> Exploration:
        """Return the exploration in a folder, or a new one. Raises InputError if what is there is
        none, or is another version's.
        """
        path = folder / STATE_FILE
        try:
            return _from_text(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Exploration(seed, mode=mode)
        except OSError as error:
            raise input_error(
                str(path), f"cannot be read ({error.strerror})"
            ) from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise input_error(
                str(path),
                "is no exploration that this version of dr_sim can go on with "
                f"({type(error).__name__}); write another --out, or delete the file",
            ) from None


def _kept_as_lists(cases: Sequence[KeptCase]) -> list[list[Any]]:
    return [[kept.tree, kept.moments, kept.rows] for kept in cases]


def _kept_cases(lists: Sequence[list[Any]]) -> list[KeptCase]:
    return [
        KeptCase(tree, tuple(moments), rows)
        for tree, moments, rows in lists
    ]


def _as_list(found: Found) -> list[Any]:
    sign = found.sign
    return [
        sign.requirement,
        sign.what,
        found.sentence,
        found.number,
        found.tree,
        found.shrink_runs,
        found.on_sqlite,
        found.rows,
    ]


def _from_text(text: str) -> Exploration:
    """Return the exploration that a state file holds. Raises ValueError, KeyError, TypeError or
    RecursionError.
    """
    state = json.loads(text)
    found = [
        Found(Sign(requirement, what), *rest)
        for requirement, what, *rest in state["found"]
    ]
    return Exploration(
        state["seed"],
        state["runs"],
        state["cpu_s"],
        draw.CaseMode(state["mode"]),
        state["recoverable"],
        _kept_cases(state["corpus"]),
        set(state["reached"]),
        set(state["probes"]),
        found,
        state["against"],
        state["code"],
        state["differs"],
        apart=_kept_cases(state["apart"]),
        near=_kept_cases(state["near"]),
    )


# ---- in the workers
def services_of(
    seed: int, base: Path | None, manager: str = ""
) -> Services:
    """Return what an exploration draws from: the user's scenario alone, or drawn ones."""
    if base is None:
        return Services.drawn(seed, manager)
    mine = anchored(read_tree(base), manager)
    return Services.of() if mine is None else Services.of(mine)


# ---- the rounds
@dataclass(slots=True)
class Budget:
    """The limits of a search. wall_s: stop after that time; runs: stop after that many cases;
    manager: the user's own logic. workers: processes of this machine; on: a Dask cluster instead.
    other: the code that each case is compared with.
    """

    wall_s: float | None = None
    runs: int | None = None
    manager: str = ""
    workers: int = 1
    on: str = ""
    other: OtherCode | None = None


def explore(
    state: Exploration,
    services: Services,
    budget: Budget,
    tell: Callable[[Exploration], None],
) -> Iterator[Found]:
    """Explore until the budget is used up; yield what is found, not shrunk yet. tell: is called
    with the state after each round.
    """
    began = time.monotonic()
    known = {each.sign for each in state.found}
    with case_runner(
        budget.workers, budget.on, budget.manager, budget.other
    ) as playing:
        while not _is_over(state, budget, began):
            size = playing.count * ROUND
            runs = range(state.runs, state.runs + size)
            cases = [_next_case(state, services, number) for number in runs]
            trees = [
                cases[begin : begin + ROUND]
                for begin in range(0, len(cases), ROUND)
            ]
            numbers = iter(runs)
            for batch, (looks, cpu_s) in zip(
                trees, playing.look(trees), strict=True
            ):
                state.cpu_s += cpu_s
                for tree, looked in zip(batch, looks, strict=True):
                    number = next(numbers)
                    finds = _taken_up(state, number, tree, looked, known)
                    yield from finds[:-1]
                    state.runs = number + 1  # the others are kept by now
                    yield from finds[-1:]
            tell(state)


def _taken_up(
    state: Exploration,
    number: int,
    tree: Tree,
    looked: Looked | None,
    known: set[Sign],
) -> list[Found]:
    """Take up what a case shows (None: it is no scenario). Return what is found in it."""
    if looked is None:
        return []
    state.recoverable += draw.is_recoverable(tree)
    state.take_up(tree, looked)
    state.take_difference(number, tree, looked)
    signs = worth_a_find(looked.signs, known)
    known.update(sign for sign, _ in signs)
    return [Found(sign, words, number, tree) for sign, words in signs]


def worth_a_find(
    signs: Mapping[Sign, str], known: Collection[Sign] = ()
) -> list[tuple[Sign, str]]:
    """Return what of a case is found for the first time: all that monitors say, and of what is
    worse than with other code the gravest.
    """
    by_monitors = [sign for sign in signs if not sign.is_compared()]
    compared = [sign for sign in signs if sign.is_compared()]
    found = [*by_monitors, *compared[:1]]
    return [(sign, signs[sign]) for sign in found if sign not in known]


def _is_over(state: Exploration, budget: Budget, began: float) -> bool:
    if budget.runs is not None and state.runs >= budget.runs:
        return True
    return (
        budget.wall_s is not None
        and time.monotonic() - began >= budget.wall_s
    )


def _next_case(state: Exploration, services: Services, number: int) -> Tree:
    r = random.Random(f"{state.seed} choice {number}")
    changed = state.apart or state.near
    among: list[KeptCase] = []
    if changed and r.random() < _NEAR_A_CHANGE:
        among = changed
    elif state.corpus and r.random() < 0.4:
        among = state.corpus
    if not among:
        return draw.draw(services, state.seed, number, state.mode)
    kept = _one_kept(among, r)
    mode = draw.mode_of(state.mode, state.seed, number)
    return draw.mutate(kept.tree, services, r, mode, kept.moments)


def _one_kept(corpus: Sequence[KeptCase], r: random.Random) -> KeptCase:
    """Choose a case to change: of a few the cheapest. What was new last is changed more often."""
    few = []
    for _ in range(_OF_SO_MANY):
        back = int(r.expovariate(1 / 40)) % len(corpus)
        few.append(corpus[-1 - back])
    return min(few, key=lambda kept: kept.rows)


# ---- what is handed over
def finish(
    found: Found,
    folder: Path,
    most_runs: int = MOST_RUNS,
    manager: str = "",
    other: OtherSide | None = None,
) -> Path:
    """Shrink a found case, replay it on SQLite, and write it as a scenario and a pytest test.
    other: plays it with other code.
    """
    if found.sign == PROCESS_ENDS:
        return write_case(found, folder, manager)
    shrunk = shrink(found.tree, found.sign, most_runs, manager, other=other)
    found.tree, found.shrink_runs = shrunk.tree, shrunk.runs
    found.on_sqlite = on_sqlite(found.tree, found.sign, manager)
    apart = None
    if other is not None:
        both = beside(found.tree, found.sign, other, manager)
        apart, found.rows = both.apart, both.rows
        if apart is not None:
            found.sentence = apart.sentence
        elif not found.rows and not found.sign.is_compared():
            found.rows = f"With {other.code.name} the run is the same."
    return write_case(found, folder, manager, apart)


def on_sqlite(tree: Tree, sign: Sign, manager: str = "") -> str:
    """Return whether the same shows with real database files: 'yes', 'no' or why that cannot be
    said.
    """
    if sign.is_compared():
        return "not tried, as both codes ran on the model"
    if sign == LANE_DIFFERS or sign.requirement == RESTART:
        return "not tried, as every engine is run in the same way"
    engine = {"kind": "sqlite", "scale": "100000"}
    scenario = load({**tree, "engine": engine}, manager, "sqlite")
    if scenario is None:
        return "not to be run on SQLite"
    return (
        "yes"
        if sign in look(scenario).signs
        else "no: look at the model of the engine first"
    )


def write_case(
    found: Found,
    folder: Path,
    manager: str = "",
    apart: Apart | None = None,
) -> Path:
    """Write two files: the scenario, and a test that fails as long as it shows the sign. Raises
    InputError if the folder cannot be written to.
    """
    words = f"{found.sign.requirement} {found.sign.what}".lower()
    stem = "_".join(
        "".join(c if c.isalnum() else " " for c in words).split()[:8]
    )
    if (folder / f"{stem}.yaml").exists():
        stem = f"{stem}_{max(found.number, 0)}"
    path = folder / f"{stem}.yaml"
    of_own = f" --manager {manager}" if manager else ""
    with_it = (
        f"with_manager(scenario, {manager!r})" if manager else "scenario"
    )
    imports = (
        "from dr_sim.world.own_logic import with_manager\n"
        if manager
        else ""
    )
    replay, of_lane = f"dr-sim run {path.name} --steps{of_own}", ""
    if found.sign.requirement == RESTART:
        replay = "the test beside it, as no run breaks anything"
    if found.sign == LANE_DIFFERS:
        replay = f"dr-sim run {path.name}, with and without --steps"
        of_lane = "from dataclasses import replace\n"
    comment = (
        f"{found.sign.requirement}: {found.sentence}\n"
        f"Found by dr-sim explore, shrunk in {counted(found.shrink_runs, 'run')}. "
        f"With SQLite's files: {found.on_sqlite or 'not tried'}.\n"
        f"Replay: {replay}"
    )
    if found.rows:
        comment = f"{comment}\n{found.rows}"
    test = (
        f'"""{found.sign.requirement}: {found.sentence}"""\n\n'
        f"{of_lane}from pathlib import Path\n\n"
        f"from dr_sim import api\n{imports}\n\n"
        f"def test_{stem}() -> None:\n"
        f'    scenario = api.load_scenario(Path(__file__).with_name("{path.name}"))\n'
        f"    result = api.run({with_it})\n"
        "    assert not result.summary.violations\n"
        "    assert result.verdict.exit_code == 0\n"
    )
    if found.sign == LANE_DIFFERS:
        test += (
            "    steps = api.run(replace(scenario, steps=True))\n"
            "    assert result.digest == steps.digest\n"
        )
    if found.sign.requirement == RESTART:
        test = _test_of_restart(found, stem, path.name)
    if apart is not None and apart.digest and found.sign.is_compared():
        test = _test_of_apart(found, apart, stem, path.name, manager)
    with writing(folder), folder_made(folder):
        write_whole(path, yaml_text(found.tree, comment))
        write_whole(folder / f"test_{stem}.py", test)
    return path


def _test_of_restart(found: Found, stem: str, scenario: str) -> str:
    """Return the text of a test that fails as long as a manager would forget something."""
    return (
        f'"""{found.sign.requirement}: {found.sentence}"""\n\n'
        "from pathlib import Path\n\n"
        "from dr_sim.explore.case import load, look, read_tree\n\n\n"
        f"def test_{stem}() -> None:\n"
        f'    scenario = load(read_tree(Path(__file__).with_name("{scenario}")))\n'
        "    assert scenario is not None\n"
        "    assert not look(scenario).signs\n"
    )


def _test_of_apart(
    found: Found, apart: Apart, stem: str, scenario: str, manager: str
) -> str:
    """Return the text of a test that fails as long as a run is worse than with other code, or
    differs from it.
    """
    played, own = "scenario", ""
    if manager:
        played = f"with_manager(scenario, {manager!r})"
        own = "from dr_sim.world.own_logic import with_manager\n"
    what, of = apart.key or ("", "")
    measure = MEASURES.get(what)
    if measure is None or measure.unit is Unit.WORDS:
        imports = own
        check = f'assert result.digest == "{apart.digest}"'
    else:
        imports = (
            f"from dr_sim.explore.against.measures import value_of\n{own}"
        )
        how = {1: "<=", -1: ">=", 0: "=="}[measure.worse]
        if found.sign.requirement == DIFFERS:
            how = "=="
        value = f"value_of(result.summary, {json.dumps(what)}, {json.dumps(of)})"
        check = f"assert {value} {how} {apart.there}"
    return (
        f'"""{found.sign.requirement}: {found.sentence}"""\n\n'
        "from pathlib import Path\n\n"
        f"from dr_sim import api\n{imports}\n\n"
        f"def test_{stem}() -> None:\n"
        f'    scenario = api.load_scenario(Path(__file__).with_name("{scenario}"))\n'
        f"    result = api.run({played})\n"
        f"    {check}\n"
    )
