"""After a failover: a new recovery network is seeded, the time without one is measured, and
failback is a failover.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cli import main as cli
from dr_sim.loading import load_scenario
from dr_sim.measures.summary import summarise
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.measures.whole import Whole
from dr_sim.results import run_folder
from dr_sim.runs.run import Result, run
from dr_sim.scenario.model import Outages, Recorded, RecordedSeries
from dr_sim.units import HOUR_US, SECOND_US
from tests.library.runs import failovers

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = """\
run_for: {run_for}
databases: {{crm: {{size: 500 GB, log: {log}, log_volume: 20 MB per 5 min, incremental: none}}}}
link: {{bandwidth: 200 Mbit/s}}
failover: {{mode: automatic, silent_for: 30 s}}
after_failover: {{new_secondary: {new_secondary}}}
events: {events}
"""
LOSE = "[{at: 1 h, lose: site}]"
# a full is read, sent, hashed and restored: 500 GB at 191 MB/s, 200 Mbit/s, 500 MB/s and 356 MB/s
SEEDING_US = (
    5 * SECOND_US
    + -(-500_000 * SECOND_US // 191)
    + 20_000 * SECOND_US
    + 1_000 * SECOND_US
    + SECOND_US
    + -(-500_000 * SECOND_US // 356)
)

FAILBACK = "[{at: 1 h, lose: site}, {at: 20 h, order_failover: dba}]"


def written(
    tmp_path: Path,
    run_for: str = "12 h",
    new_secondary: str = "0 s",
    events: str = LOSE,
    log: str = "none",
) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(
        SCENARIO.format(run_for=run_for, new_secondary=new_secondary, events=events, log=log),
        encoding="utf-8",
    )
    return path


def ran(tmp_path: Path, *how: str, **more: str) -> Result:
    return run(load_scenario(written(tmp_path, *how, **more)))


def test_unprotected_is_the_time_to_seed_a_new_recovery_network(tmp_path: Path) -> None:
    (failover,) = failovers(ran(tmp_path))
    assert abs(failover["unprotected_us"] - SEEDING_US) <= 3  # each of three divisions rounds up
    assert not failover["unprotected_censored"]


def test_waiting_for_a_new_secondary_is_part_of_it(tmp_path: Path) -> None:
    at_once, later = failovers(ran(tmp_path))[0], failovers(ran(tmp_path, new_secondary="3 h"))[0]
    assert later["unprotected_us"] == at_once["unprotected_us"] + 3 * HOUR_US


@pytest.mark.parametrize("new_secondary", ["none", "11 h", "5 h"])
def test_it_is_a_lower_bound_where_the_run_ends_first(tmp_path: Path, new_secondary: str) -> None:
    """Never, after the run's end, and too late to be seeded within it."""
    result = ran(tmp_path, new_secondary=new_secondary)
    (failover,) = failovers(result)
    assert failover["unprotected_censored"]
    promoted_us = next(row.time_us for row in result.journal.rows("truth.promoted"))
    assert failover["unprotected_us"] == 12 * HOUR_US - promoted_us
    assert len(result.whole.legs[1:]) == (new_secondary != "none")


def test_what_comes_after_changes_nothing_of_what_was_before(tmp_path: Path) -> None:
    """Up to the promotion the records of a run are those of one in which nothing follows."""
    followed, alone = ran(tmp_path), ran(tmp_path, new_secondary="none")
    until_us = followed.whole.legs[1].begins_us

    def before(result: Result) -> list[tuple[Any, ...]]:
        return [
            (r.kind, r.time_us, r.entity, tuple(r.values.values()))
            for r in result.journal.rows()
            if r.time_us < until_us
        ]

    assert before(followed) == before(alone) != []


def test_failback_is_a_failover_of_the_next_leg_in_the_run_s_time(tmp_path: Path) -> None:
    result = ran(tmp_path, "24 h", events=FAILBACK, log="every 5 min")
    first, second = failovers(result)
    assert (first["number"], first["leg"], second["number"], second["leg"]) == (1, 1, 2, 2)
    assert (first["class"], second["class"]) == ("site", "planned")
    assert first["failed_us"] == HOUR_US
    assert 20 * HOUR_US <= second["failed_us"] < 20 * HOUR_US + 90 * 60 * SECOND_US
    assert second["data_loss_us"] == 0
    assert second["served_again_us"] == second["outage_from_us"] + second["outage_us"]
    assert len(result.whole.legs[1:]) == 2


