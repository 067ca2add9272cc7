"""Names that a field may hold: of a database, a machine, a replication group or a folder that the
scenario has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from dr_sim.scenario.fields.fields import Names, did_you_mean, refuse


def _name_reader(
    what: str, known: Callable[[Names], tuple[str, ...]]
) -> BeforeValidator:
    def read(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            raise refuse(f"the name of a {what} belongs here")
        if isinstance(info.context, Names) and value not in known(
            info.context
        ):
            raise refuse(
                f"unknown {what} {value!r}; {did_you_mean(value, known(info.context))}"
            )
        return value

    return BeforeValidator(read)


DatabaseName = Annotated[
    str,
    _name_reader("database", lambda names: names.databases),
    WithJsonSchema(
        {"type": "string", "description": "a database of this scenario"}
    ),
]

MachineName = Annotated[
    str,
    _name_reader("machine", lambda names: names.machines),
    WithJsonSchema(
        {"type": "string", "description": "a machine of this scenario"}
    ),
]

GroupName = Annotated[
    str,
    _name_reader("replication group", lambda names: names.groups),
    WithJsonSchema(
        {
            "type": "string",
            "description": "a replication group of this scenario",
        }
    ),
]

FolderName = Annotated[
    str,
    _name_reader("replicated folder", lambda names: names.folders),
    WithJsonSchema(
        {
            "type": "string",
            "description": "a replicated folder of this scenario",
        }
    ),
]
