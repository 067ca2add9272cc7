"""The phases of an outage: the stretches of it between two states of the failover.

An attempt may fail: another copy takes over from the beginning, or the restore is begun again at
the same place (attempts.py). The time of such an attempt is a phase of its own, whatever it was
spent on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from dr_sim.measures.outcome.attempts import begun_again
from dr_sim.measures.tables import Tables
from dr_sim.scenario.model import FailedAttempt, Scenario
from dr_sim.scenario.sla_measures import (
    PHASES,
)

DETECT = "detect"
"""The phase until the failure is noticed."""
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
Span = tuple[int, int, str]
"""(begin, end, phase)."""


def lengths_us(spans: list[tuple[int, int, str]]) -> dict[str, int]:
    """Return how long each phase lasted in all; every phase is there."""
    lengths = dict.fromkeys(PHASES, 0)
    for begin, end, name in spans:
        lengths[name] += end - begin
    return lengths


def named_phases(
    phases: Iterable[tuple[str, int]],
) -> list[tuple[str, int]]:
    """Return phases (phase, duration) with names as people read them. Attempts are numbered where
    there are several.
    """
    each = list(phases)
    several = sum(phase == ATTEMPT for phase, _ in each) > 1
    number = 0
    named: list[tuple[str, int]] = []
    for phase, us in each:
        name = phase.replace("_", " ")
        if phase == ATTEMPT and several:
            number += 1
            name = f"{name} {number}"
        named.append((name, us))
    return named


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
    cuts += _starts_again(t)
    for again in begun_again(t):
        cuts.append((again.until_us, "drain"))
        if again.online_us >= 0:
            cuts.append((again.online_us, "recover"))
    cuts.sort(key=lambda cut: cut[0])
    current = DETECT
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


def _starts_again(t: Tables) -> list[tuple[int, str]]:
    """Return when an old primary that was stopped is started again, and when the last of its
    databases serves: what fails after that has yet to be detected, also by a copy that had no part
    in the failover that was left.
    """
    begins: list[int] = t["truth.unfencing"]["time_us"].tolist()
    ends: list[int] = t["truth.unfenced"]["time_us"].tolist()
    cuts = [(begin, UNFENCE) for begin in begins]
    for begin, after in zip_longest(begins, begins[1:]):
        of_it = [
            end
            for end in ends
            if end >= begin and (after is None or end < after)
        ]
        if of_it:
            cuts.append((max(of_it), DETECT))
    return cuts


def _with_attempts(
    spans: list[Span], attempts: Sequence[FailedAttempt]
) -> list[Span]:
    """Put the phase attempt over what was spent on those. Each attempt is one span, also where the
    next one begins at once.
    """
    of_attempt = dict.fromkeys(spans, 0)
    for attempt in attempts:
        begin, end = attempt.from_us, attempt.until_us
        found: dict[Span, int] = {}
        for (left, right, phase), number in of_attempt.items():
            inside = max(left, begin), min(right, end)
            if inside[0] >= inside[1]:
                found[(left, right, phase)] = number
                continue
            if left < inside[0]:
                found[(left, inside[0], phase)] = number
            found[(*inside, ATTEMPT)] = attempt.number
            if inside[1] < right:
                found[(inside[1], right, phase)] = number
        of_attempt = found
    return _joined(of_attempt)


def _joined(of_attempt: Mapping[Span, int]) -> list[Span]:
    """Join neighbours of one phase and one attempt."""
    found: list[Span] = []
    last = 0
    for (begin, end, phase), number in of_attempt.items():
        if found and (found[-1][2], last) == (phase, number):
            begin = found.pop()[0]
        found.append((begin, end, phase))
        last = number
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
