"""dr_sim: what a primary's loss costs a log-shipped service, found by running the real recovery logic against a simulated one."""

from __future__ import annotations

__version__ = "0.1.0"
