"""The phases of an outage: the stretches of it between two states of the failover.

An attempt may fail: another copy takes over from the beginning, or the restore is begun again at
the same place (attempts.py). The time of such an attempt is a phase of its own, whatever it was
spent on.
"""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim.measures.attempts import begun_again
from dr_sim.measures.tables import Tables
from dr_sim.scenario.model import FailedAttempt, Scenario
from dr_sim.scenario.sla_measures import (
    PHASES,
)

ATTEMPT = "attempt"
"""The phase of an attempt that failed."""
UNFENCE = "unfence"
"""The phase in which an old primary that was stopped is started again: the failover is left."""
REPAIR = "repair"
"""The phase in which people try to repair what has failed."""
PHASE_OF = {  # the state of recovery/failover/failover.py -> the phase of the outage
    "watching": "detect",
    "choosing": "decide",
    "claiming": "detect",
    "deciding": "decide",
    "abandoned": "decide",
    "fencing": "fence",
    "preparing": "provision",
    "draining": "drain",
    "tail": "drain",
    "recovering": "recover",
    "provisioning": "provision",
    "redirecting": "redirect",
    "serving": "warm_up",
    "unfencing": "unfence",
}
NOTHING_TO_PROMOTE = 15  # event id of the alert that says so
NOTHING_THERE = "nothing there"


def lengths_us(spans: list[tuple[int, int, str]]) -> dict[str, int]:
    """Return how long each phase lasted in all; every phase is there."""
    lengths = dict.fromkeys(PHASES, 0)
    for begin, end, name in spans:
        lengths[name] += end - begin
    return lengths


def phase_spans(
    t: Tables,
    scenario: Scenario,
    from_us: int,
    until_us: int,
    not_online: Sequence[tuple[int, int]] = (),
) -> list[tuple[int, int, str]]:
    """[from_us, until_us) cut by the states the failover entered: (begin, end, phase) without a
    gap. While users are served and it is no warmth that is lacking (not_online) the phase is
    recover. What attempts that failed took is the phase attempt.
    """
    states = _states(t, from_us, until_us)
    spans = _with_attempts(states, scenario.failed_attempts)
    if not not_online or not spans or spans[-1][2] != "warm_up":
        return spans
    begin, until, _ = spans.pop()
    for left, right in not_online:
        left, right = max(left, begin), min(right, until)
        if left < right:
            spans += [(begin, left, "warm_up"), (left, right, "recover")]
            begin = right
    return [
        span
        for span in [*spans, (begin, until, "warm_up")]
        if span[1] > span[0]
    ]


def _states(
    t: Tables, from_us: int, until_us: int
) -> list[tuple[int, int, str]]:
    rows = t["seen.EnterPhase"]
    cuts = list(
        zip(
            rows["time_us"].tolist(),
            (PHASE_OF[t.text(i)] for i in rows["phase"].tolist()),
            strict=True,
        )
    )
    cuts += [(time, NOTHING_THERE) for time in nothing_there(t)]
    cuts += [
        (time, REPAIR) for time in t["truth.repair"]["time_us"].tolist()
    ]
    cuts += [
        (time, UNFENCE) for time in t["truth.unfencing"]["time_us"].tolist()
    ]
    for again in begun_again(t):
        cuts.append((again.until_us, "drain"))
        if again.online_us >= 0:
            cuts.append((again.online_us, "recover"))
    cuts.sort(key=lambda cut: cut[0])
    current = "detect"
    spans: list[tuple[int, int, str]] = []
    begin = from_us
    for time, phase in [*cuts, (until_us, "")]:
        if phase == NOTHING_THERE:
            if current != "detect" or time < from_us:
                continue
            phase = "recover"  # it was detected, and what is waited for is a copy to recover
        if current == REPAIR and phase in ("detect", "decide"):
            phase = REPAIR  # what has failed is repaired until it is back, or given up
        if phase == "detect" and current == "decide" and time > from_us:
            phase = (
                "decide"  # it was detected, and nobody decided to fail over
            )
        stop = min(max(time, from_us), until_us)
        if stop > begin:
            if spans and spans[-1][2] == current:
                spans[-1] = (spans[-1][0], stop, current)
            else:
                spans.append((begin, stop, current))
            begin = stop
        current = phase
    return spans


def _with_attempts(
    spans: list[tuple[int, int, str]], attempts: Sequence[FailedAttempt]
) -> list[tuple[int, int, str]]:
    """Put the phase attempt over what was spent on those."""
    for attempt in attempts:
        begin, end = attempt.from_us, attempt.until_us
        found: list[tuple[int, int, str]] = []
        for left, right, phase in spans:
            inside = max(left, begin), min(right, end)
            if inside[0] >= inside[1]:
                found.append((left, right, phase))
                continue
            found.append((left, inside[0], phase))
            found.append((*inside, ATTEMPT))
            found.append((inside[1], right, phase))
        spans = [span for span in found if span[0] < span[1]]
    return _joined(spans)


def _joined(
    spans: Sequence[tuple[int, int, str]],
) -> list[tuple[int, int, str]]:
    """Join neighbours of one phase."""
    found: list[tuple[int, int, str]] = []
    for begin, end, phase in spans:
        if found and found[-1][2] == phase:
            begin = found.pop()[0]
        found.append((begin, end, phase))
    return found


def nothing_there(t: Tables) -> list[int]:
    """Return the instants at which it was reported that the primary is silent and that there is no
    copy to promote.
    """
    return [
        r.time_us
        for r in t.rows("seen.RaiseAlert")
        if r.values["event_id"] == NOTHING_TO_PROMOTE
    ]
