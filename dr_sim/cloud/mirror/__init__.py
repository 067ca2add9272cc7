"""The mirror: configuration that follows to the other side, and drift."""
