"""The driver of a real service: alarms, late answers, clocks, and a store that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from dr_sim.live import Heard, Live, SystemClock, answered, heard
from dr_sim.live.life import CLOCK, LIFE
from dr_sim.machines import (
    Alarm,
    CancelAlarm,
    Command,
    Event,
    Save,
    SaveAll,
    SetAlarm,
    TakeInventory,
)
from dr_sim.stores import MemoryStore, StoreError

SECOND = 1_000_000


@dataclass(slots=True)
class Knock(Event):
    who: str


@dataclass(slots=True)
class Open(Command):
    who: str


class Porter:
    """Opens to who knocks, and notes it. After ten seconds of silence it opens to nobody."""

    def __init__(self, incarnation: int, saved: dict[str, str]) -> None:
        self.saved = saved
        self.told: list[Event] = []

    def resume(self) -> Sequence[Command]:
        return [TakeInventory(), SetAlarm("door", "silence", 0), SetAlarm("", "never", 10**15)]

    def handle(self, event: Event) -> Sequence[Command]:
        self.told.append(event)
        match event:
            case Knock(who=who):
                together = SaveAll((("last", who), ("silent", "")))
                alarm = SetAlarm("door", "silence", event.mono_us + 10 * SECOND)
                return [Save("knocked", who), together, alarm, Open(who)]
            case Alarm(scope="door"):
                return [Save("silent", "yes"), CancelAlarm("", "never"), Open("nobody")]
        return []


class Script:
    """Hands that hear what a script says: seconds that pass, or something that is heard."""

    def __init__(self, *script: float | Heard) -> None:
        self.script = list(script)
        self.done: list[tuple[int, Command]] = []
        self.waited: list[float | None] = []
        self.clock = StoppedClock()

    def carry_out(self, command: Command, incarnation: int) -> None:
        self.done.append((incarnation, command))

    def wait(self, seconds: float | None) -> Heard | None:
        self.waited.append(seconds)
        if not self.script:
            raise EOFError
        next_one = self.script.pop(0)
        if isinstance(next_one, Heard):
            return next_one
        self.clock.kernel += round(next_one * SECOND)
        return None


class StoppedClock(SystemClock):
    """A clock that goes on when it is told to. boot: what names the boot."""

    def __init__(self, kernel: int = 5 * SECOND, utc: int = 1000 * SECOND, boot: str = "a") -> None:
        super().__init__()
        self.kernel = kernel
        self.utc = utc
        self.boot = boot

    def kernel_us(self) -> int:
        return self.kernel

    def utc_us(self) -> int:
        return self.utc

    def boot_id(self) -> str:
        return self.boot


def lived(script: Script, store: MemoryStore) -> Live:
    life = Live(Porter, script, store, script.clock)
    with pytest.raises(EOFError):
        life.run()
    return life


def test_what_is_heard_is_stamped_answered_and_saved() -> None:
    script, store = Script(heard(Knock, "anna")), MemoryStore()
    life = lived(script, store)
    porter = life.machine
    assert isinstance(porter, Porter)
    (knock,) = porter.told
    assert (knock.mono_us, knock.utc_us, knock.incarnation) == (5 * SECOND, 1000 * SECOND, 0)
    assert script.done[:2] == [(1, TakeInventory()), (1, Open("anna"))]
    kept = store.load()
    assert (kept["knocked"], kept["last"], kept[LIFE]) == ("anna", "anna", "1")


def test_alarms_go_off_in_their_order_and_can_be_moved_and_taken_back() -> None:
    script = Script(heard(Knock, "anna"), 4, heard(Knock, "ben"), 9.5, 0.5, 3)
    life = lived(script, MemoryStore())
    opened = [command.who for _, command in script.done if isinstance(command, Open)]
    assert opened == ["anna", "ben", "nobody"]
    assert script.waited[-3:] == [pytest.approx(0.5), None, None]  # 'never' was taken back
    assert isinstance(life.machine, Porter)
    assert [type(event) for event in life.machine.told] == [Knock, Knock, Alarm]


def test_an_alarm_in_the_past_goes_off_at_once() -> None:
    script = Script(0)
    life = lived(script, MemoryStore())
    assert script.waited[0] == 0
    assert isinstance(life.machine, Porter) and isinstance(life.machine.told[0], Alarm)


def test_each_life_has_its_number_and_sees_what_was_saved() -> None:
    store = MemoryStore()
    lived(Script(heard(Knock, "anna")), store)
    script = Script()
    second = lived(script, store)
    assert second.incarnation == 2 and script.done == [(2, TakeInventory())]
    assert isinstance(second.machine, Porter)
    assert second.machine.saved == {
        "knocked": "anna",
        "last": "anna",
    }  # and nothing of the driver's


def test_a_late_answer_is_ignored() -> None:
    store = MemoryStore()
    lived(Script(), store)
    script = Script(answered(1, Knock, "late"), answered(2, Knock, "due"))
    lived(script, store)
    assert [x.who for _, x in script.done if isinstance(x, Open)] == ["nobody", "due"]


class FullStore(MemoryStore):
    """It takes the number of a life, and then nothing more."""

    def save(self, key: str, value: str) -> None:
        if key not in (LIFE, CLOCK):
            raise StoreError("no room")
        super().save(key, value)


def test_where_a_save_fails_the_rest_is_dropped() -> None:
    script = Script(heard(Knock, "anna"))
    with pytest.raises(StoreError):
        Live(Porter, script, FullStore(), script.clock).run()
    assert script.done == [(1, TakeInventory())]


def test_what_is_told_and_commanded_can_be_recorded() -> None:
    script = Script(heard(Knock, "anna"))
    recorded: list[object] = []
    with pytest.raises(EOFError):
        Live(Porter, script, MemoryStore(), script.clock, recorded.append).run()
    kinds = [type(each) for each in recorded[3:8]]
    assert kinds == [Knock, Save, SaveAll, SetAlarm, Open]


def test_a_step_ends_when_nothing_happens() -> None:
    script = Script(2.0)
    life = Live(Porter, script, MemoryStore(), script.clock)
    assert life.step(1.5) is True  # the alarm in the past
    script.script = [1.0]
    assert life.step(1.0) is False and script.waited[-1] == 1.0


# ---- the clock
@pytest.mark.parametrize(
    ("second", "goes_on_from"),
    [
        # the same boot: the kernel's clock goes on, whatever the wall clock says
        (StoppedClock(kernel=9 * SECOND, utc=2000 * SECOND), 9 * SECOND),
        (StoppedClock(kernel=9 * SECOND, utc=0), 9 * SECOND),
        # another boot: as much later as the wall clock says, and never earlier
        (StoppedClock(kernel=1 * SECOND, utc=1060 * SECOND, boot="b"), 65 * SECOND),
        (StoppedClock(kernel=1 * SECOND, utc=10 * SECOND, boot="b"), 5 * SECOND),
        (StoppedClock(kernel=1 * SECOND, utc=1060 * SECOND, boot=""), 65 * SECOND),
    ],
)
def test_the_monotonic_clock_goes_on_from_life_to_life(
    second: StoppedClock, goes_on_from: int
) -> None:
    first = StoppedClock()
    saved = second.begin(first.begin(""))
    assert second.mono_us() == goes_on_from
    second.kernel += 7 * SECOND
    assert second.mono_us() == goes_on_from + 7 * SECOND
    third = StoppedClock(kernel=second.kernel, utc=second.utc, boot=second.boot)
    third.begin(saved)
    assert third.mono_us() >= goes_on_from


def test_the_systems_own_clock_is_of_now() -> None:
    clock, store = SystemClock(), MemoryStore()
    store.save(CLOCK, clock.begin(""))
    before = clock.mono_us()
    again = SystemClock()
    again.begin(store.get(CLOCK))
    assert before <= again.mono_us() < before + 60 * SECOND
