"""The sanity numbers: what anyone can work out on paper, to the last microsecond, from the same
figures.

Each test works its number out again from the figures in the scenario's head comment. `clock` and
`h_min` then show it as the table of sanity numbers does.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome

from .runs import (
    HOUR,
    MINUTE,
    SCENARIOS,
    SECOND,
    at,
    ceil_div,
    clock,
    failover,
    h_min,
    log_cut,
    peak_lag_us,
    peak_us,
    ran,
    times,
)

INTERVAL = 5 * MINUTE
BACKUP = ceil_div(20_000_000, 10_000_000)  # 2 s
TRANSFER = ceil_div(160_000_000, 200_000_000)  # 0.8 s
FULL_ON_LINK = ceil_div(4_000_000_000_000, 200_000_000)  # 20,000 s


@pytest.mark.parametrize(
    "path", sorted((SCENARIOS / "sanity").glob("*.yaml")), ids=lambda p: p.stem
)
def test_each_file_promises_its_own_number_and_keeps_it(path: Path) -> None:
    verdict = ran(f"sanity/{path.stem}").verdict
    assert len(verdict.lines) >= 2
    assert verdict.outcome is Outcome.PASS


def test_base() -> None:
    exposure = summary_json(ran("sanity/base").summary)["exposure"]
    supremum = INTERVAL + BACKUP + TRANSFER
    assert exposure["max_us"] == supremum == 302_800_000
    assert exposure["mean_us"] == supremum - INTERVAL // 2 == 152_800_000
    assert exposure["p99_us"] == supremum - INTERVAL // 100 == 299_800_000
    assert exposure["time_us"] == 7 * 24 * HOUR


def test_burst() -> None:
    backup = ceil_div(3_000_000_000, 169_000_000)
    peak = INTERVAL + backup + ceil_div(24_000_000_000, 200_000_000)
    assert peak_us(ran("sanity/burst")) == peak == 437_751_480
    assert round(peak / SECOND) == 438
    beside = INTERVAL + backup + ceil_div(24_000_000_000, 100_000_000)
    assert peak_us(ran("sanity/burst_beside_full")) == beside == 557_751_480
    assert round(beside / SECOND) == 558


def test_the_real_burst_on_a_thin_link() -> None:
    size = 3_553_248_256
    backup, transfer = ceil_div(size, 169_000_000), ceil_div(8 * size, 10_000_000)
    assert (round(backup / SECOND), round(transfer / SECOND)) == (21, 2_843)
    assert peak_us(ran("sanity/burst_10_mbit")) == INTERVAL + backup + transfer == 3_163_623_743
    assert clock(INTERVAL + backup + transfer) == "52:44"


def test_full_on_the_logs_link() -> None:
    fifo = INTERVAL + SECOND + FULL_ON_LINK
    assert peak_us(ran("sanity/full_fifo")) == fifo == 20_301_000_000
    assert h_min(fifo) == "5 h 38"
    fair = INTERVAL + BACKUP + ceil_div(160_000_000, 100_000_000)
    assert peak_us(ran("sanity/full_fair")) == fair == 303_600_000
    assert clock(fair) == "5:04"
    assert peak_us(ran("sanity/full_priority")) == INTERVAL + BACKUP + TRANSFER == 302_800_000


def test_link_outage_of_40_minutes_by_phase() -> None:
    outage = 40 * MINUTE
    shortest = outage + BACKUP + TRANSFER + TRANSFER
    longest = INTERVAL + BACKUP + outage + TRANSFER
    assert peak_us(ran("sanity/outage_shortest")) == shortest == 2_403_600_000
    assert peak_us(ran("sanity/outage_longest")) == longest == 2_702_800_000
    assert (clock(shortest), clock(longest)) == ("40:04", "45:03")


def test_backlog_of_an_outage_drains() -> None:
    result = ran("sanity/outage_shortest")
    back_up = at(3, "02:45:02.8")
    assert summary_json(result.summary)["backlog"]["not_landed_max"] == 8
    last = log_cut(result, at(3, "02:45"))
    assert times(result, "truth.landed", file=last) == [back_up + 8 * TRANSFER]
    assert 8 * TRANSFER == 6_400_000


def test_the_99th_percentile_of_a_week_is_blind_to_an_outage() -> None:
    """x with 1 % of the week above it: 2,008 rises to 302.8 s, one to 2,403.6 s, and 0.8 s before
    each of seven landings.
    """
    above = Fraction(7 * 24 * HOUR, 100)
    x = (2_008 * 302_800_000 + 2_403_600_000 + 7 * TRANSFER - above) / 2_009
    assert summary_json(ran("sanity/outage_shortest").summary)["exposure"]["p99_us"] == round(x)
    assert clock(round(x)) == "5:01"


def test_last_log_torn_and_the_site_lost() -> None:
    lost = failover(ran("sanity/torn_and_lost"))
    assert lost["data_loss_us"] == INTERVAL + BACKUP + TRANSFER == 302_800_000
    parts = {"detect": 30, "fence": 21, "drain": 2, "recover": 10, "redirect": 60}
    assert {phase: us for phase, us in lost["phases_us"].items() if us} == {
        p: s * SECOND for p, s in parts.items()
    }
    assert lost["outage_us"] == 123 * SECOND


def test_one_log_lost_for_good_and_a_resync() -> None:
    result = ran("sanity/lost_log_resync")
    limit = 15 * MINUTE + BACKUP
    full = ceil_div(500_000_000_000, 191_000_000)
    landed = INTERVAL + limit + full + FULL_ON_LINK
    assert peak_us(result) == landed == 23_819_801_048
    whole = landed + ceil_div(500_000_000_000, 500_000_000)
    since = at(2, "09:55")
    (name,) = {r.values["name"] for r in result.journal.rows("seen.BackupTaken")}
    assert times(result, "seen.Validated", name=name) == [since + whole] == [since + 24_819_801_048]
    assert h_min(whole) == "6 h 54"
    restored = whole + ceil_div(500_000_000_000, 356_000_000)
    assert peak_lag_us(result) == restored == 26_224_295_431
    assert h_min(restored) == "7 h 17"


def test_one_log_lost_for_good_and_a_bridge() -> None:
    result = ran("sanity/lost_log_bridge")
    limit = 15 * MINUTE + BACKUP
    taken = at(5, "07:55") + limit
    size = -(-20_000_000 * taken // INTERVAL)
    assert size == 25_000_133_334
    landed = INTERVAL + limit + ceil_div(size, 191_000_000) + ceil_div(8 * size, 200_000_000)
    assert peak_us(result) == landed == 2_332_896_085
    restored = landed + ceil_div(size, 500_000_000) + ceil_div(size, 356_000_000)
    assert peak_lag_us(result) == restored == 2_453_121_446
    assert [round(us / MINUTE) for us in (landed, restored)] == [39, 41]  # about 40 min


def test_corrupt_in_transit_only() -> None:
    find_out = ceil_div(20_000_000, 500_000_000)
    peak = INTERVAL + BACKUP + TRANSFER + find_out + TRANSFER
    assert peak_us(ran("sanity/corrupt_in_transit")) == peak == 303_640_000
    assert round((peak - 302_800_000) / SECOND, 1) == 0.8


def test_built_in_log_shipping() -> None:
    result = ran("sanity/log_shipping_15_15_15")
    assert peak_us(result) == 30 * MINUTE + TRANSFER == 1_800_800_000
    assert peak_lag_us(result) == 45 * MINUTE + ceil_div(20_000_000, 20_000_000) == 2_701_000_000


def test_one_restore_of_an_hour_makes_an_outage_an_hour_longer() -> None:
    """The log lands, is hashed, and takes 3,408 times as long as usual; 78.5 s come after the drain
    of any failover.
    """
    result = ran("sanity/outage_if_now")
    hashed, warm_up = ceil_div(20_000_000, 500_000_000), 8_460_000
    restore = 3408 * SECOND + ceil_div(20_000_000 * 3408, 356_000_000)
    after = (10 + 60) * SECOND + warm_up
    o = summary_json(result.summary)["outage_if_now"]
    assert abs(o["max_us"] - (hashed + restore + after)) <= 2
    assert o["p50_us"] == (30 + 21) * SECOND + after == 129_460_000
    assert peak_us(result) < 304 * SECOND
    assert (
        summary_json(result.summary)["alerts"]["missed"],
        summary_json(result.summary)["alerts"]["false"],
    ) == (0, 0)
