"""dr_sim: what a primary's loss costs a log-shipped service, found by running the real recovery
logic against a simulated one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dr_sim.version import VERSION

__version__ = VERSION
__all__ = [
    "Comparison",
    "Distribution",
    "Run",
    "Scenario",
    "Swept",
    "__version__",
    "compare",
    "load_scenario",
    "replicate",
    "run",
    "side_by_side",
    "sweep",
    "with_manager",
]

if TYPE_CHECKING:
    from dr_sim.api import (
        Comparison,
        Distribution,
        Run,
        Scenario,
        Swept,
        compare,
        load_scenario,
        replicate,
        run,
        side_by_side,
        sweep,
        with_manager,
    )


def __getattr__(name: str) -> Any:
    """The public face, loaded when it is first asked for: `import dr_sim` alone costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'dr_sim' has no attribute {name!r}")
    from dr_sim import api

    return getattr(api, name)


def __dir__() -> list[str]:
    """The public face, and nothing else."""
    return sorted(__all__)
