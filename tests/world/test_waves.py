"""Waves: logs of many databases lived at once write what the steps write, to the last bit, however
a wave may end.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dr_sim.world.world import World
from tests.at_length import some_or_all

from .build import MINUTE, rows, scenario
from .test_express import both_ways

FLEET = """\
run_for: 3 h
databases:
  crm: {copies: 12, size: 1 GB, log_volume: 20 MB per 5 min, full: none, differential: none}
primary: {disk: 400 MB/s}
link: {bandwidth: 200 Mbit/s}
replication: {slots: 4, staging: 40 GB}
secondary: {disk: 400 MB/s}
replay: {workers: 3}
"""
# of three hours, but for the first ones, whose ranges begin at no LSN, and those that are cut as it
# ends
LOGS = 12 * 34


def waves_taken(world: World) -> int:
    """How many logs were in waves."""
    assert world.waves is not None
    return world.waves.taken


def test_all_logs_of_a_quiet_fleet_take_the_lane() -> None:
    assert waves_taken(both_ways(scenario(FLEET))) == LOGS


def test_with_one_slot_and_one_worker_they_wait_for_each_other() -> None:
    world = both_ways(scenario(FLEET, "replication.slots=1", "replay.workers=1"))
    assert waves_taken(world) == LOGS


def test_after_a_wave_of_steps_the_monitor_s_look_holds_up_no_wave() -> None:
    """The logs that are cut with the incrementals at 60 min take the steps, so the monitor plans to
    look at 100 min, when other logs are cut. All logs but those of 60 min are in waves.
    """
    world = both_ways(scenario(FLEET, "databases.crm.differential=daily 01:00"))
    assert waves_taken(world) == LOGS - 12


# a purge may be due when a log is finished, or when a transfer ends; by folder and at another rate
PURGES: dict[str, tuple[str, ...]] = {
    "with a slot for each": ("replication.slots=16",),
    "behind the slots": (),
    "one after the other": ("replication.slots=1",),
    "slow": ("replication.purge_rate=20 MB/s",),
    "with others behind the watermarks": ("replication.low_watermark=10 %",),
}


@pytest.mark.parametrize("how", PURGES)
def test_purges_of_the_staging_area_are_in_the_waves(how: str) -> None:
    world = both_ways(scenario(FLEET, "run_for=2 h", "replication.staging=1 GB", *PURGES[how]))
    states = [state for _, state in rows(world.journal, "truth.file_state", "state")]
    assert states.count("staging") >= 5
    assert waves_taken(world) == 12 * 22


FOLDERS = """
replication:
  slots: SLOTS
  groups:
    all:
      folders:
        few: {databases: [crm-001, crm-002], primary: //p/a, secondary: //s/a, staging: 200 MB}
        many: {databases: [OTHERS], primary: //p/b, secondary: //s/b, staging: 500 MB}
"""


@pytest.mark.parametrize(("slots", "intervals"), [(16, 22), (3, 11)])
def test_each_folder_is_purged_by_itself(slots: int, intervals: int) -> None:
    """With few slots the other folder may have taken them all when a purge ends: then the log for
    which it was purged waits again, and such logs take the steps.
    """
    others = ", ".join(f"crm-{i:03}" for i in range(3, 13))
    folders = FOLDERS.replace("OTHERS", others).replace("SLOTS", str(slots))
    text = FLEET.replace("replication: {slots: 4, staging: 40 GB}", folders)
    world = both_ways(scenario(text, "run_for=2 h"))
    assert waves_taken(world) == 12 * intervals


ENDS = {
    "a link outage in the midst of a wave": (
        'events: [{at: "61 min", link_outage: 7 min}, {at: "100 min 3 s", link_outage: 2 s}]',
        (),
    ),
    "corruption in transit": ("events: [{at: 61 min, corrupt_in_transit: crm-003}]", ()),
    "a file that comes late": (
        "events: [{at: 61 min, late_file: {database: crm-003, by: 17 min}}]",
        (),
    ),
    "a torn backup": ("events: [{at: 61 min, backup_cut_off: crm-003}]", ()),
    "paused backups of one": (
        "events: [{at: 61 min, paused_backups: {database: crm-003, duration: 30 min}}]",
        (),
    ),
    "a crash of the manager": ('events: [{at: "100 min 4 s", manager_crash: {}}]', ()),
    "a failover": ('events: [{at: "100 min 4 s", order_failover: dba}]', ()),
    "a machine is lost": ('events: [{at: "100 min 4 s", lose: host}]', ()),
    "index maintenance: a different size": (
        "events: [{at: 61 min, index_maintenance: {database: crm-003, log: 900 MB}}]",
        (),
    ),
    "throttled": ("events: [{at: 61 min, throttle: {to: 500 kbit/s, duration: 40 min}}]", ()),
    "a staging area that fills up": ("", ("replication.staging=1 GB",)),
    "fulls among the logs": (
        "",
        ("databases.crm.full=every 50 min offset 10 s", "databases.crm.size=300 MB"),
    ),
    "incrementals with them": ("", ("databases.crm.differential=every 40 min",)),
    "the window's alarm at other instants": ("", ("replay.window=7 min",)),
    "an alarm that tells of silence": (
        "",
        (
            "replay.window=5 s",
            "databases.crm.log_volume={bytes: 20000000 "
            "20000000 90000000 20000000, interval: "
            "5 min}",
        ),
    ),
    "a window shorter than the wave's way": ("", ("replay.window=5 s",)),
    "a monitor that alerts before the second cut after": (
        "",
        (
            "monitor.restore_threshold=6 min",
            "link.bandwidth=20 Mbit/s",
            "databases.crm.log_volume={bytes: 1000000 50000000, interval: 5 min}",
        ),
    ),
    "logs that wait until others are cut": (
        "",
        (
            "link.bandwidth=7 Mbit/s",
            "databases.crm.log_volume={bytes: 5000000 5000000 30000000 5000000 5000000, "
            "interval: 5 min}",
        ),
    ),
    "retention": (
        "",
        (
            "primary.retention=1 h",
            "secondary.retention=1 h",
            "databases.crm.full=every 1 h offset 1 min",
        ),
    ),
    "files looked at again": ("", ("replay.reverify=20 min",)),
    "restores of any length": ("", ("secondary.restore_tail={p50: 1, p95: 30}",)),
    "restores that take until the next cut": ("", ("secondary.restore_fixed=70 s",)),
    "copies for each restore": ("", ("secondary.copy_rate=100 MB/s",)),
    "a full secondary share": ("", ("secondary.share_capacity=3 GB",)),
    "fifo": ("", ("link.sharing=fifo",)),
    "priority": ("", ("link.sharing=priority",)),
    "logs of limited size": ("", ("databases.crm.log_capacity=50 MB",)),
    "a day's rhythm": ("", ("databases.crm.log_volume={mean: 80 KiB/s, profile: business_hours}",)),
    "idle ones": ("", ("databases.crm.log_volume=0 B/s",)),
    "by PostgreSQL's rules": ("", ("engine.imitates=postgres",)),
}


@pytest.mark.parametrize("what", some_or_all(list(ENDS), 2))
def test_however_a_wave_ends_the_rows_are_those_of_the_steps(what: str) -> None:
    events, overrides = ENDS[what]
    world = both_ways(scenario(FLEET + events, *overrides))
    assert 0 < waves_taken(world) <= LOGS or what == "idle ones"


UNLIKE = """\
run_for: 3 h
machines: [a, b]
databases:
  one: {copies: 4, size: 1 GB, log_volume: 20 MB per 5 min, full: none, differential: none, machine: a}
  two: {copies: 3, size: 2 GB, log_volume: 90 MB per 5 min, full: none, differential: none, machine: b}
  three: {size: 2 GB, log_volume: 9 MB per 5 min, full: none, differential: none, machine: b, log: EVERY}
link: {bandwidth: 500 Mbit/s}
replication: {slots: 3}
"""


@pytest.mark.parametrize(
    "every",
    [
        "every 5 min",
        "every 15 min",
        "every 5 min offset 2 min",
        "every 5 min offset 1 s",
        "every 7 min",
    ],
)
def test_databases_need_not_be_alike(every: str) -> None:
    """Where another log is cut before a wave is over, it is in that wave."""
    assert waves_taken(both_ways(scenario(UNLIKE.replace("EVERY", every)))) > 0


STAGGERED = FLEET.replace(
    "crm: {copies: 12,", "crm: {copies: 4, log: every 5 min offset 2 min,"
).replace(
    "primary:",
    """\
  one: {copies: 5, size: 1 GB, log_volume: 20 MB per 5 min, full: none, differential: none}
  two: {copies: 3, size: 1 GB, log_volume: 20 MB per 5 min, full: none, differential: none,
    log: every 5 min offset 1 s}
primary:""",
)


def test_logs_that_are_cut_at_different_instants_are_in_waves_too() -> None:
    """All but those of the first two intervals, and of the last instant."""
    world = both_ways(scenario(STAGGERED))
    assert world.waves is not None and world.express is not None
    assert waves_taken(world) + world.express.taken >= 12 * 34


@pytest.mark.parametrize("what", some_or_all(list(ENDS), 6))
def test_a_staggered_wave_ends_as_the_steps_do(what: str) -> None:
    events, overrides = ENDS[what]
    both_ways(scenario(STAGGERED + events, *overrides))


# ---- any fleet
MEMBERS = st.fixed_dictionaries(
    {
        "copies": st.integers(1, 5),
        "size": st.sampled_from(["300 MB", "1 GB"]),
        "log_volume": st.sampled_from(
            [
                "20 MB per 5 min",
                "20 MB per 5 min",
                "3 MB per 5 min",
                "{mean: 350 KiB/s, profile: business_hours}",
                "1 kB per 5 min",
                "0 B/s",
            ]
        ),
        "full": st.sampled_from(["none", "none", "every 90 min offset 4 min"]),
        "differential": st.sampled_from(
            ["none", "none", "every 40 min", "every 40 min offset 10 s"]
        ),
        "log": st.sampled_from(
            [
                "every 5 min",
                "every 5 min",
                "every 5 min",
                "every 5 min offset 2 min",
                "every 5 min offset 1 s",
                "every 5 min offset 3 s",
                "every 10 min",
                "every 20 s",
            ]
        ),
        "machine": st.sampled_from(["a", "a", "b"]),
    }
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "link.bandwidth": st.sampled_from(["1 Gbit/s", "20 Mbit/s"]),
        "link.sharing": st.sampled_from(["fifo", "priority"]),
        "primary.disk": st.sampled_from(["100 MB/s", "4 GB/s"]),
        "primary.log.fixed": st.sampled_from(["0 s", "10 s"]),
        "replication.staging": st.sampled_from(["100 MB", "1 GB"]),
        "replication.slots": st.sampled_from(["1", "3"]),
        "secondary.disk": st.sampled_from(["100 MB/s", "4 GB/s"]),
        "secondary.restore_tail": st.just("{p50: 1, p95: 3}"),
        "secondary.restore_fixed": st.sampled_from(["0 s", "20 s"]),
        "secondary.copy_rate": st.just("300 MB/s"),
        "replay.window": st.sampled_from(["7 min", "15 min 2 s"]),
        "replay.workers": st.sampled_from(["1", "3"]),
        "seed": st.integers(1, 9).map(str),
    },
)
EVENT = st.sampled_from(
    [
        "link_outage: 6 min",
        "packet_loss: {loss: 1 %, duration: 30 min}",
        "throttle: {to: 500 kbit/s, duration: 10 min}",
        "corrupt_in_transit: db0",
        "late_file: {database: db0, by: 17 min}",
        "paused_backups: {database: db0, duration: 30 min}",
        "manager_crash: {}",
        "index_maintenance: {database: db0, log: 300 MB}",
        "order_failover: dba",
    ]
)
EVENTS = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 30_000_000), EVENT), max_size=2)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    lines = [
        "run_for: 2 h",
        "machines: [a, b]",
        "databases:",
        "  db0: {size: 1 GB, full: none, differential: none, machine: a}",
    ]
    for i, fields in enumerate(draw(st.lists(MEMBERS, min_size=1, max_size=3))):
        lines.append(
            f"  of{i}: {{{', '.join(f'{key}: {value}' for key, value in fields.items())}}}"
        )
    lines += ["link: {bandwidth: 200 Mbit/s}"]
    events = [f'  - {{at: "{5 * n * MINUTE + us} us", {what}}}' for n, us, what in draw(EVENTS)]
    lines += ["events:", *events] if events else []
    return "\n".join(lines) + "\n", tuple(f"{key}={value}" for key, value in draw(OPTIONS).items())


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(fleets())
@example((FLEET, ("run_for=40 min", "link.bandwidth=3 Mbit/s")))
def test_any_fleet_is_alike_by_waves_and_by_steps(fleet: tuple[str, tuple[str, ...]]) -> None:
    text, overrides = fleet
    both_ways(scenario(text, *overrides))


@pytest.mark.long
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(fleets())
def test_any_fleet_is_alike_by_waves_and_by_steps_at_length(
    fleet: tuple[str, tuple[str, ...]],
) -> None:
    text, overrides = fleet
    both_ways(scenario(text, *overrides))
