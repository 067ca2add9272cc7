"""An SLA line held against replications: pass, fail or unknown, and how many more runs would
decide.

A single run is judged by its own numbers. For more of them:

A line on every run (`data_loss: at most 15 min`, `alerts_missed: at most 0`, any `.max`) fails by
one run that breaks it and passes if none did. A line on a mean, a quantile or a share of time
passes when the bound lies outside a one-sided interval of 95 %, and fails only when it lies outside
one that errs 1 time in 1,000 in a whole check: a build that goes red must have a reason. Between
the two the line is unknown. Looking several times would make errors likelier; each look gets its
part of the error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scipy import special

from dr_sim.experiments.replications import intervals
from dr_sim.experiments.replications.estimates import (
    CONFIDENCE,
    QUANTILES,
    Estimate,
    Question,
    answer,
    curves_of,
    time_above,
    values_of,
)
from dr_sim.experiments.replications.intervals import Interval
from dr_sim.experiments.replications.sample import Sample, Value
from dr_sim.formatting.words import counted
from dr_sim.measures.verdict import UNITS, Outcome
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.sla_measures import (
    WAYS_OPEN,
    is_curve,
    kind_of,
    limit_of,
    split,
    usual_class,
)

# of one whole check: the issue asks for it as a default; 1 build in 1,000 goes red by chance
FALSE_ALARM = 0.001
MOST_FORESEEN = 10_000_000


@dataclass(frozen=True, slots=True)
class Errors:
    """passing, failing: the error that one look at one line may make."""

    passing: float
    failing: float

    @staticmethod
    def shared(lines: int, looks: int) -> Errors:
        """Return the error that each line (of a whole check) may have at each look."""
        return Errors(
            (1 - CONFIDENCE) / max(1, looks),
            FALSE_ALARM / max(1, lines) / max(1, looks),
        )


@dataclass(slots=True)
class LineVerdict:
    """value, low, high: in the bound's unit (microseconds, ppm, a count), as floats; n: runs it
    rests on. more: how many more runs would decide, as far as the runs so far can tell; None if
    none would or none are needed.
    """

    line: SlaLine
    outcome: Outcome
    value: float
    low: float
    high: float
    unit: str
    n: int
    reason: str = ""
    more: int | None = None

    @staticmethod
    def unknown(line: SlaLine, unit: str, reason: str) -> LineVerdict:
        """Return the verdict on a line of which no run tells anything."""
        nothing = (math.nan, -math.inf, math.inf)
        return LineVerdict(line, Outcome.UNKNOWN, *nothing, unit, 0, reason)


def judge_line(
    samples: Sequence[Sample],
    line: SlaLine,
    errors: Errors,
    *,
    luck: bool = True,
) -> LineVerdict:
    """One line against all these runs; of a kind of fault, against those in which it happened.
    luck: other runs may differ from these, even where these are all alike.
    """
    found = _judged(samples, line, errors, luck)
    if found.more:  # such runs as tell something of it: only a part of all
        found.more = math.ceil(found.more * len(samples) / found.n)
        found.reason = _undecided(found)
    return found


def judge_lines(
    samples: Sequence[Sample],
    lines: Sequence[SlaLine],
    errors: Errors,
    luck: bool,
) -> list[LineVerdict]:
    """Several lines, each against all these runs, with the same errors."""
    return [judge_line(samples, line, errors, luck=luck) for line in lines]


def _judged(
    samples: Sequence[Sample], line: SlaLine, errors: Errors, luck: bool
) -> LineVerdict:
    question = Question.of(line)
    base, statistic = split(line.measure)
    unit = UNITS[kind_of(line.measure)]
    single = len(samples) == 1
    if line.fault:
        samples = [s for s in samples if line.fault in s.happened]
        if not samples:
            told = f"no {line.fault} happened in any run"
            return LineVerdict.unknown(line, unit, told)
    if single:
        return _one_run(samples, line, base, statistic, unit)
    if is_curve(base) and statistic != "mean" and statistic != "max":
        return _on_time(samples, line, question, errors)
    if statistic in ("", "max"):
        return _every_run(samples, line, question, base, unit)
    wide = answer(
        samples, question, errors.failing, errors.failing, sure=luck
    )
    narrow = answer(
        samples, question, errors.passing, errors.passing, sure=luck
    )
    found = _decided(
        line, wide.interval, narrow.interval, wide, unit, float(line.bound)
    )
    if not wide.n:
        found.reason = _nothing(base)
    if found.outcome is Outcome.UNKNOWN and wide.n:
        if statistic in QUANTILES:
            found.more = _more_for_quantile(
                values_of(samples, base, question),
                line,
                QUANTILES[statistic],
                errors,
            )
        else:
            found.more = _more_for_mean(narrow, line, errors)
        found.reason = _undecided(found, wide.censored)
    return found


def _one_run(
    samples: Sequence[Sample],
    line: SlaLine,
    base: str,
    statistic: str,
    unit: str,
) -> LineVerdict:
    """A single run is judged by its own numbers, as `dr-sim run` does (verdict.py): nothing is said
    of other luck.
    """
    limit = limit_of(line.measure)
    own = (
        f"{base}.{statistic}"
        if limit is None
        else f"{base}.above_{limit}_us"
    )
    if not is_curve(base):
        own = base
        if statistic not in ("", "max"):
            told = f"one run has no {statistic} of its own; ask for more with replications"
            return LineVerdict.unknown(line, unit, told)
    return _every_run(samples, line, Question.of(line), own, unit)


def _decided(
    line: SlaLine,
    wide: Interval,
    narrow: Interval,
    of: Estimate,
    unit: str,
    bound: float,
) -> LineVerdict:
    outcome = Outcome.UNKNOWN
    if line.at_most:
        if narrow.high <= bound:
            outcome = Outcome.PASS
        elif wide.low > bound:
            outcome = Outcome.FAIL
    else:
        if narrow.low >= bound:
            outcome = Outcome.PASS
        elif wide.high < bound:
            outcome = Outcome.FAIL
    reason = (
        f"{of.censored} of {of.n} runs ended before it was known"
        if of.censored
        else ""
    )
    return LineVerdict(
        line,
        outcome,
        narrow.estimate,
        narrow.low,
        narrow.high,
        unit,
        of.n,
        reason,
    )


def _every_run(
    samples: Sequence[Sample],
    line: SlaLine,
    question: Question,
    base: str,
    unit: str,
) -> LineVerdict:
    head, statistic = split(base)
    if is_curve(head):
        base = f"{head}.{statistic or 'max'}"
    if is_curve(head) or head in WAYS_OPEN:
        usual = usual_class(head)
        of = line.failure_class or usual if usual else ""
        question = replace(question, failure_class=of)
    ends = [(v.low, v.high) for v in values_of(samples, base, question)]
    if not ends:
        return LineVerdict.unknown(line, unit, _nothing(base))
    if line.at_most:
        broken = sum(low > line.bound for low, _ in ends)
        met = sum(
            high is not None and high <= line.bound for _, high in ends
        )
        value = max(low for low, _ in ends)
    else:
        broken = sum(
            high is not None and high < line.bound for _, high in ends
        )
        met = sum(low >= line.bound for low, _ in ends)
        value = min(low for low, _ in ends)
    n = len(ends)
    outcome = (
        Outcome.FAIL
        if broken
        else Outcome.PASS
        if met == n
        else Outcome.UNKNOWN
    )
    if broken:
        told = (
            f"broken in {broken} of {_runs(n, len(samples))}"
            if n > 1
            else ""
        )
        reason = _with_the_worst(told, samples, head, question)
    elif met < n:
        reason = f"{n - met} of {n} runs ended before it was known"
    elif n > 1:
        part = intervals.part(0, n, 0.5, 1 - CONFIDENCE).high
        reason = (
            f"met in all {n} runs; at most {_rounded_up(part)} % of further runs would break it "
            f"({100 * CONFIDENCE:.0f} % confidence)"
        )
    else:
        reason = ""
    return LineVerdict(
        line,
        outcome,
        value,
        value,
        value if met == n else math.inf,
        unit,
        n,
        reason,
    )


def _rounded_up(part: float) -> str:
    """Return an upper bound in percent, with two decimals and never below the part itself."""
    return f"{math.ceil(1e4 * part) / 100:g}"


def _with_the_worst(
    told: str, samples: Sequence[Sample], head: str, question: Question
) -> str:
    """Add what the run with the fewest open ways says of them; other measures have no such note."""
    if head not in WAYS_OPEN:
        return told
    each = [
        (value.low, sample.number, value.note)
        for sample in samples
        for value in values_of([sample], head, question)
    ]
    _, number, note = min(each)
    alone = len(samples) == 1
    return note if alone else f"{told}; in replication {number} {note}"


def _on_time(
    samples: Sequence[Sample],
    line: SlaLine,
    question: Question,
    errors: Errors,
) -> LineVerdict:
    """A share of time, or a quantile over all time: that is within a bound if the share above the
    bound is small enough.
    """
    base, statistic = split(line.measure)
    unit = UNITS[kind_of(line.measure)]
    found = curves_of(samples, base, question)
    if not found:
        return LineVerdict.unknown(line, unit, "no time was measured")
    whole = [float(c.time_us) for c in found]
    if statistic not in QUANTILES:
        of = [
            answer(samples, question, e, e, sure=True)
            for e in (errors.failing, errors.passing)
        ]
        wide, narrow = (
            Interval(
                1e6 * a.interval.estimate,
                1e6 * a.interval.low,
                1e6 * a.interval.high,
            )
            for a in of
        )
        judged = _decided(
            line, wide, narrow, of[0], unit, float(line.bound)
        )
        target = line.bound / 1e6
        share = replace(of[1].interval)
    else:
        above = [time_above(c, line.bound) for c in found]
        target = 1 - QUANTILES[statistic]
        share = intervals.share(
            above, whole, errors.passing, errors.passing
        )
        strict = intervals.share(
            above, whole, errors.failing, errors.failing
        )
        as_share = _decided(
            line, strict, share, Estimate(share, len(found)), unit, target
        )
        shown = answer(
            samples, question, errors.passing, errors.passing, sure=True
        ).interval
        judged = LineVerdict(
            line,
            as_share.outcome,
            shown.estimate,
            shown.low,
            shown.high,
            unit,
            len(found),
        )
    if judged.outcome is Outcome.UNKNOWN:
        judged.more = _more_for_share(share, target, len(found), errors)
        judged.reason = _undecided(judged)
    return judged


# ---- how many at least
def least_runs(line: SlaLine, looks: int) -> int | None:
    """The fewest runs with which a line on a quantile of runs can pass, when all of them meet it;
    None for other lines. looks: how often it is judged, each time with a part of the error.
    """
    base, statistic = split(line.measure)
    if is_curve(base) or statistic not in QUANTILES:
        return None
    share = (
        QUANTILES[statistic] if line.at_most else 1 - QUANTILES[statistic]
    )
    return math.ceil(
        math.log(Errors.shared(1, looks).passing) / math.log(share)
    )


# ---- how many more
def _more_for_quantile(
    values: Sequence[Value], line: SlaLine, q: float, errors: Errors
) -> int | None:
    """Return how many more until the part of the runs beyond the bound, staying what it is, is
    surely small or surely large enough: a binomial tail. A censored run is beyond it until the line
    may fail, and then is not.
    """
    n = len(values)
    if line.at_most:
        part, bad = 1 - q, sum(v.low > line.bound for v in values)
        good = sum(
            v.high is not None and v.high <= line.bound for v in values
        )
    else:
        part, bad = (
            q,
            sum(v.high is not None and v.high < line.bound for v in values),
        )
        good = sum(v.low >= line.bound for v in values)
    enough = []
    if n - good < part * n:  # few enough to pass, one day
        enough.append(
            _first(
                n,
                lambda m: (
                    special.betainc(
                        m * good / n, m * (n - good) / n + 1, 1 - part
                    )
                    <= errors.passing
                ),
            )
        )
    if bad > part * n:
        enough.append(
            _first(
                n,
                lambda m: (
                    special.betainc(
                        m * bad / n, m * (n - bad) / n + 1, part
                    )
                    <= errors.failing
                ),
            )
        )
    found = [m for m in enough if m is not None]
    return max(1, min(found) - n) if found else None


def _first(n: int, decided: Callable[[int], bool]) -> int | None:
    """The least number of runs above n at which it is decided, if it is by MOST_FORESEEN."""
    low, high = n, 2 * n
    while not decided(high):
        low, high = high, 2 * high
        if high > MOST_FORESEEN:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high


def _more_for_mean(
    of: Estimate, line: SlaLine, errors: Errors
) -> int | None:
    """Intervals narrow with the root of the runs: so many more until the bound lies outside, the
    estimate staying.
    """
    interval, n = of.interval, of.n
    gap = abs(interval.estimate - line.bound)
    met = (interval.estimate <= line.bound) == line.at_most
    # what is known only at least proves too much, and nothing else
    if gap == 0 or (of.censored and (met or not line.at_most)):
        return None
    side = interval.high if met == line.at_most else interval.low
    if not math.isfinite(side):
        return None if n > 1 else 19
    wide = abs(side - interval.estimate) * (1.0 if met else _wider(errors))
    return _clipped(n, (wide / gap) ** 2)


def _more_for_share(
    share: Interval, target: float, n: int, errors: Errors
) -> int | None:
    gap = abs(share.estimate - target)
    if gap == 0:
        return None
    met = share.estimate <= target
    wide = (
        (share.high - share.estimate)
        if met
        else (share.estimate - share.low) * _wider(errors)
    )
    few = (
        share.estimate == 0
    )  # then the limit falls as 1 / n, not as its root
    return _clipped(n, wide / gap if few else (wide / gap) ** 2)


def _wider(errors: Errors) -> float:
    """Return how much wider the interval that may fail a line is than the one that may pass it."""
    return math.sqrt(math.log(errors.failing) / math.log(errors.passing))


def _clipped(n: int, times: float) -> int | None:
    more = math.ceil(n * times) - n
    return max(1, more) if more < MOST_FORESEEN else None


def _runs(told: int, of: int) -> str:
    """Return the runs that tell of it: '60 runs', or 'the 9 runs that have a value'."""
    return (
        counted(told, "run")
        if told == of
        else "the only run that has a value"
        if told == 1
        else f"the {told:,} runs that have a value"
    )


def _undecided(found: LineVerdict, censored: int = 0) -> str:
    straddles = "not decided: the interval lies on both sides of the bound"
    if found.more:
        runs = "run" if found.more == 1 else "runs"
        about = f"{_at_two_digits(found.more):,} more {runs}"
        return f"{straddles}; about {about} would decide"
    if censored:
        return (
            f"{censored} of {found.n} runs ended before it was known: more runs would not "
            "decide, a longer 'run_for' may"
        )
    return f"{straddles}, and more runs would hardly decide"


def _at_two_digits(runs: int) -> int:
    """Round a foreseen number up to its first two digits: the others would say nothing."""
    step = int(10 ** max(0, len(str(runs)) - 2))
    return -(-runs // step) * step


def _nothing(base: str) -> str:
    if base.startswith("alert"):
        return "no danger lasted long enough to ask for an alert"
    return "no failover happened in any run; exposure says what one would have cost"
