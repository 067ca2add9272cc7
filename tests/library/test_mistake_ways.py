"""A mistake that is noticed, and the way back that people then order (W3)."""

from __future__ import annotations

from pathlib import Path

import pytest

import dr_sim
from dr_sim.backups.model import Kind
from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.experiments.mistake_ways import (
    AskedMistake,
    mistake_asked_about,
    mistake_ways,
)
from dr_sim.loading import load_scenario
from dr_sim.measures.outage_now.mistake_ways import (
    MistakeThatMightCome,
    MistakeWayTried,
    best_mistake_way,
)
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result, run
from dr_sim.screen.ways import ways_taken
from tests.library.runs import ran

SECOND = 1_000_000
MIN = 60 * SECOND
HOUR = 60 * MIN

BASE = """
run_for: 1 day
databases:
  app: {size: 50 GB, log_volume: 20 MB per 5 min, full: daily 01:00, incremental: none, log: every 5 min}
link: {bandwidth: 200 Mbit/s}
"""
STORE = BASE + "copies: {vault: {store: {read: 200 MB/s, machine: 10 min}}}\n"


def outcome(tmp_path: Path, text: str, *events: str) -> Result:
    path = tmp_path / "s.yaml"
    lines = "".join(f"  - {event}\n" for event in events)
    path.write_text(f"{text}events:\n{lines}", encoding="utf-8")
    return run(load_scenario(path))


def noticed(at: str = "Mon 14:00", after: str = "90 min", then: str = "restore_before") -> str:
    return f"{{at: {at}, mistake: {{database: app, noticed: {after}, then: {then}}}}}"


def losses(result: Result) -> list[int]:
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    assert summary["mistakes"][0]["gone"]
    (failover,) = summary["failovers"]
    return [failover["data_loss_us"], failover["outage_us"]]


def stands_just_before(result: Result) -> bool:
    """Return whether all before the mistake are there, and it is the first that is missing."""
    promoted = next(result.journal.rows("truth.promoted")).values
    return bool(promoted["commits"] == next(result.journal.rows("truth.mistake")).values["commit"])


