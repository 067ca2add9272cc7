"""The secondary is lost with its databases, its files and the recovery manager, and comes back
empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class LoseSecondary(Params):
    duration: Law


def happen(event: Occurrence, params: LoseSecondary) -> None:
    world = event.world
    driver = world.driver

    def lose() -> None:
        driver.down += 1
        driver.crash()
        world.replication.stop()
        for index in range(len(world.primary.databases)):
            world.wipe_secondary(index, "secondary lost")
        cloud = world.cloud
        if world.is_store and cloud is not None and cloud.hardware:
            cloud.hardware.lose_images(world.roles.secondary, "")

    def back() -> None:
        driver.down -= 1
        world.replication.resume()
        driver.start()

    event.for_a_time(params.duration, lose, back, "secondary lost")


KIND = EventKind(
    "lose_secondary",
    LoseSecondary,
    "duration",
    True,
    "the secondary site burns. Nothing is protected, and the recovery "
    "manager that would raise the alert is lost too. Its store survives "
    "at another place, and the databases are seeded again",
    "Uptime Institute 2025: 53 % of operators had a site outage in 3 years; either site "
    "may be the one",
    happen,
    place=lambda params: "secondary",
    turned=lambda params: None,
    explains=(Explains.STOPPED, Explains.COPY_LOST),
    draws=lambda r, db: r.choice(["5 min", "90 min"]),
    affects=lambda params: COPY,
    at_stores=lambda params: True,
)
