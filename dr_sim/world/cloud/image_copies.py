"""Images on their way from the active site's install point to the second one's, over the link that
the backups use as well.

Theory of operation. A copy is a flow of the link's shared rate, of the priority of a full backup.
While the link is down it stands still, and it continues from where it stopped. It is interrupted
when one of the two sites is lost, when the roles of the sites change, and when one of the two
install points loses the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.cloud.events import ImageSaid
from dr_sim.cloud.words import ImageWord
from dr_sim.world.kernel.sharing import Flow

if TYPE_CHECKING:
    from dr_sim.world.cloud.hardware import Hardware
    from dr_sim.world.cloud.service import CloudWorld
    from dr_sim.world.link.link import PairLink

_PRIORITY = 2  # as a full backup


@dataclass(slots=True, eq=False)
class ImageCopy:
    """A copy that is under way over that link. flow: None while the link is down."""

    source: str
    site: str
    image: str
    bits: int
    left_bits: int
    link: PairLink
    flow: Flow | None = None


class ImageCopies:
    def __init__(self, world: CloudWorld, hardware: Hardware) -> None:
        self._world = world
        self._hardware = hardware
        self._under_way: dict[tuple[str, str], ImageCopy] = {}

    def order(self, site: str, image: str, size_bytes: int) -> None:
        """Begin a copy, unless the image is there or on its way."""
        if (site, image) in self._under_way:
            return
        if self._hardware.has_image(site, image):
            self._say(site, image, ImageWord.THERE)
            return
        sites = self._world.sites
        assert self._world.context.plays_along, (
            "an image cannot cross the link in the past"
        )
        link = sites.link_to(site)
        if link is None:
            self._say(site, image, ImageWord.INTERRUPTED)
            return
        if not self._hardware.has_image(sites.active, image):
            self._say(site, image, ImageWord.NO_SOURCE)
            return
        if self._link_changed not in link.on_change:
            link.on_change.append(self._link_changed)
        bits = size_bytes * 8
        copy = ImageCopy(sites.active, site, image, bits, bits, link)
        self._under_way[site, image] = copy
        self._note(copy, "copying")
        if link.forward_up:
            self._send(copy)

    def _send(self, copy: ImageCopy) -> None:
        link = copy.link
        copy.flow = link.shared.start(
            -1,
            copy.left_bits,
            link.cap_bit_s,
            self._arrived,
            copy,
            _PRIORITY,
            link.wait_us,
        )

    def _link_changed(self) -> None:
        self._world.context.asked(self._follow_link)

    def _follow_link(self) -> None:
        for copy in self._under_way.values():
            if not copy.link.forward_up:
                self._stop(copy)
            elif copy.flow is None:
                self._send(copy)

    def _stop(self, copy: ImageCopy) -> None:
        if copy.flow is not None:
            copy.left_bits = copy.link.shared.stop(copy.flow)
            copy.flow = None

    def _arrived(self, copy: ImageCopy) -> None:
        self._world.context.asked(lambda: self._is_there(copy))

    def _is_there(self, copy: ImageCopy) -> None:
        copy.flow, copy.left_bits = None, 0
        del self._under_way[copy.site, copy.image]
        self._hardware.image_arrives(copy.site, copy.image)
        self._note(copy, "there")
        self._say(copy.site, copy.image, ImageWord.THERE)

    def interrupt(self) -> None:
        """Cut off all copies: a site is lost, or the sites have changed their roles."""
        for copy in list(self._under_way.values()):
            self._interrupt(copy)

    def cut(self, point: str, image: str) -> None:
        """Cut off the copies from and to an install point that loses an image; '': all images."""
        for copy in list(self._under_way.values()):
            if image in ("", copy.image) and point in (
                copy.source,
                copy.site,
            ):
                self._interrupt(copy)

    def _interrupt(self, copy: ImageCopy) -> None:
        self._stop(copy)
        del self._under_way[copy.site, copy.image]
        self._note(copy, "interrupted")
        self._say(copy.site, copy.image, ImageWord.INTERRUPTED)

    def _note(self, copy: ImageCopy, what: str) -> None:
        sent_bytes = (copy.bits - copy.left_bits) // 8
        self._world.context.note(
            "truth.cloud_image", -1, copy.site, copy.image, what, sent_bytes
        )

    def _say(self, site: str, image: str, word: ImageWord) -> None:
        """Tell the manager; one that is down asks again when it is up."""
        world = self._world
        at = world.context.now_us + world.spec.rtt_us // 2
        world.soon(at, self._heard, site, image, word)

    def _heard(self, site: str, image: str, word: ImageWord) -> None:
        if self._world.lives.up:
            self._world.driver.tell_new(ImageSaid, site, image, word)
