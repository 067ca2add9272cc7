"""Stores under `copies:`, and what is refused beside them."""

from __future__ import annotations

import pytest

from dr_sim.loading import load_scenario, validate
from dr_sim.scenario.keys.backup_stores import as_the_primary_has_it
from dr_sim.scenario.keys.standbys import as_seen_at, first_places
from dr_sim.scenario.reading.dump import dump_resolved
from dr_sim.units import HOUR_US
from tests.scenario.conftest import SMALLEST, Write

LEVELS = (
    "copies: {tape: {store: {hold: 1 h, transit: 48 h}}, vault: {store: {from: tape, hold: 12 h, "
    "every: weekly Sun 12:00, transit: 24 h, takes: [full]}}}\n"
)
LINE = SMALLEST.count("\n") + 1


def test_a_store_alone_is_a_scenario(write: Write) -> None:
    scenario = load_scenario(write(SMALLEST + "copies: {vault: {store: {}}}\n"))
    (spec,) = scenario.standbys
    assert first_places(scenario) == ("vault",) and scenario.has_stores
    assert spec.store is not None
    assert (spec.store.source, spec.store.kinds) == ("", ("full", "incremental", "log"))
    assert (spec.store.read_bytes_s, spec.store.machine_us) == (200_000_000, 600_000_000)


def test_a_standby_is_no_store(write: Write) -> None:
    scenario = load_scenario(write(SMALLEST + "copies: {near: {}}\n"))
    assert scenario.standbys[0].store is None and not scenario.has_stores


def test_what_is_late_by_design_adds_up_over_the_levels(write: Write) -> None:
    """By hand: 1 + 48; and 12 + a week + 24 more."""
    tape, vault = load_scenario(write(SMALLEST + LEVELS)).standbys
    assert tape.store is not None and vault.store is not None
    assert tape.store.delay_us == 49 * HOUR_US
    assert vault.store.delay_us == (49 + 12 + 168 + 24) * HOUR_US


def test_at_a_store_no_copy_stands_and_its_own_rate_counts(write: Write) -> None:
    text = SMALLEST + "replay: {delay: 4 h}\n" + LEVELS
    scenario = load_scenario(write(text))
    seen = as_seen_at(scenario, "vault", 1, 2)
    assert scenario.databases[0].seeded and not seen.databases[0].seeded
    assert seen.store is not None and seen.store.seeded == ("crm",)
    assert seen.secondary.disk_bytes_s == 200_000_000
    assert seen.replay.delay_us == 0 and not seen.monitor.enabled
    assert seen.databases[0].log.kind == "none"  # it takes fulls only
    primary = as_the_primary_has_it(seen, scenario).databases[0]
    assert primary.log == scenario.databases[0].log


def test_a_resolved_scenario_gives_the_same_stores(write: Write) -> None:
    scenario = load_scenario(write(SMALLEST + LEVELS))
    again = load_scenario(write(dump_resolved(scenario), "again.yaml"))
    assert again == scenario


