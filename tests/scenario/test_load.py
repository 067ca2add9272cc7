"""What scenario files mean: every field in its integer unit, times in their zones, extends, --set,
other words.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim import units
from dr_sim.loading import load_scenario
from dr_sim.scenario.model import BackupCost, Law, LogVolume, Schedule
from dr_sim.scenario.reading.defaults import DEFAULTS, DERIVED
from dr_sim.scenario.reading.sources import read_tree
from tests.scenario.conftest import SMALLEST, Write

S, MIN, H, DAY = units.SECOND_US, units.MINUTE_US, units.HOUR_US, units.DAY_US
MONDAY_UTC_US = 1_767_571_200 * S  # 2026-01-05 00:00:00Z


def test_the_smallest_scenario_takes_every_default(write: Write) -> None:
    scenario = load_scenario(write(SMALLEST, "quick.yaml"))
    assert (scenario.name, scenario.seed, scenario.replication_no) == ("quick", 1, 0)
    assert (scenario.start_utc_us, scenario.time_zone) == (MONDAY_UTC_US, "UTC")
    assert (scenario.run_for_us, scenario.measure_from_us) == (14 * DAY, 0)
    (crm,) = scenario.databases
    assert (crm.name, crm.size_bytes, crm.machine, crm.seeded, crm.serial) == (
        "crm",
        500 * 10**9,
        "sql1",
        True,
        False,
    )
    assert crm.full == Schedule("weekly", weekdays=(6,), times_us=(H,))
    assert crm.incremental == Schedule("daily", times_us=(H,))
    assert crm.log == Schedule("every", interval_us=5 * MIN)
    assert crm.log_volume == LogVolume("steady", 20_000_000, 5 * MIN)
    assert (crm.transactions_num, crm.transactions_den_us) == (10, S)
    assert scenario.primary.log == BackupCost(S, 169_000_000)
    assert scenario.primary.full == scenario.primary.incremental == BackupCost(5 * S, 191_000_000)
    assert (scenario.link.bandwidth_bit_s, scenario.link.rtt_us, scenario.link.loss_ppb) == (
        200_000_000,
        30_000,
        0,
    )
    assert (scenario.replication.slots, scenario.replication.staging_bytes) == (16, 4096 * 2**20)
    assert (scenario.replication.resume_above_bytes, scenario.replication.delta_ppm) == (
        65536,
        1_000_000,
    )
    assert (scenario.replay.attempts, scenario.replay.age_us, scenario.replay.retry_us) == (
        3,
        15 * MIN,
        5 * MIN,
    )
    assert (scenario.replay.window_us, scenario.replay.critical_after_us) == (15 * MIN, 30 * MIN)
    assert (scenario.heartbeat.every_us, scenario.heartbeat.own_path) == (10 * S, True)
    assert scenario.failover.answers_in == Law("lognormal", 4 * MIN, 20 * MIN)
    assert (scenario.failover.machines_silent, scenario.failover.on_duty) == (0, "dba")
    assert scenario.secondary.restore_tail == Law("fixed", 1_000_000)
    assert (scenario.danger_us, scenario.danger_grace_us) == (15 * MIN, 6 * MIN)
    assert scenario.events == scenario.faults == scenario.sla == ()


def test_each_default_has_a_source_and_is_used(write: Write) -> None:
    with_cloud = SMALLEST + "networks: {crm: {}}\nclients: {crm: {}}\nphysical: {crm: {}}\n"
    with_cloud += "images: {crm: {size: 40 GB}}\nfarms: {crm: {image: crm}}\n"
    with_cloud += "copies: {crm: {store: {schedule: {full: daily 01:00}}}}\n"
    tree = read_tree(write(with_cloud), (), (), problems := [])
    assert tree is not None and problems == []
    for path, text, source in DEFAULTS:
        if path in ("networks", "clients", "physical", "images", "farms"):
            continue
        node = tree.at(tuple("crm" if step == "*" else step for step in path.split(".")))
        assert source and node.source == source, path
        assert isinstance(node.value, list | dict) or node.value == text.strip('"'), path
    for path, source in DERIVED:
        assert (
            tree.at(tuple("crm" if step == "*" else step for step in path.split("."))).source
            == source
        )
    assert len({path for path, _, _ in DEFAULTS}) == len(DEFAULTS)


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("4 min", Law("fixed", 4 * MIN)),
        ("{p50: 4 min, p95: 20 min}", Law("lognormal", 4 * MIN, 20 * MIN)),
        ("{mean: 4 min}", Law("exponential", 4 * MIN)),
        ("{from: 0 s, to: 4 min}", Law("uniform", 0, 4 * MIN)),
    ],
)
def test_laws(write: Write, text: str, law: Law) -> None:
    scenario = load_scenario(write(SMALLEST + f"failover: {{operator: {{answers_in: {text}}}}}\n"))
    assert scenario.failover.answers_in == law


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        (
            "weekly Sun 01:00",
            Schedule("weekly", weekdays=(6,), times_us=(H,), zone="Europe/Berlin"),
        ),
        (
            "weekly monday 23:59:59",
            Schedule("weekly", weekdays=(0,), times_us=(DAY - S,), zone="Europe/Berlin"),
        ),
        ("daily 01:30 UTC", Schedule("daily", times_us=(90 * MIN,), zone="UTC")),
        (
            "{at: daily 01:30, zone: America/New_York}",
            Schedule("daily", times_us=(90 * MIN,), zone="America/New_York"),
        ),
        ("every 15 min", Schedule("every", interval_us=15 * MIN, zone="Europe/Berlin")),
        (
            "every 1 h offset 2 min",
            Schedule("every", interval_us=H, offset_us=2 * MIN, zone="Europe/Berlin"),
        ),
        ("none", Schedule("none", zone="Europe/Berlin")),
    ],
)
def test_schedules(write: Write, text: str, schedule: Schedule) -> None:
    text = SMALLEST.replace("500 GB", f"500 GB, incremental: {text}") + "time_zone: Europe/Berlin\n"
    assert load_scenario(write(text)).databases[0].incremental == schedule


@pytest.mark.parametrize(
    ("at", "us"),
    [
        ("2 h 5 min", 125 * MIN),
        ("0.5 s", 500_000),
        ("Tue 21:30", DAY + 13 * H + 30 * MIN),
        ("Mon 08:00", 0),  # the start itself
        ("Mon 07:59:59", 7 * DAY - S),  # that time has gone by today
        ("monday 08:00:01", S),
        ("Mon 09:00 UTC", 2 * H),
        ("day 1 09:00", H),
        ("day 9 02:47:12", 7 * DAY + 18 * H + 47 * MIN + 12 * S),
        ("2026-01-06 21:30", DAY + 13 * H + 30 * MIN),
        ("2026-01-05T09:00:00", H),
        ("2026-01-05T09:00:00Z", 2 * H),
    ],
)
def test_instants(write: Write, at: str, us: int) -> None:
    """The run starts on a Monday at 08:00 in Berlin, 07:00 UTC."""
    text = (
        SMALLEST
        + f"start: 2026-01-05 08:00\ntime_zone: Europe/Berlin\nevents: [{{at: '{at}', lose: "
        f"site}}]\n"
    )
    scenario = load_scenario(write(text))
    assert scenario.start_utc_us == MONDAY_UTC_US + 7 * H
    assert scenario.events[0].at_us == us


def test_instants_cross_a_clock_change(write: Write) -> None:
    """Berlin goes from 02:00 to 03:00 on Sunday 2026-03-29: that day has 23 h, and 02:30 is
    03:30.
    """
    events = (
        "events: [{at: Sun 01:59, manager_crash: {}}, {at: Sun 02:30, manager_crash: {}}, "
        "{at: Sun 03:30, manager_crash: {}}, {at: day 3 00:00, lose: site}]"
    )
    scenario = load_scenario(
        write(SMALLEST + f"start: 2026-03-28\ntime_zone: Europe/Berlin\n{events}\n")
    )
    assert [event.at_us - DAY for event in scenario.events] == [
        119 * MIN,
        150 * MIN,
        150 * MIN,
        23 * H,
    ]


def test_log_volumes(write: Write) -> None:
    text = """\
