"""A stored baseline, and what has changed since: the same luck, two versions.

The file is one Parquet table (a row a scenario, replication and measure) with what it was made of
beside its schema. It holds values, not verdicts: what counts as a change is asked when it is read.
A scenario in which nothing is drawn gives one value, and any other value is a change; one with luck
in it must differ by more than chance would.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dr_sim.errors import input_error
from dr_sim.errors.bugs import BrokenReplicationError
from dr_sim.experiments.comparing.paired import (
    JUDGED,
    Key,
    PairedDifference,
    Table,
    differences,
    pairs_needed,
    table_of,
)
from dr_sim.experiments.judging.judge import FALSE_ALARM
from dr_sim.experiments.judging.tolerance import Tolerance
from dr_sim.experiments.replications.estimates import has_luck
from dr_sim.experiments.replications.executor import Executor
from dr_sim.experiments.replications.replicate import Course, play_all
from dr_sim.files.making import folder_made
from dr_sim.files.output import write_file, writing
from dr_sim.measures.outcome.tenants import asked_of
from dr_sim.scenario.fields.bounds import SEED
from dr_sim.scenario.keys.experiment import MOST_RUNS
from dr_sim.scenario.model import Scenario
from dr_sim.version import VERSION

LEAST = 2  # of which it is seen whether there is luck in a scenario
_COLUMNS = (
    "scenario",
    "replication",
    "measure",
    "database",
    "tenant",
    "class",
    "unit",
    "low",
    "high",
)


@dataclass(slots=True)
class BaselineEntry:
    """One scenario in a baseline."""

    seed: int
    n: int
    certain: bool  # nothing is drawn in it
    table: dict[Key, dict[int, tuple[int, int | None]]] = field(
        default_factory=dict
    )


@dataclass(slots=True)
class Baseline:
    """scenarios by their path as it is seen from the baseline's folder."""

    folder: Path
    scenarios: dict[str, BaselineEntry]

    def name(self, path: Path) -> str:
        return _name(path, self.folder)

    def has(self, path: Path) -> bool:
        return self.name(path) in self.scenarios

    def comparisons(self, path: Path) -> int:
        """Return how many measures are judged: what the false-alarm rate is shared by."""
        kept = self.scenarios.get(self.name(path))
        return (
            0
            if kept is None or kept.certain
            else sum(_judged(key) for key in kept.table)
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One measure that is not what it was, by more than chance makes it. certain: there is no
    chance in the scenario. tolerated: the largest difference that does not count.
    """

    difference: PairedDifference
    worse: bool
    certain: bool
    tolerated: float


def _name(path: Path, folder: Path) -> str:
    return Path(
        os.path.relpath(path.resolve(), folder.resolve())
    ).as_posix()


def _judged(key: Key) -> bool:
    """The service's own measures and its tenants'; exposure to the loss of the site, which is the
    largest.
    """
    measure, database, _, failure_class, _ = key
    if measure.startswith("exposure") and failure_class != "site":
        return False
    return measure in JUDGED and not database


# ---- writing
def make(
    loaded: Sequence[tuple[Path, Scenario]],
    numbers: Sequence[int],
    playing: Executor,
    path: Path,
) -> list[str]:
    """Play that number of replications of each (at least two) and write the file. Returns what a
    user should be told.
    """
    courses = [Course(s) for _, s in loaded]
    play_all(courses, [max(LEAST, n) for n in numbers], playing)
    rows: list[tuple[Any, ...]] = []
    about: dict[str, Any] = {"dr-sim": VERSION, "scenarios": {}}
    asked = 0
    for (file, scenario), course, n in zip(
        loaded, courses, numbers, strict=True
    ):
        samples = course.first(max(LEAST, n))
        if not samples:
            continue  # every replication broke
        certain = not has_luck(scenario, samples)
        name = _name(file, path.parent)
        about["scenarios"][name] = {
            "seed": scenario.seed,
            "n": len(samples),
            "certain": certain,
        }
        for s in samples[:1] if certain else samples:
            # each question more makes every answer less sure
            kept = [
                v
                for v in s.values
                if not v.tenant or v.tenant in asked_of(scenario)
            ]
            rows += [
                (
                    name,
                    s.number,
                    v.measure,
                    v.database,
                    v.tenant,
                    v.failure_class,
                    v.unit,
                    v.low,
                    v.high,
                )
                for v in kept
            ]
        asked += (
            0
            if certain
            else sum(
                _judged(key)
                for key in table_of(samples)
                if not key[2] or key[2] in asked_of(scenario)
            )
        )
    write(rows, about, path)
    broken = [
        (file, course.found(n))
        for (file, _), course, n in zip(
            loaded, courses, numbers, strict=True
        )
        if course.broken
    ]
    if broken:
        raise BrokenReplicationError(
            "\n".join(f"{file}: {of.told_broken}" for file, of in broken)
        )
    needed = pairs_needed(FALSE_ALARM / max(1, asked))
    few = [
        name
        for name, of in about["scenarios"].items()
        if not of["certain"] and of["n"] < needed
    ]
    return [
        f"{name}: fewer than {needed} replications cannot tell a change from chance; "
        f"write 'replications: {needed}' or more"
        for name in few
    ]


def write(
    rows: list[tuple[Any, ...]], about: dict[str, Any], path: Path
) -> None:
    columns = (
        list(zip(*rows, strict=True)) if rows else [()] * len(_COLUMNS)
    )
    types = [
        pa.string(),
        pa.int32(),
        pa.string(),
        pa.string(),
        pa.string(),
        pa.string(),
        pa.string(),
        pa.int64(),
        pa.int64(),
    ]
    table = pa.table(
        {
            c: pa.array(list(x), t)
            for c, x, t in zip(_COLUMNS, columns, types, strict=True)
        }
    )
    sealed = {**about, "seal": _seal(about, rows)}
    table = table.replace_schema_metadata(
        {b"dr_sim_baseline": json.dumps(sealed).encode()}
    )
    with writing(path), folder_made(path.parent):
        write_file(
            path,
            lambda temporary: pq.write_table(
                table, temporary, compression="zstd"
            ),
        )


def read(path: Path) -> Baseline:
    """Raises InputError if it is no baseline, or is not as it was written."""
    if path.is_dir():
        raise input_error(
            str(path),
            "is a folder; name the file that dr-sim baseline PATH -o FILE wrote",
        )
    try:
        table = pq.read_table(path)
        about = json.loads(
            (table.schema.metadata or {})[b"dr_sim_baseline"]
        )
        kept = {
            str(name): _kept(of) for name, of in about["scenarios"].items()
        }
        columns = [table.column(c).to_pylist() for c in _COLUMNS]
        rows = list(zip(*columns, strict=True))
        if about.get("seal", "") not in ("", _seal(about, rows)):
            raise ValueError("it has been changed")
        for (
            name,
            number,
            measure,
            database,
            tenant,
            failure_class,
            unit,
            low,
            high,
        ) in rows:
            if not (
                _is_whole(number)
                and _is_whole(low)
                and (high is None or _is_whole(high))
            ):
                raise TypeError("a value is no number")
            key = (measure, database, tenant, failure_class, unit)
            if not all(isinstance(text, str) for text in key):
                raise TypeError("a name is no text")
            kept[name].table.setdefault(key, {})[number] = (low, high)
    except FileNotFoundError:
        raise input_error(
            str(path),
            "is not there; make it with dr-sim baseline PATH -o FILE",
        ) from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        pa.ArrowException,
    ):
        raise input_error(
            str(path),
            "is no baseline of dr-sim, or has been changed; make it again with dr-sim baseline "
            "PATH -o FILE",
        ) from None
    return Baseline(path.parent, kept)


def _kept(of: Any) -> BaselineEntry:
    """Return what a baseline records of one scenario. Raises TypeError or ValueError."""
    seed, n, certain = of["seed"], of["n"], of["certain"]
    if not (_is_whole(seed) and _is_whole(n) and isinstance(certain, bool)):
        raise TypeError("a number is none")
    if not (0 <= seed <= SEED.most and 1 <= n <= MOST_RUNS):
        raise ValueError("a number is out of bounds")
    return BaselineEntry(seed, n, certain)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _seal(about: dict[str, Any], rows: Sequence[tuple[Any, ...]]) -> str:
    """Return a digest of all that the file says, so that what is read is what was written."""
    unsealed = {key: value for key, value in about.items() if key != "seal"}
    said = json.dumps([unsealed, list(map(list, rows))], sort_keys=True)
    return blake2b(
        said.encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()


# ---- comparing
def changes(
    baseline: Baseline,
    path: Path,
    course: Course,
    playing: Executor,
    asked: int,
    tolerance: Tolerance,
) -> list[Change]:
    """Return what is not as it was, on the baseline's own luck. asked: comparisons of the whole
    check.
    """
    kept = baseline.scenarios[baseline.name(path)]
    if kept.seed != course.scenario.seed:
        course = Course(replace(course.scenario, seed=kept.seed))
    n = 1 if kept.certain and not course.scenario.faults else kept.n
    play_all([course], n, playing)
    now = table_of(course.first(n))
    return changed(
        kept.table,
        now,
        kept.certain,
        FALSE_ALARM / max(1, asked),
        tolerance,
    )


def changed(
    before: Table,
    now: Table,
    certain: bool,
    alarm: float,
    tolerance: Tolerance,
) -> list[Change]:
    """Return the judged measures that differ by more than the tolerance. Where something is drawn,
    that must also be so by more than what chance gives with probability `alarm`.
    """
    judged = {key: of for key, of in before.items() if _judged(key)}
    found = []
    for d in differences(judged, now, tolerance=tolerance):
        by_chance = not certain and d.p > alarm
        difference = d.interval.estimate
        tolerated = tolerance.least(d.a, d.unit)
        if by_chance or abs(difference) <= tolerated:
            continue
        found.append(Change(d, difference > 0, certain, tolerated))
    return found
