"""One backup file as the world knows it: where it lies, in what state, and what it was when it was made."""

from __future__ import annotations

from hashlib import blake2b

from dr_sim.backups.model import BackupHeader, Kind

FILE_BITS = 32  # file numbers are (database index << 32) + its number there: one database's numbers shift nobody's


class BackupFile:
    """`manifest` is the hash taken when the backup finished; None if it never did (it was cut off)."""

    __slots__ = (
        "at_primary", "at_secondary", "commits", "database", "database_name", "header", "held_until_us", "kind",
        "manifest", "modified_utc_us", "name", "nominal_bytes", "number", "sent_bytes", "state", "validated",
        "verified_modified_utc_us",
    )  # fmt: skip

    def __init__(self, number: int, database: int, database_name: str, kind: Kind, name: str) -> None:
        self.number = number
        self.database = database
        self.database_name = database_name
        self.kind = kind
        self.name = name
        self.header: BackupHeader | None = None
        self.nominal_bytes = 0
        self.commits = 0
        self.manifest: bytes | None = None
        self.modified_utc_us = 0
        self.verified_modified_utc_us = 0  # what the properties at the secondary say
        self.at_primary = False
        self.at_secondary = False
        self.sent_bytes = 0  # of the transfer under way, kept over a cut if it resumes
        self.state = ""
        self.validated = False
        self.held_until_us = 0

    def path_at(self, share: str) -> str:
        return f"{share}/{self.name}"


def content_hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