run_for: 1 day
link: {bandwidth: 1 Gbit/s}
databases:
  a: {size: 1 GB, log_volume: 350 KiB/s}
  b: {size: 1 GB, log_volume: {mean: 20 MB per 5 min, profile: business_hours}}
  c: {size: 1 GB, log_volume: {series: log.csv}}
  d: {size: 1 GB, log_volume: {series: log.csv, column: count, interval: 1 min}}
  e: {size: 1 GB, log_volume: {series: plain.csv}}
  f: {size: 1 GB, log_volume: {bytes: 1 2 3, interval: 1 h}}
  g: {size: 1 GB, log_volume: 0 B/s}
"""
    write("when,log_bytes,count\nmon,10,1\ntue,20,2\n\n", "log.csv")
    write("7\n8\n", "plain.csv")
    scenario = load_scenario(write(text))
    assert [database.log_volume for database in scenario.databases] == [
        LogVolume("steady", 358_400, S),
        LogVolume("business_hours", 20_000_000, 5 * MIN),
        LogVolume("series", series_interval_us=5 * MIN, series_bytes=(10, 20)),
        LogVolume("series", series_interval_us=MIN, series_bytes=(1, 2)),
        LogVolume("series", series_interval_us=5 * MIN, series_bytes=(7, 8)),
        LogVolume("series", series_interval_us=H, series_bytes=(1, 2, 3)),
        LogVolume("steady", 0, S),
    ]
    assert [database.transactions_num for database in scenario.databases] == [10] * 6 + [
        0
    ]  # an idle one commits nothing


def test_a_recorded_series_of_a_real_server(write: Write) -> None:
    recorded = (
        Path(__file__).resolve().parents[2]
        / "../shared/data/dbatools/diffissues_5min_log_bytes.csv"
    )
    if not recorded.exists():
        pytest.skip(
            "the recorded series is not here: ../shared/data/dbatools/diffissues_5min_log_bytes.csv"
        )
    write(recorded.read_text(encoding="utf-8"), "real.csv")
    (database,) = load_scenario(
        write(SMALLEST.replace("GB", "GB, log_volume: {series: real.csv}"))
    ).databases
    assert len(database.log_volume.series_bytes) == 779
    assert max(database.log_volume.series_bytes) == 3_553_248_256


def test_events_and_faults(write: Write) -> None:
    text = """\
