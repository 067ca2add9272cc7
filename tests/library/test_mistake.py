"""A wrong change, and a failover that stops before it or keeps it (W3, as far as a delayed standby
goes).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result, run
from tests.library.runs import ran

MIN = 60_000_000
HOUR = 60 * MIN

BASE = """
run_for: 1 day
databases:
  app: {size: 50 GB, log_volume: 20 MB per 5 min, full: none, differential: none, log: every 5 min}
link: {bandwidth: 200 Mbit/s}
"""


def outcome(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return run(load_scenario(path))


def test_stopping_before_the_mistake_loses_what_came_after_it_and_no_more() -> None:
    """The primary is fenced 5 s after the order, at 15:30:05; the copy holds all before
    14:00:00.
    """
    result = ran("faults/mistake")
    (failover,) = summary_json(result.summary)["failovers"]
    assert failover["data_loss_us"] == 90 * MIN + 5_000_000
    (mistake,) = summary_json(result.summary)["mistakes"]
    assert (mistake["gone"], mistake["what"]) == (True, "dropped table")
    assert summary_json(result.summary)["violations"] == []
    promoted = next(result.journal.rows("truth.promoted")).values
    wrong = next(result.journal.rows("truth.mistake")).values
    # everything before it, and it is the first that is missing
    assert promoted["commits"] == wrong["commit"]
    (line,) = failover["loss_ledger"]["lines"]
    assert line["cause"] == "stopped before an instant"


def test_replaying_everything_loses_nothing_and_keeps_the_mistake() -> None:
    result = ran("faults/mistake_kept")
    assert summary_json(result.summary)["failovers"][0]["data_loss_us"] == 0
    assert [m["gone"] for m in summary_json(result.summary)["mistakes"]] == [False]


@pytest.mark.parametrize("point", ["Mon 14:02:30", "Mon 14:00", "14 h 4 min 59 s", "Mon 14:05"])
def test_any_instant_is_met_to_the_commit(tmp_path: Path, point: str) -> None:
    """In the middle of a log, and at its edge."""
    events = (
        f"events: [{{at: Mon 15:30, order_failover: {{by: dba, planned: false, stop_before: "
        f"{point}}}}}]\n"
    )
    result = outcome(tmp_path, BASE + "replay: {delay: 3 h}\n" + events)
    assert summary_json(result.summary)["violations"] == []
    ordered = next(result.journal.rows("truth.stop_ordered")).values
    assert next(result.journal.rows("truth.promoted")).values["commits"] == ordered["commits"]


@pytest.mark.parametrize("what", ["site", "host", "database"])
def test_a_loss_of_the_primary_in_between_changes_nothing_where_the_logs_had_landed(
    tmp_path: Path, what: str
) -> None:
    events = f"""
replay: {{delay: 3 h}}
events:
  - {{at: Mon 14:00, mistake: app}}
  - {{at: "Mon 15:29:50", lose: {what}}}
  - {{at: Mon 15:30, order_failover: {{by: dba, planned: false, stop_before: mistake}}}}
"""
    result = outcome(tmp_path, BASE + events)
    assert [m["gone"] for m in summary_json(result.summary)["mistakes"]] == [True]
    assert summary_json(result.summary)["violations"] == []
    assert summary_json(result.summary)["failovers"][0]["data_loss_us"] == 89 * MIN + 50_000_000


def test_a_copy_that_holds_the_mistake_already_refuses_the_order(tmp_path: Path) -> None:
    events = """
events:
  - {at: Mon 14:00, mistake: app}
  - {at: Mon 15:30, order_failover: {by: dba, planned: false, stop_before: mistake}}
"""
    result = outcome(tmp_path, BASE + events)
    (refused,) = summary_json(result.summary)["orders_refused"]
    assert "already holds data that were written after 2026-01-05T14:00:00Z" in refused["reason"]
    assert [m["gone"] for m in summary_json(result.summary)["mistakes"]] == [False]
    assert summary_json(result.summary)["failovers"] == []


def test_only_the_database_that_is_named_stops(tmp_path: Path) -> None:
    text = (
        BASE.replace("link:", "  crm: {size: 5 GB, full: none, differential: none}\nlink:")
        + """
replay: {delay: 3 h}
events:
  - {at: Mon 14:00, mistake: app}
  - {at: Mon 15:30, order_failover: {by: dba, planned: false, stop_before: mistake, database: app}}
"""
    )
    result = outcome(tmp_path, text)
    assert summary_json(result.summary)["violations"] == []
    losses = {
        d["name"]: d["data_loss_us"]
        for d in summary_json(result.summary)["failovers"][0]["databases"]
    }
    assert losses == {"app": 90 * MIN + 5_000_000, "crm": 0}


def test_a_stranger_s_order_is_refused_and_excuses_nothing(tmp_path: Path) -> None:
    events = """
replay: {delay: 3 h}
failover: {mode: automatic}
events:
  - {at: Mon 14:00, mistake: app}
  - {at: Mon 15:30, order_failover: {by: stranger, planned: false, stop_before: mistake}}
  - {at: Mon 16:00, lose: database}