def test_lost_before_it_was_seeded_it_cannot_take_over(tmp_path: Path) -> None:
    _, second = failovers(
        ran(tmp_path, "24 h", events="[{at: 1 h, lose: site}, {at: 3 h, lose: site}]")
    )
    # nothing is left: the whole history since the run began
    assert second["data_loss_us"] == 3 * HOUR_US
    assert second["outage_us"] is None


def test_a_loss_before_the_new_secondary_is_in_place_is_dated_when_it_happens(
    tmp_path: Path,
) -> None:
    """By hand: the site is lost at 1 h, the new primary's at 2 h, and the run ends at 24 h; nothing
    can take over at 5 h.
    """
    result = ran(tmp_path, "24 h", "4 h", "[{at: 1 h, lose: site}, {at: 2 h, lose: site}]")
    first, second = failovers(result)
    assert (first["failed_us"], second["failed_us"]) == (HOUR_US, 2 * HOUR_US)
    assert sum(second["phases_us"].values()) == 22 * HOUR_US  # and served again never
    assert second["outage_us"] is None
    assert second["data_loss_us"] == 2 * HOUR_US  # nothing is left of it
    # from its promotion (30 s silent, 21 s fence, 10 s to recover) until it was lost itself
    assert not first["unprotected_censored"]
    assert first["unprotected_us"] == HOUR_US - 61 * SECOND_US
    assert summary_json(result.summary)["violations"] == []


def test_before_the_new_secondary_is_in_place_nobody_backs_up_or_watches(tmp_path: Path) -> None:
    leg = ran(tmp_path, "24 h", "4 h", log="every 5 min").whole.legs[1]
    begun = [row.time_us for row in leg.journal.rows("truth.backup_begin")]
    assert begun[0] == 4 * HOUR_US
    (up, *_) = leg.journal.rows("truth.manager")
    assert up.time_us == 4 * HOUR_US
    assert leg.scenario.secondary_from_us == 4 * HOUR_US


def test_a_recorded_link_and_its_outages_go_on_where_they_were(tmp_path: Path) -> None:
    """The link's third half hour is on when the roles change at 1:01:01, and an outage is under
    way from 1:00 to 1:10.
    """
    scenario = load_scenario(written(tmp_path))
    scenario = replace(
        scenario,
        recorded=RecordedSeries(
            link=Recorded(1800 * SECOND_US, (10**8, 2 * 10**8, 3 * 10**8)),
            outages=Outages(
                2 * HOUR_US, ((0, 60 * SECOND_US), (HOUR_US, HOUR_US + 600 * SECOND_US))
            ),
        ),
    )
    leg = run(scenario).whole.legs[1]
    link = [
        (leg.begins_us + r.time_us, r.values["up"], r.values["bit_s"])
        for r in leg.journal.rows("truth.link")
    ]
    assert link[:5] == [
        (leg.begins_us, 1, 3 * 10**8),
        (leg.begins_us, 0, 3 * 10**8),
        (HOUR_US + 600 * SECOND_US, 1, 3 * 10**8),
        (HOUR_US + 1800 * SECOND_US, 1, 10**8),
        (2 * HOUR_US, 0, 10**8),
    ]
    assert link[5] == (2 * HOUR_US, 0, 2 * 10**8)


def test_so_do_recorded_writes(tmp_path: Path) -> None:
    """Of each half hour's bytes the first two make up what was written before 1:00."""
    scenario = load_scenario(written(tmp_path))
    volume = replace(
        scenario.databases[0].log_volume,
        shape="series",
        series_interval_us=1800 * SECOND_US,
        series_bytes=(10**6, 2 * 10**6, 3 * 10**6, 4 * 10**6, 5 * 10**6),
    )
    scenario = replace(scenario, databases=(replace(scenario.databases[0], log_volume=volume),))
    first, second = run(scenario).whole.legs
    (stopped,) = first.journal.rows("truth.commits_total")
    (total,) = second.journal.rows("truth.commits_total")
    lost = 3 * 10**6 * (second.begins_us - HOUR_US) // (1800 * SECOND_US)
    assert stopped.values["user_bytes"] == 3 * 10**6
    rounds = 4 * 15 * 10**6 + 10 * 10**6  # 12 h are four rounds of two and a half hours, and two
    assert abs(total.values["user_bytes"] - (rounds - 3 * 10**6 - lost)) <= 1


