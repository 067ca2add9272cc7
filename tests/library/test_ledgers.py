"""What a ledger calls the reason of a loss, an exposure, an outage or a lag: whole runs, each with
what is right by hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.causes.ledger import Ledger, explain_at, explain_failover, explain_lag
from dr_sim.results.run_folder import read_results, write_results
from dr_sim.runs.run import Result, run
from dr_sim.screen.explain import Wanted, alerts_of, explain

from .runs import DAY, HOUR, MINUTE, SECOND, ceil_div, ran

PLAIN = """
name: ledger
run_for: {run_for}
databases:
  crm: {crm}
  erp: {{size: 5 GB, full: daily 04:00, differential: none, log: every 5 min}}
link: {{bandwidth: 200 Mbit/s}}
failover: {{mode: automatic}}
events:
{events}
"""
LOGS = "{size: 50 GB, full: daily 01:00, differential: none, log: every 5 min}"
FULLS = "{size: 50 GB, full: daily 01:00, differential: none, log: none}"


def of(
    tmp_path: Path, crm: str, *events: str, run_for: str = "2 days", sets: tuple[str, ...] = ()
) -> Result:
    path = tmp_path / "scenario.yaml"
    path.write_text(
        PLAIN.format(run_for=run_for, crm=crm, events="\n".join(f"  - {{{e}}}" for e in events)),
        encoding="utf-8",
    )
    return run(load_scenario(path, list(sets)))


def causes(ledger: Ledger) -> dict[str, int]:
    """Time by cause; they add up."""
    found: dict[str, int] = {}
    for line in ledger.lines:
        found[line.cause] = found.get(line.cause, 0) + line.duration_us
    assert sum(found.values()) == ledger.total_us
    return found


def loss(result: Result, database: int = 0) -> dict[str, int]:
    leg = result.whole.legs[0]
    return causes(explain_failover(leg.journal, leg.scenario, 1, database)[0])


def exposure(result: Result, t_us: int, database: int = 0) -> dict[str, int]:
    leg = result.whole.legs[0]
    return causes(explain_at(leg.journal, leg.scenario, t_us, database)[0])


# ---- backups that were made and held nothing
def test_empty_fulls_are_named() -> None:
    result = ran("faults/empty_fulls_then_a_loss")
    end = HOUR + ceil_div(50_000_000_000, 191_000_000)
    usual = DAY + HOUR - end
    found = loss(result)
    assert set(found) == {"backup interval", "empty full backups (event 1)"}
    assert found["empty full backups (event 1)"] == 59 * HOUR
    assert abs(found["backup interval"] - usual) < SECOND


@pytest.mark.parametrize("lost", ["host", "site", "database"])
@pytest.mark.parametrize("kind", ["full", "any"])
def test_empty_backups_are_named_whatever_is_lost(tmp_path: Path, lost: str, kind: str) -> None:
    silent = f"at: Mon 12:00, silent_backups: {{database: crm, kind: {kind}, duration: 9 days}}"
    found = loss(of(tmp_path, FULLS, silent, f"at: Tue 20:00, lose: {lost}"))
    assert found["empty full backups (event 1)"] == 19 * HOUR  # from Tue 01:00 on
    assert not any("not begun" in cause for cause in found)


def test_empty_logs_are_named_and_another_database_s_are_not(tmp_path: Path) -> None:
    silent = "at: Mon 11:58, silent_backups: {database: crm, kind: log, duration: 2 h}"
    result = of(tmp_path, LOGS, silent, "at: Mon 12:04, lose: site")
    assert loss(result)["empty log backups (event 1)"] == 4 * MINUTE
    assert not any("empty" in cause for cause in loss(result, 1))


# ---- backups that were not made
def test_fulls_that_were_paused_or_cut_off_are_named(tmp_path: Path) -> None:
    paused = "at: Tue 00:50, paused_backups: {database: crm, duration: 1 h}"
    assert (
        loss(of(tmp_path, FULLS, paused, "at: Tue 12:00, lose: host"))[
            "full backups paused (event 1)"
        ]
        == 11 * HOUR
    )


def test_a_log_that_waits_for_a_full_is_said_to_wait(tmp_path: Path) -> None:
    serial = LOGS.replace("}", ", serial: true}").replace("50 GB", "500 GB")
    found = exposure(of(tmp_path, serial), HOUR + 30 * MINUTE)
    assert found == {"log interval": 5 * MINUTE, "log backup waits": 30 * MINUTE}


# ---- what was there and was lost
@pytest.mark.parametrize(
    "wiped", ["operator_mistake: wipes the secondary host", "lose_secondary: 1 h"]
)
def test_what_was_wiped_is_not_called_landed(tmp_path: Path, wiped: str) -> None:
    result = of(tmp_path, LOGS, f"at: Mon 10:00, {wiped}")
    found = exposure(result, 10 * HOUR + MINUTE)
    assert not any(cause.endswith("not restored") for cause in found)
    assert found["landed whole, lost later (event 1)"] > 9 * HOUR
    waits = [
        cause for cause in found if cause.startswith(("waits for a re-seed (event 1)", "re-seed: "))
    ]
    assert waits
    later = exposure(result, 10 * HOUR + 90 * MINUTE)
    if later:
        assert (
            any(cause.startswith("re-seed: full") for cause in later) or max(later.values()) < HOUR
        )


def test_a_file_deleted_before_it_was_copied_is_a_hole(tmp_path: Path) -> None:
    cut = "at: Mon 10:04, link_outage: 30 min"
    clean = (
        "at: Mon 10:20, careless_clean_up: {where: primary, database: crm, kind: log, "
        "older_than: 0 s}"
    )
    found = exposure(of(tmp_path, LOGS, cut, clean), 10 * HOUR + 33 * MINUTE)
    assert any(cause.startswith("hole in the chain (event 2)") for cause in found)


def test_an_outage_that_waits_for_a_re_seed_is_not_detection(tmp_path: Path) -> None:
    wiped, lost = (
        "at: Mon 10:00, operator_mistake: wipes the secondary host",
        "at: Mon 10:01, lose: site",
    )
    leg = of(tmp_path, LOGS, wiped, lost, run_for="12 h").whole.legs[0]
    outage = explain_failover(leg.journal, leg.scenario, 1)[1]
    assert sum(line.duration_us for line in outage.lines if line.cause == "detect") == 30 * SECOND
    (waits,) = [line for line in outage.lines if line.cause == "recover"]
    assert "re-seed" in waits.detail


# ---- after an outage
def test_files_that_queue_after_an_outage_do_not_back_off(tmp_path: Path) -> None:
    """One slot, 2 h of logs of 20 MB over 2 Mbit/s, 80 s each: the last of them waits for the
    others.
    """
    slow = (
        "link.bandwidth=2 Mbit/s",
        "replication.slots=1",
        "databases.crm.log_volume=20 MB per 5 min",
        "databases.crm.full=none",
    )
    alone = LOGS.replace("full: daily 01:00", "full: none")
    result = of(tmp_path, alone, "at: Mon 10:04, link_outage: 2 h", sets=slow)
    found = exposure(result, 12 * HOUR + 20 * MINUTE)
    assert found["queued"] > 5 * MINUTE
    assert found.get("replicator back-off", 0) <= 3 * MINUTE


# ---- replay lag
def test_replay_lag_says_what_a_log_waits_for(tmp_path: Path) -> None:
    read = "at: Mon 10:03, readers: {database: crm, duration: 40 min}"
    leg = of(tmp_path, LOGS, read).whole.legs[0]
    (ledger,) = explain_lag(leg.journal, leg.scenario, 10 * HOUR + 30 * MINUTE, 0)
    found = causes(ledger)
    assert found["landed, restore refused (event 1)"] > 20 * MINUTE
    assert set(found) > {"log interval", "log backup", "landed, being validated"}


def test_a_replay_delay_is_no_part_of_the_lag(tmp_path: Path) -> None:
    leg = of(tmp_path, LOGS, "at: Tue 20:00, lose: site", sets=("replay.delay=1 h",)).whole.legs[0]
    (ledger,) = explain_lag(leg.journal, leg.scenario, 12 * HOUR, 0)
    assert ledger.total_us is not None
    assert ledger.total_us < 6 * MINUTE
    assert "replay delay" in ledger.note


def test_explain_prints_the_lag_and_each_stretch(tmp_path: Path) -> None:
    result = of(
        tmp_path, LOGS, "at: Mon 10:03, readers: {database: crm, duration: 40 min}", run_for="12 h"
    )
    folder = tmp_path / "results"
    write_results(result, folder)
    text = explain(read_results(folder).whole, Wanted(lag="10 h 30 min 30 s"))
    assert "replay lag of crm" in text
    assert text.count("being restored") == 1
    assert text.count("\n") < explain(
        read_results(folder).whole, Wanted(lag="10 h 30 min 30 s", everything=True)
    ).count("\n")


def test_the_list_of_alerts_says_which_of_them_reached_nobody(tmp_path: Path) -> None:
    """They count for nothing, so the list must not show them as the others."""
    events = (
        "at: 'Mon 10:00', paused_backups: {database: crm, duration: 1 h}",
        "at: 'Mon 10:00', dead_alert_channel: {duration: 20 min}",
    )
    result = of(tmp_path, LOGS, *events, run_for="12 h")
    write_results(result, tmp_path / "out")
    listed = alerts_of(read_results(tmp_path / "out").whole, everything=True).splitlines()
    early = [line for line in listed if "Mon 10:15" in line]
    late = [line for line in listed if "Mon 10:30" in line]
    assert early and all("(reached nobody)" in line for line in early)
    assert late and not any("(reached nobody)" in line for line in late)


def test_a_repair_that_is_refused_because_the_jobs_are_paused_is_named_so(tmp_path: Path) -> None:
    """Another product takes the log of 00:55 to 00:58. The alert at 01:15 asks for an incremental;
    from 01:05:30 on the jobs are paused for 40 min. Until 01:15 nobody had asked.
    """
    events = (
        "at: 58 min, second_log_job: crm",
        "at: 1 h 5 min 30 s, paused_backups: {database: crm, duration: 40 min, reason: move}",
    )
    crm = "{size: 50 GB, full: none, differential: none, log: every 5 min}"
    result = of(tmp_path, crm, *events)
    found = exposure(result, HOUR + 50 * MINUTE)
    asked = HOUR + 15 * MINUTE + SECOND + ceil_div(20 * 10**6, 169 * 10**6)
    assert found["repair: incremental backups paused (event 2)"] == HOUR + 50 * MINUTE - asked
    assert 16 * MINUTE < found["hole in the chain (event 1)"] < 18 * MINUTE


def test_a_repair_that_nobody_refuses_waits_for_no_pause(tmp_path: Path) -> None:
    """The negative case: the pause of another database, and one that ends before the request."""
    events = (
        "at: 58 min, second_log_job: crm",
        "at: 1 h 5 min 30 s, paused_backups: {database: erp, duration: 40 min}",
        "at: 1 h 1 min, paused_backups: {database: crm, duration: 5 min}",
    )
    crm = "{size: 50 GB, full: none, differential: none, log: every 5 min}"
    found = exposure(of(tmp_path, crm, *events), HOUR + 15 * MINUTE + 2 * SECOND)
    assert not any("paused" in cause for cause in found)
    assert "repair: incremental backup" in found
