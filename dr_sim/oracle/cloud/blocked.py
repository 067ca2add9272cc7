"""The witness of what blocks a change: a notice says that an identifier is missing, or is another
site's, only where people have changed the mapping table (36). The number is that of docs/cloud.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario

_KINDS = (
    "cloud.Notify",
    "cloud.MappingEdited",
    "truth.cloud_store_restored",
)
_OTHERS = " belongs to "
_MISSING = ": no identifier at "


def blocked_in_vain(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield everything that broke. Sites that are built later have no rows at first, so what is
    missing there is no break.
    """
    spec = scenario.cloud
    if spec is None:
        return
    wrong: set[int] = set()
    for row in journal.rows(*_KINDS):
        v, network = row.values, row.entity
        if row.kind == "truth.cloud_store_restored":
            wrong.update(range(len(spec.networks)))
        elif row.kind == "cloud.MappingEdited":
            name = spec.networks[network].name
            if v["identifier"] != f"{name}-{v['entity']}-at-{v['site']}":
                wrong.add(network)
        elif v["notice"] == "blocked" and network not in wrong:
            about = v["about"]
            site = about.partition(_MISSING)[2]
            if _OTHERS in about or site in spec.sites:
                yield CloudBreach(
                    row.time_us,
                    row.seq,
                    "cloud 36",
                    f"a notice says that {about}; nobody has changed the mapping table",
                )
