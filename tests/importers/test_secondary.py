"""The secondary's restorehistory and the log shipping monitor's tables, beside a history: by hand,
to the last digit.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.importers.how import HOW_TSQL
from dr_sim.importers.import_history import Imported, import_history
from dr_sim.importers.rate_interval import slope_interval
from dr_sim.importers.restores import _line_through
from dr_sim.loading.load import load_scenario

START = datetime(2026, 3, 2, tzinfo=UTC)
SIZES_MB = (100, 300, 200, 800, 400, 600, 100, 500)
SECONDARY = "primary_database,restore_threshold,threshold_alert_enabled,last_restored_latency,restore_delay,copy_every_s,restore_every_s"


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def history(sizes_mb: Sequence[int] = SIZES_MB) -> bytes:
    """Logs every 5 min, each of 2 s."""
    lines = [
        "database_name,type,backup_set_uuid,backup_start_date,backup_finish_date,time_zone,first_lsn,last_lsn,backup_size"
    ]
    for n, size in enumerate(sizes_mb):
        lines.append(
            f"crm,L,AB-{n},{at(300 * n)},{at(300 * n + 2)},0,{1000 + n},{1001 + n},{size * 10**6}"
        )
    return "\n".join(lines).encode()


def restores(seconds: Sequence[float], zone: int = 0) -> bytes:
    """Log n restored so many seconds after the start; in lower case, as another tool may write its
    uuid.
    """
    lines = ["restore_history_id,restore_date,time_zone,restore_type,backup_set_uuid"]
    lines += [f"{n + 7},{at(s + 900 * zone)},{zone},L,ab-{n}" for n, s in enumerate(seconds)]
    return "\n".join(lines).encode()


def caught_up(*, dates_are_ends: bool = False, stray_s: float = 0) -> list[float]:
    """All eight restored after an hour, one after the other: 2 s and 100 MB/s each."""
    now, told = 3600.0, []
    for n, size in enumerate(SIZES_MB):
        end = now + 2 + size / 100 + (stray_s if n == 2 else 0)
        told.append(end if dates_are_ends else now)
        now = end
    return told


def made(log: bytes, *monitor: str, of: bytes = b"") -> Imported:
    tables = [(text.encode(), f"m{n}.csv") for n, text in enumerate(monitor)]
    return import_history(of or history(), "h.csv", "mine", (log, "r.csv") if log else None, tables)


def loaded(tmp_path: Path, imported: Imported) -> Any:
    for name, text in imported.series.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(imported.scenario, encoding="utf-8")
    return load_scenario(tmp_path / "mine.yaml")


@pytest.mark.parametrize("zone", [0, 8, -22])
@pytest.mark.parametrize("stray_s", [0, 90])
@pytest.mark.parametrize(("ends", "means"), [(False, "start"), (True, "end")])
def test_rate_and_fixed_cost_of_restores(
    tmp_path: Path, zone: int, stray_s: float, ends: bool, means: str
) -> None:
    """Whichever of the two restore_date means; a restore that took 90 s too long moves nothing."""
    imported = made(restores(caught_up(dates_are_ends=ends, stray_s=stray_s), zone))
    secondary = loaded(tmp_path, imported).secondary
    assert (secondary.restore[2].rate_bytes_s, secondary.restore[2].fixed_us) == (
        100_000_000,
        2_000_000,
    )
    assert f"restore_date taken as the {means} of a restore" in imported.report
    assert "secondary.restore_rate: 100 MB/s\n" in imported.report
    assert "95 % interval of the rate: 100 MB/s to 100 MB/s; " in imported.report or stray_s


def test_the_interval_of_the_rate_holds_the_true_one_as_often_as_it_says() -> None:
    """Logs as a real database's, most of them small: 0.8 s and 120 MB/s, each a quarter more or
    less (lognormal). By the middle half of the rates of single logs, or by half the width, it would
    not.
    """
    held = narrow = 0
    tries = 40
    for seed in range(tries):
        draw = random.Random(seed)
        sizes = [int(draw.lognormvariate(math.log(8e6), 1.5)) for _ in range(40)]
        points = [
            (size, round((800_000 + size / 120) * draw.lognormvariate(0, 0.25))) for size in sizes
        ]
        line = _line_through(points)
        assert line is not None
        low, high = slope_interval(points, *line)
        held += low <= 1 / 120 <= high
        middle = line[1]
        narrow += middle - (middle - low) / 2 <= 1 / 120 <= middle + (high - middle) / 2
    assert held >= 35 > narrow, (held, narrow)


def test_too_few_large_logs_are_doubted() -> None:
    """Three logs of 1 GB among many of 1 MB: their bytes alone take longer than the 2 s that each
    costs.
    """
    now, told, sizes = 9600.0, [], [1] * 12 + [1000] * 3 + [1] * 12
    for size in sizes:
        told.append(now)
        now += 2 + size / 100
    assert (
        "logs whose bytes take longer than the fixed cost: 3, doubt it"
        in made(restores(told), of=history(sizes)).report
    )


def test_without_a_fixed_cost_the_line_goes_through_zero(tmp_path: Path) -> None:
    """Restores of 100 MB/s, 100 ms faster than that: no fixed cost is negative."""
    now, told = 3600.0, []
    for size in SIZES_MB:
        told.append(now)
        now += size / 100 - 0.1
    secondary = loaded(tmp_path, made(restores(told))).secondary
    assert secondary.restore[2].fixed_us == 0
    # 3 s less 0.1 for 300 MB, the median of seven: 103.4 MB/s
    assert secondary.restore[2].rate_bytes_s == 103_000_000


def test_restores_that_never_follow_each_other_tell_no_rate() -> None:
    """Each waits for its job, five minutes after the last: a distance is no duration."""
    imported = made(restores([300 * n + 20 for n in range(8)]))
    assert "0 logs restored back to back, 5 at least tell how long one takes" in imported.report
    assert "restore_rate" not in imported.scenario and "restore_fixed" not in imported.scenario
    assert (
        "  every: 0 s  # guessed: usually 0.3 min after its backup: as soon as it lands"
        in imported.scenario
    )


def test_a_restore_that_had_to_wait_for_its_backup_is_no_duration() -> None:
    """Every other log is restored 20 s before the next backup begins, the next one 10 s later than
    that begins.
    """
    told = [300 * (n + 1) - 20 if n % 2 == 0 else 300 * n + 10 for n in range(12)]
    imported = made(restores(told), of=history([100 + 50 * n for n in range(12)]))
    assert (
        "0 logs restored back to back" in imported.report
        and "restore_rate" not in imported.scenario
    )


def test_stripes_count_once_and_verified_only_not_at_all(tmp_path: Path) -> None:
    head, *rows = restores(caught_up()).decode().splitlines()
    verified = [f"{100 + n},{at(3600 + n)},0,V,ab-{n}" for n in range(8)]
    imported = made("\n".join([head, *(row for row in rows for _ in range(3)), *verified]).encode())
    secondary = loaded(tmp_path, imported).secondary
    assert (secondary.restore[2].rate_bytes_s, secondary.restore[2].fixed_us) == (
        100_000_000,
        2_000_000,
    )
    assert "8 restores left out: of no backup in the history" in imported.report


def test_of_several_databases_the_least_threshold_and_the_longest_delay(tmp_path: Path) -> None:
    both = (
        history()
        + b"\n"
        + history().partition(b"\n")[2].replace(b"crm", b"hr").replace(b"AB", b"CD")
    )
    imported = made(
        b"", f"{SECONDARY}\ncrm,45,1,NULL,0,900,900\nhr,30,1,NULL,20,900,900\n", of=both
    )
    scenario = loaded(tmp_path, imported)
    assert (scenario.danger_us, scenario.replay.delay_us) == (1_800_000_000, 1_200_000_000)
    assert "databases differ in restore_threshold (30 to 45): 30 taken" in imported.report


def test_logs_of_one_size_leave_the_rate_assumed(tmp_path: Path) -> None:
    imported = made(restores([3600 + 3 * n for n in range(8)]), of=history([356] * 8))
    secondary = loaded(tmp_path, imported).secondary
    # 3 s less 1 s at 356 MB/s
    assert (secondary.restore[2].fixed_us, secondary.restore[2].rate_bytes_s) == (
        2_000_000,
        356_000_000,
    )
    assert "no longer for larger logs, rate assumed" in imported.report


def test_delay_and_jobs_from_the_restores(tmp_path: Path) -> None:
    """A job every 5 min restores what is 60 min old: logs wait 65 min."""
    replay = loaded(tmp_path, made(restores([300 * n + 2 + 3900 for n in range(8)]))).replay
    assert (replay.every_us, replay.delay_us) == (300_000_000, 3_600_000_000)


def test_what_two_jobs_explain_is_no_delay(tmp_path: Path) -> None:
    for waited_s in (600, 660, 750):
        imported = made(restores([300 * n + 2 + waited_s for n in range(8)]))
        replay = loaded(tmp_path, imported).replay
        assert (replay.every_us, replay.delay_us) == (300_000_000, 0)
        # five minutes apart, though both were there
        assert "0 logs restored back to back" in imported.report
    assert (
        loaded(tmp_path, made(restores([300 * n + 2 + 780 for n in range(8)]))).replay.delay_us
        == 480_000_000
    )


def test_restores_before_their_backups_tell_no_delay() -> None:
    imported = made(restores([300 * n - 1000 for n in range(8)]))
    assert (
        "clocks or time zones disagree, no delay is given" in imported.report
        and "delay:" not in imported.scenario
    )


def test_what_is_configured_beats_what_is_seen(tmp_path: Path) -> None:
    monitor = f"{SECONDARY}\nCRM,45,1,16,0,900,600\nother,5,1,NULL,0,60,60\n"
    primary = "primary_database;backup_threshold;threshold_alert_enabled\ncrm;60;1\n"
    imported = made(restores([300 * n + 2 + 3900 for n in range(8)]), monitor, primary)
    scenario = loaded(tmp_path, imported)
    replay = scenario.replay
    assert (replay.every_us, replay.delay_us) == (600_000_000, 0)
    assert (replay.age_us, replay.window_us, scenario.danger_us) == (
        2_700_000_000,
        3_600_000_000,
        2_700_000_000,
    )
    assert scenario.replication.every_us == 900_000_000
    assert "delay: 0 s configured, taken; the restores look like 60 min" in imported.report.replace(
        "1 h", "60 min"
    )
    assert (
        "1 row of m0.csv left out: of databases that the history does not hold" in imported.report
    )
    assert "CRM: the log restored last was 16 min old" in imported.report


def test_an_alert_that_is_off_sets_no_threshold() -> None:
    imported = made(b"", f"{SECONDARY}\ncrm,45,0,NULL,30,900,900\n")
    assert "danger" not in imported.scenario and "  delay: 30 min\n" in imported.scenario
    assert "crm: the alert on restore_threshold is off" in imported.report


ROW = "restore_date,backup_set_uuid\n"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (ROW + "soon,ab-0\n2026-03-02 01:00,ab-0\n1/2/26,ab-1\n", "r.csv:2:1: restore 1: restore_date "
            "is 'soon', an instant like"),
        (ROW + "2026-03-02 01:00\n", "r.csv:2:1: has 1 column here, 2 in its first line"),
        (ROW + "2026-03-02 01:00,zz\n", "r.csv:1:1: holds no restore of a backup in the history"),
        (ROW, "r.csv:1:1: holds no restores"),
        ("restore_date,backup_set_id\n2026-03-02 01:00,4\n", "it has no backup_set_uuid "
            "(backup_set_id differs between"),
        ("a,b\n1,2\n", "r.csv:1:1: is no CSV of restorehistory"),
        ("time_zone," + ROW + "x,2026-03-02 01:00,ab-0\n", "time_zone is 'x', a small whole number is needed"),
    ],
)  # fmt: skip
def test_restores_that_cannot_be_read(log: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        made(log.encode())
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_restore_of_an_absurd_date_is_skipped() -> None:
    log = ROW + "2026-03-02 01:00,ab-0\n9999-12-31,ab-1\n"
    assert "restore 2: restore_date is '9999-12-31', an instant like" in made(log.encode()).report


@pytest.mark.parametrize(
    ("monitor", "words"),
    [
        ("primary_database,restore_threshold\ncrm,45\ncrm,0\n", "m0.csv:3:1: restore_threshold is "
            "0, a whole number of minutes from 1"),
        ("primary_database,restore_threshold\ncrm,often\n", "m0.csv:2:1: restore_threshold is "
            "'often', a whole number is needed"),
        ("primary_database,restore_threshold\nhr,45\n", "m0.csv:2:1: no primary_database "
            "in it is one of the history's: crm"),
        ("primary_database,restore_threshold\nNULL,45\n", "m0.csv:2:1: it has no primary_database"),
        ("primary_database,threshold\ncrm,45\n", "it has neither restore_threshold "
            "nor backup_threshold"),
        ("primary_database,restore_threshold\n", "m0.csv:1:1: is no CSV of "
            "log_shipping_monitor_secondary"),
    ],
)  # fmt: skip
def test_monitor_tables_that_cannot_be_read(monitor: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        made(b"", monitor)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_history_in_csv_names_the_line() -> None:
    with pytest.raises(InputError) as caught:
        import_history(history().replace(b"1003,1004", b"x,1004"), "h.csv")
    assert str(caught.value).startswith("h.csv:5:1: backup 4: FirstLSN is 'x'")


def test_the_command_writes_all_or_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in (
        ("h.csv", history()),
        ("r.csv", restores(caught_up())),
        ("m.csv", b"a\n1\n"),
    ):
        (tmp_path / name).write_bytes(data)
    out = tmp_path / "out" / "mine.yaml"
    command = [
        "import",
        "sqlserver",
        str(tmp_path / "h.csv"),
        "--restores",
        str(tmp_path / "r.csv"),
        "-o",
        str(out),
    ]
    assert main([*command, "--monitor", str(tmp_path / "m.csv")]) == 2
    assert not out.parent.exists() and len(capsys.readouterr().err.splitlines()) == 1
    assert main(command) == 0 and out.exists()
    assert "secondary.restore_rate: 100 MB/s" in capsys.readouterr().out
    assert main(["validate", str(out)]) == 0


def test_the_export_statements_name_what_the_readers_need(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["import", "sqlserver", "--how"]) == 0
    assert capsys.readouterr().out == HOW_TSQL
    for column in (
        "restore_history_id",
        "restore_date",
        "time_zone",
        "backup_set_uuid",
        "backup_threshold",
        *SECONDARY.split(","),
    ):
        assert column in HOW_TSQL
