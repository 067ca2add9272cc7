"""The fast path: the lives of quiet logs in one step, and the spot checks of it."""
