"""Rare losses: do the intervals hold the truth, and how much is gained over killing at random
instants?

    python benchmarks/rare.py [--experiments 400] [--runs 40]

First, laws with known answers: outages as a Poisson process, and the time that they last beyond a
limit, which an integral gives. Each experiment draws so many runs as `replications: {rare: ...}`
does, and estimates it: in what part of the experiments does the interval of 95 % hold it?

Then a whole scenario (scenarios/rare_loss.yaml): as precise as so many failures at random instants,
of which each costs half a run on average. Wanted: at least 100 times more precise per CPU second.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import integrate

from dr_sim.experiments.replications import rare
from dr_sim.experiments.replications.take import take
from dr_sim.loading import load_scenario
from dr_sim.scenario.asked_model import RareQuestion
from dr_sim.scenario.model import DrawnFault, Law, Scenario
from dr_sim.streams import chance_above
from dr_sim.units import HOUR_US, MINUTE_US
from dr_sim.world.kernel.tilted import TiltedStreams

HERE = Path(__file__).parent
WANTED = 100
LAWS = {
    "lognormal, heavy": Law("lognormal", 768_000_000, 117 * MINUTE_US),
    "exponential": Law("exponential", 10 * MINUTE_US),
    "uniform": Law("uniform", 0, 90 * MINUTE_US),
}
RATES = (4.0, 1.0, 0.02)  # outages in a run


def beyond_us(scenario: Scenario, limit_us: int) -> tuple[int, list[float]]:
    """Draw one run's outages, those of each line at a database of its own: how long any of them
    lasts beyond the limit, and what each law says of them.
    """
    streams = TiltedStreams(scenario)
    late: list[tuple[int, int]] = []
    for line in range(len(scenario.faults)):
        late += _beyond(scenario, streams, line, limit_us)
    beyond = ended_us = 0
    for begins_us, ends_us in sorted(late):
        beyond += max(0, ends_us - max(begins_us, ended_us))
        ended_us = max(ended_us, ends_us)
    return beyond, streams.logs


def _beyond(
    scenario: Scenario, streams: TiltedStreams, line: int, limit_us: int
) -> list[tuple[int, int]]:
    """From and up to when each outage of one line lasts beyond the limit."""
    fault = scenario.faults[line]
    gaps = streams.of("fault link_outage", "arrival", f"line {line}")
    lasts = streams.of("fault link_outage", "duration", f"line {line}")
    mean = Law("exponential", fault.den_us // fault.num)
    found: list[tuple[int, int]] = []
    at_us = number = 0
    while True:
        at_us += max(1, gaps.law(number, mean))
        if at_us > scenario.run_for_us:
            return found
        lasts_us = lasts.law(number, fault.params.duration)
        ends_us = min(at_us + lasts_us, scenario.run_for_us)
        if ends_us > at_us + limit_us:
            found.append((at_us + limit_us, ends_us))
        number += 1


def exactly(scenario: Scenario, limit_us: int) -> float:
    """The mean share of a run's time that an outage of any line has lasted longer than the limit.
    Outages of one line are seldom so long that two of them are at one time.
    """
    none = 1.0
    for fault in scenario.faults:
        none *= 1 - _share(fault, scenario.run_for_us, limit_us)
    return 1 - none


def _share(fault: DrawnFault, run_us: int, limit_us: int) -> float:
    law = fault.params.duration
    points = np.linspace(limit_us, run_us, 60)
    found = sum(
        integrate.quad(lambda x: chance_above(law, int(x)) * (run_us - x), a, b)[0]
        for a, b in pairwise(points)
    )
    return fault.num / fault.den_us / run_us * float(found)


def with_two_lines(scenario: Scenario) -> Scenario:
    """The scenario with two lines of outages by different laws, of which neither is negligible."""
    light = with_outages(scenario, LAWS["exponential"], 1.0)
    heavy = with_outages(scenario, LAWS["lognormal, heavy"], 0.5)
    return replace(scenario, faults=light.faults + heavy.faults)


def with_outages(scenario: Scenario, law: Law, rate: float) -> Scenario:
    """The scenario with outages by that law, so many in a run."""
    fault = scenario.faults[0]
    params = fault.params.model_copy(update={"duration": law})
    den_us = round(scenario.run_for_us / rate)
    return replace(
        scenario,
        faults=(replace(fault, num=1, den_us=den_us, params=params),),
    )


def coverage(
    scenario: Scenario, limit_us: int, experiments: int, runs: int
) -> tuple[float, float, float, float]:
    """(part of the experiments whose interval holds the truth, mean estimate / truth, runs that met
    it, failures at random instants that one run is worth).
    """
    question = RareQuestion("data_loss", limit_us, "")
    tilted = rare.tilted(scenario, question)
    truth = exactly(scenario, limit_us)
    whole = np.full(runs, float(scenario.run_for_us))
    held, met, found = 0, 0, []
    for experiment in range(experiments):
        first = experiment * runs
        drawn = [
            beyond_us(replace(tilted, replication_no=first + i), limit_us) for i in range(runs)
        ]
        over = np.array([x for x, _ in drawn], float)
        logs = np.array([x for _, x in drawn])
        interval, _ = rare.weighted_share(over, whole, logs)
        held += interval.low <= truth <= interval.high
        met += np.count_nonzero(over)
        found.append(interval.estimate)
    gain = truth * (1 - truth) / np.var(found) / runs
    return (
        held / experiments,
        float(np.mean(found)) / truth,
        met / experiments,
        float(gain),
    )


def known_laws(experiments: int, runs: int) -> None:
    base = load_scenario(HERE.parent / "scenarios" / "rare_loss.yaml", [])
    for name, law in LAWS.items():
        for rate in RATES:
            for limit_h in (1, 2):
                if chance_above(law, limit_h * HOUR_US) == 0:
                    continue
                scenario = with_outages(base, law, rate)
                part, bias, met, gain = coverage(scenario, limit_h * HOUR_US, experiments, runs)
                print(
                    f"{name:17} {rate:5} a run, > {limit_h} h: holds the truth in "
                    f"{100 * part:.0f} %, mean {bias:.2f} of it, met in {met:.0f} of {runs}, "
                    f"a run is worth {gain:,.0f} failures"
                )
    two = with_two_lines(base)
    for many in (runs // 2, runs):
        part, bias, met, gain = coverage(two, 2 * HOUR_US, experiments, many)
        print(
            f"two databases, a line of faults each, > 2 h: holds the truth in "
            f"{100 * part:.0f} %, mean {bias:.2f} of it, met in {met:.0f} of {many}, "
            f"a run is worth {gain:,.0f} failures"
        )


def whole_scenario(runs: int) -> None:
    scenario = load_scenario(HERE.parent / "scenarios" / "rare_loss.yaml", [])
    assert scenario.replications is not None
    for question in scenario.replications.rare:
        began = time.process_time()
        tilted = rare.tilted(scenario, question)
        samples = [take(tilted, number) for number in range(runs)]
        rare_s = (time.process_time() - began) / runs
        began = time.process_time()
        for number in range(3):
            take(scenario, number)
        plain_s = (time.process_time() - began) / 3
        found = rare.estimate(samples, question)
        times = found.as_kills / runs * (plain_s / 2) / rare_s
        print(
            f"{question.text}: {', '.join(found.texts)}\n"
            f"  {times:,.0f} times more precise per CPU second than killing at random instants; "
            f"wanted {WANTED}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--experiments", type=int, default=400)
    parser.add_argument("--runs", type=int, default=40)
    asked = parser.parse_args()
    known_laws(asked.experiments, asked.runs)
    whole_scenario(asked.runs)


if __name__ == "__main__":
    main()
