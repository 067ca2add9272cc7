"""The machines' part of a summary, and pauses of backups."""

from __future__ import annotations

from collections.abc import Iterable

from dr_sim.measures.cloud.machines import (
    ImageMoved,
    Short,
    ToGoal,
    machines_found,
    pauses,
)
from dr_sim.measures.cloud.quotas import quota_use
from dr_sim.measures.summary.cloud_types import (
    FarmUpgradeSummary,
    ImageSummary,
    MachinesSummary,
    PauseSummary,
    QuotaSummary,
    ShortSummary,
    ToGoalSummary,
)
from dr_sim.measures.tables import Tables, run_end_us
from dr_sim.scenario.model import Scenario


def machines_summary(
    t: Tables, scenario: Scenario
) -> MachinesSummary | None:
    """Return the summary of machines; None where there are none."""
    found = machines_found(t, scenario)
    if found is None:
        return None
    end_us = run_end_us(t, scenario)
    known = [
        level.would_serve_ppm
        for level in found.levels
        if level.would_serve_ppm is not None
    ]
    to_goal = [_to_goal(each, end_us) for each in found.to_goal]
    images = [_image(each, end_us) for each in found.images]
    return MachinesSummary(
        degraded=_shorts(found.degraded, end_us),
        second_short=_shorts(found.second_short, end_us),
        second_least_ppm=min(known, default=None),
        to_goal=to_goal,
        images=images,
        upgrades=[
            FarmUpgradeSummary(each.farm, each.image, dict(each.phases))
            for each in found.upgrades
        ],
        counts=dict(sorted(found.counts.items())),
        loads=list(found.loads) or None,
        quotas=_quotas(t, scenario) or None,
    )


def _quotas(t: Tables, scenario: Scenario) -> list[QuotaSummary]:
    assert scenario.cloud is not None
    return [
        QuotaSummary(each.network, each.tenant, each.quota, each.most)
        for each in quota_use(t, scenario.cloud)
    ]


def pauses_summary(t: Tables, scenario: Scenario) -> list[PauseSummary]:
    """Return the pauses of backups while databases were moved."""
    end_us = run_end_us(t, scenario)
    return [
        PauseSummary(
            scenario.databases[pause.database].name,
            list(scenario.databases[pause.database].tenants),
            pause.began_us,
            _lasted(pause.began_us, pause.ended_us, end_us),
            pause.ended_us is not None,
        )
        for pause in pauses(t, scenario)
    ]


def _to_goal(each: ToGoal, end_us: int) -> ToGoalSummary:
    lasted_us = _lasted(each.began_us, each.ended_us, end_us)
    over = each.ended_us is not None
    return ToGoalSummary(
        each.farm, each.site, each.began_us, lasted_us, over, each.reached
    )


def _image(each: ImageMoved, end_us: int) -> ImageSummary:
    lasted_us = _lasted(each.began_us, each.ended_us, end_us)
    return ImageSummary(
        each.image,
        each.site,
        each.began_us,
        lasted_us,
        each.sent_bytes,
        each.arrived,
    )


def _shorts(found: Iterable[Short], end_us: int) -> list[ShortSummary]:
    return [
        ShortSummary(
            each.site,
            each.began_us,
            _lasted(each.began_us, each.ended_us, end_us),
            each.ended_us is not None,
            each.least_ppm,
        )
        for each in found
    ]


def _lasted(began_us: int, ended_us: int | None, end_us: int) -> int:
    return (end_us if ended_us is None else ended_us) - began_us
