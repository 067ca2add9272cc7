"""The machine manager by itself: where machines are placed, and events with the commands expected."""

from __future__ import annotations

import json
from dataclasses import replace

from dr_sim.cloud import CloudConfig, CloudManager, JobsConfig, MirrorConfig, NetworkConfig
from dr_sim.cloud.commands import CopyImage, Notify, ReadMachines, StartScript
from dr_sim.cloud.events import (
    AgentSaid,
    AgentsObserved,
    FoundMachine,
    ImageSaid,
    MachinesAtSite,
    MachinesBack,
    MachinesRead,
    MachinesSilent,
)
from dr_sim.cloud.machines.first_machines import with_first
from dr_sim.cloud.machines.machine_config import (
    FarmConfig,
    ImageConfig,
    MachinesConfig,
    PhysicalConfig,
)
from dr_sim.cloud.machines.placing import Used, WantedPlace, place
from dr_sim.cloud.machines.vm import VMS, VmState
from dr_sim.cloud.words import ImageWord, MirrorMode, Notice, OnFailure, WhyFailed, Word
from dr_sim.machines import Alarm, Command, SetAlarm
from tests.cloud.bench import USUAL

MINUTE = 60_000_000
GB = 10**9
IMAGE = ImageConfig("web 1", "front_end", 40 * GB, 8, 32 * GB, "compute", ("A", "B"))


def physical(site: str, count: int) -> tuple[PhysicalConfig, ...]:
    return tuple(
        PhysicalConfig(f"{site}-compute-{n}", "compute", 16, 64 * GB) for n in range(1, count + 1)
    )


# ---- placement
def test_a_machine_goes_where_it_fits_and_fewest_of_its_kind_are() -> None:
    three = physical("A", 3)
    wanted = WantedPlace(IMAGE, "web", "front_end")
    used = {"A-compute-1": Used(8, 32 * GB)}
    used["A-compute-1"].alike["web", "front_end"] = 1
    assert place(wanted, three, {}) == "A-compute-1"
    assert place(wanted, three, used) == "A-compute-2"
    assert place(wanted, three, used, doubted={"A-compute-2"}) == "A-compute-3"
    assert (
        place(replace(wanted, not_on=("A-compute-2", "A-compute-3")), three, used) == "A-compute-1"
    )


def test_nothing_is_placed_where_class_processors_or_memory_do_not_fit() -> None:
    wanted = WantedPlace(IMAGE, "web", "front_end")
    (one,) = physical("A", 1)
    assert place(wanted, [replace(one, machine_class="storage")], {}) == ""
    assert place(wanted, [replace(one, cpus=7)], {}) == ""
    assert place(wanted, [one], {one.name: Used(0, 33 * GB)}) == ""
    assert place(wanted, [one], {one.name: Used(8, 32 * GB)}) == one.name


def test_only_a_retired_machine_is_never_moved_again() -> None:
    assert [state for state in VMS.states if VMS.ends(state)] == [VmState.RETIRED]


# ---- events and commands
class Told:
    """A manager of one network at A and B, told one event after the other. at: microseconds."""

    def __init__(
        self, at_a: int = 3, at_b: int = 3, goal: int = 2, image: ImageConfig = IMAGE
    ) -> None:
        machines = MachinesConfig(
            physical={"A": physical("A", at_a), "B": physical("B", at_b)},
            images=(image,),
            farms=(FarmConfig("web", "prod", image.name, (("front_end", goal),)),),
            attempts=2,
            repair_after_us=5 * MINUTE,
            retry_us=MINUTE,
            most_silent_ppm=400_000,
        )
        self.config = CloudConfig(
            networks=(NetworkConfig("prod", ("A", "B"), ()),),
            callers=(),
            mirror=MirrorConfig(MirrorMode.JOBS, 0, 0, 15 * MINUTE, OnFailure.RETRY),
            jobs=JobsConfig(30 * MINUTE, 5 * MINUTE, 3, 4),
            operations=(),
            usual=USUAL,
            machines=with_first(machines, ("A", "B")),
        )
        self.at = 0
        self.there: dict[str, list[FoundMachine]] = {"A": [], "B": []}
        for each in self.config.machines.first:  # type: ignore[union-attr]
            self.there[each.site].append(
                FoundMachine(each.name, True, each.physical, each.image, each.farm, each.role)
            )
        self.images = {
            "A": [image.name],
            "B": [site for site in [image.name] if "B" in image.sites],
        }
        self.manager = CloudManager(self.config, 1, {})
        self.manager.resume()
        asked = self.tell(AgentsObserved, 1, (), ())
        self.first: list[Command] = []
        for command in asked:
            if isinstance(command, ReadMachines):
                self.first += self.reads(command)

    def tell(self, event: type, incarnation: int, *values: object) -> list[Command]:
        self.at += 1_000
        return self.manager.handle(event(self.at, self.at, incarnation, *values))

    def reads(self, command: ReadMachines) -> list[Command]:
        there = self.there[command.site]
        told = MachinesAtSite(tuple(there), tuple(self.images[command.site]))
        return self.tell(MachinesRead, 1, "prod", command.site, command.number, told)

    def silent(self, *names: str) -> list[Command]:
        return self.tell(MachinesSilent, 0, "prod", "A", names)

    def rings(self, after_us: int) -> list[Command]:
        self.at += after_us
        return self.tell(Alarm, 1, "", "machines")

    def says(self, start: StartScript, word: Word) -> list[Command]:
        return self.tell(
            AgentSaid, 0, "prod", start.site, start.job, start.attempt, word, WhyFailed.NONE
        )


