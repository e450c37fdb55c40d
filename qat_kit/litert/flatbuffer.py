"""Reading FlatBuffers with every offset checked: a damaged file gives a ModelFileError and nothing else.

The generated readers trust the file: an offset beyond its end is a `struct.error`, a string that was cut off
comes back shorter, and a length of four thousand million is a loop that long. Here each access is checked against the
end of the bytes, and the number of entries that may be read in all is bounded by the size of the file.

Source: FlatBuffers, "Internals" (https://flatbuffers.dev/internals/): tables, vtables, vectors, strings.
"""

from __future__ import annotations

import struct
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import ModelFileError

ScalarFormat = Literal["b", "B", "?", "h", "H", "i", "I", "q", "Q", "f", "d"]

# A file that names every byte of itself once stays far below this; one that names the same bytes again and again,
# to keep its reader busy, does not.
ENTRIES_PER_BYTE = 4
_ENTRIES_AT_LEAST = 1 << 16
# The smallest table and the offset to it take 8 bytes; what a reader makes of it takes far more memory than a number.
_ENTRIES_PER_TABLE = 24
_TABLES_AT_MOST = 1 << 20
# No table of the schema has more fields that are read here.
_FIELDS_AT_MOST = 16


class FlatBuffer:
    """The bytes of a file, and how many entries may still be read from them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._entries_left = max(_ENTRIES_AT_LEAST, ENTRIES_PER_BYTE * len(data))
        self._tables_left = _TABLES_AT_MOST

    def root(self) -> Table:
        """The table that the file is.

        >>> FlatBuffer(bytes(3)).root()
        Traceback (most recent call last):
        qat_kit.errors.ModelFileError: the root offset at byte 0 needs 4 bytes, and the file ends at byte 3
        """
        return Table(self, self._unsigned(0, "the root offset"), "the root table")

    def span(self, start: int, length: int, what: str) -> tuple[int, int]:
        """The first byte and the byte after the last; raises ModelFileError when they are not all in the file."""
        if start < 0 or length < 0 or start + length > len(self.data):
            raise ModelFileError(
                f"{what} at byte {start} needs {length} bytes, and the file ends at byte {len(self.data)}"
            )
        return start, start + length

    def spend(self, entries: int, what: str) -> None:
        """Counts entries read; raises ModelFileError when the file names more of them than it can hold."""
        self._entries_left -= entries
        if self._entries_left < 0:
            raise ModelFileError(f"{what}: the file names more entries than its {len(self.data)} bytes can hold")

    def spend_table(self, what: str) -> None:
        """Counts one table; raises ModelFileError as `spend` does."""
        self._tables_left -= 1
        if self._tables_left < 0:
            raise ModelFileError(f"{what}: the file names more than {_TABLES_AT_MOST:,} tables")
        self.spend(_ENTRIES_PER_TABLE, what)

    def scalar(self, position: int, form: ScalarFormat, what: str) -> Any:
        start, _ = self.span(position, struct.calcsize(form), what)
        return struct.unpack_from(f"<{form}", self.data, start)[0]

    def _unsigned(self, position: int, what: str) -> int:
        return int(self.scalar(position, "I", what))

    def follow(self, position: int, what: str) -> int:
        """Where the relative offset that stands at `position` points to."""
        return position + self._unsigned(position, what)

    def vector(self, position: int, item_size: int, what: str) -> tuple[int, int]:
        """The first byte and the number of items of the vector at `position`."""
        count = self._unsigned(position, f"the length of {what}")
        self.span(position + 4, count * item_size, what)
        return position + 4, count


class Table:
    """One table of a FlatBuffer. Fields are asked for by their number in the schema, counted from 0."""

    def __init__(self, buffer: FlatBuffer, position: int, what: str) -> None:
        buffer.spend_table(what)
        vtable = position - int(buffer.scalar(position, "i", what))
        vtable_size = int(buffer.scalar(vtable, "H", f"the field list of {what}"))
        if vtable_size < 4 or vtable_size % 2:
            raise ModelFileError(f"the field list of {what} at byte {vtable} claims a size of {vtable_size} bytes")
        buffer.span(vtable, vtable_size, f"the field list of {what}")
        self.buffer, self.position, self.what = buffer, position, what
        # Many tables may share one long list.
        num_fields = min(vtable_size // 2 - 2, _FIELDS_AT_MOST)
        self._fields = struct.unpack_from(f"<{num_fields}H", buffer.data, vtable + 4)

    def _field(self, number: int) -> int | None:
        if number >= len(self._fields) or self._fields[number] == 0:
            return None
        return self.position + int(self._fields[number])

    def scalar(self, number: int, form: ScalarFormat, default: Any) -> Any:
        """A number or boolean; the default where the file leaves it out."""
        position = self._field(number)
        return default if position is None else self.buffer.scalar(position, form, f"field {number} of {self.what}")

    def table(self, number: int, what: str) -> Table | None:
        """A table within this one."""
        position = self._field(number)
        return None if position is None else Table(self.buffer, self.buffer.follow(position, what), what)

    def tables(self, number: int, what: str) -> list[Table]:
        """A vector of tables."""
        position = self._field(number)
        if position is None:
            return []
        start, count = self.buffer.vector(self.buffer.follow(position, what), 4, what)
        self.buffer.spend(count, what)
        return [
            Table(self.buffer, self.buffer.follow(start + 4 * index, f"{what}[{index}]"), f"{what}[{index}]")
            for index in range(count)
        ]

    def numbers(self, number: int, dtype: str, what: str) -> NDArray[Any] | None:
        """A vector of numbers, as a view of the file; None where the file leaves it out."""
        position = self._field(number)
        if position is None:
            return None
        item = np.dtype(dtype).newbyteorder("<")
        start, count = self.buffer.vector(self.buffer.follow(position, what), item.itemsize, what)
        return np.frombuffer(self.buffer.data, dtype=item, count=count, offset=start)

    def text(self, number: int, what: str) -> str | None:
        """A string; None where the file leaves it out."""
        position = self._field(number)
        if position is None:
            return None
        start, count = self.buffer.vector(self.buffer.follow(position, what), 1, what)
        self.buffer.spend(count, what)
        raw = self.buffer.data[start : start + count]
        if self.buffer.scalar(start + count, "B", f"the end of {what}") != 0:
            raise ModelFileError(f"{what} at byte {start} does not end with a zero byte")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise ModelFileError(f"{what} at byte {start} is not UTF-8 text: {raw[:40]!r}") from None
