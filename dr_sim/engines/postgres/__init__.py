"""PostgreSQL behind dr_sim's engine port; needs the extra `postgres`."""

from dr_sim.engines.postgres.engine import MAGIC, PostgresEngine, Recovery
from dr_sim.engines.postgres.errors import ServerError

__all__ = ["MAGIC", "PostgresEngine", "Recovery", "ServerError"]