"""
    result = outcome(tmp_path, BASE + events)
    assert [r["reason"] for r in summary_json(result.summary)["orders_refused"]] == [
        "not authorised"
    ]
    assert summary_json(result.summary)["failovers"][0]["data_loss_us"] == 0
    assert summary_json(result.summary)["violations"] == []


def test_the_manager_may_die_in_the_middle(tmp_path: Path) -> None:
    """The point is in its store: it goes on to the same place."""
    events = """
replay: {delay: 3 h}
manager: {restart_after: 30 s}
events:
  - {at: Mon 14:00, mistake: app}
  - {at: Mon 15:30, order_failover: {by: dba, planned: false, stop_before: mistake}}
  - {at: "Mon 15:30:12", manager_crash: {}}
"""
    result = outcome(tmp_path, BASE + events)
    assert [m["gone"] for m in summary_json(result.summary)["mistakes"]] == [True]
    assert summary_json(result.summary)["violations"] == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "{at: Mon 15:30, order_failover: {by: dba, stop_before: Mon 14:00}}",
            "write planned: false",
        ),
        (
            "{at: Mon 15:30, order_failover: {by: dba, planned: false, stop_before: mistake}}",
            "no event 'mistake'",
        ),
        (
            "{at: Mon 15:30, order_failover: {by: dba, planned: false, stop_before: noon}}",
            "is not an instant",
        ),
        (
            "{at: Mon 15:30, order_failover: {by: dba, database: app}}",
            "with database write stop_before",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_read(
    tmp_path: Path, line: str, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        outcome(tmp_path, f"{BASE}events: [{line}]\n")


def test_engines_that_cannot_stop_anywhere_in_a_log_are_named(tmp_path: Path) -> None:
    line = "{at: Mon 15:30, order_failover: {by: dba, planned: false, stop_before: Mon 14:00}}"
    with pytest.raises(InputError, match="sqlite stops where a transaction has ended: write"):
        outcome(tmp_path, f"{BASE}engine: {{kind: sqlite}}\nevents: [{line}]\n")


@pytest.mark.parametrize(
    "clock",
    [
        "{side: primary, ahead: 7 min, duration: 12 h}",
        "{side: primary, behind: 7 min, duration: 12 h}",
        # set right between the mistake and the order
        "{side: primary, ahead: 7 min, duration: 6 h}",
        "{side: primary, behind: 7 min, duration: 6 h}",
        "{side: secondary, behind: 7 min, duration: 12 h}",
    ],
)
def test_a_wrong_clock_moves_no_mistake(tmp_path: Path, clock: str) -> None:
    """The instant is read from the log, whose clock stamped it: what was committed before the
    mistake is kept, and it is not.
    """
    events = (
        f"events:\n  - {{at: Mon 09:00, wrong_clock: {clock}}}\n"
        "  - {at: Mon 14:01, mistake: app}\n"
        "  - {at: Mon 15:30, order_failover: {by: dba, planned: false, stop_before: mistake}}\n"
    )
    result = outcome(tmp_path, BASE + "replay: {delay: 3 h}\n" + events)
    assert summary_json(result.summary)["violations"] == []
    assert summary_json(result.summary)["mistakes"][0]["gone"]
    promoted = next(result.journal.rows("truth.promoted")).values
    wrong = next(result.journal.rows("truth.mistake")).values
    assert promoted["commits"] == wrong["commit"]


@pytest.mark.parametrize(("size", "ordered"), [("10 GB", "14:45"), ("50 GB", "14:41")])
def test_a_copy_that_is_rebuilt_keeps_its_delay(tmp_path: Path, size: str, ordered: str) -> None:
    """The standby is dropped after the mistake. An incremental of 14:00, which holds the mistake,
    lies here; the copy is restored without it, and the order that comes after the rebuild, or in
    its middle, gets rid of the mistake.
    """
    text = (
        f"run_for: 2 days\nlink: {{bandwidth: 200 Mbit/s}}\nreplay: {{delay: 3 h}}\ndatabases:\n"
        f"  app: {{size: {size}, log_volume: 20 MB per 5 min, full: daily 01:00, "
        f"differential: every 2 h, log: every 5 min}}\n"
        "events:\n  - {at: Tue 13:01, mistake: app}\n  - {at: Tue 14:40, standby_broken: "
        "{database: app, how: dropped}}\n"
        f"  - {{at: Tue {ordered}, order_failover: {{by: dba, planned: false, "
        f"stop_before: mistake}}}}\n"
    )
    result = outcome(tmp_path, text)
    assert summary_json(result.summary)["violations"] == []
    assert summary_json(result.summary)["mistakes"][0]["gone"]
    minutes = int(ordered[:2]) * 60 + int(ordered[3:]) - (13 * 60 + 1)
    assert summary_json(result.summary)["failovers"][0]["data_loss_us"] == minutes * MIN + 5_000_000
