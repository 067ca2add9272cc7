"""`check`, `baseline`, `compare`: verdicts and exit codes, and what build servers are given to
read.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from dr_sim import api
from dr_sim.cli.main import main, parser_of_all
from dr_sim.experiments.judging.check import scenario_files
from dr_sim.experiments.replications import until
from dr_sim.experiments.replications.batches import BatchJob
from dr_sim.experiments.replications.executor import Batch
from dr_sim.experiments.replications.sample import Sample, pack
from dr_sim.files import output
from dr_sim.scenario.reading.tree import parse_yaml
from tests.experiments.worlds import S, sample

BODY = """\
run_for: 1 h
databases: {{crm: {{size: 1 GB}}}}
link: {{bandwidth: 1 Gbit/s}}
seed: {seed}
{more}
"""


class Made:
    """An executor that plays no world: replication i of a scenario has the outage that its seed
    asks for.
    """

    slower_us = 0
    violations = 0
    played: list[tuple[str, int]] = []  # noqa: RUF012

    def play(self, jobs: Sequence[BatchJob]) -> Iterator[Batch]:
        for job in jobs:
            for i in job.numbers:
                Made.played.append((job.scenario.name, i))
                yield job.key, pack([self.take(job, i)])

    def take(self, job: BatchJob, i: int) -> Sample:
        wobble = 0 if job.scenario.name == "certain" else (i * 37) % 60
        us = (100 * job.scenario.seed + wobble) * S + Made.slower_us
        return sample(i, {"outage": us, "alerts_missed": 0}, Made.violations)

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(until, "open_executor", lambda workers, on: Made())
    monkeypatch.setattr(Made, "slower_us", 0)
    monkeypatch.setattr(Made, "violations", 0)
    monkeypatch.setattr(Made, "played", [])
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.chdir(tmp_path)


def scenario(name: str, more: str, seed: int = 1) -> Path:
    path = Path(f"{name}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(BODY.format(seed=seed, more=more), encoding="utf-8")
    return path


MET = "replications: 40\nsla: {outage: at most 3 min}"
MISSED = (
    "replications: 40\nsla:\n  - {alerts_missed: at most 0}\n  - {id: rto, outage.p50: at "
    "most 90 s}"
)
OPEN = "replications: 40\nsla: {outage.p99: at most 3 min}"
WARN = "on_unknown: warn\n" + OPEN


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([MET], 0),
        ([MISSED], 1),
        ([OPEN], 3),
        ([WARN], 0),
        ([MET, OPEN], 3),
        ([OPEN, MISSED, MET], 1),
        ([WARN, MET], 0),
    ],
)
def test_exit_codes(files: list[str], code: int) -> None:
    paths = [str(scenario(f"s{i}", more)) for i, more in enumerate(files)]
    assert main(["check", *paths]) == code


def test_a_broken_invariant_is_worse_than_a_miss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Made, "violations", 1)
    assert main(["check", str(scenario("s", MISSED)), "--github"]) == 4
    assert "::error file=s.yaml,line=1,title=s%3A broken::40 violations" in capsys.readouterr().out


def test_a_silently_short_recovery_is_worse_than_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Made, "take", lambda self, job, i: Sample(i, [], [], 0, silent=int(i == 7)))
    assert main(["check", str(scenario("s", MISSED)), str(scenario("t", MET))]) == 5


TENANTS = """\
replications: 40
sla:
  - {outage: at most 3 min}
  - {outage.p50: at most 90 s, tenant: acme}
