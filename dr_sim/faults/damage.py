"""How faults hurt bytes: sizes and places drawn from what was measured, mapped to the bytes that
really lie there.
"""

from __future__ import annotations

from dr_sim.engines.files import actual_span, flipped
from dr_sim.world.backup_file import BackupFile
from dr_sim.world.context import Context
from dr_sim.world.occurrence import Occurrence

# CERN 2007: of corrupt files 10 % had a single bit wrong, 10 % a sector, 80 % a 64 KB stretch
SECTOR_BYTES = 512
STRETCH_BYTES = 65_536


def draw_extent(event: Occurrence, file: BackupFile, nth: int) -> tuple[int, int]:
    """(offset, length) of the damage in nominal bytes; length 0: one bit."""
    of_ten = event.below(10, f"damage size {nth}")
    length = 0 if of_ten == 0 else SECTOR_BYTES if of_ten == 1 else STRETCH_BYTES
    length = min(length, file.nominal_bytes)
    return event.below(max(1, file.nominal_bytes - length), f"damage place {nth}"), length


def hurt_file(context: Context, file: BackupFile, where: str, offset: int, length: int) -> None:
    """Damage a file where it lies, at 'primary' or 'secondary'."""
    files, path = context.primary_files, context.at_primary(file)
    if where == "secondary":
        files, path = context.secondary_files, context.at_secondary(file)
    files.write(path, hurt(files.read(path), file.nominal_bytes, offset, length))
    context.note("truth.damaged", file.database, file.number, where, offset, max(1, length))
    context.witness.damaged(context.now_us, file.database, file.number, where)


def hurt(data: bytes, nominal_bytes: int, offset: int, length: int) -> bytes:
    """The bytes with that stretch of the nominal file inverted, to scale; one bit where length is
    0.
    """
    if not data:
        return data
    if nominal_bytes <= 0:
        return flipped(data, len(data) // 2, 1, 1)
    first, count = actual_span(offset, max(1, length), nominal_bytes, len(data))
    return flipped(data, first, count) if length else flipped(data, first, 1, 1 << (offset % 8))
