"""The mapping table: identifiers and secrets of one site and their counterparts at another.

In a caller's request, '@crm' stands for the identifier of crm at the site where the work is done. A
change that was done at one site contains identifiers of that site; at the other site they are
replaced by that site's own. An identifier without a row, or with a row that leads to an identifier
of another site, is refused: a secondary must never use what belongs to the primary.
"""

from __future__ import annotations

import json

from dr_sim.cloud.config import NetworkConfig

_MOST_KNOWN = 1_000


class UntranslatableError(Exception):
    """A parameter has no identifier of that site."""


class Mapping:
    """Mapping table of one network."""

    __slots__ = ("_entity_of", "_known", "_owner", "_rows")

    def __init__(
        self,
        network: NetworkConfig,
        changed: dict[tuple[str, str], str],
        added: dict[str, dict[str, str]],
    ) -> None:
        """changed: rows, (entity, site) to the identifier, that differ from the configuration's.
        added: identifiers by entity, of each site that came later.
        """
        # identifier -> the site whose it is
        self._owner: dict[str, str] = {}
        self._entity_of: dict[str, str] = {}
        self._rows: dict[tuple[str, str], str] = {}
        # what was translated before
        self._known: dict[tuple[str, str], str] = {}
        for entity in network.entities:
            for site, identifier in entity.ids:
                self._enter(entity.name, site, identifier)
        for site, ids in added.items():
            self.add_site(site, ids)
        self._rows.update(changed)

    @property
    def sites(self) -> tuple[str, ...]:
        """Return the sites that have rows."""
        return tuple(sorted({site for _, site in self._rows}))

    def row(self, entity: str, site: str) -> str:
        """Return what the row of a thing at a site holds, right or wrong; '' if there is none."""
        return self._rows.get((entity, site), "")

    def add_site(self, site: str, ids: dict[str, str]) -> None:
        """ids: its identifiers, by entity."""
        for entity, identifier in ids.items():
            self._enter(entity, site, identifier)

    def _enter(self, entity: str, site: str, identifier: str) -> None:
        self._rows[entity, site] = identifier
        self._known.clear()
        self._owner[identifier] = site
        self._entity_of[identifier] = entity

    def edit(self, entity: str, site: str, identifier: str) -> None:
        """Change a row; '' removes it."""
        self._rows[entity, site] = identifier
        self._known.clear()

    def leads_astray(self, entity: str, site: str) -> bool:
        """Tell whether the row of a thing at a site holds no identifier of that site. A site that
        is not known has no rows yet.
        """
        found = self._rows.get((entity, site))
        return found is not None and not (found and self.is_of(found, site))

    def is_of(self, identifier: str, site: str) -> bool:
        """Tell whether an identifier belongs to that site, or to nobody that is known."""
        return self._owner.get(identifier, site) == site

    def are_of(self, params: str, site: str) -> bool:
        """Tell whether no parameter is an identifier of another site."""
        values = json.loads(params).values()
        return all(self.is_of(value, site) for value in values)

    def entity_of(self, identifier: str) -> str:
        """Return the thing whose identifier it is, at whichever site; '' if nobody knows."""
        return self._entity_of.get(identifier, "")

    def identifier(self, entity: str, site: str) -> str:
        """Raises UntranslatableError."""
        found = self._rows.get((entity, site), "")
        if not found:
            raise UntranslatableError(f"no identifier at {site}")
        if not self.is_of(found, site):
            raise UntranslatableError(
                f"{found} belongs to {self._owner[found]}, not to {site}"
            )
        return found

    def translated(self, params: str, site: str) -> str:
        """The parameters as a script at that site takes them. Raises UntranslatableError, and
        ValueError for what is no JSON object of texts.
        """
        known = self._known.get((params, site))
        if known is not None:
            return known
        plain = json.loads(params)
        if not isinstance(plain, dict):
            raise ValueError("no JSON object")
        for key, value in plain.items():
            if not isinstance(value, str):
                raise ValueError(f"{key} is no text")
            if value.startswith("@"):
                plain[key] = self.identifier(value[1:], site)
            elif value in self._entity_of:
                plain[key] = self.identifier(self._entity_of[value], site)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        found = self._known[params, site] = json.dumps(plain)
        return found

    def translated_if_known(self, params: str, site: str) -> str:
        """Parameters as that site takes them; as they are where there is no translation."""
        try:
            return self.translated(params, site)
        except UntranslatableError:
            return params
