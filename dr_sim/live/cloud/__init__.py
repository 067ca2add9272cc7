"""The cloud manager in a real service: an HTTP API, and scripts as processes."""
