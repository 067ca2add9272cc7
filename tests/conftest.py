"""How Hypothesis draws its examples: the same ones in every run of `make test`, new ones in every run of `make test-all`.
And Ctrl-C as on a terminal: a shell's background job ignores it, and so would what the tests start and interrupt."""

from __future__ import annotations

import signal

from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A submission must not fail for what somebody else's draw would have found; the long suite does the finding. No deadlines:
# a shared machine may be slow.
settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("new", deadline=None, print_blob=True)
settings.load_profile("same")