def scripts(commands: list[Command]) -> list[tuple[str, str, str, str]]:
    """(script, site, machine, physical machine) of each script that is started."""
    found = []
    for command in commands:
        if isinstance(command, StartScript):
            params = json.loads(command.params)
            found.append((command.script, command.site, params["machine"], params["physical"]))
    return found


def notices(commands: list[Command]) -> list[tuple[Notice, str]]:
    return [(c.notice, c.about) for c in commands if isinstance(c, Notify)]


def test_where_all_is_as_it_should_be_nothing_is_done() -> None:
    of = Told()
    assert scripts(of.first) == [] and notices(of.first) == []


def test_a_machine_that_stays_silent_is_replaced_on_another_physical_machine() -> None:
    of = Told(goal=4)
    told = of.silent("web-front_end-1")
    assert [c for c in told if isinstance(c, SetAlarm)][-1].at_mono_us == of.at + 5 * MINUTE
    assert scripts(of.rings(5 * MINUTE)) == [
        ("remove_machine", "A", "web-front_end-1", "A-compute-1"),
        ("deploy_machine", "A", "web-front_end-9", "A-compute-2"),
    ]


def test_a_machine_that_is_heard_again_is_not_replaced() -> None:
    of = Told(goal=4)
    of.silent("web-front_end-1")
    of.tell(MachinesBack, 0, "prod", "A", ("web-front_end-1",))
    assert scripts(of.rings(5 * MINUTE)) == []


def test_where_many_are_silent_none_is_replaced_and_somebody_is_told() -> None:
    of = Told(goal=4)
    of.silent("web-front_end-1", "web-front_end-2")
    done = of.rings(5 * MINUTE)
    assert scripts(done) == []
    assert notices(done) == [(Notice.MANY_FAILED, "2 of 4 machines at A: none is replaced")]
    assert notices(of.rings(MINUTE)) == []  # it is known
    of.tell(MachinesBack, 0, "prod", "A", ("web-front_end-2",))
    assert [each[2] for each in scripts(of.rings(MINUTE))] == ["web-front_end-1", "web-front_end-9"]


def test_a_deployment_that_failed_goes_to_another_physical_machine_and_is_given_up_in_the_end() -> (
    None
):
    of = Told(goal=4)
    of.silent("web-front_end-1")
    start = next(
        c for c in of.rings(5 * MINUTE) if isinstance(c, StartScript) and "deploy" in c.script
    )
    physicals = []
    for last in (False, True):
        physicals.append(json.loads(start.params)["physical"])
        failed = of.says(start, Word.FAILED)
        assert notices(failed)[0][0] is Notice.JOB_FAILED
        cleaned = of.says(start, Word.CLEANED)
        (asked,) = [c for c in cleaned if isinstance(c, ReadMachines)]
        again = of.reads(asked)
        if last:
            assert notices(cleaned) == [
                (Notice.NOT_DEPLOYED, "web-front_end-9 at A, after 2 attempts")
            ]
            assert scripts(again) == []
        else:
            start = next(c for c in again if isinstance(c, StartScript))
    assert physicals == ["A-compute-2", "A-compute-3"]


def test_what_has_no_room_is_told() -> None:
    of = Told(at_b=1, goal=4)
    assert notices(of.first) == [(Notice.NO_ROOM, "2 machines of web have no room at B")]
    assert scripts(of.first) == []


def test_an_image_is_copied_once_to_a_site_and_then_machines_are_deployed() -> None:
    of = Told(image=replace(IMAGE, sites=("A",)))
    assert [c for c in of.first if isinstance(c, CopyImage)] == [CopyImage("B", "web 1")]
    done = of.tell(ImageSaid, 0, "B", "web 1", ImageWord.THERE)
    assert scripts(done) == [
        ("deploy_machine", "B", "web-front_end-3", "B-compute-1"),
        ("deploy_machine", "B", "web-front_end-4", "B-compute-2"),
    ]


def test_a_copy_that_was_cut_off_is_ordered_again_at_the_retry() -> None:
    of = Told(image=replace(IMAGE, sites=("A",)))
    told = of.tell(ImageSaid, 0, "B", "web 1", ImageWord.INTERRUPTED)
    assert not [c for c in told if isinstance(c, CopyImage)]
    assert [c for c in of.rings(MINUTE) if isinstance(c, CopyImage)] == [CopyImage("B", "web 1")]


def test_what_a_site_says_of_itself_beats_the_records() -> None:
    of = Told()
    stray = FoundMachine("stray-7", True, "A-compute-3", "web 1", "web", "front_end")
    there = MachinesAtSite((stray,), ())
    of.manager = CloudManager(of.config, 2, {**of.manager._kept})
    of.manager.resume()
    asked = of.tell(AgentsObserved, 2, (), ())
    read = next(c for c in asked if isinstance(c, ReadMachines) and c.site == "A")
    done = of.tell(MachinesRead, 2, "prod", "A", read.number, there)
    # both records are gone, the stray machine counts, and one is missing, for which there is no image
    assert notices(done) == [(Notice.NO_IMAGE, "web 1 at A")]
    kept = [key for key in of.manager._kept if key.startswith("vm/A/")]
    assert kept == ["vm/A/stray-7", "vm/A/web-front_end-5"]
