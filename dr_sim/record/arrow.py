"""Arrow arrays from numpy's and from texts, by their buffers: pyarrow's own conversion imports
pandas, which takes longer than a short run needs for all its files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

_TYPES = {"int32": pa.int32(), "int64": pa.int64(), "uint32": pa.uint32()}


def numbers(values: Any, absent: Any = None) -> pa.Array:
    """Return an array of integers. absent: where there is none."""
    held = np.ascontiguousarray(values)
    valid = None
    if absent is not None:
        bits = np.packbits(~absent, bitorder="little")
        valid = pa.py_buffer(bits.tobytes())
    content = pa.py_buffer(held.tobytes())
    kind = _TYPES[held.dtype.name]
    return pa.Array.from_buffers(kind, len(held), [valid, content])


def words(texts: Sequence[str]) -> pa.Array:
    """Return an array of texts."""
    encoded = [text.encode("utf-8") for text in texts]
    lengths = [len(text) for text in encoded]
    ends = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    offsets = pa.py_buffer(ends.tobytes())
    content = pa.py_buffer(b"".join(encoded))
    return pa.Array.from_buffers(
        pa.string(), len(encoded), [None, offsets, content]
    )
