"""The job manager: a durable queue, its lanes, and orders to agents."""
