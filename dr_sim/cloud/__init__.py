"""The cloud manager, pure: it gets events and returns commands, and durable values go through its
store.

Theory of operation. One event leads to one save of everything that changed, and then to the
commands (out.py). A request, its job and its line in the log become durable together, before
anybody gets an answer and before any script starts. Jobs do the work (jobs/). Callers request it
through the API (api.py). The mirror brings it to the other side of each network (mirror/). Machines
are in machines/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "CallerConfig",
    "CloudConfig",
    "CloudManager",
    "EntityConfig",
    "JobsConfig",
    "MirrorConfig",
    "NetworkConfig",
]

if TYPE_CHECKING:
    from dr_sim.cloud.config import (
        CallerConfig,
        CloudConfig,
        EntityConfig,
        JobsConfig,
        MirrorConfig,
        NetworkConfig,
    )
    from dr_sim.cloud.manager import CloudManager


def __getattr__(name: str) -> Any:
    """Load the face when it is first asked for: records need the words, and no manager."""
    if name == "CloudManager":
        from dr_sim.cloud import manager as room
    elif name in __all__:
        from dr_sim.cloud import config as room  # type: ignore[no-redef]
    else:
        raise AttributeError(
            f"module 'dr_sim.cloud' has no attribute {name!r}"
        )
    return getattr(room, name)
