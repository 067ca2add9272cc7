"""The two clocks of a machine that lives in a process.

Theory of operation. Machines save instants of the monotonic clock, so it must not run backwards
from one life to the next, although the kernel's clock begins again at each boot. Within one boot it
is the kernel's own clock, moved by a constant. After a boot it continues from where the last life
began, by as much as the wall clock has advanced since then. The values needed for that are saved
with the number of the life.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LiveClock(Protocol):
    """Both clocks of the place where a machine runs, in whole microseconds."""

    def begin(self, saved: str) -> str:
        """Begin a life. saved: the text that the last life's `begin` has returned, '' at first.
        Return the text to save for the next life.
        """

    def mono_us(self) -> int:
        """Return the monotonic clock. It never runs backwards, not even from life to life."""

    def utc_us(self) -> int:
        """Return the wall clock, since 1970 UTC. It may be wrong or run backwards."""


def boot_id() -> str:
    """Return the id of this boot of the machine; '' where it is not known."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class SystemClock:
    """LiveClock of this machine."""

    def __init__(self) -> None:
        self._moved_us = 0

    def begin(self, saved: str) -> str:
        boot = self.boot_id()
        if saved:
            was_boot, moved_us, mono_us, utc_us = saved.split(" ")
            if boot and boot == was_boot:
                self._moved_us = int(moved_us)
            else:
                elapsed_us = max(0, self.utc_us() - int(utc_us))
                self._moved_us = (
                    int(mono_us) + elapsed_us - self.kernel_us()
                )
        return f"{boot or '-'} {self._moved_us} {self.mono_us()} {self.utc_us()}"

    def mono_us(self) -> int:
        return self.kernel_us() + self._moved_us

    def utc_us(self) -> int:
        return time.time_ns() // 1000

    # ---- a test replaces these
    def kernel_us(self) -> int:
        """Return the time since boot, suspended time included where the system tells it."""
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        return time.monotonic_ns() // 1000

    def boot_id(self) -> str:
        return boot_id()
