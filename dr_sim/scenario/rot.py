"""The ways back from rotten pages that people may order, as a scenario names them."""

from __future__ import annotations

import enum


class RotWay(enum.StrEnum):
    """A way back from pages that rot at the primary. The value is the word in a scenario."""

    FAILOVER = "failover"
    RESTORE = "restore"
    RESTORE_PAGES = "restore_pages"
