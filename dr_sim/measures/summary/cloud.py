"""The cloud manager's part of a summary."""

from __future__ import annotations

from collections import Counter

from dr_sim.measures.cloud import cloud
from dr_sim.measures.summary.cloud_types import (
    ApiSummary,
    CloudSummary,
    DriftSummary,
    JobsSummary,
    ProvisioningLine,
    ProvisioningSummary,
    UpgradeSummary,
)
from dr_sim.measures.summary.curve_types import PartedCurve
from dr_sim.measures.summary.curves import curve_summary
from dr_sim.measures.summary.machines import (
    machines_summary,
    pauses_summary,
)
from dr_sim.measures.summary.values import shallow
from dr_sim.measures.tables import Tables, run_end_us
from dr_sim.measures.whole import Whole
from dr_sim.scenario.model import Scenario


def cloud_summary(whole: Whole) -> CloudSummary | None:
    """Return the measures of the cloud manager; None where there is none."""
    scenario = whole.scenario
    if scenario.cloud is None:
        return None
    t = whole.of_cloud
    drift = curve_summary(whole.drift(), scenario, whole.end_us)
    reported = curve_summary(whole.reported_drift(), scenario, whole.end_us)
    provision = curve_summary(
        whole.provision_if_now(), scenario, whole.end_us
    )
    return CloudSummary(
        drift=DriftSummary(
            **shallow(drift),
            by_database={},
            by_tenant={},
            reported=reported,
        ),
        provision_if_now=PartedCurve(
            **shallow(provision), by_database={}, by_tenant={}
        ),
        api=_api(t, scenario),
        jobs=_jobs(t, scenario),
        provisionings=[
            _provisioning(p) for p in cloud.provisionings(t, scenario)
        ],
        pauses=pauses_summary(t, scenario),
        machines=machines_summary(t, scenario),
    )


def _provisioning(p: cloud.Provisioning) -> ProvisioningSummary:
    lines = [ProvisioningLine(what, us) for what, us in p.lines]
    return ProvisioningSummary(p.began_us, p.ended_us, p.ready, lines)


def _api(t: Tables, scenario: Scenario) -> ApiSummary:
    end = run_end_us(t, scenario) + 1
    found = cloud.calls(t, scenario, scenario.measure_from_us, end)
    outcomes = Counter(
        r.values["outcome"] or "unanswered"
        for r in t.rows("truth.cloud_call")
    )
    upgrades = []
    for begin, until in _upgrades(t, scenario):
        calls = cloud.calls(t, scenario, begin, until)
        upgrades.append(
            UpgradeSummary(
                begin,
                until,
                calls.calls,
                calls.first_try_ppm,
                calls.unanswered,
            )
        )
    return ApiSummary(
        calls=found.calls,
        first_try=found.first_try,
        unanswered=found.unanswered,
        first_try_ppm=found.first_try_ppm,
        unanswered_ppm=found.unanswered_ppm,
        outcomes=dict(sorted(outcomes.items())),
        while_upgraded=upgrades,
        lives=sum(r.values["up"] for r in t.rows("truth.cloud_manager")),
    )


def _upgrades(t: Tables, scenario: Scenario) -> list[tuple[int, int]]:
    """Return when the manager was being upgraded."""
    found, since = [], None
    for r in t.rows("truth.cloud_upgrade"):
        if r.values["begins"]:
            since = r.time_us
        elif since is not None:
            found.append((since, r.time_us))
            since = None
    return [
        *found,
        *([(since, run_end_us(t, scenario))] if since is not None else []),
    ]


def _jobs(t: Tables, scenario: Scenario) -> JobsSummary:
    scripts = Counter(
        r.values["what"] for r in t.rows("truth.cloud_script")
    )
    notices = Counter(r.values["notice"] for r in t.rows("cloud.Notify"))
    effects = Counter(
        (r.values["site"], r.values["how"])
        for r in t.rows("truth.cloud_effect")
    )
    return JobsSummary(
        twice=cloud.jobs_twice(t),
        lost=cloud.jobs_lost(t, scenario),
        scripts=dict(sorted(scripts.items())),
        notices=dict(sorted(notices.items())),
        effects={
            f"{site} {how}": n for (site, how), n in sorted(effects.items())
        },
    )
