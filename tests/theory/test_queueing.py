"""The shared link against queueing theory: Poisson arrivals at dr_sim/world/kernel/sharing.py itself, and
Little's law in a run.

FIFO, files of one size: M/D/1, mean wait rho S / (2 (1 - rho)) (Pollaczek 1930, Khinchine 1932).
Fair, exponential sizes: M/G/1 processor sharing, mean stay S / (1 - rho) whatever the law of the
sizes (Kleinrock, 'Queueing Systems' II, 1976, 4.4). Utilisation is rho in both.

Interval: independent replications, each from an empty link with its first part cut off, one mean
each, Student's t over the means at 99.9 %: nothing is assumed of how times within a replication
hang together. Seeds are fixed.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from fractions import Fraction

import pytest
from scipy import stats

from dr_sim.measures.tables import Tables
from dr_sim.world.kernel.agenda import Agenda, Class
from dr_sim.world.kernel.sharing import SharedRate
from dr_sim.world.world import World
from tests.world.build import scenario

CAPACITY_BIT_S = 100_000_000
MEAN_BITS = 200_000_000  # 2 s alone
SERVICE_S = MEAN_BITS / CAPACITY_BIT_S
WARM_UP, ARRIVALS = 500, 2_500


@dataclass
class Means:
    """Of one replication, after its warm-up."""

    wait_s: float
    stay_s: float
    utilisation: float


def replication(seed: int, rho: float, sharing: str) -> Means:
    """Poisson arrivals at that load: of one size if 'fifo', of exponential sizes if 'fair'."""
    draw = random.Random(f"{sharing} {rho} {seed}")
    agenda = Agenda()
    link = SharedRate(agenda, Class.TRANSFER, CAPACITY_BIT_S, sharing)
    ended: dict[int, int] = {}
    arrived: list[int] = []
    bits: list[int] = []

    def done(i: int) -> None:
        ended[i] = agenda.now_us

    def arrive(i: int, at_us: float) -> None:
        arrived.append(agenda.now_us)
        bits.append(
            MEAN_BITS if sharing == "fifo" else max(1, round(draw.expovariate(1) * MEAN_BITS))
        )
        link.start(0, bits[i], CAPACITY_BIT_S, done, i)
        if i + 1 < WARM_UP + ARRIVALS:
            next_us = at_us + draw.expovariate(1) * SERVICE_S / rho * 1e6
            agenda.at(math.ceil(next_us), Class.JOB, 0, arrive, i + 1, next_us)

    agenda.at(0, Class.JOB, 0, arrive, 0, 0.0)
    agenda.run_until(1 << 60)
    late = range(WARM_UP, WARM_UP + ARRIVALS)
    stay_s = sum(ended[i] - arrived[i] for i in late) / ARRIVALS / 1e6
    alone_s = sum(bits[i] for i in late) / ARRIVALS / CAPACITY_BIT_S
    begin_us, end_us = arrived[WARM_UP], arrived[-1]
    return Means(
        stay_s - alone_s, stay_s, busy_us(arrived, ended, begin_us, end_us) / (end_us - begin_us)
    )


def busy_us(arrived: list[int], ended: dict[int, int], begin_us: int, end_us: int) -> int:
    """For how long in [begin_us, end_us) something was under way: the union of all stays."""
    total = reached = 0
    for i, at_us in enumerate(arrived):
        total += max(0, min(ended[i], end_us) - max(at_us, reached, begin_us))
        reached = max(reached, ended[i])
    return total


def interval(means: list[float], confidence: float) -> tuple[float, float]:
    n = len(means)
    mean = math.fsum(means) / n
    spread = math.sqrt(math.fsum((x - mean) ** 2 for x in means) / (n - 1) / n)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * spread
    return mean - half, mean + half


def expected_s(rho: float, sharing: str) -> float:
    """Mean wait (fifo), mean stay (fair)."""
    return rho * SERVICE_S / (2 * (1 - rho)) if sharing == "fifo" else SERVICE_S / (1 - rho)


def measured_s(found: list[Means], sharing: str) -> list[float]:
    return [m.wait_s if sharing == "fifo" else m.stay_s for m in found]


CASES = [(rho, sharing) for sharing in ("fifo", "fair") for rho in (0.3, 0.7)]


@pytest.mark.parametrize(("rho", "sharing"), CASES)
def test_the_link_keeps_the_formulas(rho: float, sharing: str) -> None:
    found = [replication(seed, rho, sharing) for seed in range(8)]
    low, high = interval(measured_s(found, sharing), 0.999)
    wanted = expected_s(rho, sharing)
    assert low <= wanted <= high
    assert (high - low) / 2 < 0.25 * wanted  # an interval that can say no
    low, high = interval([m.utilisation for m in found], 0.999)
    assert low <= rho <= high


def test_wrong_formulas_are_refused() -> None:
    """M/M/1's wait, which is twice M/D/1's, and the right formula at another load."""
    found = [replication(seed, 0.7, "fifo") for seed in range(8)]
    low, high = interval(measured_s(found, "fifo"), 0.999)
    assert not low <= 2 * expected_s(0.7, "fifo") <= high
    assert not low <= expected_s(0.6, "fifo") <= high


@pytest.mark.long
@pytest.mark.parametrize(("rho", "sharing"), CASES)
def test_intervals_cover_as_often_as_they_say(rho: float, sharing: str) -> None:
    """40 intervals of 90 %, on other seeds: as many hold the formula as a binomial law allows, but
    for 1 in 1,000.
    """
    groups, size = 40, 6
    hits = 0
    for group in range(groups):
        found = [replication(1_000 + group * size + i, rho, sharing) for i in range(size)]
        low, high = interval(measured_s(found, sharing), 0.90)
        hits += low <= expected_s(rho, sharing) <= high
    assert hits >= stats.binom.ppf(0.001, groups, 0.90)


# ---- Little's law, exactly, in a run
FLEET = """\
run_for: 1 day
seed: 3
databases:
  crm: {size: 1 GB, full: daily 03:00, incremental: every 6 h, log_volume: 150 MB per 5 min, copies: 6}
