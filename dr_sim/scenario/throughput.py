"""Tells what packet loss and distance leave of one TCP stream's throughput.

One stream carries at most MSS / RTT * 1.22 / sqrt(p) (Mathis, Semke, Mahdavi, Ott 1997), rounded
down to whole bit/s.
"""

from __future__ import annotations

import math

UNCAPPED = 1 << 62


def stream_cap_bit_s(mss_bytes: int, rtt_us: int, loss_ppb: int) -> int:
    """Return what one stream can carry at that loss; no cap without loss or without delay."""
    if loss_ppb <= 0 or rtt_us <= 0:
        return UNCAPPED
    return max(
        1,
        math.floor(
            mss_bytes * 8 * 1e6 / rtt_us * 1.22 / math.sqrt(loss_ppb / 1e9)
        ),
    )
