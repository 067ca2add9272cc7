"""The witness of a run's end: after a long calm nothing is left to do (14), and what was
acknowledged was begun (1).
"""

from __future__ import annotations

from dr_sim.oracle.cloud.asked import not_begun
from dr_sim.oracle.cloud.breach import Broken
from dr_sim.oracle.cloud.seen import CloudSeen
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import Cloud
from dr_sim.units import MINUTE_US

_CLOSE_US = MINUTE_US  # acknowledgements that are closer may come in another order than requests


def at_end(journal: Journal, seen: CloudSeen, end_us: int) -> Broken:
    """Check what is left to do at the end of a run."""
    spec = seen.spec
    yield from _passed_over(seen)
    if end_us - seen.last_disturbed_us < _calm_us(spec):
        return
    yield from not_begun(seen)
    if not seen.sites.second:
        yield from _failover_is_open(seen)
        return
    if seen.sites.lost & {seen.sites.active, seen.sites.second}:
        return
    if spec.mirror.mode == "runbook" or spec.mirror.on_failure == "skip":
        return
    for key, attempt in seen.alive.items():
        yield (
            14,
            f"after a long calm attempt {attempt} of {key[2]} still runs",
        )
    if spec.mirror.audit_us:
        yield from _still_differ(journal, seen)


def _passed_over(seen: CloudSeen) -> Broken:
    """Yield requests that were acknowledged and never begun, while later ones of their things
    were.
    """
    acknowledged = seen.known.acknowledged
    newest: dict[tuple[str, str], int] = {}
    for name, at_us in acknowledged.items():
        if name in seen.begun and name in seen.lane_of:
            lane = seen.lane_of[name]
            newest[lane] = max(newest.get(lane, -1), at_us)
    for name, at_us in acknowledged.items():
        lane = seen.lane_of.get(name, ("", ""))
        # a script that is missing again and again uses up attempts that never begin
        given_up = seen.scripts_missing and name in seen.told_of
        later = newest.get(lane, -1) > at_us + _CLOSE_US
        if name not in seen.begun and not given_up and later:
            yield (
                1,
                f"{name} was acknowledged and never begun, and later requests were",
            )


def _still_differ(journal: Journal, seen: CloudSeen) -> Broken:
    """Yield networks of which the two sides are not the same."""
    behind: dict[int, Row] = {
        row.entity: row for row in journal.rows("truth.cloud_drift")
    }
    # a store that was put back has an old row of the mapping table, or an old switch, for good
    set_wrong = {network for network, _, _ in seen.known.wrong_rows}
    set_wrong |= seen.known.mirror_off
    for network, row in behind.items():
        if row.values["since_us"] >= 0 and network not in set_wrong:
            name = seen.spec.networks[network].name
            yield (
                14,
                f"after a long calm the two sides of {name} are not the same",
            )


def _failover_is_open(seen: CloudSeen) -> Broken:
    """A new second side is in place, the manager can reach everything, and has not ended the
    failover before it.
    """
    reachable = not seen.cut and seen.sites.active not in seen.sites.lost
    if seen.in_place and seen.up and reachable:
        yield (
            14,
            f"after a long calm the failover to {seen.sites.active} has not ended, and "
            f"{seen.in_place} is not made the same",
        )


def _calm_us(spec: Cloud) -> int:
    """Return after how long without a change, an event or a crash nothing should be left to do."""
    jobs, mirror = spec.jobs, spec.mirror
    attempts = (
        jobs.attempts * (jobs.time_limit_us + jobs.retry_us)
        + jobs.clean_up_us
    )
    return 3 * attempts + 2 * (mirror.audit_us + mirror.every_us)
