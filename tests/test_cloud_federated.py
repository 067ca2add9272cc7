"""Farms that serve other farms: what users get without them, and that their machines are made first."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cloud.machines.machine_config import MachinesConfig
from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.world.world import World
from tests.test_cloud_machines import DEPLOY, HOUR_US, MINUTE, MS, Edits, S, rows, summary

FOLDER = Path(__file__).parent.parent / "scenarios" / "cloud"
SCENARIO = FOLDER / "federated.yaml"
BASE = """
start: 2026-01-05 00:00
run_for: 2 h
databases: {crm: {size: 1 GB, log: none, incremental: none}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {farms: [content, search, core, base]}}
physical: {A: {compute: 4}, B: {compute: 1}}
images: {web 1: {size: 4 GB, cpus: 8, ram: 8 GB, at: [A, B]}}
farms:
  content: {network: prod, image: web 1, front_end: 8}
  search: {network: prod, image: web 1, kind: federated, search: 2}
changes: {rate: 0 per day}
"""


SECOND_CORE = """  core: {network: prod, image: web 1, kind: network, timer: 1}
  base: {network: prod, image: web 1, kind: network, timer: 1}
changes:"""


def read(folder: Path, edits: Edits = ()) -> World:
    text = BASE
    for old, new in edits:
        text = text.replace(old, new)
    path = folder / "s.yaml"
    path.write_text(text)
    return World(load_scenario(path))


def test_the_scenario_is_as_by_hand() -> None:
    of = World(load_scenario(SCENARIO))
    of.run()
    assert cloud_broken(of.journal, of.scenario) == []
    (short,) = summary(of).cloud.machines.degraded
    assert (short.began_us, short.least_ppm) == (HOUR_US, 750_000)
    assert short.lasted_us == 6 * MINUTE + 15 * MS + DEPLOY
    at_c = [
        (at_us, v["farm"])
        for at_us, v in rows(of, "truth.cloud_machine")
        if (v["site"], v["what"]) == ("C", "provisioning")
    ]
    farms = [farm for _, farm in at_c]
    assert farms == ["search"] * 4 + ["intranet"] * 4 + ["public"] * 3
    assert at_c[4][0] - at_c[0][0] == DEPLOY + 30 * MS == 682 * S + 30 * MS


def test_the_farm_of_a_network_serves_all_others() -> None:
    """Half of its machines run: users get half. At a new site they are made before all others."""
    of = World(load_scenario(FOLDER / "network_farm.yaml"))
    of.run()
    assert cloud_broken(of.journal, of.scenario) == []
    (short,) = summary(of).cloud.machines.degraded
    assert (short.began_us, short.least_ppm) == (HOUR_US, 500_000)
    assert short.lasted_us == 6 * MINUTE + 15 * MS + DEPLOY
    at_c = [
        (at_us, v["farm"])
        for at_us, v in rows(of, "truth.cloud_machine")
        if (v["site"], v["what"]) == ("C", "running")
    ]
    assert [farm for _, farm in at_c] == ["core"] * 2 + ["search"] * 2 + ["intranet"] * 4
    assert at_c[-1][0] - at_c[1][0] == 3 * (DEPLOY + 30 * MS)


def rooms(of: World) -> dict[str, int]:
    found: dict[str, int] = {}
    for _, v in rows(of, "truth.cloud_machine"):
        if v["site"] == "B":
            found[v["farm"]] = found.get(v["farm"], 0) + 1
    return found


def test_where_room_is_short_the_others_lack_it(tmp_path: Path) -> None:
    """One physical machine at B has room for four: two of search, and two of content."""
    of = read(tmp_path)
    of.run()
    took = rooms(of)
    assert took == {"search": 2, "content": 2}
    (short,) = summary(of).cloud.machines.second_short
    assert (short.site, short.least_ppm) == ("B", 250_000)


def broken(of: World) -> list[str]:
    of.run()
    return [breach.sentence for breach in cloud_broken(of.journal, of.scenario)]


@pytest.mark.parametrize(("at_c", "said"), [(4, "before search-search"), (1, "waits for room")])
def test_who_makes_them_in_the_order_of_the_file_is_found(
    at_c: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are made at the new site C, which has room for 16 machines or for four of ten."""
    lost = "after_failover: {new_secondary: 10 min}\nevents: [{at: 1 h, lose: site}]\nchanges:"
    edits = (("changes:", lost), ("B: {compute: 1}", f"B: {{compute: 1}}, C: {{compute: {at_c}}}"))
    assert broken(read(tmp_path, edits)) == []
    monkeypatch.setattr(MachinesConfig, "rank", lambda *_: 0)
    assert {said in sentence for sentence in broken(read(tmp_path, edits))} == {True}


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("kind: federated", "kind: federal", "did you mean 'federated'|federal"),
        ("search: 2}", "search: 2, load: 5 per s}", "users do not reach a federated farm"),
        ("front_end: 8}", "front_end: 8, kind: federated}", "no other farm in 'prod'"),
        ("federated, search: 2", "network, search: 2, load: 5 per s", "reach a network farm"),
        ("changes:", SECOND_CORE, "there is another network farm in 'prod'"),
    ],
)
def test_a_wrong_line_is_a_clear_error(old: str, new: str, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=wanted):
        read(tmp_path, ((old, new),))
