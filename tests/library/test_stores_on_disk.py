"""A restore from a store on real files: what the store's folder holds is enough, and the rows are
there again on another machine.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dr_sim.engines.sides import open_sides
from dr_sim.engines.sqlite import SqliteEngine
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import run
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.world import World

from .runs import HOUR, MINUTE, SCENARIOS, SECOND, ran, rows

RESTORED = SCENARIOS / "real" / "restored.yaml"
LOST = HOUR + 7 * MINUTE, 2 * HOUR + 3 * MINUTE
ONLINE = HOUR + 18 * MINUTE + 16_065_000, 2 * HOUR + 14 * MINUTE + 25_106_733
ROWS = "SELECT coalesce(sum(next - first), 0), coalesce(max(next), 0) FROM witness"


def rows_in(engine: Any) -> list[tuple[int, int]]:
    """The number of commits in each SQLite database of a server, and the number of the last one."""
    assert isinstance(engine, SqliteEngine)
    found = []
    for path in engine.home.rglob("*"):
        if not path.is_file() or not path.read_bytes().startswith(b"SQLite format 3"):
            continue
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            found += connection.execute(ROWS).fetchall()
        finally:
            connection.close()
    return found


def test_the_stores_folder_alone_brings_the_rows_back_twice() -> None:
    """By hand: 10 commits a second for 65 min, then for the 2,503.935 s from 01:18:16.065, when the
    machine is online, to its last log of 02:00. The backups of a lost site are deleted from the
    disk in earnest.
    """
    scenario = load_scenario(RESTORED, ["engine.imitates=sql_server"], engine="sqlite")
    held: list[int] = []
    read: list[list[tuple[int, int]]] = []
    with open_sides("sqlite", scenario.engine.scale) as sides:
        world = World(scenario, sides=sides)
        store = Path(sides.secondary_files.root)

        def burn(folder: Path) -> None:
            assert list(folder.rglob("*_log_000"))
            shutil.rmtree(folder)
            held.append(len(list(store.rglob("*_000"))))

        def look() -> None:
            read.append(rows_in(world.pair.context.primary_engine))

        agenda = world.context.agenda
        agenda.at(LOST[0] + SECOND, Class.FAULT, -1, burn, Path(sides.primary_files.root))
        agenda.at(ONLINE[0] + 1, Class.FAULT, -1, look)
        agenda.at(LOST[1] + SECOND, Class.FAULT, -1, burn, store / "primary")
        agenda.at(ONLINE[1] + 1, Class.FAULT, -1, look)
        world.run()
        assert [pair.context.witness.violations for pair in world.pairs] == [[]] * 3
    promoted = [row.time_us for row in rows(world, "truth.promoted")]
    assert promoted == [*ONLINE]
    assert held == [1 + 13, 1 + 13 + 9]
    assert read == [[(39_000, 39_000)], [(39_000 + 25_040, 64_040)]]


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        "stores/levels",
        "stores/change_over",
        "stores/restored_twice",
        "stores/beside_a_standby",
        "mistakes/restore_before",
        "cloud/restored",
    ],
)
def test_sqlite_files_tell_the_models_story(name: str) -> None:
    rules = "engine.imitates=sql_server"
    real = run(load_scenario(SCENARIOS / f"{name}.yaml", [rules], engine="sqlite"))
    assert real.digest == ran(name, rules).digest
    assert summary_json(real.summary)["violations"] == []


SEVERAL_LEVELS = """\
run_for: 5 h
start: 2026-01-05 00:00
databases:
  crm: {size: 200 MB, log_volume: 1 MB per 5 min, full: every 2 h, differential: every 30 min}
  web: {size: 100 MB, log_volume: 1 MB per 5 min, full: daily 01:00, log: every 10 min}
link: {bandwidth: 200 Mbit/s}
copies:
  near: {}
  tape: {store: {hold: 5 min}}
  vault: {store: {from: tape, every: every 1 h, transit: 10 min}}
failover: {mode: automatic}
events:
- {at: 67 min, lose: site}
- {at: 90 min, lose: site}
- {at: 220 min, corrupt_at_rest: {where: secondary, database: crm, kind: full}, copy: tape}
- {at: 230 min, lose_secondary: 2 h, copy: tape}
- {at: 231 min, lose: site}
"""


@pytest.mark.long
@pytest.mark.parametrize("engine, rules", [("sqlite", "sql_server"), ("postgres", "postgres")])
def test_chains_over_several_failovers_and_levels_are_the_models(
    tmp_path: Path, engine: str, rules: str
) -> None:
    path = tmp_path / "levels.yaml"
    path.write_text(f"{SEVERAL_LEVELS}engine: {{imitates: {rules}}}\n", encoding="utf-8")
    real, model = (run(load_scenario(path, engine=kind)) for kind in (engine, "model"))
    assert real.digest == model.digest
    assert summary_json(real.summary)["violations"] == []
    assert len(summary_json(real.summary)["failovers"]) == 3