events:
  - {at: 1 h, link_outage: 40 min}
  - {at: 2 h, link_outage: {duration: {mean: 3 min}}}
  - {at: 3 h, manager_crash: }
faults:
  link_outage: [{rate: 3 per week, duration: 1 min}, {rate: 0 per week, duration: 1 h}]
"""
    scenario = load_scenario(write(SMALLEST + text))
    assert [(event.number, event.at_us, event.kind.name) for event in scenario.events] == [
        (1, H, "link_outage"),
        (2, 2 * H, "link_outage"),
        (3, 3 * H, "manager_crash"),
    ]
    assert [event.params.duration for event in scenario.events[:2]] == [
        Law("fixed", 40 * MIN),
        Law("exponential", 3 * MIN),
    ]
    (fault,) = scenario.faults  # one with rate 0 never happens
    assert (fault.kind.name, fault.num, fault.den_us, fault.params.duration) == (
        "link_outage",
        3,
        7 * DAY,
        Law("fixed", MIN),
    )


def test_sla(write: Write) -> None:
    mapping = load_scenario(
        write(SMALLEST + "sla: {rpo: at most 15 min, exposure.above_15_min: at most 0.1 %}\n")
    ).sla
    assert [(line.id, line.measure, line.at_most, line.bound) for line in mapping] == [
        ("data_loss", "data_loss", True, 15 * MIN),
        ("exposure.above_15_min", "exposure.above_15_min", True, 1000),
    ]
    lines = """\