# (what begins at 50 min and lasts 3 h, what the next leg's record says of it: kind, fields, place)
LASTING = [
    ("link_outage: 3 h", ("link_outage", "link down")),
    ("dead_alert_channel: 3 h", ("dead_alert_channel", "alerts reach nobody")),
    (
        "disk_full: {disk: secondary_share, duration: 3 h}",
        ("disk_full", "something else fills the primary's share"),
    ),
    (
        "wrong_clock: {side: secondary, ahead: 7 min, duration: 3 h}",
        ("wrong_clock", "clock of the primary is wrong"),
    ),
    (
        "partition: {cut: to_secondary, duration: 3 h}",
        ("partition", "link down towards the primary"),
    ),
]
BEFORE_US, LASTS_US = 50 * 60 * SECOND_US, 3 * HOUR_US


@pytest.mark.parametrize(("what", "told"), LASTING, ids=[told[0] for _, told in LASTING])
def test_what_lasts_goes_on_where_its_place_is_still_used(
    tmp_path: Path, what: str, told: tuple[str, str]
) -> None:
    result = ran(tmp_path, events=f"[{{at: 50 min, {what}}}, {{at: 1 h, lose: site}}]")
    leg = result.whole.legs[1]
    spans = [
        (r.time_us, r.values["begins"], r.values["number"])
        for r in leg.journal.rows("truth.event")
        if (r.values["what"], r.values["detail"]) == told
    ]
    # to the microsecond when it would have ended
    assert spans == [(0, 1, 1), (BEFORE_US + LASTS_US - leg.begins_us, 0, 1)]
    assert summary_json(result.summary)["happened"] == {told[0]: 1, "lose": 1}
    assert summary_json(result.summary)["violations"] == []


