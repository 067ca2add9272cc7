"""Tells what many replications leave in their folder, beside the batches: tables, summary, picture,
the scenario itself.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.store import key_of
from dr_sim.experiments.sweeps.sweep import Swept
from dr_sim.figures.charts import Chart
from dr_sim.figures.comparison import comparison_chart
from dr_sim.figures.drawing import Panel, picture_of
from dr_sim.figures.many import many_charts
from dr_sim.figures.svg import svg_text
from dr_sim.files.making import folder_made
from dr_sim.files.output import json_text, write_file, write_whole, writing
from dr_sim.formatting.words import counted
from dr_sim.results.run_folder import safe_name
from dr_sim.scenario import dump_resolved
from dr_sim.scenario.asked_model import Sweep
from dr_sim.scenario.model import Scenario
from dr_sim.version import VERSION

if TYPE_CHECKING:
    import pandas as pd

    from dr_sim.experiments.comparing.comparison import Comparison
    from dr_sim.report.sweep import SweepShown

MEASURES_FILE, SUMMARY_FILE, PICTURE_FILE, SCENARIO_FILE = (
    "measures.parquet",
    "summary.json",
    "distribution.svg",
    "scenario.yaml",
)
REPORT_FILE = "report.html"


def folder_of(scenario: Scenario, root: Path = Path("results")) -> Path:
    """results/<scenario>/replications-<key>: the same for the same scenario, seed and version, so
    that it is continued with.
    """
    return (
        root
        / safe_name(scenario.name)
        / f"replications-{key_of(scenario)[:12]}"
    )


def write_distribution(found: Distribution, folder: Path) -> None:
    """Every file whole or not at all; the summary, which says that all is there, last."""
    with writing(folder):
        write_whole(folder / SCENARIO_FILE, dump_resolved(found.scenario))
        write_file(
            folder / MEASURES_FILE,
            lambda path: write_parquet(found.measures, path),
        )
        runs = f"{found.scenario.name}: {counted(found.n, 'run')}"
        write_whole(folder / PICTURE_FILE, _drawn(runs, many_charts(found)))
        write_whole(folder / REPORT_FILE, report_of(found))
        about = {
            "python": platform.python_version(),
            "dr-sim": VERSION,
            **found.summary(),
        }
        write_whole(
            folder / SUMMARY_FILE,
            json_text(about) + "\n",
        )


def _drawn(title: str, charts: Sequence[Chart]) -> str:
    """The charts below one another, as a file's text."""
    return svg_text(picture_of(title, [Panel(chart) for chart in charts]))


def report_of(found: Distribution) -> str:
    """The page about these replications."""
    # here: its library takes longer to import than all the rest
    from dr_sim.report.many import distribution_html

    return distribution_html(found)


def write_parquet(
    table: pd.DataFrame, path: Path, about: dict[str, Any] | None = None
) -> None:
    """A table, with a JSON object beside its schema if there is one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = pa.Table.from_pandas(table, preserve_index=False)
    if about is not None:
        made = made.replace_schema_metadata(
            {
                **(made.schema.metadata or {}),
                b"dr_sim": json.dumps(about).encode(),
            }
        )
    pq.write_table(made, path, compression="zstd")


def sweep_folder(
    scenario: Scenario,
    sweeps: Sequence[Sweep],
    root: Path = Path("results"),
) -> Path:
    """results/<scenario>/sweep-<key>: the same for the same scenario and keys; its points keep
    their own keys.
    """
    said = json.dumps([[s.key, s.values] for s in sweeps])
    name = blake2b(
        (key_of(scenario) + said).encode(), digest_size=6
    ).hexdigest()
    return root / safe_name(scenario.name) / f"sweep-{name}"


def advice_folder(scenario: Scenario, root: Path = Path("results")) -> Path:
    """results/<scenario>/advice: what `dr-sim advise` has played, kept to continue from there."""
    return root / safe_name(scenario.name) / "advice"


def write_sweep(swept: Swept, shown: SweepShown, folder: Path) -> list[str]:
    """The two tables, what they answer, the page, and a picture for each measure where one or two
    keys vary. Returns the names of page and pictures.
    """
    # here: its library takes longer to import than all the rest
    from dr_sim.report.sweep import sweep_charts, sweep_html

    names = []
    with writing(folder), folder_made(folder):
        write_file(
            folder / MEASURES_FILE,
            lambda path: write_parquet(swept.measures, path),
        )
        write_whole(folder / REPORT_FILE, sweep_html(swept, shown))
        names.append(REPORT_FILE)
        for chart in sweep_charts(swept, shown.measures):
            names.append(
                f"{safe_name(chart.key.removeprefix('sweep-'))}.svg"
            )
            write_whole(
                folder / names[-1],
                _drawn(swept.points[0].scenario.name, [chart]),
            )
        write_whole(
            folder / "answer.json",
            json_text([of.to_json() for of in shown.told]) + "\n",
        )
        write_file(
            folder / "sweep.parquet",
            lambda path: write_parquet(swept.table, path),
        )
    return names


def comparison_folder(
    a: Scenario, b: Scenario, root: Path = Path("results")
) -> Path:
    """results/<a>/compare-<key>: the same for the same two scenarios."""
    name = blake2b(
        (key_of(a) + key_of(b)).encode(), digest_size=6
    ).hexdigest()
    return root / safe_name(a.name) / f"compare-{name}"


def write_comparison(
    found: Comparison, names: tuple[str, str], folder: Path
) -> list[str]:
    """The page, the differences as a table, a picture. Returns their names."""
    # here: its library takes longer to import than all the rest
    from dr_sim.report.comparison import comparison_html, title

    with writing(folder), folder_made(folder):
        page = comparison_html(found, *names)
        write_whole(folder / REPORT_FILE, page)
        picture = _drawn(
            title(*names),
            [comparison_chart(found.changes())],
        )
        write_whole(folder / "differences.svg", picture)
        write_file(
            folder / "differences.parquet",
            lambda path: write_parquet(found.differences, path),
        )
    return [REPORT_FILE, "differences.svg", "differences.parquet"]
