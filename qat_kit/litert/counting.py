"""Switching valgrind's counter from Python, without a compiler: `Counter`. Of use under `valgrind --tool=callgrind`."""

from __future__ import annotations

import ctypes
import mmap
import platform

from qat_kit.errors import SettingsError

# f(arguments) for the System V calling convention: rotations of rdi that change nothing, and an exchange of rbx with
# itself, in which valgrind knows a request. Source: valgrind.h, __SPECIAL_INSTRUCTION_PREAMBLE for amd64.
_REQUEST = bytes.fromhex(
    "4889f8"  # mov rax, rdi: where the request and its arguments are
    "31d2"  # xor edx, edx: the answer outside valgrind
    "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi by 3, 13, 61, 51: by 128 in all
    "4887db"  # xchg rbx, rbx
    "4889d0"  # mov rax, rdx
    "c3"
)
_RUNNING_ON_VALGRIND = 0x1001
# 'C', 'T' in the upper half: callgrind's own. Source: callgrind.h.
_DUMP, _ZERO, _START, _STOP = (0x43540000 + number for number in (0, 1, 4, 5))


class Counter:
    """Counts between `start` and `stop`, which writes a part of callgrind's output.

    Raises SettingsError on a processor that is not x86-64.
    """

    def __init__(self) -> None:
        if platform.machine() not in ("x86_64", "AMD64"):
            raise SettingsError(f"instructions are counted on x86-64 alone, and this is {platform.machine()}")
        self._memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._memory.write(_REQUEST)
        place = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(place)
        numbers = (_START, _ZERO, _DUMP, _STOP, _RUNNING_ON_VALGRIND)
        self._arguments = {number: (ctypes.c_uint64 * 6)(number, 0, 0, 0, 0, 0) for number in numbers}
        self._places = {number: ctypes.addressof(arguments) for number, arguments in self._arguments.items()}

    @property
    def is_counting(self) -> bool:
        """Whether this process runs under valgrind.

        >>> Counter().is_counting
        False
        """
        return bool(self._call(self._places[_RUNNING_ON_VALGRIND]))

    def start(self) -> None:
        """From here on."""
        self._call(self._places[_START])
        self._call(self._places[_ZERO])

    def stop(self) -> None:
        """Up to here."""
        self._call(self._places[_DUMP])
        self._call(self._places[_STOP])
