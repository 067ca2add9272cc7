"""One instant of `outage_if_now` as a ledger that adds up to it: what a failover from then on would
be spent on.
"""

from __future__ import annotations

import numpy as np

from dr_sim.measures.causes.ledger import Ledger
from dr_sim.measures.causes.pieces import LedgerLine
from dr_sim.measures.outage_now.outage_now import (
    outage_at,
    outage_if_now,
    outage_of_service,
    since_beat_us,
)
from dr_sim.measures.outage_now.way_over import (
    NO_WAY_US,
    Way,
    way_over,
)
from dr_sim.measures.tables import Record, tables
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.usual import beat_on_way_us, turn_us, usual_us


def explain_outage_at(
    record: Record,
    scenario: Scenario,
    t_us: int,
    database: int | None = None,
    provision_us: int = 0,
) -> list[Ledger]:
    """Explain that of the service, or of one database by itself. Empty where no primary was up.
    provision_us: how long it would wait for its site to be configured.
    """
    t = tables(record)
    wanted = [
        i for i in range(len(scenario.databases)) if database in (None, i)
    ]
    curves = [outage_if_now(t, scenario, i) for i in wanted]
    curve = outage_of_service(t, scenario, curves)
    if (
        not len(curve.start_us)
        or not curve.begin_us <= t_us <= curve.end_us
    ):
        return []
    of = (
        f" of {scenario.databases[wanted[0]].name}"
        if database is not None
        else ""
    )
    title = f"outage{of} if the site were lost now"
    total = outage_at(curve, scenario, t_us)
    if total >= NO_WAY_US // 2:
        return [
            Ledger(
                title,
                None,
                [],
                "nothing could be promoted: no copy has been restored and no full has landed",
            )
        ]
    lines: list[LedgerLine] = []
    at = t_us
    for cause, us, detail in _parts(
        scenario, t_us, total, way_over(t, scenario)
    ):
        if cause == "redirect" and provision_us:
            lines.append(
                LedgerLine(
                    at, provision_us, "provision", "the site is configured"
                )
            )
            at += provision_us
        if us:
            lines.append(LedgerLine(at, us, cause, detail))
            at += us
    return [Ledger(title, total + provision_us, lines)]


def _parts(
    scenario: Scenario, t_us: int, total_us: int, way: Way
) -> list[tuple[str, int, str]]:
    f = scenario.failover
    before = int(way.before(np.array([t_us]))[0])
    since_beat = since_beat_us(scenario, t_us)
    back = int(way.back_us(np.array([t_us]))[0])
    dead = max(0, back - t_us - (before - since_beat))
    heard_us = beat_on_way_us(scenario) + way.late(t_us)
    silent_us = f.silent_for_us + turn_us(scenario) + heard_us
    detect = silent_us - since_beat
    store = scenario.store
    machine_us = 0 if store is None else store.machine_us
    repair = way.repair(t_us)
    word = before - silent_us - f.fence_timeout_us - machine_us
    after = way.after_us
    recover = usual_us(f.recover)
    users = after - recover - f.switch_us
    drain = total_us - before + since_beat - dead - after
    return [
        ("detect", detect, "silent for long enough"),
        (
            "manager down",
            dead,
            "it must be back before anything is decided",
        ),
        ("decide", word - repair, f"{f.on_duty} answers"),
        ("repair", repair, "people try to repair what has failed"),
        ("fence", f.fence_timeout_us, "a lost site does not answer"),
        ("provision", machine_us, "a machine to restore onto"),
        ("drain", drain, _drained(scenario)),
        ("recover", recover, ""),
        ("redirect", f.switch_us, ""),
        ("users and warm up", users, "until 99 % of requests succeed"),
    ]


def _drained(scenario: Scenario) -> str:
    if scenario.store is None:
        return "what has landed and waits is restored"
    return "the newest full, and what follows it, is restored"
