"""A small picture as a PNG inside a page."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_GRAY, _RGB = 0, 2


def png_address(pixels: NDArray[np.uint8]) -> str:
    """A `data:` address of a PNG. pixels: uint8 [height, width], or [height, width, 3].

    Source: PNG specification, third edition, sections 5 and 11 (IHDR, IDAT, IEND).

    >>> png_address(np.zeros((2, 2), np.uint8))[:22]
    'data:image/png;base64,'
    """
    height, width = pixels.shape[:2]
    kind = _RGB if pixels.ndim == 3 else _GRAY
    # Every line begins with the number of its filter: 0, none.
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")
