"""Tells what the screen and the page say of machines, images and pauses of backups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from dr_sim.formatting.words import counted, size
from dr_sim.measures.cloud.machines import LoadNeeds
from dr_sim.measures.summary.cloud_types import (
    CloudSummary,
    FarmUpgradeSummary,
    ImageSummary,
    PauseSummary,
    QuotaSummary,
    ShortSummary,
    ToGoalSummary,
)
from dr_sim.units import clock

_Lasted = TypeVar("_Lasted", ToGoalSummary, PauseSummary)

_MOST = 4  # lines of one kind
_PHASES = {
    "moving": "machines there",
    "held": "held",
    "retiring": "databases moved",
    "over": "over",
}

_WAITS_FOR = {
    "deploying": "new machines were missing at the active side",
    "moving": "databases were still moved",
    "held": "databases could not be moved, or a machine not upgraded",
    "retiring": "old machines were still there",
    "replacing": "old machines were still there",
}


def machine_lines(cloud: CloudSummary) -> list[str]:
    """The screen's lines; empty where there are no machines, and no database was moved."""
    return [f"{name.upper():<16} {words}" for name, words in _facts(cloud)]


def machine_facts(cloud: CloudSummary) -> list[tuple[str, str]]:
    """The same for the head of a page."""
    return _facts(cloud)


def _facts(cloud: CloudSummary) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    machines = cloud.machines
    if machines is not None:
        found.append(("degraded", degraded_words(machines.degraded)))
        if cloud.drift.time_us:  # there was a second side
            short = machines.second_short
            found.append(("second side", second_words(short)))
        found += [("load", _load(each)) for each in machines.loads or ()]
        found += [("quota", _quota(each)) for each in machines.quotas or ()]
        found += [
            ("to goal", _to_goal(each))
            for each in _longest(machines.to_goal)
        ]
        found += [
            ("image", _image(each)) for each in machines.images[:_MOST]
        ]
        found += [
            ("upgraded", _upgrade(each)) for each in machines.upgrades
        ]
    found += [
        ("backups paused", _pause(each)) for each in _longest(cloud.pauses)
    ]
    return found


def degraded_words(stretches: Sequence[ShortSummary]) -> str:
    """'for 31:10 in all, at least 66 % of the front ends served'."""
    if not stretches:
        return "never: as many front ends served as the goals say"
    all_us = sum(each.lasted_us for each in stretches)
    least = min(each.least_ppm for each in stretches)
    more = (
        ""
        if all(each.over for each in stretches)
        else "; it lasted to the end"
    )
    return (
        f"for {clock(all_us)}, {counted(len(stretches), 'time')}; "
        f"at the worst {_part(least)} of the front ends served{more}"
    )


def second_words(stretches: Sequence[ShortSummary]) -> str:
    """Return how much of the goal a failover would have found."""
    if not stretches:
        return "always as many front ends as the goals say"
    worst = min(stretches, key=lambda each: each.least_ppm)
    all_us = sum(each.lasted_us for each in stretches)
    return (
        f"short of front ends for {clock(all_us)}; at the worst "
        f"{_part(worst.least_ppm)} of them would have served at {worst.site}"
    )


def _part(ppm: int) -> str:
    return f"{ppm // 10_000} %"


def _longest(found: Sequence[_Lasted]) -> list[_Lasted]:
    by_length = sorted(found, key=lambda each: -each.lasted_us)
    return sorted(by_length[:_MOST], key=lambda each: each.began_us)


def _load(each: LoadNeeds) -> str:
    """'content: 40 to 1,200 requests per s needed 4 to 24 front ends, up to 24 ran'."""
    least, most = each.least_per_hour // 3_600, each.most_per_hour // 3_600
    asked = f"{least:,} to {most:,}" if least != most else f"{most:,}"
    needed = f"{each.least} to {each.most}"
    if each.least == each.most:
        needed = f"{each.most}"
    return (
        f"{each.farm}: {asked} requests per s needed {needed} front end{'s' * (each.most != 1)}; "
        f"at the most {each.ran} ran"
    )


def _quota(each: QuotaSummary) -> str:
    """'acme in prod: at the most 24 of 30 machines ran at a site'."""
    of = f"{each.tenant} in {each.network}"
    return f"{of}: at the most {each.most} of {each.quota} machines ran at a site"


def _to_goal(each: ToGoalSummary) -> str:
    words = clock(each.lasted_us)
    if each.over and not each.reached:
        words = f"not reached in {words}, until the site was no longer used"
    elif not each.over:
        words = f"not reached after {words}"
    return f"{each.farm} at {each.site}: {words}"


def _image(each: ImageSummary) -> str:
    how = "in" if each.arrived else "cut off after"
    sent = f" ({size(each.sent_bytes)})" if each.sent_bytes else ""
    return (
        f"{each.image} to {each.site} {how} {clock(each.lasted_us)}{sent}"
    )


def _upgrade(each: FarmUpgradeSummary) -> str:
    """'content to web 12.4: machines there after 36:00, moved after 40:10, over after 1 h 02'."""
    begun = each.phases["deploying"]
    steps = [
        f"{word} after {clock(each.phases[phase] - begun)}"
        for phase, word in _PHASES.items()
        if phase in each.phases
    ]
    of = f"{each.farm} to {each.image}"
    if "over" not in each.phases:
        steps.append(f"not over by the end: {_left(each)}")
    return f"{of}: {', '.join(steps)}"


def _left(each: FarmUpgradeSummary) -> str:
    """Say what an upgrade that is not over was waiting for."""
    in_order = sorted(each.phases, key=lambda phase: each.phases[phase])
    last = in_order[-1]  # of two at one instant the later one
    return _WAITS_FOR[last]


def _pause(each: PauseSummary) -> str:
    least = "for" if each.over else "and still paused at the end, after"
    return f"{each.database} {least} {clock(each.lasted_us)}"