def test_nothing_is_sent_over_a_link_that_was_down_before_the_failover(tmp_path: Path) -> None:
    down, up = (
        ran(tmp_path, events="[{at: 50 min, link_outage: 3 h}, {at: 1 h, lose: site}]"),
        ran(tmp_path),
    )
    more_us = failovers(down)[0]["unprotected_us"] - failovers(up)[0]["unprotected_us"]
    leg = down.whole.legs[1]
    read_us = 5 * SECOND_US + -(-500_000 * SECOND_US // 191)
    # and perhaps a back-off
    assert abs(more_us - (BEFORE_US + LASTS_US - leg.begins_us - read_us)) <= 3 + 180 * SECOND_US


@pytest.mark.parametrize(
    "what",
    [
        "disk_full: {disk: primary_share, duration: 3 h}",  # that site is lost
        "wrong_clock: {side: primary, ahead: 7 min, duration: 3 h}",
        "paused_backups: {database: crm, duration: 3 h}",  # the new primary has jobs of its own
        "slow_restore: {by: 3, duration: 3 h}",  # nothing is restored at a primary
        "link_outage: 8 min",  # it is over
    ],
)
def test_what_else_lasts_ends_with_what_it_befell(tmp_path: Path, what: str) -> None:
    result = ran(tmp_path, events=f"[{{at: 50 min, {what}}}, {{at: 1 h, lose: site}}]")
    assert list(result.whole.legs[1].journal.rows("truth.event")) == []


def test_a_slow_disk_is_felt_again_when_its_site_is_the_secondary_again(tmp_path: Path) -> None:
    """B is slow from the first leg on; it is the primary in the second, and restores again after
    the planned failover.
    """
    slow = (
        "[{at: 30 min, slow_restore: {by: 3, duration: 40 h}}, {at: 1 h, order_failover: "
        "dba}, {at: 20 h, order_failover: dba}]"
    )
    result = ran(tmp_path, "48 h", events=slow, log="every 5 min")
    second, third = result.whole.legs[1:]
    assert (second.primary, second.secondary) == ("B", "A")
    assert (third.primary, third.secondary) == ("A", "B")
    assert next(iter(second.journal.rows("truth.event"))).values["what"] != "slow_restore"
    assert (second.goes_on, third.goes_on) == ((), ((1, "slow_restore"),))
    ends = [
        third.begins_us + r.time_us
        for r in third.journal.rows("truth.event")
        if not r.values["begins"]
    ]
    assert ends == [30 * 60 * SECOND_US + 40 * HOUR_US]


def test_a_wrong_clock_that_nobody_sets_right_is_wrong_to_the_end(tmp_path: Path) -> None:
    events = (
        "[{at: 50 min, wrong_clock: {side: secondary, behind: 7 min}}, {at: 1 h, lose: site}, "
        "{at: 20 h, order_failover: dba}]"
    )
    result = ran(tmp_path, "30 h", events=events, log="every 5 min")
    assert [
        next(leg.journal.rows("truth.event")).values["detail"] for leg in result.whole.legs
    ] == [f"clock of the {side} is wrong" for side in ("secondary", "primary", "secondary")]


def test_what_was_drawn_goes_on_too(tmp_path: Path) -> None:
    path = written(tmp_path, "60 h", events="[{at: 24 h, lose: site}]")
    path.write_text(
        path.read_text(encoding="utf-8")
        + "faults: {latency: {rate: 1 per 2 h, more: 20 ms, duration: 23 h}}\n",
        encoding="utf-8",
    )
    leg = run(load_scenario(path)).whole.legs[1]
    assert len(leg.goes_on) >= 3
    assert set(leg.goes_on) == {(0, "latency")}


def test_faults_are_drawn_once_for_the_whole_run(tmp_path: Path) -> None:
    """A failover shifts no later arrival: they are those of a run in which it does not happen."""
    faults = "faults: {packet_loss: {rate: 1 per 2 h, loss: 0.1 %, duration: 1 min}}\n"

    def arrivals(events: str) -> list[int]:
        path = written(tmp_path, "48 h", events=events)
        path.write_text(path.read_text(encoding="utf-8") + faults, encoding="utf-8")
        return [
            r.time_us
            for r in run(load_scenario(path)).journal.rows("truth.event")
            if r.values["what"] == "packet_loss" and r.values["begins"]
        ]

    assert arrivals("[{at: 24 h, lose: site}]") == arrivals("[]") != []


def test_verify_and_explain_reach_into_every_leg(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # pictures have tests of their own
    monkeypatch.setattr(run_folder, "draw_pictures", lambda *a: None)
    path, folder = written(tmp_path, "24 h", events=FAILBACK, log="every 5 min"), tmp_path / "r"
    assert cli.main(["run", str(path), "--out", str(folder)]) == 0
    assert cli.main(["verify", str(folder)]) == 0
    assert cli.main(["explain", str(folder), "--failover", "2"]) == 0
    assert "drain" in capsys.readouterr().out
    assert cli.main(["explain", str(folder), "--failover", "3"]) == 2
    assert [path.name for path in folder.glob("*.parquet")] == ["journal.parquet"]
    (folder / "journal.parquet").write_bytes((folder / "journal.parquet").read_bytes()[:-100])
    assert cli.main(["verify", str(folder)]) == 2
    assert "journal.parquet" in capsys.readouterr().err
    # it is still a run of ours
    assert cli.main(["run", str(path), "--seed", "2", "--out", str(folder)]) == 0


def test_an_alert_that_was_missed_after_a_failover_is_a_missed_alert(tmp_path: Path) -> None:
    silence = (
        "[{at: 1 h, lose: site}, {at: 20 h, dead_alert_channel: 3 h}, {at: 20 h, "
        "paused_backups: {database: crm, duration: 2 h}}]"
    )
    path = written(tmp_path, "24 h", events=silence, log="every 5 min")
    result = run(
        load_scenario(path, ["sla={alerts_missed: at most 0, exposure.max: at most 15 min}"])
    )
    missed, exposed = result.verdict.lines
    assert (missed.value, missed.outcome) == (1, Outcome.FAIL)
    assert summary_json(result.summary)["alerts"]["by_database"]["crm"]["missed"] == 1
    # until the new full has landed, by itself, the whole history, from the first hour on
    seeded_us = (
        HOUR_US
        + 61 * SECOND_US
        + 5 * SECOND_US
        + -(-500_000 * SECOND_US // 191)
        + 20_000 * SECOND_US
    )
    assert exposed.outcome is Outcome.FAIL
    assert seeded_us <= exposed.value < seeded_us * 11 // 10  # logs cross beside it


def test_what_was_refused_or_silently_short_after_a_failover_counts(tmp_path: Path) -> None:
    full = (
        "[{at: 1 h, lose: site}, {at: 20 h, log_full: {database: crm, duration: 1 h, room: 0 B}}]"
    )
    result = ran(tmp_path, "24 h", events=full, log="every 5 min")
    refused = summary_json(result.summary)["writes_refused"]
    assert refused["time_us"] == refused["by_database"]["crm"]["time_us"] > 0
    assert 20 * HOUR_US <= refused["first_us"] < 20 * HOUR_US + 300 * SECOND_US
    leg = result.whole.legs[1]
    leg.journal.note("truth.silent_recovery", 23 * HOUR_US, 0, 10, 9, 1)
    # the tables of a leg are opened once, so the row is seen by legs that are made again
    again = Whole([replace(leg) for leg in result.whole.legs])
    (found,) = summary_json(summarise(again))["silent_recoveries"]
    assert (found["database"], found["time_us"]) == ("crm", leg.begins_us + 23 * HOUR_US)