def test_a_failover_is_ordered_when_the_mistake_is_noticed() -> None:
    """The fence takes 5 s; 18 logs of 1.05618 s are replayed, then 10 s, 60 s and 8.46 s."""
    result = ran("mistakes/failover_before")
    log_us = SECOND + -(-20_000_000 * SECOND // 356_000_000)
    lost, down = losses(result)
    assert lost == 90 * MIN + 5 * SECOND
    assert down == pytest.approx(18 * log_us + 78_460_000, abs=100)
    assert stands_just_before(result)


def test_a_store_is_restored_to_just_before_the_mistake() -> None:
    """10 min for the machine, 3 TB at 200 MB/s, 121 logs of 1.1 s, then 10 s, 60 s and 8.46 s."""
    result = ran("mistakes/restore_before")
    restored_us = 15_001 * SECOND + 121 * 1_100_000
    lost, down = losses(result)
    assert lost == 90 * MIN + 5 * SECOND
    assert down == pytest.approx(10 * MIN + restored_us + 78_460_000, abs=100_000)
    assert stands_just_before(result)


def test_people_need_time_to_decide(tmp_path: Path) -> None:
    """Noticed after 90 min, decided 20 min later: 110 min and the fence are lost."""
    event = noticed().replace("then:", "decided: 20 min, then:")
    lost, _ = losses(outcome(tmp_path, STORE, event))
    assert lost == 110 * MIN + 5 * SECOND


@pytest.mark.parametrize("after", ["1 min", "4 min 59 s", "30 min"])
def test_a_log_that_no_backup_holds_yet_is_taken_as_the_tail(tmp_path: Path, after: str) -> None:
    result = outcome(tmp_path, STORE, noticed(after=after))
    losses(result)
    assert stands_just_before(result)


def test_the_newest_full_may_hold_the_mistake(tmp_path: Path) -> None:
    """It was made between the mistake and the order: the one before it is restored."""
    text = STORE.replace("daily 01:00", "every 90 min")
    result = outcome(tmp_path, text, noticed(after="3 h"))
    losses(result)
    assert stands_just_before(result)
    first = next(
        row.values["name"] for row in result.journal.rows("seen.Restore") if row.time_us > 17 * HOUR
    )
    assert "_13_30_00_full" in first


def test_what_stays_at_the_source_is_fetched(tmp_path: Path) -> None:
    """The store takes backups a day late: those from before the mistake are fetched at once."""
    text = STORE.replace("machine: 10 min", "machine: 10 min, hold: 20 h")
    result = outcome(tmp_path, text, noticed())
    losses(result)
    assert stands_just_before(result)


def test_a_standby_that_is_past_the_mistake_is_restored_anew(tmp_path: Path) -> None:
    """It keeps its backups: the full of 01:00 and 156 logs are restored again. 50 GB at 356 MB/s
    are 141.4 s; the next log and all others take 1.05618 s.
    """
    result = outcome(tmp_path, BASE, noticed())
    lost, down = losses(result)
    log_us = SECOND + -(-20_000_000 * SECOND // 356_000_000)
    full_us = SECOND + 50_000_000_000 * SECOND // 356_000_000
    assert lost == 90 * MIN + 5 * SECOND
    assert down == pytest.approx(full_us + 156 * log_us + 78_460_000, abs=2 * log_us)
    assert stands_just_before(result)


def test_ways_are_tried_one_after_the_other(tmp_path: Path) -> None:
    """A standby that is an hour behind holds the mistake already: it refuses, and is restored."""
    text = BASE + "replay: {delay: 1 h}\n"
    result = outcome(tmp_path, text, noticed(then="[failover_before, restore_before]"))
    (refused,) = summary_json(result.summary)["orders_refused"]
    assert "already holds data that were written after 2026-01-05T14:00:00Z" in refused["reason"]
    losses(result)
    assert stands_just_before(result)


def test_nothing_is_ordered_where_no_way_leads_back(tmp_path: Path) -> None:
    """No full lies there: the copy was there when the run began."""
    text = BASE.replace("daily 01:00", "none")
    result = outcome(tmp_path, text, noticed())
    (refused,) = summary_json(result.summary)["orders_refused"]
    assert "no usable full of database [app] that ended before" in refused["reason"]
    assert summary_json(result.summary)["failovers"] == []


def test_an_order_that_was_refused_excuses_nothing(tmp_path: Path) -> None:
    """The standby refuses to go back; later its site's primary is lost, and all must be there."""
    result = outcome(
        tmp_path,
        BASE + "failover: {mode: automatic}\n",
        noticed(then="failover_before"),
        "{at: Mon 20:00, lose: database}",
    )
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    assert summary["failovers"][0]["data_loss_us"] == 0
    assert not summary["mistakes"][0]["gone"]


def test_the_manager_may_die_in_the_middle_of_the_restore(tmp_path: Path) -> None:
    events = ("{at: Mon 15:35, manager_crash: {}}", "{at: Mon 15:50, manager_crash: {}}")
    for text in (BASE, STORE):
        result = outcome(tmp_path, text + "manager: {restart_after: 30 s}\n", noticed(), *events)
        losses(result)
        assert stands_just_before(result)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{database: app, then: restore_before}", "nobody notices: write noticed"),
        (
            "{database: app, noticed: 1 h, then: restore}",
            "'restore' is no way back; did you mean 'restore",
        ),
        ("{database: app, noticed: 1 h, then: []}", "no way back is written; write nothing"),
        ("{database: app, noticed: 1 h, then: [nothing, restore_before]}", "goes with no other"),
        ("{database: app, noticed: soon}", "'soon' is"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_read(
    tmp_path: Path, line: str, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        outcome(tmp_path, BASE, f"{{at: Mon 14:00, mistake: {line}}}")


# ---- beside the service
def put_right(result: Result) -> int:
    """Return how long the service ran with the mistake; nothing was lost, and it was never down."""
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    assert summary["failovers"] == []
    (mistake,) = summary["mistakes"]
    assert not mistake["gone"]
    assert mistake["right_us"] == mistake["time_us"] + mistake["degraded_us"]
    return int(mistake["degraded_us"])


def beside(at: str = "Mon 14:00", after: str = "90 min", lost: str = "5 GB") -> str:
    return noticed(at, after, "restore_beside").replace("}}", f", lost: {lost}}}}}")


def test_a_store_is_restored_beside_the_service() -> None:
    """90 min until it is noticed, 10 min for the server, 15,001 s for 3 TB at 200 MB/s, 121 logs of
    1.1 s, 100 logs that are hashed meanwhile, 5 GB at 25 MB/s.
    """
    result = ran("mistakes/restore_beside")
    by_hand_us = 100 * MIN + 15_001 * SECOND + 121 * 1_100_000 + 10 * SECOND + 200 * SECOND
    assert put_right(result) == pytest.approx(by_hand_us, abs=100)


def test_copying_back_is_no_faster_than_its_own_rate(tmp_path: Path) -> None:
    """1 GB at 10 MB/s after 1 min: 160 s; at the link's 25 MB/s it would be 100 s."""
    slow = beside(lost="1 GB").replace("}}", ", copy_back: {fixed: 1 min, rate: 10 MB/s}}}")
    fast = beside(lost="1 GB").replace("}}", ", copy_back: {fixed: 1 min, rate: 80 MB/s}}}")
    took = [put_right(outcome(tmp_path, STORE, event)) for event in (slow, fast)]
    assert took[0] - took[1] == 60 * SECOND


def test_at_a_standby_replay_goes_on_beside_it(tmp_path: Path) -> None:
    """Its own copy holds the mistake and goes on with the primary's logs."""
    result = outcome(tmp_path, BASE, beside())
    put_right(result)
    last = [row.values["name"] for row in result.journal.rows("seen.Restored")][-1]
    assert last.endswith("23_55_00_log_000")


def test_the_log_of_the_mistake_is_waited_for(tmp_path: Path) -> None:
    """It is cut at 14:05, and the restore is ordered at 14:03: the rest is restored meanwhile."""
    result = outcome(tmp_path, STORE, beside(at="Mon 14:02", after="1 min"))
    put_right(result)
    (until,) = [
        row for row in result.journal.rows("seen.RestoreBeside") if row.values["stop_before_utc_us"]
    ]
    assert until.values["name"].endswith("14_05_00_log_000")


def test_a_damaged_full_is_passed_over(tmp_path: Path) -> None:
    """It rots after it was hashed: the server refuses it, and the one of the day before leads
    on.
    """
    text = STORE.replace("1 day", "2 days")
    rots = "{at: Tue 13:00, corrupt_at_rest: {database: app, kind: full, where: secondary}}"
    result = outcome(tmp_path, text, rots, beside("Tue 14:00"))
    put_right(result)
    assert [row.values["name"] for row in result.journal.rows("seen.NotRestoredBeside")] == [
        "app_2026_01_06_01_00_00_full_000"
    ]


def test_over_a_hole_it_is_given_up_and_the_next_way_is_tried(tmp_path: Path) -> None:
    """A log at `near` has rotted: after `replay.age` that is given up, and `far` leads there."""
    text = BASE + "copies: {near: {store: {}}, far: {store: {}}}\n"
    rots = (
        "{at: Mon 09:04, corrupt_at_rest: {database: app, kind: log, where: secondary}, copy: near}"
    )
    result = outcome(tmp_path, text, rots, beside())
    put_right(result)
    (mistake,) = summary_json(result.summary)["mistakes"]
    assert (mistake["given_up"], mistake["place"]) == (["near"], "far")


def test_while_the_link_is_down_nothing_is_copied_back(tmp_path: Path) -> None:
    """It is tried again at every retry until the primary is reached."""
    whole = put_right(outcome(tmp_path, STORE, beside()))
    result = outcome(
        tmp_path,
        STORE,
        beside(),
        "{at: Mon 15:30, link_outage: 2 h}",
    )
    assert put_right(result) > whole
    assert next(result.journal.rows("seen.NotCopiedBack")).time_us < 17.5 * HOUR


@pytest.mark.parametrize("at", ["15:34", "15:50", "16:02"])
def test_the_manager_may_die_while_it_restores_beside(tmp_path: Path, at: str) -> None:
    """It begins again with an empty server, or copies back again."""
    text = STORE + "manager: {restart_after: 30 s}\n"
    calm = put_right(outcome(tmp_path, STORE, beside()))
    result = outcome(tmp_path, text, beside(), f"{{at: Mon {at}, manager_crash: {{}}}}")
    assert put_right(result) >= calm


def test_what_is_copied_back_while_the_manager_is_dead_is_copied_once(tmp_path: Path) -> None:
    """The manager that is back orders it again, and hears when it is over. So the next mistake can
    be put right in the same way.
    """
    text = STORE + "manager: {restart_after: 30 s}\n"
    first, second = beside("Mon 04:00", "30 min"), beside("Mon 14:00", "30 min")
    calm = outcome(tmp_path, text, first, second)
    crash = "{at: Mon 04:46, manager_crash: {}}"
    result = outcome(tmp_path, text, first, second, crash)
    ordered = [row.time_us for row in result.journal.rows("seen.CopyBack")]
    assert len(ordered) == 3 and len(list(result.journal.rows("truth.copied_back"))) == 2
    assert list(result.journal.rows("seen.RefuseBeside")) == []
    mistakes = [summary_json(one.summary)["mistakes"] for one in (result, calm)]
    assert mistakes[0] == mistakes[1]
    assert bytes_of_logs(result) == bytes_of_logs(calm)


def bytes_of_logs(result: Result) -> int:
    finished = result.journal.rows("truth.backup_finished")
    return sum(row.values["nominal_bytes"] for row in finished if row.values["kind"] == Kind.LOG)


def test_a_stranger_restores_nothing_beside(tmp_path: Path) -> None:
    text = STORE + "failover: {operators: [dba], on_duty: guest}\n"
    with pytest.raises(InputError):
        outcome(tmp_path, text, beside())


def test_steps_and_lanes_agree(tmp_path: Path) -> None:
    """The fast path leaves alone what is restored beside."""
    path = tmp_path / "s.yaml"
    path.write_text(f"{BASE}events:\n  - {beside()}\n", encoding="utf-8")
    scenario = load_scenario(path)
    assert dr_sim.run(scenario).digest == dr_sim.run(scenario, steps=True).digest


def test_an_sla_on_degraded_time(tmp_path: Path) -> None:
    text = STORE + "sla: {degraded: at most 1 h 30 min}\n"
    met = outcome(tmp_path, text, beside(after="5 min"))
    assert met.verdict.exit_code == 0
    missed = outcome(tmp_path, text, beside())
    assert missed.verdict.exit_code == 1
    for_ever = outcome(tmp_path, text, "{at: Mon 14:00, mistake: app}")
    assert for_ever.verdict.exit_code == 1
    not_judged = outcome(tmp_path, text, "{at: Mon 23:00, mistake: app}")
    assert not_judged.verdict.exit_code == 3


def test_what_is_lost_is_said_for_a_restore_beside(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="write how much that is, as in lost: 5 GB"):
        outcome(tmp_path, STORE, noticed(then="restore_beside"))


# ---- which ways there would be
def test_each_way_is_tried_at_each_place_that_has_it(tmp_path: Path) -> None:
    """The standby of now holds the mistake; the late one, the store and a restore beside do not."""
    path = tmp_path / "s.yaml"
    copies = "copies: {near: {}, late: {replay: {delay: 2 h}}, vault: {store: {machine: 10 min}}}\n"
    path.write_text(BASE + copies, encoding="utf-8")
    scenario = load_scenario(path)
    found = mistake_ways(scenario, MistakeThatMightCome("app", 14 * HOUR, 90 * MIN, 10**9))
    assert [(way.way.value, way.place, not way.closed) for way in found] == [
        ("failover_before", "near", False),
        ("failover_before", "late", True),
        ("restore_before", "near", True),
        ("restore_before", "late", True),
        ("restore_before", "vault", True),
        ("restore_beside", "near", True),
        ("restore_beside", "late", True),
        ("restore_beside", "vault", True),
    ]
    losses = {way.way.value: way.loss_us for way in found if not way.closed}
    after_it = 90 * MIN + 5 * SECOND
    assert losses == {
        "failover_before": after_it,
        "restore_before": after_it,
        "restore_beside": 0,
    }
    best = best_mistake_way(found)
    assert best is not None and best.way.value == "restore_beside"


SHORT = BASE.replace("1 day", "4 h").replace("daily 01:00", "none") + (
    "copies: {late: {replay: {delay: 2 h}}, vault: {store: {machine: 10 min}}}\n"
)


def ways_of(
    tmp_path: Path, at_us: int, noticed_us: int, own: str = ""
) -> dict[str, MistakeWayTried]:
    """Return the ways back from a mistake at an instant. own: a mistake that the scenario makes."""
    path = tmp_path / "s.yaml"
    events = f"events: [{own}]\n" if own else ""
    path.write_text(SHORT + events, encoding="utf-8")
    of = MistakeThatMightCome("app", at_us, noticed_us, 10**9)
    return {f"{way.way} {way.place}": way for way in mistake_ways(load_scenario(path), of)}


def own_mistake(at: str, after: str) -> str:
    return f"{{at: {at}, mistake: {{database: app, noticed: {after}, then: failover_before}}}}"


def test_the_scenarios_own_mistake_is_not_made_beside_the_one_asked_about(tmp_path: Path) -> None:
    """It is made at the same instant: the ways are those of a scenario that makes none."""
    found = ways_of(tmp_path, 2 * HOUR, HOUR, own_mistake("2 h", "1 h"))
    assert found == ways_of(tmp_path, 2 * HOUR, HOUR)
    closed = {key: way.closed for key, way in found.items() if way.closed}
    assert closed["restore_beside late"].startswith("no usable full") and len(closed) == 1


def test_what_people_would_order_later_is_left_out(tmp_path: Path) -> None:
    """An earlier mistake would be noticed after the one asked about: its failover is not ordered.
    The standby restores up to the one asked about.
    """
    found = ways_of(tmp_path, 2 * HOUR, MIN, own_mistake("1 h", "70 min"))
    assert found == ways_of(tmp_path, 2 * HOUR, MIN)


def test_a_place_that_is_the_primary_by_then_is_closed(tmp_path: Path) -> None:
    """The standby took over at 1:30 because of an earlier mistake."""
    found = ways_of(tmp_path, 2 * HOUR, MIN, own_mistake("1 h", "30 min"))
    closed = [key for key, way in found.items() if "it is the primary" in way.closed]
    assert closed == ["failover_before late", "restore_before late", "restore_beside late"]


def test_ways_of_a_failover_that_was_ordered_say_that_nothing_had_failed(tmp_path: Path) -> None:
    result = outcome(tmp_path, SHORT, own_mistake("1 h", "30 min"))
    head = ways_taken(result.whole).splitlines()[0]
    assert head == "FAILOVER 1  ordered by dba, begun Mon 01:30:05; no database had failed"


def test_the_outage_begins_with_the_fence_though_the_site_is_lost_later(tmp_path: Path) -> None:
    """A store is restored: what affects the old primary's site meanwhile makes no outage
    shorter.
    """
    event = noticed("1 h", "59 min", "restore_before, place: vault")
    lost = "{at: 2 h 5 min, lose: site}"
    alone, both = (outcome(tmp_path, SHORT, *events).summary for events in ([event], [event, lost]))
    assert both.failovers[0].failure_class == "site"
    assert both.failovers[0].outage_us == alone.failovers[0].outage_us
    assert both.mistakes[0].degraded_us == alone.mistakes[0].degraded_us


def test_many_runs_say_that_nothing_had_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"{SHORT}events: [{own_mistake('1 h', '30 min')}]\n", encoding="utf-8")
    many = ["--replications", "2", "--workers", "1", "--no-report", "--out", str(tmp_path / "out")]
    assert main(["run", str(path), *many]) == 0
    assert "FAILOVERS  no database had failed, in 2 of 2 runs" in capsys.readouterr().out


def test_nothing_more_is_exposed_once_a_fence_has_stopped_the_writes(tmp_path: Path) -> None:
    """The restore of the store needs more than 10 min for its machine. The standby beside it holds
    every log but the last one meanwhile, and what is written is no more.
    """
    event = noticed("1 h", "59 min", "restore_before, place: vault")
    (late, vault) = outcome(tmp_path, SHORT, event).summary.legs[0].copies
    assert (late.place, vault.place) == ("late", "vault")
    assert late.exposure.max_us == vault.exposure.max_us
    assert vault.exposure.max_us is not None and vault.exposure.max_us < 6 * MIN


def test_a_store_is_no_standby(tmp_path: Path) -> None:
    told = "to a standby, and vault is a store; write restore_before, or place: late"
    with pytest.raises(InputError, match=told):
        outcome(tmp_path, SHORT, noticed("1 h", then="failover_before, place: vault"))


def test_a_way_that_is_not_over_is_not_the_best(tmp_path: Path) -> None:
    """The run ends 5 min after somebody notices: a machine for the store needs 10."""
    found = ways_of(tmp_path, 230 * MIN, 5 * MIN)
    unfinished = found["restore_before vault"]
    assert (unfinished.closed, unfinished.loss_us, unfinished.outage_us) == ("", None, None)
    assert best_mistake_way(list(found.values())) == found["failover_before late"]
    assert best_mistake_way([unfinished]) is None


def test_the_ways_of_the_library_are_what_the_page_says() -> None:
    """The standby of now refuses; the late one replays 6 logs and takes over."""
    result = ran("mistakes/ways")
    lost, down = losses(result)
    log_us = SECOND + -(-20_000_000 * SECOND // 356_000_000)
    assert lost == 90 * MIN + 5 * SECOND
    assert down == pytest.approx(6 * log_us + 78_460_000, abs=log_us)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("Mon 14:00", "", "", "0 B"), "--noticed '90 min'"),
        (("Mon 14:00", "soon", "", "0 B"), "'soon' is not a duration"),
        (("Mon 14:00", "1 h", "crm", "0 B"), "unknown database 'crm'"),
        (("Mon 23:30", "1 h", "", "0 B"), "is not within the run"),
        (("Mon 14:00", "1 h", "", "much"), "'much' is not a size"),
    ],
)
def test_a_question_that_makes_no_sense_is_one_line(
    tmp_path: Path, options: tuple[str, str, str, str], told: str
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(BASE, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        mistake_asked_about(load_scenario(path), AskedMistake(*options))


def test_each_way_back_from_rotten_pages_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    """As in scenarios/mistakes/rotting_pages.yaml, before a full holds the page: the copy is sound."""
    scenario = "scenarios/mistakes/rotting_pages.yaml"
    asked = ["--at", "Mon 14:00", "--class", "rotting_pages", "--noticed", "3 h"]
    assert main(["ways", scenario, *asked]) == 0
    head, *ways, last = capsys.readouterr().out.splitlines()
    assert head == "If pages of crm rotted Mon 14:00:00, and noticed after 3 h 00:"
    assert [way.split()[:3] for way in ways] == [
        ["failover", "near", "possible:"],
        ["restore", "near", "possible:"],
        ["restore", "vault", "possible:"],
        ["restore_pages", "near", "possible:"],
        ["restore_pages", "vault", "possible:"],
    ]
    assert last == "Least loss: restore_pages near."


def test_pages_of_a_real_engine_are_not_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(BASE + "engine: {kind: sqlite}\n", encoding="utf-8")
    with pytest.raises(InputError, match="pages of a real sqlite"):
        asked = AskedMistake("Mon 14:00", "1 h", rotten=True)
        mistake_asked_about(load_scenario(path), asked)


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ("restore_before, place: vaults", "no copy 'vaults'; did you mean 'vault'"),
        ("failover_before, place: vault", "failover_before is to a standby, and there is none"),
        ("failover_before", "failover_before is to a standby, and there is none"),
    ],
)
def test_a_place_without_such_a_way_is_refused(tmp_path: Path, then: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        outcome(tmp_path, STORE, noticed(then=then))


# ---- a restore to a wrong instant
def misjudged(by: str) -> str:
    return beside().replace("}}", f", misjudged: {by}}}}}")


def test_a_restore_to_a_wrong_instant_is_begun_again(tmp_path: Path) -> None:
    """Stopped 10 min too late it needs two logs more, 5 min too late one, of 1.1 s each."""
    once = put_right(outcome(tmp_path, STORE, beside()))
    result = outcome(tmp_path, STORE, misjudged("[10 min, 5 min]"))
    three_times = put_right(result)
    # read of 50 GB at 200 MB/s and a second, 156 logs; the machine is there, and 5 GB are copied once
    one_restore = 251 * SECOND + 156 * 1_100_000
    hashed_meanwhile = 3 * SECOND
    by_hand = once + 2 * one_restore + 3 * 1_100_000
    assert by_hand <= three_times <= by_hand + hashed_meanwhile
    wanted = [row.values["stop_before_utc_us"] for row in result.journal.rows("seen.BesideIsWrong")]
    assert [at - wanted[-1] for at in wanted] == [5 * MIN, 0]


@pytest.mark.parametrize("at", ["15:45", "15:50", "15:56"])
def test_the_manager_may_die_between_two_attempts(tmp_path: Path, at: str) -> None:
    text = STORE + "manager: {restart_after: 30 s}\n"
    put_right(
        outcome(tmp_path, text, misjudged("10 min"), f"{{at: Mon {at}, manager_crash: {{}}}}")
    )


@pytest.mark.parametrize("command", ["CopyBack", "GetServerBeside", "RestoreBeside"])
def test_the_manager_may_die_before_any_command_of_a_restore_beside(
    tmp_path: Path, command: str
) -> None:
    text = STORE + "manager: {restart_after: 30 s}\n"
    crash = f"{{at: Mon 15:00, manager_crash: {{before: {command}, nth: 2}}}}"
    put_right(outcome(tmp_path, text, misjudged("10 min"), crash))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("then: restore_before, misjudged: 4 min", "goes with then: restore_beside alone"),
        ("then: restore_beside, lost: 1 GB, misjudged: later", "'later' is not a duration"),
    ],
)
def test_a_wrong_instant_that_makes_no_sense_is_refused(
    tmp_path: Path, line: str, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        outcome(
            tmp_path, STORE, f"{{at: Mon 14:00, mistake: {{database: app, noticed: 1 h, {line}}}}}"
        )


# ---- noticed late
@pytest.mark.parametrize(("kept", "leads_back"), [("1 day", False), ("4 days", True)])
def test_what_is_noticed_late_needs_backups_that_are_kept(
    tmp_path: Path, kept: str, leads_back: bool
) -> None:
    """After 60 h a store that keeps a day has no full of before the first wrong row."""
    text = STORE.replace("machine: 10 min", f"machine: 10 min, retention: {kept}")
    result = outcome(tmp_path, text.replace("1 day", "4 days", 1), beside(after="60 h"))
    (mistake,) = summary_json(result.summary)["mistakes"]
    assert (mistake["right_us"] is not None) == leads_back
    refused = [order["reason"] for order in summary_json(result.summary)["orders_refused"]]
    assert any("no usable full" in reason for reason in refused) != leads_back


def test_the_witness_remembers_the_fulls_that_a_restore_may_go_back_to(tmp_path: Path) -> None:
    """Two newer fulls have landed since: going back to an older one is no regression, and the
    witness knows what it holds.
    """
    text = BASE.replace("daily 01:00", "every 40 min")
    result = outcome(tmp_path, text, noticed("Mon 14:10", after="3 h"))
    losses(result)
    assert stands_just_before(result)


def test_nobody_makes_a_mistake_where_nobody_writes(tmp_path: Path) -> None:
    """The database's tail is taken when the mistake comes."""
    result = outcome(
        tmp_path,
        BASE,
        "{at: Mon 14:00, order_failover: dba}",
        '{at: "Mon 14:00:06", mistake: {database: app, noticed: 1 h, then: restore_before}}',
    )
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    assert summary["mistakes"] == []
