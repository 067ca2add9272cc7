"""`dr-sim advise`: the usual changes under the same random events, and the smallest set that meets
the SLA.
"""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from dr_sim import api
from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.experiments.advising.advice import Advice, money_text
from dr_sim.experiments.advising.advise import AdviceQuestion, advise
from dr_sim.experiments.advising.changes import usual_changes
from dr_sim.experiments.advising.costs import cost_now
from dr_sim.experiments.advising.usual_change import UsualChange, sets_of
from dr_sim.experiments.replications.executor import open_executor
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.results.many_folder import advice_folder
from dr_sim.world.link.offered import offered

NARROW = Path(__file__).parents[2] / "scenarios/advice/narrow_link.yaml"
ALIKE = """\
run_for: 4 h
databases: {crm: {size: 1 GB, log_volume: 2 MB per 5 min, copies: 6}}
link: {bandwidth: 200 Mbit/s, sharing: priority}
failover: {mode: automatic}
"""


def asked(path: Path, *overrides: str, folder: Path | None = None) -> Advice:
    playing = open_executor(1, None)
    try:
        return advise(AdviceQuestion(path, overrides, None, 1), playing, folder)
    finally:
        playing.close()


@pytest.fixture(scope="module")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where the command has played from nothing, and what it printed."""
    folder = tmp_path_factory.mktemp("advice")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as screen:
        patch.chdir(folder)
        assert main(["advise", str(NARROW), "--workers", "1"]) == 0
    return folder, screen.getvalue()


@pytest.fixture(scope="module")
def narrow(commanded: tuple[Path, str]) -> Advice:
    """The same search, which goes on from the runs that the command has kept."""
    folder = advice_folder(load_scenario(NARROW), commanded[0] / "results")
    return asked(NARROW, folder=folder)


def test_the_smallest_set_is_named(narrow: Advice) -> None:
    """No change meets both lines alone; two pairs do, and the one that costs nothing is taken."""
    assert not narrow.base.met
    assert not any(tried.met for tried in narrow.alone)
    assert narrow.smallest is not None
    assert narrow.smallest.sets == ["link.sharing=priority", "failover.mode=automatic"]
    assert "link.sharing=priority; failover.mode=automatic" in narrow.sentence
    meeting = [tried for tried in narrow.together if tried.met]
    assert len(meeting) == 2
    assert sorted(tried.cost or 0 for tried in meeting) == [0, 300_000_000]


def test_what_it_says_is_what_a_run_gives(narrow: Advice) -> None:
    assert narrow.smallest is not None
    run = api.run(load_scenario(NARROW, narrow.smallest.sets))
    losses = [f["data_loss_us"] for f in summary_json(run.summary)["failovers"]]
    told = {v.line.id: v.value for v in narrow.smallest.verdicts}
    assert [told["rpo"]] == losses


def test_what_is_met_needs_nothing() -> None:
    found = asked(
        NARROW, "link.sharing=priority", "failover.mode=automatic", "link.bandwidth=50 Mbit/s"
    )
    assert found.base.met
    assert found.sentence == "The SLA is met as it is."
    assert not found.together  # nothing is asked of pairs


def test_none_of_them_meets_it_and_the_best_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hard.yaml"
    path.write_text(ALIKE + "events: [{at: 1 h, lose: site}]\nsla: {outage: at most 1 s}\n")
    found = asked(path)
    assert found.smallest is None
    assert found.sentence.startswith("None of ")
    assert "leaves outage" in found.sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "",
            [
                "log backups twice as often",
                "twice as many restore workers",
                "backups kept twice as long",
            ],
        ),
        (
            "replay: {workers: 8, delay: 1 h}\n",
            ["log backups twice as often", "no replay delay", "backups kept twice as long"],
        ),
    ],
)
def test_only_what_makes_a_difference_is_tried(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    path = tmp_path / "alike.yaml"
    path.write_text(ALIKE + text)
    changes = usual_changes(path, load_scenario(path))
    copies = ["a second standby at another place", "a store at another place"]
    assert [change.name for change in changes][1:] == [*expected, *copies]
    assert changes[0].sets == ("link.bandwidth=400 Mbit/s",)
    for change in changes:
        load_scenario(path, change.sets)  # --set takes each of them, copies of a database too


def test_fulls_one_after_the_other() -> None:
    """200 GB over 200 Mbit/s have the link for 8,000 s: two hours and a quarter."""
    changes = {c.name: c for c in usual_changes(NARROW, load_scenario(NARROW))}
    sets = changes["fulls one after the other"].sets
    assert sets == ("databases.erp.full={at: weekly Sun 03:15, zone: UTC}",)
    moved = load_scenario(NARROW, sets).databases[1].full
    assert (moved.weekdays, moved.times_us) == ((6,), ((3 * 60 + 15) * 60_000_000,))


def test_costs_by_hand() -> None:
    """Link 200 x 1.5; a machine 300. Both databases send a full of 200 GB a week and 20 MB of log
    each 5 minutes; incrementals hold 60 % of the log since the full: 24 times 3.456 GB days, over
    six days. Both sides keep 72 h of it at 0.02 a GB, and each GB sent costs 0.05.
    """
    scenario = load_scenario(NARROW)
    changes = {c.name: c for c in usual_changes(NARROW, scenario)}
    assert changes["a link twice as wide"].cost == 300_000_000
    now = cost_now(scenario)
    assert now is not None
    gb_a_day = offered(scenario).total / 8 / 1e9 * 86_400
    by_hand = 300 + 300 + 0.02 * gb_a_day * 6 + 0.05 * gb_a_day * 365 / 12
    assert now / 1e6 == pytest.approx(by_hand, rel=1e-6)
    kept = changes["backups kept twice as long"].cost
    assert kept is not None
    assert kept / 1e6 == pytest.approx(0.02 * gb_a_day * 6, rel=1e-6)
    unpriced = load_scenario(NARROW, ["prices.link=none"])
    assert cost_now(unpriced) is None
    assert usual_changes(NARROW, unpriced, ["prices.link=none"])[0].cost is None


def test_money() -> None:
    assert [money_text(x) for x in (0, 12_500_000, 99_994_000, 1_300_000_000)] == [
        "0.00",
        "12.50",
        "99.99",
        "1,300",
    ]


def test_an_sla_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    path.write_text(ALIKE)
    with pytest.raises(InputError, match="has no sla"):
        asked(path)


@pytest.mark.parametrize("price", ["-1", "much", "1e5", "0.1234567", "99999999999"])
def test_what_is_no_price(price: str) -> None:
    with pytest.raises(InputError, match="price"):
        load_scenario(NARROW, [f"prices.link={price}"])


def test_the_command_and_again_from_what_it_has_kept(
    commanded: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, screen = commanded
    assert "a link twice as wide" in screen
    assert "The SLA would be met with priority to logs" in screen
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.batch")}
    monkeypatch.chdir(folder)
    assert main(["advise", str(NARROW), "--workers", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["smallest"]["set"] == ["link.sharing=priority", "failover.mode=automatic"]
    assert found["cost_now"] == pytest.approx(758.4, abs=1)
    assert before
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.batch")} == before


# ---- one more copy
def test_what_one_more_copy_costs_by_hand() -> None:
    """A standby: a link of 200 x 1.5, a machine of 300, 3 days of backups at 0.02 a GB, and each GB
    sent at 0.05. A store needs no machine before a failure, and keeps 35 days.
    """
    scenario = load_scenario(NARROW)
    cost = {c.name: c.cost for c in usual_changes(NARROW, scenario)}
    gb_a_day = offered(scenario).total / 8 / 1e9 * 86_400
    sent = 0.05 * gb_a_day * 365 / 12
    standby = 300 + 300 + 0.02 * gb_a_day * 3 + sent
    store = 300 + 0.02 * gb_a_day * 35 + sent
    parts = {c.name: dict(c.cost_parts) for c in usual_changes(NARROW, scenario)}
    of_standby, of_store = (
        parts[f"a {which} at another place"] for which in ("second standby", "store")
    )
    assert set(of_standby) - set(of_store) == {"machine"} and of_standby["machine"] == 300_000_000
    assert sum(of_store.values()) == cost["a store at another place"]
    found = cost["a second standby at another place"], cost["a store at another place"]
    assert [x / 1e6 for x in found if x is not None] == pytest.approx([standby, store], rel=1e-6)


def test_a_second_standby_meets_the_same_luck() -> None:
    """What affects the first standby is what befell it, to the microsecond."""
    changes = {c.name: c for c in usual_changes(NARROW, load_scenario(NARROW))}
    sets = changes["a second standby at another place"].sets
    assert sets == ("copies.B={}", "copies.another={}")
    alone, beside = (
        summary_json(api.run(load_scenario(NARROW, more)).summary)["failovers"][0]
        for more in ((), sets)
    )
    assert beside["new_primary"] == "B"
    for measure in ("data_loss_us", "phases_us"):
        assert beside[measure] == alone[measure]


TWICE = """\
run_for: 1 day
databases: {crm: {size: 50 GB, log_volume: 20 MB per 5 min, full: daily 01:00, log: every 5 min}}
link: {bandwidth: 1 Gbit/s}
prices: {link: 1, storage: 1, machine: 1000, egress: 0}
failover: {mode: automatic}
"""
LOST_TWICE = TWICE + (
    'events: [{at: "Mon 09:00", lose_secondary: 20 h}, {at: "Mon 10:02", lose: site}]\n'
    "sla: {data_loss: at most 5 min, outage: at most 5 min}\n"
)


def test_a_second_standby_is_what_meets_it_where_the_first_is_gone(tmp_path: Path) -> None:
    """A store loses as little, but needs 10 min for a machine; nothing else helps the lost one."""
    path = tmp_path / "twice.yaml"
    path.write_text(LOST_TWICE)
    found = asked(path)
    assert found.smallest is not None
    assert found.smallest.name == "a second standby at another place"
    met = {tried.name: tried.met for tried in found.alone}
    assert [name for name, is_met in met.items() if is_met] == [found.smallest.name]


STORES = TWICE + (
    "copies: {tape: {store: {}}, vault: {store: {from: tape, takes: [full]}}}\n"
    'events: [{at: "Mon 05:00", link_outage: 30 min}, {at: "Mon 10:02", lose: site}]\n'
    "faults: {slow_restore: {rate: 1 per week, by: 2, duration: 1 h}}\n"
    "sla: {outage: at most 5 min}\n"
)


def test_a_standby_stands_before_the_stores_and_what_befalls_them_stays(tmp_path: Path) -> None:
    path = tmp_path / "stores.yaml"
    path.write_text(STORES.replace("faults", "description: x\n#"))
    scenario = load_scenario(path)
    (change,) = [c for c in usual_changes(path, scenario) if "standby" in c.name]
    with_it = load_scenario(path, change.sets)
    assert [copy.name for copy in with_it.standbys] == ["another", "tape", "vault"]
    assert [event.copy for event in with_it.events] == ["tape", ""]
    assert with_it.standbys[1:] == scenario.standbys
    found = asked(path)
    assert found.smallest is not None
    assert found.smallest.changes == (change,)


def test_a_store_pays_for_the_kinds_of_backups_that_it_takes(tmp_path: Path) -> None:
    """A link is 1 a Mbit/s: 1,000 for each. tape keeps a full of 50 GB and 5.76 GB of logs a day
    for 35 days, the primary both for 3; vault keeps the fulls for 35. No incrementals are made.
    """
    path = tmp_path / "stores.yaml"
    text = STORES.replace("faults", "description: x\n#")
    path.write_text(text.replace("full: daily 01:00", "full: daily 01:00, differential: none"))
    both, fulls = 55.76, 50
    by_hand = 2 * 1000 + both * (3 + 35) + fulls * 35
    now = cost_now(load_scenario(path))
    assert now is not None
    assert now / 1e6 == pytest.approx(by_hand, rel=1e-6)


def test_each_copy_with_keys_of_its_own_is_changed_too(tmp_path: Path) -> None:
    path = tmp_path / "copies.yaml"
    copies = "copies: {near: {}, far.off: {link: {bandwidth: 20 Mbit/s}, replay: {delay: 1 h}}}\n"
    path.write_text(TWICE + copies)
    sets = {c.name: c.sets for c in usual_changes(path, load_scenario(path))}
    far = 'copies."far.off"'
    assert sets["links twice as wide"] == (
        "link.bandwidth=2 Gbit/s",
        f"{far}.link.bandwidth=40 Mbit/s",
    )
    assert sets["no replay delay"] == (f"{far}.replay.delay=0 s",)
    assert sets["one more standby at another place"] == ("copies.another={}",)
    wider = load_scenario(path, sets["links twice as wide"])
    assert [copy.link.bandwidth_bit_s for copy in wider.standbys] == [2 * 10**9, 40 * 10**6]


def test_a_whole_section_is_set_before_what_is_inside_it() -> None:
    inside = UsualChange("kept longer", ("copies.vault.store.retention=70 days",))
    whole = UsualChange("a standby", ("copies={another: {}, vault: {store: {}}}",))
    assert sets_of((inside, whole)) == [*whole.sets, *inside.sets]


def test_no_copy_is_tried_where_the_scenario_refuses_it() -> None:
    """With a cloud manager there may be another standby or a store."""
    tried = ["a second standby at another place", "a store at another place"]
    for name in ("drift", "built_secondary"):
        path = NARROW.parents[1] / f"cloud/{name}.yaml"
        names = [change.name for change in usual_changes(path, load_scenario(path))]
        assert [each for each in names if "another place" in each] == tried


def test_a_last_way_that_closes_is_met_by_one_more_standby() -> None:
    found = asked(NARROW.parents[1] / "negative/last_way_closes.yaml")
    assert found.smallest is not None
    assert found.smallest.sets == ["copies.another={}"]
    (line,) = found.smallest.verdicts
    assert line.value == 1  # near and the vault are gone


def test_a_policy_that_chooses_is_tried_where_there_are_several_copies() -> None:
    """least_loss.yaml says by hand: in their order near takes over, and 2 h 07 are lost."""
    path = NARROW.parents[1] / "copies/least_loss.yaml"
    found = asked(path, "failover.choose=preferred")
    assert not found.base.met
    assert found.smallest is not None
    assert found.smallest.sets == ["failover.choose=least_loss"]
    tried = {name for each in found.alone for name in each.sets}
    assert "failover.choose=fastest" in tried
    names = [c.sets for c in usual_changes(path, load_scenario(path))]
    assert ("failover.choose=least_loss",) not in names  # it is so already


# ---- after a run
def test_a_run_that_misses_its_sla_names_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "mine.yaml", tmp_path / "r"
    path.write_text(LOST_TWICE)
    overrides = ["--set", "sla.outage=at most 2 min"]
    assert main(["run", str(path), *overrides, "--out", str(folder)]) == 1
    command = f"dr-sim advise {folder / 'scenario.yaml'}"
    assert command in capsys.readouterr().out
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<code>dr-sim advise scenario.yaml</code>" in page
    overridden = load_scenario(folder / "scenario.yaml")
    assert [line.bound for line in overridden.sla] == [300_000_000, 120_000_000]
    main(["run", str(path), "--set", "sla={data_loss: at most 20 h}", "--out", str(folder)])
    assert "dr-sim advise" not in capsys.readouterr().out


def test_many_runs_that_miss_their_sla_name_it_with_their_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "mine.yaml", tmp_path / "r"
    path.write_text(LOST_TWICE)
    assert main(["run", str(path), "--replications", "2", "--out", str(folder)]) == 1
    assert f"dr-sim advise {folder / 'scenario.yaml'} --replications 2" in capsys.readouterr().out
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<code>dr-sim advise scenario.yaml --replications 2</code>" in page
