"""How Hypothesis draws its examples: the same ones in every run of `make test`, new ones in every run of `make test-all`."""

from __future__ import annotations

from hypothesis import settings

# A submission must not fail for what somebody else's draw would have found; the long suite does the finding. No deadlines:
# a shared machine may be slow.
settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("new", deadline=None, print_blob=True)
settings.load_profile("same")
