"""What a database's replay keeps in the store, as text and back: headers, and the last successful
restore.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass

from dr_sim.backups.model import BackupHeader, Kind


def header_text(header: BackupHeader) -> str:
    """A header as the store keeps it: fulls and incrementals are not hashed again at every
    restart.
    """
    return json.dumps(astuple(header), ensure_ascii=False)


def header_from_text(text: str) -> BackupHeader:
    values = json.loads(text)
    values[2] = Kind(values[2])
    return BackupHeader(*values)


@dataclass(slots=True)
class LastRestore:
    """The last successful restore, on both clocks; which file it was, and when that was finished
    and begun.
    """

    mono_us: int
    utc_us: int
    modified_utc_us: int = 0
    started_utc_us: int = 0
    # '' if nothing was restored yet: then the clocks say since when it is waited for
    name: str = ""

    def text(self) -> str:
        return restore_text(
            self.mono_us, self.utc_us, self.modified_utc_us, self.started_utc_us, self.name
        )


def restore_text(
    mono_us: int, utc_us: int, modified_utc_us: int, started_utc_us: int, name: str
) -> str:
    return f"{mono_us} {utc_us} {modified_utc_us} {started_utc_us} {name}"


def last_restore_from_text(text: str) -> LastRestore:
    mono, utc, modified, started, name = text.split(" ", 4)
    return LastRestore(int(mono), int(utc), int(modified), int(started), name)