link: {bandwidth: 40 Mbit/s}
replication: {slots: 64}
events:
  - {at: 10 h, link_outage: 40 min}
"""


@pytest.mark.parametrize("sharing", ["fair", "fifo", "priority"])
def test_little_s_law_holds_on_the_link_in_a_run(sharing: str) -> None:
    """The integral of how many files are on their way is the sum of how long each one was: the
    first from the states that files go through, the second from the instants of their finish and
    landing.
    """
    t = Tables(World(scenario(FLEET, f"link.sharing={sharing}")).run())
    end_us = t["truth.end"]["time_us"][-1].item()
    made, landed = t["truth.backup_finished"], t["truth.landed"]
    at = dict(zip(landed["file"].tolist(), landed["time_us"].tolist(), strict=True))
    files = made["file"].tolist()
    stays_us = sum(
        at.get(f, end_us) - begin for f, begin in zip(files, made["time_us"].tolist(), strict=True)
    )
    states = t["truth.file_state"]
    words = [t.text(i) for i in states["state"].tolist()]
    under_way: set[int] = set()
    number_us = last_us = arrivals = 0
    for now_us, file, state in zip(
        states["time_us"].tolist(), states["file"].tolist(), words, strict=True
    ):
        number_us += len(under_way) * (now_us - last_us)
        last_us = now_us
        if state == "landed":
            under_way.remove(file)
        elif file not in under_way:
            under_way.add(file)
            arrivals += 1
    number_us += len(under_way) * (end_us - last_us)
    assert number_us == stays_us
    assert arrivals == len(files) > 1_500
    assert (
        Fraction(number_us, end_us) == Fraction(arrivals, end_us) * Fraction(stays_us, arrivals) > 1
    )
