"""Whether the cloud manager runs, and can reach all agents, by the truth of the records."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from dr_sim.record.journal import Row

REACH_ROWS = (
    "truth.cloud_manager",
    "truth.cloud_site_back",
    "truth.cloud_site_lost",
    "truth.event",
)
_CUTS = re.compile(r"^the agents of (\w+) are silent|^link down")


@dataclass(slots=True)
class AgentsReach:
    """up: the manager runs. cut: how many reasons there are for agents to be out of reach, by what
    names them.
    """

    up: bool = False
    cut: Counter[str] = field(default_factory=Counter)

    @property
    def is_calm(self) -> bool:
        """Return whether the manager runs and reaches all agents."""
        return self.up and not any(self.cut.values())

    def read(self, row: Row) -> None:
        """Take up a row; one that is none of REACH_ROWS changes nothing."""
        v = row.values
        if row.kind == "truth.cloud_manager":
            self.up = bool(v["up"])
        elif row.kind == "truth.event":
            cuts = _CUTS.search(v["detail"])
            if cuts:
                self.cut[cuts[1] or ""] += 1 if v["begins"] else -1
        elif row.kind == "truth.cloud_site_lost":
            self.cut[f"lost {v['site']}"] += 1
        elif row.kind == "truth.cloud_site_back":
            self.cut[f"lost {v['site']}"] = 0
