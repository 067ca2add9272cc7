"""Files of recorded series, as rows of cells: what log_volume and recorded have in common."""

from __future__ import annotations

import csv
import os


class SeriesError(ValueError):
    """A series that cannot be used. inside: the key of the value that names it which is to blame."""

    def __init__(self, message: str, inside: str = "series") -> None:
        super().__init__(message)
        self.inside = inside


def csv_rows(path: str, most_bytes: int, delimiters: str) -> list[list[str]]:
    """The rows that are not blank. delimiters: what may stand between cells; that which the first line has most of does.

    Raises SeriesError if the file cannot be read.
    """
    try:
        if os.path.getsize(path) > most_bytes:
            raise SeriesError(f"{path} is larger than {most_bytes // 2**20} MiB, too large for a series")
        with open(path, newline="", encoding="utf-8-sig") as file:
            delimiter = max(delimiters, key=file.readline().count)
            file.seek(0)
            return [row for row in csv.reader(file, delimiter=delimiter) if any(cell.strip() for cell in row)]
    except SeriesError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SeriesError(f"cannot read the series {path}: {reason}") from None
