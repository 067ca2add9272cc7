"""The images at the sites' install points, as far as the manager knows, and the copies in progress.

Theory of operation. An image is copied to a site once, from the active site's install point. The
order for a copy is saved first. After a restart the copy is ordered again, which does nothing if it
is in progress. The report of a site is preferred to stored values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dr_sim.cloud.commands import CopyImage
from dr_sim.cloud.events import ImageSaid
from dr_sim.cloud.machines.machine_config import MachinesConfig
from dr_sim.cloud.out import Out
from dr_sim.cloud.words import ImageWord

IMAGE = "image/"
"""Key in the store: of an image at a site."""
_GONE = "gone"
Place = tuple[str, str]  # a site, an image


class InstallPoints:
    """retry_us: when images that nobody had are asked for again; 0: never."""

    def __init__(
        self, config: MachinesConfig, stored: dict[str, str]
    ) -> None:
        self._config = config
        self._there: set[Place] = {
            (site, image.name)
            for image in config.images
            for site in image.sites
        }
        self._copying: set[Place] = set()
        self.retry_us = 0
        for place, word in _stored(stored):
            self._there.discard(place)
            if word == ImageWord.THERE:
                self._there.add(place)
            elif word == ImageWord.COPYING:
                self._copying.add(place)

    def has(self, site: str, image: str) -> bool:
        return (site, image) in self._there

    def wake(self, out: Out) -> None:
        """Order copies that were under way again."""
        for place in sorted(self._copying):
            out.commands.append(CopyImage(*place))

    def read(self, site: str, images: Collection[str], out: Out) -> None:
        """Take up what a site's install point really has."""
        for image in self._config.images:
            place = (site, image.name)
            if image.name in images:
                self._arrived(place, out)
            elif place in self._there:
                self._gone(place, out)

    def want(self, place: Place, active: str, out: Out) -> bool:
        """Have an image copied to a site. Return False if it cannot be copied from anywhere now:
        that is tried again later.
        """
        site, image = place
        if place in self._copying:
            return True
        if site == active or not self.has(active, image):
            self._try_later(out)
            return False
        self._copying.add(place)
        out.saves[_key(place)] = ImageWord.COPYING
        out.commands.append(CopyImage(site, image))
        return True

    def said(self, e: ImageSaid, out: Out) -> bool:
        """A copy is there, or came to nothing. Return whether it is there, and was waited for."""
        place = (e.site, e.image)
        if place not in self._copying:
            return False
        if e.word is ImageWord.THERE:
            self._arrived(place, out)
            return True
        if e.word is ImageWord.NO_SOURCE:
            self._gone_elsewhere(place, out)
        self._gone(place, out)
        self._try_later(out)
        return False

    def _gone_elsewhere(self, place: Place, out: Out) -> None:
        """Take up that the site it was to come from does not have it."""
        site, image = place
        for other in sorted(self._there):
            if other[1] == image and other[0] != site:
                self._gone(other, out)

    def rings(self, out: Out) -> bool:
        """Tell whether it is time to ask for images again."""
        if not 0 < self.retry_us <= out.mono_us:
            return False
        self.retry_us = 0
        return True

    def _try_later(self, out: Out) -> None:
        if not self.retry_us:
            self.retry_us = out.mono_us + self._config.retry_us

    def _arrived(self, place: Place, out: Out) -> None:
        if place in self._there and place not in self._copying:
            return
        self._there.add(place)
        self._copying.discard(place)
        out.saves[_key(place)] = ImageWord.THERE

    def _gone(self, place: Place, out: Out) -> None:
        self._there.discard(place)
        self._copying.discard(place)
        out.saves[_key(place)] = _GONE


def _key(place: Place) -> str:
    site, image = place
    return f"{IMAGE}{site}/{image}"


def _stored(stored: dict[str, str]) -> Iterator[tuple[Place, str]]:
    for key, word in stored.items():
        if key.startswith(IMAGE):
            site, _, image = key.removeprefix(IMAGE).partition("/")
            yield (site, image), word