"""


def test_a_tenant_s_line_and_its_regression_are_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """acme's outage alone is missed, and becomes longer than it was in the baseline."""
    acme_s = 130

    def take(self: Made, job: BatchJob, i: int) -> Sample:
        found = sample(i, {"outage": 100 * S + (i * 37) % 60 * S})
        others = [
            replace(v, tenant=name, low=s * S + i, high=s * S + i)
            for v in found.values
            for name, s in (("acme", acme_s), ("globex", 60))
        ]
        return replace(found, values=[*found.values, *others])

    monkeypatch.setattr(Made, "take", take)
    path = scenario("s", TENANTS)
    path.write_text(
        path.read_text().replace("crm: {size: 1 GB}", "crm: {size: 1 GB, tenants: [acme, globex]}")
    )
    assert main(["baseline", str(path), "-o", "b.parquet"]) == 0
    assert main(["check", str(path), "--github", "--junit", "j.xml", "--markdown", "m.md"]) == 1
    out = capsys.readouterr().out
    assert (
        " PASS     outage at most 3:00" in out
        and " FAIL     outage.p50 acme at most 1:30   2:10" in out
    )
    assert (
        "::error file=s.yaml,line=8,title=s%3A SLA missed (outage.p50 acme)::outage.p50 acme is 2:10"
        in out
    )
    case = next(
        c for c in Xml.parse("j.xml").iter("testcase") if c.get("name") == "outage.p50 acme"
    )
    assert case.find("failure") is not None
    assert "| 8 | outage.p50 acme at most 1:30 | 2:10" in Path("m.md").read_text()
    acme_s = 160
    assert main(["check", str(path), "--against", "b.parquet", "--github", "--junit", "j.xml"]) == 1
    out = capsys.readouterr().out
    assert "WORSE    outage acme rose from 2:10 to 2:40" in out and out.count("WORSE") == 1
    assert "baseline outage acme" in {c.get("name") for c in Xml.parse("j.xml").iter("testcase")}
    assert main(["compare", str(path), str(path), "--all"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^outage of acme \(site\) +2:40 +2:40", out, re.MULTILINE) and re.search(
        r"^outage of globex \(site\) +1:00", out, re.MULTILINE
    )


def test_a_mistake_in_one_file_runs_none(capsys: pytest.CaptureFixture[str]) -> None:
    scenario("a", MET)
    scenario("b", "sla: {outages: at most 3 min}")
    assert main(["check", ".", "--junit", "j.xml"]) == 2
    assert "b.yaml:5:7: sla: unknown measure 'outages'" in capsys.readouterr().err
    assert not Path("j.xml").exists() and not Made.played


def test_folders_are_searched_and_what_is_no_scenario_is_left_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scenario("x/deep/a", MET)
    scenario("x/no_sla", "")
    scenario("x/.hidden/b", MISSED)
    Path("x/workflow.yml").write_text("on: push\njobs: {}\n")
    assert [p.as_posix() for p in scenario_files([Path("x")])] == ["x/deep/a.yaml", "x/no_sla.yaml"]
    assert main(["check", "x"]) == 0
    told = capsys.readouterr().out
    assert "PASS     x/deep/a.yaml  40 runs" in told and "no sla   x/no_sla.yaml" in told
    Path("empty").mkdir()
    assert main(["check", "empty"]) == 2


def test_more_runs_are_played_until_a_line_is_decided() -> None:
    path = scenario(
        "s", "replications: {at_least: 100, at_most: 2000}\nsla: {outage.p99: at most 200 s}"
    )
    assert main(["check", str(path)]) == 0
    assert 299 < len(Made.played) < 2000
    Made.played.clear()
    assert main(["check", str(path), "--budget", "0 s"]) == 3
    assert len(Made.played) == 100


def test_junit_has_a_case_for_each_line() -> None:
    main(
        [
            "check",
            str(scenario("met", MET)),
            str(scenario("missed", MISSED)),
            str(scenario("open", OPEN)),
            str(scenario("warn", WARN)),
            "--junit",
            "out/j.xml",
        ]
    )
    root = Xml.parse("out/j.xml").getroot()
    assert [root.get(k) for k in ("tests", "failures", "errors", "skipped")] == ["5", "1", "1", "1"]
    (failed,) = (c for c in root.iter("testcase") if c.find("failure") is not None)
    assert (
        failed.get("classname"),
        failed.get("name"),
        failed.get("file"),
        failed.get("line"),
    ) == ("missed.yaml", "rto", "missed.yaml", "8")
    failure = failed.find("failure")
    assert failure is not None and "promised at most 1:30" in (failure.get("message") or "")


def test_the_markdown_is_a_table_for_each_scenario_with_safe_cells() -> None:
    odd = 'replications: 40\nsla:\n  - {id: "a|b", outage.p50: at most 90 s}'
    main(["check", str(scenario("odd|name", odd)), "--markdown", "m.md"])
    text = Path("m.md").read_text(encoding="utf-8")
    assert text.startswith("### dr-sim check: ❌ fail")
    row = next(line for line in text.splitlines() if "outage" in line)
    assert row.replace("\\|", "").count("|") == 6
    assert "#### ❌ fail odd\\|name" in text
    assert text.count("odd") == 2  # its name, and its file once


@pytest.mark.parametrize(("by", "value"), [("option", ""), ("environment", "true")])
def test_annotations_name_file_and_line_of_the_broken_line(
    by: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [
        str(scenario("missed", MISSED)),
        str(scenario("open,1", OPEN)),
        str(scenario("warn", WARN)),
        str(scenario("met", MET)),
    ]
    if by == "environment":
        monkeypatch.setenv("GITHUB_ACTIONS", value)
    main(["check", *paths, *(["--github"] if by == "option" else [])])
    told = [x for x in capsys.readouterr().out.splitlines() if x.startswith("::")]
    assert len(told) == 3
    assert told[0].startswith(
        "::error file=missed.yaml,line=8,title=missed%3A SLA missed (rto)::outage.p50 is 2:0"
    )
    unknown = "SLA unknown (outage.p99)::"
    assert told[1].startswith(f"::error file=open%2C1.yaml,line=6,title=open%2C1%3A {unknown}")
    assert told[2].startswith(f"::warning file=warn.yaml,line=7,title=warn%3A {unknown}")


def test_a_scenario_has_one_annotation_and_the_summary_keeps_every_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = "replications: 40\nsla: {outage.p50: at most 90 s, data_loss.p99: at most 1 s}"
    assert main(["check", str(scenario("two", lines)), "--github"]) == 1
    out = capsys.readouterr().out.splitlines()
    (told,) = [x for x in out if x.startswith("::")]
    assert "title=two%3A SLA missed (outage.p50)" in told and "unknown (data_loss.p99)::" in told
    assert told.count("%0A") == 1 and "promised at most 1:30%0Adata_loss.p99" in told
    last = next(x for x in out if x.startswith("  FAIL     two: outage.p50 is 2:"))
    assert "promised at most 1:30" in last and "; data_loss.p99" in last


def test_how_many_runs_a_quantile_needs_is_told_before_they_are_played(
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = str(scenario("few", "sla: {outage.p95: at most 3 min}"))
    enough = str(scenario("enough", "replications: 59\nsla: {outage.p95: at most 9 min}"))
    main(["check", few, enough, str(scenario("none", "sla: {outage: at most 3 min}"))])
    told = capsys.readouterr().err.splitlines()
    assert told[:2] == [
        "few.yaml: needs at least 59 runs for outage.p95 to pass, and plays 1 run; more with "
        "--replications 59, or 'replications: 59' in the file",
        "enough.yaml: needs at least 59 runs for outage.p95 to pass, and plays 59 runs",
    ]
    assert not any("none.yaml" in line for line in told)
    assert main(["check", enough]) == 0
    assert main(["check", enough, "--replications", "58"]) == 3


def test_a_line_of_a_base_is_shown_in_the_base(capsys: pytest.CaptureFixture[str]) -> None:
    scenario("base", MISSED)
    Path("over.yaml").write_text("extends: base.yaml\n")
    main(["check", "over.yaml", "--github"])
    assert (
        "::error file=base.yaml,line=8,title=over%3A SLA missed (rto)::" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--junit", "s.yaml"], "s.yaml: is what was read"),
        (["--markdown", "./s.yaml"], "s.yaml: is what was read"),
        (["--junit", "out.txt", "--markdown", "./out.txt"], "out.txt: is written twice"),
        (["--junit", "folder"], "folder: cannot be written (it is a folder)"),
    ],
)
def test_nothing_is_played_for_a_report_that_cannot_be_written(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario("s", MET)
    text = path.read_text()
    Path("folder").mkdir()
    assert main(["check", str(path), *options]) == 2
    assert told in capsys.readouterr().err
    assert path.read_text() == text and not Made.played and not Path("out.txt").exists()


@pytest.mark.parametrize("out", ["s.yaml", "folder"])
def test_nor_for_a_baseline(out: str) -> None:
    path = scenario("s", MET)
    Path("folder").mkdir()
    assert main(["baseline", str(path), "-o", out]) == 2
    assert not Made.played and path.read_text().startswith("run_for")


@pytest.mark.parametrize("command", ["check", "run", "compare"])
def test_the_verdict_stands_though_nobody_reads_it_to_its_end(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `dr-sim check scenarios | head -1` under pipefail."""
    path = str(scenario("s", MISSED))

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(output, "mute", lambda: monkeypatch.setattr(sys, "stdout", io.StringIO()))
    assert main([command, path, path] if command == "compare" else [command, path]) == (
        0 if command == "compare" else 1
    )


def test_an_empty_path_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """As of a variable that is not set."""
    scenario("s", MET)
    for command in (["check", ""], ["baseline", "", "-o", "b.parquet"]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 2 and "is empty" in capsys.readouterr().err
    assert not Made.played


# ---- baselines
@pytest.mark.parametrize(
    ("slower_us", "code", "word"), [(0, 0, ""), (1, 1, "WORSE"), (-1, 0, "BETTER")]
)
def test_a_regression_fails_and_an_improvement_is_told(
    slower_us: int,
    code: int,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A microsecond in every run, luck of a minute between runs: the pairs see it."""
    path = str(scenario("s", MET))
    assert main(["baseline", path, "-o", "base/b.parquet"]) == 0
    monkeypatch.setattr(Made, "slower_us", slower_us)
    capsys.readouterr()
    asked = ["check", path, "--against", "base/b.parquet", "--tolerance", "0 s"]
    assert main([*asked, "--github", "--junit", "j.xml", "--markdown", "m.md"]) == code
    told = capsys.readouterr().out
    assert (
        f"{told.count('WORSE  ')} values worse, {told.count('BETTER  ')} better".replace(
            "1 values", "1 value"
        )
        in told
    )
    assert (word in told) if word else ("WORSE" not in told and "BETTER" not in told)
    if word == "WORSE":
        assert (
            "40 of 40 runs differ" in told
            and "::error file=s.yaml,line=1,title=s%3A worse than the baseline::outage rose" in told
        )
        assert Xml.parse("j.xml").getroot().get("failures") == "1"
        assert "❌ worse" in Path("m.md").read_text(encoding="utf-8")


def test_a_certain_scenario_is_held_to_its_one_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(scenario("certain", "sla: {outage: at most 3 min}"))
    assert main(["baseline", path, "-o", "b.parquet"]) == 0
    assert main(["check", path, "--against", "b.parquet"]) == 0
    monkeypatch.setattr(Made, "slower_us", 1)
    # a microsecond is within the tolerance
    assert main(["check", path, "--against", "b.parquet"]) == 0
    assert "a difference of at most 1 % or 1 s does not count" in capsys.readouterr().out
    assert main(["check", path, "--against", "b.parquet", "--tolerance", "0 s"]) == 1
    assert "nothing in this scenario is left to chance" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("slower_us", "code", "by"),
    [
        (3_000_000, 0, ""),
        (3_000_001, 1, "by +3.000001 s"),
        (3_010_000, 1, "by +3.01 s"),
        (4_000_000, 1, "by +4 s"),
    ],
)
def test_a_difference_reads_as_more_than_the_tolerance(
    slower_us: int,
    code: int,
    by: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(scenario("certain", "sla: {outage: at most 3 min}"))
    assert main(["baseline", path, "-o", "b.parquet"]) == 0
    monkeypatch.setattr(Made, "slower_us", slower_us)
    capsys.readouterr()
    assert main(["check", path, "--against", "b.parquet", "--tolerance", "3 s"]) == code
    told = capsys.readouterr().out
    assert (f"{by} (nothing in this" in told) if by else ("WORSE" not in told)


def test_few_replications_are_told_to_be_too_few(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            [
                "baseline",
                str(scenario("s", "replications: 5\nsla: {outage: at most 3 min}")),
                "-o",
                "b.parquet",
            ]
        )
        == 0
    )
    assert "s.yaml: fewer than 1" in capsys.readouterr().err


def test_the_pairs_are_the_baselines_luck(capsys: pytest.CaptureFixture[str]) -> None:
    """Another seed today: the baseline's own is played for the comparison, and nothing is
    accused.
    """
    path = str(scenario("s", MET))
    main(["baseline", path, "-o", "b.parquet"])
    scenario("s", "replications: 40\nsla: {outage: at most 10 min}", seed=3)
    assert main(["check", path, "--against", "b.parquet"]) == 0
    assert "WORSE" not in capsys.readouterr().out


def test_what_is_no_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(scenario("s", MET))
    assert main(["check", path, "--against", "none.parquet"]) == 2
    Path("b.parquet").write_text("no")
    assert main(["check", path, "--against", "b.parquet"]) == 2
    assert "is no baseline of dr-sim" in capsys.readouterr().err
    Path("folder").mkdir()
    assert main(["check", path, "--against", "folder"]) == 2
    assert "folder: is a folder; name the file" in capsys.readouterr().err
    other = str(scenario("other", MET))
    main(["baseline", other, "-o", "b.parquet"])
    capsys.readouterr()
    assert main(["check", path, "--against", "b.parquet"]) == 0
    told = capsys.readouterr().out
    assert "new      s.yaml: not in the baseline" in told
    assert "nothing was compared: the baseline holds none" in told and "compared with" not in told
    assert main(["check", path, other, "--against", "b.parquet"]) == 0
    told = capsys.readouterr().out
    assert "compared with the baseline: 1 scenario; 0 values worse, 0 better; a" in told
    assert "nothing was compared" not in told


# ---- compare
@pytest.mark.usefixtures("files_from_anywhere")
def test_compare_shows_what_differs_on_the_same_luck(capsys: pytest.CaptureFixture[str]) -> None:
    a, b = str(scenario("a", MET)), str(scenario("certain", MET, seed=9))
    assert main(["compare", a, b, "--replications", "60"]) == 0
    told = capsys.readouterr().out
    assert "60 replications of both under the same random events, seed 1" in told
    row = next(x for x in told.splitlines() if x.startswith("outage"))
    # b has no wobble, which is 0 once in 60 runs and 29.5 s in the mean
    assert "-29.5 s" in row and "59 of 60" in row
    assert main(["compare", a, a, "--replications", "6", "--json"]) == 0
    assert all(x["differing"] == 0 for x in json.loads(capsys.readouterr().out))
    assert main(["compare", a, a, "--replications", "6"]) == 0
    assert "no measure differs in any replication" in capsys.readouterr().out


# ---- the documentation
def test_the_documented_commands_and_workflows_are_understood() -> None:
    docs = Path(__file__).parents[2] / "docs"
    text = "".join(
        (docs / name).read_text(encoding="utf-8") for name in ("ci.md", "python.md", "measures.md")
    )
    commands = re.findall(r"(?m)^dr-sim ((?:run|check|baseline|compare|sweep) [^`\n]+)", text)
    assert len(commands) >= 6
    for command in commands:
        parser_of_all().parse_args(shlex.split(command))
    workflows = blocks_of((docs / "ci.md").read_text(encoding="utf-8"))
    assert len(workflows) == 3
    for block in workflows:
        read = parse_yaml(block, "ci.md", [])
        assert read is not None and isinstance(read.value, dict)
    _, _, lines_of_an_sla = text.partition("## SLA lines")
    lines = blocks_of(lines_of_an_sla)[0]
    path = Path("documented.yaml")
    path.write_text(lines, encoding="utf-8")
    assert len(api.load_scenario(path).sla) == 6


def blocks_of(text: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
