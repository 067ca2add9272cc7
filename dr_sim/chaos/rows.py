"""The logical rows of a run of the cloud manager: what must be the same in the model and for real,
whatever the clocks of scripts and timers say.
"""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim.chaos.api import EffectSeen
from dr_sim.chaos.judging import orders_of
from dr_sim.formatting.words import counted
from dr_sim.record.journal import Journal
from dr_sim.scenario.cloud_model import Cloud

CallRow = tuple[object, ...]


def call_rows(journal: Journal) -> list[CallRow]:
    """Return one row for each call of a client (its number, how often it was sent, how long it
    took, the outcome), and one for each call that reached the manager, with its answer.
    """
    found: list[CallRow] = []
    asked: dict[int, CallRow] = {}
    for row in journal.rows(
        "truth.cloud_call", "cloud.Called", "cloud.AnswerCall"
    ):
        v = row.values
        if row.kind == "truth.cloud_call":
            found.append((row.time_us, *v.values()))
        elif row.kind == "cloud.Called":
            names = (
                *("caller", "request", "operation"),
                *("network", "entity", "params"),
            )
            asked[v["call"]] = (row.time_us, *(v[name] for name in names))
        else:
            found.append((*asked.pop(v["call"]), str(v["outcome"])))
    return found


def effects_in(journal: Journal, spec: Cloud) -> list[EffectSeen]:
    """Return the effects of scripts in the record of a run."""
    return [
        EffectSeen(
            row.values["site"],
            spec.networks[row.entity].name,
            row.values["entity_name"],
            row.values["change"],
        )
        for row in journal.rows("truth.cloud_effect")
        if row.values["how"] == "script"
    ]


def first_difference(
    model: Sequence[CallRow], real: Sequence[CallRow]
) -> str:
    """Return the first row that is not the same, in words; '' if all are."""
    for number, (mine, its) in enumerate(zip(model, real, strict=False)):
        if mine != its:
            return f"row {number}: the model has {mine}, the API {its}"
    if len(model) != len(real):
        return f"the model has {counted(len(model), 'row')}, the API {len(real)}"
    return ""


def other_orders(
    model: Sequence[EffectSeen], real: Sequence[EffectSeen]
) -> list[str]:
    """Return where changes of a thing took effect otherwise than in the model, a sentence each. The
    API has had time to do what is left over at the end of the model's run.
    """
    found = []
    its = orders_of(real)
    for place, order in orders_of(model).items():
        mine = its.get(place, [])
        if mine[: len(order)] != order:
            side, _, thing = place
            found.append(
                f"changes of {thing} at {side}: the model has {order}, the API {mine}"
            )
    return found
