"""Damaged histories, result folders, baselines, kept replications, recorded series and `--set`: one
line and exit code 2, or an answer; never a traceback, and nothing half written.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cli.main import main
from tests.fuzz.harness import Ended, command, damage, in_bytes, in_text_of_json

pytestmark = pytest.mark.usefixtures("files_from_anywhere")

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SMALL = """\
name: small
run_for: 10 h
measure_from: 10 min
databases:
  crm: {size: 1 GB, tenants: [acme, contoso]}
  web: {size: 2 GB, incremental: every 2 h}
link: {bandwidth: 200 Mbit/s}
failover: {mode: automatic}
events:
  - {at: 1 h, link_outage: 40 min}
  - {at: 3 h, lose: site}
  - {at: 7 h, lose: database}
sla:
  - {exposure.max: at most 20 min}
  - {outage: at most 10 min}
"""
LUCKY = (
    SMALL.replace("name: small", "name: lucky")
    + "faults:\n  link_outage: {rate: 4 per day, duration: {p50: 5 min, p95: 1 h}}\n"
)
SERIES = "seconds,value,state\n" + "".join(
    f"{60 * i},{100 + 7 * i % 31},{'down' if i % 9 == 4 else 'up'}\n" for i in range(60)
)
RECORDED = """\
name: recorded
run_for: 3 h
databases: {crm: {size: 1 GB, log_volume: {series: log.csv, column: value}}}
link: {bandwidth: 200 Mbit/s}
recorded:
  link: {file: link.csv, at: seconds, value: value, mean: 100 Mbit/s}
  restores: {file: link.csv, at: seconds, value: value}
  outages: {file: link.csv, at: seconds, value: state, down: down}
