"""Tells what the screen and the page say of the cloud manager."""

from __future__ import annotations

from dr_sim.formatting.words import counted
from dr_sim.measures.cloud.cloud import provisioned_words
from dr_sim.measures.summary.cloud_types import (
    ApiSummary,
    JobsSummary,
    ProvisioningSummary,
)
from dr_sim.measures.summary.curve_types import CurveSummary
from dr_sim.measures.summary.types import Summary
from dr_sim.scenario.model import Scenario
from dr_sim.screen.curves import or_never
from dr_sim.screen.machines import machine_facts, machine_lines
from dr_sim.units import MINUTE_US, clock


def cloud_lines(summary: Summary, scenario: Scenario) -> list[str]:
    """The screen's section; empty where there is no cloud manager."""
    cloud = summary.cloud
    if cloud is None:
        return []
    drift = cloud.drift
    out = []
    if drift.time_us:
        out.append(f"DRIFT            {three(drift)}   ({_mode(scenario)})")
        for limit, above in drift.above.items():
            if above.time_us:
                out.append(
                    f"  above {clock(limit)} for {clock(above.time_us)}"
                )
        if drift.reported.time_us and _apart(drift, drift.reported):
            out.append(
                f"  the cloud manager's own estimate was {three(drift.reported)}"
            )
        if skipped := cloud.jobs.notices.get("skipped"):
            out.append(f"  {skipped_words(skipped)}")
        out.append(f"PROVISION IF NOW {or_never(cloud.provision_if_now)}")
    out += [
        f"PROVISIONED IN   {_provisioning(p)}" for p in cloud.provisionings
    ]
    if cloud.api.calls:
        out.append(f"API              {api_words(cloud.api)}")
        for upgrade in cloud.api.while_upgraded:
            part = percent(upgrade.first_try_ppm)
            out.append(
                f"  while it was upgraded: {counted(upgrade.calls, 'call')}, {part} at first try"
            )
    out += machine_lines(cloud)
    out.append(f"JOBS             {jobs_words(cloud.jobs)}")
    return out


def cloud_facts(
    summary: Summary, scenario: Scenario
) -> list[tuple[str, str]]:
    """The same for the head of a page."""
    cloud = summary.cloud
    if cloud is None:
        return []
    facts = []
    if cloud.drift.time_us:
        words = f"{three(cloud.drift)} ({_mode(scenario)})"
        if cloud.drift.reported.time_us:
            words += f"; believed {three(cloud.drift.reported)}"
        if skipped := cloud.jobs.notices.get("skipped"):
            words += f"; {skipped_words(skipped)}"
        facts.append(("configuration drift", words))
        facts.append(
            (
                "provisioning, if the site had been lost",
                or_never(cloud.provision_if_now),
            )
        )
    facts += [
        ("provisioned in", _provisioning(p)) for p in cloud.provisionings
    ]
    if cloud.api.calls:
        facts.append(("calls of the cloud manager", api_words(cloud.api)))
    facts += machine_facts(cloud)
    facts.append(("jobs", jobs_words(cloud.jobs)))
    return facts


def skipped_words(skipped: int) -> str:
    """Say why drift does not end, by itself, where changes were skipped."""
    changes = (
        "1 change was" if skipped == 1 else f"{skipped:,} changes were"
    )
    return (
        f"{changes} skipped at the secondary (on_failure: skip): that is drift until a failover "
        "makes the thing anew"
    )


def three(curve: CurveSummary) -> str:
    """'p50 2:31  p99 5:00  max 7:12'."""
    return "  ".join(
        f"{name} {clock(curve.known(name))}"
        for name in ("p50", "p99", "max")
    )


def _mode(scenario: Scenario) -> str:
    assert scenario.cloud is not None
    return f"mirror: {scenario.cloud.mirror.mode}"


def _apart(drift: CurveSummary, reported: CurveSummary) -> bool:
    return any(
        abs(drift.known(name) - reported.known(name)) >= MINUTE_US
        for name in ("p50", "p99", "max")
    )


def _provisioning(p: ProvisioningSummary) -> str:
    lines = ((line.what, line.duration_us) for line in p.lines)
    spent = provisioned_words(lines, p.ready)
    return f"{clock(p.ended_us - p.began_us)}: {spent}"


def percent(ppm: int | None) -> str:
    """'99.93 %'; rounded down, so that 100 % is all."""
    return "unknown" if ppm is None else f"{ppm // 100 / 100:.2f} %"


def api_words(api: ApiSummary) -> str:
    """One line about all calls."""
    lives = (
        "" if api.lives == 1 else f", by {api.lives} lives of the manager"
    )
    forbidden = api.outcomes.get("forbidden", 0)
    refused = f", {forbidden:,} forbidden" if forbidden else ""
    return (
        f"{counted(api.calls, 'call')}, {percent(api.first_try_ppm)} at first try, "
        f"{api.unanswered:,} never answered{refused}{lives}"
    )


def jobs_words(jobs: JobsSummary) -> str:
    """One line about all jobs."""
    parts = [counted(jobs.scripts.get("begins", 0), "script")]
    for what in (
        "failed",
        "killed",
        "cleaned",
        "not cleaned",
        "died",
        "escaped",
    ):
        if jobs.scripts.get(what):
            parts.append(f"{jobs.scripts[what]:,} {what}")
    told = sum(jobs.notices.values())
    made = f"{counted(jobs.twice, 'change')} made twice"
    parts += [made, f"{jobs.lost:,} never made"]
    parts.append(counted(told, "notice") if told else "no notices")
    return ", ".join(parts)
