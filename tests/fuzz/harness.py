"""Runs of the command line in this process, with what they leave behind; ways to damage bytes, JSON
and tables.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dr_sim.cli.main import main
from dr_sim.errors import bugs

MOST_CPU_S = 20.0  # without progress
MOST_BYTES = 2 * 2**30


class TooSlowError(BaseException):
    """It took more processor time than anything small may, without progress. No Exception: nothing
    that is tested may catch it.
    """


@contextmanager
def limits() -> Iterator[None]:
    """No more than so much processor time (of this process: others may keep it waiting) and
    memory.
    """

    def slow(number: int, frame: object) -> None:
        raise TooSlowError(f"more than {MOST_CPU_S} s of processor time")

    before = signal.signal(signal.SIGPROF, slow)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, hard))
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class LongEnoughError(BaseException):
    """It goes on and on, with progress: a large run, which is not played to its end here."""


def progress(most_cpu_s: float) -> Callable[[float], None]:
    """What a run tells how far it is: each time the limit counts anew, until that is enough."""
    begun = time.process_time()

    def told(part: float) -> None:
        signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
        if time.process_time() - begun > most_cpu_s:
            raise LongEnoughError

    return told


@dataclass
class Ended:
    """How a command ended. error: what nobody caught, as a traceback."""

    code: int
    out: str
    err: str
    error: str


def command(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Ended:
    """Run it. What nobody catches is kept as a traceback, for the test that fails."""
    caught: list[str] = []

    def report(error: BaseException) -> int:
        caught.append("".join(traceback.format_exception(error)))
        return bugs.EXIT_BUG

    monkeypatch.setattr(bugs, "report", report)
    with limits():
        try:
            code = main(arguments)
        except SystemExit as left:  # argparse
            code = left.code if isinstance(left.code, int) else 2
    told = capsys.readouterr()
    return Ended(code, told.out, told.err, "\n".join(caught))


# ---- damage
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    10**6,
    10**18,
    2**63,
    -(2**63),
    10**30,
    0.5,
    1e308,
    -1e-300,
    "",
    " ",
    "x",
    "null",
    "NaN",
    "9" * 400,
    "1e999999999",
    "-1",
    "2026-01-05",
    "9999-12-31T23:59:59Z",
    "0001-01-01",
    "\ud800",
    "\u202e",
    "a\nb",
    "../../etc/passwd",
    [],
    {},
    [[]],
    [None],
    {"a": {}},
    [1, "x"],
)


def in_bytes(rng: random.Random, data: bytes) -> bytes:
    """A few bytes changed, taken out, put in or moved, or the end cut off."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        if not out:
            return bytes(out)
        at = rng.randrange(len(out))
        how = rng.randrange(6)
        if how == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            del out[at : at + rng.choice([1, 4, 60, 5000])]
        elif how == 2:
            out[at:at] = rng.randbytes(rng.choice([1, 4, 60]))
        elif how == 3:
            out[at:at] = out[at // 2 : at]
        elif how == 4:
            out[at : at + 8] = rng.choice([b"\0" * 8, b"\xff" * 8, b"99999999", b"-1      "])
        else:
            del out[at:]
    return bytes(out)


def in_json(rng: random.Random, value: Any) -> Any:
    """One value somewhere inside becomes another, goes, comes twice, or gets another name."""
    places = list(_places(value))
    if not places:
        return rng.choice(_VALUES)
    parent, key = rng.choice(places)
    how = rng.randrange(8)
    if how < 5:
        parent[key] = rng.choice(_VALUES)
    elif how == 5:
        del parent[key]
    elif isinstance(parent, list):
        parent.insert(key, deepcopy(parent[rng.randrange(len(parent))]))
    else:
        other, others = rng.choice(places), list(parent)
        parent[rng.choice(["x", "", *others])] = (
            parent.pop(key) if how == 6 else deepcopy(other[0][other[1]])
        )
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in list(inside):
        yield value, key
        yield from _places(child)


def in_text_of_json(rng: random.Random, data: bytes) -> bytes:
    try:
        value = json.loads(data)
    except ValueError:
        return in_bytes(rng, data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        value = in_json(rng, value)
    return json.dumps(value).encode("utf-8", "surrogatepass")


def in_table(rng: random.Random, path: Path) -> None:
    """A Parquet file whose container is whole: a column goes, has another type, or holds what it
    should not.
    """
    table = pq.read_table(path)
    for _ in range(rng.choice([1, 1, 2])):
        if not table.num_columns:
            break
        i = rng.randrange(table.num_columns)
        name, column = table.column_names[i], table.column(i)
        how = rng.randrange(7)
        if how == 0:
            table = table.drop_columns([name])
        elif how == 1:
            table = table.rename_columns(["x" if c == name else c for c in table.column_names])
        elif how == 2:
            table = table.set_column(i, name, pa.nulls(table.num_rows, column.type))
        elif how == 3:
            table = table.set_column(i, name, pa.array(["x"] * table.num_rows))
        elif how == 4 and pa.types.is_integer(column.type):
            most = rng.choice([-1, 0, 2**31 - 1, 2**62])
            values = [most if rng.random() < 0.02 else v for v in column.to_pylist()]
            table = table.set_column(i, name, pa.array(values, pa.int64()))
        elif how == 5:
            table = table.slice(
                rng.randrange(max(1, table.num_rows)), rng.randrange(1 + table.num_rows)
            )
        else:
            order = list(range(table.num_rows))
            rng.shuffle(order)
            table = table.take(pa.array(order, pa.int64()))
    if rng.random() < 0.3:
        about = {
            key: in_text_of_json(rng, text) for key, text in (table.schema.metadata or {}).items()
        }
        table = table.replace_schema_metadata(about)
    pq.write_table(table, path)


def damage(rng: random.Random, path: Path) -> None:
    """A file of any sort, in its bytes or in what they mean."""
    data = path.read_bytes()
    ways: list[Callable[[], object]] = [lambda: path.write_bytes(in_bytes(rng, data))]
    if path.suffix == ".json":
        ways += [lambda: path.write_bytes(in_text_of_json(rng, data))] * 3
    if path.suffix == ".parquet":
        ways += [lambda: in_table(rng, path)] * 3
    if rng.random() < 0.05:
        ways = [path.unlink]
    rng.choice(ways)()
