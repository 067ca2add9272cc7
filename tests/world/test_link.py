"""The link: what one stream carries at a loss, and what outages, partitions and throttles leave of
it.
"""

from __future__ import annotations

import math

import pytest

from dr_sim.scenario.throughput import UNCAPPED, stream_cap_bit_s
from world.build import MINUTE, ONE, ran, rows, scenario, world

RTT_US, MSS = 30_000, 1460


@pytest.mark.parametrize(
    ("loss_ppb", "mbit_s"), [(100_000, "47"), (1_000_000, "15"), (10_000_000, "4.7")]
)
def test_one_stream_carries_what_is_published(loss_ppb: int, mbit_s: str) -> None:
    """MSS / RTT * 1.22 / sqrt(p) at 30 ms and 1,460 bytes: 47 / 15 / 4.7 Mbit/s at 0.01 / 0.1 / 1
    %.
    """
    cap = stream_cap_bit_s(MSS, RTT_US, loss_ppb)
    digits = 1 if "." in mbit_s else 0
    assert f"{cap / 1e6:.{digits}f}" == mbit_s
    # in whole numbers throughout
    exact = math.isqrt((MSS * 8 * 122 * 10_000) ** 2 * 10**9 // (RTT_US**2 * loss_ppb))
    assert abs(cap - exact) <= 1


def test_without_loss_or_without_delay_there_is_no_cap() -> None:
    assert stream_cap_bit_s(MSS, RTT_US, 0) == UNCAPPED
    assert stream_cap_bit_s(MSS, 0, 10_000_000) == UNCAPPED


def test_a_stream_is_never_slower_than_a_bit_a_second() -> None:
    assert stream_cap_bit_s(1, 10**12, 999_999_999) == 1


def capacity_rows(*events: str) -> list[tuple[int, int, int]]:
    text = ONE + "events:\n" + "".join(f"  - {e}\n" for e in events)
    return rows(ran(text).journal, "truth.link", "up", "bit_s")


def test_an_outage_is_down_for_as_long_as_it_says() -> None:
    at = 30 * MINUTE
    assert capacity_rows("{at: 30 min, link_outage: 10 min}") == [
        (at, 0, 100_000_000),
        (at + 10 * MINUTE, 1, 100_000_000),
    ]


def test_overlapping_outages_end_with_the_last() -> None:
    found = capacity_rows(
        "{at: 30 min, link_outage: 10 min}",
        "{at: 35 min, link_outage: 1 min}",
        "{at: 36 min, partition: 9 min}",
    )
    assert [(t // MINUTE, up) for t, up, _ in found] == [
        (30, 0),
        (35, 0),
        (36, 0),
        (36, 0),
        (40, 0),
        (45, 1),
    ]


def test_the_tightest_throttle_counts_while_it_lasts() -> None:
    found = capacity_rows(
        "{at: 30 min, throttle: {to: 10 Mbit/s, duration: 30 min}}",
        "{at: 40 min, throttle: {to: 20 Mbit/s, duration: 30 min}}",
    )
    assert [(t // MINUTE, bit_s // 10**6) for t, _, bit_s in found] == [
        (30, 10),
        (40, 10),
        (60, 20),
        (70, 100),
    ]


def test_one_way_partitions_take_one_way() -> None:
    built = world()
    link = built.link
    link.down(forward=False)
    assert (link.forward_up, link.back_up) == (True, False)
    link.down(back=False)
    link.up(forward=False)
    assert (link.forward_up, link.back_up) == (False, True)
    link.up(back=False)
    assert (link.forward_up, link.back_up) == (True, True)


def test_losses_add_up_and_caps_follow() -> None:
    built = world(ONE, "link.loss=0.01 %")
    link = built.link
    assert link.cap_bit_s == stream_cap_bit_s(MSS, scenario().link.rtt_us, 100_000)
    link.add_loss(900_000)
    assert link.cap_bit_s == stream_cap_bit_s(MSS, RTT_US, 1_000_000)
    link.remove_loss(900_000)
    assert link.cap_bit_s == stream_cap_bit_s(MSS, RTT_US, 100_000)
    link.add_loss(2_000_000_000)  # everything is lost, and a little comes through
    assert link.cap_bit_s == stream_cap_bit_s(MSS, RTT_US, 999_999_999)


def test_packet_loss_slows_a_transfer_that_is_under_way() -> None:
    """A log of 20 MB: at 4.7 Mbit/s a stream from the moment of loss on."""
    text = ONE + "events: [{at: 301.5 s, packet_loss: {loss: 1 %, duration: 20 min}}]\n"
    journal = ran(text, "primary.log={fixed: 1 s, rate: 1 TB/s}").journal
    cap = stream_cap_bit_s(MSS, RTT_US, 10_000_000)
    made, size = rows(journal, "truth.backup_finished", "nominal_bytes")[0]
    landed = rows(journal, "truth.landed")[0]
    before_us = 5 * MINUTE + 1_500_000 - made
    left_bits = size * 8 - before_us * 100
    assert landed == 5 * MINUTE + 1_500_000 - (-left_bits * 1_000_000 // cap)
