"""PostgreSQL behind dr_sim's engine port; needs the extra `postgres`: importing it without raises
ServerError, which says so.
"""

from dr_sim.engines.postgres.errors import ServerError

try:
    import psycopg  # noqa: F401
except ImportError as error:  # it is not there, or finds no libpq
    raise ServerError(
        f"--engine postgres needs psycopg: {str(error).splitlines()[0]}. pip install "
        "'dr-sim[postgres]'"
    ) from error

from dr_sim.engines.postgres.engine import MAGIC, PostgresEngine, Recovery

__all__ = ["MAGIC", "PostgresEngine", "Recovery", "ServerError"]
