"""How faults hurt bytes: sizes and places drawn from what was measured, mapped to the bytes that
really lie there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.engines.files import actual_span, flipped

if TYPE_CHECKING:
    from dr_sim.world.kernel.context import Context
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.primary.backup_file import BackupFile

# CERN 2007: of corrupt files 10 % had a single bit wrong, 10 % a sector, 80 % a 64 KB stretch
SECTOR_BYTES = 512
STRETCH_BYTES = 65_536
LENGTHS = {
    0: 0,
    1: SECTOR_BYTES,
}  # by a draw of ten; every other draw is a stretch


def draw_extent(
    event: Occurrence, file: BackupFile, nth: int
) -> tuple[int, int]:
    """Draw (offset, length) of the damage in nominal bytes; length 0: one bit."""
    of_ten = event.below(10, f"damage size {nth}")
    length = LENGTHS.get(of_ten, STRETCH_BYTES)
    length = min(length, file.nominal_bytes)
    last_offset = max(1, file.nominal_bytes - length)
    offset = event.below(last_offset, f"damage place {nth}")
    return offset, length


def hurt_file(
    context: Context, file: BackupFile, where: str, offset: int, length: int
) -> None:
    """Damage a file where it lies, at 'primary' or 'secondary'."""
    if where == "secondary":
        files = context.secondary_files
        path = context.at_secondary(file)
    else:
        files = context.primary_files
        path = context.at_primary(file)
    data = files.read(path)
    damaged = hurt(data, file.nominal_bytes, offset, length)
    files.write(path, damaged)
    context.note(
        "truth.damaged",
        file.database,
        file.number,
        where,
        offset,
        max(1, length),
    )
    context.witness.damaged(
        context.now_us, file.database, file.number, where
    )


def hurt(
    data: bytes, nominal_bytes: int, offset: int, length: int
) -> bytes:
    """Return the bytes with that stretch of the nominal file inverted, to scale; one bit if length
    is 0.
    """
    if not data:
        return data
    if nominal_bytes <= 0:
        return flipped(data, len(data) // 2, 1, 1)
    first, count = actual_span(
        offset, max(1, length), nominal_bytes, len(data)
    )
    if length:
        return flipped(data, first, count)
    bit = 1 << (offset % 8)
    return flipped(data, first, 1, bit)
