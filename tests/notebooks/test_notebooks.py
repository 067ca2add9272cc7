"""The notebooks: committed with their outputs, driven by parameters, and their answers still true.

A run is the same bit for bit on every machine, so a notebook that is executed again must come to
the conclusions that are committed with it; when it does not, a change in dr_sim has changed what a
planner would be told.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from dr_sim.experiments.answers import answer_in, changes
from dr_sim.loading.load import validate
from tests.experiments.worlds import small_file

nbformat = pytest.importorskip("nbformat", reason="the extra 'notebooks' is not installed")
papermill = pytest.importorskip("papermill", reason="the extra 'notebooks' is not installed")

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = (
    "consolidation",
    "link_sizing",
    "pgbackrest_history",
    "policy",
    "schedule",
    "several_services",
    "your_history",
)
SHORT = {"databases": [5, 160], "restore_workers": [1], "runs": 2}
"""A farm of five and one that a single worker cannot keep up with: a few seconds, and the answer
has the same two ends.
"""


def notebook(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", 4)


def parameters(book: Any) -> Any:
    """The one cell that papermill drives."""
    found = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", ())]
    assert len(found) == 1
    return found[0]


@pytest.fixture(autouse=True)
def _this_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kernels work in the notebooks' folder: they find this dr_sim, and leave nothing at home."""
    monkeypatch.setenv(
        "PYTHONPATH",
        os.pathsep.join([str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
    )
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def executed(folder: Path, name: str, **values: Any) -> Any:
    """Run again by papermill, with other values for some parameters."""
    known = re.findall(r"^(\w+) = ", parameters(notebook(name)).source, re.MULTILINE)
    assert values.keys() <= set(known)
    out = folder / f"{name}.ipynb"
    papermill.execute_notebook(
        FOLDER / f"{name}.ipynb",
        out,
        values,
        cwd=FOLDER,
        kernel_name="python3",
        progress_bar=False,
        log_output=False,
    )
    return nbformat.read(out, 4)


def test_every_notebook_is_here() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_committed_with_outputs_and_nothing_of_the_machine(name: str) -> None:
    book = notebook(name)
    nbformat.validate(book)
    parameters(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    # run once, from the top
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert any("image/png" in output.get("data", ()) for output in outputs)
    assert not [
        output
        for output in outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    answer = answer_in(book)
    assert answer["conclusions"] and all(
        len(interval) == 3 for interval in answer["numbers"].values()
    )
    words = code[-1].outputs[-1]["data"]["text/markdown"]
    assert "95 %" in words  # with its uncertainty
    for cell in code:
        for output in cell.outputs:
            output.get("data", {}).pop("image/png", None)
    text = json.dumps(book)
    assert not re.search(
        r"(?<![\w.])/(work|tmp|home|root|Users|usr|mnt|opt)/|[A-Z]:\\\\|hostname|@[a-z0-9-]+:", text
    )
    assert set(book.metadata) == {"kernelspec", "language_info"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.name)
def test_their_scenarios_run_by_themselves(path: Path) -> None:
    assert validate(path) == []


@pytest.mark.long
def test_a_small_run_comes_to_its_two_ends(tmp_path: Path) -> None:
    now = answer_in(executed(tmp_path, "consolidation", **SHORT))
    assert now["conclusions"] == {"1 workers take": "5", "1 workers do not take": "160"}
    estimate, low, high = now["numbers"]["outage, 1 workers, 5 databases, s"]
    assert low <= estimate <= high < 300
    worse = {"conclusions": now["conclusions"] | {"1 workers take": "160"}, "numbers": {}}
    assert changes(worse, now) == ["1 workers take: was '160', is '5'"]


@pytest.mark.parametrize(
    ("bandwidths", "enough", "not_enough", "said"),
    [
        (
            ["200 Mbit/s", "1 Gbit/s", "20 Mbit/s"],
            "20 Mbit/s",
            None,
            "That is the smallest link tried: a smaller one may do.",
        ),
        pytest.param(
            ["50 kbit/s", "100 kbit/s"],
            None,
            "100 kbit/s",
            "the largest, 100 kbit/s, gives",
            marks=pytest.mark.long,
        ),
    ],
)
def test_an_answer_at_the_edge_of_what_was_tried_says_so(
    tmp_path: Path, bandwidths: list[str], enough: str | None, not_enough: str | None, said: str
) -> None:
    """Whatever the order of the values: 70 kB/s of logs never fit through 100 kbit/s, and always
    through 20 Mbit/s.
    """
    path = small_file(tmp_path, "sla: {exposure.mean: at most 1 h}\n")
    book = executed(
        tmp_path,
        "link_sizing",
        scenario=str(path),
        bandwidths=bandwidths,
        measure="exposure.mean",
        runs=5,
    )
    assert answer_in(book)["conclusions"] == {"enough": enough, "not enough": not_enough}
    words = book.cells[-1].outputs[-1]["data"]["text/markdown"]
    assert said in words
    assert ("Every one surely misses it" in words) == (enough is None)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_executed_again_the_conclusions_are_the_same(name: str, tmp_path: Path) -> None:
    then, now = answer_in(notebook(name)), answer_in(executed(tmp_path, name))
    assert changes(then, now) == []
    assert now["numbers"].keys() == then["numbers"].keys()


@pytest.mark.long
def test_a_change_that_matters_is_noticed(tmp_path: Path) -> None:
    """A site that loses no logs for good: the policies no longer differ as the committed answer
    says.
    """
    book = answer_in(
        executed(
            tmp_path,
            "policy",
            runs=4,
            scenario="link_sizing.yaml",
            ages=["15 min"],
            attempts=["2", "4"],
        )
    )
    assert changes(answer_in(notebook("policy")), book)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_notebook_imports_is_there(name: str) -> None:
    """A cheap guard for those that are not run in `make test`."""
    cells = notebook(name).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    lines = [line for line in code.splitlines() if not line.startswith(("%", "!"))]
    tree = ast.parse("\n".join(lines))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert imports
    for node in imports:
        module = importlib.import_module(node.module or "")
        for alias in node.names:
            assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"
