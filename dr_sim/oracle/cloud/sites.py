"""The sites of the cloud manager as the records show them: the active one, the second one, and
those that are lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dr_sim.record.journal import Row
from dr_sim.scenario.cloud_model import FIRST, SECOND, Cloud

SITE_ROWS = (
    "truth.cloud_provision",
    "truth.cloud_stands",
    "truth.cloud_built",
    "truth.cloud_site_lost",
    "truth.cloud_site_back",
)


@dataclass(slots=True)
class SitesInUse:
    """second: '' where there is none. built: those that get machines beside the two."""

    active: str = FIRST
    second: str = SECOND
    lost: set[str] = field(default_factory=set)
    built: list[str] = field(default_factory=list)

    @classmethod
    def at_first(cls, spec: Cloud) -> SitesInUse:
        """Return them as they are when the run begins."""
        return cls(*spec.sites)

    def read(self, row: Row) -> None:
        """Take up a row; one that is none of SITE_ROWS changes nothing."""
        v = row.values
        if row.kind == "truth.cloud_provision" and v["begins"]:
            self.active, self.second = v["site"], ""
            self.built = [each for each in self.built if each != v["site"]]
        elif row.kind == "truth.cloud_stands":
            self.second = v["site"]
        elif row.kind == "truth.cloud_built" and v["builds"]:
            self.built.append(v["site"])
        elif row.kind == "truth.cloud_built":
            self.built.remove(v["site"])
        elif row.kind == "truth.cloud_site_lost":
            self.lost.add(v["site"])
        elif row.kind == "truth.cloud_site_back":
            self.lost.discard(v["site"])

    def there(self) -> tuple[str, ...]:
        """Return the sites that are in use and not lost, the active one first."""
        sites = dict.fromkeys((self.active, self.second, *self.built))
        return tuple(s for s in sites if s and s not in self.lost)
