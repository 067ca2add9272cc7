"""Somebody asks for an administrative change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from dr_sim.faults.cloud_events import (
    OfNetwork,
    check_operation,
    cloud_of,
)
from dr_sim.scenario.fields.fields import Params, refuse
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class AdminChange(Params):
    rotate_secret: str | None = Field(None, description="the database")
    change_schema: str | None = Field(None, description="the database")
    move_database: str | None = Field(
        None,
        description="the database; its backups are paused during the move",
    )
    add_site_collection: str | None = Field(None, description="the farm")
    set_version: str | None = Field(None, description="the farm")
    add_machine: str | None = Field(None, description="the farm")
    network: OfNetwork = ""

    @property
    def entity(self) -> str:
        return self.asked[1]

    @property
    def operation(self) -> str:
        return self.asked[0]

    @property
    def asked(self) -> tuple[str, str]:
        """The operation, and what it is done to."""
        found = [
            (name, entity)
            for name, entity in self.model_dump(exclude={"network"}).items()
            if entity is not None
        ]
        return found[0] if len(found) == 1 else ("", "")

    @model_validator(mode="after")
    def _one(self) -> AdminChange:
        if not self.asked[0]:
            raise refuse(
                "a change is one operation, as in {rotate_secret: crm}"
            )
        return self


def happen(event: Occurrence, params: AdminChange) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    operation, entity = params.asked
    network = params.network or cloud.names.network_of(entity)
    if entity not in {
        e for names in cloud.names.all_things(network) for e in names
    }:
        event.nothing(f"no network has {entity}")
        return
    told = (
        f"{operation} of {cloud.names.named(network, entity)} is asked for"
    )
    event.begins(told)
    cloud.front.ask(operation, network, entity)
    event.ends(told)


KIND = EventKind(
    "admin_change",
    AdminChange,
    None,
    True,
    "one administrative change at the active side; move_database pauses "
    "the database's backups until the move is done or its clean-up has "
    "run",
    "requirement C4, C10, R9",
    happen,
    example="rotate_secret: crm",
    check=check_operation,
    needs_cloud=True,
    at_api=True,
    draws=lambda r, db: {
        r.choice(["rotate_secret", "change_schema", "move_database"]): db
    },
)
