"""A service that was restored from a store goes on: the machine is the next primary (W1, W2, R16)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dr_sim.measures.summary.plain import summary_json
from dr_sim.record.verify import verify
from dr_sim.runs.run import Result, run
from dr_sim.world.own_logic import builders

from .runs import MINUTE, SECOND, alerts, at, ceil_div, failover, failovers, ran, rows, times

COMMIT = SECOND // 10
ONLY_WAY = 21
TWICE = "stores/lost_twice"
RATE = 200 * 10**6
FULL = 500 * SECOND + SECOND
LOG = SECOND + ceil_div(60 * 10**6, RATE)
SMALL = (
    "stores/vault_only",
    "databases.crm.size=10 GB",
    "databases.crm.log=every 15 min",
    "run_for=3 h",
    "sla=[]",
)


def places(result: Result) -> list[tuple[str, str]]:
    """The primary and the lead's place behind it, leg by leg."""
    return [(leg.primary, leg.secondary) for leg in result.whole.legs]


def fulls(result: Result) -> set[int]:
    """When fulls were begun."""
    return set(times(result, "truth.backup_begin", kind=0))


def full_ended(result: Result, since_us: int) -> int:
    """When the first full was finished that was begun since an instant."""
    return min(t for t in times(result, "truth.backup_finished", kind=0) if t > since_us)


