"""Sets of numbers as arrays, against numpy's own: the curves of two databases with a piece for each
log, in order. each_once should take less than half the time of union1d.

    python benchmarks/sets.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from dr_sim.record.sets import each_once


def least_s(work: Callable[[], object]) -> float:
    """Return the CPU time of the fastest of five tries."""
    found = []
    for _ in range(5):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def main() -> None:
    a = np.arange(60_000, dtype=np.int64) * 300_000_000
    b = a + np.arange(60_000, dtype=np.int64) % 7
    hashed = least_s(lambda: np.union1d(a, b))
    ours = least_s(lambda: each_once(a, b))
    print(f"union1d {hashed * 1_000:.1f} ms, each_once {ours * 1_000:.1f} ms: {ours / hashed:.2f}")


if __name__ == "__main__":
    main()