sla:
  - {id: told, alerts_missed: at most 0}
  - {rto: at most 30 min}
  - {exposure.p99: at least 1 s, database: crm}
"""
    listed = load_scenario(write(SMALLEST + lines)).sla
    assert [
        (line.id, line.measure, line.at_most, line.bound, line.database, line.line)
        for line in listed
    ] == [
        ("told", "alerts_missed", True, 0, "", 5),
        ("outage", "outage", True, 30 * MIN, "", 6),
        ("exposure.p99 crm", "exposure.p99", False, S, "crm", 7),
    ]


def test_extends_merges_mappings_and_replaces_lists_and_laws(write: Write) -> None:
    write(
        SMALLEST
        + "machines: [a, b]\n"
        + "failover: {fence: 1 s, operator: {answers_in: {p50: 1 min, p95: 2 min}, approves: no}}\n"
        + "events: [{at: 1 h, lose: site}, {at: 2 h, lose: host}]\n"
        + "sla: {rpo: at most 1 min, outage: at most 1 h}\n",
        "base/base.yaml",
    )
    over = """\
extends: ../base/base.yaml
databases: {crm: {differential: none}, hr: {size: 1 GB, on: b}}
failover: {operator: {answers_in: {mean: 3 min}}}
events: [{at: 5 h, link_outage: 1 min}]
sla: {data_loss: at most 2 min}
"""
    scenario = load_scenario(write(over, "over/s.yaml"))
    assert [(d.name, d.size_bytes, d.incremental.kind, d.machine) for d in scenario.databases] == [
        ("crm", 500 * 10**9, "none", "a"),
        ("hr", 10**9, "daily", "b"),
    ]
    assert (scenario.failover.fence_us, scenario.failover.approves) == (S, False)
    assert scenario.failover.answers_in == Law("exponential", 3 * MIN)
    assert [event.kind.name for event in scenario.events] == ["link_outage"]
    assert [(line.measure, line.bound) for line in scenario.sla] == [
        ("data_loss", 2 * MIN),
        ("outage", H),
    ]


def test_a_series_is_found_beside_the_file_that_names_it(write: Write) -> None:
    write("5\n", "base/log.csv")
    write(SMALLEST.replace("GB", "GB, log_volume: {series: log.csv}"), "base/base.yaml")
    scenario = load_scenario(write("extends: base/base.yaml\n"))
    assert scenario.databases[0].log_volume.series_bytes == (5,)


def test_overrides(write: Write) -> None:
    path = write(SMALLEST + "events: [{at: 1 h, link_outage: 1 min}]\n")
    overrides = [
        "link.loss=1%",
        "databases.crm.differential=none",
        'databases."crm".log=every 1 h',
        "events.1.link_outage=2 min",
        "failover.operator.answers_in={mean: 9 min}",
        "machines=[a, b]",
        "name=x = y",
    ]
    scenario = load_scenario(path, overrides, seed=8)
    assert (scenario.link.loss_ppb, scenario.seed, scenario.name) == (10_000_000, 8, "x = y")
    assert (scenario.databases[0].incremental.kind, scenario.databases[0].log.interval_us) == (
        "none",
        H,
    )
    assert scenario.events[0].params.duration == Law("fixed", 2 * MIN)
    assert scenario.failover.answers_in == Law("exponential", 9 * MIN)
    assert (scenario.machines, scenario.databases[0].machine) == (("a", "b"), "a")


def test_yaml_1_2(write: Write) -> None:
    """Words that YAML 1.1 takes for something else stay texts."""
    scenario = load_scenario(write(SMALLEST.replace("crm", "no") + "name: 012\ndescription: 1e3\n"))
    assert (scenario.databases[0].name, scenario.name, scenario.description) == ("no", "012", "1e3")