# ---- one database, two losses
def test_both_losses_are_restored_as_by_hand() -> None:
    """The log of 10:30 holds what was written since the machine was online, at 10:27:14."""
    result = ran(TWICE)
    first, second = failovers(result)
    assert [f["new_primary"] for f in (first, second)] == ["vault", "vault"]
    assert abs(first["data_loss_us"] - 7 * MINUTE) <= COMMIT
    assert abs(second["data_loss_us"] - 5 * MINUTE) <= COMMIT
    assert first["phases_us"]["drain"] == FULL + 40 * LOG
    online = at(1, "10:07") + (30 + 21 + 600 + 10) * SECOND + FULL + 40 * LOG
    written_us = at(1, "10:30") - online
    shortest = SECOND + ceil_div(written_us * 20 // 300, RATE)
    drain = FULL + 63 * LOG + shortest
    assert abs(second["phases_us"]["drain"] - drain) <= SECOND // 100
    assert summary_json(result.summary)["violations"] == []


def test_what_is_foretold_of_the_second_loss_comes_true() -> None:
    (way,) = failovers(ran(TWICE))[1]["ways"]
    assert (way["standing"], way["place"]) == ("taken", "vault")
    assert way["loss_us"] == way["came_loss_us"]
    assert way["outage_us"] == way["came_outage_us"]


def test_the_machine_is_the_primary_and_the_store_stands_behind_it() -> None:
    assert places(ran(TWICE)) == [("A", "vault"), ("C", "vault"), ("D", "vault")]


def test_logs_go_on_by_the_clock_and_no_full_is_made() -> None:
    result = ran(TWICE)
    begun = [t for t in times(result, "truth.backup_begin", kind=2) if t > at(1, "16:20")]
    assert begun[0] == at(1, "16:45") and begun[-1] > at(1, "23:30")
    assert fulls(result) == {0}


def test_it_is_unprotected_until_the_first_log_of_its_own_lies_in_the_store() -> None:
    """No standby is ever there: the store is the protection that such a service has."""
    result = ran(TWICE)
    for found, cut in zip(failovers(result), ("10:30", "16:45"), strict=True):
        landed = min(
            row.time_us for row in rows(result, "truth.landed") if row.time_us > at(1, cut)
        )
        (database,) = found["databases"]
        promoted = times(result, "truth.promoted")
        online = next(t for t in promoted if t > found["failed_us"])
        assert found["unprotected_us"] == database["unprotected_us"] == landed - online
        assert not found["unprotected_censored"]
        assert found["unprotected_ledger"]["total_us"] == landed - online
        assert found["unprotected_ledger"]["lines"][0]["cause"] == "log interval"


def test_exposure_is_known_after_a_restore() -> None:
    """It never grows beyond an interval, a backup and a transfer; and a way back is always open."""
    summary = summary_json(ran(TWICE).summary)
    most = 15 * MINUTE + SECOND + ceil_div(60 * 10**6, 300 * 10**6) + 3 * SECOND
    assert all(leg["exposure"]["max_us"] <= most for leg in summary["legs"])
    assert summary["ways_open"]["site"]["fewest"] == 1
    assert summary["outage_if_now"]["max_us"] is not None


def test_the_record_proves_itself_and_the_steps_give_the_same_rows() -> None:
    result = ran(TWICE)
    found = verify(result.journal, builders(result.journal, result.scenario))
    assert found.mismatch is None
    assert run(replace(result.scenario, steps=True)).digest == result.digest


# ---- what survives which loss
def test_the_store_may_burn_and_the_machine_goes_on() -> None:
    """And is given a full once it is back, as nothing lies there any more."""
    result = ran(
        *SMALL,
        "events=[{at: 'Mon 01:02', lose: site}, "
        "{at: 'Mon 01:40', lose_secondary: 10 min, copy: vault}]",
    )
    (found,) = failovers(result)
    assert found["outage_us"] is not None
    assert summary_json(result.summary)["ways_open"]["site"]["fewest"] == 0
    made = [t for t in times(result, "truth.backup_begin", kind=2) if t > at(1, "01:40")]
    assert made


@pytest.mark.parametrize("lost", ["host", "database"])
def test_a_tail_of_the_machine_is_fetched(lost: str) -> None:
    """Of a lost host all that is in its share comes, of a lost database its tail, too."""
    result = ran(
        *SMALL, f"events=[{{at: 'Mon 01:02', lose: host}}, {{at: 'Mon 02:20', lose: {lost}}}]"
    )
    first, second = failovers(result)
    assert abs(first["data_loss_us"] - 2 * MINUTE) <= COMMIT
    loss = 0 if lost == "database" else 5 * MINUTE
    assert abs(second["data_loss_us"] - loss) <= COMMIT
    assert summary_json(result.summary)["violations"] == []


def test_the_ledgers_of_a_store_that_burns_and_of_what_is_then_lost_name_every_cause() -> None:
    """The store burns at 01:40 with all that it had kept, and the new site is lost at 02:00."""
    result = ran(
        *SMALL,
        "events=[{at: 'Mon 01:02', lose: site}, {at: 'Mon 01:40', lose_secondary: 3 h, copy: vault}, "
        "{at: 'Mon 02:00', lose: site}]",
    )
    second = failovers(result)[1]
    lines = second["loss_ledger"]["lines"]
    assert second["loss_ledger"]["total_us"] == second["data_loss_us"] == at(1, "02:00")
    assert [line["cause"] for line in lines] == [
        "earlier history",
        "log interval",
        "log backup",
        "transfer",
        "landed whole, lost later (event 2)",
        "waits for a re-seed (event 2)",
    ]
    assert lines[-1]["duration_us"] == 20 * MINUTE


def test_a_store_that_burns_in_the_middle_of_its_restore_has_lost_what_lay_there() -> None:
    """The host is lost at 01:02, and the full of 300 GB is read from 01:12:35 on, for 25 minutes. At
    01:20 the store burns; it is back, and empty, at 01:35, beyond the limit of the drain. The share
    of the host holds logs, and no full: there is no way back, and none is waited for.
    """
    result = ran(
        *SMALL,
        "databases.crm.size=300 GB",
        "events=[{at: 'Mon 01:02', lose: host}, "
        "{at: 'Mon 01:20', lose_secondary: 15 min, copy: vault}]",
    )
    assert summary_json(result.summary)["violations"] == []
    assert ONLY_WAY not in {event for _, event, *_ in alerts(result)}
    lines = failover(result)["loss_ledger"]["lines"]
    (lost,) = [line for line in lines if line["cause"] == "landed whole, lost later (event 2)"]
    assert lost["duration_us"] > 45 * MINUTE
    assert not any(line["cause"].endswith("not restored") for line in lines)


# ---- several databases
def test_each_of_two_databases_goes_on_by_its_own_schedule() -> None:
    """The index has fulls alone: the one of 01:00 holds what was written until it ended, and that of
    02:00 protects it after the restore.
    """
    index = (
        "{size: 5 GB, log_volume: 1 MB per 5 min, full: every 1 h, differential: none, log: none}"
    )
    result = ran(
        *SMALL,
        "run_for=4 h",
        f"databases.index={index}",
        "events=[{at: 'Mon 01:20', lose: site}, {at: 'Mon 02:40', lose: site}]",
    )
    cuts = {"crm": ("01:15", "02:30"), "index": ("01:00", "02:00")}
    for name, each in cuts.items():
        for found, cut in zip(failovers(result), each, strict=True):
            (of,) = [x for x in found["databases"] if x["name"] == name]
            held = at(1, cut) if name == "crm" else full_ended(result, at(1, cut))
            assert abs(of["data_loss_us"] - (found["failed_us"] - held)) <= COMMIT
            assert not of["unprotected_censored"]
    assert summary_json(result.summary)["violations"] == []


def test_what_cannot_be_restored_does_not_keep_the_others_from_going_on() -> None:
    """The store has burned, and the share of the lost host holds a full of erp alone. The old manager
    still looks for one of crm, while the next one goes on with what it had saved of erp by then. After
    a crash the old one forgets erp.
    """
    erp = "{size: 2 GB, log_volume: 5 MB per 5 min, full: daily 01:00, log: every 15 min}"
    result = ran(
        *SMALL,
        f"databases.erp={erp}",
        "events=[{at: 'Mon 00:50', lose_secondary: 1 h, copy: vault}, {at: 'Mon 01:20', lose: host}, "
        "{at: 'Mon 02:20', manager_crash: {}}]",
    )
    leg = result.whole.legs[1]
    assert [d.name for d in leg.scenario.databases] == ["erp"]
    assert times(result, "truth.backup_begin", kind=2)[-1] > leg.begins_us
    assert summary_json(result.summary)["violations"] == []
    found = verify(result.journal, builders(result.journal, result.scenario))
    assert found.mismatch is None


def test_the_time_unprotected_of_a_database_without_logs_waits_for_its_next_full() -> None:
    """Its site is lost before that one is begun."""
    index = (
        "{size: 5 GB, log_volume: 1 MB per 5 min, full: every 6 h, differential: none, log: none}"
    )
    result = ran(
        *SMALL,
        f"databases.index={index}",
        "events=[{at: 'Mon 01:20', lose: site}, {at: 'Mon 02:10', lose: site}]",
    )
    found = failovers(result)[0]["unprotected_ledger"]
    assert [line["cause"] for line in found["lines"]] == ["backup interval"]


# ---- several places
def test_other_stores_go_on_behind_the_machine_too() -> None:
    """The courier still comes at noon, and the tapes still feed the vault."""
    result = ran(
        "stores/levels",
        "events=[{at: 'Mon 11:07', lose: site}, {at: 'Tue 12:07', lose_secondary: 20 h, copy: tape}, "
        "{at: 'Tue 12:30', lose: site}]",
        "sla=[]",
    )
    first, second = failovers(result)
    assert [first["new_primary"], second["new_primary"]] == ["tape", "vault"]
    # what he took on Monday at 12:00, all that was finished by 10:00
    assert abs(second["data_loss_us"] - (at(2, "12:30") - at(1, "09:45"))) <= COMMIT
    assert summary_json(result.summary)["violations"] == []


def test_a_store_that_is_behind_is_given_a_full_at_once() -> None:
    """The tapes have burned when the site is lost; the vault, of a day ago, is what is restored. It
    goes on with that, and once the tapes are back they lack what lies there.
    """
    result = ran(
        "stores/levels",
        "run_for=3 days",
        "sla=[]",
    )
    (found,) = failovers(result)
    assert found["new_primary"] == "vault"
    online = min(times(result, "truth.promoted"))
    assert online in fulls(result)
    assert summary_json(result.summary)["violations"] == []


MIXED = (
    "stores/beside_a_standby",
    "databases.crm.size=10 GB",
    "run_for=4 h",
    "sla=[]",
    "after_failover.new_secondary=none",
    "copies.far={}",
)


def test_a_standby_of_before_follows_what_was_restored_from_a_store() -> None:
    """far, which comes after the store in their order, holds the same logs."""
    result = ran(
        *MIXED,
        "events=[{at: 'Mon 00:30', lose_secondary: 9 h, copy: near}, {at: 'Mon 01:02', lose: site}]",
    )
    found = failover(result)
    assert (found["new_primary"], found["follow"]) == ("vault", ["far"])
    assert not found["unprotected_censored"]
    assert summary_json(result.summary)["violations"] == []


def test_a_store_does_not_protect_a_service_that_has_standbys() -> None:
    """R16 speaks of a new recovery network: with none in place it is unprotected to the end."""
    result = ran(
        *MIXED[:-1],
        "events=[{at: 'Mon 00:30', lose_secondary: 9 h, copy: near}, {at: 'Mon 01:02', lose: site}]",
    )
    found: dict[str, Any] = failover(result)
    assert found["new_primary"] == "vault"
    assert found["unprotected_censored"]
    assert summary_json(result.summary)["ways_open"]["site"]["fewest"] == 1


def test_an_alert_that_names_a_kept_full_by_its_time_is_right() -> None:
    """Its header is known from before the first failover, and is not reported again. The tail of the
    first primary lies beyond the hole that the courier leaves.
    """
    result = ran(
        "stores/levels",
        "databases.crm.size=10 GB",
        "databases.crm.log=every 5 min",
        "databases.crm.full=none",
        "databases.crm.differential=every 2 h",
        "copies.tape.store.hold=20 min",
        "copies.third={store: {from: tape}}",
        "run_for=12 h",
        "sla=[]",
        "events=[{at: 2.864 h, lose: database}, {at: 7.809 h, lose_secondary: 4 h, copy: tape}, "
        "{at: 10.432 h, lose: host}]",
    )
    told = rows(result, "seen.RaiseAlert", event_id=1)
    assert any("between [2026-01-05T00:00:00Z] and" in row.values["text"] for row in told)
    assert summary_json(result.summary)["violations"] == []


# ---- incrementals of the new fork stand on the full of the old one
NIGHTLY = (
    TWICE,
    "databases.crm.incremental=every 2 h",
    "databases.crm.full=none",
    "run_for=18 h",
    "sla=[]",
)


def test_an_incremental_of_the_new_primary_is_restored_on_the_full_of_the_old_one() -> None:
    """The second loss, at 16:20: the full, the incremental of 16:00, and the log of 16:15. Without
    the incremental it would be the full and 64 logs.
    """
    result = ran(*NIGHTLY)
    second = failovers(result)[1]
    restored = [row.values["name"] for row in rows(result, "seen.Restored")]
    last = max(i for i, name in enumerate(restored) if "_full_" in name)
    assert [name.rpartition("_2026_")[2] for name in restored[last:]] == [
        "01_05_00_00_00_full_000",
        "01_05_16_00_00_incremental_000",
        "01_05_16_15_00_log_000",
    ]
    (way,) = second["ways"]
    assert way["outage_us"] == way["came_outage_us"] == second["outage_us"]
    assert result.summary.violations == []
