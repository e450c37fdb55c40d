"""Files that are whole or absent: written under a temporary name, synced, renamed."""

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from qat_kit.errors import DataError, OutputError

# What deflate looks back on, and what one processor compresses at a time.
_WINDOW, _PART = 1 << 15, 4 << 20


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; what was written there takes the name of `path` at the end.

    On any error the temporary file is removed and `path` is as it was. The suffix is kept, since libraries choose
    the format by it. Raises OutputError when the folder or the file cannot be written.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "note.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [file.name for file in folder.iterdir()]
    ['note.txt']
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        # The new name is in the folder, which is a file of its own.
        _sync(path.parent)
    except OutputError:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise OutputError(
            f"could not write {path}: {error.strerror or error}. Nothing was left half-written; "
            f"{'free some space or ' if full else ''}choose another place with --out"
        ) from error
    finally:
        # Where the folder itself could not be made there is nothing to remove.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_partial(folder: Path) -> None:
    """Removes the temporary files that a killed process left in `folder`. Nobody else may be writing there."""
    for path in folder.glob(".*.partial*"):
        path.unlink()


def write_text(path: Path, text: str) -> Path:
    """Writes a whole text file (UTF-8) or nothing."""
    return write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> Path:
    """Writes a whole file or nothing."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return path


def read_bytes(path: Path) -> bytes:
    """Reads a whole file; raises DataError when there is none."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from None


def read_text(path: Path) -> str:
    """Reads a whole text file (UTF-8); raises DataError when there is none or it is not text."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError:
        raise DataError(f"could not read {path}: it is not a text file") from None


def gzip_size(data: bytes) -> int:
    """How many bytes gzip makes of some bytes, at its own level; beyond 4 MiB to a thousandth.

    More is compressed in parts, each with the end of the one before for its dictionary, on as many processors as there
    are: the same figure on any number of them. Source: https://zlib.net/pigz, whose files gzip reads.

    >>> gzip_size(bytes(1000))
    29
    """
    parts = [(data[max(0, start - _WINDOW) : start], start) for start in range(0, max(1, len(data)), _PART)]
    # Imported here: every process that runs a file imports this module, and hardly one compresses.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(parts), os.cpu_count() or 1)) as pool:
        sizes = pool.map(lambda part: _deflated(data[part[1] : part[1] + _PART], part[0]), parts)
        # gzip's header and end.
        return sum(sizes) + 18


def _deflated(part: bytes, before: bytes) -> int:
    known: dict[str, Any] = {"zdict": before} if before else {}
    compress = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, **known)
    return len(compress.compress(part)) + len(compress.flush())


def sha256(data: bytes) -> str:
    """The hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()
