"""How Hypothesis draws its examples: the same ones in every run of `make test`, new ones in every
run of `make test-all`. And Ctrl-C as on a terminal: a shell's background job ignores it, and so
would what the tests start and interrupt.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from dr_sim.files.reading import outside_allowed
from tests.cpu import COSTS, DEAR, dear_names

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Many tests start dr-sim as a process of its own, and without compiled files each of them would
# compile the package anew: a third of its time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Screens are read line by line, as from a pipe: pytest-xdist names a terminal of 80 columns.
os.environ.pop("COLUMNS", None)

# A submission must not fail for what somebody else's draw would have found; the long suite does the
# finding. No deadlines: a shared machine may be slow.
settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("new", deadline=None, print_blob=True)
settings.load_profile("same")


LIBRARY = Path(__file__).parent / "library"
DEAR_NAMES = dear_names(DEAR)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Leave what costs much to `make test-all`."""
    if item.nodeid in DEAR_NAMES and not item.config.pluginmanager.has_plugin(COSTS):
        item.add_marker(pytest.mark.long)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the library first: they share runs of 280 scenarios. A worker that has
    nothing left takes over the last tests of the other, and would make those runs again.
    """
    items.sort(key=lambda item: LIBRARY not in item.path.parents)


def pytest_collection_finish() -> None:
    """Leave out what the tests themselves are made of whenever garbage is collected."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def files_from_anywhere() -> Iterator[None]:
    """Let the scenarios that a test writes extend those of the library, which lies elsewhere. A
    module that needs it says so.
    """
    allowed = outside_allowed.set(True)
    yield
    outside_allowed.reset(allowed)
