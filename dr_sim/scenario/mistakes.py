"""The ways back from a mistake that people may order, as a scenario names them."""

from __future__ import annotations

import enum


class MistakeWay(enum.StrEnum):
    """A way back from a mistake. The value is the word in a scenario."""

    FAILOVER_BEFORE = "failover_before"
    RESTORE_BEFORE = "restore_before"
    RESTORE_BESIDE = "restore_beside"