"""
BUDGET_S = 1.0  # of processor time for each kind, in the short suite
LONG = 2_000

Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: str) -> Ended:
        return command(list(arguments), capsys, monkeypatch)

    return ran


def seeds(long: bool) -> Any:
    """Numbers: as many as the budget allows, or all."""
    if long:
        yield from range(LONG)
        return
    begun = time.process_time()
    number = 0
    while number < 3 or time.process_time() - begun < BUDGET_S:
        yield number
        number += 1


def well(ended: Ended, what: str, *codes: int) -> None:
    assert ended.code in codes, f"{what}: exit {ended.code}\n{ended.error or ended.err[:2000]}"
    if ended.code == 2:
        assert ended.err.strip(), what
        assert all(len(line) < 1500 for line in ended.err.splitlines()), what


SHORT_OR_LONG = pytest.mark.parametrize("long", [False, pytest.param(True, marks=pytest.mark.long)])


# ---- histories
def _row(number: int, kind: str, **changes: object) -> dict[str, object]:
    start = 1_500_000_000_000 + number * 300_000
    return {
        "DatabaseName": "crm",
        "Type": kind,
        "BackupSetGUID": f"guid-{number}",
        "FirstLSN": str(10**15 + number * 10**8),
        "LastLSN": str(10**15 + (number + 1) * 10**8),
        "CheckpointLSN": str(10**15 + number * 10**8),
        "DatabaseBackupLSN": str(10**15),
        "BackupStartDate": f"/Date({start})/",
        "BackupFinishDate": f"/Date({start + 2000})/",
        "TotalSize": 10**8,
        "CompressedBackupSize": 10**7,
        **changes,
    }


def histories() -> list[tuple[str, bytes]]:
    """(tool, content): small ones of our own, and real ones where they lie beside the project."""
    rows = [
        _row(i, "Full" if i % 40 == 0 else "Differential" if i % 10 == 0 else "Transaction Log")
        for i in range(80)
    ]
    csv = (
        ",".join(rows[0]) + "\n" + "".join(",".join(map(str, row.values())) + "\n" for row in rows)
    )
    found = [("sqlserver", json.dumps(rows).encode()), ("sqlserver", csv.encode())]
    for tool, folder in (
        ("sqlserver", "dbatools"),
        ("pgbackrest", "pgbackrest"),
        ("walg", "walg"),
        ("barman", "barman"),
    ):
        for path in sorted((SHARED / folder).glob("*")):
            if path.suffix in (".json", ".csv") and path.stat().st_size < 400_000:
                found.append((tool, path.read_bytes()))
    return found


@SHORT_OR_LONG
def test_damaged_histories(long: bool, run: Run) -> None:
    whole = histories()
    for number in seeds(long):
        rng = random.Random(f"history {number}")
        tool, data = rng.choice(whole)
        path, out = Path("history.json"), Path("made.yaml")
        path.write_bytes((in_bytes if rng.random() < 0.4 else in_text_of_json)(rng, data))
        out.unlink(missing_ok=True)
        ended = run("import", tool, str(path), "-o", str(out))
        well(ended, f"history {number} of {tool}", 0, 2)
        assert out.exists() == (ended.code == 0), number
        assert not list(Path().glob(".making-*"))
        if ended.code == 0:
            well(run("validate", str(out)), f"history {number}: the scenario made of it", 0)
        until = rng.choice(
            ["latest", "2017-07-14 03:00", str(10**15 + 10**9), "0/1", "99999999999999999999"]
        )
        well(run("plan", str(path), "--until", until), f"history {number} of {tool}, plan", 0, 1, 2)


# ---- results
@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two failovers, replications, and a baseline."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.yaml").write_text(SMALL)
    (folder / "lucky.yaml").write_text(LUCKY)
    assert main(["run", str(folder / "small.yaml"), "--out", str(folder / "run")]) in (0, 1)
    assert main(
        [
            "run",
            str(folder / "lucky.yaml"),
            "--replications",
            "3",
            "--workers",
            "1",
            "--out",
            str(folder / "several"),
        ]
    ) in (0, 1, 3)
    assert (
        main(
            [
                "baseline",
                str(folder / "lucky.yaml"),
                "--replications",
                "3",
                "--workers",
                "1",
                "-o",
                str(folder / "base.parquet"),
            ]
        )
        == 0
    )
    return folder


LOOKS = (
    ["explain", "run", "--failover", "1"],
    ["explain", "run", "--failover", "2"],
    ["explain", "run", "--failover", "3"],
    ["explain", "run", "--alerts"],
    ["explain", "run", "--alert", "1"],
    ["explain", "run", "--at", "1 h 30 min"],
    ["explain", "run", "--at", "5 h", "--database", "web"],
    ["verify", "run"],
    ["plan", "run"],
    ["report", "run"],
)


@SHORT_OR_LONG
def test_damaged_results(long: bool, folders: Path, run: Run) -> None:
    names = sorted(
        p.name for p in (folders / "run").iterdir() if p.suffix in (".json", ".parquet", ".yaml")
    )
    for number in seeds(long):
        rng = random.Random(f"result {number}")
        shutil.rmtree("run", ignore_errors=True)
        shutil.copytree(folders / "run", "run")
        name = rng.choice(names)
        damage(rng, Path("run") / name)
        look = LOOKS[number % (len(LOOKS) - 1)] if number % 40 else LOOKS[-1]
        well(run(*look), f"result {number}: {name}, {' '.join(look)}", 0, 1, 2, 4)


@SHORT_OR_LONG
def test_damaged_baselines(long: bool, folders: Path, run: Run) -> None:
    for number in seeds(long):
        if long and number >= LONG // 4:
            return
        rng = random.Random(f"baseline {number}")
        for name in ("lucky.yaml", "base.parquet"):
            shutil.copy(folders / name, name)
        damage(rng, Path("base.parquet"))
        ended = run(
            "check",
            "lucky.yaml",
            "--against",
            "base.parquet",
            "--replications",
            "1",
            "--workers",
            "1",
            "--junit",
            "j.xml",
        )
        well(ended, f"baseline {number}", 0, 1, 2, 3)
        assert Path("j.xml").exists() == (ended.code != 2), number
        Path("j.xml").unlink(missing_ok=True)


@SHORT_OR_LONG
def test_damaged_replications_are_played_again_or_refused(
    long: bool, folders: Path, run: Run
) -> None:
    for number in seeds(long):
        if long and number >= LONG // 10:
            return
        rng = random.Random(f"kept {number}")
        shutil.rmtree("several", ignore_errors=True)
        shutil.copytree(folders / "several", "several")
        shutil.copy(folders / "lucky.yaml", "lucky.yaml")
        files = sorted(p for p in Path("several").rglob("*") if p.is_file())
        damage(rng, rng.choice(files))
        ended = run(
            "run", "lucky.yaml", "--replications", "3", "--workers", "1", "--out", "several"
        )
        well(ended, f"kept {number}", 0, 1, 2, 3)
        if ended.code != 2:
            assert (Path("several") / "measures.parquet").read_bytes() == (
                folders / "several" / "measures.parquet"
            ).read_bytes()


# ---- series and overrides
@SHORT_OR_LONG
def test_damaged_series(long: bool, run: Run) -> None:
    Path("recorded.yaml").write_text(RECORDED)
    for number in seeds(long):
        rng = random.Random(f"series {number}")
        for name in ("log.csv", "link.csv"):
            Path(name).write_text(SERIES)
        path = Path(rng.choice(["log.csv", "link.csv"]))
        data = path.read_bytes()
        for _ in range(rng.choice([1, 2, 5])):
            cells = data.replace(b"\n", b",").split(b",")
            worst = rng.choice(
                [
                    b"",
                    b"-1",
                    b"1e999999999",
                    b"1e30",
                    b"9" * 5000,
                    b"0",
                    b"nan",
                    b"inf",
                    b"1/0",
                    b"2026-13-45",
                    b"9999-12-31",
                    b'"',
                    b"\0",
                ]
            )
            data = (
                data.replace(rng.choice(cells), worst, 1)
                if rng.random() < 0.7
                else in_bytes(rng, data)
            )
        path.write_bytes(data)
        well(run("validate", "recorded.yaml"), f"series {number}", 0, 2)
        if number % 20 == 0:
            well(
                run("run", "recorded.yaml", "--out", f"out{number}"), f"series {number}", 0, 1, 2, 3
            )


_KEYS = (
    "link",
    "link.loss",
    "link.bandwidth",
    "seed",
    "run_for",
    "start",
    "time_zone",
    "databases",
    "databases.crm",
    "databases.crm.size",
    "databases.*.log",
    "databases.crm.log_volume",
    "databases.crm.copies",
    "events",
    "events.1",
    "events.1.at",
    "events.1.link_outage",
    "events.*.at",
    "faults",
    "faults.lose",
    "sla",
    "sla.1",
    "sla.1.outage",
    "replications",
    "replications.until",
    "sweep",
    "answer",
    "on_unknown",
    "extends",
    "recorded.link",
    "recorded.outages",
    "replication.groups",
    "replication.groups.a.folders.b",
    "machines",
    "failover.operators",
    "secondary.restore_full",
    "*",
    "*.*",
    ".",
    "",
    "=",
    '"',
    '"a.b".c',
    "a" * 5000,
    "name",
    "description",
)
_WORDS = (
    "",
    "null",
    "~",
    "0",
    "-1",
    "1e9",
    "9" * 5000,
    "[]",
    "{}",
    "[1, 2, 3]",
    "{a: 1}",
    "[[[[[[]]]]]]",
    "{p50: 1 s, p95: 1 us}",
    "1 us",
    "36501 days",
    "1001 TB",
    "&a [*a]",
    "!!python/object:os.system x",
    "'",
    '"',
    "a\nb",
    "\x00",
    "\u202e",
    "\ud800",
    "extends: /etc/passwd",
    "/etc/shadow",
    "../../../etc/passwd",
    "%d%s",
    "[{at: 1 h, lose: site}]",
    "[{at: 1 h, lose: site}, {at: 1 h, lose: site}]",
    "{rate: 1 per h}",
    "at most 1 s",
    "none",
    "all",
    "every 1 s",
    "$$x$$",
    "<b>",
)


@SHORT_OR_LONG
def test_hostile_overrides(long: bool, folders: Path, run: Run) -> None:
    shutil.copy(folders / "small.yaml", "small.yaml")
    for number in seeds(long):
        rng = random.Random(f"set {number}")
        given = [
            f"{rng.choice(_KEYS)}={rng.choice(_WORDS)}" for _ in range(rng.choice([1, 1, 2, 3]))
        ]
        arguments = ["run", "small.yaml", "--out", "out"]
        for one in given:
            arguments += ["--set", one]
        shutil.rmtree("out", ignore_errors=True)
        ended = run(*arguments)
        well(ended, f"set {number}: {given}", 0, 1, 2, 3, 5)
        assert Path("out").exists() == (ended.code != 2), given