STORES_ONLY = "copies: {vault: {store: {}}}\n"
REFUSED = [
    ("copies: {vault: {store: {from: tpe}}, tape: {store: {}}}", "copies.vault.store.from: no "
     "store 'tpe' is written before this one; "),
    ("copies: {near: {}, vault: {store: {from: near}}}", "copies.vault.store.from: no store "
     "'near' is written before this one; "),
    ("copies: {vault: {store: {takes: [log]}}}", "copies.vault.store.takes: nothing can be "
     "restored without fulls; add full"),
    ("copies: {vault: {store: {takes: [full, dump]}}}", "copies.vault.store.takes.1: write full, "
     "incremental or log"),
    ("copies: {vault: {store: {kind: tape}}}", "unknown key 'copies.vault.store.kind'; "),
    ("copies: {vault: {store: {read: fast}}}", "copies.vault.store.read: "),
    ("copies: {tape: {store: {retention: 1 day}}, vault: {store: {from: tape, hold: 2 days}}}",
     "copies.tape.store.retention: vault fetches a backup up to 2 days after it has come; write more "
     "than that"),
    ("copies: {vault: {store: {schedule: {full: daily 01:00}}}}", "copies.vault.store.schedule: vault "
     "is the only copy, so there is no second chain; write the schedule under databases"),
    ("copies: {tape: {store: {}}, vault: {store: {from: tape, schedule: {full: daily 01:00}}}}",
     "copies.vault.store.schedule: its fulls are taken at the primary; leave out from, or write "),
    ("copies: {tape: {store: {schedule: {full: daily 01:00}}}, vault: {store: {from: tape}}}",
     "copies.vault.store.from: tape has a schedule of its own, and feeds no other store yet; write "
     "primary"),
    ("copies: {near: {}, vault: {store: {schedule: {full: none}}}}", "copies.vault.store.schedule.full: "
     "none makes no chain; write daily 02:00, or leave schedule out"),
    ("copies: {near: {}, vault: {store: {schedule: {}}}}", "copies.vault.store.schedule.full is missing; "
     "write for example 'full: daily 02:00'"),
    ("copies: {near: {}, vault: {store: {schedule: {full: daily 01:00, wal: every 1 h}}}}",
     "unknown key 'copies.vault.store.schedule.wal'; write 'log: every 15 min'; without it"),
    ("copies: {near: {}, vault: {store: {schedule: {full: daily 01:00, differential: daily 13:00}}}}",
     "copies.vault.store.schedule.incremental: by SQL Server's rules an incremental is based on the "
     "last full that is not copy-only"),
    ("engine: {kind: sqlite}\ncopies: {near: {}, vault: {store: {schedule: {full: daily 01:00, "
     "differential: daily 13:00}}}}", "copies.vault.store.schedule.incremental: by SQL Server's "),
    ("engine: {kind: postgres}\ncopies: {near: {}, vault: {store: {schedule: {full: daily 01:00, log: "
     "every 1 h}}}}", "copies.vault.store.schedule.log: the real PostgreSQL server has one archive yet"),
    ("copies: {near: {}, vault: {store: {takes: [full], schedule: {full: daily 01:00, log: every 1 h}}}}",
     "copies.vault.store.schedule.log: takes leaves out log; add it there, or leave this out"),
    ("copies: {near: {schedule: {full: daily 01:00}}}", "unknown key 'copies.near.schedule'; here may "
     "stand store, link, "),
    (STORES_ONLY + "events: [{at: 1 h, readers: {database: crm, duration: 5 min}}]", "event 1: readers does "
     "not go with the store vault yet; name a standby, or leave it out"),
    (STORES_ONLY + "events: [{at: 1 h, lose: site}, {at: 2 h, site_returns: {}}]",
     "event 2: site_returns does not go with stores yet; leave it out"),
    (STORES_ONLY + "events: [{at: 1 h, order_failover: dba}]", "event 1: order_failover does not "
     "go with the store vault yet; name a standby, or leave it out"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_not_supported_is_one_clear_line(write: Write, text: str, message: str) -> None:
    (problem,) = validate(write(SMALLEST + text + "\n"))
    assert problem.message.startswith(message)
    assert problem.line in range(LINE, LINE + 2)


def test_own_recovery_logic_is_refused_with_stores(write: Write) -> None:
    from dr_sim.errors import InputError
    from dr_sim.world.own_logic import with_manager

    scenario = load_scenario(write(SMALLEST + STORES_ONLY))
    with pytest.raises(InputError, match="stores"):
        with_manager(scenario, "dr_sim.recovery.manager:RecoveryManager")


def test_a_store_that_nothing_comes_to_is_one_clear_line(write: Write) -> None:
    text = SMALLEST.replace("size: 500 GB", "size: 500 GB, full: none")
    store = "copies: {vault: {store: {takes: [full]}}}\n"
    (problem,) = validate(write(text + store))
    assert problem.message == (
        "copies.vault.store.takes: none of these is scheduled for crm; add log, for example, or "
        "write a schedule"
    )
    assert validate(write(text + store.replace("[full]", "[full, log]"))) == []


OWN = (
    "copies: {near: {}, vault: {store: {takes: [full, incremental, log], "
    "schedule: {full: daily 16:00, cost: {fixed: 1 s, rate: 1 GB/s}}}}}\n"
)


def test_at_a_store_with_fulls_of_its_own_their_schedule_and_cost_count(write: Write) -> None:
    scenario = load_scenario(write(SMALLEST + OWN))
    seen = as_seen_at(scenario, "vault", 1, 2)
    (crm,), (of_all,) = seen.databases, scenario.databases
    assert scenario.has_own_backups and crm.full != of_all.full
    assert crm.incremental.kind == "none" and crm.log == of_all.log
    assert (seen.primary.full.fixed_us, seen.primary.full.rate_bytes_s) == (10**6, 10**9)
    primary = as_the_primary_has_it(seen, scenario)
    assert primary.primary == scenario.primary
    assert primary.databases[0].full == of_all.full
    assert load_scenario(write(dump_resolved(scenario), "again.yaml")) == scenario


def test_without_a_cost_of_their_own_they_cost_what_fulls_cost(write: Write) -> None:
    text = OWN.replace(", cost: {fixed: 1 s, rate: 1 GB/s}", "")
    scenario = load_scenario(write(SMALLEST + text))
    store = scenario.standbys[1].store
    assert store is not None and store.own is not None
    assert store.own.cost == scenario.primary.full
